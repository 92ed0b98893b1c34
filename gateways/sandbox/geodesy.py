"""Distances on a sphere, and places round a point."""

from math import asin, cos, degrees, pi, radians, sin, sqrt
from typing import Final

EARTH_KM: Final = 6_371.0
KM_PER_MILE: Final = 1.609_344
KM_PER_DEGREE: Final = EARTH_KM * pi / 180
"""Of latitude: two places are at least as far apart."""


def km_between(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Along the great circle (haversine); degrees in, km out."""
    phi_a, phi_b = radians(lat_a), radians(lat_b)
    half = (
        sin((phi_b - phi_a) / 2) ** 2
        + cos(phi_a) * cos(phi_b) * sin(radians(lon_b - lon_a) / 2) ** 2
    )
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half)))


def offset(latitude: float, longitude: float, *, km: float, turn: float) -> tuple[float, float]:
    """The point `km` away; `turn` 0..1 is the direction, from north by east. For short ways."""
    north, east = km * cos(2 * pi * turn), km * sin(2 * pi * turn)
    return (
        round(latitude + degrees(north / EARTH_KM), 5),
        round(longitude + degrees(east / (EARTH_KM * cos(radians(latitude)))), 5),
    )
