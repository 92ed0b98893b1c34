"""Whose turn it is to search: each user's one at a time, few in all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import trio

AT_ONCE: Final = 2
"""Searches in the whole process. Each is one long look into the database, and a short one for every message
that it found; the database has ten connections, which others need too."""


@dataclass(slots=True)
class _Line:
    """The searches of one user, while there are any."""

    length: int = 0
    turn: trio.Lock = field(default_factory=trio.Lock)


class Searches:
    """Lends turns to search, of all sessions together. Owns: the lines, each as long as a user has sessions
    at most.

    Who searches by many connections keeps himself waiting, and nobody else.
    """

    def __init__(self, *, at_once: int = AT_ONCE) -> None:
        self._few = trio.Semaphore(at_once)
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """Around one search."""
        line = self._lines.setdefault(user_id, _Line())
        line.length += 1
        try:
            async with line.turn, self._few:
                yield
        finally:
            line.length -= 1
            if not line.length:
                del self._lines[user_id]
