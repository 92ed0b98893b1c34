"""Writes a step of a booking: one transaction, all of it or nothing. Runs in the asyncio thread."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from core.ports.bookings import BadStep, JournalStep, NewBooking
from core.ports.fraud import ScreeningRow
from core.ports.leases import StaleFence
from storage.bookings import BOOKING_TOLD, check_step, no_such_user, quote_is_taken
from storage.months import Month
from storage.postgres.booking_leaves import ensure_leaves
from storage.postgres.durable_timers import apply_changes
from storage.postgres.pool import Connection
from storage.sharding import shard_of

# FOR SHARE: a taker of the shard waits for this transaction, and then sees its rows. A stale writer
# that waits for a taker finds its number gone and writes nothing. (READ COMMITTED is required.)
_OWN: Final = """
WITH own AS MATERIALIZED (
    SELECT shard_id FROM shard_owner WHERE shard_id = $3 AND fence = $4 FOR SHARE
), """

_MOVED: Final = """moved AS (
    UPDATE booking b
       SET revision = $5, version = $6, state = $7, status = $8, step = $9, snapshot = $10,
           changed_at = $11, is_terminal = $12, needs_operator = $13, deadline = $14,
           is_called_off = $53,
           ended_at = CASE WHEN $12 THEN coalesce(b.ended_at, $11) END
      FROM own WHERE b.booking_id = $1 AND b.tenant_id = $2 AND b.revision = $5 - 1
    RETURNING b.booking_id
), over AS (
    UPDATE booking_key k SET is_live = false FROM moved WHERE k.booking_id = $1 AND k.is_live AND $12
), """

# Before anything is written, and in the order of who locks several: whoever is forgotten meanwhile is waited for.
_MADE: Final = """people AS MATERIALIZED (
    SELECT a.is_forgotten FROM own, account a
     WHERE a.tenant_id = $2 AND a.id = ANY ($61::uuid[]) ORDER BY a.id FOR SHARE OF a
), keyed AS (
    INSERT INTO booking_key (booking_id, tenant_id, is_live, quote_id, creator_id, client_id)
    SELECT $1::uuid, $2::int, NOT $12::bool, $54::uuid, $55::uuid, $56::uuid FROM own
     WHERE NOT EXISTS (SELECT FROM people WHERE is_forgotten)
    ON CONFLICT (tenant_id, creator_id, client_id) DO NOTHING RETURNING booking_id
), moved AS (
    INSERT INTO booking (booking_id, tenant_id, revision, version, state, status, step, snapshot,
                         changed_at, is_terminal, needs_operator, deadline, ended_at,
                         quote_id, creator_id, room_id, amount, currency, created_at,
                         is_called_off)
    SELECT $1::uuid, $2::int, $5::int8, $6::int8, $7::text, $8::text, $9::text, $10::bytea, $11::int8,
           $12::bool, $13::bool, $14::int8, CASE WHEN $12::bool THEN $11::int8 END,
           $54::uuid, $55::uuid, $57::uuid, $58::int8, $59::text, $60::int8,
           $53::bool FROM keyed
    RETURNING booking_id
), booked AS (
    UPDATE trip_quote SET is_booked = true FROM keyed WHERE id = $54 AND tenant_id = $2
), """

# Divides by nothing, which undoes the statement, unless the booking was where the step begins and each
# result found its intent without one.
_REST: Final = f"""named AS (
    INSERT INTO booking_participant AS p (booking_id, tenant_id, status, user_id, amount, currency,
                                          state, place)
    SELECT $1::uuid, $2::int, $8::text, u.*
      FROM moved, unnest($15::uuid[], $16::int8[], $17::text[], $18::text[], $19::int8[]) AS u
    ON CONFLICT (booking_id, user_id) DO UPDATE
       SET status = excluded.status, amount = excluded.amount, currency = excluded.currency,
           state = excluded.state,
           place = CASE WHEN p.amount IS NULL THEN excluded.place ELSE p.place END
), restated AS (
    UPDATE booking_participant p SET status = $8 FROM moved
     WHERE p.booking_id = $1 AND p.status <> $8 AND p.user_id <> ALL ($15)
), asked AS (
    INSERT INTO booking_intent (booking_id, seq, op, key, body, committed_at, outcome, detail, ended_at)
    SELECT $1::uuid, u.*
      FROM moved, unnest($20::int8[], $21::text[], $22::text[], $23::bytea[], $24::int8[],
                         $25::text[], $26::text[], $27::int8[]) AS u
), answered AS (
    UPDATE booking_intent i SET outcome = u.outcome, detail = u.detail, ended_at = u.at
      FROM moved, unnest($28::int8[], $29::text[], $30::text[], $31::int8[])
           AS u(seq, outcome, detail, at)
     WHERE i.booking_id = $1 AND i.seq = u.seq AND i.outcome IS NULL
    RETURNING i.seq
), told AS (
    INSERT INTO booking_event (booking_id, version, at, body)
    SELECT $1::uuid, $32::int8, $33::int8, $34::bytea FROM moved WHERE $32 IS NOT NULL
), announced AS (
    INSERT INTO outbox (tenant_id, topic, key, first, last)
    SELECT $2::int, '{BOOKING_TOLD}', $1::text, $32, $32 FROM moved WHERE $32 IS NOT NULL
), posted AS (
    INSERT INTO ledger_posting (booking_id, posted_at, name, intent, currency, is_memo)
    SELECT $1::uuid, $11::int8, u.*
      FROM moved, unnest($35::text[], $36::int8[], $37::text[], $38::bool[]) AS u
), entered AS (
    INSERT INTO ledger_entry (booking_id, posting, place, account, amount)
    SELECT $1::uuid, u.*
      FROM moved, unnest($39::text[], $40::int2[], $41::text[], $42::int8[]) AS u
), judged AS (
    INSERT INTO booking_screening (booking_id, tenant_id, n, at, verdict, reasons, score, model,
                                   features, decided_by)
    SELECT $1::uuid, $2::int,
           1 + coalesce((SELECT max(n) FROM booking_screening WHERE booking_id = $1), 0),
           $43::int8, $44::text, $45::text[], $46::real, $47::text, $48::real[], $49::text
      FROM moved WHERE $43 IS NOT NULL
), tried AS (
    INSERT INTO payment_attempt (booking_id, tenant_id, at, user_id, method, is_refused, n)
    SELECT $1::uuid, $2::int, $11::int8, u.user_id, u.method, u.is_refused, ($5::int8 << 8) + u.place
      FROM moved, unnest($50::uuid[], $51::bytea[], $52::bool[]) WITH ORDINALITY
           AS u(user_id, method, is_refused, place)
)
SELECT 1 / ((SELECT count(*) FROM moved) = 1
            AND (SELECT count(*) FROM answered) = cardinality($28::int8[]))::int"""

COMMIT: Final = _OWN + _MOVED + _REST
OPEN: Final = _OWN + _MADE + _REST

BY_CLIENT_ID: Final = """
SELECT booking_id FROM booking_key WHERE tenant_id = $1 AND creator_id = $2 AND client_id = $3"""

_IS_ANYONE_GONE: Final = """
SELECT EXISTS (SELECT FROM account WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND is_forgotten)"""

# Who is forgotten has none: the table's trigger leaves them out.
_NAME: Final = """
INSERT INTO traveller (tenant_id, booking_id, traveller_id, given_by, digest, sealed)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (booking_id, traveller_id) DO UPDATE
   SET given_by = excluded.given_by, digest = excluded.digest, sealed = excluded.sealed"""

_LIVE_QUOTE: Final = "booking_key_live_quote"


async def commit(connection: Connection, step: JournalStep) -> None:
    """As `Bookings.commit` says. Raises what the connection raises; then everything is unknown."""
    check_step(step)
    try:
        await _write(connection, COMMIT, step, arguments(step))
    except asyncpg.DivisionByZeroError:
        raise StaleFence from None
    except (asyncpg.UniqueViolationError, asyncpg.CheckViolationError) as error:
        raise BadStep(f"a step contradicts what is stored: {error.constraint_name}") from error


async def open_booking(
    connection: Connection, booking: NewBooking, step: JournalStep
) -> str | None:
    """As `Bookings.open` says. Makes the month's leaves with its first booking."""
    check_step(step)
    values = arguments(step, booking)
    try:
        try:
            await _write(connection, OPEN, step, values)
        except asyncpg.CheckViolationError as error:
            month = Month.of_uuid7(step.booking_id)
            if error.constraint_name is not None or month is None:
                raise
            await ensure_leaves(connection, month)
            await _write(connection, OPEN, step, values)
    except (asyncpg.DivisionByZeroError, asyncpg.UniqueViolationError) as error:
        opened: str | None = await connection.fetchval(
            BY_CLIENT_ID, step.tenant_id, booking.creator_id, booking.client_id
        )
        if opened is None:
            constraint = getattr(error, "constraint_name", None)
            if constraint == _LIVE_QUOTE:
                raise quote_is_taken() from None
            if await connection.fetchval(
                _IS_ANYONE_GONE, step.tenant_id, _newcomers(booking, step)
            ):
                raise no_such_user() from None
            raise StaleFence from None
        return opened
    return None


async def _write(
    connection: Connection, sql: str, step: JournalStep, values: Sequence[Any]
) -> None:
    """Without timers and travellers it is one statement, and that is a transaction by itself: one round
    trip, where BEGIN and COMMIT would be two more. Raises `Rejected("not_found")` when the account of who
    gave a traveller's data is gone."""
    if not (step.timers or step.travellers):
        await connection.fetchval(sql, *values)
        return
    place = (step.tenant_id, step.booking_id)
    given = [(*place, one.traveller_id, one.by, one.digest, one.sealed) for one in step.travellers]
    try:
        async with connection.transaction():
            await connection.fetchval(sql, *values)
            if given:  # else it were a round trip for nothing
                await connection.executemany(_NAME, given)
            await apply_changes(connection, step.timers)
    except asyncpg.ForeignKeyViolationError:
        raise no_such_user() from None


def arguments(step: JournalStep, opening: NewBooking | None = None) -> list[Any]:
    """Of `COMMIT`; with `opening`, of `OPEN`."""
    event = step.event
    values = [
        step.booking_id,
        step.tenant_id,
        shard_of(step.booking_id),
        step.fence,
        step.revision,
        step.version,
        step.state,
        step.status,
        step.step,
        step.snapshot,
        step.at,
        step.is_terminal,
        step.needs_operator,
        step.deadline,
        *_columns(_participants(step, opening), 5),
        *_intents(step),
        *((None,) * 3 if event is None else (event.version, event.at, event.body)),
        *_columns([(p.name, p.intent, p.currency, p.is_memo) for p in step.postings], 4),
        *_columns(
            [
                (posting.name, place, entry.account, entry.amount)
                for posting in step.postings
                for place, entry in enumerate(posting.entries)
            ],
            4,
        ),
        *_screening(step.screening),
        *_columns([(one.user_id, one.method, one.is_refused) for one in step.attempts], 3),
        step.is_called_off,
    ]
    if opening is not None:
        values += [
            opening.quote_id,
            opening.creator_id,
            opening.client_id,
            opening.room_id,
            opening.total.amount,
            opening.total.currency,
            opening.created_at,
            _newcomers(opening, step),
        ]
    return values


def _newcomers(opening: NewBooking, step: JournalStep) -> list[str]:
    """Who takes part, or organises, and has to be somebody still."""
    if opening.is_replacement:
        return []
    return [opening.creator_id, *(each.user_id for each in step.participants)]


def _screening(row: ScreeningRow | None) -> tuple[Any, ...]:
    if row is None:
        return (None,) * 7
    words = (row.at, row.verdict, list(row.reasons), row.score, row.model)
    return (*words, list(row.features), row.by)


def _participants(step: JournalStep, opening: NewBooking | None) -> list[tuple[Any, ...]]:
    """The organiser has a row, whether it pays or not."""
    first = step.revision << 8
    rows: list[tuple[Any, ...]] = [
        (each.user_id, each.amount.amount, each.amount.currency, each.state, first + number)
        for number, each in enumerate(step.participants)
    ]
    if opening is not None and all(opening.creator_id != row[0] for row in rows):
        rows.append((opening.creator_id, None, None, None, first))
    return rows


def _intents(step: JournalStep) -> list[list[Any]]:
    """The new ones, with a result that comes in the same step; then results of earlier ones."""
    results = {result.seq: (result.outcome, result.detail, result.at) for result in step.results}
    asked = [
        (
            row.seq,
            row.op,
            row.key,
            row.body,
            row.committed_at,
            *results.pop(row.seq, (None, "", None)),
        )
        for row in step.intents
    ]
    answered = [(seq, *result) for seq, result in results.items()]
    return [*_columns(asked, 8), *_columns(answered, 4)]


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [[row[number] for row in rows] for number in range(width)]
