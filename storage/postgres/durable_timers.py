"""The ports of durable timers over the table `durable_timer`.

`apply_changes` is also for transactions of others: what an actor decides and when it is to be woken
become durable together.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import asyncpg

from core.ports.durable_timers import (
    MAX_COUNTED,
    MAX_PUT_OFF_MS,
    MAX_TIMERS_PER_ACTOR,
    STUCK_FROM,
    CancelTimer,
    ClaimedTimer,
    Outlook,
    SetTimer,
    TimerChange,
    too_many_timers,
)
from protocol.addresses import Address
from storage.durable_timers import tell_earliest
from storage.postgres.pool import Connection, Database
from storage.sharding import shard_of

_PUT: Final = """
    INSERT INTO durable_timer (tenant_id, kind, key, name, shard, due_at, wake_at, payload)
    SELECT $1, $2, $3, $4, $5, $6, $6, $7
    WHERE (SELECT count(*) FROM durable_timer
            WHERE tenant_id = $1 AND kind = $2 AND key = $3 AND name <> $4) < $8
    ON CONFLICT (tenant_id, kind, key, name) DO UPDATE
       SET due_at = excluded.due_at, wake_at = excluded.wake_at, payload = excluded.payload,
           generation = excluded.generation, attempts = 0
    {}
    RETURNING true"""

_SET: Final = _PUT.format("")
_LEAVE: Final = _PUT.format("WHERE durable_timer.attempts > 0")

_CANCEL: Final = """
    DELETE FROM durable_timer WHERE tenant_id = $1 AND kind = $2 AND key = $3 AND name = $4"""

_OWNED: Final = """
    SELECT coalesce(array_agg(shard_id), '{}') FROM shard_owner
      JOIN unnest($1::int[], $2::int8[]) AS held(shard_id, fence) USING (shard_id, fence)"""

# Whoever claimed these or put them off had a clock that was ahead by more than any wait lasts.
_SET_RIGHT: Final = """
    UPDATE durable_timer SET wake_at = due_at
     WHERE attempts > 0 AND wake_at > greatest(due_at, $2) AND shard = ANY($1)"""

# Chosen in a WITH, which is computed once: below an IN, a nested loop would choose anew for each row.
_CLAIM: Final = """
    WITH next AS MATERIALIZED (
        SELECT tenant_id, kind, key, name FROM durable_timer
         WHERE wake_at <= $2 AND shard = ANY($1)
         ORDER BY wake_at LIMIT $4 FOR UPDATE SKIP LOCKED)
    UPDATE durable_timer AS timer SET attempts = timer.attempts + 1, wake_at = $3 FROM next
     WHERE (timer.tenant_id, timer.kind, timer.key, timer.name)
         = (next.tenant_id, next.kind, next.key, next.name)
    RETURNING timer.*"""

_OUTLOOK: Final = """
    SELECT count(*) AS armed, min(wake_at) AS next_at, count(*) FILTER (WHERE due_at <= $2) AS due,
           min(due_at) FILTER (WHERE due_at <= $2) AS oldest_due_at,
           count(*) FILTER (WHERE attempts >= $3) AS stuck
      FROM (SELECT due_at, wake_at, attempts FROM durable_timer
             WHERE shard = ANY($1) ORDER BY wake_at LIMIT $4) AS next"""


class PostgresDurableTimers:
    """`DurableTimers` and `TimerSource`. `on_set` hears the earliest time that was set just now."""

    def __init__(
        self, database: Database, *, on_set: Callable[[int], None] = lambda due_at: None
    ) -> None:
        self._database, self._on_set = database, on_set

    async def apply(self, *changes: TimerChange) -> None:
        await self._database.transaction(apply_changes, changes)
        tell_earliest(changes, self._on_set)

    async def claim(
        self, shards: Mapping[int, int], *, now: int, until: int, most: int
    ) -> tuple[Sequence[ClaimedTimer], Outlook]:
        return await self._database.call(_claim, shards, now, until, most)

    async def leave(self, timer: SetTimer) -> bool:
        """For who is not its actor: set it, unless one of this name waits that was never delivered. Whether it
        was set."""
        return await self._database.call(_put, _LEAVE, timer)

    async def finish(self, claimed: ClaimedTimer) -> None:
        await self._database.call(_finish, claimed)

    async def put_off(self, claimed: ClaimedTimer, *, until: int) -> None:
        await self._database.call(_put_off, claimed, until)


async def apply_changes(connection: Connection, changes: Sequence[TimerChange]) -> None:
    """To be called in a transaction, as `DurableTimers.apply` says; its `Rejected` must end it."""
    for change in changes:
        match change:
            case SetTimer():
                await _set(connection, change)
            case CancelTimer():
                await connection.execute(_CANCEL, *_place(change))


async def _set(connection: Connection, timer: SetTimer) -> None:
    if not await _put(connection, _SET, timer):
        raise too_many_timers()


async def _put(connection: Connection, sql: str, timer: SetTimer) -> bool:
    return (
        await connection.fetchval(
            sql,
            *_place(timer),
            shard_of(timer.address.key),
            timer.due_at,
            timer.payload,
            MAX_TIMERS_PER_ACTOR,
        )
        is not None
    )


async def _claim(
    connection: Connection, held: Mapping[int, int], now: int, until: int, most: int
) -> tuple[Sequence[ClaimedTimer], Outlook]:
    shards = await connection.fetchval(_OWNED, list(held), list(held.values()))
    await connection.execute(_SET_RIGHT, shards, now + MAX_PUT_OFF_MS)
    rows = await connection.fetch(_CLAIM, shards, now, until, most)
    [outlook] = await connection.fetch(_OUTLOOK, shards, now, STUCK_FROM, MAX_COUNTED)
    return [_claimed(row) for row in rows], Outlook(**outlook)


async def _finish(connection: Connection, claimed: ClaimedTimer) -> None:
    await connection.execute(
        _CANCEL + " AND generation = $5", *_place(claimed.timer), claimed.generation
    )


async def _put_off(connection: Connection, claimed: ClaimedTimer, until: int) -> None:
    await connection.execute(
        """UPDATE durable_timer SET wake_at = greatest(due_at, $5)
            WHERE tenant_id = $1 AND kind = $2 AND key = $3 AND name = $4
              AND generation = $6 AND attempts = $7""",
        *_place(claimed.timer),
        until,
        claimed.generation,
        claimed.attempts,
    )


def _place(change: TimerChange) -> tuple[int, str, str, str]:
    # asyncpg knows the exact type `str`, not what is derived from it.
    return change.tenant_id, str(change.address.kind), change.address.key, change.name


def _claimed(row: asyncpg.Record) -> ClaimedTimer:
    timer = SetTimer(
        tenant_id=row["tenant_id"],
        address=Address(row["kind"], row["key"]),
        name=row["name"],
        due_at=row["due_at"],
        payload=row["payload"],
    )
    return ClaimedTimer(timer=timer, generation=row["generation"], attempts=row["attempts"])
