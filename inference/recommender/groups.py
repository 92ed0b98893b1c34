"""Ranking for several people: whose liking counts (pure; Masthoff 2011, "Group recommender systems").

Tastes are those that people showed by feedback in the room itself. None or one of them: no group, and the
answer says nothing of a rule. Two or more that point the same way (least cosine ≥ `ALIKE_FROM`): the
average, said as what they have in common. Else least misery, said as a choice that leaves nobody out. The
reason beside it is a feature of the item that is first; whose taste it met is never said.
"""

from typing import Final

import numpy as np

from core.ports.inference import How
from inference.recommender.taste import Floats

ALIKE_FROM: Final = 0.3
"""Cosine of the two most different tastes from which they are of one mind."""


def chosen_how(weights: Floats) -> How:
    """Of tastes [n, 16]. Those who are of one mind are served best by their average; as soon as two want
    different things, an average is what one of them pays for, and the one who likes it least counts."""
    if len(weights) == 1:
        return "own"
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    directions = weights / np.maximum(lengths, 1e-9)
    return "average" if (directions @ directions.T).min() >= ALIKE_FROM else "least_misery"


def merged(likings: Floats, how: How) -> Floats:
    """[items] of [people, items]. Among items that the unhappiest likes alike, the average decides."""
    average: Floats = likings.mean(axis=0)
    if how == "least_misery":
        worst: Floats = likings.min(axis=0)
        return worst + 1e-3 * average
    return average
