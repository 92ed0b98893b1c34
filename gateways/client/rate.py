"""How often a connection may ask, and how often it may be refused.

`gc=False`: they hold numbers alone, so the collector need not walk over two for each connection.
"""

from dataclasses import dataclass, field
from typing import Final

import msgspec

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


class CommandRate(msgspec.Struct, gc=False):
    """GCRA (Virtual Scheduling, ITU-T I.371): one number, the theoretical arrival time."""

    rate: Rate
    arrival: float = _LONG_AGO

    def take(self, now: float) -> float:
        """Count one command at `now` (seconds, monotonic). Returns 0.0, or the seconds after which
        the same command would pass; then nothing was counted."""
        arrival = max(self.arrival, now)
        early = arrival - now - self.rate.tolerance
        # Sums of thousandths drift; a nanosecond early is on time.
        if early > 1e-9:
            return early
        self.arrival = arrival + self.rate.every
        return 0.0


class RefusalCount(msgspec.Struct, gc=False):
    """Refusals in windows of `period` seconds."""

    most: int
    period: float
    began_at: float = _LONG_AGO
    count: int = 0

    def is_abuse(self, now: float) -> bool:
        """Count one refusal; whether it fills the window."""
        if now - self.began_at >= self.period:
            self.began_at, self.count = now, 0
        self.count += 1
        return self.count >= self.most
