"""What every supplier promises of an order after it was booked: its flights as they will be flown, changes of the
airline's own, what would come back, and what came back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from orders_world import (
    COUPLE,
    FLIGHT,
    REFERENCE,
    OrdersWorld,
    Sold,
    adapter,
    closed,
    orders_world,
    priced,
)

from core.errors import Unavailable
from gateways.sandbox.duffel_orders import ORDERS as DUFFEL_ORDERS
from gateways.sandbox.records import Draft
from protocol.frames import Money
from protocol.suppliers import (
    Cancelled,
    Created,
    NotSent,
    RefundQuoted,
    Refused,
    Unknown,
    Unsupported,
)
from protocol.travel import FlightDetails, Itinerary, OrderState, SupplierOffer

LATER = 45
ACCEPTS = "/air/airline_initiated_changes"


@pytest.fixture
async def world() -> AsyncIterator[OrdersWorld]:
    async with orders_world() as made:
        yield made


@dataclass
class Booked:
    """One supplier, and an order there that is paid and issued."""

    name: str
    world: OrdersWorld
    inventory: Any
    offer: SupplierOffer
    order: OrderState

    async def now(self) -> OrderState:
        found = await self.inventory.get(self.order.order_id)
        assert isinstance(found, OrderState)
        return found

    async def changed(self, minutes: int = LATER) -> None:
        await self.world.airline(self.order.locator, "change", minutes=minutes)

    async def cancelled_by_airline(self) -> None:
        await self.world.airline(self.order.locator, "airline-cancel")


@pytest.fixture(params=["amadeus", "duffel"])
async def booked(request: pytest.FixtureRequest, world: OrdersWorld) -> AsyncIterator[Booked]:
    inventory = adapter(world, request.param)
    yield await bought(request.param, world, inventory)
    await closed(inventory)


@pytest.fixture
async def duffel(world: OrdersWorld) -> AsyncIterator[Booked]:
    inventory = world.duffel()
    yield await bought("duffel", world, inventory, is_refundable=True)
    await inventory.aclose()


async def bought(
    name: str, world: OrdersWorld, inventory: Any, *, is_refundable: bool = False
) -> Booked:
    offer = await priced(inventory)
    if is_refundable:
        offers = await inventory.search(FLIGHT)
        offer = next(one for one in offers if one.details.is_refundable)
    sold = Sold(name, world, inventory, offer)
    order = await sold.held()
    if name == "duffel":
        paid = await inventory.confirm(order.order_id, REFERENCE)
        assert paid.status == "ticketed"
    else:
        desk = world.consolidator()
        await desk.release(order.order_id, REFERENCE)
        await desk.aclose()
    return Booked(name, world, inventory, offer, order)


def flown(offer: SupplierOffer) -> tuple[Itinerary, ...]:
    assert isinstance(offer.details, FlightDetails)
    return offer.details.itineraries


def times(ways: tuple[Itinerary, ...]) -> list[tuple[str, str, str]]:
    return [
        (f"{one.carrier}{one.number}", one.departs, one.arrives)
        for way in ways
        for one in way.segments
    ]


def moved(ways: tuple[Itinerary, ...], minutes: int) -> list[tuple[str, str, str]]:
    by = timedelta(minutes=minutes)
    return [
        (name, *((datetime.fromisoformat(at) + by).isoformat() for at in ends))
        for name, *ends in times(ways)
    ]


# Its flights.


async def test_an_order_flies_what_its_offer_said(booked: Booked) -> None:
    assert booked.order.itineraries == flown(booked.offer)
    now = await booked.now()
    assert (now.status, now.itineraries, now.change_id) == ("ticketed", flown(booked.offer), None)


@pytest.mark.parametrize("is_ticketed", [True, False])
async def test_flights_that_the_airline_moved_are_moved_for_good(
    world: OrdersWorld, booked: Booked, is_ticketed: bool
) -> None:
    if not is_ticketed:
        sold = Sold(booked.name, world, booked.inventory, await priced(booked.inventory))
        booked.order = await sold.held()
    await booked.changed(LATER)
    for _ in range(2):
        now = await booked.now()
        assert now.status == ("ticketed" if is_ticketed else "held")
        assert times(now.itineraries) == moved(booked.order.itineraries, LATER)
        assert (now.change_id is not None) == (booked.name == "duffel")
    await booked.changed(-LATER)
    assert times((await booked.now()).itineraries) == times(booked.order.itineraries)


async def test_a_rule_moves_flights_as_the_control_port_does(booked: Booked) -> None:
    booked.world.rule(booked.name, on="orders/", type="schedule_change", minutes=LATER)
    for _ in range(2):
        now = await booked.now()
        assert times(now.itineraries) == moved(booked.order.itineraries, LATER)
        assert (now.change_id is not None) == (booked.name == "duffel")


# Changes of the airline's own.


async def test_a_change_is_accepted_once_however_often_that_is_said(booked: Booked) -> None:
    await booked.changed()
    change = (await booked.now()).change_id or "aic_none"
    for _ in range(2):
        accepted = await booked.inventory.accept_change(booked.order.order_id, change)
        if booked.name == "amadeus":
            assert accepted == Unsupported()
            continue
        assert accepted == await booked.now()
        assert accepted.change_id is None
        assert times(accepted.itineraries) == moved(booked.order.itineraries, LATER)
    assert booked.world.count("duffel", "POST", ACCEPTS) == (booked.name == "duffel")


async def test_only_the_latest_change_can_be_accepted(duffel: Booked) -> None:
    await duffel.changed()
    first = (await duffel.now()).change_id
    await duffel.changed()
    second = (await duffel.now()).change_id
    assert second not in (None, first)
    for stale in (first, "aic_unknown", "../orders", ""):
        refused = await duffel.inventory.accept_change(duffel.order.order_id, stale)
        assert isinstance(refused, Refused)
        assert refused.kind == "expired"
    assert duffel.world.count("duffel", "POST", ACCEPTS) == 0
    accepted = await duffel.inventory.accept_change(duffel.order.order_id, second)
    assert times(accepted.itineraries) == moved(duffel.order.itineraries, 2 * LATER)


async def test_an_acceptance_that_nobody_answered_is_seen_by_who_asks_again(duffel: Booked) -> None:
    await duffel.changed()
    change = (await duffel.now()).change_id
    duffel.world.rule("duffel", on="accept$", type="reset_after")
    lost = await duffel.inventory.accept_change(duffel.order.order_id, change)
    assert isinstance(lost, Unknown)
    again = await duffel.inventory.accept_change(duffel.order.order_id, change)
    assert (again.change_id, duffel.world.count("duffel", "POST", ACCEPTS)) == (None, 1)


async def test_who_is_closed_sends_nothing_and_says_so(duffel: Booked) -> None:
    await duffel.changed()
    change = (await duffel.now()).change_id
    await duffel.inventory.aclose()
    order_id = duffel.order.order_id
    assert isinstance(await duffel.inventory.accept_change(order_id, change), NotSent)
    assert isinstance(await duffel.inventory.cancel(order_id), NotSent)
    with pytest.raises(Unavailable):
        await duffel.inventory.get(order_id)


# What would come back.


async def test_asking_what_would_come_back_changes_nothing_and_is_what_comes_back(
    booked: Booked, duffel: Booked
) -> None:
    if booked.name == "amadeus":
        assert await booked.inventory.quote_refund(booked.order.order_id) == Unsupported()
        return
    before = await duffel.now()
    quoted = await duffel.inventory.quote_refund(duffel.order.order_id)
    total = duffel.offer.total
    assert isinstance(quoted, RefundQuoted)
    assert quoted.refund == Money(amount=total.amount - 4_000, currency=total.currency)
    assert quoted.expires_at is not None
    assert quoted.expires_at > duffel.world.business()
    assert await duffel.now() == before
    done = await duffel.inventory.cancel(duffel.order.order_id, at_least=quoted.refund)
    assert done == Cancelled(refund=quoted.refund)
    now = await duffel.now()
    assert (now.status, now.returned, now.itineraries) == ("cancelled", quoted.refund, ())
    refused = await duffel.inventory.quote_refund(duffel.order.order_id)
    assert isinstance(refused, Refused)
    assert refused.kind == "expired"


async def test_less_than_was_promised_is_refused_and_nothing_is_cancelled(duffel: Booked) -> None:
    returned = Money(amount=duffel.offer.total.amount - 4_000, currency="EUR")
    for promised in (
        Money(amount=returned.amount + 1, currency="EUR"),
        Money(amount=1, currency="USD"),
    ):
        refused = await duffel.inventory.cancel(duffel.order.order_id, at_least=promised)
        assert isinstance(refused, Refused)
        assert (refused.kind, refused.price) == ("price_changed", returned)
    assert (await duffel.now()).status == "ticketed"
    assert duffel.world.count("duffel", "POST", "/air/order_cancellations/ore") == 0


async def test_while_a_change_waits_all_of_it_would_come_back(world: OrdersWorld) -> None:
    inventory = world.duffel()
    fixed = await bought("duffel", world, inventory)
    order_id = fixed.order.order_id
    assert isinstance(fixed.offer.details, FlightDetails)
    assert fixed.offer.details.is_refundable is False
    assert (await inventory.quote_refund(order_id)).refund.amount == 0  # type: ignore[union-attr]
    await fixed.changed()
    quoted = await inventory.quote_refund(order_id)
    assert isinstance(quoted, RefundQuoted)
    assert quoted.refund == fixed.offer.total
    await inventory.accept_change(order_id, (await fixed.now()).change_id or "")
    assert (await inventory.quote_refund(order_id)).refund.amount == 0  # type: ignore[union-attr]
    await inventory.aclose()


# What the airline cancels.


async def test_an_order_that_the_airline_cancelled_reads_as_cancelled_and_says_what_came_back(
    booked: Booked,
) -> None:
    await booked.changed()
    await booked.cancelled_by_airline()
    now = await booked.now()
    returned = booked.offer.total if booked.name == "duffel" else None
    assert (now.status, now.returned) == ("cancelled", returned)
    assert (now.itineraries, now.change_id) == ((), None)
    assert await booked.inventory.cancel(booked.order.order_id) == Cancelled(was_gone=True)
    refused = await booked.inventory.accept_change(booked.order.order_id, "aic_1")
    assert isinstance(refused, Refused | Unsupported)


async def test_of_a_held_order_that_the_airline_cancelled_nothing_comes_back(
    world: OrdersWorld,
) -> None:
    inventory = world.duffel()
    made = await inventory.hold(await priced(inventory), COUPLE, REFERENCE)
    assert isinstance(made, Created)
    await world.airline(made.order.locator, "airline-cancel")
    now = await inventory.get(made.order.order_id)
    assert now is not None
    assert (now.status, now.returned) == ("cancelled", Money(amount=0, currency="EUR"))
    await inventory.aclose()


async def test_where_the_order_does_not_say_what_came_back_its_cancellation_does(
    duffel: Booked,
) -> None:
    await duffel.cancelled_by_airline()
    draft = Draft(duffel.world.store)
    kept = draft.get(DUFFEL_ORDERS, duffel.order.order_id)
    assert kept is not None
    order = {**kept["order"], "cancellation": None}
    draft.put(DUFFEL_ORDERS, duffel.order.order_id, {**kept, "order": order})
    duffel.world.store.commit(draft.changes)
    assert (await duffel.now()).returned == duffel.offer.total
