"""Our searches as Amadeus', and its flights, rooms and errors as ours."""

import json
from typing import Any

import pytest
from amadeus_samples import FLIGHT, FLIGHTS, HOTELS, NOW, PRICED, ROOM
from hypothesis import given
from hypothesis import strategies as st
from msgspec import MsgspecError, Raw
from msgspec.structs import replace

from gateways.partners import amadeus_wire as wire
from gateways.partners.amadeus_errors import wire_error
from gateways.partners.amadeus_flights import (
    flight_offer,
    plain_search,
    posted_search,
    priced_offer,
    pricing_body,
    seated,
    travelers,
)
from gateways.partners.amadeus_hotels import (
    batches,
    guests_per_room,
    offer_id,
    room_offer,
    rooms_search,
)
from protocol.frames import Money
from protocol.money import decimal_text
from protocol.travel import (
    FlightDetails,
    GeoPoint,
    HotelDetails,
    Itinerary,
    Party,
    Segment,
)

PALACE = wire.Hotel(hotel_id="ZZNCE001", name="SANDBOX PALACE", latitude=43.69, longitude=7.26)
TWO = Party(adults=2)


def flight(**changes: Any) -> Any:
    return flight_offer(Raw(json.dumps({**json.loads(FLIGHT), **changes}).encode()), NOW)


def room(**changes: Any) -> Any:
    raw = Raw(json.dumps({**json.loads(ROOM), **changes}).encode())
    return room_offer(PALACE, raw, TWO, NOW)


def test_a_flight_is_read_as_the_reference_writes_it() -> None:
    offer = flight_offer(Raw(FLIGHT), NOW)
    assert bytes(offer.token) == FLIGHT
    assert (offer.supplier, offer.total) == ("amadeus", Money(amount=21_340, currency="EUR"))
    assert (offer.fetched_at, offer.expires_at) == (NOW, NOW + 1_200_000)
    assert offer.can_hold
    segment = Segment(
        carrier="YY",
        number="4821",
        origin="ORY",
        destination="NCE",
        departs="2027-05-14T08:10:00",
        arrives="2027-05-14T09:45:00",
        cabin="economy",
        fare_class="Q",
    )
    assert offer.details == FlightDetails(
        itineraries=(Itinerary(segments=(segment,), minutes=95),), seats=6, checked_bags=0
    )


@pytest.mark.parametrize("end", ["departure", "arrival"])
@pytest.mark.parametrize("time", ["2027-02-31T08:10:00", "2027-05-14T08:60:00"])
def test_a_flight_at_a_time_that_no_clock_shows_is_not_shown(end: str, time: str) -> None:
    ways = json.loads(FLIGHT)["itineraries"]
    ways[0]["segments"][0][end]["at"] = time
    with pytest.raises(ValueError, match=time):
        flight(itineraries=ways)


def test_the_total_is_the_grand_total_which_has_the_fees_in_it() -> None:
    price = {"currency": "EUR", "total": "426.80", "grandTotal": "436.80"}
    assert flight(price=price).total.amount == 43_680
    assert flight(price={"currency": "JPY", "total": "12000.00"}).total.amount == 12_000


def test_what_must_be_ticketed_at_once_cannot_be_held() -> None:
    assert not flight(instantTicketingRequired=True).can_hold


@pytest.mark.parametrize(
    ("bags", "count"),
    [
        ([{"quantity": 2}, {"quantity": 1}], 1),
        ([{"weight": 20, "weightUnit": "KG"}, {"quantity": 2}], 1),
        ([{"weight": 0}, None], 0),
        ([None, None], None),
    ],
)
def test_bags_are_those_that_everybody_may_check_in_on_every_flight(
    bags: list[Any], count: int | None
) -> None:
    def traveler(kind: str, bag: Any) -> dict[str, Any]:
        fare = {"segmentId": "11"} | ({"includedCheckedBags": bag} if bag else {})
        return {"travelerType": kind, "fareDetailsBySegment": [fare]}

    pricings = [traveler("ADULT", bags[0]), traveler("CHILD", bags[1])]
    infant = traveler("HELD_INFANT", {"quantity": 0})
    assert flight(travelerPricings=[*pricings, infant]).details.checked_bags == count


def test_a_priced_flight_keeps_what_the_answer_leaves_out() -> None:
    before = flight_offer(Raw(FLIGHT), NOW)
    after = priced_offer(Raw(PRICED), NOW + 5, before)
    assert bytes(after.token) == PRICED
    assert (after.total.amount, after.fetched_at) == (21_890, NOW + 5)
    assert after.details == before.details


WHITE = st.text(" \n\t\r", max_size=3)


@given(
    st.integers(0, 2**40),
    st.sampled_from(["EUR", "JPY", "KWD"]),
    st.dictionaries(
        st.text(min_size=1).filter(lambda key: key not in json.loads(FLIGHT)),
        st.text() | st.integers(-(2**53), 2**53) | st.lists(st.none() | st.booleans()),
        max_size=3,
    ),
    st.booleans(),
    WHITE,
)
def test_money_is_exact_and_the_token_is_the_suppliers_bytes(
    amount: int, currency: str, extra: dict[str, Any], is_ascii: bool, white: str
) -> None:
    total = Money(amount=amount, currency=currency)
    price = {"currency": currency, "total": "1", "grandTotal": decimal_text(total)}
    payload = {**extra, **json.loads(FLIGHT), "price": price}
    text = json.dumps(payload, ensure_ascii=is_ascii, separators=("," + white, white + ":"))
    said = text.encode("utf-8", "surrogatepass")
    offer = flight_offer(Raw(said), NOW)
    assert offer.total == total
    assert bytes(offer.token) == said
    posted = pricing_body(offer.token)
    start = '{"data":{"type":"flight-offers-pricing","flightOffers":['
    assert posted.encode() == start.encode() + said + b"]}}"
    assert json.loads(posted)["data"]["flightOffers"] == [payload]


@pytest.mark.parametrize(
    "price",
    [
        {"currency": "EUR", "total": "213.405"},
        {"currency": "EUR", "total": 213.4},
        {"currency": "EUR", "total": "-1.00"},
        {"currency": "eur", "total": "1.00"},
        {"total": "1.00"},
    ],
)
def test_a_price_that_is_not_exact_is_not_shown(price: dict[str, Any]) -> None:
    with pytest.raises((ValueError, MsgspecError)):
        flight(price=price)
    with pytest.raises((ValueError, MsgspecError)):
        room(price=price)


def test_an_offer_too_large_to_keep_is_not_shown() -> None:
    with pytest.raises(ValueError, match="bytes"):
        flight(padding="x" * 300_000)
    with pytest.raises(ValueError, match="bytes"):
        room(padding="x" * 300_000)


def test_adults_in_economy_are_searched_for_by_a_query() -> None:
    query = replace(FLIGHTS, return_on="2027-05-17", party=Party(adults=3))
    assert plain_search(query, currency="EUR", most=50) == {
        "originLocationCode": "PAR",
        "destinationLocationCode": "NCE",
        "departureDate": "2027-05-14",
        "returnDate": "2027-05-17",
        "adults": "3",
        "travelClass": "ECONOMY",
        "currencyCode": "EUR",
        "max": "50",
    }


@pytest.mark.parametrize(
    "query",
    [
        replace(FLIGHTS, cabin="business"),
        replace(FLIGHTS, party=Party(adults=1, children_ages=(7,))),
    ],
)
def test_children_and_cabins_are_posted(query: Any) -> None:
    assert plain_search(query, currency="EUR", most=50) is None
    body = posted_search(replace(query, return_on="2027-05-17"), currency="EUR", most=20)
    assert [way["originLocationCode"] for way in body["originDestinations"]] == ["PAR", "NCE"]
    assert len(body["travelers"]) == 1 + len(query.party.children_ages)
    filters = body["searchCriteria"]["flightFilters"]
    assert filters["cabinRestrictions"] == [
        {
            "cabin": query.cabin.upper(),
            "coverage": "MOST_SEGMENTS",
            "originDestinationIds": ["1", "2"],
        }
    ]


def test_ages_decide_what_a_traveller_is_and_laps_run_out() -> None:
    party = Party(adults=1, children_ages=(1, 17, 0, 11, 12, 2))
    assert [each["travelerType"] for each in travelers(party)] == [
        *["ADULT"] * 3,
        *["CHILD"] * 2,
        "SEATED_INFANT",
        "HELD_INFANT",
    ]
    assert travelers(party)[-1]["associatedAdultId"] == "1"
    assert seated(party) == 6


def test_a_room_is_read_as_the_reference_writes_it() -> None:
    offer = room_offer(PALACE, Raw(ROOM), TWO, NOW)
    assert bytes(offer.token) == ROOM
    assert offer.total == Money(amount=40_260, currency="EUR")
    assert not offer.can_hold
    assert offer.expires_at == NOW + 1_200_000
    assert offer.details == HotelDetails(
        hotel_id="ZZNCE001",
        name="SANDBOX PALACE",
        at=GeoPoint(latitude=43.69, longitude=7.26),
        check_in="2027-05-14",
        check_out="2027-05-17",
        room="STANDARD ROOM",
        free_until=1_810_137_600_000,  # 2027-05-12T16:00:00Z
    )
    assert offer_id(offer.token) == "SBX9K2M4QA"


def test_a_price_of_one_room_is_multiplied_by_the_rooms() -> None:
    offer = room_offer(PALACE, Raw(ROOM), Party(adults=5, rooms=3), NOW)
    assert offer.total.amount == 3 * 40_260
    assert (
        room(price={"currency": "EUR", "total": "1.00", "sellingTotal": "2.00"}).total.amount == 200
    )


@pytest.mark.parametrize("day", ["2027-02-31", "2027-13-01"])
def test_a_stay_on_days_that_are_none_is_not_shown(day: str) -> None:
    """Nights are counted by whoever holds it against a budget."""
    for end in ("checkInDate", "checkOutDate"):
        with pytest.raises(ValueError, match=r"day|month"):
            room(**{end: day})


@pytest.mark.parametrize(
    "policies",
    [
        {},
        {"cancellation": {"type": "FULL_STAY"}},
        {"cancellation": {"deadline": "2027-05-12T18:00:00"}},
        {"cancellation": {"deadline": "2027-05-01T18:00:00+02:00"}},
        {"cancellations": [{"deadline": "2027-05-12T18:00:00Z"}, {"deadline": "soon"}]},
    ],
)
def test_a_deadline_that_is_past_or_not_exact_promises_nothing(policies: dict[str, Any]) -> None:
    assert room(policies=policies).details.free_until is None


def test_the_first_of_several_deadlines_counts() -> None:
    deadlines = [{"deadline": f"2027-05-1{day}T18:00:00Z"} for day in (3, 2)]
    assert room(policies={"cancellations": deadlines}).details.free_until == 1_810_144_800_000


@pytest.mark.parametrize(
    ("party", "guests"),
    [
        (Party(adults=2), 2),
        (Party(adults=5, rooms=2), 3),
        (Party(adults=2, children_ages=(5, 1)), 3),
        (Party(adults=1, rooms=2), 1),
    ],
)
def test_a_room_sleeps_its_part_of_the_party(party: Party, guests: int) -> None:
    assert guests_per_room(party) == guests


def test_hotels_are_asked_about_twenty_at_a_time_as_csv() -> None:
    many = [wire.ListedHotel(hotel_id=f"ZZNCE{n:03}") for n in range(50)]
    odd = [wire.ListedHotel(hotel_id="A,B"), many[0]]
    found = list(batches([*odd, *many], 45))
    assert [len(batch) for batch in found] == [20, 20, 5]
    params = rooms_search(replace(HOTELS, party=Party(adults=4, rooms=2)), found[2], currency="EUR")
    assert params == {
        "hotelIds": "ZZNCE040,ZZNCE041,ZZNCE042,ZZNCE043,ZZNCE044",
        "adults": "2",
        "checkInDate": "2027-05-14",
        "checkOutDate": "2027-05-17",
        "roomQuantity": "2",
        "currency": "EUR",
        "bestRateOnly": "true",
    }


@pytest.mark.parametrize("token", [b"{}", b'{"id":"../../v1/x"}', FLIGHT, b'{"id":"a"'])
def test_what_is_no_rooms_id_never_stands_in_a_path(token: bytes) -> None:
    assert offer_id(Raw(token)) is None


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (401, 38190, "token"),
        (401, 38192, "token"),
        (401, 38193, "config"),
        (401, 39683, "config"),
        (401, 39686, "config"),
        (401, "38191", "bug"),
        (401, 38187, "config"),
        (400, 38187, "config"),
        (403, 38197, "config"),
        (404, 38196, "bug"),
        (404, 1797, "not_found"),
        (429, 38194, "too_fast"),
        (429, 38195, "quota"),
        (400, 477, "malformed"),
        (400, 2668, "malformed"),
        (400, 2781, "malformed"),
        (400, 32171, "malformed"),
        (400, 425, "malformed"),
        (400, 572, "malformed"),
        (400, 10661, "malformed"),
        (400, 4926, "stale"),
        (400, 34651, "sold_out"),
        (400, 37200, "price_changed"),
        (400, 34107, "refused"),
        (400, 38034, "refused"),
        (400, 36870, "trouble"),
        (400, 9112, "refused"),
        (400, 1304, "refused"),
        (500, 141, "trouble"),
        (500, 38189, "trouble"),
        (502, None, "trouble"),
        (503, None, "trouble"),
        (504, None, "trouble"),
        (400, 25860, "trouble"),
        (400, 99_999, "refused"),
        (401, None, "config"),
        (404, None, "not_found"),
        (429, None, "too_fast"),
        (302, None, "bug"),
    ],
)
def test_each_code_means_what_the_table_says(status: int, code: object, verdict: str) -> None:
    error = {"status": str(status), "code": code, "title": "T"}
    assert wire_error(status, {"errors": [error]}).verdict == verdict


@pytest.mark.parametrize(
    ("status", "said", "code"), [(400, 500, 141), (400, "500", 4926), (500, 400, 477)]
)
def test_whichever_status_speaks_of_a_server_error_is_believed(
    status: int, said: object, code: int
) -> None:
    error = wire_error(status, {"errors": [{"status": said, "code": code}]})
    assert error.verdict == "trouble"


def test_the_tokens_errors_have_a_shape_of_their_own() -> None:
    body = {
        "error": "invalid_client",
        "error_description": "Client credentials are invalid",
        "code": 38187,
        "title": "Invalid parameters",
    }
    error = wire_error(401, body)
    assert (error.verdict, error.detail) == ("config", "Client credentials are invalid")


def test_what_is_kept_of_a_refused_order_repeats_nothing_that_was_asked() -> None:
    words = {"status": 400, "code": 34651, "title": "SEGMENT SELL FAILURE", "detail": "BYRON/ADA"}
    proof = wire_error(400, {"errors": [words]}).proof
    assert proof is not None
    assert (proof.kind, proof.detail) == ("sold_out", "400 34651 SEGMENT SELL FAILURE")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["errors", "code", "status", "title", "error"]), inner
            )
        ),
    )
)
def test_an_error_of_any_shape_is_judged(result: object) -> None:
    assert wire_error(400, result).verdict
    assert str(wire_error(400, result))
