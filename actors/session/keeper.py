"""Keeps the sessions of living connections from expiring, without keeping an actor for each."""

from typing import Final

import structlog
import trio

from core.errors import Unavailable
from core.ports.clock import Clock
from core.ports.fanout import Client
from core.ports.sessions import Sessions

TOUCH_EVERY: Final = 600.0
"""Seconds; far below a session's 30 minutes, so that even after a kill -9 it can be resumed."""

log = structlog.get_logger()


class Keeper:
    """Touches the session of each connection that is open. Bounded by the connections."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._clients: dict[str, Client] = {}

    def watch(self, session_id: str, client: Client) -> None:
        """The session has this connection now."""
        self._clients[session_id] = client

    def forget(self, session_id: str) -> bool:
        """Its connection closed. False: it has another one, which is open."""
        client = self._clients.get(session_id)
        if client is not None and client.is_open:
            return False
        self._clients.pop(session_id, None)
        return True

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await trio.sleep(TOUCH_EVERY)
            for session_id in list(self._clients):
                await self._touch(session_id)

    async def _touch(self, session_id: str) -> None:
        client = self._clients.get(session_id)
        if client is None:
            return
        if not client.is_open:
            del self._clients[session_id]
            return
        try:
            await self._sessions.touch(session_id, now=self._clock.now_ms())
        except Unavailable:
            log.warning("session_not_touched", session_id=session_id)

    def statistics(self) -> dict[str, int | float]:
        return {"sessions": len(self._clients)}
