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
MOST_STEPS = 1_000_000
"""Turns of tasks after which it runs in circles, however little time passes; usual are 50,000."""


class StuckError(Exception):
    """A simulation that never ends."""


class _StepCounter(trio.abc.Instrument):
    """Gives up on what runs in circles."""

    def __init__(self) -> None:
        self.steps = 0
        self.scope = trio.CancelScope()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.steps += 1
        if self.steps == MOST_STEPS:
            self.scope.cancel()


def run_seeded(seed: int, main: Callable[[], Awaitable[T]], *, longest: float = LONGEST) -> T:
    """Run `main` to its end on virtual time. Raises `StuckError` when there is none."""
    counter = _StepCounter()

    async def bounded() -> T:
        with counter.scope, trio.move_on_after(longest):
            return await main()
        raise StuckError(f"after {trio.current_time():.0f} s and {counter.steps} steps")

    clock = MockClock(autojump_threshold=0)
    with _seeded_scheduler(seed):
        return trio.run(bounded, clock=clock, instruments=[counter])


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
