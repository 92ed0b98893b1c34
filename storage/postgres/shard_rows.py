"""The statements about `node` and `shard_owner`. Run in the asyncio thread; READ COMMITTED."""

from typing import Final

from storage.postgres.pool import Connection

TAKING: Final = 0x54616B65  # any constant; transaction-scoped
TAKE: Final = """
UPDATE shard_owner SET incarnation = $1, fence = fence + 1 WHERE shard_id IN (
    SELECT s.shard_id FROM shard_owner s LEFT JOIN node n USING (incarnation)
     WHERE s.incarnation IS NULL OR n.dead OR n.incarnation IS NULL
     ORDER BY s.shard_id FOR UPDATE OF s SKIP LOCKED)"""


async def join(connection: Connection, name: str, ttl: float) -> int:
    """A new incarnation of the node `name`, whose earlier ones are dead. Rows of the dead that own
    nothing are swept."""
    async with connection.transaction():
        await connection.execute("UPDATE node SET dead = true WHERE name = $1 AND NOT dead", name)
        await connection.execute(
            """DELETE FROM node n WHERE dead AND NOT EXISTS (
                 SELECT FROM shard_owner s WHERE s.incarnation = n.incarnation)"""
        )
        return int(
            await connection.fetchval(
                """INSERT INTO node (name, expires_at)
                   VALUES ($1, clock_timestamp() + make_interval(secs => $2))
                   RETURNING incarnation""",
                name,
                ttl,
            )
        )


async def renew(connection: Connection, incarnation: int, ttl: float) -> bool:
    """False: somebody declared us dead."""
    renewed = await connection.fetchval(
        """UPDATE node SET expires_at = clock_timestamp() + make_interval(secs => $2)
            WHERE incarnation = $1 AND NOT dead RETURNING true""",
        incarnation,
        ttl,
    )
    return renewed is not None


async def take(connection: Connection, incarnation: int) -> dict[int, int]:
    """Declare the expired dead, take what is free or theirs; all that is ours then: shard → fence.

    All or none: where another node that lives owns some, the rest is its own, too. One node takes at a
    time; who finds another at it, or a row that a writer holds, takes it at a later beat.
    """
    async with connection.transaction():
        if await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", TAKING):
            await connection.execute(
                "UPDATE node SET dead = true WHERE NOT dead AND expires_at < clock_timestamp()"
            )
            if not await is_anothers(connection, incarnation):
                await connection.execute(TAKE, incarnation)
    rows = await connection.fetch(
        "SELECT shard_id, fence FROM shard_owner WHERE incarnation = $1", incarnation
    )
    return {row["shard_id"]: row["fence"] for row in rows}


async def is_anothers(connection: Connection, incarnation: int) -> bool:
    """Whether another node that lives owns some."""
    found: bool = await connection.fetchval(
        """SELECT EXISTS (SELECT FROM shard_owner s JOIN node n USING (incarnation)
                           WHERE NOT n.dead AND n.incarnation <> $1)""",
        incarnation,
    )
    return found


async def refence(connection: Connection, shard: int, incarnation: int | None) -> int | None:
    """A new number for our shard; None when it is not ours. Waits for writers under the old one."""
    fence: int | None = await connection.fetchval(
        """UPDATE shard_owner SET fence = fence + 1
            WHERE shard_id = $1 AND incarnation = $2 RETURNING fence""",
        shard,
        incarnation,
    )
    return fence


async def give_up(connection: Connection, incarnation: int) -> None:
    """Free its shards and end it; one transaction."""
    await connection.execute(
        "UPDATE shard_owner SET incarnation = NULL WHERE incarnation = $1", incarnation
    )
    await connection.execute("UPDATE node SET dead = true WHERE incarnation = $1", incarnation)
