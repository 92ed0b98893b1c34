"""The catalogue as it is shipped: data/places.jsonl.gz, made by tools/build_catalogue.py."""

import gzip
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from protocol.frames import Value
from protocol.travel import Place
from storage.place_names import folded_names

PLACES: Final = Path(__file__).parents[1] / "data" / "places.jsonl.gz"


class Entry(Value, frozen=True, kw_only=True):
    """A line of the file. `also`: names that the place is found by beside those it shows, folded."""

    place: Place
    also: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """All of them folded, its code too, those that it shows first."""
        place = self.place
        code = (place.iata,) if place.iata else ()
        return list(dict.fromkeys((*folded_names((*place.names.values(), *code)), *self.also)))


def version_of(packed: bytes) -> str:
    """What tells one edition of the file from another."""
    return sha256(packed).hexdigest()


def entries(packed: bytes) -> Iterator[Entry]:
    """The places of a packed file."""
    decoder = msgspec.json.Decoder(Entry)
    for line in gzip.decompress(packed).splitlines():
        yield decoder.decode(line)
