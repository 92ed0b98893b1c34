"""The `Consultations` port over the table consultation."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import asyncpg

from core.ids import is_uuid
from core.ports.consultations import (
    ADVISERS,
    CHANGES,
    MAX_AHEAD,
    MAX_BOOKED,
    REMIND_BEFORE,
    TOPIC,
    Cancelling,
    Consultation,
    Place,
    WantedTimes,
)
from storage.consultations import (
    has_begun,
    is_busy,
    is_own,
    is_taken,
    no_consultation,
    no_reminders,
    reminders,
    too_many_ahead,
    too_many_booked,
)
from storage.postgres.durable_timers import apply_changes
from storage.postgres.pool import Connection, Database

_ROLES: Final = ", ".join(f"'{role.value}'" for role in sorted(ADVISERS))

_COLUMNS: Final = """c.id, c.professional_id, c.traveller_id, c.cancelled_by, c.starts_at, c.ends_at,
    c.state, c.about, c.note, c.tags, c.metered_ms,
    c.reopens"""

# In one order for everybody, so that nobody waits for who waits for them.
_LOCK: Final = """
SELECT id, role, is_forgotten FROM account
 WHERE tenant_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR NO KEY UPDATE"""

_GET: Final = f"SELECT {_COLUMNS} FROM consultation c WHERE c.tenant_id = $1 AND c.id = $2"

_OPEN: Final = """
INSERT INTO consultation (id, tenant_id, professional_id, starts_at, ends_at, tags)
VALUES ($1, $2, $3, $4, $5, $6)"""

_HAS_TIME: Final = """
SELECT EXISTS (SELECT FROM consultation WHERE professional_id = $1 AND state <> 'cancelled'
                AND starts_at < $3 AND ends_at > $2)"""

_AHEAD: Final = """
SELECT count(*) FROM consultation
 WHERE professional_id = $1 AND state <> 'cancelled' AND starts_at > $2"""

_BOOKED_AHEAD: Final = """
SELECT count(*) FROM consultation WHERE traveller_id = $1 AND state = 'booked' AND starts_at > $2"""

_IS_BUSY: Final = """
SELECT EXISTS (
    SELECT FROM consultation WHERE professional_id = ANY($1::uuid[]) AND state = 'booked'
       AND starts_at < $3 AND ends_at > $2
    UNION ALL
    SELECT FROM consultation WHERE traveller_id = ANY($1::uuid[]) AND state = 'booked'
       AND starts_at < $3 AND ends_at > $2)"""

_BOOK: Final = (
    "UPDATE consultation SET state = 'booked', traveller_id = $2, about = $3 WHERE id = $1"
)

_CANCEL: Final = """
UPDATE consultation SET state = 'cancelled', cancelled_by = $2, note = $3 WHERE id = $1"""

_ANNOUNCE: Final = f"""
INSERT INTO outbox (tenant_id, topic, key, first, last) VALUES ($1, '{TOPIC}', $2::text, $3, $3)"""

_METER: Final = (
    "UPDATE consultation SET metered_ms = metered_ms + $3 WHERE tenant_id = $1 AND id = $2"
)

_CLOSE: Final = """
DELETE FROM consultation WHERE tenant_id = $1 AND professional_id = $2 AND state = 'open'
   AND starts_at >= $3 AND starts_at < $4"""

_KEEP_CLOSED: Final = """
UPDATE consultation SET reopens = false WHERE tenant_id = $1 AND professional_id = $2
   AND state = 'booked' AND starts_at >= $3 AND starts_at < $4"""

_FIND: Final = f"""
SELECT {_COLUMNS} FROM consultation c JOIN account a ON a.id = c.professional_id
 WHERE c.tenant_id = $1 AND c.state = 'open' AND a.role IN ({_ROLES}) AND c.starts_at >= $2
   AND ($3::int8 IS NULL OR c.starts_at < $3) AND ($4::uuid IS NULL OR c.professional_id = $4)
   AND c.tags @> $5::text[] AND ($6::int8 IS NULL OR (c.starts_at, c.id) > ($6, $7::uuid))
 ORDER BY c.starts_at, c.id LIMIT $8"""

_OF_USER: Final = f"""
SELECT {_COLUMNS} FROM consultation c
 WHERE c.tenant_id = $1 AND (c.professional_id = $2 OR c.traveller_id = $2) AND c.state <> 'open'
   AND c.ends_at > $3 AND ($4::int8 IS NULL OR (c.starts_at, c.id) > ($4, $5::uuid))
 ORDER BY c.starts_at, c.id LIMIT $6"""


class PostgresConsultations:
    """Appointments as rows; an id of a foreign form is unknown. `on_stored`: the outbox has news;
    `on_timer_set` hears the earliest time that was set just now."""

    def __init__(
        self,
        database: Database,
        *,
        on_stored: Callable[[], None] = lambda: None,
        on_timer_set: Callable[[int], None] = lambda due_at: None,
    ) -> None:
        self._database = database
        self._on_stored, self._on_timer_set = on_stored, on_timer_set

    async def open(self, tenant_id: int, new: Consultation, *, now: int) -> Consultation:
        return await self._database.transaction(_open, tenant_id, new, now)

    async def close(self, tenant_id: int, professional_id: str, *, start: int, end: int) -> int:
        return await self._database.transaction(close_times, tenant_id, professional_id, start, end)

    async def find(
        self, tenant_id: int, wanted: WantedTimes, *, after: Place | None, limit: int
    ) -> Sequence[Consultation]:
        whose = wanted.professional_id
        if whose is not None and not is_uuid(whose):
            return []
        when = wanted.start, wanted.end
        last = (None, None) if after is None else after
        rows = await self._database.call(
            _fetch, _FIND, tenant_id, *when, whose, list(wanted.tags), *last, limit
        )
        return [_consultation(row) for row in rows]

    async def book(
        self, tenant_id: int, id: str, traveller_id: str, *, about: str, now: int
    ) -> Consultation:
        if not is_uuid(id):
            raise no_consultation()
        booked = await self._database.transaction(_book, (tenant_id, id), traveller_id, about, now)
        self._on_stored()
        self._on_timer_set(booked.starts_at - REMIND_BEFORE)
        return booked

    async def cancel(self, tenant_id: int, id: str, by: Cancelling, *, now: int) -> Consultation:
        if not is_uuid(id):
            raise no_consultation()
        cancelled = await self._database.transaction(_cancel, (tenant_id, id), by, now)
        self._on_stored()
        return cancelled

    async def meter(self, tenant_id: int, id: str, ms: int) -> None:
        if is_uuid(id):
            await self._database.call(_execute, _METER, tenant_id, id, ms)

    async def get(self, tenant_id: int, id: str) -> Consultation | None:
        if not is_uuid(id):
            return None
        rows = await self._database.call(_fetch, _GET, tenant_id, id)
        return _consultation(rows[0]) if rows else None

    async def of_user(
        self, tenant_id: int, user_id: str, *, start: int, after: Place | None, limit: int
    ) -> Sequence[Consultation]:
        last = (None, None) if after is None else after
        rows = await self._database.call(_fetch, _OF_USER, tenant_id, user_id, start, *last, limit)
        return [_consultation(row) for row in rows]


async def _open(
    connection: Connection, tenant_id: int, new: Consultation, now: int
) -> Consultation:
    whose = new.professional_id
    if any(one["is_forgotten"] for one in await connection.fetch(_LOCK, tenant_id, [whose])):
        raise no_consultation()
    known = await connection.fetchrow(_GET, tenant_id, new.id)
    if known is not None:
        return _consultation(known)
    if await connection.fetchval(_HAS_TIME, whose, new.starts_at, new.ends_at):
        raise is_busy()
    if await connection.fetchval(_AHEAD, whose, now) >= MAX_AHEAD:
        raise too_many_ahead()
    await _insert(connection, tenant_id, new)
    return new


async def close_times(
    connection: Connection, tenant_id: int, whose: str, start: int, end: int
) -> int:
    """To be called in a transaction: what is open goes, and what is booked will not open again."""
    await connection.execute(_LOCK, tenant_id, [whose])
    await connection.execute(_KEEP_CLOSED, tenant_id, whose, start, end)
    done = await connection.execute(_CLOSE, tenant_id, whose, start, end)
    return int(done.rpartition(" ")[2])


async def _book(
    connection: Connection, which: tuple[int, str], traveller_id: str, about: str, now: int
) -> Consultation:
    tenant_id, _ = which
    seen = await connection.fetchrow(_GET, *which)
    if seen is None:
        raise no_consultation()
    if seen["professional_id"] == traveller_id:
        raise is_own()
    both = [traveller_id, seen["professional_id"]]
    people = await connection.fetch(_LOCK, tenant_id, both)
    is_advised = any(one["id"] == both[1] and one["role"] in ADVISERS for one in people)
    is_anyone_gone = any(one["is_forgotten"] for one in people)
    row = await connection.fetchrow(_GET, *which)
    if row is None or is_anyone_gone or not is_advised or row["state"] == "cancelled":
        raise no_consultation()
    if row["state"] == "booked":
        if row["traveller_id"] != traveller_id:
            raise is_taken()
        return _consultation(row)
    if row["starts_at"] <= now:
        raise has_begun()
    if await connection.fetchval(_IS_BUSY, both, row["starts_at"], row["ends_at"]):
        raise is_busy()
    if await connection.fetchval(_BOOKED_AHEAD, traveller_id, now) >= MAX_BOOKED:
        raise too_many_booked()
    await connection.execute(_BOOK, which[1], traveller_id, about)
    booked = replace(_consultation(row), state="booked", traveller_id=traveller_id, about=about)
    await _announce(connection, which, "booked")
    await apply_changes(connection, reminders(tenant_id, booked, now=now))
    return booked


async def _cancel(
    connection: Connection, which: tuple[int, str], by: Cancelling, now: int
) -> Consultation:
    seen = await connection.fetchrow(_GET, *which)
    if seen is None or by.user_id not in (seen["professional_id"], seen["traveller_id"]):
        raise no_consultation()
    await connection.execute(_LOCK, which[0], [seen["professional_id"]])
    row = await connection.fetchrow(_GET, *which)
    if row is None or row["state"] == "open":
        raise no_consultation()
    booked = _consultation(row)
    if booked.state == "cancelled":
        return booked
    is_by_traveller = by.user_id == booked.traveller_id
    if now >= (booked.starts_at if is_by_traveller else booked.ends_at):
        raise has_begun()
    await connection.execute(_CANCEL, booked.id, by.user_id, by.note)
    if is_by_traveller and booked.reopens:
        await _insert(connection, which[0], replace(booked, id=by.again))
    cancelled = replace(booked, state="cancelled", cancelled_by=by.user_id, note=by.note)
    await _announce(connection, which, "cancelled")
    await apply_changes(connection, no_reminders(which[0], cancelled))
    return cancelled


async def _insert(connection: Connection, tenant_id: int, new: Consultation) -> None:
    when = new.starts_at, new.ends_at
    await connection.execute(_OPEN, new.id, tenant_id, new.professional_id, *when, list(new.tags))


async def _announce(connection: Connection, which: tuple[int, str], change: str) -> None:
    await connection.execute(_ANNOUNCE, *which, CHANGES.index(change) + 1)


async def _execute(connection: Connection, sql: str, *values: Any) -> str:
    return await connection.execute(sql, *values)


async def _fetch(connection: Connection, sql: str, *values: Any) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *values)


def _consultation(row: asyncpg.Record) -> Consultation:
    return Consultation(**{**row, "tags": tuple(row["tags"])})
