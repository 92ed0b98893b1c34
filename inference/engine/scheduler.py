"""Who is served when: the queue, the deadlines, the lanes of the current model and of those that drain."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import Overloaded, Unavailable
from inference.engine.fair_queue import FairQueue
from inference.engine.lane import Lane
from inference.engine.pace import Pace, Rate
from inference.engine.request import Model, Progress, Reply, Request


class Expired(Unavailable):
    """Its deadline passed before its prompt was begun with."""


@dataclass(slots=True)
class _Counts:
    served: int = 0
    tokens: int = 0
    expired: int = 0
    refused: int = 0
    cancelled: int = 0
    failed: int = 0
    swaps: int = 0


class Scheduler:
    """The engine without its thread: requests in at any time, progress out of each turn.

    `submit`, `withdraw`, `activate` and `statistics` may be called from any thread, `turn` from one.
    Every request that was taken in is answered once by a turn's progress (a reply or an error), unless
    it was withdrawn or cancelled. `clock`: the requests' time, callable from any thread.

    Owns: the lanes. Borrows: the models, which others may want back.
    """

    def __init__(
        self,
        model: Model,
        *,
        clock: Callable[[], float],
        queue: FairQueue | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._queue = queue or FairQueue()
        self._current = Lane(model, pace or Pace(), clock)
        self._draining: list[Lane] = []
        self._next: Model | None = None
        self._counts = _Counts()
        self._rate = Rate()

    def submit(self, request: Request) -> None:
        """Queue it. Raises `Overloaded` at once when the queue is full, or when by the pace of now its
        turn would come after its deadline: nothing was queued."""
        lane = self._current
        with self._lock:
            wait = lane.pace.wait(
                ahead=self._queue.ahead_of(request.room_id),
                busy=lane.busy,
                slots=lane.model.slots,
            )
            try:
                if self._clock() + wait > request.prefill_by:
                    raise Overloaded
                self._queue.put_nowait(request)
            except Overloaded:
                self._counts.refused += 1
                raise

    def withdraw(self, request: Request) -> bool:
        """Take back what still waits (True), or have it dropped before the next step (False)."""
        with self._lock:
            self._counts.cancelled += not request.is_cancelled
            request.is_cancelled = True
            return self._queue.remove(request)

    def expire(self, request: Request) -> bool:
        """Take back what waited in vain: True. False: its turn has come; it goes on."""
        with self._lock:
            is_late = self._queue.remove(request)
            self._counts.expired += is_late
            request.is_cancelled |= is_late  # it is counted once
            return is_late

    def activate(self, model: Model) -> None:
        """From the next turn on, this model begins what waits; what is under way ends where it began."""
        with self._lock:
            self._next = model

    @property
    def has_work(self) -> bool:
        """Whether a turn would do anything."""
        return bool(
            self._queue or self._next or any(lane.busy for lane in (*self._draining, self._current))
        )

    def turn(self) -> list[Progress]:
        """Begin with at most one request; then one run in each lane. Bounded by that run."""
        self._swap()
        progress = self._admit() if self._current.can_admit else []
        for lane in (*self._draining, self._current):
            progress += lane.turn()
        self._draining = [lane for lane in self._draining if lane.busy]
        self._count(progress)
        return progress

    def fail_all(self, error: Exception) -> list[Progress]:
        """Answer everyone with the error: a turn of ours was wrong, and what the rows hold is unknown."""
        progress = []
        with self._lock:
            while (request := self._queue.take()) is not None:
                progress.append(Progress(request, outcome=error))
        for lane in (*self._draining, self._current):
            progress += lane.fail_all(error)
        self._draining = []
        self._count(progress)
        return progress

    def _admit(self) -> list[Progress]:
        progress: list[Progress] = []
        while self._current.can_admit:
            with self._lock:
                request = self._queue.take()
            if request is None:
                break
            if request.prefill_by < self._clock():
                self._counts.expired += 1
                progress.append(Progress(request, outcome=Expired()))
            else:
                progress += self._current.admit(request)
        return progress

    def _swap(self) -> None:
        with self._lock:
            model, self._next = self._next, None
        if model is None or model is self._current.model:
            return
        old = self._current
        # One that still drains comes back with its rows: they lie in the model's own arena.
        back = next((lane for lane in self._draining if lane.model is model), None)
        if back is not None:
            self._draining.remove(back)
        if old.busy:
            self._draining.append(old)
        pace = Pace(reply_tokens=old.pace.reply_tokens)
        self._current = back or Lane(model, pace, self._clock)
        self._counts.swaps += 1

    def _count(self, progress: list[Progress]) -> None:
        tokens = sum(step.token is not None for step in progress)
        self._counts.tokens += tokens
        self._rate.add(tokens, self._clock())
        for step in progress:
            if isinstance(step.outcome, Reply):
                self._counts.served += 1
            elif step.outcome is not None and not isinstance(step.outcome, Expired):
                self._counts.failed += 1

    def statistics(self) -> dict[str, int | float]:
        """Now: `slots`, `busy`, `queued`, `draining` models, `step_ms` and `prefill_ms` (moving means),
        `reply_tokens`, `tokens_per_second` over the last seconds. So far: `served`, `tokens`, `expired`, `refused`, `cancelled`, `failed`, `swaps`,
        and the prefixes' of the current model."""
        lane, counts = self._current, self._counts
        return {
            "slots": lane.model.slots,
            "busy": lane.busy,
            "queued": len(self._queue),
            "draining": len(self._draining),
            "step_ms": round(lane.pace.step * 1_000, 3),
            "prefill_ms": round(lane.pace.prefill * 1_000, 3),
            "reply_tokens": round(lane.pace.reply_tokens, 1),
            "tokens_per_second": round(self._rate.per_second(self._clock()), 1),
            "served": counts.served,
            "tokens": counts.tokens,
            "expired": counts.expired,
            "refused": counts.refused,
            "cancelled": counts.cancelled,
            "failed": counts.failed,
            "swaps": counts.swaps,
            **lane.prefixes.statistics(),
        }
