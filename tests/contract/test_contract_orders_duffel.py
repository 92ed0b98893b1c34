"""What Duffel's orders promise beside what all suppliers' do: paying, refunds, and finding what was lost."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from orders_world import (
    COUPLE,
    FLIGHT,
    HURRIED,
    PATIENT,
    POLICY,
    REFERENCE,
    OrdersWorld,
    Sold,
    orders_world,
    priced,
)

from core.chance import SystemChance
from core.errors import Unavailable
from gateways.partners.duffel import Duffel
from gateways.partners.duffel_client import DuffelSettings
from gateways.sandbox.duffel_orders import ORDERS as DUFFEL_ORDERS
from gateways.sandbox.records import Draft
from protocol.frames import Money
from protocol.suppliers import Cancelled, Created, NotSent, Refused, Unknown
from protocol.travel import OrderState


@pytest.fixture
async def world() -> AsyncIterator[OrdersWorld]:
    async with orders_world() as made:
        yield made


# Paying, and looking for what was lost: Duffel's.


@pytest.fixture
async def duffel(world: OrdersWorld) -> AsyncIterator[Sold]:
    inventory = world.duffel()
    yield Sold("duffel", world, inventory, await priced(inventory))
    await inventory.aclose()


async def test_a_paid_order_has_its_tickets_and_is_paid_once(duffel: Sold) -> None:
    order = await duffel.held()
    paid = await duffel.inventory.confirm(order.order_id, REFERENCE)
    assert isinstance(paid, OrderState), paid
    assert (paid.status, len(paid.tickets)) == ("ticketed", 2)
    assert await duffel.inventory.confirm(order.order_id, REFERENCE) == paid
    assert duffel.world.count("duffel", "POST", "/air/payments") == 1


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "bad_json", "hang_after_effect"])
async def test_a_payment_that_nobody_answered_is_unknown_and_then_looked_at(
    duffel: Sold, fault: str
) -> None:
    order = await duffel.held()
    duffel.world.rule("duffel", on="payments", type=fault)
    other = duffel.world.duffel(HURRIED if fault.startswith("hang") else PATIENT)
    assert isinstance(await other.confirm(order.order_id, REFERENCE), Unknown)
    await other.aclose()
    now = await duffel.inventory.get(order.order_id)
    assert now.status == ("held" if fault == "reset_before" else "ticketed")


@pytest.mark.parametrize(
    ("fault", "kind"), [("ticket_refuse", "sold_out"), ("rate_limit", "quota")]
)
async def test_a_payment_that_is_refused_was_not_made(duffel: Sold, fault: str, kind: str) -> None:
    order = await duffel.held()
    duffel.world.rule("duffel", on="payments", type=fault)
    refused = await duffel.inventory.confirm(order.order_id, REFERENCE)
    assert isinstance(refused, Refused)
    assert refused.kind == kind
    assert (await duffel.inventory.get(order.order_id)).status == "held"


async def test_what_it_costs_is_read_before_it_is_paid(duffel: Sold) -> None:
    order = await duffel.held()
    duffel.world.rule("duffel", on="/air/orders/", type="status", code=503)
    assert isinstance(await duffel.inventory.confirm(order.order_id, REFERENCE), NotSent)
    assert duffel.world.count("duffel", "POST", "/air/payments") == 0


async def test_what_has_become_dearer_than_was_agreed_is_not_paid(duffel: Sold) -> None:
    order = await duffel.held()
    assert order.total is not None
    less = replace(order.total, amount=order.total.amount - 1)
    refused = await duffel.inventory.confirm(order.order_id, REFERENCE, at_most=less)
    assert isinstance(refused, Refused)
    assert (refused.kind, refused.price) == ("price_changed", order.total)
    assert duffel.world.count("duffel", "POST", "/air/payments") == 0
    paid = await duffel.inventory.confirm(order.order_id, REFERENCE, at_most=order.total)
    assert isinstance(paid, OrderState)
    assert await duffel.inventory.confirm(order.order_id, REFERENCE, at_most=less) == paid


async def test_a_lapsed_order_is_not_paid(duffel: Sold) -> None:
    order = await duffel.held()
    duffel.world.advance(4)
    refused = await duffel.inventory.confirm(order.order_id, REFERENCE)
    assert isinstance(refused, Refused)
    assert refused.kind == "expired"


async def test_a_refundable_ticket_gives_money_back(duffel: Sold) -> None:
    offers = await duffel.inventory.search(FLIGHT)
    duffel.offer = next(one for one in offers if one.details.is_refundable)
    order = await duffel.held()
    await duffel.inventory.confirm(order.order_id, REFERENCE)
    cancelled = await duffel.inventory.cancel(order.order_id)
    assert cancelled == Cancelled(
        refund=Money(amount=duffel.offer.total.amount - 4_000, currency="EUR")
    )


async def test_a_lost_order_is_found_by_its_reference_however_many_came_after(
    duffel: Sold,
) -> None:
    duffel.world.rule("duffel", on="orders$", type="reset_after")
    assert isinstance(await duffel.hold(), Unknown)
    ((order_id, kept),) = duffel.world.store.scan(DUFFEL_ORDERS)
    draft = Draft(duffel.world.store)
    for number in range(450):
        later = f"ord_9{number:08}{order_id[-13:]}"
        order = {**kept["order"], "id": later, "metadata": {"reference": f"{REFERENCE}0"}}
        draft.put(DUFFEL_ORDERS, later, {**kept, "order": order})
    duffel.world.store.commit(draft.changes)
    (found,) = await duffel.inventory.find(REFERENCE)
    assert (found.order_id, found.status) == (order_id, "held")
    assert await duffel.inventory.find("somebody else's") == []


async def test_a_list_that_cannot_be_read_is_not_an_empty_one(duffel: Sold) -> None:
    duffel.world.rule("duffel", on="orders$", type="bad_json")
    with pytest.raises(Unavailable):
        await duffel.inventory.find(REFERENCE)


async def test_an_order_that_is_accepted_and_made_later_is_pending(duffel: Sold) -> None:
    order = {"data": {"id": "ord_0000A", "metadata": {"reference": REFERENCE}}}
    async with answering(202, order) as url:
        clock, settings = duffel.world.clock, DuffelSettings(url=url)
        other = Duffel(settings, clock=clock, chance=SystemChance(), policy=POLICY)
        made = await other.hold(duffel.offer, COUPLE, REFERENCE)
        assert isinstance(made, Created), made
        assert (made.order.status, made.order.order_id) == ("pending", "ord_0000A")
        await other.aclose()


@asynccontextmanager
async def answering(status: int, body: Any) -> AsyncIterator[str]:
    """A server on loopback that says one thing."""
    payload = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
    answer = f"{head}content-length: {len(payload)}\r\nconnection: close\r\n\r\n".encode() + payload

    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some(65_536)
        await stream.send_all(answer)
        await stream.aclose()

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()
