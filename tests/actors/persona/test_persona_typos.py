"""One slip in a long word that hints hang on."""

import pytest
from dialogue_world import FEBRUARY, LISBON, Talk, hotel, reading
from hypothesis import given
from hypothesis import strategies as st

from actors.persona.hints import hints
from actors.persona.typos import LONG, mended
from protocol.understanding import Slots


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("cheeper pls", "cheaper pls"),
        ("chepaer", "cheaper"),
        ("is brekfast included", "is breakfast included"),
        ("breakfaast?", "breakfast?"),
        ("anohter one", "another one"),
        ("the secnd", "the second"),
        ("mit fruhstuk", "mit fruhstuck"),
    ],
)
def test_one_slip_is_mended(text: str, meant: str) -> None:
    assert mended(text) == meant


@pytest.mark.parametrize(
    "text",
    ["zu zweit", "zu dritt", "billiges hotel", "10 seconds", "two breakfasts", "quitter", "heaper"],
)
def test_other_words_are_left_as_they_are(text: str) -> None:
    assert mended(text) == text


@given(st.text(max_size=80))
def test_what_is_right_stays_and_nothing_is_mended_twice(text: str) -> None:
    assert mended(" ".join(LONG)) == " ".join(LONG)
    assert mended(mended(text)) == mended(text)


def test_a_slip_turns_the_search_as_the_right_word_does() -> None:
    talk = Talk(items=(hotel(1), hotel(2)))
    talk.hears(reading("search_hotel", slots=Slots(destination=LISBON, dates=FEBRUARY)))
    assert hints("cheeper").twists == ("cheaper",)
    talk.hears(reading("thanks"), "cheeper")
    assert talk.errand.twists == ("cheaper",)


@pytest.mark.parametrize(("text", "is_aside"), [("thanks a lot", False), ("cheaper", True)])
def test_thanks_turn_nothing_nor_does_what_people_say_to_each_other(
    text: str, is_aside: bool
) -> None:
    talk = Talk(items=(hotel(1), hotel(2)))
    talk.hears(reading("search_hotel", slots=Slots(destination=LISBON, dates=FEBRUARY)))
    assert talk.says(reading("thanks"), text, is_aside=is_aside) in (["welcome_thanks"], [])


def test_people_are_not_told_that_nothing_is_known_of_prices_nowhere() -> None:
    assert Talk().says(reading("price_trend"), "wie hieß das nochmal?", is_aside=True) == []
    assert Talk().says(reading("price_trend"), "will that go down?") == ["no_price_trend"]
