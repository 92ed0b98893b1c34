"""What every search for places by meaning promises: the one that is served, and what stands in for it in tests."""

from collections.abc import Callable

import numpy as np
import pytest
import trio
from fake_meanings import FakeMeanings

from core.ports.inference import PlacesByMeaning
from inference.encoder.encoder import Encoded
from inference.places.meanings import LatePlaceMeanings, PlaceMeanings

SEA = "by the sea"
PLACES = ("beach", "pier", "peak")


class SeaEncoder:
    """Knows the sea."""

    version = "sea"

    def encode(self, text: str) -> Encoded:
        emb = np.array([float("sea" in text), 0.0], np.float32)
        return Encoded(emb, emb[None], ((0, 1),))


def served() -> PlacesByMeaning:
    directions = np.array([[0.9, 0.1], [0.5, 0.1], [0.1, 0.9]], np.float32)
    late = LatePlaceMeanings(trio.CapacityLimiter(1))
    late.begin(PlaceMeanings(SeaEncoder(), PLACES, directions, "test"))  # type: ignore[arg-type]
    return late


def faked() -> PlacesByMeaning:
    fake = FakeMeanings()
    fake.nearby[SEA] = list(PLACES)
    return fake


MAKE: dict[str, Callable[[], PlacesByMeaning]] = {"served": served, "fake": faked}


@pytest.fixture(params=sorted(MAKE))
def meanings(request: pytest.FixtureRequest) -> PlacesByMeaning:
    return MAKE[request.param]()


async def test_the_most_alike_come_first(meanings: PlacesByMeaning) -> None:
    found = await meanings.nearest(SEA)
    assert [one for one, _ in found] == list(PLACES)
    likeness = [value for _, value in found]
    assert likeness == sorted(likeness, reverse=True)
    assert all(0 < value <= 1 for value in likeness)


async def test_no_more_than_were_asked_for(meanings: PlacesByMeaning) -> None:
    assert [one for one, _ in await meanings.nearest(SEA, limit=1)] == ["beach"]


@pytest.mark.parametrize("text", ["", "hm", "\x00", "😂", "a" * 10_000])
async def test_words_that_say_nothing_find_nothing(meanings: PlacesByMeaning, text: str) -> None:
    assert await meanings.nearest(text) == []


async def test_before_a_model_is_there_nothing_is_found() -> None:
    assert await LatePlaceMeanings(trio.CapacityLimiter(1)).nearest(SEA) == []
