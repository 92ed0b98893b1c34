"""The catalogue over PostgreSQL: the indexes find who may be meant, Python says who is best."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from protocol.travel import EARTH_KM, GeoPoint, Place
from storage.catalogue_queries import answers, boxes_around
from storage.place_names import fold, wanted, wanted_loosely
from storage.postgres.catalogue_loading import Edition
from storage.postgres.pool import Connection, Database

MAX_CANDIDATES: Final = 100
MAX_LOOSE_CANDIDATES: Final = 60

NEAR: Final = f"""
    SELECT body, km FROM (
        SELECT id, body, 2 * {EARTH_KM} * asin(least(1, sqrt(
            sind((position[1] - $2) / 2) ^ 2
            + cosd(position[1]) * cosd($2) * sind((position[0] - $1) / 2) ^ 2))) AS km
        FROM place WHERE position <@ $3::box OR position <@ $4::box
    ) AS around
    WHERE km <= $5 ORDER BY km, id LIMIT $6"""
"""A point is (longitude, latitude); the second box is for who is near the 180th meridian."""

BEGINNING: Final = """
    SELECT body, names FROM place WHERE pieces @> $1
    ORDER BY $2 = ANY(names) DESC, rank, population DESC, id LIMIT $3"""

_decoder: Final = msgspec.json.Decoder(Place)


class PostgresCatalogue:
    """Borrows: the database; the edition, which is there before the first answer is given."""

    def __init__(self, database: Database, edition: Edition) -> None:
        self._database, self._edition = database, edition

    async def place(self, place_id: str) -> Place | None:
        if "\0" in place_id:
            return None
        return await self._one("SELECT body FROM place WHERE id = $1", place_id)

    async def by_iata(self, code: str) -> Place | None:
        return await self._one(
            """SELECT body FROM place WHERE iata = $1
               ORDER BY rank, population DESC, id LIMIT 1""",
            code,
        )

    async def search(self, text: str, *, language: str = "en", limit: int = 20) -> Sequence[Place]:
        query = fold(text)
        if not query:
            return []
        pieces = frozenset().union(*wanted(query))
        rows = await self._rows(BEGINNING, pieces, query, MAX_CANDIDATES)
        found = _best(query, rows, language=language, loosely=False)
        if not found:
            rows = await self._rows(*_loose(query))
            found = _best(query, rows, language=language, loosely=True)
        return found[:limit]

    async def near(
        self, at: GeoPoint, *, within_km: float, limit: int = 20
    ) -> Sequence[tuple[Place, float]]:
        boxes = [
            ((box.east, box.north), (box.west, box.south)) for box in boxes_around(at, within_km)
        ]
        rows = await self._rows(
            NEAR, at.longitude, at.latitude, boxes[0], boxes[-1], within_km, limit
        )
        return [(_decoder.decode(row["body"]), row["km"]) for row in rows]

    async def destinations(self, *, tags: Sequence[str] = (), limit: int = 50) -> Sequence[Place]:
        rows = await self._rows(
            """SELECT body FROM place WHERE rank = 0 AND tags @> $1::text[]
               ORDER BY names[1], id LIMIT $2""",
            tags,
            limit,
        )
        return [_decoder.decode(row["body"]) for row in rows]

    async def _one(self, sql: str, value: str) -> Place | None:
        rows = await self._rows(sql, value)
        return _decoder.decode(rows[0]["body"]) if rows else None

    async def _rows(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        await self._edition.ensure()
        return await self._database.call(_fetch, sql, *values)


async def _fetch(connection: Connection, sql: str, *values: Any) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *values)


def _best(
    query: str, rows: Sequence[asyncpg.Record], *, language: str, loosely: bool
) -> list[Place]:
    candidates = ((_decoder.decode(row["body"]), row["names"]) for row in rows)
    return answers(query, candidates, language=language, loosely=loosely)


def _loose(query: str) -> list[Any]:
    """A statement and its values: every word with one of its parts as it was written, those with the
    most pieces in common first."""
    values: list[Any] = [frozenset().union(*wanted(query)), MAX_LOOSE_CANDIDATES]
    words = []
    for parts in wanted_loosely(query):
        held = []
        for part in parts:
            values.append(part)
            held.append(f"pieces @> ${len(values)}")
        words.append(f"({' OR '.join(held)})")
    return [
        f"""SELECT body, names FROM place WHERE {" AND ".join(words)}
            ORDER BY (SELECT count(*) FROM unnest($1::int4[]) AS piece
                      WHERE piece = ANY(pieces)) DESC, rank, population DESC, id
            LIMIT $2""",
        *values,
    ]
