"""The `Plans` port over the tables plan and plan_change."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import asyncpg

from core.ids import is_uuid
from core.ports.plans import MAX_KEPT, PlanChange, PlanStep, StalePlan, StoredPlan
from storage.durable_timers import tell_earliest
from storage.postgres.durable_timers import apply_changes
from storage.postgres.pool import Connection, Database
from storage.sharding import shard_of

# FOR SHARE: a taker of the shard waits for this transaction, and then sees its rows.
_COMMIT: Final = """
WITH own AS MATERIALIZED (
    SELECT shard_id FROM shard_owner WHERE shard_id = $3 AND fence = $4 FOR SHARE
), moved AS (
    UPDATE plan p
       SET version = $5::int8, snapshot = coalesce($10::bytea, p.snapshot),
           snapshot_version = CASE WHEN $10 IS NULL THEN p.snapshot_version ELSE $5 END
      FROM own WHERE p.room_id = $1 AND p.tenant_id = $2 AND p.version = $5 - 1
    RETURNING p.room_id
), logged AS (
    INSERT INTO plan_change (room_id, version, author, client_id, at, body)
    SELECT room_id, $5, $6::text, $7::uuid, $8::int8, $9::bytea FROM moved
), shed AS (
    DELETE FROM plan_change c USING moved
     WHERE c.room_id = $1 AND c.version <= $5 - $11::int8 AND c.version <=
           (SELECT snapshot_version FROM plan WHERE room_id = $1)
)
SELECT count(*) FROM moved"""

_BEGIN: Final = """
INSERT INTO plan (room_id, tenant_id, version) SELECT $1, $2, 0
 WHERE EXISTS (SELECT 1 FROM room WHERE id = $1 AND tenant_id = $2) ON CONFLICT DO NOTHING"""

_LOAD: Final = """
SELECT version, snapshot, snapshot_version FROM plan WHERE room_id = $2 AND tenant_id = $1"""

_CHANGES: Final = """
SELECT c.version, c.author AS by, c.client_id, c.at, c.body
  FROM plan p JOIN plan_change c ON c.room_id = $2
 WHERE p.room_id = $2 AND p.tenant_id = $1 AND c.version > $3
 ORDER BY c.version LIMIT $4"""

_BY_CLIENT_ID: Final = """
SELECT c.version, c.author AS by, c.client_id, c.at, c.body
  FROM plan p JOIN plan_change c ON c.room_id = $2
 WHERE p.room_id = $2 AND p.tenant_id = $1 AND c.author = $3 AND c.client_id = $4"""


class PostgresPlans:
    """`on_timer_set` hears the earliest time that was set just now."""

    def __init__(
        self, database: Database, *, on_timer_set: Callable[[int], None] = lambda due_at: None
    ) -> None:
        self._database, self._on_timer_set = database, on_timer_set

    async def load(self, tenant_id: int, room_id: str) -> StoredPlan | None:
        if not is_uuid(room_id):
            return None
        return await self._database.transaction(_load, tenant_id, room_id)

    async def commit(self, step: PlanStep) -> None:
        if not is_uuid(step.room_id):
            raise StalePlan
        await self._database.transaction(_commit, step)
        tell_earliest(step.timers, self._on_timer_set)

    async def by_client_id(
        self, tenant_id: int, room_id: str, by: str, client_id: str
    ) -> PlanChange | None:
        if not (is_uuid(room_id) and is_uuid(client_id)):
            return None
        rows = await self._database.call(_fetch, _BY_CLIENT_ID, tenant_id, room_id, by, client_id)
        return PlanChange(**rows[0]) if rows else None

    async def changes(
        self, tenant_id: int, room_id: str, *, after: int, limit: int
    ) -> Sequence[PlanChange]:
        if not is_uuid(room_id):
            return []
        rows = await self._database.call(_fetch, _CHANGES, tenant_id, room_id, after, limit)
        return [PlanChange(**row) for row in rows]


async def _fetch(connection: Connection, sql: str, *values: Any) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *values)


async def _load(connection: Connection, tenant_id: int, room_id: str) -> StoredPlan | None:
    """The row's lock keeps a change from coming between the two."""
    row = await connection.fetchrow(_LOAD + " FOR SHARE", tenant_id, room_id)
    if row is None:
        return None
    since = row["snapshot_version"]
    rows = await connection.fetch(_CHANGES, tenant_id, room_id, since, row["version"] - since)
    return StoredPlan(
        version=row["version"],
        snapshot=row["snapshot"],
        snapshot_version=since,
        changes=[PlanChange(**each) for each in rows],
    )


async def _commit(connection: Connection, step: PlanStep) -> None:
    change = step.change
    if change.version == 1:
        await connection.execute(_BEGIN, step.room_id, step.tenant_id)
    try:
        moved = await connection.fetchval(
            _COMMIT,
            step.room_id,
            step.tenant_id,
            shard_of(step.room_id),
            step.fence,
            change.version,
            change.by,
            change.client_id,
            change.at,
            change.body,
            step.snapshot,
            MAX_KEPT,
        )
    except asyncpg.UniqueViolationError:
        raise StalePlan from None
    if not moved:
        raise StalePlan
    await apply_changes(connection, step.timers)
