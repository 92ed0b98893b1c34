"""Signs of whom a message is for: a persona's name, who else is called, and what kinds of words there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understanding_places import gazetteer

from inference.reader import ModelReader
from inference.understanding.signs import (
    persona_in,
    signs_in,
    signs_with_setting,
    without_persona,
)
from protocol.understanding import Setting

NAMED = Setting(people=3, addressed=True)


def called(text: str, setting: Setting = NAMED) -> str | None:
    span = persona_in(text, setting)
    return None if span is None else text[span[0] : span[1]]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("@Nova where to", "@Nova"),
        ("hey skye where to", "skye"),
        ("i asked Explorer already", "Explorer"),
        ("Quillon find us a hotel", "Quillon"),
        ("find us a hotel quillon", "quillon"),
    ],
)
def test_an_unknown_personas_name_is_guessed_where_one_is_addressed(text: str, name: str) -> None:
    assert called(text) == name
    assert called(text, Setting(people=3)) is None


def test_known_names_are_found_whole_and_nothing_else_is() -> None:
    setting = Setting(people=3, addressed=True, names=("Old Tom", "Ana"))
    assert called("what says old tom to that", setting) == "old tom"
    assert called("@ana where to", setting) == "@ana"
    assert called("anatomy of a trip", setting) is None
    assert called("hotel in galway", setting) is None


def test_a_name_of_letters_that_mean_something_in_patterns_breaks_nothing() -> None:
    setting = Setting(people=3, names=("N(o)va*", "+"))
    assert called("hello N(o)va* there", setting) == "N(o)va*"


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("Nova find us a hotel", "persona first"),
        ("find us a hotel Nova", "persona last"),
        ("lol Nova is useless", "persona is said to"),
        ("ask Nova then", "persona spoken of"),
        ("@tom are you in", "calls another"),
        ("which room do you want", "begins asks what"),
        ("i owe you for the taxi", "owes"),
        ("haha no", "laughs"),
    ],
)
def test_signs(text: str, sign: str) -> None:
    assert sign in signs_in(text, Setting(people=3, addressed="Nova" in text))


def test_a_personas_own_call_is_no_call_of_another() -> None:
    assert "calls another" not in signs_in("@Nova where to", NAMED)
    assert "calls another" in signs_in("@Nova @tom said yes", NAMED)


def test_a_persona_that_is_named_is_no_place_and_tells_no_language() -> None:
    setting = Setting(people=3, addressed=True, names=("Lisbon",))
    assert without_persona("lisbon, where to", setting) == "      , where to"
    read = ModelReader([], gazetteer())
    assert read.read_sync("Lisbon where to", setting).slots.destination == ()
    french = Setting(people=1, addressed=True, names=("Où est Paris",))
    assert read.read_sync("Où est Paris thanks", french).language == "en"


def test_a_place_that_is_written_as_in_english_tells_no_language() -> None:
    read = ModelReader([], gazetteer())
    assert read.read_sync("Tenerife hotel", Setting()).language == "en"
    assert read.read_sync("hotel barato en Tenerife", Setting()).language == "es"


@given(st.text(max_size=80), st.booleans(), st.lists(st.text(max_size=8), max_size=3))
def test_no_text_and_no_name_break_them(text: str, addressed: bool, names: list[str]) -> None:
    setting = Setting(people=3, addressed=addressed, names=tuple(names))
    list(signs_with_setting(text, setting))
    assert len(without_persona(text, setting)) == len(text)
