"""Which facts an act may be worded with."""

from dataclasses import replace
from typing import Any

import pytest
from dialogue_world import FEBRUARY, LISBON, TODAY, flight, hotel, mention, place

from actors.persona.dialogue import Trip
from actors.persona.line import Line, Subject, Trend
from actors.persona.plans import Manner, plan_of
from actors.persona.when import when
from protocol.travel import Party
from protocol.understanding import Budget, Dates, PartySaid, PlaceMention
from protocol.wording import Plan

STAY = when(FEBRUARY, TODAY)
SHOWN = Line(
    act="show_hotels",
    trip=Trip(destination=LISBON, dates=FEBRUARY, seeking="hotels"),
    stay=STAY,
    items=(hotel(1), hotel(2)),
    places=(place(),),
)


def planned(line: Line, language: Any = "en") -> Plan:
    manner = Manner(voice="local", language=language, user="Ada", persona="Nova", today=TODAY)
    return plan_of(line, manner, {"LIS": place(), "lisbon-pt": place()})


def test_what_is_shown_is_named_with_where_and_when() -> None:
    plan = planned(SHOWN)
    assert plan.act == "show_hotels"
    assert plan.facts["destination"] == "Lisbon"
    assert plan.facts["dates"] == "from 5 to 7 February"
    assert plan.facts["count"] == "2 hotels"
    assert plan.facts["offer.1.name"] == "Casa Branca"
    assert "offer.3.name" not in plan.facts
    assert "party" not in plan.facts


def test_a_budget_that_could_not_be_held_against_prices_is_not_claimed() -> None:
    euros, pounds = (Budget(amount=150, currency=code, per="night") for code in ("EUR", "GBP"))
    assert planned(replace(SHOWN, budget=euros)).facts["budget"] == "up to €150 a night"
    assert "budget" not in planned(replace(SHOWN, budget=pounds)).facts


def test_ages_that_were_made_up_are_said() -> None:
    family = Party(adults=1, children_ages=(8, 8))
    plan = planned(replace(SHOWN, party=family, ages_assumed=True))
    assert "8" in plan.facts["party"]
    plan = planned(replace(SHOWN, party=replace_ages(family, (4, 4))))
    assert "8" not in plan.facts["party"]


def replace_ages(party: Party, ages: tuple[int, ...]) -> Party:
    return Party(adults=party.adults, children_ages=ages)


def test_hotels_of_a_city_that_nobody_named_say_where_they_are() -> None:
    plan = planned(replace(SHOWN, trip=Trip(dates=FEBRUARY), places=(place(), place("Porto"))))
    assert "destination" not in plan.facts
    assert plan.facts["offer.1.name"] == "Casa Branca, Lisbon"


def test_hotels_of_a_town_near_by_say_where_they_are() -> None:
    plan = planned(replace(SHOWN, places=(place("Sintra", iata=None, airports=("LIS",)),)))
    assert plan.facts["destination"] == "Sintra"
    assert plan.facts["offer.1.name"] == "Casa Branca, Lisbon"


def test_of_what_costs_least_the_words_say_that_nothing_costs_less() -> None:
    shown = replace(SHOWN, items=SHOWN.items[:1])
    detail = planned(shown).facts["offer.1.detail"]
    plan = planned(replace(shown, is_least=True))
    assert plan.facts["offer.1.detail"] == f"{detail}, nothing cheaper found"


def test_one_way_has_one_day() -> None:
    trip = Trip(destination=LISBON, seeking="flights", dates=Dates(from_="2027-02-05"))
    stay = when(trip.dates, TODAY)
    plan = planned(Line(act="show_flights", trip=trip, stay=stay, items=(flight(1),)))
    assert plan.facts["dates"] == "on 5 February"


@pytest.mark.parametrize(
    ("line", "act"),
    [
        (
            Line(
                act="detail",
                items=(hotel(1, stars=None),),
                attributes=("bags",),
                subject=Subject(at=0, kind="hotels"),
            ),
            "unknown_detail",
        ),
        (
            Line(
                act="detail",
                items=(hotel(1),),
                attributes=("stars",),
                subject=Subject(at=0, kind="hotels"),
            ),
            "detail",
        ),
        (Line(act="detail", items=(place(climate=(), tags=()),)), "unknown_detail"),
        (Line(act="weather", places=(place(climate=()),), month=3), "unknown_detail"),
        (Line(act="weather", places=(place(),), month=3), "weather"),
        (Line(act="price_trend"), "no_price_trend"),
        (Line(act="price_trend", trend=Trend(change=0.06, days=14)), "price_trend"),
        (Line(act="open_hotels"), "open_places"),
        (Line(act="open_hotels", trip=Trip(destination=(PlaceMention(name="{}"),))), "open_places"),
        (Line(act="show_hotels"), "nothing_found"),
        (Line(act="unknown_detail"), "ask_again"),
        (Line(act="noted", trip=Trip(party=PartySaid(adults=2))), "noted"),
        (Line(act="noted", trip=Trip()), "smalltalk"),
        (Line(act="stopped", subject=Subject()), "stopped"),
        (Line(act="stopped", subject=Subject(intent="book")), "stopped"),
        (Line(act="confirm", subject=Subject(intent="book", at=1, kind="hotels")), "confirm"),
        (Line(act="learned"), "learned"),
        (Line(act="compare", items=(place(), place("Porto"))), "compare"),
        (Line(act="compare", items=(place(),)), "ask_again"),
    ],
)
@pytest.mark.parametrize("language", ["en", "de", "es", "fr"])
def test_an_act_without_what_it_must_say_becomes_another(
    line: Line, act: str, language: Any
) -> None:
    plan = planned(line, language)
    assert plan.act == act
    plan.demanded()


def test_what_was_asked_is_all_that_is_told() -> None:
    line = Line(
        act="detail",
        items=(hotel(1, board="BREAKFAST"),),
        attributes=("board", "bags"),
        subject=Subject(at=0, kind="hotels"),
    )
    assert planned(line).facts["detail"] == "breakfast included"
    assert planned(line).facts["what"] == "the first hotel"


def test_places_said_in_english_are_named_in_the_reader_s_language() -> None:
    lisbon = place(names={"en": "Lisbon", "de": "Lissabon"})
    manner = Manner(voice="local", language="de", user="", persona="", today=TODAY)
    line = Line(act="open_hotels", trip=Trip(destination=(mention("Lisbon"),)))
    assert plan_of(line, manner, {"lisbon-pt": lisbon}).facts["destination"] == "Lissabon"
    assert plan_of(line, manner, {}).facts["destination"] == "Lisbon"
