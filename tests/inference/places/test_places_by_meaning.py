"""Places by what they mean: the right kind is among the first, a no is left alone, what is damaged is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import trio

from inference.encoder.encoder import Encoded, load_encoder
from inference.places.meanings import (
    ARTEFACT,
    FILE,
    LatePlaceMeanings,
    PlaceMeanings,
    load_place_meanings,
    says_no,
    telling_words,
)
from inference.training.places.texts import all_texts, destinations
from inference.understanding.ngrams import ModelDamaged
from protocol.travel import Place

MODELS = Path(__file__).parents[3] / ".models"
has_encoder = pytest.mark.skipif(
    not (MODELS / "encoder").exists(), reason="`make models` was not called here"
)

Kind = Callable[[Place], bool]


def within(*countries: str) -> Kind:
    return lambda place: place.country in countries


def tagged(*tags: str) -> Kind:
    return lambda place: not set(tags).isdisjoint(place.tags)


WISHES: dict[str, Kind] = {
    "somewhere quiet with good surfing and cheap food": tagged("coast"),
    "pyramids and a cruise on the nile": within("EG"),
    "pho, street food and motorbikes": within("VN", "TH", "KH", "LA"),
    "a long weekend of pubs and live irish music": within("IE", "GB"),
    "glaciers and penguins at the end of the world": lambda place: (
        place.at.latitude < -40 or "cold_winter" in place.tags
    ),
    "an old walled town on the adriatic": within("HR", "ME", "AL", "SI", "IT"),
    "yoga and ashrams": within("IN", "NP", "LK", "ID"),
    "riding with gauchos on the pampas": within("AR", "UY", "BR"),
    "souks, mint tea and riads": within("MA", "TN", "DZ", "EG"),
    "christmas markets and mulled wine": within("DE", "AT", "CZ", "CH", "PL", "HU"),
    "mayan ruins and cenotes": within("MX", "GT", "BZ", "HN"),
    "a little town high in the mountains to ski": tagged("mountains", "highland", "cold_winter"),
}
"""Written before the directions were asked for any of them."""

FIRST = 10
LEAST_WISHES = 10
"""Of the twelve: so many have one of the right kind there."""

LEAST_RIGHT = 4.0
"""Of the ten, on average. 5.6 are right, by chance one; the encoder knows nothing of gauchos and souks, and
little of mulled wine."""


class Pointing:
    """An encoder that knows two words."""

    version = "pointing"

    def encode(self, text: str) -> Encoded:
        emb = np.array([float("sea" in text), float("snow" in text)], np.float32)
        return Encoded(emb, emb[None], ((0, 1),))


def two() -> PlaceMeanings:
    return PlaceMeanings(
        Pointing(),  # type: ignore[arg-type]
        ("beach", "peak"),
        np.array([[0.9, 0.1], [0.1, 0.8]], np.float32),
        "test",
    )


def granted(meanings: PlaceMeanings) -> dict[str, int]:
    """How many of the first ten are of the right kind, wish by wish."""
    by_id = {place.id: place for place in destinations()}
    return {
        wish: sum(
            is_right(by_id[one]) for one, _ in meanings.nearest(wish, limit=FIRST) if one in by_id
        )
        for wish, is_right in WISHES.items()
    }


def is_passed(found: dict[str, int]) -> bool:
    some = sum(right > 0 for right in found.values())
    return some >= LEAST_WISHES and sum(found.values()) / len(found) >= LEAST_RIGHT


def test_the_nearest_come_first_and_no_more_than_asked():
    assert [one for one, _ in two().nearest("by the sea", limit=5)] == ["beach", "peak"]
    assert two().nearest("snow", limit=1) == [("peak", pytest.approx(0.8))]


def test_what_says_nothing_of_places_finds_none():
    assert two().nearest("surprise me", limit=5) == []


@pytest.mark.parametrize(
    "text",
    [
        "no snow please",
        "we're so done with snow",
        "by the sea but not too hot",
        "I don't want snow",
        "anything but snow",
        "somewhere without snow",
    ],
)
def test_what_is_not_wanted_is_not_looked_up(text):
    assert says_no(text)
    assert two().nearest(text, limit=5) == []


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        ("where should we go in may with the kids?", ""),
        ("somewhere warm in february w my 2 kids, under 150 a night?", "warm"),
        ("hiking in spring for 600 euros", "hiking"),
        ("somewhere quiet with good surfing and cheap food", "quiet surfing cheap food"),
    ],
)
def test_days_people_and_money_say_nothing_of_a_place(text, telling):
    assert telling_words(text) == frozenset(telling.split())


def test_what_tags_can_prove_is_left_to_them_where_that_is_asked_for():
    assert two().nearest("a beach by the sea", limit=1) == [("beach", pytest.approx(0.9))]
    assert two().nearest("a beach by the sea", limit=1, is_beyond_tags=True) == []
    assert two().nearest("pirates by the sea", limit=1, is_beyond_tags=True)


def test_what_leads_astray_is_not_read():
    heard = []

    class Listening(Pointing):
        def encode(self, text: str) -> Encoded:
            heard.append(text)
            return super().encode(text)

    replace(two(), encoder=Listening()).nearest("pirates, in spring, for 600 euros!", limit=1)  # type: ignore[arg-type]
    assert heard == ["pirates in for"]


def test_a_no_inside_a_word_is_none():
    assert not says_no("snow and nougat in november, butter tea")


async def test_before_they_are_loaded_nothing_is_like_anything():
    late = LatePlaceMeanings(trio.CapacityLimiter(1))
    assert await late.nearest("sea") == []
    late.begin(two())
    assert [one for one, _ in await late.nearest("sea", limit=1)] == ["beach"]
    assert late.statistics() == {"asked": 1, "failed": 0}


async def test_an_encoder_that_fails_is_like_none_and_counted():
    late = LatePlaceMeanings(trio.CapacityLimiter(1))
    late.begin(replace(two(), encoder=None))
    assert await late.nearest("sea") == []
    assert late.statistics() == {"asked": 1, "failed": 1}


def test_the_committed_directions_are_of_the_catalogue_as_it_is():
    manifest = json.loads((ARTEFACT / "manifest.json").read_bytes())
    assert manifest["texts"] == sha256(all_texts(destinations()).encode()).hexdigest()
    with np.load(ARTEFACT / FILE) as arrays:
        assert tuple(arrays["ids"]) == tuple(place.id for place in destinations())
        assert arrays["steps"].shape == (len(destinations()), 384)


def test_another_encoders_and_damaged_ones_are_refused(tmp_path: Path):
    with pytest.raises(ModelDamaged):
        load_place_meanings(Pointing())  # type: ignore[arg-type]
    folder = tmp_path / "places"
    shutil.copytree(ARTEFACT, folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"encoder": "pointing"}))
    load_place_meanings(Pointing(), folder)  # type: ignore[arg-type]
    with (folder / FILE).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelDamaged):
        load_place_meanings(Pointing(), folder)  # type: ignore[arg-type]


@has_encoder
def test_the_right_kind_of_place_is_among_the_first_ten_and_by_chance_it_is_not():
    meanings = load_place_meanings(load_encoder(MODELS / "encoder"))
    found = granted(meanings)
    shuffled = np.random.default_rng(5).permutation(meanings.directions)
    by_chance = granted(replace(meanings, directions=shuffled))
    assert is_passed(found), found
    assert not is_passed(by_chance), by_chance
