"""The ports `Histories` and `Screenings` over the tables of bookings: what a screener knows and learns from.

Both are bounded: somebody's bookings and attempts are counted up to a limit, from indexes alone.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from core.ids import is_uuid
from core.ports.fraud import PastScreening, PayerHistory
from storage.bookings import DAY_MS, MONTH_MS, MOST_COUNTED, MOST_SCREENED, STATUSES
from storage.postgres.pool import Connection, Database

# $3: the booking that does not count; $4, $5: a day and a month ago, in ms, and $6, $7 as ids; $9: how many of
# each status are counted. A booking's id is the time at which it was made, and names its month's leaf.
HISTORIES: Final = """
SELECT a.id AS user_id, a.created_at AS registered_at, b.bookings_day, b.bookings_month,
       t.declines_day, t.declines_month, t.methods_day, w.completed
  FROM unnest($2::uuid[]) AS payer(id)
  JOIN account a ON a.id = payer.id AND a.tenant_id = $1,
LATERAL (
    SELECT count(*) FILTER (WHERE booking_id > $6::uuid) AS bookings_day,
           count(*) AS bookings_month
      FROM unnest($8::text[]) AS s(status), LATERAL (
        SELECT booking_id FROM booking_participant
         WHERE tenant_id = $1 AND user_id = a.id AND status = s.status
           AND booking_id > $7::uuid AND booking_id <> $3::uuid
         ORDER BY booking_id DESC LIMIT $9::int) AS mine) AS b,
LATERAL (
    SELECT count(*) FILTER (WHERE is_refused AND at > $4::int8) AS declines_day,
           count(*) FILTER (WHERE is_refused) AS declines_month,
           count(DISTINCT method) FILTER (WHERE at > $4::int8) AS methods_day
      FROM (SELECT at, is_refused, method FROM payment_attempt
             WHERE tenant_id = $1 AND user_id = a.id AND at > $5::int8 AND booking_id <> $3::uuid
             ORDER BY at DESC LIMIT 10 * $9::int) AS mine) AS t,
LATERAL (
    SELECT count(*) AS completed
      FROM (SELECT FROM booking_participant
             WHERE tenant_id = $1 AND user_id = a.id AND status = 'booked' AND booking_id <> $3::uuid
             LIMIT $9::int) AS mine) AS w"""

SCREENED: Final = """
SELECT count(*) FROM (
    SELECT FROM booking_screening WHERE tenant_id = $1 AND n = 1 LIMIT $2) AS firsts"""

# LIMIT 1 keeps the planner from reading months of snapshots for a join.
RECENT: Final = """
SELECT s.at, s.features, s.verdict, b.is_terminal, b.status, b.is_called_off
  FROM (SELECT booking_id FROM booking_screening
         WHERE tenant_id = $1 AND n = 1 ORDER BY booking_id DESC LIMIT $2) AS f,
LATERAL (
    SELECT at, features, verdict FROM booking_screening
     WHERE booking_id = f.booking_id ORDER BY n DESC LIMIT 1) AS s,
LATERAL (
    SELECT is_terminal, status, is_called_off FROM booking
     WHERE booking_id = f.booking_id LIMIT 1) AS b
 WHERE s.verdict <> 'deny' ORDER BY f.booking_id DESC"""


class PostgresHistories:
    """One crossing for all who pay."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(
        self, tenant_id: int, user_ids: Sequence[str], *, before: str, now: int
    ) -> Mapping[str, PayerHistory]:
        people = sorted({one for one in user_ids if is_uuid(one)})
        if not people or not is_uuid(before):
            return {}
        rows = await self._database.call(
            _fetch, HISTORIES, *history_arguments(tenant_id, people, before, now)
        )
        return {row["user_id"]: _history(row) for row in rows}


def history_arguments(
    tenant_id: int, people: Sequence[str], before: str, now: int
) -> tuple[object, ...]:
    """Of `HISTORIES`."""
    day, month = now - DAY_MS, now - MONTH_MS
    ids = (_last_of(day), _last_of(month))
    return (tenant_id, people, before, day, month, *ids, list(STATUSES), MOST_COUNTED)


class PostgresScreenings:
    """What the screener's model is fitted to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bookings(self, tenant_id: int) -> int:
        rows = await self._database.call(_fetch, SCREENED, tenant_id, MOST_SCREENED)
        return int(rows[0]["count"])

    async def recent(self, tenant_id: int, *, limit: int) -> Sequence[PastScreening]:
        rows = await self._database.call(_fetch, RECENT, tenant_id, limit)
        return [
            PastScreening(
                at=row["at"],
                features=tuple(row["features"]),
                verdict=row["verdict"],
                ended_well=row["status"] == "booked" or row["is_called_off"]
                if row["is_terminal"]
                else None,
            )
            for row in rows
        ]


async def _fetch(connection: Connection, sql: str, *values: object) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *values)


def _last_of(at: int) -> str:
    """The greatest UUIDv7 of that millisecond."""
    text = f"{max(at, 0):012x}" + "f" * 20
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _history(row: asyncpg.Record) -> PayerHistory:
    return PayerHistory(
        registered_at=row["registered_at"],
        bookings_day=min(row["bookings_day"], MOST_COUNTED),
        bookings_month=min(row["bookings_month"], MOST_COUNTED),
        declines_day=row["declines_day"],
        declines_month=row["declines_month"],
        methods_day=row["methods_day"],
        completed=row["completed"],
    )
