"""Where `addressed` begins: both gates at once, and a choice that is judged on what it was not made on."""

import numpy as np

from inference.training.understanding.threshold import SHIFTS, best, cross_checked


def answered(scores: list[float]) -> np.ndarray:
    """[shifts, messages]: who stands above nought with each shift."""
    return np.array(scores)[None, :] + SHIFTS[:, None] > 0


CHATTER = np.array([True] * 100 + [False] * 100)


def test_the_middle_of_what_parts_them_is_chosen() -> None:
    rows = answered([-3.1] * 100 + [0.9] * 100)
    at = best(rows, CHATTER)
    assert not rows[at, CHATTER].any()
    assert rows[at, ~CHATTER].all()
    assert abs(float(SHIFTS[at]) - 1.0) < 0.5


def test_when_they_overlap_the_worse_gate_has_the_most_room() -> None:
    scores = [-3.0] * 95 + [1.05] * 5 + [0.5] * 4 + [3.0] * 96
    rows = answered(scores)
    at = best(rows, CHATTER)
    # Five of a hundred are answered or four are missed: the latter is within its gate.
    assert rows[at, CHATTER].mean() == 0
    assert (~rows[at, ~CHATTER]).mean() == 0.04


def test_what_was_chosen_on_noise_does_no_better_than_noise_elsewhere() -> None:
    noise = np.random.default_rng(1).normal(size=200)
    chatter, wishes = cross_checked(answered(noise.tolist()), CHATTER, rounds=20)
    assert chatter + wishes > 0.7
