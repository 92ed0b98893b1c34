"""Writes a batch of appends: one transaction for all that may be stored. Runs in the asyncio thread,
but for `usual_statement`, which only prepares."""

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

import asyncpg

from core.ports.message_log import Append, EventKind, Outcome
from storage.append_queue import Flush
from storage.months import Month
from storage.postgres import log_columns
from storage.postgres.pool import Connection
from storage.sharding import shard_of

# FOR SHARE: a taker of the shard waits for this transaction, and then sees its rows. A stale writer
# that waits for a taker finds its number gone and inserts nothing. (READ COMMITTED is required.)
INSERT: Final = """
WITH own AS MATERIALIZED (
    SELECT o.shard_id, o.fence FROM shard_owner o
      JOIN unnest($13::int[], $14::int8[]) AS held(shard_id, fence) USING (shard_id, fence)
     ORDER BY 1 FOR SHARE OF o
), stored AS (
    INSERT INTO {leaf} (tenant_id, room_id, seq, sent_at, kind, sender_id, client_id, message_id,
                        target_seq, body)
    SELECT u.tenant_id, u.room_id, u.seq, u.sent_at, u.kind, u.sender_id, u.client_id, u.message_id,
           u.target_seq, u.body
      FROM unnest($1::int[], $2::uuid[], $3::int8[], $4::int8[], $5::int2[], $6::text[],
                  $7::uuid[], $8::uuid[], $9::int8[], $10::bytea[], $11::int[], $12::int8[])
        AS u(tenant_id, room_id, seq, sent_at, kind, sender_id, client_id, message_id, target_seq,
             body, shard_id, fence)
      JOIN own ON own.shard_id = u.shard_id AND own.fence = u.fence
    ON CONFLICT (room_id, sender_id, client_id) WHERE client_id IS NOT NULL DO NOTHING
    RETURNING tenant_id, room_id, seq, kind
), announced AS (
    INSERT INTO outbox (tenant_id, topic, key, first, last)
    SELECT tenant_id, CASE WHEN bool_or(kind = {room_kind}) THEN 'room.appended' ELSE 'room.said' END,
           room_id::text, min(seq), max(seq)
      FROM stored GROUP BY tenant_id, room_id
)
SELECT 1 / (count(*) = $15)::int FROM stored"""
"""Divides by nothing, which undoes the statement, unless it stores as many rows as it was given."""

STAND: Final = """
INSERT INTO membership (tenant_id, room_id, user_id, role, state, from_seq)
SELECT * FROM unnest($1::int[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::int8[])
ON CONFLICT (room_id, user_id) DO UPDATE
   SET role = excluded.role, state = excluded.state, from_seq = excluded.from_seq"""
END: Final = """
DELETE FROM membership m USING unnest($1::int[], $2::uuid[], $3::uuid[]) AS u(tenant, room, member)
 WHERE m.tenant_id = u.tenant AND m.room_id = u.room AND m.user_id = u.member"""
SEAT: Final = """
INSERT INTO room_persona (tenant_id, room_id, persona_id, owner_id, name, from_seq)
SELECT * FROM unnest($1::int[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::int8[])
ON CONFLICT (room_id, persona_id) DO UPDATE
   SET owner_id = excluded.owner_id, name = excluded.name, from_seq = excluded.from_seq"""
UNSEAT: Final = """
DELETE FROM room_persona p USING unnest($1::int[], $2::uuid[], $3::uuid[]) AS u(tenant, room, persona)
 WHERE p.tenant_id = u.tenant AND p.room_id = u.room AND p.persona_id = u.persona"""
PATCH: Final = """
UPDATE room r SET title = coalesce(u.title, r.title), settings = coalesce(u.settings, r.settings),
       had_personas = r.had_personas OR u.had
  FROM unnest($1::int[], $2::uuid[], $3::text[], $4::bytea[], $5::bool[])
    AS u(tenant, room, title, settings, had)
 WHERE r.tenant_id = u.tenant AND r.id = u.room"""
REDACT: Final = """
UPDATE message m SET body = u.body
  FROM unnest($1::int[], $2::uuid[], $3::int8[], $4::int8[], $5::bytea[])
    AS u(tenant, room, seq, sent_at, body)
 WHERE m.tenant_id = u.tenant AND m.room_id = u.room AND m.seq = u.seq AND m.sent_at = u.sent_at"""

HELD: Final = """
SELECT shard_id, fence FROM shard_owner
  JOIN unnest($1::int[], $2::int8[]) AS u(shard_id, fence) USING (shard_id, fence)"""
CLASHES: Final = """
SELECT u.place::int - 1 AS place, k.seq IS NOT NULL AS is_duplicate
  FROM unnest($1::uuid[], $2::int8[], $3::text[], $4::uuid[]) WITH ORDINALITY
    AS u(room_id, seq, sender_id, client_id, place)
  LEFT JOIN {leaf} k ON k.room_id = u.room_id AND k.sender_id = u.sender_id
                    AND k.client_id = u.client_id
  LEFT JOIN {leaf} s ON s.room_id = u.room_id AND s.seq = u.seq
 WHERE k.seq IS NOT NULL OR s.seq IS NOT NULL"""

REFUSED_VALUES: Final = (
    asyncpg.DataError,  # raised by asyncpg too, for arguments that do not fit their type
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    ValueError,
)

NOT_ALL: Final = (asyncpg.DivisionByZeroError, asyncpg.UniqueViolationError)
"""Rows that were not inserted, for whatever reason: `_clashes` finds it."""

Statement = tuple[str, Sequence[Any]]
"""SQL and its arguments."""


async def store(connection: Connection, appends: Sequence[Append]) -> list[Outcome]:
    """Store what can be stored, each room's appends up to its first refused one.

    Raises what the connection raises; then everything is unknown.
    """
    flush = Flush(appends)
    while left := flush.left:
        try:
            culprits = await _attempt(connection, left)
        except asyncpg.UndefinedTableError:  # a month without its leaf; made once, or it is no leaf
            months = [leaf.month for leaf in log_columns.rows_by_leaf(left)]
            await ensure_leaves(connection, months)
            culprits = await _attempt(connection, left)
        if culprits is None:
            break
        flush.refuse(culprits)
    return flush.outcomes


def usual_statement(appends: Sequence[Append]) -> tuple[str, list[bytes]] | None:
    """SQL and binary parameters of the one statement that stores them all, if that is one and they
    can be parameters; `store` does the others, and finds out whom to blame."""
    try:
        statements = list(_statements(appends))
        if len(statements) != 1:
            return None
        [(sql, arguments)] = statements
        return sql, log_columns.binary(arguments)
    except (ValueError, TypeError, AttributeError, struct.error):
        return None


async def ensure_leaves(connection: Connection, months: Sequence[Month]) -> None:
    """Make the leaves that are missing; safe from several nodes at once."""
    for month in months:
        await connection.execute("SELECT ensure_message_leaf($1, $2)", month.year, month.month)


async def _attempt(connection: Connection, appends: Sequence[Append]) -> dict[int, Outcome] | None:
    """None: committed, all of them. Otherwise nothing was stored, because of these (by place)."""
    try:
        await _write(connection, appends)
    except NOT_ALL:
        return await _clashes(connection, appends)
    except REFUSED_VALUES:
        return dict.fromkeys(await _bad(connection, appends, range(len(appends))), Outcome.BAD_DATA)
    return None


async def _write(connection: Connection, appends: Sequence[Append]) -> None:
    """All or nothing. Nearly always it is one statement, and that is a transaction by itself: one
    round trip, where BEGIN and COMMIT would be two more."""
    statements = list(_statements(appends))
    if len(statements) == 1:
        [(sql, arguments)] = statements
        await connection.fetchval(sql, *arguments)
        return
    async with connection.transaction():
        for sql, arguments in statements:
            await connection.fetchval(sql, *arguments)


def _statements(appends: Sequence[Append]) -> Iterator[Statement]:
    shards, fences = log_columns.fences(appends)
    for leaf in log_columns.rows_by_leaf(appends):
        sql = INSERT.format(leaf=leaf.month.leaf, room_kind=EventKind.ROOM.value)
        yield sql, [*leaf.columns, shards, fences, len(leaf.owners)]
    standing, ended = log_columns.memberships(appends)
    seated, unseated = log_columns.personas(appends)
    for sql, columns in (
        (STAND, standing),
        (END, ended),
        (SEAT, seated),
        (UNSEAT, unseated),
        (PATCH, log_columns.patches(appends)),
        (REDACT, log_columns.redactions(appends)),
    ):
        if columns:
            yield sql, columns


async def _clashes(connection: Connection, appends: Sequence[Append]) -> dict[int, Outcome]:
    """Whom the tables refuse. A stale fence comes first: the new owner's rows are no alarm."""
    held = {tuple(row) for row in await connection.fetch(HELD, *log_columns.fences(appends))}
    found = _doubles(appends)
    for leaf in log_columns.rows_by_leaf(appends):
        _, rooms, seqs, _, _, senders, clients, *_ = leaf.columns
        sql = CLASHES.format(leaf=leaf.month.leaf)
        for row in await connection.fetch(sql, rooms, seqs, senders, clients):
            owner, is_duplicate = leaf.owners[row["place"]], row["is_duplicate"]
            if is_duplicate or owner not in found:
                found[owner] = Outcome.DUPLICATE if is_duplicate else Outcome.SEQ_TAKEN
    for place, append in enumerate(appends):
        if (shard_of(append.room_id), append.fence) not in held:
            found[place] = Outcome.FENCED
    return found


def _doubles(appends: Sequence[Append]) -> dict[int, Outcome]:
    """Appends that clash with an earlier one of the same batch."""
    found: dict[int, Outcome] = {}
    keys: set[tuple[object, ...]] = set()
    for place, append in enumerate(appends):
        for row in append.rows:
            taken = (append.room_id, row.seq)
            key = (append.room_id, row.sender_id, row.client_id)
            if taken in keys:
                found.setdefault(place, Outcome.SEQ_TAKEN)
            if row.client_id is not None and key in keys:
                found[place] = Outcome.DUPLICATE
            keys |= {taken, key}
    return found


async def _bad(
    connection: Connection, appends: Sequence[Append], places: Sequence[int]
) -> list[int]:
    """The places whose values are refused, found by halving."""
    if len(places) == 1:
        return list(places)
    middle = len(places) // 2
    bad: list[int] = []
    for half in (places[:middle], places[middle:]):
        if not await _is_writable(connection, [appends[place] for place in half]):
            bad += await _bad(connection, appends, half)
    return bad


async def _is_writable(connection: Connection, appends: Sequence[Append]) -> bool:
    """Whether the values are accepted; a rehearsal, rolled back."""
    rehearsal = connection.transaction()
    await rehearsal.start()
    try:
        await _write(connection, appends)
    except NOT_ALL:
        return True
    except REFUSED_VALUES:
        return False
    finally:
        await rehearsal.rollback()
    return True
