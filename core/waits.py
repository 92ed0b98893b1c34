"""Who waits for whose answer, so that a call which could never be answered fails at once."""

from collections.abc import Callable

import trio

from core.errors import CallCycleError, Rejected, Unavailable
from protocol.addresses import Address
from protocol.frames import Answer


class Asker:
    """Where the answer of one ask goes.

    `waiter`: the actor whose turn lasts until then (None: nobody's does). `callee`: who has to answer;
    another one after the envelope was handed on. `is_deferred`: the callee's turn with it is over, and it
    answers when it can: that may need no turn of its. `behind`: the ask that this one is made for by a
    child task: `waiter` waits for that one's answer, and for this only until then.
    """

    __slots__ = (
        "_answer",
        "_behind",
        "_is_gone",
        "_on_late",
        "_task",
        "_waits",
        "callee",
        "is_deferred",
        "waiter",
    )

    def __init__(
        self,
        waits: "Waits",
        waiter: Address | None,
        callee: Address,
        *,
        behind: "Asker | None",
        on_late: Callable[[], None],
    ) -> None:
        self.waiter = waiter
        self.callee = callee
        self.is_deferred = False
        self._waits = waits
        self._behind = behind
        self._on_late = on_late
        self._is_gone = False
        self._answer: Answer | Rejected | None = None
        self._task: trio.lowlevel.Task | None = None

    def __call__(self, answer: Answer | Rejected) -> None:
        if self._is_gone:
            self._on_late()
            return
        self._answer = answer
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    @property
    def is_waiting(self) -> bool:
        """False from the moment on that it is answered, cancelled or out of time, though its task learns
        of that later."""
        if self._is_gone or self._answer is not None:
            return False
        return self._behind is None or self._behind.is_waiting

    async def wait(self, deadline: float) -> Answer:
        """Raises `Rejected` as answered, `Unavailable` when time is up."""
        with trio.CancelScope(deadline=deadline):
            if self._answer is None:
                self._task = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(self._leave)
        if self._answer is None:
            raise Unavailable
        if isinstance(self._answer, Rejected):
            # One refusal may answer many askers; each raises it from its own place.
            raise self._answer.with_traceback(None)
        return self._answer

    def require_answerable(self, callee: Address) -> None:
        """Raises `CallCycleError` when `callee` cannot answer before `waiter` goes on."""
        if self.waiter is not None and self.is_waiting:
            cycle = self._waits.cycle(self.waiter, callee)
            if cycle:
                raise CallCycleError([str(name) for name in cycle])

    def _leave(self, _: object) -> trio.lowlevel.Abort:
        self._is_gone, self._task = True, None
        return trio.lowlevel.Abort.SUCCEEDED


class Waits:
    """The asks of all actors that are busy with asking. Bounded by those actors and their own asks."""

    def __init__(self) -> None:
        self._askers: dict[Address, list[Asker]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._askers.values()))

    def add(self, asker: Asker) -> None:
        if asker.waiter is not None:
            self._askers.setdefault(asker.waiter, []).append(asker)

    def remove(self, asker: Asker) -> None:
        if asker.waiter is not None:
            askers = self._askers[asker.waiter]
            askers.remove(asker)
            if not askers:
                del self._askers[asker.waiter]

    def cycle(self, waiter: Address, callee: Address) -> tuple[Address, ...]:
        """The calls that would wait for one another if `waiter` waited for `callee`; none: empty."""
        trails: list[tuple[Address, ...]] = [(callee,)]
        seen = {callee}
        while trails:
            trail = trails.pop()
            if trail[-1] == waiter:
                return (*trail, callee)
            for asker in self._askers.get(trail[-1], ()):
                if asker.is_waiting and not (asker.is_deferred or asker.callee in seen):
                    seen.add(asker.callee)
                    trails.append((*trail, asker.callee))
        return ()
