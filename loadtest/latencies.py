"""Latencies in the buckets of an HDR histogram: 10 µs to 2 min, three significant digits."""

import math
from array import array
from typing import Any, Final

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

SHORTEST_US: Final = 10
LONGEST_US: Final = 120_000_000
DIGITS: Final = 3
STEP_US: Final = 8
"""The finest that an HDR histogram from 10 µs on tells apart."""
STEPS_PER_SECOND: Final = 1_000_000 // STEP_US
HALF: Final = 10
"""Each doubling has 2**10 buckets, the first 2**11 steps one each: three digits."""
LINEAR: Final = 2 << HALF
LONGEST_STEPS: Final = LONGEST_US // STEP_US
CURVE: Final = (0.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0)


def bucket_of(steps: int) -> int:
    """Of so many times 8 µs."""
    if steps < LINEAR:
        return steps
    doublings = steps.bit_length() - HALF - 1
    return (doublings << HALF) + (steps >> doublings)


def limits_us(bucket: int) -> tuple[int, int]:
    """The least and the greatest microseconds that it counts."""
    doublings = max(0, (bucket >> HALF) - 1)
    first = (bucket - (doublings << HALF)) << doublings
    return first * STEP_US, ((first + (1 << doublings)) * STEP_US) - 1


BUCKETS: Final = bucket_of(LONGEST_STEPS) + 1


class Latencies:
    """Records seconds, answers milliseconds. Whatever it answers takes microseconds, so it may be asked
    while it is measured with: hdrh's own recording and its percentiles would hold the measured up."""

    def __init__(self) -> None:
        self._counts = array("I", bytes(4 * BUCKETS))

    def record(self, seconds: float) -> None:
        steps = int(seconds * STEPS_PER_SECOND)
        if not 0 < steps <= LONGEST_STEPS:
            steps = 1 if steps <= 0 else LONGEST_STEPS
        self._counts[bucket_of(steps)] += 1

    @property
    def count(self) -> int:
        return int(self._view().sum())

    def percentile_ms(self, percentile: float) -> float:
        """The greatest value of the bucket that it lies in, the least of the first one for 0, as
        `HdrHistogram.get_value_at_percentile`. 0.0 when nothing was recorded."""
        upto = np.cumsum(self._view(), dtype=np.int64)
        if not upto[-1]:
            return 0.0
        rank = max(1, math.floor(percentile / 100 * int(upto[-1]) + 0.5))
        limits = limits_us(int(np.searchsorted(upto, rank)))
        return round(min(LONGEST_US, max(SHORTEST_US, limits[percentile > 0])) / 1000, 3)

    def summary(self, prefix: str = "") -> dict[str, float]:
        """`p50_ms` … `max_ms`, each name after `prefix`."""
        points = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}
        return {prefix + name: self.percentile_ms(point) for name, point in points.items()}

    def curve(self) -> list[tuple[float, float]]:
        """Pairs of percentile and milliseconds, ascending; empty when nothing was recorded."""
        return [(point, self.percentile_ms(point)) for point in CURVE] if self.count else []

    def encoded(self) -> bytes:
        """As HdrHistogram's compressed V2 encoding, for another process or another reader."""
        whole = HdrHistogram(SHORTEST_US, LONGEST_US, DIGITS)
        for bucket in np.flatnonzero(self._view()).tolist():
            least, _ = limits_us(bucket)
            whole.record_value(max(SHORTEST_US, least), self._counts[bucket])
        data: bytes = whole.encode()
        return data

    def add_encoded(self, data: bytes) -> None:
        """Add what another process recorded. An HDR histogram of these limits counts in the same
        buckets, in the same order: its own iterators walk over them all, for 20 ms."""
        counts = np.ctypeslib.as_array(HdrHistogram.decode(data).counts)
        for bucket in np.flatnonzero(counts).tolist():
            self._counts[bucket] += int(counts[bucket])

    def add(self, other: "Latencies") -> None:
        view = self._view()
        view += other._view()

    def _view(self) -> NDArray[Any]:
        return np.frombuffer(self._counts, np.uint32)
