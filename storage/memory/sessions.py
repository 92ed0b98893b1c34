"""The `Sessions` port in memory."""

from collections.abc import Collection
from typing import Final

from core.errors import TokenRevoked
from core.identity import Principal
from core.ports.sessions import SessionOpened
from protocol.limits import SESSION_FOR
from storage.memory.inboxes import MemoryInboxes
from storage.memory.logins import MemoryLogins, StoredSession

LIFE_MS: Final = int(SESSION_FOR * 1_000)


class MemorySessions:
    """Sessions in a dictionary. Without `logins` every login stands (for tests of actors)."""

    def __init__(self, inboxes: MemoryInboxes, logins: MemoryLogins | None = None) -> None:
        self._inboxes = inboxes
        self._logins = logins
        self._own: dict[str, StoredSession] = {}

    async def open(
        self, principal: Principal, *, session_id: str, resuming: bool, now: int
    ) -> SessionOpened | None:
        if self._logins is not None and not self._logins.stands(principal.login_id):
            if resuming:
                return None
            raise TokenRevoked
        known = self._sessions.get(session_id)
        if resuming and not _is_mine(known, principal, now):
            return None
        self._sessions[session_id] = StoredSession(
            principal.login_id, principal.user_id, now + LIFE_MS
        )
        mine = principal.tenant_id, principal.user_id
        return SessionOpened(
            session_id=session_id,
            resumed=resuming,
            inbox_head=self._inboxes.head_nowait(*mine),
            inbox_first=self._inboxes.first_nowait(*mine),
        )

    async def touch(self, session_ids: Collection[str], *, now: int) -> None:
        for session_id in session_ids:
            session = self._sessions.get(session_id)
            if session is not None:
                session.expires_at = max(session.expires_at, now + LIFE_MS)

    @property
    def _sessions(self) -> dict[str, StoredSession]:
        return self._own if self._logins is None else self._logins.sessions


def _is_mine(session: StoredSession | None, principal: Principal, now: int) -> bool:
    return (
        session is not None
        and session.login_id == principal.login_id
        and session.user_id == principal.user_id
        and session.expires_at > now
    )
