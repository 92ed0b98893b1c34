"""With whom somebody wants to fly, and when."""

from typing import Any

import pytest
from dialogue_world import flight

from actors.persona.flying import ANYHOW, Flying, Window, flies_so, flying
from actors.persona.hints import folded
from protocol.travel import FlightDetails

MORNING, EVENING = (240, 720), (1020, 1440)


def window(end: Any, span: tuple[int, int], way: int = 0) -> Flying:
    return Flying(windows=(Window(way=way, end=end, span=span),))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("only with lufthansa", Flying(carriers=("LH",))),
        ("nur Lufthansa", Flying(carriers=("LH",))),
        ("nur mit Lufthansa bitte", Flying(carriers=("LH",))),
        ("con Iberia o con Vueling", Flying(carriers=("IB", "VY"))),
        ("pas avec Ryanair", Flying(not_with=("FR",))),
        ("no ryanair please", Flying(not_with=("FR",))),
        ("leaving in the evening", window("departs", EVENING)),
        ("abends abfliegen", window("departs", EVENING)),
        ("por la mañana", window("departs", MORNING)),
        ("arriving before noon", window("arrives", (0, 720))),
        ("landing by 9pm", window("arrives", (0, 21 * 60))),
        ("llegar antes de las 11:30", window("arrives", (0, 690))),
        ("départ après 18h", window("departs", (1080, 1440))),
        ("Ankunft vor 10 Uhr", window("arrives", (0, 600))),
        ("back in the evening", window("departs", EVENING, way=1)),
        ("an evening flight back please", window("departs", EVENING, way=1)),
        (
            "on tuesday morning, back thursday evening",
            Flying(
                windows=(
                    *window("departs", MORNING).windows,
                    *window("departs", EVENING, 1).windows,
                )
            ),
        ),
        ("good morning", ANYHOW),
        ("before 12 may", ANYHOW),
        ("after 3 days", ANYHOW),
        ("with swiss friends", ANYHOW),
        ("lufthansa is on strike", ANYHOW),
        ("mañana", ANYHOW),
        ("", ANYHOW),
    ],
)
def test_what_is_said_of_flying_is_found(text: str, wanted: Flying) -> None:
    assert flying(folded(text)) == wanted


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("in the morning", True),
        ("leaving in the evening", False),
        ("arriving before noon", True),
        ("landing after noon", False),
        ("with lufthansa", False),
        ("not with lufthansa", True),
        ("back in the evening", True),
    ],
)
def test_a_flight_is_held_against_it(text: str, fits: bool) -> None:
    """It departs at 8:10 and arrives at 9:05, one way, with YY."""
    details = flight(1).source.details
    assert isinstance(details, FlightDetails)
    assert flies_so(flying(text), details) is fits


def test_what_arrives_on_another_day_arrives_too_late() -> None:
    details = flight(1, arrives="2027-02-06T09:05:00").source.details
    assert isinstance(details, FlightDetails)
    assert not flies_so(flying("arriving before noon"), details)


def test_what_says_nothing_is_not_what_was_wanted() -> None:
    nothing = FlightDetails(itineraries=())
    assert flies_so(ANYHOW, nothing)
    assert not flies_so(Flying(carriers=("LH",)), nothing)
