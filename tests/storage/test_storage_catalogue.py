"""The catalogue that is shipped: what it holds, how it comes into the database, and by which index it
is read."""

import gzip
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from zoneinfo import available_timezones

import msgspec
import pytest
import trio

from protocol.travel import GeoPoint, Place
from storage.catalogue_file import PLACES, Entry, entries
from storage.place_names import fold, wanted
from storage.postgres.catalogue import BEGINNING, NEAR, PostgresCatalogue
from storage.postgres.catalogue_loading import COPIES_AT_ONCE, ROWS_AT_ONCE, Edition
from storage.postgres.pool import Connection, Database


@pytest.fixture(scope="module")
def shipped() -> list[Entry]:
    return list(entries(PLACES.read_bytes()))


def test_the_world_is_in_it(shipped: list[Entry]) -> None:
    kinds = Counter(entry.place.kind for entry in shipped)
    assert kinds["destination"] >= 250
    assert kinds["city"] >= 5_000
    assert kinds["airport"] >= 5_000
    assert len({entry.place.id for entry in shipped}) == len(shipped)


def test_a_destination_has_what_the_columns_have(shipped: list[Entry]) -> None:
    places = [entry.place for entry in shipped if entry.place.kind == "destination"]
    zones = available_timezones()
    for place in places:
        assert place.names["en"]
        assert place.currency
        assert place.time_zone in zones
        assert place.about.startswith(place.names["en"])
        assert place.about.endswith(".")
        assert len(place.climate) in {0, 12}
        assert len(set(place.tags)) == len(place.tags)
    assert sum(bool(place.climate) for place in places) >= 250
    assert sum(bool(place.airports) for place in places) >= 500
    assert sum(place.price_level is not None for place in places) >= 500
    for language in ("de", "es", "fr", "ar"):
        assert sum(language in place.names for place in places) >= 400


def test_the_other_names_are_kept_folded(shipped: list[Entry]) -> None:
    assert all(fold(name) == name for entry in shipped for name in entry.also)


def a_file(path: Path, places: Iterable[str]) -> Path:
    made = (
        Entry(
            place=Place(
                id=place_id,
                kind="city",
                names={"en": place_id.title()},
                country="PT",
                at=GeoPoint(latitude=0, longitude=0),
                time_zone="UTC",
            )
        )
        for place_id in places
    )
    path.write_bytes(gzip.compress(b"".join(msgspec.json.encode(entry) + b"\n" for entry in made)))
    return path


async def test_a_new_edition_replaces_the_old_one(database: Database, tmp_path: Path) -> None:
    old = PostgresCatalogue(database, Edition(database, a_file(tmp_path / "old", ["a", "b"])))
    assert await old.place("a")
    new = PostgresCatalogue(database, Edition(database, a_file(tmp_path / "new", ["b", "c"])))
    assert [await new.place(name) is not None for name in "abc"] == [False, True, True]


async def test_an_edition_that_is_there_is_left_alone(database: Database, tmp_path: Path) -> None:
    path = a_file(tmp_path / "places", ["a"])
    await Edition(database, path).ensure()
    before = await database.call(written)
    await Edition(database, path).ensure()
    assert await database.call(written) == before


async def test_a_first_edition_comes_in_short_transactions_and_another_one_in_one(
    database: Database, tmp_path: Path
) -> None:
    """While one runs, the outbox's subscribers hear nothing: a fresh server's first news came late."""
    many = [f"p{number}" for number in range(2 * ROWS_AT_ONCE * COPIES_AT_ONCE)]
    await Edition(database, a_file(tmp_path / "first", many)).ensure()
    assert await database.call(written) == 3
    await Edition(database, a_file(tmp_path / "second", many[1:])).ensure()
    assert await database.call(written) == 1


async def test_what_is_left_of_a_first_edition_whose_loader_died_is_loaded_anew(
    database: Database, tmp_path: Path
) -> None:
    await Edition(database, a_file(tmp_path / "first", ["a", "b"])).ensure()
    await database.call(forget_that_it_was_whole)
    catalogue = PostgresCatalogue(
        database, Edition(database, a_file(tmp_path / "second", ["b", "c"]))
    )
    assert [await catalogue.place(name) is not None for name in "abc"] == [False, True, True]


async def forget_that_it_was_whole(connection: Connection) -> None:
    await connection.execute("DELETE FROM place_edition")


async def test_many_that_need_it_at_once_load_it_once(database: Database, tmp_path: Path) -> None:
    path = a_file(tmp_path / "places", ["a"])
    async with trio.open_nursery() as nursery:
        for edition in (Edition(database, path), Edition(database, path)):
            nursery.start_soon(edition.ensure)
            nursery.start_soon(edition.ensure)
    assert await database.call(written) == 2, "the places, and then the edition"


async def written(connection: Connection) -> int:
    """How many transactions the rows of the table come from."""
    count: int = await connection.fetchval(
        "SELECT count(DISTINCT xmin::text) FROM (SELECT xmin FROM place"
        " UNION ALL SELECT xmin FROM place_edition) AS rows"
    )
    return count


async def test_the_shipped_edition_is_found_by_its_indexes(database: Database) -> None:
    catalogue = PostgresCatalogue(database, Edition(database))
    assert [place.id for place in await catalogue.search("Lisboa", limit=1)] == ["lisbon-pt"]
    around = ((-8.0, 39.6), (-10.2, 37.8))
    plan = await database.call(explain, NEAR, -9.1, 38.7, around, around, 100.0, 20)
    assert "Index Scan on place_position" in plan
    assert "Seq Scan" not in plan
    pieces = frozenset[int]().union(*wanted("lisbon"))
    plan = await database.call(explain, BEGINNING, pieces, "lisbon", 100)
    assert "Index Scan on place_pieces" in plan
    assert "Seq Scan" not in plan


async def test_nothing_waits_to_enter_the_indexes_once_an_edition_is_held(
    database: Database,
) -> None:
    await Edition(database).ensure()

    async def waiting(connection: Connection) -> list[int]:
        names = ("place_pieces", "place_destinations")
        return [
            await connection.fetchval("SELECT gin_clean_pending_list($1::regclass)", name)
            for name in names
        ]

    assert await database.call(waiting) == [0, 0]


async def explain(connection: Connection, sql: str, *values: object) -> str:
    return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *values))
