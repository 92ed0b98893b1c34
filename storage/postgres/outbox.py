"""The outbox's rows and each subscriber's place among them.

Positions are given when a row is inserted, and transactions commit in another order. Rows are read
in the order (xid, position), and only those whose xid lies below every transaction that still
runs: nothing can appear before what was read.
"""

from collections.abc import Callable, Sequence
from typing import Final

import asyncpg
import structlog

from core.ports.leases import StaleFence
from core.ports.outbox import OutboxEvent
from storage.outbox import BATCH, MAX_LAG_COUNTED, Batch, Place
from storage.postgres.pool import Connection, Database
from storage.postgres.rooms import APPENDED, HEAD
from storage.sharding import shard_of

BEGIN: Final = """
INSERT INTO outbox_position (subscriber, xid, position, rebuilding)
VALUES ($1, '0', 0, true) ON CONFLICT DO NOTHING"""
STAND: Final = """
SELECT p.xid::text::int8 AS xid, p.position, p.rebuilding, undelivered.waiting, undelivered.age,
       p.xid > pg_snapshot_xmax(pg_current_snapshot()) OR EXISTS (
           SELECT FROM outbox WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())) AS is_ahead
  FROM outbox_position p, LATERAL (
    SELECT count(*) AS waiting, extract(epoch FROM now() - min(created_at))::float8 AS age
      FROM (SELECT created_at FROM outbox WHERE (xid, position) > (p.xid, p.position)
             ORDER BY xid, position LIMIT $2) AS counted) AS undelivered
 WHERE p.subscriber = $1"""
NEXT: Final = """
SELECT due.position, due.xid::text::int8 AS xid, tenant_id, topic, key, first, last
  FROM outbox_position p, LATERAL (
    SELECT * FROM outbox
     WHERE (xid, position) > (p.xid, p.position) AND xid < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY xid, position LIMIT $2) AS due
 WHERE p.subscriber = $1
 ORDER BY due.xid, due.position"""

_SETTLE: Final = """
WITH own AS MATERIALIZED (
    SELECT shard_id FROM shard_owner WHERE shard_id = $4 AND fence = $5 FOR SHARE
), moved AS (
    UPDATE outbox_position SET xid = $2::text::xid8, position = $3{} FROM own WHERE subscriber = $1{}
)
SELECT count(*) FROM own"""

# Forward only: another node may have delivered further. A rebuild that was asked for meanwhile stays asked for.
MOVE: Final = _SETTLE.format("", " AND (xid, position) < ($2::text::xid8, $3)")
END_REBUILD: Final = _SETTLE.format(", rebuilding = false", "")

# A dump keeps the numbers of transactions, and a cluster that it is restored into counts from the beginning:
# what comes would lie before what was read. All rows are given one number below all others, so that they
# lie as their positions do, and each place is moved before the first row that may not have been delivered.
RENUMBER: Final = """
WITH placed AS (
    UPDATE outbox_position p SET xid = '1', position = least(p.position,
        (SELECT min(o.position) - 1 FROM outbox o WHERE (o.xid, o.position) > (p.xid, p.position)))
    WHERE EXISTS (SELECT FROM outbox_position WHERE xid > pg_snapshot_xmax(pg_current_snapshot()))
          OR EXISTS (SELECT FROM outbox WHERE xid >= pg_snapshot_xmax(pg_current_snapshot()))
    RETURNING true
)
UPDATE outbox SET xid = '1' WHERE EXISTS (SELECT FROM placed)"""

log = structlog.get_logger()


class PostgresOutbox:
    """The `OutboxSource` over outbox and outbox_position. Each method is one crossing. `fence`: the number under
    which this node owns the shard of a name."""

    def __init__(self, database: Database, *, fence: Callable[[str], int] = lambda name: 0) -> None:
        self._database, self._fence = database, fence

    async def next_batch(self, name: str) -> Batch:
        return await self._database.call(_next_batch, name)

    async def move(self, name: str, place: Place) -> None:
        await self._database.call(_settle, MOVE, name, place, self._fence(name))

    async def place_now(self) -> Place:
        return await self._database.call(_place_now)

    async def whole_logs(self, after: str | None) -> Sequence[OutboxEvent]:
        return await self._database.call(_whole_logs, after)

    async def ask_for_rebuild(self, name: str) -> None:
        await self._database.call(_ask_for_rebuild, name)

    async def end_rebuild(self, name: str, place: Place) -> None:
        await self._database.call(_settle, END_REBUILD, name, place, self._fence(name))


async def _next_batch(connection: Connection, name: str) -> Batch:
    """Two round trips, one where there is no news: a look is taken four times a second."""
    while not (stands := await connection.fetch(STAND, name, MAX_LAG_COUNTED)):
        await connection.execute(BEGIN, name)
    [stood] = stands
    if stood["is_ahead"]:
        await _renumber(connection)
        return await _next_batch(connection, name)
    rows = await connection.fetch(NEXT, name, BATCH) if stood["waiting"] else []
    end = rows[-1] if rows else stood
    return Batch(
        events=[_event(row) for row in rows],
        place=Place(end["xid"], end["position"]),
        rebuilding=stood["rebuilding"],
        # More may have come since they were counted.
        waiting=max(stood["waiting"], len(rows)),
        age=max(0.0, stood["age"] or 0.0),
    )


async def _renumber(connection: Connection) -> None:
    """Nobody writes or reads on meanwhile; whoever waited to do the same finds it done."""
    async with connection.transaction():
        await connection.execute("LOCK TABLE outbox, outbox_position IN SHARE ROW EXCLUSIVE MODE")
        await connection.execute(RENUMBER)
    log.warning("outbox.renumbered", because="this database was restored from a dump")


async def _settle(connection: Connection, sql: str, name: str, place: Place, fence: int) -> None:
    values = name, str(place.xid), place.position, shard_of(name), fence
    if not await connection.fetchval(sql, *values):
        raise StaleFence


async def _place_now(connection: Connection) -> Place:
    """Before every transaction that still runs, behind every one that was final by now."""
    xid = await connection.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::int8")
    return Place(xid, 0)


async def _whole_logs(connection: Connection, after: str | None) -> Sequence[OutboxEvent]:
    rows = await connection.fetch(
        f"""SELECT 0::int8 AS position, tenant_id, $3::text AS topic, id::text AS key, first,
                   {HEAD} AS last
            FROM room WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2""",
        after,
        BATCH,
        APPENDED,
    )
    return [_event(row) for row in rows]


async def _ask_for_rebuild(connection: Connection, name: str) -> None:
    await connection.execute(
        "UPDATE outbox_position SET rebuilding = true WHERE subscriber = $1", name
    )


def _event(row: asyncpg.Record) -> OutboxEvent:
    return OutboxEvent(
        position=row["position"],
        tenant_id=row["tenant_id"],
        topic=row["topic"],
        key=row["key"],
        first=row["first"],
        last=row["last"],
    )
