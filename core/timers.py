"""Timers: one heap and one task for the whole system, not a task per timer."""

import heapq
from collections.abc import Callable, Mapping
from itertools import count
from typing import Final

import trio

from core.errors import Overloaded

_MOST_AT_ONCE: Final = 1_000
_COMPACT_FROM: Final = 64


class Alarm:
    """A call at a time. Cancelling after it rang does nothing."""

    __slots__ = ("_ring", "_timers", "at")

    def __init__(self, timers: "Timers", at: float, ring: Callable[[], None]) -> None:
        self._timers = timers
        self._ring: Callable[[], None] | None = ring
        self.at = at

    @property
    def is_armed(self) -> bool:
        return self._ring is not None

    def cancel(self) -> None:
        if self._ring is not None:
            self._ring = None
            self._timers.forget_one()

    def ring(self) -> None:
        ring, self._ring = self._ring, None
        if ring is not None:
            ring()


class Timers:
    """Alarms in the order of their time, those of one time in the order they were set."""

    def __init__(self, *, limit: int = 262_144) -> None:
        self._limit = limit
        self._heap: list[tuple[float, int, Alarm]] = []
        self._order = count()
        self._cancelled = 0
        self._rung = 0
        self._sleep: trio.CancelScope | None = None

    def require(self) -> None:
        """Raises `Overloaded` when too many alarms are set. Asked before an actor's new one; the few
        that the runtime needs itself must not fail for those."""
        if len(self._heap) - self._cancelled >= self._limit:
            raise Overloaded

    def call_at(self, at: float, ring: Callable[[], None]) -> Alarm:
        """Call `ring` (which neither blocks nor raises) at the trio time `at`."""
        alarm = Alarm(self, at, ring)
        heapq.heappush(self._heap, (at, next(self._order), alarm))
        if self._sleep is not None and at < self._sleep.deadline:
            self._sleep.deadline = at
        return alarm

    async def run(self) -> None:
        """Ring what is due, until cancelled."""
        while True:
            first = self._heap[0][0] if self._heap else float("inf")
            with trio.CancelScope(deadline=first) as self._sleep:
                await trio.sleep_forever()
            self._ring_due()

    def statistics(self) -> Mapping[str, int | float]:
        return {"armed": len(self._heap) - self._cancelled, "rung": self._rung}

    def forget_one(self) -> None:
        """An alarm of the heap was cancelled: keep the dead from outnumbering the living."""
        self._cancelled += 1
        if self._cancelled > _COMPACT_FROM and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].is_armed]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def _ring_due(self) -> None:
        now = trio.current_time()
        for _ in range(_MOST_AT_ONCE):
            if not self._heap or self._heap[0][0] > now:
                return
            alarm = heapq.heappop(self._heap)[2]
            if alarm.is_armed:
                self._rung += 1
                alarm.ring()
            else:
                self._cancelled -= 1
