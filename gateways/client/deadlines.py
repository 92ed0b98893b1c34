"""Every connection's deadlines, kept by one task."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count
from typing import Final, Protocol

import trio

from core.pacing import PER_LOT, SHARE_OF_SILENT, DutyCycle
from protocol.limits import HEARTBEAT_MS, HELLO_WITHIN

NEVER: Final = float("inf")
LOTS: Final = 1_000
"""The most in which all of them are looked at, so many at a time."""


class Stage(IntEnum):
    """A connection's life, in order. All but `OPEN` and `CLOSED` have a longest duration."""

    OPENING = 0  # no hello yet
    GREETING = 1  # hello is with the session; what follows is held
    OPEN = 2
    CLOSING = 3  # the last frames are on their way out
    PARTING = 4  # our close frame is sent, the peer's is awaited
    LINGERING = 5  # we sent FIN: a close now would reset the connection and lose our last frames
    CLOSED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Durations in seconds.

    `heartbeat`: silence after which the server pings; twice that is too much. `send_within`: how
    long unsent bytes may wait without progress, and a closing connection for its last ones.
    `expiry_leeway`: how long after a token's end its connection ends. `rest_per_byte`: how long a
    connection is not read for each byte of a frame that was refused.
    """

    heartbeat: float = HEARTBEAT_MS / 1_000
    send_within: float = 5.0
    expiry_leeway: float = 60.0
    hello_within: float = HELLO_WITHIN
    welcome_within: float = 20.0
    part_within: float = 2.0
    linger: float = 1.0
    rest_per_byte: float = 1 / 65_536
    stages: Mapping[Stage, float] = field(init=False)

    def __post_init__(self) -> None:
        stages = {
            Stage.OPENING: self.hello_within,
            Stage.GREETING: self.welcome_within,
            Stage.CLOSING: self.send_within,
            Stage.PARTING: self.part_within,
            Stage.LINGERING: self.linger,
        }
        object.__setattr__(self, "stages", stages)


class Dated(Protocol):
    """What has deadlines; `due_at` is the heap's: `NEVER` to begin with."""

    due_at: float

    def enforce(self, now: float) -> float:
        """Do what is due at `now`; when to look again (`NEVER`: no more)."""

    def crashed(self) -> None:
        """What was due failed."""


class Deadlines:
    """A heap with one live entry for each: its earliest deadline, or an earlier look at it.

    Moving a deadline later (each received byte does) costs nothing: when the entry is due, the
    connection says what is due next. Moving it earlier adds an entry, and the old one goes stale.
    Those that are due together are looked at in lots, at `pace`.
    """

    def __init__(self, pace: DutyCycle | None = None) -> None:
        self._pace = pace or DutyCycle()
        self._heap: list[tuple[float, int, Dated]] = []
        self._order = count()
        self._sooner = trio.Event()

    def schedule(self, dated: Dated, due: float) -> None:
        """Look at it at `due` (trio time) at the latest."""
        if due >= dated.due_at:
            return
        dated.due_at = due
        if not self._heap or due < self._heap[0][0]:
            self._sooner.set()
        heappush(self._heap, (due, next(self._order), dated))

    def expire(self, now: float) -> None:
        """Look at those that are due, few at a time: thousands may be due together, and a
        message passes through the loop many times on its way. The more there are, the more at a
        time."""
        for _ in range(max(PER_LOT, len(self._heap) // LOTS)):
            if not self._heap or self._heap[0][0] > now:
                return
            due, _, dated = heappop(self._heap)
            if due == dated.due_at:
                dated.due_at = NEVER
                self.schedule(dated, _enforced(dated, now))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            next_due = self._heap[0][0] if self._heap else NEVER
            if next_due > trio.current_time():
                self._sooner = trio.Event()
                with trio.move_on_at(next_due):
                    await self._sooner.wait()
                continue
            await self._pace.take(lambda: self.expire(trio.current_time()), share=SHARE_OF_SILENT)

    def statistics(self) -> Mapping[str, int | float]:
        return {"deadlines": len(self._heap)}


def _enforced(dated: Dated, now: float) -> float:
    """When to look again. A fault in one must not end the others' deadlines."""
    try:
        return dated.enforce(now)
    except Exception:
        dated.crashed()
        return now + 1.0
