"""What was shown, asked for once more; and for what, and for whom, a price is. Nothing is searched for it."""

from typing import Any

import pytest
from dialogue_world import FEBRUARY, LISBON, TODAY, Talk, flight, hotel, place, reading

from actors.persona.decisions import Look, Say
from actors.persona.line import Line
from actors.persona.plans import Manner, plan_of
from protocol.understanding import PartySaid, Slots

HOTELS = (hotel(1), hotel(2), hotel(3))


def shown(intent: Any = "search_hotel", items: Any = HOTELS) -> Talk:
    talk = Talk(items=items)
    slots = Slots(destination=LISBON, origin=LISBON, dates=FEBRUARY)
    talk.hears(reading(intent, slots=slots))
    return talk


def worded(line: Line) -> dict[str, str]:
    manner = Manner(voice="explorer", language="en", user="Ada", persona="Nova", today=TODAY)
    return dict(plan_of(line, manner, {"LIS": place()}).facts)


@pytest.mark.parametrize(
    "text",
    [
        "so which one was it again?",
        "remind me what you suggested",
        "can you repeat the list?",
        "what did you show me first?",
        "which were they again",
        "wie hiessen die nochmal?",
        "erinnere mich bitte",
        "¿cuáles eran?",
        "recuérdame qué había",
        "c'était lequel déjà ?",
        "rappelle-moi la liste",
    ],
)
@pytest.mark.parametrize("intent", ["compare", "complaint", "ask_detail", "plan_add", "refine"])
def test_what_was_shown_is_told_again(text: str, intent: Any) -> None:
    talk = shown()
    (line,) = talk.hears(reading(intent), text)
    assert isinstance(talk.decision, Say)
    assert line.act == "show_hotels"
    assert line.items[0] == hotel(1)


def test_the_one_that_was_talked_of_is_told_again_by_its_name() -> None:
    talk = shown()
    talk.hears(reading("ask_detail"), "tell me about the second one")
    (line,) = talk.hears(reading("compare"), "so which one was it again?")
    assert line.items == (hotel(2),)
    assert worded(line)["offer.1.name"].startswith("Casa Celeste")


@pytest.mark.parametrize(
    "text", ["repeat the list", "which ones were they", "rappelle-moi la liste"]
)
def test_the_list_is_told_again_whatever_was_talked_of(text: str) -> None:
    talk = shown()
    talk.hears(reading("ask_detail"), "tell me about the second one")
    (line,) = talk.hears(reading("ask_detail"), text)
    assert line.items == HOTELS


def test_a_reason_may_be_asked_for_what_was_not_taken() -> None:
    assert shown().says(reading("complaint"), "why not that?") == ["detail"]


@pytest.mark.parametrize(
    "text", ["flights again please, remind me", "show me cheaper ones again", "take me there again"]
)
def test_who_wants_something_else_is_not_told_again(text: str) -> None:
    talk = shown()
    talk.hears(reading("refine", slots=Slots(destination=LISBON)), text)
    assert isinstance(talk.decision, Look)


def test_nothing_is_told_again_where_nothing_was_shown() -> None:
    assert Talk().says(reading("complaint"), "which one was it again?") == ["sorry"]


def test_people_who_remind_each_other_are_left_alone() -> None:
    talk = shown()
    assert talk.says(reading("human_chatter"), "remind me to buy milk", is_aside=True) == []


# For what, and for whom, a price is.


@pytest.mark.parametrize(
    "text",
    ["and per person?", "how much is that each", "und pro Nase?", "¿y por persona?", "par tête ?"],
)
@pytest.mark.parametrize("intent", ["refine", "ask_detail", "complaint", "pay"])
def test_prices_are_told_per_person(text: str, intent: Any) -> None:
    talk = shown()
    (line,) = talk.hears(reading(intent), text)
    assert isinstance(talk.decision, Say)
    assert worded(line)["offer.2.price"] == "€240 for 2 nights (€120 per person)"


def test_of_the_one_that_was_talked_of_its_own_price_is_told_per_night() -> None:
    talk = shown()
    (line, *_) = talk.hears(reading("ask_detail"), "how much is the second one per night?")
    assert worded(line)["detail"] == "€240 for 2 nights (€120 a night)"


@pytest.mark.parametrize(
    "text",
    [
        "is that for all of us?",
        "is that for both of us",
        "gilt das für uns alle?",
        "¿eso es para todos?",
        "c'est pour tous les quatre ?",
    ],
)
@pytest.mark.parametrize("intent", ["refine", "ask_detail", "complaint"])
def test_for_whom_the_price_is_gets_told(text: str, intent: Any) -> None:
    talk = shown()
    (line,) = talk.hears(reading(intent), text)
    assert isinstance(talk.decision, Say)
    assert worded(line)["detail"] == "for 2 people, €240 for 2 nights"


def test_of_as_many_as_it_is_for_the_price_is_told() -> None:
    slots = Slots(party=PartySaid(adults=2))
    assert shown().says(reading("refine", slots=slots), "in total for both of us?") == ["detail"]


def test_for_others_than_were_asked_for_it_is_searched_anew() -> None:
    talk = shown()
    slots = Slots(party=PartySaid(adults=3))
    talk.hears(reading("refine", slots=slots), "and in total for 3 people?")
    assert talk.errand.party.adults == 3


def test_a_price_is_told_per_person_and_night() -> None:
    (line,) = shown().hears(reading("ask_detail"), "how much per person per night?")
    assert worded(line)["offer.2.price"] == "€240 for 2 nights (€60 per person a night)"


@pytest.mark.parametrize("text", ["how many bags each?", "is breakfast in the total?"])
def test_what_else_is_asked_is_no_question_of_prices(text: str) -> None:
    assert shown().says(reading("ask_detail"), text) == ["ask"]


def test_who_wants_to_be_reminded_later_is_not_told_again() -> None:
    assert shown().says(reading("plan_add"), "remind me to call them") == ["not_yet"]


def test_a_flight_has_no_nights_to_be_told() -> None:
    talk = shown("search_flight", (flight(1), flight(2)))
    (line,) = talk.hears(reading("ask_detail"), "per night?")
    assert worded(line)["offer.1.price"] == "€200"
