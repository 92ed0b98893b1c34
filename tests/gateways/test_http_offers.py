"""`GET /offers` and `POST /offers/{id}/price`: what is asked of the search, and what is said of it."""

from typing import Any

import pytest
from http_fakes import World
from msgspec import Raw

from core.errors import Rejected
from core.ports.travel_search import Asked, Found, Repriced
from protocol.frames import Money
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    GeoPoint,
    HotelDetails,
    HotelQuery,
    Itinerary,
    Offer,
    Party,
    Place,
    Segment,
    SupplierOffer,
)
from storage.catalogue_file import Entry
from storage.memory.catalogue import MemoryCatalogue

OFFERS = "/api/v1/offers"
FLIGHT = {"kind": "flight", "from": "LIS", "to": "PAR", "start": "2027-05-14"}
HOTEL = {"kind": "hotel", "place": "PAR", "start": "2027-05-14", "end": "2027-05-17"}
ID = "01900000-0000-7000-8000-00000000000a"


def offer(details: Any, **more: Any) -> Offer:
    source = SupplierOffer(
        supplier="amadeus",
        token=Raw(b'{"verbatim":true}'),
        total=Money(amount=21_340, currency="EUR"),
        fetched_at=1,
        expires_at=1_800_000_000_000,
        can_hold=True,
        details=details,
    )
    query = FlightQuery(
        origin="LIS", destination="PAR", depart_on="2027-05-14", party=Party(adults=1)
    )
    return Offer(id=ID, query=query, source=source, **more)


def a_flight() -> FlightDetails:
    segment = Segment(
        carrier="YY",
        number="4821",
        origin="LIS",
        destination="ORY",
        departs="2027-05-14T08:10:00",
        arrives="2027-05-14T11:45:00",
    )
    return FlightDetails(itineraries=(Itinerary(segments=(segment,), minutes=155),))


async def search(world: World, **query: str) -> Any:
    return await world.call("GET", OFFERS, token=world.token(), query_string=query)


async def test_a_flight_is_asked_of_all_suppliers_and_shown_as_a_card() -> None:
    world = World()
    world.travel.found = Found(
        offers=(offer(a_flight()),),
        suppliers=(Asked(name="amadeus", state="answered"), Asked(name="duffel", state="late")),
    )
    answer = await search(
        world, **FLIGHT, end="2027-05-21", adults="2", childrenAges="1,11", cabin="business"
    )
    assert answer.status == 200
    party = Party(adults=2, children_ages=(1, 11))
    query = FlightQuery(
        origin="LIS",
        destination="PAR",
        depart_on="2027-05-14",
        return_on="2027-05-21",
        party=party,
        cabin="business",
    )
    assert world.travel.asked == [(1, "user-1", query)]
    assert answer.json["partial"]
    assert answer.json["suppliers"] == [
        {"name": "amadeus", "state": "answered"},
        {"name": "duffel", "state": "late"},
    ]
    [card] = answer.json["items"]
    assert card["kind"] == "flight.offer"
    assert card["id"] == card["offerId"] == ID
    assert card["title"] == "LIS → ORY"
    assert card["price"] == {"amount": 21_340, "currency": "EUR"}
    assert (card["supplier"], card["canHold"], "isStale" in card) == ("amadeus", True, False)
    assert card["details"]["itineraries"][0]["segments"][0]["number"] == "4821"
    assert b"verbatim" not in answer.raw


async def test_rooms_are_asked_for_by_place_and_nights() -> None:
    world = World()
    room = HotelDetails(
        hotel_id="ZZ1", name="Palace", check_in="2027-05-14", check_out="2027-05-17"
    )
    world.travel.found = Found(offers=(offer(room, is_stale=True),), suppliers=())
    answer = await search(world, **HOTEL, rooms="2", adults="4")
    query = HotelQuery(
        city="PAR",
        check_in="2027-05-14",
        check_out="2027-05-17",
        party=Party(adults=4, rooms=2),
    )
    assert world.travel.asked == [(1, "user-1", query)]
    [card] = answer.json["items"]
    assert (card["kind"], card["title"], card["isStale"]) == ("hotel.offer", "Palace", True)
    assert not answer.json["partial"]


async def test_a_place_may_be_named_by_its_id() -> None:
    paris = Place(
        id="paris",
        kind="destination",
        names={"en": "Paris"},
        country="FR",
        at=GeoPoint(latitude=48.9, longitude=2.4),
        time_zone="Europe/Paris",
        iata="PAR",
    )
    world = World(catalogue=MemoryCatalogue([Entry(place=paris)]))
    assert (await search(world, **(FLIGHT | {"to": "paris"}))).status == 200
    assert world.travel.asked[0][2].destination == "PAR"
    answer = await search(world, **(FLIGHT | {"to": "atlantis"}))
    assert [error["field"] for error in answer.json["errors"]] == ["to"]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"kind": "flight", "start": "2027-05-14"}, ["from", "to"]),
        (FLIGHT | {"to": "LIS"}, ["to"]),
        (FLIGHT | {"start": "2026-11-22"}, ["start"]),
        (FLIGHT | {"start": "2027-12-01"}, ["start"]),
        (FLIGHT | {"start": "2027-02-30"}, ["start"]),
        (FLIGHT | {"start": "20270514"}, ["start"]),
        (FLIGHT | {"start": "2027-W19-5"}, ["start"]),
        (FLIGHT | {"end": "2027-05-13"}, ["end"]),
        (FLIGHT | {"end": "soon"}, ["end"]),
        (FLIGHT | {"childrenAges": "4,18"}, ["childrenAges"]),
        (FLIGHT | {"childrenAges": "4,"}, ["childrenAges"]),
        (FLIGHT | {"childrenAges": "٣"}, ["childrenAges"]),
        (FLIGHT | {"adults": "0"}, ["adults"]),
        (FLIGHT | {"cabin": "roof"}, ["cabin"]),
        (FLIGHT | {"place": "PAR", "rooms": "2"}, ["place", "rooms"]),
        (HOTEL | {"from": "LIS", "cabin": "economy"}, ["from", "cabin"]),
        (HOTEL | {"end": "2027-05-14"}, ["end"]),
        ({"kind": "hotel", "start": "2027-05-14"}, ["place", "end"]),
        ({"kind": "train", "start": "2027-05-14"}, ["kind"]),
    ],
)
async def test_a_wrong_search_names_its_fields_and_asks_nobody(
    query: dict[str, str], fields: list[str]
) -> None:
    world = World()
    answer = await search(world, **query)
    assert answer.status == 400
    assert [error["field"] for error in answer.json["errors"]] == fields
    assert all(error["message"] for error in answer.json["errors"])
    assert not world.travel.asked


async def test_yesterday_is_still_today_somewhere_and_one_may_fly_back_the_same_day() -> None:
    world = World()
    day = {"start": "2026-11-23", "end": "2026-11-23"}
    assert (await search(world, **(FLIGHT | day))).status == 200


async def test_a_price_says_whether_it_changed() -> None:
    world = World()
    world.travel.priced = Repriced(offer=offer(a_flight()))
    price = f"{OFFERS}/{ID}/price"
    answer = await world.call("POST", price, token=world.token(), json={})
    assert (answer.json["changed"], answer.json["previous"]) == (False, None)
    before = Money(amount=20_000, currency="EUR")
    world.travel.priced = Repriced(offer=offer(a_flight()), previous=before)
    answer = await world.call("POST", price, token=world.token(), json={})
    assert answer.json["changed"]
    assert answer.json["previous"] == {"amount": 20_000, "currency": "EUR"}
    assert answer.json["offer"]["price"]["amount"] == 21_340


@pytest.mark.parametrize(
    ("code", "status"), [("not_found", 404), ("conflict", 409), ("gds_timeout", 504)]
)
async def test_what_cannot_be_priced_has_its_status(code: Any, status: int) -> None:
    world = World()
    world.travel.priced = Rejected(code, "There is no such offer.")
    answer = await world.call("POST", f"{OFFERS}/{ID}/price", token=world.token(), json={})
    assert answer.status == status
    assert answer.json["code"] == code


async def test_offers_are_for_who_is_logged_in() -> None:
    world = World()
    assert (await world.call("GET", OFFERS, query_string=FLIGHT)).status == 401
    assert (await world.call("POST", f"{OFFERS}/{ID}/price", json={})).status == 401


async def test_more_than_are_booked_at_once_see_what_the_largest_part_of_them_pays() -> None:
    world = World()
    world.travel.found = Found(
        offers=(offer(a_flight()),), suppliers=(Asked(name="amadeus", state="answered"),)
    )
    answer = await search(world, **FLIGHT, adults="9", childrenAges="4,1")
    assert world.travel.asked[-1][2].party == Party(adults=5, children_ages=(1,))
    assert answer.json["note"] == (
        "Airlines book at most 9 travellers at once: these prices are for 6 of your 11. "
        "A quote says what all of you pay."
    )
    for few in ({"adults": "9"}, {"adults": "9", "childrenAges": "1"}):
        answer = await search(world, **FLIGHT, **few)
        assert answer.json["note"] is None
    answer = await search(world, **HOTEL, adults="11", rooms="6")
    assert world.travel.asked[-1][2].party == Party(adults=11, rooms=6)
    assert answer.json["note"] is None
