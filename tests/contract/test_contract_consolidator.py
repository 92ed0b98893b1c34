"""What a `Consolidator` promises: tickets are issued once, and its queue says until when it is complete."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace
from orders_world import COUPLE, DAY, HURRIED, OrdersWorld, orders_world, priced

from core.errors import Unavailable
from core.ports.consolidator import Released
from gateways.partners.consolidator import HttpConsolidator
from protocol.suppliers import Created, NotSent, Refused, Unknown
from protocol.travel import OrderState

REFERENCE = "CARAVAN SAGA 01J9Z7 ATT 1"


@pytest.fixture
async def world() -> AsyncIterator[OrdersWorld]:
    async with orders_world() as made:
        yield made


@pytest.fixture
async def desk(world: OrdersWorld) -> AsyncIterator[HttpConsolidator]:
    made = world.consolidator()
    yield made
    await made.aclose()


async def ordered(world: OrdersWorld, reference: str = REFERENCE) -> OrderState:
    """As a queue can show it, which keeps no flights."""
    inventory = world.amadeus()
    made = await inventory.hold(await priced(inventory), COUPLE, reference)
    assert isinstance(made, Created)
    return replace(made.order, itineraries=())


async def test_a_released_order_is_ticketed_and_a_second_release_is_the_first_one(
    world: OrdersWorld, desk: HttpConsolidator
) -> None:
    order = await ordered(world)
    assert await desk.release(order.order_id, REFERENCE) == Released(order_id=order.order_id)
    (once,), _ = await desk.find(REFERENCE)
    assert (once.status, len(once.tickets)) == ("ticketed", 2)
    assert all(ticket.is_valid for ticket in once.tickets)
    assert await desk.release(order.order_id, REFERENCE) == Released(order_id=order.order_id)
    assert await desk.find(REFERENCE) == ([once], world.business())
    now = await world.amadeus().get(order.order_id)
    assert now is not None
    assert now.tickets == once.tickets


async def test_what_it_finds_is_the_order_as_its_supplier_has_it(
    world: OrdersWorld, desk: HttpConsolidator
) -> None:
    order = await ordered(world)
    await ordered(world, "another")
    found, complete_until = await desk.find(REFERENCE)
    assert (list(found), complete_until) == ([order], world.business())
    assert await desk.find("nobody's") == ([], world.business())


@pytest.mark.parametrize(
    ("fault", "tickets"),
    [
        ("reset_before", 0),
        ("reset_after", 2),
        ("hang_before_effect", 0),
        ("hang_after_effect", 2),
        ("truncate_body", 2),
        ("bad_json", 2),
        ("html_502", 0),
    ],
)
async def test_a_release_that_nobody_answered_is_unknown_and_harmless_to_repeat(
    world: OrdersWorld, desk: HttpConsolidator, fault: str, tickets: int
) -> None:
    order = await ordered(world)
    world.rule("consolidator", on="releases", type=fault)
    other = world.consolidator(HURRIED) if fault.startswith("hang") else desk
    assert isinstance(await other.release(order.order_id, REFERENCE), Unknown)
    assert world.count("consolidator", "POST", "/v1/releases") == 1
    (kept,) = world.orders("amadeus", REFERENCE)
    assert len(kept["data"].get("tickets", [])) == tickets
    assert isinstance(await desk.release(order.order_id, REFERENCE), Released)
    (kept,) = world.orders("amadeus", REFERENCE)
    assert len(kept["data"]["tickets"]) == 2
    await other.aclose()


async def test_a_release_that_comes_late_issues_once(
    world: OrdersWorld, desk: HttpConsolidator
) -> None:
    order = await ordered(world)
    world.rule("consolidator", on="releases", type="late_effect", ms=300)
    other = world.consolidator(HURRIED)
    assert isinstance(await other.release(order.order_id, REFERENCE), Unknown)
    assert isinstance(await desk.release(order.order_id, REFERENCE), Released)
    (before,) = world.orders("amadeus", REFERENCE)
    await world.until(lambda: world.was_late)
    assert world.orders("amadeus", REFERENCE) == [before]
    await other.aclose()


@pytest.mark.parametrize(
    ("fault", "more", "kind"),
    [
        ("ticket_refuse", {"reason": "NO"}, "invalid"),
        ("rate_limit", {}, "quota"),
        ("token_revoke", {}, "auth"),
    ],
)
async def test_a_release_that_is_refused_issued_nothing(
    world: OrdersWorld, desk: HttpConsolidator, fault: str, more: dict[str, Any], kind: str
) -> None:
    order = await ordered(world)
    world.rule("consolidator", on="releases", type=fault, **more)
    refused = await desk.release(order.order_id, REFERENCE)
    assert isinstance(refused, Refused)
    assert refused.kind == kind
    (found,), _ = await desk.find(REFERENCE)
    assert (found.status, found.tickets) == ("held", ())


async def test_what_is_gone_is_not_issued(world: OrdersWorld, desk: HttpConsolidator) -> None:
    order = await ordered(world)
    world.advance(4)
    for order_id in (order.order_id, "no such order"):
        refused = await desk.release(order_id, REFERENCE)
        assert isinstance(refused, Refused)
        assert refused.kind == "expired"
    (found,), _ = await desk.find(REFERENCE)
    assert found.status == "cancelled"


async def test_where_nobody_listens_nothing_is_sent(world: OrdersWorld) -> None:
    world.urls["consolidator"] = "http://127.0.0.1:9"
    desk = world.consolidator()
    assert isinstance(await desk.release("order", REFERENCE), NotSent)
    with pytest.raises(Unavailable):
        await desk.feed(None)
    await desk.aclose()


async def test_the_feed_has_all_orders_in_sequence_page_after_page(
    world: OrdersWorld, desk: HttpConsolidator
) -> None:
    empty = await desk.feed(None)
    assert (list(empty.orders), empty.next_since) == ([], None)
    first = await ordered(world, "one")
    page = await desk.feed(None)
    assert list(page.orders) == [first]
    world.clock.wall += 1_000
    second, third = await ordered(world, "two"), await ordered(world, "three")
    rest = await desk.feed(page.next_since)
    assert list(rest.orders) == [second, third]
    assert rest.complete_until == world.business()
    assert list((await desk.feed(rest.next_since)).orders) == []
    assert list((await desk.feed(None)).orders) == [first, second, third]


async def test_a_queue_that_lags_never_claims_to_be_complete_past_what_it_hides(
    world: OrdersWorld, desk: HttpConsolidator
) -> None:
    seen = await ordered(world, "one")
    world.clock.wall += 60_000
    made_at = world.business()
    await ordered(world, "two")
    world.advance(1)
    world.clock.wall += 10_000
    world.rule("consolidator", type="feed_lag", ms=30_000, times=None)
    page = await desk.feed(None)
    assert list(page.orders) == [seen]
    assert page.complete_until == made_at
    assert await desk.find("two") == ([], made_at)
    world.clock.wall += 30_000
    (found,), complete_until = await desk.find("two")
    assert found.reference == "two"
    assert complete_until == world.business() - 30_000 > made_at + DAY - 60_000


@pytest.mark.parametrize("fault", ["status", "bad_json", "reset_before", "rate_limit"])
async def test_a_queue_that_cannot_be_read_is_unavailable_and_passes(
    world: OrdersWorld, desk: HttpConsolidator, fault: str
) -> None:
    more = {"code": 500} if fault == "status" else {}
    world.rule("consolidator", type=fault, **more)
    with pytest.raises(Unavailable):
        await desk.find(REFERENCE)
    assert await desk.find(REFERENCE) == ([], world.business())
