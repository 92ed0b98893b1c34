"""What many people said of items, as arrays: what populations and towers are fitted to (numpy, pure)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.ports.personas import Feedback
from inference.recommender.schema import FEATURES
from inference.recommender.taste import MOST_OF_ONE, Floats
from inference.recommender.tower import is_readable

Ints = NDArray[np.int64]

HELD_OUT: Final = 0.2
"""Of all that was said, the newest share that nothing is fitted to."""

JUDGING: Final = frozenset({"rating", "booked"})
"""Whoever looked at a card has not judged it."""


@dataclass(frozen=True, slots=True)
class Voices:
    """n judgements, oldest first: `person` [n], 0, 1, … in the order of appearance and nobody's name;
    `features` [n, features]; `liked` [n], 0 or 1."""

    person: Ints
    features: Floats
    liked: Floats

    def __len__(self) -> int:
        return len(self.person)

    @property
    def people(self) -> int:
        """How many have a voice here."""
        return len(np.unique(self.person))

    @property
    def share(self) -> Floats:
        """[n]: what each counts, so that nobody counts for more than `MOST_OF_ONE`."""
        counts = np.bincount(self.person, minlength=1)[self.person]
        return np.minimum(1.0, MOST_OF_ONE / np.maximum(counts, 1))

    def where(self, wanted: NDArray[np.bool_]) -> "Voices":
        return Voices(self.person[wanted], self.features[wanted], self.liked[wanted])

    def split(self) -> tuple["Voices", "Voices"]:
        """All but the newest `HELD_OUT`, and those."""
        is_old = np.arange(len(self)) < round(len(self) * (1 - HELD_OUT))
        return self.where(is_old), self.where(~is_old)

    def each(self) -> Iterator["Voices"]:
        """Person by person."""
        for person in np.unique(self.person):
            yield self.where(self.person == person)


def voices_of(feedbacks: Sequence[Feedback]) -> Voices:
    """Those of them that judge an item whose features can be read."""
    usable = sorted(
        (
            one
            for one in feedbacks
            if one.value
            and one.kind in JUDGING
            and len(one.features) == len(FEATURES)
            and is_readable(one.tower)
        ),
        key=lambda one: (one.at, one.message_id, one.item_id or "", one.user_id),
    )
    numbers: dict[str, int] = {}
    person = [numbers.setdefault(one.user_id, len(numbers)) for one in usable]
    features = np.array([one.features for one in usable], np.float64)
    return Voices(
        np.array(person, np.int64),
        features.reshape(len(usable), len(FEATURES)),
        np.array([float(one.value > 0) for one in usable]),
    )
