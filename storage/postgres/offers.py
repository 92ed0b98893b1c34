"""The `Offers` port over the table offer."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Raw

from core.ids import is_uuid
from core.ports.clock import Clock
from core.ports.offers import KEPT_FOR, MAX_QUOTES, DailyLow
from protocol.frames import Money
from protocol.travel import Details, Offer, Query, SupplierOffer
from storage.postgres.pool import Connection, Database

_ENCODE: Final = msgspec.json.encode
_QUERY: Final[msgspec.json.Decoder[Query]] = msgspec.json.Decoder(Query)
_DETAILS: Final[msgspec.json.Decoder[Details]] = msgspec.json.Decoder(Details)
_OTHERS: Final = msgspec.json.Decoder(tuple[SupplierOffer, ...])

# Nobody's, when whoever asked is forgotten by now; FOR SHARE waits for who forgets them.
_ADD: Final = """
WITH asker AS MATERIALIZED (
    SELECT is_forgotten FROM account WHERE tenant_id = $1 AND id = $2 FOR SHARE
)
INSERT INTO offer (tenant_id, user_id, stored_at, id, fetched_at, expires_at, amount, currency,
                   supplier, can_hold, is_stale, query, details, token, others)
SELECT $1, CASE WHEN NOT EXISTS (SELECT FROM asker WHERE is_forgotten) THEN $2::uuid END, $3, *
  FROM unnest(
    $4::uuid[], $5::int8[], $6::int8[], $7::int8[], $8::text[], $9::text[], $10::bool[], $11::bool[],
    $12::jsonb[], $13::bytea[], $14::bytea[], $15::bytea[])"""

_GET: Final = """
SELECT id, fetched_at, expires_at, amount, currency, supplier, can_hold, is_stale, query, details,
       token, others FROM offer WHERE id = $2 AND tenant_id = $1"""

_REPLACE: Final = """
UPDATE offer SET (stored_at, fetched_at, expires_at, amount, currency, supplier, can_hold, is_stale,
                  query, details, token, others)
              = ($2, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
 WHERE id = $3 AND tenant_id = $1 RETURNING true"""

# `shares` of core/ports/offers.py, in SQL: what has its default is not in the query.
_LOWS: Final = f"""
SELECT fetched_at / 86400000 AS day, currency, min(amount::float8 / shares) AS low,
       count(DISTINCT fetched_at) AS quotes
  FROM (SELECT fetched_at, currency, amount, CASE query ->> 'kind'
                 WHEN 'flight' THEN (query #>> '{{party,adults}}')::int
                      + coalesce(jsonb_array_length(query #> '{{party,childrenAges}}'), 0)
                 ELSE coalesce((query #>> '{{party,rooms}}')::int, 1) END AS shares
          FROM offer
         WHERE tenant_id = $1 AND query - 'party' = $2::jsonb - 'party' AND stored_at > $3
         ORDER BY stored_at DESC LIMIT {MAX_QUOTES}) AS quoted
 GROUP BY 1, 2 ORDER BY 1, 2"""


class PostgresOffers:
    """One row per offer. Housekeeping removes those that were stored too long ago."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def add(self, tenant_id: int, user_id: str | None, offers: Sequence[Offer]) -> None:
        columns = [list(column) for column in zip(*map(_row, offers), strict=True)]
        if columns:
            now = self._clock.now_ms()
            await self._database.call(_add, (tenant_id, user_id, now, *columns))

    async def get(self, tenant_id: int, offer_id: str) -> Offer | None:
        if not is_uuid(offer_id):
            return None
        row = await self._database.call(_get, tenant_id, offer_id)
        return None if row is None else _offer(row)

    async def replace(self, tenant_id: int, offer: Offer) -> bool:
        if not is_uuid(offer.id):
            return False
        row = tenant_id, self._clock.now_ms(), *_row(offer)
        return await self._database.call(_replace, row)

    async def daily_lows(self, tenant_id: int, query: Query) -> Sequence[DailyLow]:
        oldest = self._clock.now_ms() - int(KEPT_FOR * 1_000)
        row = tenant_id, _ENCODE(query).decode(), oldest
        return [DailyLow(**found) for found in await self._database.call(_lows, row)]


def _row(offer: Offer) -> tuple[Any, ...]:
    """In the order in which `_ADD` names the columns, from `id` on."""
    source = offer.source
    return (
        offer.id,
        source.fetched_at,
        source.expires_at,
        source.total.amount,
        source.total.currency,
        source.supplier,
        source.can_hold,
        offer.is_stale,
        _ENCODE(offer.query).decode(),
        _ENCODE(source.details),
        bytes(source.token),
        _ENCODE(offer.others),
    )


def _offer(row: asyncpg.Record) -> Offer:
    source = SupplierOffer(
        supplier=row["supplier"],
        token=Raw(row["token"]),
        total=Money(amount=row["amount"], currency=row["currency"]),
        fetched_at=row["fetched_at"],
        expires_at=row["expires_at"],
        can_hold=row["can_hold"],
        details=_DETAILS.decode(row["details"]),
    )
    return Offer(
        id=row["id"],
        query=_QUERY.decode(row["query"]),
        source=source,
        others=_OTHERS.decode(row["others"]),
        is_stale=row["is_stale"],
    )


async def _add(connection: Connection, row: Sequence[Any]) -> None:
    await connection.execute(_ADD, *row)


async def _get(connection: Connection, tenant_id: int, offer_id: str) -> asyncpg.Record | None:
    return await connection.fetchrow(_GET, tenant_id, offer_id)


async def _lows(connection: Connection, row: Sequence[Any]) -> list[asyncpg.Record]:
    return await connection.fetch(_LOWS, *row)


async def _replace(connection: Connection, row: Sequence[Any]) -> bool:
    return await connection.fetchval(_REPLACE, *row) is not None
