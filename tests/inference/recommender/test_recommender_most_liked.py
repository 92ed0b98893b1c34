"""Statistics of items beside a taste of many: what does not add up is learned, of enough people, and only where it helps."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import default_rng

from core.ports.inference import Taste
from inference.recommender.most_liked import (
    CELLS,
    FADES_AFTER,
    ItemStatistics,
    MostLiked,
    cells_of,
    faded,
    item_statistics,
)
from inference.recommender.refit import ITEMS_GAIN, compared, enough, most_liked
from inference.recommender.schema import AT, FEATURES, NUMBERS, TAGS, unknown
from inference.recommender.taste import MIN_PEOPLE, Floats
from inference.recommender.tower import load_tower
from inference.recommender.voices import Voices
from inference.training.recommender.scenes import scenes

TOWER = load_tower()
SEEN = scenes(60, default_rng(5)).features.reshape(-1, len(FEATURES))


def said(likes: Callable[[Floats], Floats], *, people: int = 30, each: int = 60) -> Voices:
    """Everybody judges items by chance; `likes`: the odds of a yes by features."""
    rng = default_rng(7)
    features = SEEN[rng.integers(len(SEEN), size=people * each)]
    liked = (rng.random(len(features)) < likes(features)).astype(float)
    return Voices(np.tile(np.arange(people), each), features, liked)


def in_the_middle(features: Floats) -> Floats:
    """Neither cheap nor dear, which no direction says."""
    price = features[:, AT["price.peers"]] + features[:, AT["price.level"]]
    return np.where(np.abs(price) < 0.2, 0.9, 0.1)


def as_the_taste_says(features: Floats) -> Floats:
    odds = TOWER.sharpness * (TOWER.items(features) @ TOWER.popular) + TOWER.bias
    return np.asarray(1 / (1 + np.exp(-odds)))


def test_each_item_is_in_one_cell_of_each_number_and_in_those_of_its_tags() -> None:
    found = cells_of(SEEN)
    assert found.shape == (len(SEEN), CELLS)
    numbers = sum(map(len, NUMBERS.values()))
    tags = SEEN[:, [AT[f"tags.{tag}"] for tag in TAGS]].sum(axis=1)
    assert (found.sum(axis=1) == 1 + numbers + tags).all()
    nothing = cells_of(np.array([unknown()]))
    assert not nothing.any(), "not even its kind is known"


def test_what_does_not_add_up_is_learned_and_taken_in() -> None:
    head, tail = enough(said(in_the_middle))
    found, gain = most_liked(head, tail, TOWER)
    assert found.items is not None
    assert gain > 10 * ITEMS_GAIN
    alone = MostLiked(found.weights)
    verdict = compared(tail, TOWER, new=found, in_use=alone)
    assert verdict.in_use - verdict.loss == pytest.approx(gain)


def test_where_a_taste_says_it_all_statistics_are_noise_and_left_out() -> None:
    found, gain = most_liked(*enough(said(as_the_taste_says)), TOWER)
    assert found.items is None
    assert gain < ITEMS_GAIN


def test_of_cells_that_few_people_judged_nothing_is_said() -> None:
    voices = said(in_the_middle)
    is_capital = voices.features[:, AT["tags.capital"]] > 0
    few = voices.where(~is_capital | (voices.person < MIN_PEOPLE - 1))
    enough_people = voices.where(~is_capital | (voices.person < MIN_PEOPLE))
    capital = unknown()
    capital[AT["kind.place"]] = 1.0
    plain = np.array(capital)
    capital[AT["tags.capital"]] = 1.0
    for some, is_known in ((few, False), (enough_people, True)):
        found = item_statistics(some, np.zeros(len(some)))
        beside = found.of(np.array([capital])) - found.of(plain[None])
        assert (beside[0] != 0) == is_known


def test_nobody_counts_for_more_than_their_share() -> None:
    """A loud one who says yes to everything moves little."""
    quiet = said(lambda features: np.full(len(features), 0.5), people=25, each=40)
    loud = np.zeros(1_000, np.int64)
    rows = np.concatenate([SEEN[np.arange(len(loud)) % len(SEEN)], quiet.features])
    voices = Voices(
        np.concatenate([loud + 25, quiet.person]),
        rows,
        np.concatenate([np.ones(len(loud)), quiet.liked]),
    )
    before = item_statistics(quiet, np.zeros(len(quiet))).odds
    after = item_statistics(voices, np.zeros(len(voices))).odds
    assert np.abs(after - before).max() < 0.4


def test_statistics_of_others_fade_with_what_a_person_says() -> None:
    assert faded(np.array([0, int(FADES_AFTER)])).tolist() == [1.0, 0.5]
    assert faded(np.array([200]))[0] < 0.02


def test_a_taste_that_was_made_of_nothing_is_served_by_them_and_one_of_much_is_not() -> None:
    from recommender_items import a_place

    from core.ports.inference import Circumstances
    from inference.recommender.ranker import Population, TowerRanker

    places = [a_place("near", tags=("coast",)), a_place("far", tags=("capital",))]
    odds = np.zeros(CELLS)
    capital = np.array(unknown())
    capital[AT["kind.place"]] = capital[AT["tags.capital"]] = 1.0
    odds[np.flatnonzero(cells_of(capital[None])[0])] = 2.0
    odds[np.flatnonzero(cells_of(np.array(unknown())[None])[0])] = 0.0
    flat = np.zeros(16)
    items = ItemStatistics(odds)
    population = Population(version="p", tower=TOWER.version, weights=flat, items=items)
    ranker = TowerRanker(TOWER, population=population)
    likes_the_coast = tuple(float(one) for one in TOWER.popular * 0.8)

    def first(*tastes: Taste, of: TowerRanker = ranker) -> str:
        return places[of.rank_sync(places, tastes, Circumstances())[0].index].id

    def taste(seen: int) -> Taste:
        return Taste(version=TOWER.version, weights=likes_the_coast, seen=seen)

    assert first() == "far"
    assert first(taste(0)) == "far"
    assert first(taste(200)) == "near"
    other = Population(version="p", tower="another", weights=flat, items=items)
    assert first(of=TowerRanker(TOWER, population=other)) == "near"
