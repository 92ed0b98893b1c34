"""The one thread of all small models: they have no lock, and readings go first.

What is done for nobody who waits (moods of messages) is background work: at most 20 a second, and dropped, never
put off, as soon as somebody waits or there is no headroom.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
import trio

from core.headroom import Headroom, Work

MAX_BACKGROUND_PER_SECOND: Final = 20
MAX_WAITING: Final = 20
"""Pieces of background work; further ones are dropped."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Work:
    call: Callable[[], Any]
    done: Callable[[Any], None]


class SmallModels:
    """Owns: the turn that whoever runs a small model takes (`turn`, for `trio.to_thread.run_sync`), and the queue of
    background work. Lets fall: background work that raises, which is counted."""

    def __init__(self, headroom: Headroom | None = None) -> None:
        self.turn = trio.CapacityLimiter(1)
        self._headroom = headroom or Headroom()
        self._put, self._queue = trio.open_memory_channel[_Work](MAX_WAITING)
        self._encoded = self._skipped = self._failed = 0

    def later_nowait(self, call: Callable[[], Any], done: Callable[[Any], None]) -> bool:
        """Run `call` in the thread when nobody waits for it, then `done` with its answer in the trio thread. False:
        there is too much of that already, and this was dropped. That it is taken is no promise that it is done."""
        try:
            self._put.send_nowait(_Work(call, done))
        except trio.WouldBlock:
            self._skipped += 1
            return False
        return True

    async def run(self) -> None:
        """The background work, until cancelled."""
        async for work in self._queue:
            if self._is_wanted() or not self._headroom.take(Work.MOOD):
                self._skipped += 1
                continue
            began = trio.current_time()
            await self._do(work)
            await trio.sleep_until(began + 1 / MAX_BACKGROUND_PER_SECOND)

    def statistics(self) -> Mapping[str, int]:
        """Pieces of background work: `encoded`; `skipped`, because there were too many or somebody waited; `failed`;
        `waiting`."""
        return {
            "encoded": self._encoded,
            "skipped": self._skipped,
            "failed": self._failed,
            "waiting": self._put.statistics().current_buffer_used,
        }

    def _is_wanted(self) -> bool:
        """Whether somebody reads, ranks, or waits for that."""
        turn = self.turn.statistics()
        return bool(turn.borrowed_tokens or turn.tasks_waiting)

    async def _do(self, work: _Work) -> None:
        try:
            answer = await trio.to_thread.run_sync(work.call, limiter=self.turn)
            work.done(answer)
        except Exception as error:
            # A bug or a bad file; nobody waits for the answer, and operators see it.
            self._failed += 1
            log.warning("background_work_failed", error=type(error).__name__)
        else:
            self._encoded += 1
