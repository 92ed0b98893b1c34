"""The catalogue as training reads it: from the file that is shipped, without storage."""

import gzip
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from inference.training.understanding.phrasings import Filling
from inference.understanding.gazetteer import Gazetteer
from inference.understanding.regions import LANGUAGES, countries, regions
from protocol.frames import Value
from protocol.travel import Place
from protocol.understanding import Language

FILE: Final = Path(__file__).parents[3] / "data" / "places.jsonl.gz"


class Entry(Value, frozen=True, kw_only=True):
    """A line of the file."""

    place: Place
    also: tuple[str, ...] = ()


@cache
def catalogue() -> tuple[Entry, ...]:
    """All of it, destinations first."""
    decoder = msgspec.json.Decoder(Entry)
    return tuple(map(decoder.decode, gzip.decompress(FILE.read_bytes()).splitlines()))


@cache
def gazetteer() -> Gazetteer:
    """Of all of it."""
    return Gazetteer(catalogue())


def place_fillings(language: Language) -> dict[str, list[Filling]]:
    """What phrasings call to, to2, from and region, as people of this language say it: mostly
    destinations, a few other big cities, countries and regions."""
    shown = [entry.place for entry in catalogue() if entry.place.kind != "airport"]
    known = [_named(place, language) for place in shown if place.kind == "destination"]
    big = [_named(p, language) for p in shown if p.kind == "city" and (p.population or 0) > 700_000]
    wide = list(_wide(language, {place.country for place in shown if place.kind == "destination"}))
    towards = known * 2 + big + wide
    return {"to": towards, "to2": towards, "from": known * 3 + big * 2 + wide[:20], "region": wide}


def _named(place: Place, language: Language) -> Filling:
    return Filling(place.names.get(language, place.names["en"]), place.names["en"])


def _wide(language: Language, visited: set[str]) -> Iterator[Filling]:
    index = LANGUAGES.index(language)
    for country in countries():
        if country.country in visited:
            yield Filling(country.names[min(index, len(country.names) - 1)], country.name)
    for region in regions():
        yield Filling(region.names[min(index, len(region.names) - 1)], region.name)
