"""Latencies in an HDR histogram: 10 µs to 2 min, three significant digits."""

from typing import Final

from hdrh.histogram import HdrHistogram

SHORTEST_US: Final = 10
LONGEST_US: Final = 120_000_000
CURVE: Final = (0.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0)


class Latencies:
    """Records seconds, answers milliseconds. `digits` significant ones: two need a tenth of the
    memory of three."""

    def __init__(self, digits: int = 3) -> None:
        self._histogram = HdrHistogram(SHORTEST_US, LONGEST_US, digits)

    def record(self, seconds: float) -> None:
        microseconds = round(seconds * 1e6)
        self._histogram.record_value(min(LONGEST_US, max(SHORTEST_US, microseconds)))

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

    def curve(self) -> list[tuple[float, float]]:
        """Pairs of percentile and milliseconds, ascending; empty when nothing was recorded."""
        return [(point, self.percentile_ms(point)) for point in CURVE] if self.count else []

    def encoded(self) -> bytes:
        """As HdrHistogram's compressed V2 encoding, for another process."""
        data: bytes = self._histogram.encode()
        return data

    def add_encoded(self, data: bytes) -> None:
        """Add what another process recorded."""
        self._histogram.decode_and_add(data)
