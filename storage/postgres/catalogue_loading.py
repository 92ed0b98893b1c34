"""The shipped catalogue into the database: once per edition."""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
import trio

from storage.asyncio_bridge import beside
from storage.catalogue_file import PLACES, Entry, entries, version_of
from storage.catalogue_queries import KINDS
from storage.place_names import pieces_of
from storage.postgres.pool import Connection, Database

LOCK: Final = 0x506C6163  # any constant but that of the migrations
WITHIN: Final = 120.0
LOAD_AFTER: Final = 20.0
ROWS_AT_ONCE: Final = 20
"""What is copied holds every other thread up while it is encoded: all at once for 80 to 200 ms."""

COPIES_AT_ONCE: Final = 25
"""In one transaction, of a first edition: while one runs, no subscriber of the outbox hears what was
committed since it began."""

log = structlog.get_logger()


class Edition:
    """The file's edition, which the database is to hold."""

    def __init__(self, database: Database, path: Path = PLACES) -> None:
        self._database, self._path = database, path
        self._loading = trio.Lock()
        self._is_held = False

    async def ensure(self) -> None:
        """Returns when the database holds it; about 3 s where it did not. What another edition held
        is seen until all of this one is in. Safe from several nodes at once; cancelled or failed
        (`Unavailable`), the next call begins anew."""
        if self._is_held:
            return
        async with self._loading:
            if not self._is_held:
                await self._load()
                self._is_held = True

    async def run(self) -> None:
        """Ensure it a while after the start, so that the first who searches need not wait."""
        await trio.sleep(LOAD_AFTER)
        await self.ensure()
        await trio.sleep_forever()

    async def _load(self) -> None:
        packed = self._path.read_bytes()
        version = version_of(packed)
        held = await self._database.call(_held)
        if held == version:
            return
        places = await self._database.call(_begin, version, packed) if held is None else 0
        places = places or await self._database.transaction(_replace, version, packed)
        if places:
            log.info("catalogue.loaded", places=places)


def _rows(packed: bytes) -> Iterator[tuple[Any, ...]]:
    encoder = msgspec.json.Encoder()
    for entry in entries(packed):
        yield _row(entry, encoder)


def _some(rows: Iterator[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return list(islice(rows, ROWS_AT_ONCE))


def _row(entry: Entry, encoder: msgspec.json.Encoder) -> tuple[Any, ...]:
    place, names = entry.place, entry.names()
    return (
        place.id,
        KINDS[place.kind],
        place.iata,
        place.population or 0,
        place.tags,
        (place.at.longitude, place.at.latitude),
        names,
        list(pieces_of(names)),
        encoder.encode(place),
    )


async def _held(connection: Connection) -> str | None:
    version: str | None = await connection.fetchval("SELECT version FROM place_edition")
    return version


async def _begin(connection: Connection, version: str, packed: bytes) -> int:
    """The first edition, in many short transactions: nobody reads of it before it is whole. How many places
    are new; 0 where there is an edition by now."""
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK, timeout=WITHIN)
    try:
        if await _held(connection) is not None:
            return 0
        await connection.execute("DELETE FROM place", timeout=WITHIN)  # of who died meanwhile
        rows, places, copied = _rows(packed), 0, -1
        while copied:
            async with connection.transaction():
                copied = await _copy(connection, rows, COPIES_AT_ONCE)
            places += copied
        await _finish(connection, version)
        return places
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def _replace(connection: Connection, version: str, packed: bytes) -> int:
    """How many places are new; 0 where this edition is held."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK, timeout=WITHIN)
    if await _held(connection) == version:
        return 0
    await connection.execute("DELETE FROM place", timeout=WITHIN)
    await connection.execute("DELETE FROM place_edition")
    places = await _copy(connection, _rows(packed), None)
    await _finish(connection, version)
    return places


async def _copy(connection: Connection, rows: Iterator[tuple[Any, ...]], most: int | None) -> int:
    """So many times `ROWS_AT_ONCE`, None: all; how many places that were."""
    places = 0
    for _ in count() if most is None else range(most):
        some = await beside(_some, rows)
        if not some:
            break
        await connection.copy_records_to_table("place", records=some, timeout=WITHIN)
        places += len(some)
    return places


async def _finish(connection: Connection, version: str) -> None:
    await connection.execute("INSERT INTO place_edition (version) VALUES ($1)", version)
    # What waits to enter a GIN index is read whole by every search; much of it, and the planner
    # reads the table instead.
    for index in ("place_pieces", "place_destinations"):
        await connection.execute(
            "SELECT gin_clean_pending_list($1::regclass)", index, timeout=WITHIN
        )
    await connection.execute("ANALYZE place", timeout=WITHIN)
