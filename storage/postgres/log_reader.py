"""Reads of the message log. Run in the asyncio thread, each with one connection."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg

from core.ports.message_log import EventKind, HistoryPage, LogRow, Missed
from storage.history_pages import Window
from storage.months import Month
from storage.postgres.pool import Connection
from storage.standing_changes import EMOJI

MAX_COUNTED: Final = 10_000
LAST_SEQ: Final = 2**62
COLUMNS: Final = "seq, sent_at, kind, sender_id, client_id, message_id, target_seq, body"
OF_ROOM: Final = f"SELECT {COLUMNS} FROM message WHERE tenant_id = $1 AND room_id = $2"
MESSAGES: Final = f"{OF_ROOM} AND kind = {EventKind.MESSAGE.value}"
_KINDS: Final = {kind.value: kind for kind in EventKind}
_EMOJI_AT: Final = f"position('\\x{EMOJI.hex()}'::bytea IN body)"
_IS_REACTION: Final = f"kind = {EventKind.REACTED.value} AND {_EMOJI_AT} > 0"
_STANDING: Final = f"""
SELECT {COLUMNS} FROM (
  SELECT {COLUMNS}, lag(seq) OVER same IS NULL OR lead(seq) OVER same IS NULL AS counts
    FROM message
   WHERE tenant_id = $1 AND room_id = $2 AND target_seq = ANY($3::int8[]) AND seq <= $4
  WINDOW same AS (
    PARTITION BY target_seq, kind,
      CASE WHEN {_IS_REACTION} THEN sender_id END,
      CASE WHEN {_IS_REACTION} THEN substring(body FROM {_EMOJI_AT} FOR octet_length(body) - {_EMOJI_AT})
           WHEN kind <> {EventKind.PINNED.value} THEN int8send(seq) END
    ORDER BY seq)
) AS change WHERE counts ORDER BY seq"""
"""`storage.standing_changes.standing`, decided where the rows are."""


def log_row(record: Iterable[Any]) -> LogRow:
    """A record of `COLUMNS`."""
    seq, sent_at, kind, sender_id, client_id, message_id, target_seq, body = record
    return LogRow(
        seq=seq,
        sent_at=sent_at,
        kind=_KINDS[kind],
        sender_id=sender_id,
        body=body,
        client_id=client_id,
        message_id=message_id,
        target_seq=target_seq,
    )


async def head(connection: Connection, tenant_id: int, room_id: str) -> int:
    """At least `first - 1`: retention empties a log, it does not begin it anew."""
    return int(
        await connection.fetchval(
            """SELECT greatest(
                 (SELECT seq FROM message WHERE tenant_id = $1 AND room_id = $2
                   ORDER BY seq DESC LIMIT 1),
                 (SELECT first - 1 FROM room WHERE tenant_id = $1 AND id = $2), 0)""",
            tenant_id,
            room_id,
        )
    )


async def read(
    connection: Connection, tenant_id: int, room_id: str, *, after: int, limit: int, up_to: int
) -> list[LogRow]:
    sql = f"{OF_ROOM} AND seq > $3 AND seq <= $4 ORDER BY seq LIMIT $5"
    return _rows(await connection.fetch(sql, tenant_id, room_id, after, up_to, limit))


async def recent(connection: Connection, tenant_id: int, room_id: str, limit: int) -> list[LogRow]:
    sql = f"{OF_ROOM} ORDER BY seq DESC LIMIT $3"
    return _rows(await connection.fetch(sql, tenant_id, room_id, limit))[::-1]


async def missed(connection: Connection, tenant_id: int, room_id: str, after: int) -> Missed:
    row = await connection.fetchrow(
        """SELECT count(*), coalesce(sum(size), 0)::int8 FROM (
             SELECT octet_length(body) AS size FROM message
              WHERE tenant_id = $1 AND room_id = $2 AND seq > $3 LIMIT $4) counted""",
        tenant_id,
        room_id,
        after,
        MAX_COUNTED,
    )
    assert row is not None  # noqa: S101  # an aggregate has a row
    return Missed(events=row[0], bytes=row[1])


async def find(
    connection: Connection,
    tenant_id: int,
    room_id: str,
    *,
    sender_id: str,
    client_id: str,
    now: int,
) -> LogRow | None:
    this = Month.of(now)
    own = Month.of_uuid7(client_id) or this
    row = await connection.fetchrow(
        f"""{OF_ROOM} AND sender_id = $3 AND client_id = $4
            AND (sent_at >= $5 AND sent_at < $6 OR sent_at >= $7 AND sent_at < $8)
            ORDER BY seq LIMIT 1""",
        tenant_id,
        room_id,
        sender_id,
        client_id,
        own.start,
        own.plus(1).start,
        this.plus(-1).start,
        this.plus(1).start,
    )
    return None if row is None else log_row(row)


async def message(
    connection: Connection, tenant_id: int, room_id: str, message_id: str
) -> list[LogRow]:
    own = await connection.fetchrow(
        f"{MESSAGES} AND message_id = $3 LIMIT 1", tenant_id, room_id, message_id
    )
    if own is None:
        return []
    changes = await connection.fetch(_STANDING, tenant_id, room_id, [own["seq"]], LAST_SEQ)
    return [log_row(own), *_rows(changes)]


async def of_member(
    connection: Connection, tenant_id: int, user_id: str, message_id: str
) -> tuple[str, LogRow] | None:
    """A look into the index of each month for each of the user's rooms."""
    found = await connection.fetchrow(
        f"""SELECT mine.room_id, {COLUMNS} FROM membership mine CROSS JOIN LATERAL (
              SELECT {COLUMNS} FROM message
               WHERE tenant_id = $1 AND room_id = mine.room_id AND message_id = $3
                     AND kind = {EventKind.MESSAGE.value} LIMIT 1) AS message
             WHERE mine.tenant_id = $1 AND mine.user_id = $2 LIMIT 1""",
        tenant_id,
        user_id,
        message_id,
    )
    if found is None:
        return None
    room_id, *row = found
    return room_id, log_row(row)


async def history(
    connection: Connection, tenant_id: int, room_id: str, *, first: int, up_to: int, shown: Window
) -> HistoryPage:
    """Two scans from one place, then whatever changed the messages shown."""
    lower = await connection.fetch(
        f"{MESSAGES} AND seq >= $3 AND seq <= $4 ORDER BY seq DESC LIMIT $5",
        tenant_id,
        room_id,
        first,
        min(shown.place, up_to),
        shown.below + 1,
    )
    upper = await connection.fetch(
        f"{MESSAGES} AND seq > $3 AND seq <= $4 ORDER BY seq LIMIT $5",
        tenant_id,
        room_id,
        max(shown.place, first - 1),
        up_to,
        shown.above + 1,
    )
    messages, has_before, has_after = shown.cut(_rows(lower), _rows(upper))
    return HistoryPage(
        messages=messages,
        changes=await _changes(connection, tenant_id, room_id, [m.seq for m in messages], up_to),
        has_before=has_before,
        has_after=has_after,
    )


async def _changes(
    connection: Connection, tenant_id: int, room_id: str, seqs: Sequence[int], up_to: int
) -> dict[int, list[LogRow]]:
    changes: dict[int, list[LogRow]] = {}
    for row in _rows(await connection.fetch(_STANDING, tenant_id, room_id, seqs, up_to)):
        if row.target_seq is not None:
            changes.setdefault(row.target_seq, []).append(row)
    return changes


def _rows(records: Sequence[asyncpg.Record]) -> list[LogRow]:
    return [log_row(record) for record in records]
