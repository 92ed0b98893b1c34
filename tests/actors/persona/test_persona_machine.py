"""The policy: what a persona does about a message."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from dialogue_world import FEBRUARY, LISBON, TODAY, Talk, flight, hotel, mention, place, reading
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.persona.company import NOBODY
from actors.persona.conclusions import conclude
from actors.persona.decisions import Heard, Look, Say, Silent
from actors.persona.dialogue import Dialogue, kind_of, likeness_of
from actors.persona.errands import Defaults, Findings, is_within, least, sifted
from actors.persona.hints import hints
from actors.persona.machine import decide, hear, passed_by
from actors.persona.plans import Manner, plan_of
from protocol.understanding import (
    ALWAYS_CONFIRMED,
    INTENTS,
    Budget,
    Dates,
    Language,
    PartySaid,
    PlaceMention,
    Question,
    Slots,
    Understanding,
)
from protocol.wording import REQUIRED

CHILDREN = Slots(
    dates=FEBRUARY, party=PartySaid(children=2), budget=Budget(amount=150, per="night")
)


def hotels_shown(**changes: Any) -> Talk:
    talk = Talk(**changes)
    slots = Slots(destination=LISBON, dates=FEBRUARY)
    assert talk.says(reading("search_hotel", slots=slots)) == ["open_hotels", "show_hotels"]
    return talk


# How sure a reading must be.


@pytest.mark.parametrize("intent", [one for one in INTENTS if one != "human_chatter"])
def test_below_two_fifths_nothing_is_done_but_asking_again(intent: Any) -> None:
    assert Talk().says(reading(intent, 0.39, second=("compare", 0.3))) == ["ask_again"]


@pytest.mark.parametrize("intent", ["search_hotel", "ask_destination", "weather", "book", "refine"])
def test_below_seven_tenths_the_two_best_readings_are_offered(intent: Any) -> None:
    talk = Talk()
    (line,) = talk.hears(reading(intent, 0.69, second=("compare", 0.2)))
    assert (line.act, line.readings) == ("clarify", (intent, "compare"))


@pytest.mark.parametrize(
    ("confidence", "acts"),
    [
        (0.39, ["ask_again"]),
        (0.4, ["clarify"]),
        (0.69, ["clarify"]),
        (0.7, ["open_hotels", "show_hotels"]),
    ],
)
def test_from_two_fifths_on_it_is_offered_and_from_seven_tenths_on_done(
    confidence: float, acts: list[str]
) -> None:
    slots = Slots(destination=LISBON, dates=FEBRUARY)
    some = reading("search_hotel", confidence, second=("compare", 0.2), slots=slots)
    assert Talk().says(some) == acts


@pytest.mark.parametrize("intent", ["greet", "thanks", "smalltalk", "complaint", "out_of_scope"])
def test_talk_is_answered_from_a_weak_reading(intent: Any) -> None:
    assert "clarify" not in Talk().says(reading(intent, 0.5, second=("book", 0.4)))


def test_the_reading_that_is_picked_is_the_one() -> None:
    talk = Talk()
    slots = Slots(destination=LISBON, dates=FEBRUARY)
    talk.says(reading("search_flight", 0.6, second=("search_hotel", 0.3), slots=slots))
    assert talk.says(reading("refine", 0.3), "the second") == ["open_hotels", "show_hotels"]


def test_who_asks_something_else_picks_neither_reading() -> None:
    talk = hotels_shown()
    talk.says(reading("book", 0.6, second=("refine", 0.3)))
    (line,) = talk.hears(reading("compare"), "compare the first two")
    assert (line.act, line.items) == ("compare", (hotel(1), hotel(2)))


def test_a_no_to_two_readings_picks_neither() -> None:
    talk = Talk()
    talk.says(reading("book", 0.6, second=("refine", 0.3)))
    assert talk.says(reading("cancel", 0.9), "no") == ["ask_again"]
    assert talk.dialogue.doubt is None


def test_a_no_to_what_was_shown_calls_nothing_off() -> None:
    assert hotels_shown().says(reading("cancel", 0.86), "no") == ["stopped"]
    assert Talk().says(reading("cancel", 0.86), "nope") == ["ask_again"]
    assert hotels_shown().says(reading("cancel", 0.86), "cancel it") == ["confirm"]


def test_a_yes_to_nothing_offers_no_booking() -> None:
    assert Talk().says(reading("book", 0.6, second=("cancel", 0.3)), "yes") == ["ask_again"]


def test_a_bare_place_that_was_read_weakly_is_shown() -> None:
    paris = Slots(destination=(mention("Paris"),))
    for confidence in (0.51, 0.39):
        assert Talk().says(reading("refine", confidence, slots=paris), "paris") == ["show_places"]


def test_hotels_are_asked_of_no_flight() -> None:
    talk = Talk(items=(flight(1), flight(2)), defaults=Defaults(home="DUB"))
    talk.says(reading("search_flight", slots=Slots(destination=LISBON, dates=FEBRUARY)))
    talk.items = (hotel(1), hotel(2))
    weak = reading("search_hotel", 0.55, second=("ask_detail", 0.4))
    assert talk.says(weak, "ok and hotels there?")[-1] == "show_hotels"
    assert talk.says(weak, "and the other hotels?")[-1] == "show_hotels"  # "others", of hotels
    assert talk.says(weak, "what of these hotels?") == ["clarify"]


def test_two_towns_that_were_read_weakly_are_compared() -> None:
    talk = Talk(places=(place("Rome"), place("Lisbon")))
    towns = Slots(destination=(mention("Rome"), mention("Lisbon")))
    weak = reading("compare", 0.6, second=("weather", 0.3), slots=towns)
    assert talk.says(weak, "rome or lisbon in may?") == ["compare"]


def test_a_bed_anywhere_and_ideas_where_to_go_are_one() -> None:
    weak = reading("search_hotel", 0.62, second=("ask_destination", 0.28), slots=CHILDREN)
    assert Talk().says(weak, "was warmes im februar mit 2 kindern")[-1] == "show_hotels"
    assert Talk().says(reading("search_hotel", 0.62, second=("weather", 0.28))) == ["clarify"]


def test_who_comes_along_is_noted_though_it_was_read_weakly() -> None:
    five = Slots(party=PartySaid(adults=2, children=3))
    for confidence in (0.5, 0.39):
        weak = reading("refine", confidence, slots=five)
        assert Talk().says(weak, "we are 2 adults, 3 kids") == ["noted"]


def test_what_was_to_be_booked_is_what_is_talked_of() -> None:
    talk = hotels_shown()
    assert talk.says(reading("book"), "book the second one") == ["confirm"]
    (line,) = talk.hears(reading("ask_detail"), "is breakfast included?")
    assert (line.act, line.items) == ("detail", (hotel(2),))


def test_a_comparison_of_one_is_none() -> None:
    talk = hotels_shown()
    weak = reading("compare", 0.65, second=("ask_detail", 0.26))
    (line,) = talk.hears(weak, "tell me more about the first")
    assert (line.act, line.items) == ("detail", (hotel(1),))


def test_a_doubtful_reading_settles_nothing_but_its_slots_count() -> None:
    talk = Talk()
    half = reading("search_flight", 0.6, second=("search_hotel", 0.3), slots=Slots(dates=FEBRUARY))
    assert talk.says(half) == ["clarify"]
    assert talk.dialogue.trip.seeking is None
    assert talk.dialogue.trip.dates == FEBRUARY


def test_who_goes_on_without_picking_a_reading_takes_the_likelier_one_for_granted() -> None:
    talk = Talk()
    half = reading("search_hotel", 0.6, second=("search_flight", 0.3), slots=Slots(dates=FEBRUARY))
    talk.says(half)
    lisbon = reading("refine", 0.5, slots=Slots(destination=LISBON))
    assert talk.says(lisbon, "in lisbon")[-1] == "show_hotels"


def test_a_bed_or_an_idea_is_a_bed_where_a_town_was_said_and_an_idea_in_a_country() -> None:
    for said, act in (
        (LISBON, "show_hotels"),
        ((PlaceMention(name="Portugal", country="PT"),), "show_places"),
    ):
        slots = Slots(destination=said, dates=FEBRUARY)
        half = reading("ask_destination", 0.6, second=("search_hotel", 0.3), slots=slots)
        assert Talk().says(half, "accessible, in february")[-1] == act


def test_of_a_bed_and_a_flight_the_one_that_is_named_is_meant() -> None:
    slots = Slots(destination=LISBON, dates=FEBRUARY)
    half = reading("search_flight", 0.6, second=("search_hotel", 0.3), slots=slots)
    assert Talk().says(half, "what hotels are accessible?")[-1] == "show_hotels"
    assert Talk().says(half, "lisbon in february") == ["clarify"]
    talk = Talk(items=(place(), place("Porto")), defaults=Defaults(home="DUB"))
    talk.says(reading("ask_destination", slots=Slots(dates=FEBRUARY)))
    talk.items = (flight(1),)
    assert talk.says(reading("ask_detail", 0.6), "flights to the first?")[-1] == "show_flights"
    assert [one.name for one in talk.errand.trip.destination] == ["Lisbon"]


def test_cheaper_places_are_others_and_cheap_ones() -> None:
    talk = Talk(places=(place(), place("Porto")), items=())
    talk.says(reading("ask_destination"), "where to?")
    talk.says(reading("refine"), "too expensive")
    assert talk.errand.not_these == {"place:lisbon-pt", "place:porto-pt"}


def test_a_flight_to_a_beach_shows_places_first_and_no_rooms() -> None:
    talk = Talk(items=())
    slots = Slots(origin=(mention("Dublin"),), dates=FEBRUARY, party=PartySaid(adults=3))
    assert talk.says(reading("search_flight", slots=slots), "beach from dublin") == ["show_places"]
    assert talk.errand.tools == ("places", "recommend")
    assert Talk().says(reading("search_flight", slots=slots), "from dublin") == ["ask"]


def test_from_one_place_to_another_is_a_flight_however_weakly_it_is_read() -> None:
    slots = Slots(destination=LISBON, origin=(mention("Dublin"),), dates=FEBRUARY)
    weak = reading("search_flight", 0.5, second=("weather", 0.3), slots=slots)
    assert Talk(items=(flight(1),)).says(weak, "dub lis feb")[-1] == "show_flights"


@pytest.mark.parametrize(
    ("intent", "second", "act"),
    [
        ("ask_destination", "refine", "show_hotels"),
        ("search_hotel", "complaint", "ask"),
        ("search_hotel", "weather", "ask"),
        ("search_hotel", "search_flight", "clarify"),
    ],
)
def test_nobody_is_asked_which_of_two_readings_where_one_of_them_says_nothing(
    intent: Any, second: Any, act: str
) -> None:
    slots = Slots(dates=FEBRUARY, party=PartySaid(adults=2))
    half = reading(intent, 0.6, second=(second, 0.3), slots=slots)
    assert Talk().says(half, "in february for two")[-1] == act
    change = reading("refine", 0.6, second=("ask_destination", 0.3))
    assert Talk().says(change, "the beach, cheap") == ["show_places"]


def test_a_change_of_what_is_sought_is_one_though_it_may_be_another_search() -> None:
    talk = Talk(items=(flight(1),), defaults=Defaults(home="DUB"))
    talk.says(reading("search_flight", slots=Slots(destination=LISBON, dates=FEBRUARY)))
    half = reading("refine", 0.6, second=("search_flight", 0.3))
    assert talk.says(half, "something nicer")[-1] == "show_flights"


def test_a_place_and_a_time_alone_show_the_place_and_ask_for_no_weather() -> None:
    slots = Slots(destination=LISBON, dates=FEBRUARY)
    bare = reading("ask_destination", 0.5, second=("weather", 0.9), slots=slots)
    assert Talk(items=()).says(bare, "lisbon in february")[-1] == "show_places"


def test_a_first_day_that_is_put_right_keeps_the_flight_back() -> None:
    talk = Talk(items=(flight(1),), defaults=Defaults(home="DUB"))
    slots = Slots(destination=LISBON, dates=Dates(from_="2027-05-10", to="2027-05-17"))
    talk.says(reading("search_flight", slots=slots))
    talk.says(reading("refine", slots=Slots(dates=Dates(from_="2027-05-12"))), "from the 12th")
    assert (talk.errand.stay.start.day, talk.errand.stay.end.day) == (12, 17)
    assert not talk.errand.stay.is_lone
    elsewhere = Slots(destination=(mention("Porto"),), dates=Dates(from_="2027-05-12"))
    talk.says(reading("search_flight", slots=elsewhere))
    assert talk.errand.stay.is_lone


def test_of_what_lies_on_the_table_a_word_that_turns_away_is_sure() -> None:
    talk = hotels_shown()
    assert talk.says(reading("book", 0.2), "cheaper please")[-1] == "show_hotels"
    assert talk.says(reading("refine", 0.5), "something by the sea")[-1] == "show_hotels"
    assert talk.says(reading("human_chatter", 0.5), "he wants it cheaper") == []
    assert Talk().says(reading("refine", 0.2), "cheaper please") == ["ask_again"]


def test_of_what_lies_on_the_table_bare_days_are_a_change_of_it() -> None:
    talk = hotels_shown()
    days = Slots(dates=Dates(from_="2027-02-12", to="2027-02-16"))
    assert (
        talk.says(reading("price_trend", 0.3, slots=days), "12 feb to 16 feb")[-1] == "show_hotels"
    )
    assert talk.errand.stay.nights == 4
    assert Talk().says(reading("price_trend", 0.3, slots=days)) == ["ask_again"]


@pytest.mark.parametrize("text", ["the cheapest one please", "#3", "la última", "das dritte"])
def test_a_bare_pick_of_what_lies_on_the_table_is_told_of(text: str) -> None:
    prices = (240_00, 300_00, 180_00)
    talk = hotels_shown(items=tuple(hotel(at, price) for at, price in enumerate(prices, 1)))
    for confidence in (0.62, 0.9):
        (line,) = talk.hears(reading("book", confidence, second=("refine", 0.2)), text)
        assert (line.act, line.items) == ("detail", (hotel(3, 180_00),))
    assert Talk().says(reading("book", 0.62, second=("refine", 0.2)), text) == ["clarify"]


@pytest.mark.parametrize(
    "text", ["why that one?", "¿por qué ese?", "warum das?", "pourquoi celui-là ?"]
)
def test_who_asks_why_is_told_what_spoke_for_it(text: str) -> None:
    talk = hotels_shown()
    assert talk.dialogue.table is not None
    talk.dialogue = talk.dialogue.showing(replace(talk.dialogue.table, because="refundable"))
    for one in (reading("ask_detail", 0.6, second=("complaint", 0.2)), reading("human_chatter")):
        (line,) = talk.hears(one, text)
        assert (line.act, line.items, line.because) == ("detail", (hotel(1),), "refundable")
    (line,) = talk.hears(reading("ask_detail"), "why the second?")
    assert (line.act, line.items, line.because) == ("detail", (hotel(2),), None)
    assert Talk().says(reading("human_chatter"), text) == []


@pytest.mark.parametrize(
    "text", ["not the first one", "nicht das erste", "no la primera", "pas le premier"]
)
def test_what_is_turned_down_is_shown_no_more(text: str) -> None:
    talk = hotels_shown()
    assert talk.says(reading("refine", 0.6, second=("book", 0.2)), text)[-1] == "show_hotels"
    assert sifted(talk.errand, [hotel(1), hotel(2)]) == [hotel(2)]
    talk.says(reading("refine"), "cheaper")
    assert likeness_of(hotel(1)) in talk.errand.not_these
    talk.dialogue = talk.dialogue.without("m2")
    talk.says(reading("refine"), "and a week later?")
    assert likeness_of(hotel(1)) not in talk.errand.not_these


def test_not_that_one_turns_down_what_was_talked_of_or_all_that_lies_there() -> None:
    talk = hotels_shown()
    talk.says(reading("ask_detail"), "tell me more about the second")
    talk.says(reading("cancel", 0.8), "not that one")
    assert sifted(talk.errand, [hotel(1), hotel(2)]) == [hotel(1)]
    talk = hotels_shown()
    talk.says(reading("refine", 0.8), "no, not this one")
    assert sifted(talk.errand, [hotel(1), hotel(4)]) == [hotel(4)]


@pytest.mark.parametrize(
    "text", ["damn thats pricey lol", "a bit expensive isnt it", "ziemlich teuer", "un peu cher"]
)
def test_what_is_dear_is_to_be_cheaper(text: str) -> None:
    talk = hotels_shown()
    assert talk.says(reading("complaint", 0.44, second=("thanks", 0.3)), text)[-1] == "show_hotels"
    assert talk.errand.below is not None


def test_a_turn_of_the_search_in_no_other_words_is_for_whom_showed_it() -> None:
    talk = Talk(items=(flight(1), flight(2)), defaults=Defaults(home="DUB"))
    talk.says(reading("search_flight", slots=Slots(destination=LISBON, dates=FEBRUARY)))
    assert talk.says(reading("human_chatter", 0.56), "economy again")[-1] == "show_flights"
    assert talk.errand.cabin == "economy"
    assert talk.says(reading("human_chatter", 0.9), "show me others")[-1] == "show_flights"
    assert sifted(talk.errand, [flight(1), flight(2), flight(3)]) == [flight(3)]
    assert talk.says(reading("human_chatter", 0.9), "he wants economy") == []


def test_what_is_true_of_the_town_is_no_reason_for_a_room_in_it() -> None:
    talk = hotels_shown()
    findings = Findings(items=(hotel(1), hotel(2)), because="tags.coast")
    assert conclude(talk.errand, findings).line.because is None
    assert conclude(talk.errand, replace(findings, because="price")).line.because == "price"
    towns = Findings(places=(place("Lisbon"), place("Porto")), because="tags.coast")
    talk.says(reading("ask_destination"))
    assert conclude(talk.errand, replace(towns, items=towns.places)).line.because == "tags.coast"


def test_with_whom_and_when_to_fly_sifts_until_it_is_taken_back() -> None:
    early, late = flight(1), flight(2, departs="2027-02-05T19:10:00", arrives="2027-02-05T21:05:00")
    talk = Talk(items=(early, late), defaults=Defaults(home="DUB"))
    talk.says(reading("search_flight", slots=Slots(destination=LISBON, dates=FEBRUARY)))
    weak = reading("refine", 0.6, second=("plan_add", 0.27))
    assert talk.says(weak, "leaving in the evening")[-1] == "show_flights"
    assert sifted(talk.errand, [early, late]) == [late]
    talk.says(reading("refine"), "cheaper")
    assert sifted(replace(talk.errand, below=None), [early, late]) == [late]
    talk.says(weak, "only with lufthansa")
    assert sifted(talk.errand, [early, late]) == []
    talk.says(weak, "ok whatever airline")
    assert sifted(talk.errand, [early, late]) == [early, late]


def test_an_evening_says_nothing_of_a_room() -> None:
    talk = hotels_shown()
    assert talk.says(
        reading("refine", 0.6, second=("weather", 0.2)), "we arrive in the evening"
    ) == ["clarify"]


@pytest.mark.parametrize(
    "text", ["bye!", "ok thanks, see you later", "tschüss", "hasta luego", "au revoir Nova"]
)
def test_who_takes_leave_is_not_asked_what_is_on_the_list(text: str) -> None:
    assert Talk().says(reading("smalltalk", 0.5, second=("greet", 0.3)), text) == ["welcome_thanks"]
    assert Talk().says(reading("human_chatter"), text) == []


@pytest.mark.parametrize(
    "intent", ["search_flight", "search_hotel", "ask_destination", "search_activity"]
)
def test_of_a_whole_part_of_the_world_places_are_shown_first(intent: Any) -> None:
    talk = Talk()
    asia = Slots(destination=(mention("Asia", place_id=None),))
    assert talk.says(reading(intent, slots=asia))[-1] == "show_places"
    assert talk.errand.seeking == "places"


@pytest.mark.parametrize(
    ("intent", "text"),
    [
        ("cancel", "yes, cancel the reminder"),
        ("book", "ok book the table for 8"),
        ("pay", "i'll pay"),
    ],
)
def test_what_people_book_and_pay_among_themselves_is_theirs(intent: Any, text: str) -> None:
    assert Talk().says(reading(intent), text, is_aside=True) == []
    assert Talk().says(reading(intent), text) == ["confirm"]
    assert hotels_shown().says(reading("book"), "book the first", is_aside=True) == ["confirm"]


def test_a_nice_that_was_for_somebody_else_is_not_answered() -> None:
    assert Talk().says(reading("thanks", 0.95), "ooh nice", is_aside=True) == []


def test_more_of_what_was_talked_of_is_asked_of_it() -> None:
    talk = hotels_shown()
    talk.says(reading("ask_detail"), "the last one")
    (line,) = talk.hears(
        reading("ask_detail", 0.5, second=("refine", 0.4)), "tell me more about it"
    )
    assert (line.act, line.items) == ("detail", (hotel(3),))


def test_rather_than_asking_whether_it_was_talk_a_place_is_shown() -> None:
    weak = reading("ask_destination", 0.5, second=("smalltalk", 0.4))
    assert Talk().says(weak, "ok then find me something nice") == ["show_places"]


def test_a_complaint_that_says_what_is_wrong_puts_it_right() -> None:
    talk = hotels_shown()
    march = Slots(dates=Dates(month="2027-03"))
    assert talk.says(reading("complaint", slots=march), "wrong, i said march")[-1] == "show_hotels"
    assert talk.errand.stay.start.month == 3
    assert talk.says(reading("complaint"), "that's wrong") == ["sorry"]
    nobody_shown = Talk()
    nobody_shown.says(reading("search_hotel"), "a hotel")
    assert nobody_shown.says(reading("complaint", 0.1, slots=march), "hm") == ["ask_again"]
    assert Talk().says(reading("complaint", slots=march)) == ["sorry"]


def test_back_on_sunday_is_the_sunday_after_the_flight_out() -> None:
    talk = Talk(items=(flight(1),), defaults=Defaults(home="DUB"))
    talk.says(
        reading("search_flight", slots=Slots(destination=LISBON, dates=Dates(from_="2026-12-11")))
    )
    talk.says(reading("refine", slots=Slots(dates=Dates(to="2026-11-29"))), "coming back sunday")
    assert (talk.errand.stay.start.isoformat(), talk.errand.stay.end.isoformat()) == (
        "2026-12-11",
        "2026-12-13",
    )


# Chatter.


def test_people_among_themselves_are_left_alone_and_the_question_stays_open() -> None:
    talk = Talk()
    assert talk.says(reading("search_hotel")) == ["ask"]
    assert talk.says(reading("human_chatter")) == []
    assert talk.says(reading("refine", slots=Slots(destination=LISBON, dates=FEBRUARY))) == [
        "open_hotels",
        "show_hotels",
    ]


def test_who_is_named_and_understands_nothing_says_so() -> None:
    assert Talk().says(reading("human_chatter"), is_explicit=True) == ["ask_again"]
    assert Talk().says(reading("human_chatter", addressed=0.1), is_explicit=True) == []


# Missing slots.


def test_one_thing_is_asked_at_a_time_and_the_search_begins_when_it_can() -> None:
    talk = Talk(items=(flight(1), flight(2)))
    (line,) = talk.hears(reading("search_flight"))
    assert (line.act, line.wanted) == ("ask", "destination")
    (line,) = talk.hears(reading("refine", slots=Slots(destination=LISBON)))
    assert (line.act, line.wanted) == ("ask", "origin")
    (line,) = talk.hears(reading("refine", slots=Slots(origin=(mention("Dublin"),))))
    assert (line.act, line.wanted) == ("ask", "dates")
    assert talk.says(reading("refine", slots=Slots(dates=FEBRUARY))) == [
        "open_flights",
        "show_flights",
    ]


def test_home_is_where_a_flight_begins_unless_another_place_was_said() -> None:
    talk = Talk(defaults=Defaults(home="DUB"), items=(flight(1),))
    slots = Slots(destination=LISBON, dates=FEBRUARY)
    assert talk.says(reading("search_flight", slots=slots))[0] == "open_flights"
    assert talk.errand.home == "DUB"


def test_days_that_are_not_to_be_had_are_chosen_and_said() -> None:
    talk = Talk()
    talk.says(reading("search_hotel", slots=Slots(destination=LISBON)))
    assert talk.dialogue.asked == "dates"
    assert talk.says(reading("smalltalk"), "no idea, whenever") == ["open_hotels", "show_hotels"]
    assert talk.errand.stay.is_chosen


def test_whoever_has_no_destination_gets_ideas() -> None:
    talk = Talk()
    talk.says(reading("search_hotel", slots=Slots(dates=FEBRUARY)))
    assert talk.dialogue.asked == "destination"
    assert talk.says(reading("refine"), "anywhere really")[-1] == "show_places"


def test_a_no_to_a_question_stops_the_search() -> None:
    talk = Talk()
    talk.says(reading("search_flight"))
    (line,) = talk.hears(reading("refine", 0.5), "nah forget it")
    assert line.act == "stopped"
    assert talk.dialogue.asked is None


def test_what_waits_for_a_place_goes_on_with_it() -> None:
    talk = Talk()
    assert talk.says(reading("weather")) == ["ask"]
    assert talk.says(reading("refine", slots=Slots(destination=LISBON))) == ["weather"]


@pytest.mark.parametrize(
    ("said", "default", "adults", "children"),
    [
        (None, None, 1, 0),
        (None, PartySaid(adults=2, children=1), 2, 1),
        (PartySaid(children=2), None, 1, 2),
        (PartySaid(adults=4), PartySaid(adults=2, children=1), 4, 0),
        (PartySaid(adults=0), None, 1, 0),
        (PartySaid(adults=10**9, children=10**9), None, 9, 9),
    ],
)
def test_who_travels_is_as_said_else_as_usual_else_one(
    said: PartySaid | None, default: PartySaid | None, adults: int, children: int
) -> None:
    talk = Talk(defaults=Defaults(party=default))
    slots = Slots(destination=LISBON, dates=FEBRUARY, party=said)
    talk.says(reading("search_hotel", slots=slots))
    party = talk.errand.party
    assert (party.adults, len(party.children_ages)) == (adults, children)
    assert talk.errand.ages_assumed is (children > 0)


# Searching.


def test_somewhere_warm_with_a_budget_is_answered_by_rooms_in_fitting_places() -> None:
    talk = Talk()
    acts = talk.says(reading("ask_destination", slots=CHILDREN), "somewhere warm in february")
    assert acts == ["open_places", "show_hotels"]
    assert talk.errand.tools == ("places", "search_offers", "recommend")
    assert talk.errand.trip.wishes == ("warm",)
    assert talk.errand.with_stays


def test_without_days_only_places_are_shown_at_once() -> None:
    talk = Talk()
    assert talk.says(reading("ask_destination"), "somewhere warm") == ["show_places"]


def test_refining_repeats_the_search_with_what_is_new() -> None:
    talk = hotels_shown()
    slots = Slots(budget=Budget(amount=70, per="night"))
    assert talk.says(reading("refine", slots=slots), "max 70 a night")[-1] == "show_hotels"
    assert talk.errand.budget == Budget(amount=70, per="night")
    assert talk.errand.trip.destination == LISBON


def test_cheaper_means_below_the_cheapest_shown() -> None:
    talk = hotels_shown(items=(hotel(1, 300_00), hotel(2, 240_00)))
    talk.says(reading("refine"), "something cheaper please")
    assert talk.errand.below.amount == 240_00
    assert sifted(talk.errand, [hotel(7, 240_00), hotel(8, 239_00)]) == [hotel(8, 239_00)]


def test_what_is_called_too_dear_is_the_one_that_was_picked() -> None:
    talk = hotels_shown(items=(hotel(1, 240_00), hotel(2, 300_00)))
    talk.says(reading("refine"), "das zweite ist zu teuer")
    assert talk.errand.below.amount == 300_00


def test_others_are_not_those_that_were_seen() -> None:
    talk = hotels_shown()
    talk.says(reading("refine"), "any others?")
    assert sifted(talk.errand, [hotel(1), hotel(9)]) == [hotel(9)]


def test_with_breakfast_no_room_is_shown_without() -> None:
    talk = hotels_shown()
    talk.says(reading("refine"), "with breakfast")
    with_it = hotel(3, board="BREAKFAST")
    rooms = [hotel(1, board="ROOM_ONLY"), hotel(2), with_it]
    assert sifted(talk.errand, rooms) == [with_it]


def test_who_asks_where_to_go_is_not_bound_for_where_a_bed_was_sought() -> None:
    talk = hotels_shown()
    talk.says(reading("ask_destination"), "where should we go?")
    assert talk.errand.trip.destination == ()
    talk.says(reading("ask_destination", slots=Slots(destination=LISBON)))
    assert talk.errand.trip.destination == LISBON
    talk.says(reading("ask_destination"), "somewhere quieter")
    assert talk.errand.trip.destination == LISBON


def test_somewhere_else_is_not_where_the_flight_went() -> None:
    talk = Talk(items=(flight(1),), defaults=Defaults(home="DUB"))
    talk.says(reading("search_flight", slots=Slots(destination=LISBON, dates=FEBRUARY)))
    assert talk.says(reading("refine"), "somewhere quieter")[-1] == "show_places"
    assert talk.errand.trip.destination == ()
    talk.says(reading("search_hotel", slots=Slots(destination=LISBON)))
    talk.says(reading("search_hotel", slots=CHILDREN), "somewhere warm under 150 a night")
    assert (talk.errand.trip.destination, talk.errand.with_stays) == ((), True)


def test_the_second_place_is_where_a_bed_is_sought() -> None:
    talk = Talk(places=(place(), place("Porto")))
    assert talk.says(reading("ask_destination"), "where to?") == ["show_places"]
    talk.says(reading("search_hotel", slots=Slots(dates=FEBRUARY)), "hotels in the second one")
    assert [one.place_id for one in talk.errand.trip.destination] == ["porto-pt"]


def test_there_is_the_place_that_was_talked_of() -> None:
    talk = Talk(places=(place(), place("Porto")), defaults=Defaults(home="DUB"))
    talk.says(reading("ask_destination"), "where to?")
    assert talk.says(reading("ask_detail"), "tell me of the second") == ["detail"]
    talk.says(reading("search_flight", slots=Slots(dates=FEBRUARY)), "flights there in february")
    assert [one.place_id for one in talk.errand.trip.destination] == ["porto-pt"]


def test_a_town_has_no_wifi() -> None:
    talk = Talk(places=(place(), place("Porto")))
    talk.says(reading("ask_destination"), "where to?")
    (line,) = talk.hears(reading("ask_detail"), "does the second have wifi?")
    manner = Manner(voice="local", language="en", user="", persona="", today=TODAY, seed=1)
    assert plan_of(line, manner, {}).act == "unknown_detail"


def test_where_rooms_of_several_cities_lie_the_one_that_is_talked_of_says_where() -> None:
    talk = Talk()
    talk.says(reading("ask_destination", slots=CHILDREN), "somewhere warm")
    assert talk.says(reading("ask_detail"), "does the second have breakfast?")
    talk.says(reading("weather", 0.6, second=("ask_detail", 0.4)), "what's the weather like there?")
    assert [one.place_id for one in talk.errand.trip.destination] == ["LIS"]


def test_direct_flights_have_no_stop() -> None:
    talk = Talk(items=(flight(1),), defaults=Defaults(home="DUB"))
    slots = Slots(destination=LISBON, dates=FEBRUARY)
    talk.says(reading("search_flight", slots=slots))
    talk.says(reading("refine"), "sans escale")
    assert sifted(talk.errand, [flight(1, stops=1), flight(2)]) == [flight(2)]


def test_the_cabin_that_was_asked_for_is_the_one_that_is_searched() -> None:
    talk = Talk(items=(flight(1),), defaults=Defaults(home="DUB", cabin="economy"))
    slots = Slots(destination=LISBON, dates=FEBRUARY)
    talk.says(reading("search_flight", slots=slots), "business class to lisbon in february")
    assert talk.errand.cabin == "business"
    talk.says(reading("refine"), "cheaper")
    assert talk.errand.cabin == "business"
    weak = reading("refine", 0.66, second=("ask_detail", 0.2))
    assert talk.says(weak, "what about first class?")[-1] == "show_flights"
    assert talk.errand.cabin == "first"


def test_a_week_later_is_a_week_later() -> None:
    talk = Talk()
    stay = Dates(from_="2027-02-05", to="2027-02-08")
    talk.says(reading("search_hotel", slots=Slots(destination=LISBON, dates=stay)))
    talk.says(reading("refine"), "and a week later?")
    assert (talk.errand.stay.start.day, talk.errand.stay.nights) == (12, 3)
    talk.says(reading("refine", 0.5), "two days earlier")
    assert talk.errand.stay.start.day == 10
    for _ in range(2):
        talk.says(reading("refine"), "9 weeks before")
    assert talk.errand.stay.start >= TODAY  # nobody goes where it is over
    assert Talk().says(reading("refine", 0.3), "a week later") == ["ask_again"]


def test_a_night_s_budget_says_nothing_of_a_flight() -> None:
    talk = Talk(defaults=Defaults(home="DUB"))
    slots = Slots(destination=LISBON, dates=FEBRUARY, budget=Budget(amount=90, per="night"))
    talk.says(reading("search_hotel", slots=slots))
    talk.says(reading("search_flight"))
    assert talk.errand.budget is None
    talk.says(reading("search_hotel"))
    assert talk.errand.budget == Budget(amount=90, per="night")


def test_nor_does_one_that_was_said_before_it_was_clear_what_for() -> None:
    talk = Talk(defaults=Defaults(home="DUB"))
    slots = Slots(dates=FEBRUARY, budget=Budget(amount=90, per="night"))
    talk.says(reading("search_hotel", 0.6, second=("ask_destination", 0.3), slots=slots))
    talk.says(reading("search_flight", slots=Slots(destination=LISBON)))
    assert talk.errand.budget is None


@pytest.mark.parametrize(
    ("budget", "price", "is_in"),
    [
        (Budget(amount=150, per="night"), 300_00, True),
        (Budget(amount=150, per="night"), 300_01, False),
        (Budget(amount=150), 300_00, True),
        (Budget(amount=900), 900_00, True),
        (Budget(amount=900), 900_01, False),
        (Budget(amount=100, per="person"), 200_00, True),
        (Budget(amount=75, per="person_night"), 300_00, True),
        (Budget(amount=75, per="person_night"), 300_01, False),
        (Budget(amount=100, per="total"), 100_01, False),
        (Budget(amount=1, currency="USD", per="total"), 500_00, True),
    ],
)
def test_a_budget_is_held_against_two_nights_for_two(
    budget: Budget, price: int, is_in: bool
) -> None:
    assert is_within(budget, hotel(1, price)) is is_in


def test_ages_of_children_are_asked_for_once_and_searched_with() -> None:
    talk = Talk()
    talk.says(reading("search_hotel", slots=Slots(destination=LISBON, dates=FEBRUARY)))
    assert not talk.errand.asks_ages
    with_two = Slots(party=PartySaid(adults=2, children=2))
    *_, line = talk.hears(reading("refine", slots=with_two), "with 2 kids")
    assert (line.asks_ages, talk.errand.party.children_ages) == (True, (8, 8))
    *_, line = talk.hears(reading("refine"), "cheaper")
    assert (line.asks_ages, line.ages_assumed) == (False, True)
    *_, line = talk.hears(reading("refine", slots=Slots(party=PartySaid(children=2, ages=(0, 4)))))
    assert (line.asks_ages, talk.errand.party.children_ages) == (False, (0, 4))
    assert talk.errand.party.adults == 2
    talk.says(reading("refine", slots=with_two), "with 2 kids")
    assert talk.errand.party.children_ages == (0, 4)


def test_where_nothing_is_cheaper_the_cheapest_is_said_and_what_lies_there_stays() -> None:
    talk = hotels_shown()
    talk.items, talk.least = (), hotel(1)
    *_, line = talk.hears(reading("refine"), "cheaper")
    assert (line.act, line.items, line.is_least) == ("show_hotels", (hotel(1),), True)
    assert talk.dialogue.table is not None
    assert len(talk.dialogue.table.items) == 3
    talk.late = True
    assert talk.says(reading("refine"), "cheaper")[-1] == "still_searching"


def test_where_nothing_is_within_a_budget_what_costs_least_is_shown_and_said_to() -> None:
    budget = Slots(destination=LISBON, dates=FEBRUARY, budget=Budget(amount=50, currency="EUR"))
    talk = Talk(items=(), least=hotel(2))
    *_, line = talk.hears(reading("search_hotel", slots=budget))
    assert (line.items, line.budget) == ((hotel(2),), None)
    assert talk.dialogue.table is not None
    dear = [hotel(1, 30_000), hotel(2, 20_000)]
    assert sifted(talk.errand, dear) == []
    assert least(talk.errand, dear) == dear[1]


def test_nothing_found_is_not_still_searching() -> None:
    assert hotels_shown().says(reading("greet")) == ["greet"]
    empty = Talk(items=(), places=())
    slots = Slots(destination=LISBON, dates=FEBRUARY)
    assert empty.says(reading("search_hotel", slots=slots))[-1] == "nothing_found"
    empty.late = True
    assert empty.says(reading("search_hotel", slots=slots))[-1] == "still_searching"


def test_what_is_said_without_a_wish_is_noted() -> None:
    assert Talk().says(reading("refine", slots=Slots(party=PartySaid(adults=2)))) == ["noted"]


# What lies on the table.


def test_the_second_one_is_the_second() -> None:
    talk = hotels_shown()
    (line,) = talk.hears(reading("ask_detail"), "does the second one have breakfast?")
    assert (line.act, line.items, line.attributes) == ("detail", (hotel(2),), ("board",))
    assert line.subject is not None
    assert (line.subject.at, line.subject.kind) == (1, "hotels")


@pytest.mark.parametrize(
    "text",
    [
        "is the second one near the beach?",
        "¿está el segundo cerca de la playa?",
        "hat das zweite wlan?",
    ],
)
def test_what_no_record_says_is_not_answered_with_something_else(text: str) -> None:
    talk = hotels_shown()
    (line,) = talk.hears(reading("ask_detail"), text)
    manner = Manner(voice="local", language="en", user="", persona="", today=TODAY, seed=1)
    assert plan_of(line, manner, {}).act == "unknown_detail"


def test_which_one_is_asked_and_what_was_asked_of_it_is_remembered() -> None:
    talk = hotels_shown()
    (line,) = talk.hears(reading("ask_detail"), "is breakfast included?")
    assert (line.act, line.wanted) == ("ask", "which")
    (line,) = talk.hears(reading("refine", 0.3), "the first")
    assert (line.act, line.items, line.attributes) == ("detail", (hotel(1),), ("board",))


def test_it_is_the_one_that_was_talked_of() -> None:
    talk = hotels_shown()
    talk.hears(reading("ask_detail"), "tell me about the third one")
    (line,) = talk.hears(reading("ask_detail"), "and how many stars?")
    assert line.items == (hotel(3),)


def test_an_item_is_known_by_a_word_of_its_name() -> None:
    talk = hotels_shown()
    (line,) = talk.hears(reading("ask_detail"), "wie viele sterne hat das celeste")
    assert line.items == (hotel(2),)


def test_two_are_compared_those_named_first() -> None:
    talk = hotels_shown()
    (line,) = talk.hears(reading("compare"), "the third or the first?")
    assert line.items == (hotel(3), hotel(1))
    (line,) = talk.hears(reading("compare"), "which is better?")
    assert line.items == (hotel(1), hotel(2))
    assert Talk().says(reading("compare")) == ["ask_again"]


def test_two_places_are_compared_by_the_catalogue() -> None:
    talk = Talk(places=(place("Lisbon"), place("Porto")))
    slots = Slots(destination=(mention("Lisbon"), mention("Porto")))
    assert talk.says(reading("compare", slots=slots)) == ["compare"]


def test_a_price_is_told_as_shown_and_again_only_if_it_moved() -> None:
    talk = hotels_shown()
    (line,) = talk.hears(reading("ask_detail"), "how much is the first one?")
    assert (line.act, talk.errand.tools) == ("detail", ("reprice",))


def test_the_weather_is_no_detail_of_a_hotel() -> None:
    talk = hotels_shown()
    talk.says(reading("ask_detail"), "does the second have breakfast?")
    weak = reading("ask_detail", 0.9, second=("weather", 0.07))
    assert talk.says(weak, "quel temps fait-il là-bas ?") == ["weather"]


def test_weather_comes_from_the_catalogue_or_not_at_all() -> None:
    talk = Talk()
    slots = Slots(destination=LISBON, dates=Dates(holiday="easter-2027"))
    (line,) = talk.hears(reading("weather", slots=slots))
    assert (line.act, line.month) == ("weather", 3)
    talk.places = (place(climate=()),)
    assert talk.says(reading("weather")) == ["unknown_detail"]


def test_a_trend_that_nobody_knows_is_not_told() -> None:
    assert hotels_shown().says(reading("price_trend")) == ["no_price_trend"]


# What is always confirmed.


@pytest.mark.parametrize("intent", sorted(ALWAYS_CONFIRMED))
def test_what_costs_is_confirmed_first_and_then_not_possible_yet(intent: Any) -> None:
    talk = Talk()
    assert talk.says(reading(intent, 1.0), f"{intent} it") == ["confirm"]
    assert talk.dialogue.asked == f"confirm_{intent}"
    assert talk.says(reading(intent, 1.0)) == ["not_yet"]
    assert talk.dialogue.asked is None
    assert talk.says(reading(intent, 1.0), f"{intent} it") == ["confirm"]


@pytest.mark.parametrize("intent", sorted(ALWAYS_CONFIRMED))
def test_what_costs_is_not_proposed_where_nothing_names_it(intent: Any) -> None:
    assert Talk().says(reading(intent, 1.0), "oh no, renew it") == ["ask_again"]
    assert Talk().says(reading(intent, 1.0), "oh no, renew it", is_aside=True) == []
    if intent != "book":  # what lies there may be
        assert hotels_shown().says(reading(intent, 1.0), "ok the second") != ["confirm"]


@pytest.mark.parametrize(
    ("intent", "texts"),
    [
        ("book", ("buchen bitte", "resérvalo", "on le prend", "I'll take it")),
        ("pay", ("jetzt bezahlen", "quiero pagar", "je veux payer", "pay by card")),
        ("cancel", ("stornieren", "cancélalo", "annulez tout", "call it off")),
    ],
)
def test_what_costs_is_named_in_four_languages(intent: Any, texts: tuple[str, ...]) -> None:
    assert [Talk().says(reading(intent), text) for text in texts] == [["confirm"]] * len(texts)


@pytest.mark.parametrize("is_read", [True, False])
def test_a_yes_after_a_word_with_others_confirms_nothing(is_read: bool) -> None:
    talk = hotels_shown()
    talk.says(reading("book"), "book the second one")
    if is_read:
        assert talk.says(reading("human_chatter"), "should we ask mum?") == []
    else:
        talk.dialogue = passed_by(talk.dialogue)
    assert talk.says(reading("book"), "ok cool") == ["confirm"]


@pytest.mark.parametrize(
    "text", ["I like the second", "die zweite gefällt mir", "me gusta la segunda"]
)
def test_what_is_liked_is_told_of_and_not_booked(text: str) -> None:
    (line,) = hotels_shown().hears(reading("book", 0.75), text)
    assert (line.act, line.items) == ("detail", (hotel(2),))
    (line,) = hotels_shown().hears(reading("book", 0.9), f"{text}, book it / buchen / reservar")
    assert line.act == "confirm"


def test_among_people_nothing_is_asked_back_and_nothing_noted_aloud() -> None:
    budget = Slots(budget=Budget(amount=100, per="night"))
    for one in (
        reading("refine", slots=budget),
        reading("ask_destination", 0.5, second=("greet", 0.4)),
        reading("thanks", 0.44),
        reading("smalltalk", 0.2),
    ):
        assert Talk().says(one) != []
        talk = Talk()
        assert talk.says(one, is_aside=True) == []
    assert Talk().says(reading("greet"), is_aside=True) == ["greet"]
    assert hotels_shown().says(reading("refine"), "cheaper", is_aside=True)[-1] == "show_hotels"


def test_a_weak_yes_is_asked_again() -> None:
    talk = Talk()
    talk.says(reading("pay"), "pay")
    assert talk.says(reading("pay", 0.5, second=("thanks", 0.3))) == ["confirm"]


def test_a_no_or_a_cancel_takes_it_back() -> None:
    for intent, text in (("cancel", "forget it, changed my mind"), ("smalltalk", "no thanks")):
        talk = Talk()
        talk.says(reading("book"), "book it")
        (line,) = talk.hears(reading(intent), text)
        assert line.act == "stopped"
        assert line.subject is not None
        assert line.subject.intent == "book"
        assert talk.says(reading("book"), "book it") == ["confirm"]


def test_which_is_to_be_booked_is_asked_where_several_lie_there() -> None:
    talk = hotels_shown()
    assert talk.says(reading("book")) == ["ask"]
    (line,) = talk.hears(reading("refine", 0.3), "the second one")
    assert line.act == "confirm"
    assert line.subject is not None
    assert (line.subject.intent, line.subject.at) == ("book", 1)
    (line,) = talk.hears(reading("book"), "yes")
    assert line.act == "not_yet"
    assert line.subject is not None
    assert line.subject.at == 1


def test_a_number_that_does_not_lie_there_is_no_yes() -> None:
    talk = hotels_shown(items=(hotel(1),))
    assert talk.says(reading("book"), "book it") == ["confirm"]
    assert talk.says(reading("book"), "number two") == ["confirm"]


def test_another_question_is_no_yes() -> None:
    talk = hotels_shown()
    talk.says(reading("book"), "book the first one")
    assert talk.says(reading("weather")) == ["weather"]
    assert talk.says(reading("book"), "yes") == ["confirm"]  # of what was talked of, and asked anew


def test_plans_are_not_kept_yet() -> None:
    assert Talk().says(reading("plan_add")) == ["not_yet"]


def test_a_question_goes_with_the_message_that_it_answers() -> None:
    talk = hotels_shown()
    talk.says(reading("book"), "book the first")
    assert talk.dialogue.without("m1").asked == "confirm_book"
    unsaid = talk.dialogue.without("m2")
    assert (unsaid.asked, unsaid.pending) == (None, None)
    talk.dialogue = unsaid
    assert talk.says(reading("book"), "yes") == ["ask"]


def test_readings_that_were_offered_go_with_the_message_that_they_were_of() -> None:
    talk = Talk()
    slots = Slots(destination=LISBON, dates=FEBRUARY)
    talk.says(reading("search_flight", 0.6, second=("search_hotel", 0.3), slots=slots))
    talk.dialogue = talk.dialogue.without("m1")
    assert talk.says(reading("refine", 0.3), "the second") == ["ask_again"]


def test_what_was_talked_of_goes_with_the_message_that_picked_it() -> None:
    talk = hotels_shown()
    talk.says(reading("ask_detail"), "does the second have breakfast?")
    of_the_second = talk.dialogue
    assert talk.says(reading("ask_detail"), "how many stars?") == ["detail"]
    talk.dialogue = of_the_second.without("m2")
    assert talk.says(reading("ask_detail"), "how many stars?") == ["ask"]


def test_what_was_learned_goes_with_the_answer_that_was_turned_down() -> None:
    talk = hotels_shown()
    talk.dialogue = talk.dialogue.learning("price", "m9").without("m9")
    assert talk.says(reading("refine"), "show me others") == ["open_hotels", "show_hotels"]


# Thumbs.


def test_what_was_turned_down_is_out_and_the_next_answer_says_why() -> None:
    talk = hotels_shown()
    talk.dialogue = talk.dialogue.disliking(hotel(1)).learning("price", "m9")
    lines = talk.hears(reading("refine"), "show me others")
    assert [line.act for line in lines] == ["learned", "show_hotels"]
    assert lines[0].because == "price"
    again = hotel(1, 199_00)
    assert sifted(talk.errand, [again]) == []
    lines = talk.hears(reading("refine"), "cheaper")
    assert lines[0].act == "open_hotels"


@pytest.mark.parametrize("text", ["show me another", "another one please", "noch eins"])
def test_another_is_looked_for_however_weakly_it_was_read(text: str) -> None:
    talk = hotels_shown()
    talk.dialogue = talk.dialogue.disliking(hotel(1)).learning("price", "m9")
    lines = talk.hears(reading("complaint", 0.27), text)
    assert [line.act for line in lines] == ["learned", "show_hotels"]


# What holds whatever is said.

TEXTS = st.sampled_from(
    [
        "",
        "the second one",
        "#1 and #3",
        "somewhere warm by the sea",
        "no",
        "cheaper, direct, others",
        "casa alba",
        "how much is it",
        "is breakfast included",
        "anywhere",
        "9",
        "my sister is coming too",
        "and a week later?",
        "one night more",
        "back on sunday",
    ]
)
PLACES = st.lists(
    st.sampled_from([mention("Lisbon"), mention("Porto"), mention("Portugal", country="PT")]),
    max_size=2,
).map(tuple)
SLOTS = st.builds(
    Slots,
    destination=PLACES,
    origin=PLACES,
    dates=st.none()
    | st.sampled_from(
        [FEBRUARY, Dates(nights=3), Dates(from_="2027-02-05"), Dates(from_="2020-01-01")]
    ),
    budget=st.none()
    | st.builds(Budget, amount=st.floats(0, 1e6), per=st.none() | st.just("night")),
    party=st.none()
    | st.builds(
        PartySaid, adults=st.none() | st.integers(0, 20), children=st.none() | st.integers(0, 20)
    ),
)
READINGS = st.builds(
    Understanding,
    language=st.sampled_from(get_args(Language)),
    intent=st.sampled_from(INTENTS),
    confidence=st.floats(0, 1),
    second=st.none() | st.tuples(st.sampled_from(INTENTS), st.floats(0, 0.5)),
    addressed=st.floats(0, 1),
    slots=SLOTS,
    reader=st.just("rules"),
)


class Conversations(RuleBasedStateMachine):
    """Whatever is read, the policy keeps its rules."""

    def __init__(self) -> None:
        super().__init__()
        self.talk = Talk()

    @rule(
        understanding=READINGS,
        text=TEXTS,
        found=st.sampled_from(["nothing", "hotels", "flights", "places"]),
        is_explicit=st.booleans(),
    )
    def say(self, understanding: Understanding, text: str, found: str, is_explicit: bool) -> None:
        talk, before = self.talk, self.talk.dialogue
        talk.places = () if found == "nothing" else (place(), place("Porto", climate=(), tags=()))
        talk.items = {
            "nothing": (),
            "hotels": (hotel(1), hotel(2)),
            "flights": (flight(1), flight(2, stops=1)),
            "places": talk.places,
        }[found]
        lines = talk.hears(understanding, text, is_explicit=is_explicit)
        assert len(lines) <= 2
        for line in lines:
            manner = Manner(
                voice="local",
                language=understanding.language,
                user="Ada",
                persona="Nova",
                today=TODAY,
            )
            plan = plan_of(line, manner, {})
            assert set(REQUIRED[plan.act]) <= set(plan.facts)
            plan.demanded()
        if isinstance(talk.decision, Look):
            assert len(talk.errand.tools) <= 3
            said = hints(text)
            is_telling = said.twists or said.wishes or said.days_later or said.nights_more
            is_telling = is_telling or said.company != NOBODY or understanding.slots != Slots()
            by_words = before.table and is_telling
            names_a_place = understanding.intent == "refine" and understanding.slots.destination
            is_told = before.asked or before.doubt or by_words or names_a_place
            assert understanding.confidence >= 0.4 or is_told
        if any(line.act == "not_yet" and line.subject.intent in ALWAYS_CONFIRMED for line in lines):
            assert before.pending is not None
            assert before.asked is not None
            assert before.asked.startswith("confirm")
        if understanding.intent == "human_chatter" and not before.doubt and lines:
            assert is_explicit or (before.table is not None and hints(text).is_terse)
        self._judge_table(found)

    def _judge_table(self, found: str) -> None:
        answer = self.talk.answer
        if answer is not None and answer.shown:
            assert self.talk.dialogue.table is not None
            assert kind_of(answer.shown) == self.talk.dialogue.table.kind

    @rule(number=st.integers(1, 60))
    def unsay(self, number: int) -> None:
        self.talk.dialogue = self.talk.dialogue.without(f"m{number}")
        assert all(said.message_id != f"m{number}" for said in self.talk.dialogue.said)

    @rule(number=st.integers(1, 3))
    def dislike(self, number: int) -> None:
        self.talk.dialogue = self.talk.dialogue.disliking(hotel(number)).learning("price", "m1")
        assert likeness_of(hotel(number)) in self.talk.dialogue.disliked

    @invariant()
    def it_stays_small(self) -> None:
        dialogue = self.talk.dialogue
        assert len(dialogue.said) <= 32
        assert len(dialogue.disliked) <= 64
        assert (dialogue.asked is None) or dialogue.asked in get_args(Question)
        if dialogue.asked is not None:
            assert dialogue.pending is not None


Conversations.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
test_conversations = Conversations.TestCase


@given(st.lists(st.tuples(READINGS, TEXTS), max_size=6), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_a_message_that_is_unsaid_was_never_heard(
    messages: list[tuple[Understanding, str]], unsaid: int
) -> None:
    """What was learned of a trip is what it would be without that message."""
    heard = [
        Heard(
            message_id=f"m{number}",
            understanding=understanding,
            today=TODAY,
            text=text,
            hints=hints(text),
        )
        for number, (understanding, text) in enumerate(messages)
    ]
    whole = without = Dialogue()
    for number, one in enumerate(heard):
        whole = hear(whole, one)
        without = without if number == unsaid else hear(without, one)
    assert whole.without(f"m{unsaid}").trip == without.trip


@pytest.mark.parametrize(
    "text", ["my sister is coming too", "and a week later?", "one night more", "back on sunday"]
)
def test_what_rests_on_a_message_that_is_unsaid_goes_with_it(text: str) -> None:
    days, sunday = Dates(from_="2027-02-05", to="2027-02-08"), Dates(to="2026-11-29")
    first = reading("search_hotel", slots=Slots(dates=days, party=PartySaid(adults=2)))
    then = reading("refine", slots=Slots(dates=sunday if "sunday" in text else None))
    both, alone = Talk(), Talk()
    both.hears(first)
    was = both.dialogue.trip
    alone.said = 1
    for talk in (both, alone):
        talk.hears(then, text)
    now = both.dialogue.trip
    assert (now.dates, now.party) != (was.dates, was.party)
    assert both.dialogue.without("m1").trip == alone.dialogue.trip


@given(READINGS, TEXTS)
@settings(max_examples=60, deadline=None)
def test_the_same_message_in_the_same_state_is_answered_the_same(
    understanding: Understanding, text: str
) -> None:
    heard = Heard(
        message_id="m1", understanding=understanding, today=TODAY, text=text, hints=hints(text)
    )
    first, second = decide(Dialogue(), heard), decide(Dialogue(), heard)
    assert first == second
    assert isinstance(first[1], Say | Look | Silent)


def test_only_a_price_that_moved_is_news() -> None:
    talk = hotels_shown()
    talk.hears(reading("ask_detail"), "how much is the first one?")
    errand = talk.errand
    assert conclude(errand, Findings()).line is None
    assert conclude(errand, Findings(repriced=hotel(1))).line is None
    news = conclude(errand, Findings(repriced=hotel(1, 999_00))).line
    assert news is not None
    assert news.repriced == hotel(1, 999_00)
