"""Garbage collection leaves alone what is there when the server starts, and forgets nothing else."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from commands.garbage import keep_pauses_short, loading_for_good


class Ring:
    def __init__(self) -> None:
        self.myself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


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


def test_what_is_loaded_for_good_is_never_walked_through() -> None:
    keep_pauses_short()
    passes: list[str] = []

    def noted(phase: str, _: dict[str, int]) -> None:
        passes.append(phase)

    gc.callbacks.append(noted)
    try:
        with loading_for_good():
            loaded = [Ring() for _ in range(20_000)]
            assert passes == []
    finally:
        gc.callbacks.remove(noted)
    assert gc.isenabled()
    assert len(gc.get_objects()) < len(loaded) / 4


def test_what_a_loading_left_behind_is_collected() -> None:
    keep_pauses_short()
    with loading_for_good():
        left = weakref.ref(Ring())
    assert left() is None


def test_a_loading_that_fails_leaves_collections_on() -> None:
    with pytest.raises(ValueError, match="damaged"), loading_for_good():
        raise ValueError("damaged")
    assert gc.isenabled()
