"""How often a connection may ask, and how often it may be refused."""

from dataclasses import dataclass, field
from typing import Final

_LONG_AGO: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` in the long run, `burst` at once."""

    per_second: float
    burst: int
    every: float = field(init=False)
    tolerance: float = field(init=False)
    """Seconds between two, and how much earlier than that one may come."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "every", 1.0 / self.per_second)
        object.__setattr__(self, "tolerance", (self.burst - 1) * self.every)


class CommandRate:
    """GCRA (Virtual Scheduling, ITU-T I.371): one number, the theoretical arrival time."""

    __slots__ = ("_arrival", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._arrival = _LONG_AGO

    def take(self, now: float) -> float:
        """Count one command at `now` (seconds, monotonic). Returns 0.0, or the seconds after which
        the same command would pass; then nothing was counted."""
        arrival = max(self._arrival, now)
        early = arrival - now - self._rate.tolerance
        # Sums of thousandths drift; a nanosecond early is on time.
        if early > 1e-9:
            return early
        self._arrival = arrival + self._rate.every
        return 0.0


class RefusalCount:
    """Refusals in windows of `period` seconds."""

    __slots__ = ("_began_at", "_count", "_most", "_period")

    def __init__(self, most: int, period: float) -> None:
        self._most = most
        self._period = period
        self._began_at = _LONG_AGO
        self._count = 0

    def is_abuse(self, now: float) -> bool:
        """Count one refusal; whether it fills the window."""
        if now - self._began_at >= self._period:
            self._began_at, self._count = now, 0
        self._count += 1
        return self._count >= self._most
