"""People who come back, round after round, to a recommender that learns of what they say (seeded).

In each round a person sees the best three of twenty and answers for those that it looks at, which the
first is most often; it also says yes to the first without meaning it now and then. Half of the people
become others in the middle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from inference.recommender.most_liked import MostLiked, faded
from inference.recommender.refit import TooLittle, enough, fitted, most_liked
from inference.recommender.taste import MOST_REPLAYED, WIDTH, Floats, learned, liking
from inference.recommender.tower import Tower
from inference.recommender.voices import Voices
from inference.training.recommender.people import Draw, Grades, Views
from inference.training.recommender.scenes import CANDIDATES, Scenes

SHOWN: Final = 3
LOOKED_AT: Final = (1.0, 0.7, 0.5)
POLITE: Final = 0.1
"""Of no to the first that is said as yes."""

Policy = Literal["learning", "no_learning", "no_prior"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """NDCG@5 [people, rounds] of the policy and of popularity; whether a person became another."""

    learned: Floats
    popular: Floats
    flipped: np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class World:
    """Who is played, in what scenes, for how long."""

    seen: Scenes
    vectors: Floats
    people: Sequence[Views]
    others: Sequence[Views]
    """What the same people think once they became others."""
    crowd: Sequence[Views]
    """Of whom popularity and the prior are known, and nobody else is among the people."""


def world(draw: Draw, seen: Scenes, tower: Tower, *, people: int, crowd: int, seed: int) -> World:
    rng = default_rng(seed)
    flat = tower.items(seen.features.reshape(-1, seen.features.shape[-1]))
    return World(
        seen,
        flat.reshape(len(seen), CANDIDATES, WIDTH),
        [draw(rng).views(seen) for _ in range(people)],
        [draw(rng).views(seen) for _ in range(people)],
        [draw(rng).views(seen) for _ in range(crowd)],
    )


def play(
    played: World,
    tower: Tower,
    *,
    most: MostLiked,
    policy: Policy = "learning",
    rounds: int = 80,
    seed: int,
) -> Course:
    """`most`: of the crowd."""
    rng = default_rng(seed)
    people, everybody = len(played.people), np.arange(len(played.people))
    if policy == "no_prior":
        most = MostLiked(np.zeros(WIDTH))
    prior, beside = most.weights, np.zeros((len(played.seen), CANDIDATES))
    if most.items is not None:
        flat = played.seen.features.reshape(-1, played.seen.features.shape[-1])
        beside = most.items.of(flat).reshape(beside.shape)
    popularity = popular_of(played, default_rng(seed + 2))
    weights = np.tile(prior, (people, 1))
    memory = _Memory(people)
    flipped = everybody % 2 == 0
    grades = np.stack([[v.grades for v in played.people], [v.grades for v in played.others]])
    odds = np.stack([[v.odds for v in played.people], [v.odds for v in played.others]])
    mine, popular = np.zeros((people, rounds)), np.zeros((people, rounds))
    for turn in range(rounds):
        scene = rng.integers(len(played.seen), size=people)
        now = (flipped & (turn >= rounds // 2)).astype(int)
        vectors, true = played.vectors[scene], grades[now, everybody, scene]
        said_of_items = faded(memory.seen)[:, None] * beside[scene]
        scores = liking(
            weights, vectors, sharpness=tower.sharpness, bias=tower.bias + said_of_items
        )
        order = np.argsort(-scores, axis=1)
        mine[:, turn] = ndcg(true, order)
        popular[:, turn] = ndcg(true, np.argsort(-popularity[scene], axis=1))
        if policy == "no_learning":
            continue
        said = odds[now, everybody, scene]
        for place in range(SHOWN):
            at = order[:, place]
            yes = rng.random(people) < said[everybody, at]
            if place == 0:
                yes |= rng.random(people) < POLITE
            is_seen = rng.random(people) < LOOKED_AT[place]
            memory.note(vectors[everybody, at], yes.astype(float), is_seen.astype(float))
        weights = memory.learned(prior, weights, tower)
    return Course(learned=mine, popular=popular, flipped=flipped)


class _Memory:
    """What everybody said, the newest `MOST_REPLAYED`."""

    def __init__(self, people: int) -> None:
        self._items = np.zeros((people, 0, WIDTH))
        self._liked = np.zeros((people, 0))
        self._strength = np.zeros((people, 0))

    @property
    def seen(self) -> NDArray[np.int64]:
        """How much each has said."""
        return np.asarray(np.count_nonzero(self._strength, axis=1))

    def note(self, items: Floats, liked: Floats, strength: Floats) -> None:
        kept = slice(-MOST_REPLAYED, None)
        self._items = np.concatenate([self._items, items[:, None]], axis=1)[:, kept]
        self._liked = np.concatenate([self._liked, liked[:, None]], axis=1)[:, kept]
        self._strength = np.concatenate([self._strength, strength[:, None]], axis=1)[:, kept]

    def learned(self, prior: Floats, begin: Floats, tower: Tower) -> Floats:
        return learned(
            prior,
            self._items,
            self._liked,
            sharpness=tower.sharpness,
            bias=tower.bias,
            strength=self._strength,
            begin=begin,
            steps=2,
        )


def popular_of(played: World, rng: Generator) -> Floats:
    """[scenes, 20]: the share of yes when the whole crowd is asked about each item. No server knows that
    much of an offer that was found a moment ago."""
    said = [rng.random(views.odds.shape) < views.odds for views in played.crowd]
    share: Floats = np.mean(said, axis=0)
    return share


def most_of(played: World, tower: Tower, rng: Generator, each: int = 200) -> MostLiked:
    """What most of the crowd like, by what it said of items that it came across; with item statistics where the daily
    run would take them in."""
    features, liked = [], []
    for views in played.crowd:
        at = rng.integers(len(played.seen), size=each), rng.integers(CANDIDATES, size=each)
        features.append(played.seen.features[at])
        liked.append((rng.random(each) < views.odds[at]).astype(float))
    person = np.tile(np.arange(len(features)), each)  # everybody speaks in every round
    said = Voices(
        person,
        np.stack(features, axis=1).reshape(len(person), -1),
        np.stack(liked, axis=1).ravel(),
    )
    weights = fitted(said, tower)
    try:
        return MostLiked(weights, most_liked(*enough(said), tower)[0].items)
    except TooLittle:
        return MostLiked(weights)


def ndcg(
    grades: Grades, order: np.ndarray[tuple[int, ...], np.dtype[np.int64]], at: int = 5
) -> Floats:
    """Of the first `at`, [people]; gains 2^grade − 1 (Järvelin and Kekäläinen 2002). Nothing worth
    anything there: 1."""
    gains = 2.0**grades - 1
    discount = 1 / np.log2(np.arange(at) + 2)
    found = (np.take_along_axis(gains, order[:, :at], axis=1) * discount).sum(axis=1)
    best = (-np.sort(-gains, axis=1)[:, :at] * discount).sum(axis=1)
    share: Floats = np.where(best > 0, found / np.where(best > 0, best, 1), 1.0)
    return share
