"""How fast a crowd is let through a door behind which others are at work."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

import trio


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds between two who go through: `slowest` while few wait, so that they leave the loop to
    others, faster where all of them would take longer than `all_within`, but not faster than
    `fastest`."""

    fastest: float
    slowest: float
    all_within: float

    def every(self, waiting: int) -> float:
        """`waiting`: the next one and all behind it."""
        return max(self.fastest, min(self.slowest, self.all_within / max(1, waiting)))


PER_LOT: Final = 8
"""Connections in a lot, where each takes some thirty microseconds: a message has to wait for a quarter of a
millisecond at most, and the wait between two lots, which costs as much as three, is worth it."""

SHARE: Final = 0.2
SHARE_OF_SILENT: Final = 0.1
"""For those who have asked for something, and for those who come or go without a word: it is a storm of the former
that waits for it, a crowd of the latter that does harm by it."""

LEAST_REST: Final = 0.001


class DutyCycle:
    """Work that strangers cause, done in lots: all of it together takes at most `SHARE` of the loop's time.

    After a lot there is a rest, as much longer than the lot was as its share wants and `LEAST_REST` seconds at least. Lots
    are done in the order in which they were asked for.
    """

    def __init__(self) -> None:
        self._turn = trio.StrictFIFOLock()
        self._begins_at = -inf

    async def take(
        self, lot: Callable[[], None], *, share: float = SHARE, rest: float = LEAST_REST
    ) -> None:
        """Do it, in its turn. Raises what it raises. `share`: of the loop's time, `SHARE` at most; `rest`: seconds at
        least after it, for a lot that begins more than it does itself."""
        async with self._turn:
            await trio.sleep_until(self._begins_at)
            began = trio.current_time()
            try:
                lot()
            finally:
                ended = trio.current_time()
                self._begins_at = ended + max(rest, (ended - began) * (1 / share - 1))
