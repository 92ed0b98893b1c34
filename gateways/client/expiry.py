"""One deadline for many, kept without stopping the loop."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Final

import trio

PER_LOT: Final = 2
LOT_EVERY: Final = 0.002
"""Seconds between two lots: an eighth of the loop, which a message passes through many times on its way.
A thousand that are due together are gone a second later."""


class Expiry:
    """Cancels scopes that are `within` seconds old, a few at a time. trio's own deadlines wake all tasks
    that are due in one turn: a thousand clients that came together would hold up everybody else as
    they leave.
    """

    def __init__(self, within: float, per_lot: int = PER_LOT) -> None:
        self._within = within
        self._per_lot = per_lot
        self._due: dict[trio.CancelScope, float] = {}  # all wait equally long: the oldest is first
        self._filled = trio.Event()

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Cancel the block when its time is over, and go on after it."""
        with trio.CancelScope() as scope:
            self._due[scope] = trio.current_time() + self._within
            self._filled.set()
            try:
                yield
            finally:
                self._due.pop(scope, None)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not self._due:
                self._filled = trio.Event()
                await self._filled.wait()
            await trio.sleep_until(next(iter(self._due.values())))
            self._expire(trio.current_time())
            await trio.sleep(LOT_EVERY)

    def _expire(self, now: float) -> None:
        expired = takewhile(lambda entry: entry[1] <= now, self._due.items())
        for scope in [scope for (scope, _), _ in zip(expired, range(self._per_lot), strict=False)]:
            del self._due[scope]
            scope.cancel()
