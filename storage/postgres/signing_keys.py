"""The `KeyStore` seam of credentials over the table `signing_key`."""

from collections.abc import Sequence
from typing import Final

from storage.credentials.records import SealedKey
from storage.postgres.pool import Connection, Database

LOCK: Final = 0x4B657973  # any constant; transaction-scoped


class PostgresKeys:
    """Sealed keys as rows, changed by one node at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[SealedKey]:
        return await self._database.call(_all)

    async def begin(self, keys: Sequence[SealedKey]) -> None:
        await self._database.transaction(_begin, keys)

    async def rotate(self, seen: str, fresh: SealedKey) -> None:
        await self._database.transaction(_rotate, seen, fresh)


async def _all(connection: Connection) -> Sequence[SealedKey]:
    rows = await connection.fetch("SELECT kid, part, since, sealed FROM signing_key ORDER BY since")
    return [
        SealedKey(kid=row["kid"], part=row["part"], since=row["since"], sealed=row["sealed"])
        for row in rows
    ]


async def _begin(connection: Connection, keys: Sequence[SealedKey]) -> None:
    await _take_turn(connection)
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM signing_key)"):
        for key in keys:
            await _insert(connection, key)


async def _rotate(connection: Connection, seen: str, fresh: SealedKey) -> None:
    await _take_turn(connection)
    current = await connection.fetchval("SELECT kid FROM signing_key WHERE part = 'current'")
    if current != seen:
        return
    await connection.execute("DELETE FROM signing_key WHERE part = 'previous'")
    for part, then in (("current", "previous"), ("next", "current")):
        await connection.execute(
            "UPDATE signing_key SET part = $2, since = $3 WHERE part = $1", part, then, fresh.since
        )
    await _insert(connection, fresh)


async def _take_turn(connection: Connection) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)


async def _insert(connection: Connection, key: SealedKey) -> None:
    await connection.execute(
        "INSERT INTO signing_key (kid, part, since, sealed) VALUES ($1, $2, $3, $4)",
        key.kid,
        key.part,
        key.since,
        key.sealed,
    )
