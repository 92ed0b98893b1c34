"""What every supplier promises of an order after it was booked: its flights as they will be flown, changes of the
airline's own, what would come back, and what came back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from fake_orders import FakeOrders, OrdersCore
from msgspec.structs import replace
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


class Faked(Booked):
    """The same of a supplier in memory."""

    changes = 0

    async def changed(self, minutes: int = LATER) -> None:
        now = await self.now()
        self.changes += 1
        change = f"aic_{self.changes}" if self.name == "duffel" else None
        self.inventory.core.move(self.order.order_id, later(now.itineraries, minutes), change)

    async def cancelled_by_airline(self) -> None:
        returned = self.offer.total.amount if self.name == "duffel" else None
        self.inventory.core.call_off(self.order.order_id, returned)


@pytest.fixture(params=["amadeus", "duffel", "fake amadeus", "fake duffel"])
async def anybody(request: pytest.FixtureRequest, world: OrdersWorld) -> AsyncIterator[Booked]:
    """Who keeps 40 EUR of what was paid, where they say what they keep."""
    name = request.param.removeprefix("fake ")
    inventory = adapter(world, name)
    real = await bought(name, world, inventory, is_refundable=name == "duffel")
    if request.param == name:
        yield real
    else:
        yield await faked(name, world, real.offer)
    await closed(inventory)


async def faked(name: Any, world: OrdersWorld, offer: SupplierOffer) -> Booked:
    core = OrdersCore(name, world.clock.now_ms)
    core.keeps = 4_000
    inventory = FakeOrders(core)
    made = await inventory.hold(offer, COUPLE, REFERENCE)
    assert isinstance(made, Created)
    if name == "duffel":
        await inventory.confirm(made.order.order_id, REFERENCE)
    else:
        core.issue(made.order.order_id, 0)
    return Faked(name, world, inventory, offer, made.order)


def later(ways: tuple[Itinerary, ...], minutes: int) -> tuple[Itinerary, ...]:
    by = timedelta(minutes=minutes)

    def of(at: str) -> str:
        return (datetime.fromisoformat(at) + by).isoformat()

    return tuple(
        replace(
            way,
            segments=tuple(
                replace(one, departs=of(one.departs), arrives=of(one.arrives))
                for one in way.segments
            ),
        )
        for way in ways
    )


# Its flights.


async def test_an_order_flies_what_its_offer_said(anybody: Booked) -> None:
    assert anybody.order.itineraries == flown(anybody.offer)
    now = await anybody.now()
    assert (now.status, now.itineraries, now.change_id) == ("ticketed", flown(anybody.offer), None)


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
        assert times(now.itineraries) == times(later(booked.order.itineraries, LATER))
        assert (now.change_id is not None) == (booked.name == "duffel")
    await booked.changed(-LATER)
    assert times((await booked.now()).itineraries) == times(booked.order.itineraries)


async def test_a_rule_moves_flights_as_the_control_port_does(booked: Booked) -> None:
    booked.world.rule(booked.name, on="orders/", type="schedule_change", minutes=LATER)
    for _ in range(2):
        now = await booked.now()
        assert times(now.itineraries) == times(later(booked.order.itineraries, LATER))
        assert (now.change_id is not None) == (booked.name == "duffel")


# Changes of the airline's own.


async def test_a_change_is_accepted_once_however_often_that_is_said(anybody: Booked) -> None:
    await anybody.changed()
    change = (await anybody.now()).change_id or "aic_none"
    for _ in range(2):
        accepted = await anybody.inventory.accept_change(anybody.order.order_id, change)
        if anybody.name == "amadeus":
            assert accepted == Unsupported()
            continue
        assert accepted == await anybody.now()
        assert accepted.change_id is None
        assert times(accepted.itineraries) == times(later(anybody.order.itineraries, LATER))
    is_played = not isinstance(anybody, Faked)
    sent = anybody.world.count("duffel", "POST", ACCEPTS)
    assert sent == (anybody.name == "duffel" and is_played)


async def test_only_the_latest_change_can_be_accepted(anybody: Booked) -> None:
    await anybody.changed()
    first = (await anybody.now()).change_id
    await anybody.changed()
    second = (await anybody.now()).change_id
    for stale in (first, "aic_unknown", "../orders", ""):
        refused = await anybody.inventory.accept_change(anybody.order.order_id, stale)
        if anybody.name == "amadeus":
            assert (refused, first, second) == (Unsupported(), None, None)
            return
        assert isinstance(refused, Refused)
        assert refused.kind == "expired"
    assert second not in (None, first)
    assert anybody.world.count("duffel", "POST", ACCEPTS) == 0
    accepted = await anybody.inventory.accept_change(anybody.order.order_id, second)
    assert times(accepted.itineraries) == times(later(anybody.order.itineraries, 2 * LATER))


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
    anybody: Booked,
) -> None:
    order_id, total = anybody.order.order_id, anybody.offer.total
    before = await anybody.now()
    quoted = await anybody.inventory.quote_refund(order_id)
    assert await anybody.now() == before
    if anybody.name == "amadeus":
        assert quoted == Unsupported()
        return
    assert quoted.refund == Money(amount=total.amount - 4_000, currency=total.currency)
    assert quoted.expires_at is None or quoted.expires_at > anybody.world.business()
    done = await anybody.inventory.cancel(order_id, at_least=quoted.refund)
    assert done == Cancelled(refund=quoted.refund)
    now = await anybody.now()
    assert (now.status, now.returned, now.itineraries) == ("cancelled", quoted.refund, ())
    assert isinstance(await anybody.inventory.quote_refund(order_id), Refused)


async def test_less_than_was_promised_is_refused_and_nothing_is_cancelled(anybody: Booked) -> None:
    returned = Money(amount=anybody.offer.total.amount - 4_000, currency="EUR")
    promised = Money(amount=returned.amount + 1, currency="EUR")
    refused = await anybody.inventory.cancel(anybody.order.order_id, at_least=promised)
    assert isinstance(refused, Refused)
    if anybody.name == "duffel":
        assert (refused.kind, refused.price) == ("price_changed", returned)
    assert (await anybody.now()).status == "ticketed"
    assert anybody.world.count("duffel", "POST", "/air/order_cancellations/ore") == 0


async def test_another_currency_is_not_what_was_promised(duffel: Booked) -> None:
    promised = Money(amount=1, currency="USD")
    refused = await duffel.inventory.cancel(duffel.order.order_id, at_least=promised)
    assert isinstance(refused, Refused)
    assert refused.kind == "price_changed"
    assert (await duffel.now()).status == "ticketed"


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
    anybody: Booked,
) -> None:
    await anybody.changed()
    await anybody.cancelled_by_airline()
    now = await anybody.now()
    returned = anybody.offer.total if anybody.name == "duffel" else None
    assert (now.status, now.returned) == ("cancelled", returned)
    assert (now.itineraries, now.change_id) == ((), None)
    assert await anybody.inventory.cancel(anybody.order.order_id) == Cancelled(was_gone=True)
    refused = await anybody.inventory.accept_change(anybody.order.order_id, "aic_1")
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
