"""Business time: the wall's plus an offset, which follows the suppliers' where these are played."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
import trio

from core.ports.business_offset import BusinessOffset
from core.ports.clock import Clock

FOLLOW_EVERY: Final = 2.0
"""Seconds."""
MOST_PATIENT: Final = 30.0
"""Seconds between two looks while nobody answers."""
GROWN_BY_MS: Final = 1_500
"""What counts as an advance: suppliers say their time in whole seconds."""
FAR_AHEAD_MS: Final = 60_000
"""Of ours before theirs: it is another sandbox than before, or one that began anew."""

log: Final = structlog.get_logger("core.business_clock")


class BusinessTime:
    """Implements `BusinessClock`, and `Clock` for whoever lives by it: `now_ms` is business time too.
    Owns: the offset, 0 at first. Borrows: the wall clock."""

    def __init__(self, wall: Clock) -> None:
        self.wall = wall
        self.offset_ms = 0

    def business_ms(self) -> int:
        return self.wall.now_ms() + self.offset_ms

    def now_ms(self) -> int:
        return self.business_ms()

    def monotonic(self) -> float:
        return self.wall.monotonic()

    def raise_to(self, offset_ms: int) -> None:
        """Forward only."""
        self.offset_ms = max(self.offset_ms, offset_ms)


class SuppliersTime:
    """Keeps business time up with the suppliers', never ahead of it.

    Borrows: business time, the store of its offset. `ask`: the suppliers' time in ms, rounded down,
    None while there are none to ask; whatever it raises is an answer that did not come. `on_leap`:
    time has just leapt.
    """

    def __init__(
        self,
        time: BusinessTime,
        kept: BusinessOffset,
        *,
        ask: Callable[[], Awaitable[int | None]],
        on_leap: Callable[[], None],
    ) -> None:
        self._time, self._kept, self._ask, self._on_leap = time, kept, ask, on_leap
        self._has_warned = False

    async def load(self) -> None:
        """Be where we were before the restart. Before anybody asks for the time. Raises `Unavailable`."""
        self._time.raise_to(await self._kept.load())

    async def run(self) -> None:
        """Until cancelled. Asks every two seconds; less and less often while nothing comes back."""
        wait = FOLLOW_EVERY
        while True:
            try:
                await self._follow()
                wait = FOLLOW_EVERY
            # Suppliers or a database that are away: time goes on by the wall meanwhile.
            except Exception as error:
                wait = min(wait * 2, MOST_PATIENT)
                log.info("business_time.unheard", error=type(error).__name__, again_in=wait)
            await trio.sleep(wait)

    async def _follow(self) -> None:
        theirs = await self._ask()
        if theirs is None:
            return
        # The wall is read after the answer, and seconds are rounded down: what we find is no more
        # than what they have, so that what is due with them is due there first.
        offset = theirs - self._time.wall.now_ms()
        ahead = self._time.offset_ms - offset
        if ahead < -GROWN_BY_MS:
            # Durable before visible: after a restart it must not be earlier than somebody has seen.
            self._time.raise_to(await self._kept.raise_to(offset))
            log.info("business_time.leapt", offset_ms=self._time.offset_ms, by_ms=-ahead)
            self._on_leap()
        if ahead > FAR_AHEAD_MS and not self._has_warned:
            self._has_warned = True
            log.warning(
                "business_time.ahead",
                by_ms=ahead,
                hint="These suppliers' time is behind that of our data: advance them by this.",
            )
