"""One seed, one trace: trio on virtual time, with a scheduler that only the seed decides.

trio shuffles each batch of runnable tasks by its private `_r` when its private
`_ALLOW_DETERMINISTIC_SCHEDULING` is set (made for Hypothesis). Both are pinned by a test.
"""

import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import trio
from trio._core import _run as scheduler
from trio.testing import MockClock

T = TypeVar("T")

LONGEST = 600.0
"""Virtual seconds after which a simulation hangs."""


def run_seeded(seed: int, main: Callable[[], Awaitable[T]]) -> T:
    """Run `main` to its end on virtual time. Raises `trio.TooSlowError` when it hangs."""

    async def bounded() -> T:
        with trio.fail_after(LONGEST):
            return await main()

    with _seeded_scheduler(seed):
        return trio.run(bounded, clock=MockClock(autojump_threshold=0))


@contextmanager
def _seeded_scheduler(seed: int) -> Iterator[None]:
    names: Any = scheduler  # declared final, which is why a test pins them
    before, state = names._ALLOW_DETERMINISTIC_SCHEDULING, names._r.getstate()
    names._ALLOW_DETERMINISTIC_SCHEDULING = True
    names._r.seed(f"scheduler {seed}")
    try:
        yield
    finally:
        names._ALLOW_DETERMINISTIC_SCHEDULING = before
        names._r.setstate(state)


def dice(seed: int, purpose: str) -> random.Random:
    """A source of chance of its own for each purpose, so that one draws nothing from another."""
    return random.Random(f"{purpose} {seed}")
