"""Where to and where from."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understanding_places import gazetteer

from inference.understanding import gazetteer as module
from inference.understanding import places
from inference.understanding.folding import fold, words_of
from inference.understanding.gazetteer import MAX_WORDS, MOST_COMPARED, Gazetteer, mistakes_between
from inference.understanding.places import mentions_in
from inference.understanding.towns import is_town
from protocol.understanding import Language, Question


@dataclass(frozen=True)
class Where:
    to: tuple[str, ...] = ()
    of: tuple[str, ...] = ()


def read(text: str, language: Language = "en", asked: Question | None = None) -> Where:
    found = mentions_in(text, fold(text), gazetteer(), language=language, asked=asked)
    return Where(
        tuple(mention.place.name for mention in found if mention.role == "destination"),
        tuple(mention.place.name for mention in found if mention.role == "origin"),
    )


@pytest.mark.parametrize(
    ("language", "text", "right"),
    [
        ("en", "flights from lisbon to rome", Where(("Rome",), ("Lisbon",))),
        ("en", "Lisbon - Rome, one way", Where(("Rome",), ("Lisbon",))),
        ("en", "lisbon rome flight", Where(("Rome",), ("Lisbon",))),
        ("en", "BCN to LIS", Where(("Lisbon",), ("Barcelona",))),
        ("en", "flights NYC to LA friday to sunday", Where(("Los Angeles",), ("New York",))),
        ("en", "from LA to lisbon", Where(("Lisbon",), ("Los Angeles",))),
        ("en", "hotels in LA", Where(("Los Angeles",))),
        ("es", "La playa y la ciudad", Where()),
        ("es", "vuelos a La Habana", Where(("Havana",))),
        ("fr", "partir à la mer", Where()),
        ("en", "new york or miami", Where(("New York", "Miami"))),
        ("en", "we live in leeds, want crete", Where(("Crete",), ("Leeds",))),
        ("en", "cheap trip to the canary islands", Where(("Canary Islands",))),
        ("en", "somewhere in the algarve", Where(("Algarve",))),
        ("en", "a b&b in dingle", Where(("Dingle",))),
        ("en", "not paris, rather lyon", Where(("Lyon",))),
        ("fr", "pas l'Egypte stp", Where()),
        ("en", "a weekend in portland oregon", Where(("Portland",))),
        ("en", "hotels in valencia in spain", Where(("Valencia",))),
        ("en", "Paris in France or Rome", Where(("Paris", "Rome"))),
        ("de", "ein Hotel in Valencia in Spanien", Where(("Valencia",))),
        ("en", "flights from valencia to spain", Where(("Spain",), ("Valencia",))),
        ("en", "somewhere in latin america", Where(("Latin America",))),
        ("en", "valencia, spain", Where(("Valencia",))),
        ("en", "dub to faro", Where(("Faro",), ("Dublin",))),
        ("en", "fra to lhr", Where(("London",), ("Frankfurt",))),
        ("en", "ber lhr 3 may", Where(("London",), ("Berlin",))),
        ("en", "the end of the bus line", Where()),
        ("en", "anything ex gatwick to krakow", Where(("Krakow",), ("London",))),
        ("en", "the hotel in old town", Where()),
        ("en", "somewhere closer to berlin", Where((), ("Berlin",))),
        ("de", "etwas näher an Berlin", Where((), ("Berlin",))),
        ("es", "algo más cerca de Madrid", Where((), ("Madrid",))),
        ("fr", "plus près de Paris", Where((), ("Paris",))),
        ("de", "wie ist das wetter in st. anton", Where(("St. Anton",))),
        ("es", "tiquete bogota san andres", Where(("San Andrés",), ("Bogotá",))),
        ("es", "quiero montaña", Where()),
        ("fr", "hôtel à Saint-Malo", Where(("Saint-Malo",))),
        ("de", "Flug ab München nach Island", Where(("Iceland",), ("Munich",))),
        ("de", "von Köln nach Palma", Where(("Palma",), ("Cologne",))),
        ("de", "Ferienwohnung auf Mallorca", Where(("Mallorca",))),
        ("es", "vuelo de madrid a parís", Where(("Paris",), ("Madrid",))),
        ("es", "hoteles en sevilla", Where(("Seville",))),
        ("de", "Flug nach Paris plz", Where(("Paris",))),
        ("fr", "de Paris", Where((), ("Paris",))),
        ("es", "de Madrid, por favor", Where((), ("Madrid",))),
        ("fr", "vol de lyon à marrakech", Where(("Marrakech",), ("Lyon",))),
        ("fr", "un week-end à Londres", Where(("London",))),
    ],
)
def test_places_and_their_roles(language: Language, text: str, right: Where) -> None:
    assert read(text, language) == right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("we need to split the bill", ()),
        ("flights to split in june", ("Split",)),
        ("that would be nice", ()),
        ("nice hotel in nice", ("Nice",)),
        ("flights to nice in june", ("Nice",)),
        ("reading a book", ()),
        ("most of them are ok", ()),
        ("how about turkey in october", ("Turkey",)),
        ("i want an island", ()),
        ("no peace in here", ()),
        ("emirates or delta", ()),
    ],
)
def test_a_common_word_is_a_place_only_where_one_is_spoken_of(
    text: str, right: tuple[str, ...]
) -> None:
    assert read(text).to == right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("barcelnoa", "Barcelona"),
        ("lisbonn", "Lisbon"),
        ("thailnd", "Thailand"),
        ("amsterdma pls", "Amsterdam"),
        ("copenhgen", "Copenhagen"),
        ("puntacana", "Punta Cana"),
    ],
)
def test_small_slips_in_long_names_are_forgiven(text: str, right: str) -> None:
    assert read(text).to == (right,)


@pytest.mark.parametrize("text", ["serial", "mortar", "francis", "constant", "canyon", "malaria"])
def test_a_word_is_no_slip_of_a_name(text: str) -> None:
    assert read(text) == Where()


def test_the_answer_to_where_from_is_an_origin_and_may_be_any_name() -> None:
    assert read("porto", asked="origin") == Where((), ("Porto",))
    assert read("bath", asked="destination") == Where(("Bath",))


def test_what_the_catalogue_has_comes_with_its_id_and_countries_with_their_code() -> None:
    names = gazetteer()
    lisbon, bali, japan = names.named("Lissabon"), names.named("Bali"), names.named("Japón")
    assert lisbon is not None
    assert (lisbon.name, lisbon.place_id) == ("Lisbon", "lisbon-pt")
    assert bali is not None
    assert (bali.name, bali.country) == ("Bali", None)
    assert bali.place_id == "denpasar-id"
    assert japan is not None
    assert (japan.name, japan.country) == ("Japan", "JP")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("hotel in san jose", ("san-jose-cr", "abroad")),
        ("hotel in san jose, usa", ("city-5392171", None)),
        ("hotel in san jose california", ("city-5392171", None)),
        ("hotels in granada nicaragua", ("granada-ni", None)),
        ("valencia in spain", ("valencia-es", None)),
        ("valencia", ("valencia-es", "abroad")),
        ("springfield", ("city-4409896", "here")),
        ("barcelona", ("barcelona-es", None)),
    ],
)
def test_which_of_several_is_meant_is_told_by_its_country_or_said_to_be_open(
    text: str, right: tuple[str, str | None]
) -> None:
    (found,) = mentions_in(text, fold(text), gazetteer(), language="en", asked="destination")
    assert (found.place.place_id, found.place.namesakes) == right


def test_towns_are_known_by_their_hash() -> None:
    assert is_town("zermatt")
    assert not is_town("peace")


def test_mistakes_are_counted_up_to_what_is_allowed() -> None:
    assert mistakes_between("lisbon", "lisbno", 1) == 1
    assert mistakes_between("lisbon", "gisbon", 1) == 2
    assert mistakes_between("lisbon", "lisbons", 1) == 1
    assert mistakes_between("lisbon", "london", 1) == 2


def test_an_empty_gazetteer_knows_regions_and_countries() -> None:
    assert Gazetteer([]).named("Toskana") is not None


@settings(deadline=None)
@given(st.text(max_size=80), st.sampled_from(("en", "de", "es", "fr")), st.booleans())
def test_no_text_breaks_it_and_places_do_not_overlap(text: str, language: Any, asks: bool) -> None:
    asked: Any = "destination" if asks else None
    found = mentions_in(text, fold(text), gazetteer(), language=language, asked=asked)
    assert all(one.end <= two.start for one, two in pairwise(found))
    assert all(words_of(text[mention.start : mention.end]) for mention in found)


@given(st.text(max_size=60))
def test_a_fold_is_as_long_as_its_text(text: str) -> None:
    assert len(fold(text)) == len(text)


def test_slips_are_counted_in_so_many_names_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    def counted(word: str, other: str, allowed: int) -> int:
        nonlocal compared
        compared += 1
        return mistakes_between(word, other, allowed)

    monkeypatch.setattr(module, "mistakes_between", counted)
    read("sant1 " * 166)
    assert MOST_COMPARED <= compared <= MAX_WORDS * MOST_COMPARED
    compared = 0
    long = (
        "we have been thinking about where we should travel with everybody this coming summer and "
    )
    assert read(long * 9 + "flights to Barcelnoa") == Where(("Barcelona",))
    assert compared < 50


def test_whether_it_speaks_of_journeys_is_looked_for_once_and_not_for_each_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_for: list[str] = []

    @dataclass
    class Counted:
        pattern: re.Pattern[str]

        def search(self, text: str) -> re.Match[str] | None:
            looked_for.append(text)
            return self.pattern.search(text)

    for name in ("_FLIGHT", "_STAY"):
        monkeypatch.setattr(places, name, Counted(getattr(places, name)))
    read("in nice, " * 100)
    assert len(looked_for) == 2
