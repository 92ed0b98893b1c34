"""The `Bookings` port over the tables booking and booking_*, and the ledger's.

An id names its month's leaf, so that every statement about one booking reads one leaf of each table.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import asyncpg

from core.ids import is_uuid
from core.ports.bookings import (
    Balance,
    BookingEventRow,
    BookingSummary,
    IntentRecord,
    JournalStep,
    NewBooking,
    ParticipantRow,
    StoredBooking,
)
from core.ports.fraud import ScreeningRow
from protocol.frames import Money
from storage.bookings import STATUSES
from storage.durable_timers import tell_earliest
from storage.postgres import booking_writer
from storage.postgres.ledger import BALANCES_OF_BOOKING, balance
from storage.postgres.pool import Connection, Database

_LAST_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"

LOAD: Final = """
SELECT booking_id, tenant_id, creator_id, room_id, revision, snapshot,
       ARRAY(SELECT seq FROM booking_intent WHERE booking_id = $2 AND outcome IS NULL ORDER BY seq)
       AS unfinished
  FROM booking WHERE booking_id = $2 AND tenant_id = $1"""

EVENTS: Final = """
SELECT e.version, e.at, e.body
  FROM booking b JOIN booking_event e ON e.booking_id = $2
 WHERE b.booking_id = $2 AND b.tenant_id = $1 AND e.version > $3
 ORDER BY e.version LIMIT $4"""

INTENTS: Final = """
SELECT i.seq, i.op, i.key, i.committed_at, i.outcome, i.detail, i.ended_at
  FROM booking b JOIN booking_intent i ON i.booking_id = $2
 WHERE b.booking_id = $2 AND b.tenant_id = $1 ORDER BY i.seq"""

# The newest of each status, from the newest month on, and of those the newest: bounded, however many
# bookings somebody has.
OF_USER: Final = """
SELECT mine.booking_id FROM unnest($5::text[]) AS s(status), LATERAL (
    SELECT booking_id FROM booking_participant
     WHERE tenant_id = $1 AND user_id = $2 AND status = s.status AND booking_id < $3
     ORDER BY booking_id DESC LIMIT $4) AS mine
 ORDER BY 1 DESC LIMIT $4"""

STUCK: Final = """
SELECT booking_id FROM booking WHERE stuck_from <= $1 ORDER BY changed_at, booking_id LIMIT $2"""

SUMMARIES: Final = """
SELECT booking_id, room_id, creator_id, status, state, step, version, amount, currency, created_at,
       changed_at, needs_operator
  FROM booking WHERE booking_id = ANY($1::uuid[])"""

PARTICIPANTS: Final = """
SELECT booking_id, user_id, amount, currency, state FROM booking_participant
 WHERE booking_id = ANY($1::uuid[]) AND amount IS NOT NULL ORDER BY place"""


_SCREENING: Final = "at, verdict, reasons, score, model, features, decided_by"

SCREENINGS: Final = f"""
SELECT {_SCREENING} FROM booking_screening WHERE booking_id = $2 AND tenant_id = $1 ORDER BY n"""

NEWEST_SCREENINGS: Final = f"""
SELECT DISTINCT ON (booking_id) booking_id, {_SCREENING} FROM booking_screening
 WHERE booking_id = ANY($1::uuid[]) ORDER BY booking_id, n DESC"""


class PostgresBookings:
    """Each method is one crossing. `on_stored`: the outbox has news; `on_timer_set` hears the earliest
    time that was set just now."""

    def __init__(
        self,
        database: Database,
        *,
        on_stored: Callable[[], None] = lambda: None,
        on_timer_set: Callable[[int], None] = lambda due_at: None,
    ) -> None:
        self._database = database
        self._on_stored, self._on_timer_set = on_stored, on_timer_set

    async def open(self, booking: NewBooking, step: JournalStep) -> str | None:
        opened = await self._database.call(booking_writer.open_booking, booking, step)
        if opened is None:
            self._tell(step)
        return opened

    async def load(self, tenant_id: int, booking_id: str) -> StoredBooking | None:
        if not is_uuid(booking_id):
            return None
        rows = await self._database.call(_fetch, LOAD, tenant_id, booking_id)
        return StoredBooking(**rows[0]) if rows else None

    async def commit(self, step: JournalStep) -> None:
        await self._database.call(booking_writer.commit, step)
        self._tell(step)

    async def by_client_id(self, tenant_id: int, creator_id: str, client_id: str) -> str | None:
        if not (is_uuid(creator_id) and is_uuid(client_id)):
            return None
        rows = await self._database.call(
            _fetch, booking_writer.BY_CLIENT_ID, tenant_id, creator_id, client_id
        )
        return rows[0]["booking_id"] if rows else None

    async def events(
        self, tenant_id: int, booking_id: str, *, after: int, limit: int
    ) -> Sequence[BookingEventRow]:
        if not is_uuid(booking_id):
            return []
        rows = await self._database.call(_fetch, EVENTS, tenant_id, booking_id, after, limit)
        return [BookingEventRow(**row) for row in rows]

    async def of_user(
        self, tenant_id: int, user_id: str, *, before: str | None, limit: int
    ) -> Sequence[BookingSummary]:
        last = _LAST_ID if before is None else before
        if not (is_uuid(user_id) and is_uuid(last)):
            return []
        return await self._database.call(
            _summaries, OF_USER, tenant_id, user_id, last, limit, STATUSES
        )

    async def stuck(self, *, now: int, limit: int) -> Sequence[BookingSummary]:
        return await self._database.call(_stuck, now, limit)

    async def intents(self, tenant_id: int, booking_id: str) -> Sequence[IntentRecord]:
        if not is_uuid(booking_id):
            return []
        rows = await self._database.call(_fetch, INTENTS, tenant_id, booking_id)
        return [IntentRecord(**row) for row in rows]

    async def screenings(self, tenant_id: int, booking_id: str) -> Sequence[ScreeningRow]:
        if not is_uuid(booking_id):
            return []
        rows = await self._database.call(_fetch, SCREENINGS, tenant_id, booking_id)
        return [screening_of(row) for row in rows]

    async def balances(self, tenant_id: int, booking_id: str) -> Sequence[Balance]:
        if not is_uuid(booking_id):
            return []
        rows = await self._database.call(_fetch, BALANCES_OF_BOOKING, tenant_id, booking_id)
        return [balance(row) for row in rows]

    def _tell(self, step: JournalStep) -> None:
        if step.event is not None:
            self._on_stored()
        tell_earliest(step.timers, self._on_timer_set)


async def _fetch(connection: Connection, sql: str, *values: object) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *values)


async def _summaries(connection: Connection, sql: str, *values: object) -> Sequence[BookingSummary]:
    """Of the ids that `sql` gives, in its order."""
    ids = [row["booking_id"] for row in await connection.fetch(sql, *values)]
    if not ids:
        return []
    rows = {row["booking_id"]: row for row in await connection.fetch(SUMMARIES, ids)}
    participants: defaultdict[str, list[ParticipantRow]] = defaultdict(list)
    for row in await connection.fetch(PARTICIPANTS, ids):
        participants[row["booking_id"]].append(
            ParticipantRow(user_id=row["user_id"], amount=_money(row), state=row["state"])
        )
    return [_summary(rows[each], participants[each]) for each in ids if each in rows]


async def _stuck(connection: Connection, now: int, limit: int) -> Sequence[BookingSummary]:
    found = await _summaries(connection, STUCK, now, limit)
    waiting = [one.booking_id for one in found if one.needs_operator]
    if not waiting:
        return found
    rows = await connection.fetch(NEWEST_SCREENINGS, waiting)
    newest = {row["booking_id"]: screening_of(row) for row in rows}
    return [replace(one, screening=newest.get(one.booking_id)) for one in found]


def screening_of(row: asyncpg.Record) -> ScreeningRow:
    """A row of booking_screening."""
    return ScreeningRow(
        at=row["at"],
        verdict=row["verdict"],
        reasons=tuple(row["reasons"]),
        score=row["score"],
        model=row["model"],
        features=tuple(row["features"]),
        by=row["decided_by"],
    )


def _summary(row: asyncpg.Record, participants: Sequence[ParticipantRow]) -> BookingSummary:
    plain = {key: value for key, value in row.items() if key not in ("amount", "currency")}
    return BookingSummary(**plain, total=_money(row), participants=participants)


def _money(row: asyncpg.Record) -> Money:
    return Money(amount=row["amount"], currency=row["currency"])
