"""When a hello is opened: one of each user's at a time, few in all, later for who does harm."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import trio

from core.errors import Overloaded
from protocol.close_codes import CloseCode

AT_ONCE: Final = 32
"""Hellos being opened. Each waits for the database and for rooms; fewer at once leave a crowd that comes
back waiting for that instead of for the processor."""

REST: Final = 0.005
FEW: Final = 5
REST_OF_MANY: Final = 0.02
"""Seconds between two welcomes of one user, and after so many of those that came together: thirty sockets
of an account leave the loop to others, and who comes back with all his devices does not notice."""

MAX_WAITING: Final = 1_000
WAIT_WITHIN: Final = 15.0
"""Of one user; and seconds. Past either a hello is refused `overloaded`, before its connection is closed
for want of a welcome."""

HARM: Final = frozenset(
    {
        CloseCode.PROTOCOL_ERROR,
        CloseCode.INVALID_PAYLOAD,
        CloseCode.SLOW_CONSUMER,
        CloseCode.MALFORMED_FRAME,
        CloseCode.FRAME_TOO_LARGE,
        CloseCode.RATE_ABUSE,
    }
)
FORGIVEN: Final = 3.0
FORGIVEN_EVERY: Final = 10.0
MAX_HELD: Final = 10.0
MAX_REST: Final = 5.0
"""Of the connections that were closed for harm, one is forgiven every ten seconds and three are free:
a phone in a bad net, cut off as slow again and again, is back as soon as ever. With the fourth that is
held against a user he rests 0.2 s between two welcomes, then 0.4, 0.8, … 5 s, and up to 100 s after the
last nothing is held against him."""

LONG_AGO: Final = float("-inf")
MAX_BLAMED: Final = 10_000
"""Users whose harm is remembered; past that the longest known is forgiven."""


@dataclass(slots=True)
class _Line:
    """The hellos of one user, while there are any."""

    length: int = 0
    welcomed: int = 0
    turn: trio.Lock = field(default_factory=trio.Lock)
    welcomed_at: float = LONG_AGO


@dataclass(slots=True)
class _Blame:
    """`held` against a user at the time `at`, who was welcomed last at `welcomed_at`, as far as known."""

    held: float
    at: float
    welcomed_at: float

    def held_at(self, now: float) -> float:
        return max(0.0, self.held - (now - self.at) / FORGIVEN_EVERY)


class Reception:
    """Owns: the lines, and who is to blame. Bounded: see the figures above.

    A user has at most one hello among those that wait for one of the few places, so the places go round
    between users, however many connections one has. (Addresses have a bound of their own, at the
    gateway's door.)
    """

    def __init__(self, *, at_once: int = AT_ONCE) -> None:
        self._few = trio.Semaphore(at_once)
        self._at_once = at_once
        self._lines: dict[str, _Line] = {}
        self._blames: OrderedDict[str, _Blame] = OrderedDict()
        self._refused = 0

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """Around the opening of a user's hello; those of one user in the order in which they came.
        Raises `Overloaded`."""
        line = self._lines.setdefault(user_id, _Line())
        if line.length >= MAX_WAITING:
            self._refused += 1
            raise Overloaded
        line.length += 1
        try:
            if not await self._comes(user_id, line):
                self._refused += 1
                raise Overloaded
            try:
                yield
            finally:
                self._few.release()
                line.turn.release()
        finally:
            line.length -= 1
            if not line.length:
                del self._lines[user_id]

    def welcomed(self, user_id: str) -> None:
        """Within the turn: the user has another connection now, and the next has to wait a little."""
        now = trio.current_time()
        line = self._lines[user_id]
        line.welcomed, line.welcomed_at = line.welcomed + 1, now
        if user_id in self._blames:
            self._blames[user_id].welcomed_at = now

    def ended(self, user_id: str, code: CloseCode | None) -> None:
        """A connection of the user began to close; `code`: for what, None where the peer went."""
        if code not in HARM:
            return
        now = trio.current_time()
        blame = self._blames.setdefault(user_id, _Blame(0.0, now, now))
        blame.held, blame.at = min(MAX_HELD, blame.held_at(now) + 1.0), now
        self._blames.move_to_end(user_id)
        if len(self._blames) > MAX_BLAMED:
            self._blames.popitem(last=False)

    def statistics(self) -> dict[str, int | float]:
        """`opening`: hellos being opened; `waiting`: for that; `blamed`: users; `refused` so far."""
        opening = self._at_once - self._few.value
        known = sum(line.length for line in self._lines.values())
        return {
            "opening": opening,
            "waiting": known - opening,
            "blamed": len(self._blames),
            "refused": self._refused,
        }

    async def _comes(self, user_id: str, line: _Line) -> bool:
        """Wait for the user's turn and for a place; whether they came in time."""
        with trio.move_on_after(WAIT_WITHIN):
            await line.turn.acquire()
            try:
                await self._rested(user_id, line)
                await self._few.acquire()
            except trio.Cancelled:
                line.turn.release()
                raise
            return True
        return False

    async def _rested(self, user_id: str, line: _Line) -> None:
        now = trio.current_time()
        until = line.welcomed_at + (REST if line.welcomed < FEW else REST_OF_MANY)
        blame = self._blames.get(user_id)
        if blame is not None:
            until = max(until, blame.welcomed_at + _rest(blame.held_at(now)))
            if not blame.held_at(now):
                del self._blames[user_id]
        if until > now:
            await trio.sleep_until(until)


def _rest(held: float) -> float:
    """Seconds."""
    return 0.0 if held <= FORGIVEN else float(min(MAX_REST, 0.1 * 2 ** (held - FORGIVEN)))
