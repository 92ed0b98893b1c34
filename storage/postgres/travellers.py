"""The `Travellers` port over the table traveller. Rows go with the account that gave them, and by
housekeeping 30 days after the booking's end."""

from collections.abc import Mapping
from typing import Final

import asyncpg

from core.ids import is_uuid
from protocol.travel import Traveller
from storage.credentials.traveller_seal import TravellerSeal
from storage.postgres.pool import Connection, Database

_GET: Final = """
SELECT traveller_id, digest, sealed, given_by FROM traveller
 WHERE booking_id = $2 AND tenant_id = $1 ORDER BY traveller_id"""


class PostgresTravellers:
    """Sealed before they leave this process: the database sees no name. `key`: the master key."""

    def __init__(self, database: Database, key: bytes) -> None:
        seal = TravellerSeal(key)
        self._database, self.seal, self._open = database, seal.seal, seal.open

    async def get(self, tenant_id: int, booking_id: str) -> Mapping[str, tuple[Traveller, str]]:
        if not is_uuid(booking_id):
            return {}
        rows = await self._database.call(_get, tenant_id, booking_id)
        return {
            (id_ := row["traveller_id"]): (
                self._open(tenant_id, booking_id, id_, row["sealed"]),
                row["digest"],
            )
            for row in rows
        }

    async def givers(self, tenant_id: int, booking_id: str) -> Mapping[str, str]:
        if not is_uuid(booking_id):
            return {}
        rows = await self._database.call(_get, tenant_id, booking_id)
        return {row["traveller_id"]: row["given_by"] for row in rows}


async def _get(connection: Connection, tenant_id: int, booking_id: str) -> list[asyncpg.Record]:
    return await connection.fetch(_GET, tenant_id, booking_id)
