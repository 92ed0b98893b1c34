"""Pages of logs that clients asked for: how many are read at a time, and how fast."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import trio

from core.ports.fanout import Client

AT_ONCE: Final = 4
"""Reads in the whole process. The database has ten connections, which others need too, and its answers
are unpacked while every other thread waits."""

BYTES_PER_SECOND: Final = 33_554_432
FREE_BYTES: Final = 262_144
"""What pages may hold in the long run, and at once. A large one, with all that it is copied through,
takes the loop for some milliseconds: after it the next waits for eight."""


@dataclass(slots=True)
class _Line:
    """One connection's pages, while there are any."""

    length: int = 0
    turn: trio.Lock = field(default_factory=trio.Lock)


class Pages:
    """Lends turns to read a page, of all rooms together. Owns: the lines, each as long as a connection
    has rooms at most, and what was read lately.

    One page at a time for each connection, few in all: who asks for many keeps himself waiting.
    """

    def __init__(self, *, at_once: int = AT_ONCE) -> None:
        self._few = trio.Semaphore(at_once)
        self._lines: dict[int, _Line] = {}
        self._paid_at = 0.0

    @asynccontextmanager
    async def turn(self, client: Client | None, *, drained: bool = False) -> AsyncIterator[None]:
        """Around one read. `drained`: wait until the client has taken what it was sent before, or is
        closed: who asks and does not read gets no second page, and takes no place meanwhile."""
        if client is None:
            async with self._few:
                await self._pay()
                yield
            return
        line = self._lines.setdefault(client.id, _Line())
        line.length += 1
        try:
            async with line.turn:
                if drained:
                    await client.wait_drained()
                async with self._few:
                    await self._pay()
                    yield
        finally:
            line.length -= 1
            if not line.length:
                del self._lines[client.id]

    def took(self, size: int) -> None:
        """Within the turn: so many bytes were read. Later pages wait for it."""
        owed_from = trio.current_time() - FREE_BYTES / BYTES_PER_SECOND
        self._paid_at = max(self._paid_at, owed_from) + size / BYTES_PER_SECOND

    async def _pay(self) -> None:
        await trio.sleep_until(self._paid_at)

    def __len__(self) -> int:
        """Connections that wait for a page, or read one."""
        return len(self._lines)
