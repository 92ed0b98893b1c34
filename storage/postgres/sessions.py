"""The `Sessions` port over the table `session`."""

from collections.abc import Collection
from typing import Final

import asyncpg

from core.errors import TokenRevoked
from core.identity import Principal
from core.ids import is_uuid
from core.ports.sessions import SessionOpened
from protocol.limits import SESSION_FOR
from storage.postgres.pool import Connection, Database

LIFE_MS: Final = int(SESSION_FOR * 1_000)

_INBOX: Final = """
coalesce((SELECT head FROM inbox_head WHERE tenant_id = $2 AND user_id = $3), 0) AS head,
(SELECT min(seq) FROM inbox_item WHERE tenant_id = $2 AND user_id = $3) AS first"""
"""Read with the session: whoever opens one crosses to the database and back once, in one statement."""


class PostgresSessions:
    """Sessions as rows, tied to their login."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(
        self, principal: Principal, *, session_id: str, resuming: bool, now: int
    ) -> SessionOpened | None:
        """As the port says. Raises `TokenRevoked` when the login ended meanwhile."""
        if not is_uuid(session_id):
            return None
        return await self._database.call(
            _resume if resuming else _begin, principal, session_id, now
        )

    async def touch(self, session_ids: Collection[str], *, now: int) -> None:
        known = [session_id for session_id in session_ids if is_uuid(session_id)]
        if known:
            await self._database.call(_touch, known, now)


async def _begin(
    connection: Connection, principal: Principal, session_id: str, now: int
) -> SessionOpened:
    """FOR SHARE: a login is revoked either before this (then we find it revoked) or after it (then
    the session is there to be removed)."""
    opened = await connection.fetchrow(
        f"""INSERT INTO session (id, tenant_id, user_id, login_id, opened_at, expires_at)
            SELECT $1, $2, $3, id, $5, $6 FROM login
            WHERE id = $4 AND user_id = $3 AND tenant_id = $2 AND revoked_at IS NULL FOR SHARE
            RETURNING {_INBOX}""",
        session_id,
        principal.tenant_id,
        principal.user_id,
        principal.login_id,
        now,
        now + LIFE_MS,
    )
    if opened is None:
        raise TokenRevoked
    return _opened(session_id, opened, resumed=False)


async def _resume(
    connection: Connection, principal: Principal, session_id: str, now: int
) -> SessionOpened | None:
    known = await connection.fetchrow(
        f"""UPDATE session SET expires_at = $5
            WHERE id = $1 AND tenant_id = $2 AND user_id = $3 AND login_id = $4 AND expires_at > $6
            RETURNING {_INBOX}""",
        session_id,
        principal.tenant_id,
        principal.user_id,
        principal.login_id,
        now + LIFE_MS,
        now,
    )
    if known is None:
        return None
    return _opened(session_id, known, resumed=True)


def _opened(session_id: str, row: asyncpg.Record, *, resumed: bool) -> SessionOpened:
    return SessionOpened(
        session_id=session_id,
        resumed=resumed,
        inbox_head=row["head"],
        inbox_first=row["first"] or row["head"] + 1,
    )


async def _touch(connection: Connection, session_ids: list[str], now: int) -> None:
    """SKIP LOCKED: many rows, locked in no order that others keep to, must not wait for one another."""
    await connection.execute(
        """WITH mine AS (SELECT id FROM session WHERE id = ANY($1::uuid[]) FOR UPDATE SKIP LOCKED)
           UPDATE session SET expires_at = greatest(expires_at, $2)
           FROM mine WHERE session.id = mine.id""",
        session_ids,
        now + LIFE_MS,
    )
