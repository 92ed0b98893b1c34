"""How fast a crowd is let through."""

import pytest

from core.pacing import Pace

PACE = Pace(fastest=0.002, slowest=0.01, all_within=0.25)


@pytest.mark.parametrize(
    ("waiting", "every"),
    [(0, 0.01), (1, 0.01), (25, 0.01), (50, 0.005), (125, 0.002), (10_000, 0.002)],
)
def test_few_go_slowly_and_the_more_there_are_the_faster_they_go(
    waiting: int, every: float
) -> None:
    assert PACE.every(waiting) == pytest.approx(every)
