"""The ports `Calendars` over the table plan_calendar, and `CapturedShares` over the ledger's."""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from core.ids import is_uuid
from core.ports.plans import CalendarAddress, CapturedShare
from storage.postgres.pool import Connection, Database

SECRET_BYTES: Final = 32

_SHARE: Final = """
INSERT INTO plan_calendar (room_id, user_id, tenant_id, created_at, secret_hash)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (room_id, user_id) DO UPDATE
   SET secret_hash = excluded.secret_hash, created_at = excluded.created_at"""

_END: Final = """
DELETE FROM plan_calendar WHERE room_id = $1 AND user_id = $2 AND tenant_id = $3 RETURNING true"""

_FIND: Final = """
SELECT tenant_id, room_id, user_id FROM plan_calendar WHERE secret_hash = $1"""

# What has moved between a provider, or our team, and somebody; what was only held is a memo.
_CAPTURED: Final = """
SELECT p.booking_id, p.currency, substr(e.account, 13) AS user_id, -sum(e.amount)::int8 AS amount
  FROM booking b
  JOIN ledger_posting p ON p.booking_id = b.booking_id
  JOIN ledger_entry e ON e.booking_id = p.booking_id AND e.posting = p.name
 WHERE b.booking_id = ANY($3::uuid[]) AND b.tenant_id = $1 AND b.room_id = $2
   AND NOT p.is_memo AND e.account LIKE 'participant:%'
   AND EXISTS (SELECT 1 FROM ledger_entry o WHERE o.booking_id = p.booking_id
                AND o.posting = p.name AND (o.account LIKE 'psp:%' OR o.account = 'by_hand'))
 GROUP BY 1, 2, 3 HAVING sum(e.amount) <> 0 ORDER BY 1, 2, 3"""

_IS_OF: Final = """
SELECT EXISTS (SELECT 1 FROM booking b JOIN booking_participant p ON p.booking_id = b.booking_id
                WHERE b.booking_id = $3 AND b.tenant_id = $1 AND b.room_id = $2 AND p.user_id = $4)"""


class PostgresCalendars:
    """A secret is as long as a key; whoever reads the table learns none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def share(self, address: CalendarAddress, *, at: int) -> str:
        secret = secrets.token_urlsafe(SECRET_BYTES)
        who = (address.room_id, address.user_id, address.tenant_id)
        await self._database.call(_fetch, _SHARE, *who, at, _hash(secret))
        return secret

    async def end(self, address: CalendarAddress) -> bool:
        if not is_uuid(address.room_id):
            return False
        who = (address.room_id, address.user_id, address.tenant_id)
        return bool(await self._database.call(_fetch, _END, *who))

    async def find(self, secret: str) -> CalendarAddress | None:
        rows = await self._database.call(_fetch, _FIND, _hash(secret))
        return CalendarAddress(**rows[0]) if rows else None


class PostgresCapturedShares:
    """Reads what bookings have posted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def captured(
        self, tenant_id: int, room_id: str, booking_ids: Sequence[str]
    ) -> Sequence[CapturedShare]:
        ids = [id for id in booking_ids if is_uuid(id)]
        if not ids:
            return []
        rows = await self._database.call(_fetch, _CAPTURED, tenant_id, room_id, ids)
        return [CapturedShare(**row) for row in rows]

    async def is_of(self, tenant_id: int, room_id: str, booking_id: str, user_id: str) -> bool:
        if not is_uuid(booking_id):
            return False
        rows = await self._database.call(_fetch, _IS_OF, tenant_id, room_id, booking_id, user_id)
        return bool(rows[0][0])


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def _fetch(connection: Connection, sql: str, *values: Any) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *values)
