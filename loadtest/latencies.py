"""Latencies in an HDR histogram: 10 µs to 2 min, three significant digits."""

from typing import Final

from hdrh.histogram import HdrHistogram

LONGEST_US: Final = 120_000_000


class Latencies:
    """Records seconds, answers milliseconds."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(10, LONGEST_US, 3)

    def record(self, seconds: float) -> None:
        self._histogram.record_value(min(LONGEST_US, max(10, round(seconds * 1e6))))

    def percentile_ms(self, percentile: float) -> float:
        """0.0 when nothing was recorded."""
        if not self._histogram.get_total_count():
            return 0.0
        microseconds = int(self._histogram.get_value_at_percentile(percentile))
        return round(microseconds / 1000, 3)

    @property
    def count(self) -> int:
        return int(self._histogram.get_total_count())

    def summary(self, prefix: str = "") -> dict[str, float]:
        """`p50_ms` … `max_ms`, each name after `prefix`."""
        points = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}
        return {prefix + name: self.percentile_ms(point) for name, point in points.items()}
