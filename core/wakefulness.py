"""How late the event loop wakes a task: what everybody who talks here waits for."""

from collections import deque
from collections.abc import Callable
from typing import Final

import trio

LOOKS_EVERY: Final = 0.01
REMEMBERED: Final = 300
"""Looks, three seconds of them."""


class Wakefulness:
    """Owns: how late it was lately woken, in seconds. It looks only while `run` runs."""

    def __init__(self, clock: Callable[[], float] = trio.current_time) -> None:
        self._late: deque[float] = deque(maxlen=REMEMBERED)
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        self._late.clear()
        while True:
            due = self._clock() + LOOKS_EVERY
            await trio.sleep(LOOKS_EVERY)
            self._late.append(max(0.0, self._clock() - due))

    @property
    def p99(self) -> float:
        """Of the looks remembered, in seconds; 0 before the first one."""
        late = sorted(self._late)
        return late[min(len(late) - 1, len(late) * 99 // 100)] if late else 0.0

    def mean(self, newest: int) -> float:
        """Of so many looks, or of all where there are fewer, in seconds; 0 before the first one."""
        late = list(self._late)[-newest:]
        return sum(late) / len(late) if late else 0.0
