"""What Amadeus' orders promise beside what all suppliers' do: its words, its codes, its rooms."""

import json
from collections.abc import AsyncIterator

import pytest
from orders_world import (
    COUPLE,
    POLICY,
    REFERENCE,
    STAY,
    OrdersWorld,
    orders_world,
    priced,
    traveller,
)

from core.chance import SystemChance
from core.errors import Unavailable
from core.ports.inventory import Inventory
from gateways.partners.amadeus import Amadeus
from gateways.partners.amadeus_settings import AmadeusSettings
from protocol.suppliers import Created, Refused, Unknown, Unsupported
from protocol.travel import OfferKind


@pytest.fixture
async def world() -> AsyncIterator[OrdersWorld]:
    async with orders_world() as made:
        yield made


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


def browsing_only(inventory: Inventory, kind: OfferKind) -> str:
    """Why nothing of this kind can be booked; empty: it can."""
    found = inventory.capabilities(kind)
    assert found is not None
    return found.only_browsing


async def test_without_somebody_who_issues_flights_are_for_browsing(world: OrdersWorld) -> None:
    inventory = world.amadeus(is_issued=False)
    assert browsing_only(inventory, "flight")
    found = inventory.capabilities("flight")
    assert found is not None
    assert (found.hold, found.cancel) == ("none", "none")
    offer = await priced(inventory)
    assert not offer.can_hold
    assert browsing_only(world.amadeus(), "flight") == ""


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
    rooms, flights = inventory.capabilities("hotel"), inventory.capabilities("flight")
    assert rooms is not None
    assert flights is not None
    assert (rooms.shows_orders, flights.shows_orders) == (False, True)
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
    assert browsing_only(inventory, "hotel")
    offer = await priced(inventory, STAY)
    refused = await inventory.hold(offer, COUPLE, REFERENCE)
    assert isinstance(refused, Refused)
    assert world.count("amadeus", "POST", "/v2/booking/hotel-orders") == 0


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
