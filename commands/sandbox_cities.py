"""What the sandbox sells to: its own table first, then every destination of the catalogue that can be flown to."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from babel import Locale

from gateways.sandbox.cities import CITIES, Airport, City
from protocol.travel import Place
from storage.catalogue_file import PLACES, entries

SIZES: Final = ((5_000_000, 4), (1_000_000, 3), (200_000, 2))
"""Inhabitants from which a city is of this size. None is a hub: those are in the table."""

REGIONS: Final[Mapping[str, str]] = {
    "Europe": "EUROP",
    "Atlantic": "EUROP",
    "Africa": "AFRIC",
    "Asia": "ASIA",
    "Indian": "ASIA",
    "Australia": "PACIF",
    "Pacific": "PACIF",
    "America": "LAMER",
}
"""Amadeus' regions by the first part of a time zone's name."""

NORTH: Final = frozenset({"US", "CA", "GL", "BM"})
USUAL_LEVEL: Final = 3


def sold_cities() -> tuple[City, ...]:
    """About a third of a second: the catalogue's file is read."""
    places = [entry.place for entry in entries(PLACES.read_bytes())]
    return (*CITIES, *of_catalogue(places, CITIES))


def of_catalogue(places: Sequence[Place], known: Iterable[City]) -> list[City]:
    """Destinations with a city code and an airport, by code; not those that are `known` by any of
    their codes."""
    airports = {place.iata: place for place in places if place.kind == "airport" and place.iata}
    taken = {code for city in known for code in (city.code, *(a.code for a in city.airports))}
    found: dict[str, City] = {}
    for place in sorted(places, key=lambda place: (-(place.population or 0), place.id)):
        if place.kind != "destination" or place.iata is None or place.iata in taken | found.keys():
            continue
        served = tuple(
            _airport(place.iata, code, airports[code])
            for code in place.airports
            if code in airports and code not in taken
        )
        if served:
            taken |= {airport.code for airport in served}
            found[place.iata] = _city(place, place.iata, served)
    return [found[code] for code in sorted(found)]


def _city(place: Place, code: str, airports: tuple[Airport, ...]) -> City:
    zone = place.time_zone
    region = REGIONS.get(zone.partition("/")[0], "EUROP")
    people = place.population or 0
    return City(
        code=code,
        name=_plain(place.names["en"]),
        country=place.country,
        country_name=_plain(Locale("en").territories.get(place.country, place.country)),
        region="NAMER" if place.country in NORTH else region,
        time_zone=zone,
        currency=place.currency or "EUR",
        level=place.price_level or USUAL_LEVEL,
        size=next((size for least, size in SIZES if people >= least), 1),
        latitude=place.at.latitude,
        longitude=place.at.longitude,
        airports=airports,
    )


def _airport(city_code: str, code: str, place: Place) -> Airport:
    return Airport(
        code=code,
        name=_plain(place.names["en"]),
        city_code=city_code,
        latitude=place.at.latitude,
        longitude=place.at.longitude,
    )


def _plain(name: str) -> str:
    """As suppliers write names: Latin letters without marks."""
    letters = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in letters if ord(letter) < 128).strip() or "Unnamed"
