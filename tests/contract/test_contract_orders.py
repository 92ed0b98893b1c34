"""What every supplier promises of orders: each change is sent once, and its outcome is never a guess. Both
real adapters, over real HTTP, and the sandbox's own records to say what has happened."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from fake_orders import FakeOrders, OrdersCore
from msgspec import Raw
from orders_world import (
    COUPLE,
    DAY,
    FAMILY,
    FLIGHT,
    HURRIED,
    PARTY_OF_FOUR,
    PATIENT,
    POLICY,
    STAY,
    OrdersWorld,
    orders_world,
    priced,
    traveller,
)

from core.chance import SystemChance
from core.errors import Unavailable
from core.ports.inventory import why_not_booked
from gateways.partners.amadeus import Amadeus
from gateways.partners.amadeus_settings import AmadeusSettings
from gateways.partners.breaker import BreakerPolicy
from gateways.partners.duffel import Duffel
from gateways.partners.duffel_client import DuffelSettings
from gateways.partners.resilience import GuardPolicy
from gateways.sandbox.duffel_orders import ORDERS as DUFFEL_ORDERS
from gateways.sandbox.records import Draft
from protocol.frames import Money
from protocol.suppliers import Cancelled, Created, NotSent, Refused, Unknown, Unsupported
from protocol.travel import FlightDetails, OrderState, SupplierOffer

REFERENCE = "CARAVAN SAGA 01J9Z7 ATT 1"
ORDERS = {"amadeus": "/v1/booking/flight-orders", "duffel": "/air/orders"}


@pytest.fixture
async def world() -> AsyncIterator[OrdersWorld]:
    async with orders_world() as made:
        yield made


@dataclass
class Sold:
    """One supplier's adapter over one sandbox, and an offer that can be held."""

    name: str
    world: OrdersWorld
    inventory: Any
    offer: SupplierOffer

    async def hold(self, within: float = PATIENT) -> Any:
        if within == PATIENT:
            return await self.inventory.hold(self.offer, COUPLE, REFERENCE)
        other = adapter(self.world, self.name, within)
        try:
            return await other.hold(self.offer, COUPLE, REFERENCE)
        finally:
            await closed(other)

    async def held(self) -> OrderState:
        made = await self.hold()
        assert isinstance(made, Created), made
        return made.order

    def made(self) -> int:
        return len(self.world.orders(self.name, REFERENCE))

    def sent(self) -> int:
        return self.world.count(self.name, "POST", ORDERS[self.name])


def adapter(world: OrdersWorld, name: str, within: float = PATIENT, **more: Any) -> Any:
    return getattr(world, name)(within, **more)


async def closed(inventory: Any) -> None:
    if not isinstance(inventory, Amadeus):
        await inventory.aclose()


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


# Amadeus' own.


async def test_amadeus_has_the_offer_verbatim_a_remark_an_address_and_a_dead_mans_switch(
    world: OrdersWorld,
) -> None:
    inventory = world.amadeus(agency_email="desk@agency.test", agency_phone="+33 1 00 00 00 00")
    offer = await priced(inventory)
    paper = {
        "type": "passport",
        "number": "00AA00000",
        "expiresOn": "2031-01-01",
        "issuingCountry": "FR",
        "nationality": "FR",
    }
    await inventory.hold(offer, (traveller("a", document=paper), COUPLE[1]), REFERENCE)
    (kept,) = world.orders("amadeus", REFERENCE)
    data = kept["data"]
    assert data["ticketingAgreement"]["option"] == "DELAY_TO_CANCEL"
    (remark,) = data["remarks"]["general"]
    assert remark == {"subType": "GENERAL_MISCELLANEOUS", "text": REFERENCE}
    (contact,) = data["contacts"]
    assert contact["emailAddress"] == "pnr+CARAVAN-SAGA-01J9Z7-ATT-1@agency.test"
    assert contact["phones"][0]["number"] == "100000000"
    ana = data["travelers"][0]
    assert ana["name"] == {"firstName": "ZOE", "lastName": "MULLER-NY"}
    assert ana["contact"]["phones"][0] == {
        "deviceType": "MOBILE",
        "countryCallingCode": "33",
        "number": "600000001",
    }
    assert ana["documents"][0]["issuanceCountry"] == "FR"
    assert (
        data["flightOffers"][0]["price"]["grandTotal"]
        == json.loads(bytes(offer.token))["price"]["grandTotal"]
    )


async def test_amadeus_tells_the_new_price(world: OrdersWorld) -> None:
    inventory = world.amadeus()
    offer = await priced(inventory)
    world.rule("amadeus", on="orders$", type="price_drift", percent=20)
    refused = await inventory.hold(offer, COUPLE, REFERENCE)
    assert isinstance(refused, Refused)
    assert refused.kind == "price_changed"
    assert refused.price is not None
    assert refused.price.amount > offer.total.amount
    assert world.orders("amadeus", REFERENCE) == []


async def test_a_token_that_has_run_out_costs_one_try_and_no_order(world: OrdersWorld) -> None:
    inventory = world.amadeus()
    offer = await priced(inventory)
    world.rule("amadeus", on="orders$", type="token_expire")
    refused = await inventory.hold(offer, COUPLE, REFERENCE)
    assert isinstance(refused, Refused)
    assert refused.kind == "quota"
    assert isinstance(await inventory.hold(offer, COUPLE, REFERENCE), Created)
    assert len(world.orders("amadeus", REFERENCE)) == 1


@pytest.mark.parametrize("code", [36870, 141])
async def test_a_code_that_proves_nothing_is_unknown(world: OrdersWorld, code: int) -> None:
    inventory = world.amadeus()
    offer = await priced(inventory)
    errors = [{"status": 400, "code": code, "title": "BOOKING FAILED"}]
    world.rule("amadeus", on="orders$", type="status", code=400, errors=errors)
    assert isinstance(await inventory.hold(offer, COUPLE, REFERENCE), Unknown)


async def test_amadeus_issues_nothing_and_finds_nothing(world: OrdersWorld) -> None:
    inventory = world.amadeus()
    assert isinstance(await inventory.confirm("order", REFERENCE), Refused)
    assert await inventory.find(REFERENCE) == Unsupported()


async def test_without_somebody_who_issues_flights_are_for_browsing(world: OrdersWorld) -> None:
    inventory = world.amadeus(is_issued=False)
    assert why_not_booked(inventory, "flight")
    found = inventory.capabilities("flight")
    assert found is not None
    assert (found.hold, found.cancel) == ("none", "none")
    offer = await priced(inventory)
    assert not offer.can_hold
    assert why_not_booked(world.amadeus(), "flight") is None


# Rooms.


async def test_rooms_are_booked_for_good_and_with_the_desks_card(world: OrdersWorld) -> None:
    inventory = world.amadeus()
    offer = await priced(inventory, STAY)
    made = await inventory.hold(offer, COUPLE, REFERENCE)
    assert isinstance(made, Created), made
    assert (made.order.status, made.order.reference) == ("confirmed", REFERENCE)
    assert made.order.total == offer.total
    with pytest.raises(Unavailable):
        await inventory.get(made.order.order_id)
    assert isinstance(await inventory.cancel(made.order.order_id), Refused)
    assert world.count("amadeus", "POST", "/v2/booking/hotel-orders") == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 25860, None),
        (500, 21934, None),
        (500, 38660, None),
        (500, 11, None),
        (500, 4070, None),
        (400, 3664, "sold_out"),
        (400, 38420, "expired"),
        (400, 1205, "invalid"),
    ],
)
async def test_of_rooms_too_only_what_proves_it_is_a_refusal(
    world: OrdersWorld, status: int, code: int, kind: str | None
) -> None:
    inventory = world.amadeus()
    offer = await priced(inventory, STAY)
    errors = [{"status": status, "code": code, "title": "NO", "detail": "card 4111111111111111"}]
    world.rule("amadeus", on="hotel-orders", type="status", code=status, errors=errors)
    outcome = await inventory.hold(offer, COUPLE, REFERENCE)
    assert getattr(outcome, "kind", None) == kind
    assert isinstance(outcome, Unknown if kind is None else Refused)
    assert "4111" not in outcome.detail


async def test_without_a_card_rooms_are_for_browsing(world: OrdersWorld) -> None:
    settings = AmadeusSettings(url=world.urls["amadeus"], per_second=1_000)
    inventory = Amadeus(settings, clock=world.clock, chance=SystemChance(), policy=POLICY)
    assert why_not_booked(inventory, "hotel")
    offer = await priced(inventory, STAY)
    refused = await inventory.hold(offer, COUPLE, REFERENCE)
    assert isinstance(refused, Refused)
    assert world.count("amadeus", "POST", "/v2/booking/hotel-orders") == 0


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


async def test_a_ticketed_order_of_amadeus_cannot_be_cancelled(world: OrdersWorld) -> None:
    inventory, desk = world.amadeus(), world.consolidator()
    made = await inventory.hold(await priced(inventory), COUPLE, REFERENCE)
    assert isinstance(made, Created)
    await desk.release(made.order.order_id, REFERENCE)
    now = await inventory.get(made.order.order_id)
    assert now is not None
    assert (now.status, len(now.tickets), now.hold_until) == ("ticketed", 2, None)
    assert isinstance(await inventory.cancel(made.order.order_id), Refused)
    await desk.aclose()


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
