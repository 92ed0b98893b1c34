"""Looking every minute which models are in use, and at once when told that others may be."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
import trio

from core.errors import Rejected

LOOKS_EVERY: Final = 60.0

_log = structlog.get_logger("inference.upkeep")


class Looking:
    """Calls `look` again and again; while the database is away, all stays as it is."""

    def __init__(self, look: Callable[[], Awaitable[None]]) -> None:
        self._look = look
        self._news = trio.Event()

    def nudge(self) -> None:
        """Look at once."""
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._news = trio.Event()
            try:
                await self._look()
            except Rejected:
                _log.info("models.not_looked_at")
            with trio.move_on_after(LOOKS_EVERY):
                await self._news.wait()
