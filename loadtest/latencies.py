"""Latencies in an HDR histogram: 10 µs to 2 min, three significant digits."""

from collections import defaultdict
from typing import Final

from hdrh.histogram import HdrHistogram

SHORTEST_US: Final = 10
LONGEST_US: Final = 120_000_000
STEP_US: Final = 8
"""The finest that an HDR histogram from 10 µs on tells apart."""
STEPS_PER_SECOND: Final = 1_000_000 // STEP_US
MAX_RECENT: Final = 10_000
CURVE: Final = (0.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0)


class Latencies:
    """Records seconds, answers milliseconds. `digits` significant ones: two need a tenth of the
    memory of three."""

    def __init__(self, digits: int = 3) -> None:
        self._whole = HdrHistogram(SHORTEST_US, LONGEST_US, digits)
        self._recent: defaultdict[int, int] = defaultdict(int)

    def record(self, seconds: float) -> None:
        recent = self._recent
        recent[int(seconds * STEPS_PER_SECOND)] += 1
        if len(recent) > MAX_RECENT:
            self._settle()

    def _settle(self) -> HdrHistogram:
        """Bring what was counted into the histogram, which takes microseconds for each value: so
        once for all that are the same."""
        for step, count in self._recent.items():
            microseconds = min(LONGEST_US, max(SHORTEST_US, step * STEP_US))
            self._whole.record_value(microseconds, count)
        self._recent.clear()
        return self._whole

    def percentile_ms(self, percentile: float) -> float:
        """0.0 when nothing was recorded."""
        if not self.count:
            return 0.0
        microseconds = int(self._settle().get_value_at_percentile(percentile))
        return round(microseconds / 1000, 3)

    @property
    def count(self) -> int:
        return int(self._settle().get_total_count())

    def summary(self, prefix: str = "") -> dict[str, float]:
        """`p50_ms` … `max_ms`, each name after `prefix`."""
        points = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}
        return {prefix + name: self.percentile_ms(point) for name, point in points.items()}

    def curve(self) -> list[tuple[float, float]]:
        """Pairs of percentile and milliseconds, ascending; empty when nothing was recorded."""
        return [(point, self.percentile_ms(point)) for point in CURVE] if self.count else []

    def encoded(self) -> bytes:
        """As HdrHistogram's compressed V2 encoding, for another process."""
        data: bytes = self._settle().encode()
        return data

    def add_encoded(self, data: bytes) -> None:
        """Add what another process recorded."""
        self._whole.decode_and_add(data)
