"""What both implementations of the catalogue share: the question that a text is, and the globe."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from protocol.travel import EARTH_KM, GeoPoint, Place
from storage.place_names import fold, rank

KINDS: Final = {"destination": 0, "city": 1, "airport": 2}
"""In the order in which equally good answers are given."""


@dataclass(frozen=True, slots=True)
class Box:
    """Degrees; from the west to the east, which is not less."""

    south: float
    west: float
    north: float
    east: float


def boxes_around(at: GeoPoint, km: float) -> list[Box]:
    """One or two, none across the 180th meridian, that hold all within so many km."""
    reach = math.degrees(km / EARTH_KM)
    south, north = at.latitude - reach, at.latitude + reach
    if reach >= 90 or south <= -90 or north >= 90:  # a pole: every longitude is near
        return [Box(max(south, -90.0), -180.0, min(north, 90.0), 180.0)]
    wide = math.degrees(
        math.asin(min(1.0, math.sin(math.radians(reach)) / math.cos(math.radians(at.latitude))))
    )
    west, east = at.longitude - wide, at.longitude + wide
    if west < -180:
        return [Box(south, west + 360, north, 180.0), Box(south, -180.0, north, east)]
    if east > 180:
        return [Box(south, west, north, 180.0), Box(south, -180.0, north, east - 360)]
    return [Box(south, west, north, east)]


def answers(
    query: str, candidates: Iterable[tuple[Place, Sequence[str]]], *, language: str, loosely: bool
) -> list[Place]:
    """Those of the candidates (each with all its names, folded) that answer the folded query, best
    first: by how well, then by the kind, the asker's language, and how many live there."""
    found = []
    for place, names in candidates:
        best = rank(query, names, loosely=loosely)
        if best is None:
            continue
        own = fold(place.names.get(language.partition("-")[0], place.names["en"]))
        is_foreign = rank(query, [own], loosely=loosely) != best
        order = best, KINDS[place.kind], is_foreign, -(place.population or 0), place.id
        found.append((order, place))
    return [place for _, place in sorted(found, key=lambda pair: pair[0])]
