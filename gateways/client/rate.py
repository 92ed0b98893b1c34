"""How often a connection may ask, and how often it may be refused."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` in the long run, `burst` at once."""

    per_second: float
    burst: int


class CommandRate:
    """GCRA (Virtual Scheduling, ITU-T I.371): one number, the theoretical arrival time."""

    __slots__ = ("_arrival", "_every", "_tolerance")

    def __init__(self, rate: Rate) -> None:
        self._every = 1.0 / rate.per_second
        self._tolerance = (rate.burst - 1) * self._every
        self._arrival = float("-inf")

    def take(self, now: float) -> float:
        """Count one command at `now` (seconds, monotonic). Returns 0.0, or the seconds after which
        the same command would pass; then nothing was counted."""
        arrival = max(self._arrival, now)
        early = arrival - now - self._tolerance
        # Sums of thousandths drift; a nanosecond early is on time.
        if early > 1e-9:
            return early
        self._arrival = arrival + self._every
        return 0.0


class RefusalCount:
    """Refusals in windows of `period` seconds."""

    __slots__ = ("_began_at", "_count", "_most", "_period")

    def __init__(self, most: int, period: float) -> None:
        self._most = most
        self._period = period
        self._began_at = float("-inf")
        self._count = 0

    def is_abuse(self, now: float) -> bool:
        """Count one refusal; whether it fills the window."""
        if now - self._began_at >= self._period:
            self._began_at, self._count = now, 0
        self._count += 1
        return self._count >= self._most
