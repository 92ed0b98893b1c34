"""Long work in a thread leaves the interpreter to the loop after every millisecond."""

from itertools import pairwise

import pytest

from commands.beside_the_loop import SLICE, in_slices


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.rests: list[tuple[float, float]] = []

    def clock(self) -> float:
        return self.now

    def rest(self, seconds: float) -> None:
        self.rests.append((self.now, seconds))
        self.now += seconds


@pytest.mark.parametrize("each", [SLICE / 7, SLICE, 3 * SLICE])
def test_it_rests_after_every_slice_for_as_long(each: float) -> None:
    time = Time()
    worked = []
    for item in in_slices(range(100), clock=time.clock, rest=time.rest):
        time.now += each
        worked.append(item)
    assert worked == list(range(100))
    assert {seconds for _, seconds in time.rests} == {SLICE}
    begun = [0.0, *(at + SLICE for at, _ in time.rests)]
    ended = [at for at, _ in time.rests]
    assert all(end - begin < SLICE + each + 1e-9 for begin, end in zip(begun, ended, strict=False))
    assert all(later - earlier >= SLICE for earlier, later in pairwise(begun))


def test_what_takes_no_time_is_never_interrupted() -> None:
    time = Time()
    assert list(in_slices("abc", clock=time.clock, rest=time.rest)) == ["a", "b", "c"]
    assert time.rests == []
