"""The `Inboxes` port over inbox_head and inbox_item."""

from collections.abc import Sequence

from core.ids import is_uuid
from core.ports.leases import StaleFence
from core.ports.repositories import BodyAt, InboxItem
from storage.postgres.pool import Connection, Database
from storage.sharding import shard_of


class PostgresInboxes:
    """A user's own sequence: the head's row is its lock, so that seqs are dense."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def head(self, tenant_id: int, user_id: str) -> int:
        return await self._database.call(_head, tenant_id, user_id)

    async def read(
        self, tenant_id: int, user_id: str, *, after: int, limit: int
    ) -> Sequence[InboxItem]:
        return await self._database.call(_read, tenant_id, user_id, after, limit)

    async def append(
        self,
        tenant_id: int,
        user_id: str,
        *,
        source: str,
        kind: str,
        at: int,
        fence: int,
        body: BodyAt,
    ) -> tuple[int, bytes, bool] | None:
        """As the port says. `body` is called in the database's thread: it must be pure."""
        return await self._database.transaction(
            _append, tenant_id, user_id, source=source, kind=kind, at=at, fence=fence, body=body
        )


async def _head(connection: Connection, tenant_id: int, user_id: str) -> int:
    if not is_uuid(user_id):
        return 0
    head: int | None = await connection.fetchval(
        "SELECT head FROM inbox_head WHERE tenant_id = $1 AND user_id = $2", tenant_id, user_id
    )
    return head or 0


async def _read(
    connection: Connection, tenant_id: int, user_id: str, after: int, limit: int
) -> Sequence[InboxItem]:
    rows = await connection.fetch(
        """SELECT seq, kind, body, created_at FROM inbox_item
           WHERE tenant_id = $1 AND user_id = $2 AND seq > $3 ORDER BY seq LIMIT $4""",
        tenant_id,
        user_id,
        after,
        limit,
    )
    return [
        InboxItem(seq=row["seq"], kind=row["kind"], body=row["body"], created_at=row["created_at"])
        for row in rows
    ]


async def _append(
    connection: Connection,
    tenant_id: int,
    user_id: str,
    *,
    source: str,
    kind: str,
    at: int,
    fence: int,
    body: BodyAt,
) -> tuple[int, bytes, bool] | None:
    is_forgotten = await connection.fetchval(
        "SELECT is_forgotten FROM account WHERE tenant_id = $1 AND id = $2 FOR SHARE",
        tenant_id,
        user_id,
    )
    if is_forgotten:
        return None
    await connection.execute(
        "INSERT INTO inbox_head (tenant_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        tenant_id,
        user_id,
    )
    head = await connection.fetchval(
        "SELECT head FROM inbox_head WHERE tenant_id = $1 AND user_id = $2 FOR UPDATE",
        tenant_id,
        user_id,
    )
    # Last of the locks: whoever waits for the shard waits for nobody who waits for an erasure.
    is_ours = await connection.fetchval(
        "SELECT true FROM shard_owner WHERE shard_id = $1 AND fence = $2 FOR SHARE",
        shard_of(user_id),
        fence,
    )
    if not is_ours:
        raise StaleFence
    known = await connection.fetchrow(
        "SELECT seq, body FROM inbox_item WHERE tenant_id = $1 AND user_id = $2 AND source = $3",
        tenant_id,
        user_id,
        source,
    )
    if known is not None:
        return known["seq"], known["body"], False
    seq = head + 1
    encoded = body(seq)
    await connection.execute(
        """WITH moved AS (UPDATE inbox_head SET head = $3 WHERE tenant_id = $1 AND user_id = $2)
           INSERT INTO inbox_item (tenant_id, user_id, seq, source, kind, body, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        tenant_id,
        user_id,
        seq,
        source,
        kind,
        encoded,
        at,
    )
    return seq, encoded, True
