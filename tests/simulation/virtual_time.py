"""One seed, one trace: trio on virtual time, with a scheduler that only the seed decides.

trio shuffles each batch of runnable tasks by its private `_r` when its private
`_ALLOW_DETERMINISTIC_SCHEDULING` is set (made for Hypothesis). Both are pinned by a test.
"""

import heapq
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import trio
from trio._core import _run as scheduler

T = TypeVar("T")

LONGEST = 600.0
"""Virtual seconds after which a simulation hangs."""
MOST_LOOKS = 500_000
"""At the clock, after which it runs in circles, however little time passes; usual are 20,000, one for
each turn of the loop among them."""


class StuckError(Exception):
    """A simulation that never ends."""


class _Clock(trio.abc.Clock):
    """Goes on when nothing can run, to what comes next; gives up on what runs in circles.

    `trio.testing.MockClock` costs a simulation an eighth of its time: it asks the real clock at each
    look, counts all tasks before each jump, and lets the loop turn once more for it.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.looks = 0
        self.scope = trio.CancelScope()
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()

    def start_clock(self) -> None:
        pass

    def current_time(self) -> float:
        self.looks += 1
        if self.looks == MOST_LOOKS:
            self.scope.cancel()
        return self.now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Asked by the loop when no task can run."""
        due = self._due
        if due and due[0][0] < deadline:
            deadline = due[0][0]
        self.now += max(0.0, deadline - self.now)
        while due and due[0][0] <= self.now:
            heapq.heappop(due)[2]()
        return 0.0

    def call_at(self, at: float, deed: Callable[[], object]) -> None:
        heapq.heappush(self._due, (at, next(self._order), deed))


_clock = _Clock()
"""Of the run that goes on; there is one at a time."""


def call_at(at: float, deed: Callable[[], object]) -> None:
    """Do it then, once all tasks wait: between two turns of theirs, in none of them."""
    _clock.call_at(at, deed)


async def sleep(seconds: float) -> None:
    """As `trio.sleep`, for a third of the time: no scope is made, and nothing cancelled at the end."""
    if seconds <= 0:
        await trio.lowlevel.checkpoint()
        return
    sleeper: list[trio.lowlevel.Task] = [trio.lowlevel.current_task()]

    def abort(_: object) -> trio.lowlevel.Abort:
        sleeper.clear()
        return trio.lowlevel.Abort.SUCCEEDED

    call_at(_clock.now + seconds, lambda: [trio.lowlevel.reschedule(task) for task in sleeper])
    await trio.lowlevel.wait_task_rescheduled(abort)


def run_seeded(seed: int, main: Callable[[], Awaitable[T]], *, longest: float = LONGEST) -> T:
    """Run `main` to its end on virtual time. Raises `StuckError` when there is none.

    Nobody waits there for threads, nor in `wait_all_tasks_blocked`: time would not wait for them.
    """
    global _clock  # noqa: PLW0603
    clock = _clock = _Clock()

    async def bounded() -> T:
        with clock.scope, trio.move_on_after(longest):
            return await main()
        raise StuckError(f"after {clock.now:.0f} s and {clock.looks} looks at the clock")

    with _seeded_scheduler(seed):
        return trio.run(bounded, clock=clock)


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
