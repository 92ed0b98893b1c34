"""Numbers by place: the ITU's grids of the world, and how far the sea is."""

import ast
import io
import math
import struct
import zipfile
from array import array
from collections.abc import Iterator
from typing import Any, Final

from catalogue_packages import COASTS, GRIDS, Packages

from protocol.travel import GeoPoint

KM_PER_DEGREE: Final = 111.195
_TYPES: Final = {"<f8": "d", "<f4": "f"}


class Grid:
    """One variable on a regular grid. `first`: latitude and longitude of its first value; `step`:
    degrees between rows and between columns."""

    def __init__(
        self, packages: Packages, name: str, first: tuple[float, float], step: tuple[float, float]
    ) -> None:
        self._first, self._step = first, step
        raw = packages.read(GRIDS, f"itur/data/{name}.npz")
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            self._width, self._values = _values(archive.read(archive.namelist()[0]))

    def at(self, latitude: float, longitude: float) -> float:
        """Interpolated between the four values around (as the Recommendations say)."""
        y = (latitude - self._first[0]) / self._step[0]
        x = (longitude - self._first[1]) / self._step[1]
        row, column = int(y), int(x)
        down, right = y - row, x - column
        upper, lower = self._pair(row, column, right), self._pair(row + 1, column, right)
        return upper * (1 - down) + lower * down

    def _pair(self, row: int, column: int, right: float) -> float:
        at = row * self._width + column
        return self._values[at] * (1 - right) + self._values[at + 1] * right

    def around(self, latitude: float, longitude: float, km: float) -> Iterator[float]:
        """The values at grid points not farther than that."""
        rows = math.ceil(km / KM_PER_DEGREE / abs(self._step[0]))
        scale = max(math.cos(math.radians(latitude)), 0.05)
        columns = math.ceil(km / KM_PER_DEGREE / scale / abs(self._step[1]))
        y = round((latitude - self._first[0]) / self._step[0])
        x = round((longitude - self._first[1]) / self._step[1])
        for row in range(y - rows, y + rows + 1):
            for column in range(x - columns, x + columns + 1):
                lat = self._first[0] + row * self._step[0]
                lon = self._first[1] + column * self._step[1]
                if distance_km(latitude, longitude, lat, lon) <= km:
                    yield self._values[row * self._width + column]


def _values(npy: bytes) -> tuple[int, "array[float]"]:
    """NumPy's file format, version 1: a header that is a Python literal, then the numbers."""
    size = struct.unpack("<H", npy[8:10])[0]
    head = ast.literal_eval(npy[10 : 10 + size].decode())
    values = array(_TYPES[head["descr"]])
    values.frombytes(npy[10 + size :])
    return head["shape"][1], values


class Climate:
    """ITU-R P.1510-1 (monthly mean temperature, 0.75°), P.837-7 (monthly rain, 0.25°) and P.1511-2
    (topography, 1/12°)."""

    def __init__(self, packages: Packages) -> None:
        months = [f"{month:02}" for month in range(1, 13)]
        self._kelvins = [
            Grid(packages, f"1510/v1_t_month{month}", (-90, -180), (0.75, 0.75)) for month in months
        ]
        self._rains = [
            Grid(packages, f"837/v7_mt_month{month}", (-90.125, -180.125), (0.25, 0.25))
            for month in months
        ]
        self._heights = Grid(packages, "1511/v2_topo", (90.125, -180.125), (-1 / 12, 1 / 12))

    def temperatures(self, latitude: float, longitude: float) -> list[float]:
        """°C by month."""
        return [grid.at(latitude, longitude) - 273.15 for grid in self._kelvins]

    def rains(self, latitude: float, longitude: float) -> list[float]:
        """mm by month."""
        return [max(0.0, grid.at(latitude, longitude)) for grid in self._rains]

    def height(self, latitude: float, longitude: float) -> float:
        """Metres above the sea, as the mean of about 9 km."""
        return self._heights.at(latitude, longitude)

    def heights_within(self, latitude: float, longitude: float, km: float) -> list[float]:
        return list(self._heights.around(latitude, longitude, km))


class Coast:
    """Natural Earth's coastline 1:10,000,000."""

    def __init__(self, packages: Packages) -> None:
        atlas = packages.json(COASTS, "package/land-10m.json")
        self._lines: dict[tuple[int, int], list[tuple[float, ...]]] = {}
        for start, end in _segments(atlas):
            for cell in {(math.floor(lat), math.floor(lon)) for lon, lat in (start, end)}:
                self._lines.setdefault(cell, []).append((*start, *end))

    def km_from(self, latitude: float, longitude: float) -> float:
        """At most about 100 km is looked at: farther is infinite."""
        row, column = math.floor(latitude), math.floor(longitude)
        near = (
            line
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            for line in self._lines.get((row + down, column + right), ())
        )
        return min((_to_line(latitude, longitude, line) for line in near), default=math.inf)


def _segments(atlas: dict[str, Any]) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """TopoJSON's arcs: integers, each counted from the one before."""
    scale, move = atlas["transform"]["scale"], atlas["transform"]["translate"]
    for arc in atlas["arcs"]:
        x = y = 0
        before = None
        for right, up in arc:
            x, y = x + right, y + up
            point = x * scale[0] + move[0], y * scale[1] + move[1]
            if before is not None:
                yield before, point
            before = point


def _to_line(latitude: float, longitude: float, line: tuple[float, ...]) -> float:
    """On a plane that touches the globe at the place: exact enough for a few kilometres."""
    scale = math.cos(math.radians(latitude))
    x1, y1, x2, y2 = (
        (line[0] - longitude) * scale,
        line[1] - latitude,
        (line[2] - longitude) * scale,
        line[3] - latitude,
    )
    long, high = x2 - x1, y2 - y1
    length = long * long + high * high
    part = min(1.0, max(0.0, -(x1 * long + y1 * high) / length)) if length else 0.0
    return math.hypot(x1 + part * long, y1 + part * high) * KM_PER_DEGREE


def distance_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Along the surface."""
    one = GeoPoint(latitude=lat1, longitude=lon1)
    return one.km_to(GeoPoint(latitude=lat2, longitude=lon2))
