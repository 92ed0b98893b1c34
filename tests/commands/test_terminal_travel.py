"""`/flights` and `/hotels`: what people type, and what they read."""

from typing import Any

import pytest

from commands.terminal_travel import (
    Flights,
    Rooms,
    TypedWrong,
    flights_of,
    is_code,
    offer_line,
    offer_lines,
    rooms_of,
)


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (
            "PAR 2027-05-14",
            Flights(origin=None, destination="PAR", depart_on="2027-05-14"),
        ),
        (
            "Lisbon 'New York' 2027-05-14 2027-05-21 3",
            Flights(
                origin="Lisbon",
                destination="New York",
                depart_on="2027-05-14",
                return_on="2027-05-21",
                adults=3,
            ),
        ),
        (
            "LIS PAR 2027-05-14 2",
            Flights(origin="LIS", destination="PAR", depart_on="2027-05-14", adults=2),
        ),
    ],
)
def test_flights_are_typed_as_people_say_them(typed: str, asked: Flights) -> None:
    assert flights_of(typed) == asked


def test_hotels_have_a_place_two_days_and_perhaps_numbers() -> None:
    two = Rooms(place="Paris", check_in="2027-05-14", check_out="2027-05-17", adults=4, rooms=2)
    assert rooms_of("Paris 2027-05-14 2027-05-17 4 2") == two
    one = Rooms(place="Paris", check_in="2027-05-14", check_out="2027-05-17")
    assert rooms_of("Paris 2027-05-14 2027-05-17") == one


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "PAR",
        "2027-05-14",
        "LIS PAR ROM 2027-05-14",
        "PAR 2027-05-14 two",
        "PAR 2027-05-14 2 2027-05-15",
        "PAR 2027-05-14 1 1",
        "PAR 2027-02-30",
        "'PAR 2027-05-14",
        "PAR 14.5.2027",
    ],
)
def test_what_makes_no_sense_is_answered_by_how_to_type_it(typed: str) -> None:
    with pytest.raises(TypedWrong, match=r"/flights|calendar"):
        flights_of(typed)
    with pytest.raises(TypedWrong, match=r"/hotels|calendar"):
        rooms_of(typed)


def test_a_code_is_three_capital_letters() -> None:
    assert is_code("LIS")
    assert not any(map(is_code, ("Lis", "LISB", "L1S", "", "LIS\n")))


def segment(origin: str, destination: str, departs: str, arrives: str) -> dict[str, Any]:
    return {
        "carrier": "YY",
        "number": "4821",
        "origin": origin,
        "destination": destination,
        "departs": f"2027-05-14T{departs}:00",
        "arrives": f"2027-05-14T{arrives}:00",
    }


def card(**fields: Any) -> dict[str, Any]:
    details = {
        "kind": "hotel",
        "name": "Sandbox\x1b[31m Palace",
        "room": "Double",
        "checkIn": "2027-05-14",
        "checkOut": "2027-05-17",
    }
    shown = {
        "price": {"amount": 21340, "currency": "EUR"},
        "supplier": "amadeus",
        "canHold": False,
        "details": details,
    }
    return shown | fields


def test_an_offer_is_one_line_that_cannot_steer_the_terminal() -> None:
    ways = [
        {
            "segments": [
                segment("ORY", "LYS", "08:10", "09:00"),
                segment("LYS", "NCE", "10:00", "10:50"),
            ]
        },
        {"segments": [segment("NCE", "ORY", "20:00", "21:35")]},
    ]
    flight = card(
        canHold=True,
        isStale=True,
        price={"amount": 12000, "currency": "JPY"},
        details={"kind": "flight", "itineraries": ways},
    )
    assert offer_lines({"items": [card(), flight], "partial": False, "suppliers": []}) == [
        "  1     213.40 EUR  Sandbox·[31m Palace, Double, 2027-05-14 to 2027-05-17  (amadeus)",
        "  2      12000 JPY  2027-05-14 ORY 08:10 → NCE 10:50, 1 stop, YY4821 YY4821 / "
        "2027-05-14 NCE 20:00 → ORY 21:35, direct, YY4821  (amadeus, can be held, old price)",
    ]


def test_what_a_supplier_says_in_several_lines_is_told_in_one() -> None:
    """Amadeus describes rooms so; and what begins a line looks like somebody's message."""
    details = {**card()["details"], "name": "Palace", "room": "King bed\n 12 09:41 Bob: yes"}
    ways = [{"segments": [{**segment("ORY", "LYS", "08:10", "09:00"), "carrier": "A\nB"}]}]
    flight = card(details={"kind": "flight", "itineraries": ways}, supplier="of\nours")
    for shown in (card(details=details), flight):
        assert "\n" not in offer_line(1, shown)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "YY4821  ("),
        ({"checkedBags": 0, "isRefundable": False}, "YY4821  ("),
        ({"checkedBags": 1}, "YY4821, 1 bag  ("),
        ({"checkedBags": 2, "isRefundable": True}, "YY4821, 2 bags, refundable  ("),
    ],
)
def test_two_fares_of_the_same_flight_can_be_told_apart(
    fields: dict[str, object], said: str
) -> None:
    ways = [{"segments": [segment("NCE", "ORY", "20:00", "21:35")]}]
    flight = card(details={"kind": "flight", "itineraries": ways, **fields})
    (line,) = offer_lines({"items": [flight], "partial": False, "suppliers": []})
    assert said in line


def test_it_says_who_has_not_answered() -> None:
    suppliers = [
        {"name": "duffel", "state": "late"},
        {"name": "amadeus", "state": "failed"},
        {"name": "third", "state": "answered"},
    ]
    assert offer_lines({"items": [], "partial": True, "suppliers": suppliers}) == [
        "    Nothing found yet.",
        "    Still searching: duffel. Ask again to see more.",
        "    Not reachable now: amadeus.",
    ]
    assert offer_lines({"items": [], "partial": False, "suppliers": []}) == ["    Nothing found."]
    many = offer_lines({"items": [card()] * 12, "partial": False, "suppliers": []})
    assert many[-1] == "    … and 2 more"
