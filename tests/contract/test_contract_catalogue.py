"""The catalogue of places, in memory and over PostgreSQL: the same answers to the same questions."""

import gzip
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from postgres_for_tests import fresh_dsn

from core.ports.catalogue import Catalogue
from protocol.travel import GeoPoint, MonthClimate, Place
from storage.asyncio_bridge import AsyncioBridge
from storage.catalogue_file import Entry
from storage.memory.catalogue import MemoryCatalogue
from storage.place_names import folded_names
from storage.postgres.catalogue import PostgresCatalogue
from storage.postgres.catalogue_loading import Edition
from storage.postgres.pool import Database


def entry(place_id: str, kind: str, at: tuple[float, float], *also: str, **fields: Any) -> Entry:
    names = fields.pop("names", None) or {"en": fields.pop("name", place_id.title())}
    place = Place(
        id=place_id,
        kind=kind,  # type: ignore[arg-type]
        names=names,
        country=fields.pop("country", "PT"),
        at=GeoPoint(latitude=at[0], longitude=at[1]),
        time_zone=fields.pop("time_zone", "Europe/Lisbon"),
        **fields,
    )
    return Entry(place=place, also=tuple(folded_names(also)))


LISBON = entry(
    "lisbon-pt",
    "destination",
    (38.725, -9.150),
    "Olisipo",
    "Лиссабон",
    "東京ではない",
    names={"en": "Lisbon", "de": "Lissabon", "fr": "Lisbonne", "ar": "لشبونة"},
    iata="LIS",
    airports=("LIS",),
    currency="EUR",
    population=517_802,
    price_level=3,
    climate=tuple(MonthClimate(mean=10.5 + month, rain=90.0) for month in range(12)),
    tags=("capital", "coast"),
    about="Lisbon is the capital of Portugal.",
)
MUNICH = entry(
    "munich-de",
    "destination",
    (48.137, 11.575),
    names={"en": "Munich", "de": "München"},
    country="DE",
    iata="MUC",
    population=1_505_005,
    tags=("big_city",),
)
SAO_PAULO = entry(
    "sao-paulo-br",
    "destination",
    (-23.548, -46.636),
    name="São Paulo",
    country="BR",
    population=12_400_232,
    tags=("metropolis",),
)
SAINT_ETIENNE = entry("city-1", "city", (45.434, 4.390), name="Saint-Étienne", population=172_000)
LISBON_IN_OHIO = entry("city-2", "city", (40.772, -80.768), name="Lisbon", population=2_800)
LISBURN = entry("city-3", "city", (54.523, -6.035), name="Lisburn", population=101_000)
SUVA = entry("suva-fj", "destination", (-18.141, 178.442), name="Suva", country="FJ")
APIA = entry("apia-ws", "destination", (-13.833, -171.767), name="Apia", country="WS")
LISBON_AIRPORT = entry(
    "airport-lis",
    "airport",
    (38.781, -9.136),
    "Lisbon Humberto Delgado Airport",
    name="Humberto Delgado Airport",
    iata="LIS",
)
FRANZ_JOSEF = entry("airport-muc", "airport", (48.354, 11.786), name="Munich Airport", iata="MUX")
ENTRIES = [
    LISBON,
    MUNICH,
    SAO_PAULO,
    SAINT_ETIENNE,
    LISBON_IN_OHIO,
    LISBURN,
    SUVA,
    APIA,
    LISBON_AIRPORT,
    FRANZ_JOSEF,
]


@pytest.fixture
async def catalogue(server: Any, tmp_path: Path) -> AsyncIterator[Catalogue]:
    if server is None:
        yield MemoryCatalogue(ENTRIES)
        return
    async with fresh_database(server) as database:
        yield PostgresCatalogue(database, Edition(database, packed(tmp_path, ENTRIES)))


@asynccontextmanager
async def fresh_database(server: Any) -> AsyncIterator[Database]:
    async with (
        AsyncioBridge() as bridge,
        fresh_dsn(server, bridge) as dsn,
        Database(dsn, bridge, size=2) as database,
    ):
        yield database


def packed(folder: Path, entries: Iterable[Entry]) -> Path:
    path = folder / "places.jsonl.gz"
    lines = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
    path.write_bytes(gzip.compress(lines, mtime=0))
    return path


def ids(places: Iterable[Place]) -> list[str]:
    return [place.id for place in places]


async def test_a_place_comes_back_whole(catalogue: Catalogue) -> None:
    assert await catalogue.place("lisbon-pt") == LISBON.place
    assert await catalogue.place("city-1") == SAINT_ETIENNE.place


async def test_an_unknown_id_is_nothing(catalogue: Catalogue) -> None:
    for place_id in ("atlantis", "", "lisbon-pt ", "a\0b"):
        assert await catalogue.place(place_id) is None


async def test_a_code_means_the_city_before_its_airport(catalogue: Catalogue) -> None:
    assert await catalogue.by_iata("LIS") == LISBON.place
    assert await catalogue.by_iata("MUX") == FRANZ_JOSEF.place
    assert await catalogue.by_iata("XXX") is None


NAMES = (
    ("Lisbon", "lisbon-pt"),
    ("LISBON", "lisbon-pt"),
    ("  lisbon ", "lisbon-pt"),
    ("lissab", "lisbon-pt"),
    ("لشبونة", "lisbon-pt"),
    ("لشب", "lisbon-pt"),
    ("лиссабон", "lisbon-pt"),
    ("東京", "lisbon-pt"),
    ("olisipo", "lisbon-pt"),
    ("lis", "lisbon-pt"),
    ("munchen", "munich-de"),
    ("sao paulo", "sao-paulo-br"),
    ("paulo", "sao-paulo-br"),
    ("saint etienne", "city-1"),
    ("étienne saint", "city-1"),
    ("etienne", "city-1"),
    ("humberto", "airport-lis"),
)
MISTAKES = (
    ("lisobn", "lisbon-pt"),
    ("lisbom", "lisbon-pt"),
    ("lissabn", "lisbon-pt"),
    ("munihc", "munich-de"),
    ("mumich", "munich-de"),
    ("sao paolo", "sao-paulo-br"),
    ("saint etiene", "city-1"),
    ("saint etiennne", "city-1"),
)


async def test_a_place_is_found_by_any_of_its_names_or_how_they_begin(catalogue: Catalogue) -> None:
    found = [(text, ids(await catalogue.search(text))[:1]) for text, _ in NAMES]
    assert found == [(text, [first]) for text, first in NAMES]


async def test_a_small_mistake_is_forgiven(catalogue: Catalogue) -> None:
    found = [(text, ids(await catalogue.search(text))[:1]) for text, _ in MISTAKES]
    assert found == [(text, [first]) for text, first in MISTAKES]


async def test_what_is_no_name_finds_nothing(catalogue: Catalogue) -> None:
    for text in ("", "   ", "'-", "zzzzzz", "mxxxxh", "lisbon zzzz", "%", "\\", "a\tq"):
        assert await catalogue.search(text) == []


async def test_the_best_comes_first(catalogue: Catalogue) -> None:
    assert ids(await catalogue.search("lisbon")) == ["lisbon-pt", "city-2", "airport-lis"]
    assert ids(await catalogue.search("lisb")) == ["lisbon-pt", "city-3", "city-2", "airport-lis"]
    assert ids(await catalogue.search("lisb", limit=2)) == ["lisbon-pt", "city-3"]


async def test_a_correct_name_is_not_joined_by_similar_ones(catalogue: Catalogue) -> None:
    assert ids(await catalogue.search("lisburn")) == ["city-3"]


async def test_near_places_come_by_distance(catalogue: Catalogue) -> None:
    found = await catalogue.near(GeoPoint(latitude=38.7, longitude=-9.1), within_km=50)
    assert ids(place for place, _ in found) == ["lisbon-pt", "airport-lis"]
    assert [km for _, km in found] == pytest.approx([5.15, 9.54], abs=0.05)
    near = await catalogue.near(GeoPoint(latitude=38.7, longitude=-9.1), within_km=50, limit=1)
    assert ids(place for place, _ in near) == ["lisbon-pt"]
    assert await catalogue.near(GeoPoint(latitude=0, longitude=-30), within_km=500) == []


async def test_the_180th_meridian_is_no_border(catalogue: Catalogue) -> None:
    for longitude in (179.9, -179.9, 180.0, -180.0):
        at = GeoPoint(latitude=-16.0, longitude=longitude)
        found = await catalogue.near(at, within_km=1_200)
        assert ids(place for place, _ in found) == ["suva-fj", "apia-ws"]


async def test_all_longitudes_meet_at_a_pole(catalogue: Catalogue) -> None:
    for latitude in (90.0, 89.99, -90.0):
        found = await catalogue.near(GeoPoint(latitude=latitude, longitude=10), within_km=20_100)
        assert len(found) == len(ENTRIES)
        distances = [km for _, km in found]
        assert distances == sorted(distances)


async def test_destinations_have_all_the_tags_asked_for(catalogue: Catalogue) -> None:
    every = ["apia-ws", "lisbon-pt", "munich-de", "sao-paulo-br", "suva-fj"]
    assert ids(await catalogue.destinations()) == every
    assert ids(await catalogue.destinations(limit=2)) == every[:2]
    assert ids(await catalogue.destinations(tags=["coast"])) == ["lisbon-pt"]
    assert ids(await catalogue.destinations(tags=["coast", "capital"])) == ["lisbon-pt"]
    assert await catalogue.destinations(tags=["coast", "big_city"]) == []
