"""The `BusinessOffset` port over the table business_clock."""

from typing import Final

from storage.postgres.pool import Connection, Database

_LOAD: Final = "SELECT offset_ms FROM business_clock"
_RAISE: Final = """
UPDATE business_clock SET offset_ms = greatest(offset_ms, $1) RETURNING offset_ms"""


class PostgresBusinessOffset:
    """One row, which the migration has made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> int:
        return await self._database.call(_load)

    async def raise_to(self, offset_ms: int) -> int:
        return await self._database.call(_raise_to, offset_ms)


async def _load(connection: Connection) -> int:
    return int(await connection.fetchval(_LOAD))


async def _raise_to(connection: Connection, offset_ms: int) -> int:
    return int(await connection.fetchval(_RAISE, offset_ms))
