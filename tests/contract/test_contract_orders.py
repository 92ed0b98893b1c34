"""What every supplier promises of orders: each change is sent once, and its outcome is never a guess. Both
real adapters, over real HTTP, and the sandbox's own records to say what has happened."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from fake_orders import FakeOrders, OrdersCore
from msgspec import Raw
from msgspec.structs import replace
from orders_world import (
    COUPLE,
    DAY,
    FAMILY,
    FLIGHT,
    HURRIED,
    PARTY_OF_FOUR,
    PATIENT,
    REFERENCE,
    OrdersWorld,
    Sold,
    adapter,
    closed,
    orders_world,
    priced,
    traveller,
)

from core.errors import Unavailable
from gateways.partners.breaker import BreakerPolicy
from gateways.partners.resilience import GuardPolicy
from protocol.frames import Money
from protocol.suppliers import Cancelled, Created, NotSent, Refused, Unknown, Unsupported
from protocol.travel import FlightDetails, OrderState, SupplierOffer


@pytest.fixture
async def world() -> AsyncIterator[OrdersWorld]:
    async with orders_world() as made:
        yield made


@pytest.fixture(params=["amadeus", "duffel"])
async def sold(request: pytest.FixtureRequest, world: OrdersWorld) -> AsyncIterator[Sold]:
    inventory = adapter(world, request.param)
    yield Sold(request.param, world, inventory, await priced(inventory))
    await closed(inventory)


# Holding.


async def test_an_order_is_held_at_the_price_asked_under_our_reference(sold: Sold) -> None:
    order = await sold.held()
    assert order.supplier == sold.name
    assert (order.status, order.reference, order.total) == ("held", REFERENCE, sold.offer.total)
    assert order.locator is not None
    assert len(order.locator) == 6
    assert order.hold_until is not None
    assert order.hold_until >= sold.world.business() + DAY
    assert (sold.made(), sold.sent()) == (1, 1)
    assert await sold.inventory.get(order.order_id) == order


async def test_a_family_flies_and_the_infant_sits_on_the_right_lap(sold: Sold) -> None:
    offer = await priced(sold.inventory, FAMILY)
    made = await sold.inventory.hold(offer, PARTY_OF_FOUR, REFERENCE)
    assert isinstance(made, Created), made
    (kept,) = sold.world.orders(sold.name, REFERENCE)
    if sold.name == "amadeus":
        kinds = {
            each["travelerId"]: each for each in kept["data"]["flightOffers"][0]["travelerPricings"]
        }
        of = {each["contact"]["emailAddress"]: each["id"] for each in kept["data"]["travelers"]}
        assert kinds[of["ti@example.test"]]["associatedAdultId"] == of["tb@example.test"]
    else:
        of = {each["email"]: each for each in kept["order"]["passengers"]}
        assert of["tb@example.test"]["infant_passenger_id"] == of["ti@example.test"]["id"]


@pytest.mark.parametrize(
    "travellers",
    [COUPLE[:1], (*COUPLE, traveller("c")), PARTY_OF_FOUR],
    ids=["one too few", "one too many", "another party"],
)
async def test_others_than_the_offer_is_for_are_refused_and_nothing_is_sent(
    sold: Sold, travellers: Any
) -> None:
    refused = await sold.inventory.hold(sold.offer, travellers, REFERENCE)
    assert isinstance(refused, Refused)
    assert (refused.kind, sold.sent()) == ("invalid", 0)


MAYBE_DONE: list[tuple[str, dict[str, Any], int]] = [
    ("reset_before", {}, 0),
    ("reset_after", {}, 1),
    ("hang_before_effect", {}, 0),
    ("hang_after_effect", {}, 1),
    ("late_effect", {"ms": 300}, 1),
    ("truncate_body", {}, 1),
    ("bad_json", {}, 1),
    ("status", {"code": 500}, 0),
    ("status", {"code": 500, "afterEffect": True}, 1),
    ("status", {"code": 503}, 0),
    ("status", {"code": 418, "errors": [{"code": 1_000_001, "title": "?"}]}, 0),
    ("html_502", {"afterEffect": True}, 1),
    ("status_mismatch", {}, 0),
]


@pytest.mark.parametrize(
    ("fault", "more", "made"), MAYBE_DONE, ids=[f"{f} {m}" for f, m, _ in MAYBE_DONE]
)
async def test_what_nobody_knows_is_unknown_and_never_sent_again(
    sold: Sold, fault: str, more: dict[str, Any], made: int
) -> None:
    sold.world.rule(sold.name, on="orders$", type=fault, **more)
    is_silent = fault.startswith(("hang", "late"))
    outcome = await sold.hold(HURRIED if is_silent else PATIENT)
    assert isinstance(outcome, Unknown), outcome
    assert outcome.detail
    await sold.world.until(lambda: sold.sent() >= 1 + (fault == "late_effect"))
    assert (sold.made(), sold.sent()) == (made, 1 + (fault == "late_effect"))


DEFINITE = [
    ("rate_limit", {}, "quota"),
    ("sell_out", {}, "sold_out"),
    ("token_revoke", {}, "auth"),
    ("status", {"code": 403, "errors": [{"code": 38197, "title": "Forbidden"}]}, "auth"),
]


@pytest.mark.parametrize(("fault", "more", "kind"), DEFINITE)
async def test_what_was_certainly_not_done_says_why(
    sold: Sold, fault: str, more: dict[str, Any], kind: str
) -> None:
    sold.world.rule(sold.name, on="orders$", type=fault, **more)
    refused = await sold.hold()
    assert isinstance(refused, Refused), refused
    assert (refused.kind, sold.made(), sold.sent()) == (kind, 0, 1)
    await sold.held()


async def test_where_nobody_listens_nothing_is_sent(sold: Sold) -> None:
    sold.world.urls[sold.name] = "http://127.0.0.1:9"
    outcome = await sold.hold(HURRIED)
    assert isinstance(outcome, NotSent)
    assert sold.made() == 0


async def test_an_order_leaves_although_the_breaker_of_reads_is_open(sold: Sold) -> None:
    policy = GuardPolicy(most_retries=0, breaker=BreakerPolicy(opens_after=1))
    inventory = adapter(sold.world, sold.name, policy=policy)
    sold.world.rule(sold.name, type="status", code=503)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await inventory.search(FLIGHT)
    made = await inventory.hold(sold.offer, COUPLE, REFERENCE)
    # Amadeus' token is a read of its own, and comes first.
    assert isinstance(made, Created), made
    await closed(inventory)


async def test_who_is_cancelled_meanwhile_has_the_order_all_the_same(world: OrdersWorld) -> None:
    """Amadeus' thread is not left; whoever waits for it learns how it ended."""
    inventory = world.amadeus()
    offer = await priced(inventory)
    world.rule("amadeus", on="orders$", type="latency", ms=100)
    with trio.move_on_after(0.02):
        made = await inventory.hold(offer, COUPLE, REFERENCE)
    assert isinstance(made, Created)


# What the simulation's orders in memory promise too.


@dataclass
class Anybody:
    """A supplier whose orders pass the days of a business clock."""

    inventory: Any
    offer: SupplierOffer
    advance: Any

    async def held(self) -> OrderState:
        made = await self.inventory.hold(self.offer, COUPLE, REFERENCE)
        assert isinstance(made, Created), made
        return made.order


@pytest.fixture(params=["amadeus", "duffel", "fake amadeus", "fake duffel"])
async def anybody(request: pytest.FixtureRequest, world: OrdersWorld) -> AsyncIterator[Anybody]:
    inventory: Any
    flavour = request.param.removeprefix("fake ")
    if request.param != flavour:
        core = OrdersCore(flavour, world.clock.now_ms)
        offer = SupplierOffer(
            supplier=flavour,
            token=Raw(b"1"),
            total=Money(amount=19_900, currency="EUR"),
            fetched_at=world.clock.now_ms(),
            expires_at=world.clock.now_ms() + 1_200_000,
            can_hold=True,
            details=FlightDetails(itineraries=()),
        )
        yield Anybody(FakeOrders(core), offer, world.advance)
        return
    inventory = adapter(world, flavour)
    yield Anybody(inventory, await priced(inventory), world.advance)
    await closed(inventory)


async def test_a_held_order_is_read_back_as_it_was_made(anybody: Anybody) -> None:
    order = await anybody.held()
    assert (order.status, order.reference, order.tickets) == ("held", REFERENCE, ())
    assert order.total == anybody.offer.total
    assert order.hold_until is not None
    assert await anybody.inventory.get(order.order_id) == order
    assert await anybody.inventory.get("ord_unknown") is None


async def test_a_second_cancellation_finds_it_gone(anybody: Anybody) -> None:
    order = await anybody.held()
    assert await anybody.inventory.cancel(order.order_id) in (
        Cancelled(),
        Cancelled(refund=Money(amount=0, currency="EUR")),
    )
    assert await anybody.inventory.cancel(order.order_id) == Cancelled(was_gone=True)
    now = await anybody.inventory.get(order.order_id)
    assert now is None or now.status == "cancelled"


async def test_who_is_not_paid_by_then_lets_go(anybody: Anybody) -> None:
    order = await anybody.held()
    anybody.advance(3.1)
    now = await anybody.inventory.get(order.order_id)
    assert now is None or now.status == "cancelled"
    assert await anybody.inventory.cancel(order.order_id) == Cancelled(was_gone=True)


async def test_who_finds_finds_exactly_ours_and_who_cannot_says_so(anybody: Anybody) -> None:
    order = await anybody.held()
    found = await anybody.inventory.find(REFERENCE)
    capabilities = anybody.inventory.capabilities("flight")
    if not capabilities.finds_by_reference:
        assert found == Unsupported()
        return
    assert list(found) == [order]
    assert list(await anybody.inventory.find(f"{REFERENCE}0")) == []


async def test_who_issues_issues_once_and_who_does_not_refuses(anybody: Anybody) -> None:
    order = await anybody.held()
    paid = await anybody.inventory.confirm(order.order_id, REFERENCE)
    if anybody.inventory.capabilities("flight").issue == "explicit":
        assert isinstance(paid, Refused)
        return
    assert isinstance(paid, OrderState)
    assert (paid.status, len(paid.tickets), paid.hold_until) == ("ticketed", 2, None)
    again = await anybody.inventory.confirm(order.order_id, REFERENCE)
    assert again == paid or isinstance(again, Refused)
    assert await anybody.inventory.get(order.order_id) == paid


async def test_nobody_pays_more_than_was_agreed(anybody: Anybody) -> None:
    order = await anybody.held()
    assert order.total is not None
    less = replace(order.total, amount=order.total.amount - 1)
    refused = await anybody.inventory.confirm(order.order_id, REFERENCE, at_most=less)
    assert isinstance(refused, Refused)
    assert await anybody.inventory.get(order.order_id) == order


# Undoing.


async def test_an_order_is_cancelled_once_and_gone_after_that(sold: Sold) -> None:
    order = await sold.held()
    assert isinstance(await sold.inventory.cancel(order.order_id), Cancelled)
    again = await sold.inventory.cancel(order.order_id)
    assert isinstance(again, Cancelled)
    assert again.was_gone
    now = await sold.inventory.get(order.order_id)
    assert now is None or now.status == "cancelled"


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "hang_after_effect"])
async def test_a_cancellation_that_nobody_answered_may_be_asked_again(
    sold: Sold, fault: str
) -> None:
    order = await sold.held()
    path = "confirm$" if sold.name == "duffel" else "/flight-orders/"
    sold.world.rule(sold.name, on=path, type=fault)
    other = adapter(sold.world, sold.name, HURRIED if fault.startswith("hang") else PATIENT)
    assert isinstance(await other.cancel(order.order_id), Unknown)
    await closed(other)
    again = await sold.inventory.cancel(order.order_id)
    assert isinstance(again, Cancelled)
    assert again.was_gone == (fault != "reset_before")


async def test_an_order_that_nobody_pays_lets_go_by_itself(sold: Sold) -> None:
    order = await sold.held()
    sold.world.advance(4)
    now = await sold.inventory.get(order.order_id)
    assert now is None or now.status == "cancelled"
    gone = await sold.inventory.cancel(order.order_id)
    assert isinstance(gone, Cancelled)
    assert gone.was_gone


@pytest.mark.parametrize("order_id", ["", "../x", "ord_0000000000000000000000", "a?b", "eJzTd9cP"])
async def test_what_is_no_order_is_none(sold: Sold, order_id: str) -> None:
    assert await sold.inventory.get(order_id) is None
