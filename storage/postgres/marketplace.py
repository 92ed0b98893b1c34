"""The `Listings` port over the tables listing, listing_import and listing_review."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import asyncpg
import msgspec

from core.ids import is_uuid
from core.ports.marketplace import SELLERS, Goods, Listing, NewListing, Review, Wanted
from storage.marketplace import has_not_taken, is_suspended, nothing_on_offer
from storage.personas import unknown
from storage.postgres.pool import Connection, Database

_ROLES: Final = ", ".join(f"'{role.value}'" for role in sorted(SELLERS))

_COLUMNS: Final = """l.id, l.owner_id, a.name AS owner_name, a.handle AS owner_handle, l.name, l.style,
    l.summary, l.tags, l.version, l.imports, l.reviews, l.stars, l.is_offered, l.suspended_for,
    l.published_at"""

_FROM: Final = "FROM listing l JOIN account a ON a.id = l.owner_id"

_ON_MARKET: Final = f"l.is_offered AND l.suspended_for = '' AND a.role IN ({_ROLES})"

# The persona's row is read where it is written: what is offered is what was stored at one moment.
_PUBLISH: Final = """
INSERT INTO listing AS l (tenant_id, id, owner_id, published_at, version, is_offered, name, style,
                          about, greeting, card, summary, tags, words)
SELECT tenant_id, id, owner_id, $4, version, true, name, style, about, greeting, card, $5, $6,
       to_tsvector('simple', concat_ws(' ', name, $5::text, array_to_string($6::text[], ' '), about))
  FROM persona WHERE tenant_id = $1 AND id = $2 AND owner_id = $3
ON CONFLICT (tenant_id, id) DO UPDATE SET
    published_at = excluded.published_at, version = excluded.version, is_offered = true,
    name = excluded.name, style = excluded.style, about = excluded.about,
    greeting = excluded.greeting, card = excluded.card, summary = excluded.summary,
    tags = excluded.tags, words = excluded.words
 WHERE l.suspended_for = ''"""

_WITHDRAW: Final = "UPDATE listing SET is_offered = false WHERE tenant_id = $1 AND id = $2"

_SUSPEND: Final = "UPDATE listing SET suspended_for = $3 WHERE tenant_id = $1 AND id = $2"

_OF_PERSONA: Final = f"SELECT {_COLUMNS} {_FROM} WHERE l.tenant_id = $1 AND l.id = $2"

_FIND: Final = f"""
SELECT {_COLUMNS} {_FROM}
 WHERE l.tenant_id = $1 AND {_ON_MARKET}
   AND ($2 = '' OR l.words @@ plainto_tsquery('simple', $2)) AND l.tags @> $3::text[]
   AND ($4::float8 IS NULL OR round(l.stars / nullif(l.reviews, 0)::numeric, 1)::float8 >= $4)
   AND ($5::int IS NULL OR (l.score, l.id) < ($5, $6::uuid))
 ORDER BY l.score DESC, l.id DESC LIMIT $7"""

_GET: Final = f"""
SELECT {_COLUMNS}, l.about, l.greeting, l.card {_FROM}
 WHERE l.tenant_id = $1 AND l.id = $2 AND {_ON_MARKET}"""

_TOOK: Final = """
WITH taken AS (
    INSERT INTO listing_import (tenant_id, listing_id, user_id, imported_at)
    SELECT tenant_id, id, $3, $4 FROM listing WHERE tenant_id = $1 AND id = $2 AND owner_id <> $3
    ON CONFLICT DO NOTHING RETURNING true)
UPDATE listing SET imports = imports + 1
 WHERE tenant_id = $1 AND id = $2 AND EXISTS (SELECT FROM taken)"""

_LOCK: Final = "SELECT FROM listing WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"

_REVIEW: Final = """
INSERT INTO listing_review (tenant_id, listing_id, user_id, id, written_at, stars, text)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, listing_id, user_id) DO UPDATE
   SET (id, written_at, stars, text)
     = (excluded.id, excluded.written_at, excluded.stars, excluded.text)"""

_UNREVIEW: Final = """
DELETE FROM listing_review
 WHERE tenant_id = $1 AND listing_id = $2 AND (id = $3::uuid OR user_id = $4::uuid)"""

_RECOUNT: Final = """
UPDATE listing SET (reviews, stars) = (
    SELECT count(*), coalesce(sum(stars), 0) FROM listing_review
     WHERE tenant_id = $1 AND listing_id = $2)
 WHERE tenant_id = $1 AND id = $2"""

_REVIEWS: Final = """
SELECT id, user_id, stars, text, written_at FROM listing_review
 WHERE tenant_id = $1 AND listing_id = $2 AND ($3::uuid IS NULL OR id < $3)
 ORDER BY id DESC LIMIT $4"""


class PostgresListings:
    """Listings as rows; an id of a foreign form is unknown."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def publish(self, tenant_id: int, new: NewListing) -> Listing:
        if not (is_uuid(new.persona_id) and is_uuid(new.owner_id)):
            raise unknown()
        try:
            return await self._database.transaction(_publish, tenant_id, new)
        except asyncpg.ForeignKeyViolationError:  # the persona went meanwhile
            raise unknown() from None

    async def withdraw(self, tenant_id: int, listing_id: str) -> None:
        if is_uuid(listing_id):
            await self._database.call(_execute, _WITHDRAW, tenant_id, listing_id)

    async def suspend(self, tenant_id: int, listing_id: str, why: str) -> Listing:
        if is_uuid(listing_id):
            await self._database.call(_execute, _SUSPEND, tenant_id, listing_id, why)
        listing = await self.of_persona(tenant_id, listing_id)
        if listing is None:
            raise nothing_on_offer()
        return listing

    async def of_persona(self, tenant_id: int, persona_id: str) -> Listing | None:
        if not is_uuid(persona_id):
            return None
        rows = await self._database.call(_fetch, _OF_PERSONA, tenant_id, persona_id)
        return _listing(rows[0]) if rows else None

    async def find(
        self, tenant_id: int, wanted: Wanted, *, after: tuple[int, str] | None, limit: int
    ) -> Sequence[Listing]:
        score, last = (None, None) if after is None else after
        what = wanted.query, list(wanted.tags), wanted.min_rating
        rows = await self._database.call(_fetch, _FIND, tenant_id, *what, score, last, limit)
        return [_listing(row) for row in rows]

    async def get(self, tenant_id: int, listing_id: str) -> Goods | None:
        if not is_uuid(listing_id):
            return None
        rows = await self._database.call(_fetch, _GET, tenant_id, listing_id)
        return _goods(rows[0]) if rows else None

    async def took(self, tenant_id: int, listing_id: str, user_id: str, *, at: int) -> None:
        if is_uuid(listing_id) and is_uuid(user_id):
            with suppress(asyncpg.ForeignKeyViolationError):  # the listing went meanwhile
                await self._database.call(_execute, _TOOK, tenant_id, listing_id, user_id, at)

    async def review(self, tenant_id: int, listing_id: str, review: Review) -> None:
        if not (is_uuid(listing_id) and is_uuid(review.user_id)):
            raise has_not_taken()
        said = review.user_id, review.id, review.written_at, review.stars, review.text
        try:
            await self._database.transaction(_change, _REVIEW, (tenant_id, listing_id), said)
        except asyncpg.ForeignKeyViolationError:
            raise has_not_taken() from None

    async def unreview(
        self, tenant_id: int, listing_id: str, *, review_id: str = "", user_id: str = ""
    ) -> bool:
        which = [one if is_uuid(one) else None for one in (review_id, user_id)]
        if not is_uuid(listing_id):
            return False
        listing = (tenant_id, listing_id)
        done = await self._database.transaction(_change, _UNREVIEW, listing, which)
        return done != "DELETE 0"

    async def reviews(
        self, tenant_id: int, listing_id: str, *, before: str | None, limit: int
    ) -> Sequence[Review]:
        if not is_uuid(listing_id):
            return []
        rows = await self._database.call(_fetch, _REVIEWS, tenant_id, listing_id, before, limit)
        return [Review(**row) for row in rows]


async def _publish(connection: Connection, tenant_id: int, new: NewListing) -> Listing:
    done = await connection.execute(
        _PUBLISH, tenant_id, new.persona_id, new.owner_id, new.at, new.summary, list(new.tags)
    )
    rows = await connection.fetch(_OF_PERSONA, tenant_id, new.persona_id)
    if done == "INSERT 0 1":
        return _listing(rows[0])
    raise is_suspended() if rows and rows[0]["owner_id"] == new.owner_id else unknown()


async def _change(
    connection: Connection, sql: str, listing: tuple[int, str], values: Sequence[Any]
) -> str:
    """The listing is locked first, so that the count is of all that was written before it. Returns what was
    done, as PostgreSQL says it."""
    await connection.execute(_LOCK, *listing)
    done = await connection.execute(sql, *listing, *values)
    await connection.execute(_RECOUNT, *listing)
    return done


async def _execute(connection: Connection, sql: str, *values: Any) -> None:
    await connection.execute(sql, *values)


async def _fetch(connection: Connection, sql: str, *values: Any) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *values)


def _listing(row: asyncpg.Record) -> Listing:
    fields = {name: row[name] for name in Listing.__dataclass_fields__}
    return Listing(**fields | {"tags": tuple(row["tags"])})


def _goods(row: asyncpg.Record) -> Goods:
    card = row["card"]
    return Goods(
        listing=_listing(row),
        about=row["about"],
        greeting=row["greeting"],
        card=None if card is None else msgspec.json.decode(card),
    )
