"""Words that pick, wish and turn away, in four languages."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from actors.persona import flying
from actors.persona import hints as module
from actors.persona.hint_words import LIKES
from actors.persona.hints import MOST_READ, MOST_WORDS, Hints, beginning, hints

FOOD, _ = LIKES


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "somewhere warm in february w my 2 kids",
            Hints(wishes=("warm",), styles=("family",), is_elsewhere=True),
        ),
        ("iwo warm über silvester am Meer", Hints(wishes=("warm", "beach"))),
        ("un sitio tranquilo con playa", Hints(wishes=("quiet", "beach"))),
        ("de la neige et des randonnées", Hints(wishes=("cold", "mountains"))),
        ("#2 please", Hints(picks=(1,), is_pick=True)),
        ("2", Hints(picks=(1,), is_pick=True)),
        ("the second one or the cheapest", Hints(picks=(1, "cheapest"))),
        ("das dritte oder die letzte", Hints(picks=(2, "last"))),
        ("la segunda", Hints(picks=(1,), is_pick=True)),
        ("le premier", Hints(picks=(0,), is_pick=True)),
        ("celui-là, le deuxième", Hints(picks=(1,), is_pick=True)),
        ("nimm den letzten", Hints(picks=("last",), is_pick=True)),
        ("me quedo con la segunda", Hints(picks=(1,), is_pick=True)),
        ("business bitte", Hints(cabin="business")),
        ("et en éco ?", Hints(cabin="economy")),
        ("2 adults", Hints()),
        ("does that include a bag", Hints(attributes=("bags",))),
        (
            "ist frühstück dabei und kann man stornieren",
            Hints(attributes=("board", "refund"), deeds=("cancel",)),
        ),
        ("zu teuer", Hints(twists=("cheaper",), is_dear=True)),
        ("sans escale", Hints(attributes=("stops",), twists=("direct",))),
        ("nah forget it", Hints(is_no=True)),
        ("nein danke", Hints(is_no=True)),
        ("no, gracias", Hints(is_no=True)),
        ("non merci!", Hints(is_no=True)),
        ("no breakfast", Hints(attributes=("board",))),
        ("with breakfast", Hints(attributes=("board",), twists=("breakfast",))),
        ("mit Frühstück bitte", Hints(attributes=("board",), twists=("breakfast",))),
        ("the cheapest one please", Hints(picks=("cheapest",), is_pick=True)),
        ("compare the first two", Hints(picks=(0,))),
        ("ist eine Klimaanlage im zweiten", Hints(picks=(1,), attributes=("amenities",))),
        ("how far is it from the centre?", Hints(attributes=("surroundings",))),
        ("¿qué tiempo hace allí?", Hints(is_weather=True)),
        ("quel temps fait-il là-bas ?", Hints(is_weather=True)),
        ("no big cities", Hints(wishes=("quiet",))),
        ("quieter please", Hints(wishes=("quiet",))),
        ("nicht ans Meer, lieber in die Berge", Hints(wishes=("mountains",))),
        ("not too hot, but near the sea", Hints(wishes=("beach",), attributes=("surroundings",))),
        ("flights in business class", Hints(cabin="business", kinds=("search_flight",))),
        ("erste Klasse nach Tokio", Hints(cabin="first")),
        ("premium economy please", Hints(cabin="premium_economy")),
        ("vuelos en clase turista", Hints(cabin="economy", kinds=("search_flight",))),
        ("en classe affaires", Hints(cabin="business")),
        ("a business trip", Hints()),
        ("and a week later?", Hints(days_later=7)),
        ("what about the day before?", Hints(days_later=-1)),
        ("and the week after?", Hints(days_later=7)),
        ("¿y el día siguiente?", Hints(days_later=1)),
        ("the day after tomorrow", Hints()),
        ("the day before the wedding", Hints()),
        ("el día antes de la boda", Hints()),
        ("one more night", Hints(nights_more=1)),
        ("for two nights longer", Hints(nights_more=2)),
        ("another night please", Hints(nights_more=1)),
        ("one night less", Hints(nights_more=-1)),
        ("two fewer nights", Hints(nights_more=-2)),
        ("noch eine Nacht", Hints(nights_more=1)),
        ("zwei Nächte weniger", Hints(nights_more=-2)),
        ("otra noche", Hints(nights_more=1)),
        ("una noche menos", Hints(nights_more=-1)),
        ("une nuit de plus", Hints(nights_more=1)),
        ("one night less than you said", Hints()),
        ("do any of them leave later?", Hints(shift="later")),
        ("something that departs a bit earlier", Hints(shift="earlier", attributes=("times",))),
        ("zwei Tage früher", Hints(days_later=-2)),
        ("una semana después", Hints(days_later=7)),
        ("3 jours plus tôt", Hints(days_later=-3)),
        ("two days before the wedding", Hints()),
        ("good food and old towns", Hints(wishes=("city",), styles=("foodie",), likes=(FOOD,))),
        ("nah too far", Hints(twists=("others",))),
        ("algo más barato", Hints(twists=("cheaper",), styles=("budget",))),
        ("is there step free access or a lift?", Hints(attributes=("amenities",))),
        ("un sitio donde se come bien", Hints(likes=(FOOD,))),
        ("no nightlife please", Hints()),
        ("a quiet old town by the sea", Hints(wishes=("quiet", "beach"))),
        ("w/ brekkie pls", Hints(twists=("breakfast",))),
        ("number three", Hints(picks=(2,), is_pick=True)),
        ("show me more", Hints(twists=("others",))),
        ("was hast du noch?", Hints(twists=("others",))),
        ("was gibt's da sonst noch", Hints(twists=("others",))),
        ("¿qué más tienes?", Hints(twists=("others",))),
        ("show me another with a pool", Hints(twists=("others",), attributes=("amenities",))),
        ("another week, then", Hints()),
        ("sin playa", Hints()),
        ("pas trop chaud", Hints(refused_words="trop chaud")),
        ("ohne Regen", Hints(wishes=("dry",))),
        ("peu importe", Hints(is_open=True)),
        ("me da igual", Hints(is_open=True)),
        ("", Hints()),
    ],
)
def test_words_are_found(text: str, found: Hints) -> None:
    assert replace(hints(text), is_terse=False) == found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "economy again",
            "show me others",
            "more options?",
            "something else",
            "show me another",
            "another one please",
            "noch eins bitte",
            "montre-m'en une autre",
            "why that one?",
            "cheaper please",
        ),
        *(
            "the second",
            "direct only",
            "noch mal economy",
            "andere bitte",
            "más opciones",
            "pourquoi celui-là ?",
        ),
    ],
)
def test_a_turn_of_the_search_in_no_other_words_is_terse(text: str) -> None:
    assert hints(text).is_terse


@pytest.mark.parametrize(
    "text",
    ["", "why?", "ok", "he wants it cheaper", "my economy class teacher", "why did mum say that"],
)
def test_what_says_anything_else_is_not_terse(text: str) -> None:
    assert not hints(text).is_terse


@pytest.mark.parametrize(
    ("text", "picks", "refused"),
    [
        ("not the first one", (), (0,)),
        ("nicht das zweite, lieber das dritte", (2,), (1,)),
        ("todo menos la primera", (), (0,)),
        ("anything but the last one", (), ("last",)),
        ("the first, not the second", (0,), (1,)),
        ("no first of all we need dates", (0,), ()),
    ],
)
def test_one_that_is_turned_down_is_not_picked(text: str, picks: Any, refused: Any) -> None:
    assert (hints(text).picks, hints(text).refused) == (picks, refused)


def test_only_the_beginning_of_a_long_message_is_read() -> None:
    assert hints("x " * MOST_READ + "beach") == Hints()


@pytest.mark.parametrize(
    "text", ["\ufdfa" * MOST_READ, "\ufdfa " * MOST_READ, "a b " * MOST_READ, "#1#2-" * MOST_READ]
)
def test_no_letters_make_the_beginning_longer(text: str) -> None:
    assert len(beginning(text)) <= MOST_READ
    assert len(re.findall(r"\w+", beginning(text))) <= MOST_WORDS


def test_the_beginning_of_what_people_write_is_all_of_it() -> None:
    text = "we would like to go somewhere warm with a beach, " * 40
    assert beginning(text) == text[:MOST_READ].strip()


@dataclass
class Counted:
    """A pattern that counts the characters that it was given to look at."""

    pattern: re.Pattern[str]
    looked_at: int = 0

    def search(self, text: str, at: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        self.looked_at += min(end, len(text)) - at
        return self.pattern.search(text, at, end)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        self.looked_at += len(text)
        return self.pattern.finditer(text)


@pytest.mark.parametrize(
    ("where", "name", "text"),
    [
        (module, "_NOT_PICKED", "#1 "),
        (module, "_NOT_PICKED", "the second "),
        (flying, "_CARRIER", "by lufthansa, "),
        (flying, "_BACK", "by 5h "),
        (flying, "_ARRIVES", "mornings "),
        (flying, "_DEPARTS", "mornings "),
    ],
)
def test_the_work_grows_with_the_text_and_not_with_its_square(
    where: Any, name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(getattr(where, name))
    monkeypatch.setattr(where, name, counted)
    hints(text * MOST_READ)
    assert counted.looked_at <= 20 * MOST_READ


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("On décale d'une semaine", 7),
        ("can we push it back by two days?", 2),
        ("let's postpone the trip by a week", 7),
        ("move everything up a day", -1),
        ("bring it forward by 3 days", -3),
        ("Verschieb... nein, lass uns das um zwei Tage verschieben", 2),
        ("Kannst du das um eine Woche vorverlegen?", -7),
        ("lo aplazamos una semana", 7),
        ("adelanta el viaje dos días", -2),
        ("we move in a week", 0),
        ("a week by the sea", 0),
    ],
)
def test_what_is_put_off_is_so_many_days_later(text: str, days: int) -> None:
    assert hints(text).days_later == days


@pytest.mark.parametrize("text", ["where can I ski?", "wo kann man Skifahren?", "para esquiar"])
def test_who_wants_to_ski_looks_for_mountains(text: str) -> None:
    assert set(hints(text).wishes) == {"cold", "mountains"}


def test_a_gourmet_s_weekend_is_one_of_food() -> None:
    assert hints("un week-end gourmand").likes == (FOOD,)
