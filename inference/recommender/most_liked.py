"""What most like: a taste, and statistics of what items show beyond it (numpy, pure).

A taste adds up directions, and what many like does not always add up: a price below all others, a direct flight. So the
judgements are also counted by *cells* (of a kind: each tag, each step of a number), and each cell has the log odds by
which its items are liked more, or less, than the taste expects. Offers come and go; what they are like stays,
so cells are what statistics of them can be about.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.recommender.schema import AT, KINDS, NUMBERS, TAGS
from inference.recommender.taste import MIN_PEOPLE, Floats
from inference.recommender.voices import Voices

LAYOUT: Final = 1
"""Of the cells: statistics by others are not read."""

PULL: Final = 100.0
"""To nothing at all, in judgements. Chosen with played people: with 30, what 60 of them say of cells is noise."""

FADES_AFTER: Final = 3.0
"""Judgements of a person after which statistics of others count half."""

STEPS: Final = 4
_CHUNK: Final = 2_000
"""Rows at a time, so that the quiet run stays small."""

_NAMES: Final = tuple(name for names in NUMBERS.values() for name in names)
_EDGES: Final = (-0.6, -0.2, 0.2, 0.6)
"""Of the steps of every number: all are scaled to about -1 to 1 (`schema.NUMBERS`)."""

_WAYS: Final = np.eye(len(_EDGES) + 2)
_OF_KINDS: Final = [AT[kind] for kind in KINDS]
_OF_TAGS: Final = [AT[f"tags.{tag}"] for tag in TAGS]
_OF_NUMBERS: Final = [AT[name] for name in _NAMES]
_OF_FLAGS: Final = [AT[f"{name}.unknown"] for name in _NAMES]
CELLS: Final = len(KINDS) * (1 + len(TAGS) + len(_NAMES) * len(_WAYS))


@dataclass(frozen=True, slots=True)
class ItemStatistics:
    """`odds` [CELLS]: log odds by cell; 0 of those that too few people judged."""

    odds: Floats

    def of(self, features: Floats) -> Floats:
        """[n]: by how much each of [n, features] is liked more than a taste of many expects, in log odds."""
        return np.asarray(cells_of(features) @ self.odds)

    @property
    def known(self) -> int:
        """How many cells there is anything about."""
        return int(np.count_nonzero(self.odds))


@dataclass(frozen=True, slots=True)
class MostLiked:
    """`weights` [16]: the taste; `items` None: nothing beyond it."""

    weights: Floats
    items: ItemStatistics | None = None


def faded(seen: NDArray[np.int64]) -> Floats:
    """How much statistics of others count beside a taste that is made of that many judgements: 1 to 0."""
    return np.asarray(FADES_AFTER / (FADES_AFTER + seen))


def cells_of(features: Floats) -> Floats:
    """[n, CELLS], 0 or 1, of [n, features]."""
    numbers = np.digitize(features[:, _OF_NUMBERS], _EDGES)
    numbers[features[:, _OF_FLAGS] > 0] = len(_EDGES) + 1
    each = [
        np.ones((len(features), 1)),
        features[:, _OF_TAGS] > 0,
        _WAYS[numbers].reshape(len(features), -1),
    ]
    kinds = features[:, _OF_KINDS] > 0
    found = kinds[:, :, None] * np.concatenate(each, axis=1)[:, None, :]
    return np.asarray(found.reshape(len(features), CELLS))


def item_statistics(head: Voices, expected: Floats) -> ItemStatistics:
    """A ridge regression (Newton's steps) over all judgements at once, beside what is `expected` [n], the taste's
    log odds: so a cell has what the others do not account for. Cells that fewer than `MIN_PEOPLE` people judged are
    left out, and nobody counts for more than `Voices.share` says."""
    known, each = _known(head), head.share
    odds, some = np.zeros(CELLS), np.zeros(int(known.sum()))
    for _ in range(STEPS):
        slope, bend = -PULL * some, PULL * np.eye(len(some))
        for at in range(0, len(head), _CHUNK):
            rows = slice(at, at + _CHUNK)
            x = cells_of(head.features[rows])[:, known]
            likely = 1 / (1 + np.exp(-np.clip(expected[rows] + x @ some, -30, 30)))
            share = each[rows]
            slope += x.T @ (share * (head.liked[rows] - likely))
            bend += (x.T * (share * likely * (1 - likely))) @ x
        some = some + np.linalg.solve(bend, slope)
    odds[known] = some
    return ItemStatistics(odds)


def _known(head: Voices) -> NDArray[np.bool_]:
    """[CELLS]: those that enough people judged."""
    people = np.zeros(CELLS, np.int64)
    for person in np.unique(head.person):
        people += cells_of(head.features[head.person == person]).any(axis=0)
    return np.asarray(people >= MIN_PEOPLE)
