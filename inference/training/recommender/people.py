"""Travellers with tastes, drawn by chance. The tower is trained on those who add up what speaks for an item
(weighers, steppers), and never on choosers, who do not.

Each gives an item a grade, 0 to 4, and says yes or no to what it looks at.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inference.recommender.schema import AT, TAGS
from inference.recommender.taste import Floats
from inference.training.recommender.scenes import KINDS, Scenes

Grades = NDArray[np.int64]
_GRADED_FROM: Final = (0.5, 0.7, 0.85, 0.95)
"""The shares of items of a kind below grades 1 to 4."""


@dataclass(frozen=True, slots=True)
class Views:
    """What a person thinks of all items of some scenes: `grades` and `odds` (of a yes), [scenes, 20]."""

    grades: Grades
    odds: Floats


class Person(Protocol):
    def views(self, scenes: Scenes) -> Views: ...


Draw = Callable[[Generator], Person]


@dataclass(frozen=True, slots=True)
class Weigher:
    """Adds up what speaks for and against: weights, an ideal warmth, an ideal distance, a budget whose
    overrun hurts. Says yes with logistic odds."""

    weights: Floats
    warmth: float
    distance: float

    def utility(self, features: Floats) -> Floats:
        def number(name: str) -> Floats:
            found: Floats = features[..., AT[name]]
            return found

        def known(name: str) -> Floats:
            found: Floats = 1 - features[..., AT[f"{name}.unknown"]]
            return found

        utility: Floats = features @ self.weights
        cold = ((number("climate.warmth") - self.warmth) / 0.8) ** 2
        utility = utility - 0.8 * np.minimum(cold, 3.0) * known("climate.warmth")
        far = (number("distance") - self.distance) ** 2
        utility = utility - 0.5 * np.minimum(far, 3.0) * known("distance")
        return utility - 2.0 * np.maximum(number("price.budget"), 0.0)

    def views(self, scenes: Scenes) -> Views:
        utility = self.utility(scenes.features)
        grades = np.zeros(utility.shape, np.int64)
        odds = np.zeros(utility.shape)
        for kind in range(len(KINDS)):
            of_kind = scenes.kinds == kind
            if not of_kind.any():
                continue
            mine = utility[of_kind]
            limits = np.quantile(mine, _GRADED_FROM)
            grades[of_kind] = np.searchsorted(limits, mine, side="right")
            unit = (mine - np.quantile(mine, 0.6)) / (mine.std() + 1e-9)
            odds[of_kind] = 1 / (1 + np.exp(-2.5 * unit))
        return Views(grades, odds)


_USUAL: Final = {
    "tags.coast": (0.4, 0.8),
    "tags.warm_coast": (0.4, 0.6),
    "tags.warm_winter": (0.2, 0.4),
    "tags.rainy": (-0.2, 0.4),
    "climate.rain": (-0.5, 0.4),
    "price.level": (-0.5, 0.8),
    "price.peers": (-0.9, 1.0),
    "price.budget": (-0.4, 0.6),
    "stops": (-0.7, 0.6),
    "duration": (-0.5, 0.5),
    "stars": (0.4, 0.8),
    "board": (0.2, 0.9),
    "refundable": (0.3, 0.5),
    "bags": (0.2, 0.4),
    "size": (0.0, 0.3),
}
"""Mean and spread of the weights of a population; of the other tags 0 and 0.8."""


def weigher(rng: Generator) -> Weigher:
    """Somebody of a population that on the whole likes it warm, cheap, direct and by the sea."""
    weights = np.zeros(len(AT))
    for tag in TAGS:
        weights[AT[f"tags.{tag}"]] = rng.normal(0.0, 0.8)
    for name, (mean, spread) in _USUAL.items():
        weights[AT[name]] = rng.normal(mean, spread)
    return Weigher(weights, rng.normal(0.3, 0.7), rng.normal(-0.2, 0.6))


@dataclass(frozen=True, slots=True)
class Stepper:
    """Adds up a few conditions that are met or not, some of which matter far more than others."""

    conditions: tuple[tuple[str, float, float, float], ...]
    """Feature, sign, limit, how much it matters."""

    def utility(self, features: Floats) -> Floats:
        total = np.zeros(features.shape[:-1])
        for name, sign, limit, matters in self.conditions:
            number = features[..., AT[name]]
            is_known = 1.0 if name.startswith("tags.") else 1 - features[..., AT[f"{name}.unknown"]]
            total += matters * (sign * (number - limit) > 0) * is_known
        return total


_STEPS: Final = {
    "tags.coast": (3.0, 0.9),
    "tags.mountains": (1.5, 0.8),
    "tags.highland": (0.7, 0.7),
    "tags.capital": (1.0, 0.7),
    "tags.metropolis": (1.0, 0.7),
    "tags.big_city": (1.0, 0.5),
    "tags.small_town": (1.0, 0.6),
    "climate.warmth": (3.5, 0.75),
    "climate.rain": (1.5, 0.1),
    "price.level": (3.0, 0.2),
    "price.peers": (3.0, 0.1),
    "price.budget": (2.0, 0.05),
    "distance": (2.0, 0.4),
    "stops": (2.5, 0.03),
    "duration": (2.0, 0.1),
    "stars": (3.0, 0.8),
    "board": (2.0, 0.8),
    "refundable": (2.0, 0.95),
    "bags": (1.5, 0.9),
}
"""How often a condition is one's own, and how often it asks for more, not less."""

_RANGES: Final = {"climate.rain": (0.2, 1.2), "board": (0.1, 0.6), "bags": (0.5, 1.5)}
_YES_OR_NO: Final = ("refundable",)


def stepper(rng: Generator) -> Stepper:
    """Somebody with nine conditions, of which the first few decide."""
    names = list(_STEPS)
    often = np.array([_STEPS[name][0] for name in names])
    drawn = rng.choice(len(names), size=9, replace=False, p=often / often.sum())
    matters = np.sort(rng.exponential(1.0, size=9))[::-1] ** 1.5
    conditions = []
    for at, much in zip(drawn, matters, strict=True):
        name = names[at]
        sign = 1.0 if rng.random() < _STEPS[name][1] else -1.0
        is_flag = name.startswith("tags.") or name in _YES_OR_NO
        limit = 0.5 if is_flag else float(rng.uniform(*_RANGES.get(name, (-0.6, 0.6))))
        conditions.append((name, sign, limit, float(much)))
    return Stepper(tuple(conditions))


# Those who do not add up.

_WISHES: Final[Sequence[tuple[float, Sequence[tuple[str, str, float]]]]] = (
    (3.0, (("tags.coast", ">", 0.5),)),
    (1.5, (("tags.mountains", ">", 0.5), ("tags.highland", ">", 0.5))),
    (1.5, (("tags.metropolis", ">", 0.5), ("tags.capital", ">", 0.5))),
    (1.0, (("tags.small_town", ">", 0.5),)),
    (3.0, (("climate.warmth", ">", 0.2),)),
    (1.0, (("climate.warmth", "<", -0.6),)),
    (1.5, (("climate.rain", "<", 0.4),)),
    (4.0, (("price.level", "<", -0.4), ("price.peers", "<", -0.15), ("price.budget", "<", -0.2))),
    (1.0, (("price.level", ">", 0.4), ("stars", ">", 0.4))),
    (1.5, (("distance", "<", 0.0),)),
    (1.0, (("distance", ">", 0.9),)),
    (3.0, (("stops", "<", -0.2),)),
    (1.5, (("duration", "<", -0.2),)),
    (2.0, (("stars", ">", 0.4),)),
    (1.5, (("board", ">", 0.3),)),
    (1.5, (("refundable", ">", 0.5),)),
    (1.0, (("bags", ">", 0.5),)),
)
"""How often a wish is heard, and what fulfils it: any of these."""


@dataclass(frozen=True, slots=True)
class Chooser:
    """Looks at one wish after the other (lexicographic): a later one matters only between items that are
    alike in the earlier. Says yes when the first and one more are fulfilled, whatever else speaks for
    an item."""

    wishes: tuple[tuple[int, ...], ...]

    def views(self, scenes: Scenes) -> Views:
        worth = np.zeros(scenes.features.shape[:2], np.int64)
        for kind, wishes in enumerate(self.wishes):
            of_kind = scenes.kinds == kind
            features = scenes.features[of_kind]
            worth[of_kind] = sum(
                (4 >> rank) * _fulfilled(features, wish) for rank, wish in enumerate(wishes)
            )
        grades = np.array((0, 0, 1, 1, 2, 3, 3, 4))[worth]
        return Views(grades, np.where(worth > 4, 0.95, 0.05))


def chooser(rng: Generator) -> Chooser:
    """Three wishes for each kind of item, of those that it can fulfil."""
    order = rng.permutation(len(_WISHES))
    often = np.array([_WISHES[wish][0] for wish in order])
    # Efraimidis and Spirakis: a weighted order without replacement.
    ranked = [int(wish) for wish in order[np.argsort(-(rng.random(len(order)) ** (1 / often)))]]
    return Chooser(
        tuple(tuple(wish for wish in ranked if wish in _CAN[kind])[:3] for kind in range(3))
    )


_FLIGHTS_ONLY: Final = {"stops", "duration", "bags"}
_ROOMS_ONLY: Final = {"stars", "board"}
_OFFERS_ONLY: Final = {"refundable"}


def _can(kind: int) -> frozenset[int]:
    lacking = {
        0: _FLIGHTS_ONLY | _ROOMS_ONLY | _OFFERS_ONLY,
        1: _FLIGHTS_ONLY,
        2: _ROOMS_ONLY,
    }[kind]
    return frozenset(
        at
        for at, (_, tests) in enumerate(_WISHES)
        if any(name not in lacking for name, *_ in tests)
    )


_CAN: Final = tuple(_can(kind) for kind in range(3))


def _fulfilled(features: Floats, wish: int) -> Grades:
    found = np.zeros(features.shape[:-1], bool)
    for name, sign, limit in _WISHES[wish][1]:
        number = features[..., AT[name]]
        is_known = True if name.startswith("tags.") else features[..., AT[f"{name}.unknown"]] == 0
        found |= (number > limit if sign == ">" else number < limit) & is_known
    return found.astype(np.int64)
