"""Garbage collection leaves alone what is there when the server starts, and forgets nothing else."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from commands.garbage import keep_pauses_short


class Ring:
    def __init__(self) -> None:
        self.myself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_stays_is_not_looked_at_again() -> None:
    kept = keep_pauses_short()
    assert kept > 10_000
    assert len(gc.get_objects()) < kept / 10


def test_what_is_over_is_collected_before_and_after() -> None:
    before = weakref.ref(Ring())
    keep_pauses_short()
    assert before() is None
    after = weakref.ref(Ring())
    assert after() is not None
    gc.collect()
    assert after() is None


def test_a_crowd_that_stays_causes_no_full_collection() -> None:
    keep_pauses_short()
    before = gc.get_stats()[2]["collections"]
    crowd = [Ring() for _ in range(100_000)]
    assert gc.get_stats()[2]["collections"] == before
    crowd.clear()


def test_a_crowd_without_end_is_collected() -> None:
    keep_pauses_short()
    before = gc.get_stats()[2]["collections"]
    kept = [Ring() for _ in range(500_000)]
    assert gc.get_stats()[2]["collections"] > before
    kept.clear()
