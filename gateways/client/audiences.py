"""Tells of rooms whose audiences may have changed."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

import trio

TOLD_PER_STEP: Final = 8
"""Rooms. What is told wakes an actor, which looks and publishes: together a fifth of a millisecond."""


class Audiences:
    """Who comes, goes or is away in two hundred rooms at once keeps the loop from nobody: the first few are
    told of at once, the others in the loop's next turns, each once however often it changed.

    Owns: the topics that are behind, at most as many as there are. `tell` does not raise.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._behind: dict[str, None] = {}
        self._lot = trio.lowlevel.ParkingLot()

    @property
    def behind(self) -> int:
        """Topics that are not told of yet."""
        return len(self._behind)

    def changed(self, topics: Iterable[str]) -> None:
        """Tell of the first few now, if nothing is behind."""
        was_behind = bool(self._behind)
        self._behind.update(dict.fromkeys(topics))
        if not was_behind:
            self._step()
        if self._behind:
            self._lot.unpark_all()

    async def run(self) -> None:
        """Tell of what is behind, until cancelled."""
        while True:
            if self._behind:
                await trio.lowlevel.checkpoint()
            else:
                await self._lot.park()
            self._step()

    def _step(self) -> None:
        for topic in list(islice(self._behind, TOLD_PER_STEP)):
            del self._behind[topic]
            self._tell(topic)
