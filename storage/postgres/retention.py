"""Messages past their time go: whole months with their leaf, a room's own shorter time in bites.

`room.first` moves before a row goes, never after: below it there is nothing to read, and the head of
an emptied log, at least `first - 1`, does not fall. What nobody can read any more may lie there for a
while; so `first` is moved room by room, and no transaction holds many rooms' rows at once (a commit
of messages that changes one of them would wait).

A room that everybody has left, or whose people are all forgotten, goes with its last message: nobody can come
into it any more.
"""

from collections.abc import Callable, Sequence
from typing import Final

import asyncpg
import structlog

from storage.months import Month
from storage.postgres.pool import Connection, Database
from storage.postgres.search import ALONE

DAY_MS: Final = 86_400_000
ROOMS_AT_ONCE: Final = 500
ROOMS_LOOKED_AT: Final = 2_000
LEAF_WITHIN: Final = 120.0  # the first page of a great leaf
NO_ROOM: Final = "00000000-0000-0000-0000-000000000000"
LOCK: Final = 0x52657465  # any constant; transaction-scoped
LOCK_WITHIN: Final = "500ms"  # less than `deadlock_timeout`: it is us who give way

Forgotten = Callable[[str, int], None]
"""Called in the trio thread with a room and its new `first`, once that is durable."""

log = structlog.get_logger()

_OLD_LEAVES: Final = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'message'::regclass AND c.relname < $1 ORDER BY c.relname"""

_ADVANCE: Final = """
WITH page AS (
    SELECT room_id, max(seq) AS last FROM {leaf} WHERE room_id > $1
     GROUP BY room_id ORDER BY room_id LIMIT $2
), moved AS (
    UPDATE room SET first = page.last + 1 FROM page
     WHERE room.id = page.room_id AND room.first <= page.last RETURNING room.id, room.first
)
SELECT page.room_id, moved.first FROM page LEFT JOIN moved ON moved.id = page.room_id
 ORDER BY page.room_id"""

# A page of the rooms with a limit of their own. A room's rows age in the order of their seqs: the first one
# tells.
_LIMITED: Final = """
SELECT id, until, (SELECT sent_at FROM message WHERE room_id = page.id AND seq >= page.first
                    ORDER BY seq LIMIT 1) < until AS is_due
  FROM (SELECT id, first, $1 - retention_days * $2::int8 AS until FROM room
         WHERE retention_days IS NOT NULL AND id > $3 ORDER BY id LIMIT $4) AS page
 ORDER BY id"""

_MOVE_FIRST: Final = """
WITH old AS (
    SELECT max(seq) AS last FROM (
        SELECT seq, sent_at FROM message
         WHERE room_id = $1 AND seq >= (SELECT first FROM room WHERE id = $1)
         ORDER BY seq LIMIT $3) AS bite
     WHERE sent_at < $2
)
UPDATE room SET first = old.last + 1 FROM old WHERE id = $1 AND first <= old.last RETURNING first"""

# Asked once the rooms' own are out of reach. Its plan goes by a foreign key.
_BURY: Final = """
WITH gone AS (
    DELETE FROM room WHERE id = ANY($1::uuid[])
       AND NOT EXISTS (SELECT FROM membership m LEFT JOIN account a ON a.id = m.user_id
                        WHERE m.room_id = room.id AND a.is_forgotten IS NOT TRUE)
       AND (SELECT m.seq FROM message m WHERE m.room_id = room.id AND m.seq >= room.first LIMIT 1) IS NULL
    RETURNING id
), members AS (
    DELETE FROM membership m USING gone WHERE m.room_id = gone.id
), seats AS (
    DELETE FROM room_persona p USING gone WHERE p.room_id = gone.id
), pointers AS (
    DELETE FROM read_pointer p USING gone WHERE p.room_id = gone.id
)
SELECT count(*) FROM gone"""


async def drop_old_leaves(database: Database, *, before: Month, forgotten: Forgotten) -> int:
    """Drop every leaf of an earlier month; how many. One that others use right now waits for the
    next call. No row comes into a month long past, so none is lost between the two steps."""
    dropped = 0
    for leaf in await database.call(_old_leaves, before.leaf):
        await _advance_rooms(database, leaf, forgotten)
        if not await _dropped(database, leaf):
            break
        log.info("retention.month_dropped", leaf=leaf)
        dropped += 1
    return dropped


async def _advance_rooms(database: Database, leaf: str, forgotten: Forgotten) -> None:
    after, size = NO_ROOM, ROOMS_AT_ONCE
    while size == ROOMS_AT_ONCE:
        try:
            page = await database.call(_advance, leaf, after)
        except asyncpg.UndefinedTableError:
            return  # another node was faster
        for room_id, first in page:
            if first is not None:
                forgotten(room_id, first)
        size = len(page)
        after = page[-1][0] if page else after


async def _dropped(database: Database, leaf: str) -> bool:
    try:
        await database.transaction(_drop, leaf)
    except asyncpg.LockNotAvailableError:
        log.info("retention.month_in_use", leaf=leaf)
        return False
    return True


async def forget_expired(
    database: Database, *, now: int, bite: int, most: int, forgotten: Forgotten
) -> int:
    """Rooms' own limits: remove rows that are too old, `bite` per transaction, until `most` are gone;
    how many."""
    removed, after, size = 0, NO_ROOM, ROOMS_LOOKED_AT
    while size == ROOMS_LOOKED_AT and removed < most:
        page = await database.call(_limited, now, after)
        for room_id, until, is_due in page:
            taken = bite if is_due else 0
            while taken >= bite and removed < most:
                first, taken = await database.transaction(_forget, room_id, until, bite)
                removed += taken
                if first is not None:
                    forgotten(room_id, first)
        size = len(page)
        after = page[-1]["id"] if page else after
    return removed


async def _old_leaves(connection: Connection, before: str) -> list[str]:
    return [row["relname"] for row in await connection.fetch(_OLD_LEAVES, before)]


async def _advance(connection: Connection, leaf: str, after: str) -> list[asyncpg.Record]:
    sql = _ADVANCE.format(leaf=leaf)
    page = await connection.fetch(sql, after, ROOMS_AT_ONCE, timeout=LEAF_WITHIN)
    await _bury(connection, [row["room_id"] for row in page])
    return page


async def _bury(connection: Connection, room_ids: Sequence[str]) -> None:
    gone = await connection.fetchval(_BURY, room_ids, timeout=LEAF_WITHIN)
    if gone:
        log.info("retention.rooms_gone", rooms=gone)


async def _drop(connection: Connection, leaf: str) -> None:
    """Takes the parent for itself for a moment; whoever reads or writes messages would queue behind
    us, so we do not wait long for our turn. One node at a time: PostgreSQL may lose sight of a leaf
    that another is detaching ("could not find tuple for parent")."""
    await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WITHIN}'")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    await connection.execute(f"DROP TABLE IF EXISTS {leaf}")


async def _limited(connection: Connection, now: int, after: str) -> list[asyncpg.Record]:
    return await connection.fetch(_LIMITED, now, DAY_MS, after, ROOMS_LOOKED_AT)


async def _forget(
    connection: Connection, room_id: str, until: int, bite: int
) -> tuple[int | None, int]:
    """(the room's new `first`, or None when nothing was left to do; rows removed). Whoever has read these
    rows to index them is done before."""
    await connection.execute(ALONE)
    first = await connection.fetchval(_MOVE_FIRST, room_id, until, bite)
    if first is None:
        return None, 0
    status = await connection.execute(
        "DELETE FROM message WHERE room_id = $1 AND seq < $2 AND sent_at < $3",
        room_id, first, until,
    )  # fmt: skip
    await connection.execute(
        "DELETE FROM search_document WHERE room_id = $1 AND seq < $2", room_id, first
    )
    await _bury(connection, [room_id])
    return first, int(status.removeprefix("DELETE "))
