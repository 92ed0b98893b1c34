"""Why an item stands where it does: the feature that weighed most for it and is true of it (pure)."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from inference.recommender.features import Vector
from inference.recommender.schema import AT, REASONS, parts_of
from inference.recommender.taste import Floats

STANDS_OUT: Final = 0.1
"""Of the score before σ: less than that is no reason."""


def without(vector: Vector) -> list[Vector]:
    """The item as it would be without each of `REASONS`: that is not known, or the tag not there."""
    return [_without(vector, reason) for reason in REASONS]


def because(vector: Vector, score: float, scores_without: Sequence[float] | Floats) -> str | None:
    """`score` and `scores_without` [len(REASONS)] before σ. None: nothing stands out."""
    weighed = score - np.asarray(scores_without)
    for at in np.argsort(-weighed):
        if weighed[at] < STANDS_OUT:
            return None
        if is_true(REASONS[at], vector):
            reason: str = REASONS[at]
            return reason
    return None


def is_true(reason: str, vector: Vector) -> bool:
    """Whether it can be said in favour of this item: the tag is there, the price is low, no stop, …"""
    if reason.startswith("tags."):
        return vector[AT[reason]] == 1.0
    known = [part for part in parts_of(reason) if vector[part + 1] == 0.0]
    if not known:
        return False
    match reason:
        case "price":
            # Of what it is compared with, nothing may say that it is dear.
            return all(vector[part] <= 0 for part in known) and any(
                vector[part] < 0 for part in known
            )
        case "stops":
            return vector[known[0]] < 0
        case "duration":
            return vector[known[0]] < 0
        case "stars" | "board" | "refundable" | "bags":
            return vector[known[0]] > 0
        case _:
            return True


def _without(vector: Vector, reason: str) -> Vector:
    changed = list(vector)
    for part in parts_of(reason):
        changed[part] = 0.0
        if not reason.startswith("tags."):
            changed[part + 1] = 1.0
    return tuple(changed)
