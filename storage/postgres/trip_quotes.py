"""The `TripQuotes` port over the table trip_quote."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from core.ids import is_uuid
from core.ports.bookings import Quote, QuotedItem
from core.ports.clock import Clock
from protocol.frames import Money
from protocol.travel import Query
from storage.bookings import route, routes
from storage.postgres.pool import Connection, Database

_ENCODE: Final = msgspec.json.encode
_ITEMS: Final = msgspec.json.Decoder(tuple[QuotedItem, ...])

_ADD: Final = """
INSERT INTO trip_quote (id, tenant_id, user_id, room_id, stored_at, created_at, expires_at, amount,
                        currency, routes, items)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""

_GET: Final = """
SELECT id, tenant_id, user_id, room_id, created_at, expires_at, amount, currency, items
  FROM trip_quote WHERE id = $2 AND tenant_id = $1"""

# On every clock a quote is over that ends when it begins.
FORGET: Final = """
UPDATE trip_quote SET expires_at = created_at
 WHERE routes @> ARRAY[$2::text] AND tenant_id = $1 AND NOT is_booked AND expires_at > created_at"""


class PostgresTripQuotes:
    """One row per quote. Housekeeping removes those that were stored too long ago."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def add(self, quote: Quote) -> None:
        row = (
            quote.id,
            quote.tenant_id,
            quote.user_id,
            quote.room_id,
            self._clock.now_ms(),
            quote.created_at,
            quote.expires_at,
            quote.total.amount,
            quote.total.currency,
            routes(quote.items),
            _ENCODE(quote.items),
        )
        await self._database.call(_add, row)

    async def get(self, tenant_id: int, quote_id: str) -> Quote | None:
        if not is_uuid(quote_id):
            return None
        row = await self._database.call(_get, tenant_id, quote_id)
        return None if row is None else _quote(row)

    async def forget_unbooked(self, tenant_id: int, supplier: str, query: Query) -> int:
        return await self._database.call(_forget, tenant_id, route(supplier, query))


def _quote(row: asyncpg.Record) -> Quote:
    return Quote(
        id=row["id"],
        tenant_id=row["tenant_id"],
        user_id=row["user_id"],
        room_id=row["room_id"],
        items=_ITEMS.decode(row["items"]),
        total=Money(amount=row["amount"], currency=row["currency"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


async def _add(connection: Connection, row: Sequence[Any]) -> None:
    await connection.execute(_ADD, *row)


async def _get(connection: Connection, tenant_id: int, quote_id: str) -> asyncpg.Record | None:
    return await connection.fetchrow(_GET, tenant_id, quote_id)


async def _forget(connection: Connection, tenant_id: int, sought: str) -> int:
    status = await connection.execute(FORGET, tenant_id, sought)
    return int(status.removeprefix("UPDATE "))
