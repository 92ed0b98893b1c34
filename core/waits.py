"""Who waits for whose answer, so that a call which could never be answered fails at once."""

from collections.abc import Callable, Sequence

import trio

from core.errors import Rejected, Unavailable
from protocol.addresses import Address
from protocol.frames import Answer


class Asker:
    """Where the answer of one ask goes.

    `waiter`: the actor whose turn lasts until then (None: nobody's does). `callee`: who has to answer;
    another one after the envelope was handed on. `is_deferred`: the callee's turn with it is over, and it
    answers when it can: that may need no turn of its.
    """

    __slots__ = ("_answer", "_answered", "_on_late", "callee", "is_deferred", "is_gone", "waiter")

    def __init__(
        self, waiter: Address | None, callee: Address, *, on_late: Callable[[], None]
    ) -> None:
        self.waiter = waiter
        self.callee = callee
        self.is_deferred = False
        self.is_gone = False
        """It waits no more."""
        self._on_late = on_late
        self._answer: Answer | Rejected | None = None
        self._answered = trio.Event()

    def __call__(self, answer: Answer | Rejected) -> None:
        if self.is_gone:
            self._on_late()
        else:
            self._answer = answer
            self._answered.set()

    async def wait(self, deadline: float) -> Answer:
        """Raises `Rejected` as answered, `Unavailable` when time is up."""
        try:
            with trio.CancelScope(deadline=deadline):
                await self._answered.wait()
        finally:
            self.is_gone = True
        if self._answer is None:
            raise Unavailable
        if isinstance(self._answer, Rejected):
            # One refusal may answer many askers; each raises it from its own place.
            raise self._answer.with_traceback(None)
        return self._answer


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

    def cycle(self, path: Sequence[Address], callee: Address) -> tuple[Address, ...]:
        """The calls that would wait for one another if `callee` were asked now by the last of `path`, each
        of whom waits for the next; none: empty."""
        trails: list[tuple[Address, ...]] = [(callee,)]
        seen = {callee}
        while trails and path:
            trail = trails.pop()
            if trail[-1] in path:
                return (*trail, *path[path.index(trail[-1]) + 1 :], callee)
            for asker in self._askers.get(trail[-1], ()):
                if not (asker.is_deferred or asker.callee in seen):
                    seen.add(asker.callee)
                    trails.append((*trail, asker.callee))
        return ()
