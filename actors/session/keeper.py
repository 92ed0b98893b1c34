"""Keeps the sessions of living connections from expiring, without keeping an actor for each."""

from collections.abc import Collection
from itertools import islice
from typing import Final

import structlog
import trio

from core.errors import Unavailable
from core.ports.clock import Clock
from core.ports.fanout import Client
from core.ports.sessions import Sessions
from protocol.close_codes import CloseCode

TOUCH_EVERY: Final = 600.0
"""Seconds; far below a session's 30 minutes, so that even after a kill -9 it can be resumed."""

AT_ONCE: Final = 500
MAX_LEFT: Final = 50_000
"""Connections that closed and whose sessions wait to be touched. Past that a session is not: it lives
twenty minutes at least from its last touch."""

log = structlog.get_logger()


class Keeper:
    """Knows the connection of each session: there is one, the newest. Touches the session while it is
    open, and once more when it has closed. Bounded by the connections, and by `MAX_LEFT`."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._clients: dict[str, Client] = {}
        self._left: dict[str, None] = {}
        self._has_left = trio.Event()

    def replace(self, session_id: str, client: Client) -> None:
        """The session is about to have this connection: its older one closes with 4101."""
        older = self._clients.get(session_id)
        if older is not None and older is not client:
            older.close_nowait(CloseCode.REPLACED)

    def watch(self, session_id: str, client: Client) -> None:
        """The session has this connection now."""
        self._clients[session_id] = client

    def leave(self, session_id: str) -> None:
        """A connection of the session closed. Nothing happens when it has a newer one."""
        client = self._clients.get(session_id)
        if client is not None and client.is_open:
            return
        self._clients.pop(session_id, None)
        if len(self._left) < MAX_LEFT:
            self._left[session_id] = None
            self._has_left.set()

    async def run(self) -> None:
        """Until cancelled."""
        due = trio.current_time() + TOUCH_EVERY
        while True:
            with trio.move_on_at(due):
                await self._has_left.wait()
            self._has_left = trio.Event()
            if trio.current_time() >= due:
                due += TOUCH_EVERY
                await self._touch_all(list(self._clients))
            while self._left:
                some = list(islice(self._left, AT_ONCE))
                for session_id in some:
                    del self._left[session_id]
                await self._touch(some)

    async def _touch_all(self, session_ids: list[str]) -> None:
        for first in range(0, len(session_ids), AT_ONCE):
            living = []
            for session_id in session_ids[first : first + AT_ONCE]:
                client = self._clients.get(session_id)
                if client is None:
                    continue
                if client.is_open:
                    living.append(session_id)
                else:
                    del self._clients[session_id]
            if living:
                await self._touch(living)

    async def _touch(self, session_ids: Collection[str]) -> None:
        try:
            await self._sessions.touch(session_ids, now=self._clock.now_ms())
        except Unavailable:
            log.warning("sessions_not_touched", sessions=len(session_ids))

    def statistics(self) -> dict[str, int | float]:
        return {"sessions": len(self._clients), "left": len(self._left)}
