"""What is learned of a person: weights over the tower's output, from feedback (pure, numpy).

`score = σ(s·w·x + c)`. The weights are the likeliest under logistic regression: of what was said, where each
feedback counts a little less than the one after it, and of a prior that they are drawn to. Solved anew from
the feedbacks that are kept, so nothing depends on the order in which they were learned of.
Arrays may have leading dimensions: many people at once.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

WIDTH: Final = 16
PULL: Final = 1.0
"""To the prior: 1/variance of tastes around it."""

KEEPS: Final = 0.98
"""What a feedback counts, against the one after it."""

STEPS: Final = 5
LONGEST_STEP: Final = 4.0
MIN_PEOPLE: Final = 20
"""Of fewer no population is made: it would be known from whom it comes."""

MOST_REPLAYED: Final = 200
"""Feedbacks of one person that a taste is made of."""

MOST_OF_ONE: Final = 60

RIDGE: Final = 1.0
"""How strongly what most like is drawn to what is thought of them otherwise."""

Floats = NDArray[np.float64]


def liking(weights: Floats, items: Floats, *, sharpness: float, bias: float | Floats) -> Floats:
    """How surely each is liked, 0 to 1: [… , n] of `weights` [… , 16] and `items` [… , n, 16]. `bias`: of all, or
    [… , n]."""
    return _sigmoid(sharpness * (items @ weights[..., None])[..., 0] + bias)


def learned(
    prior: Floats,
    items: Floats,
    liked: Floats,
    *,
    sharpness: float,
    bias: float,
    strength: Floats | None = None,
    begin: Floats | None = None,
    steps: int = STEPS,
) -> Floats:
    """The weights [… , 16] after feedbacks, oldest first, on `items` [… , n, 16]: `liked` [… , n], 0 or 1.
    `strength` [… , n]: of how much of a feedback it is, 0 for none at all. `begin`: weights near them."""
    counts = np.ones(liked.shape) if strength is None else strength
    is_one = (counts > 0).astype(float)
    younger = np.flip(np.cumsum(np.flip(is_one, -1), -1), -1) - is_one
    counts = counts * KEEPS**younger
    x = sharpness * items
    turned = np.swapaxes(x, -1, -2)
    weights = prior if begin is None else begin
    for _ in range(steps):
        expected = _sigmoid((x @ weights[..., None])[..., 0] + bias)
        slope = (turned @ (counts * (liked - expected))[..., None])[..., 0]
        slope = slope - PULL * (weights - prior)
        bend = (turned * (counts * expected * (1 - expected))[..., None, :]) @ x
        step = np.linalg.solve(bend + PULL * np.eye(WIDTH), slope[..., None])[..., 0]
        # A step of Newton's far from the end may overshoot.
        length = np.linalg.norm(step, axis=-1, keepdims=True)
        weights = weights + step * np.minimum(1.0, LONGEST_STEP / np.maximum(length, 1e-12))
    return weights


def population(
    items: Sequence[Floats],
    liked: Sequence[Floats],
    *,
    otherwise: Floats,
    sharpness: float,
    bias: float,
) -> Floats:
    """What most like: one logistic regression over everybody's feedback, drawn to `otherwise` [16] by
    `RIDGE`. `items` [n, 16] and `liked` [n] of each person, of whom nobody counts for more than
    `MOST_OF_ONE` feedbacks. Fewer people than `MIN_PEOPLE`: `otherwise`."""
    people = [(x, y) for x, y in zip(items, liked, strict=True) if len(y)]
    if len(people) < MIN_PEOPLE:
        return otherwise
    x = sharpness * np.concatenate([one for one, _ in people])
    y = np.concatenate([one for _, one in people])
    share = np.concatenate(
        [np.full(len(one), min(1.0, MOST_OF_ONE / len(one))) for _, one in people]
    )
    weights = otherwise.copy()
    for _ in range(2 * STEPS):
        expected = _sigmoid(x @ weights + bias)
        slope = x.T @ (share * (y - expected)) - RIDGE * (weights - otherwise)
        bend = (x.T * (share * expected * (1 - expected))) @ x + RIDGE * np.eye(len(weights))
        weights = weights + np.linalg.solve(bend, slope)
    return weights


def _sigmoid(x: Floats) -> Floats:
    odds: Floats = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
    return odds
