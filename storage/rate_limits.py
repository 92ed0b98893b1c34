"""GCRA in this process: one number per key, bounded in keys."""

import heapq
import math
from typing import Final

from core.ports.clock import Clock
from core.ports.rate_limits import Allowance

MAX_KEYS: Final = 100_000


class ProcessRateLimits:
    """The `RateLimits` port (ITU-T I.371, Virtual Scheduling).

    A key's number is the time at which it will be fully recovered. When all places are taken, the
    key nearest to that goes: first those that are recovered, which nobody can tell from new ones.
    """

    def __init__(self, clock: Clock, *, max_keys: int = MAX_KEYS) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._recovered_at: dict[str, float] = {}
        self._by_recovery: list[tuple[float, str]] = []  # one entry per key, maybe too early
        self._taken = self._refused = self._evicted = 0

    def take(self, key: str, *, limit: int, period: float, cost: int = 1) -> Allowance:
        """As the port says. A key belongs to one rate."""
        now = self._clock.monotonic()
        spacing = period / limit
        start = max(self._recovered_at.get(key, now), now)
        end = start + cost * spacing
        over = end - (now + period)
        if over > spacing * 1e-6:  # sums of floats, not a real excess
            self._refused += 1
            return _allowance(False, limit, start - now, spacing, retry_after=over)
        self._taken += 1
        self._remember(key, end)
        return _allowance(True, limit, end - now, spacing, retry_after=0.0)

    def _remember(self, key: str, recovered_at: float) -> None:
        if key not in self._recovered_at:
            if len(self._recovered_at) >= self._max_keys:
                self._evict()
            heapq.heappush(self._by_recovery, (recovered_at, key))
        self._recovered_at[key] = recovered_at

    def _evict(self) -> None:
        """Each too early entry is put right once per use of its key, so this is cheap on average."""
        while True:
            entered, key = self._by_recovery[0]
            actual = self._recovered_at[key]
            if entered == actual:
                break
            heapq.heapreplace(self._by_recovery, (actual, key))
        heapq.heappop(self._by_recovery)
        del self._recovered_at[key]
        self._evicted += 1

    def statistics(self) -> dict[str, int | float]:
        """`keys` held, calls `taken` and `refused`, keys `evicted`."""
        return {
            "keys": len(self._recovered_at),
            "taken": self._taken,
            "refused": self._refused,
            "evicted": self._evicted,
        }


def _allowance(
    allowed: bool, limit: int, debt: float, spacing: float, *, retry_after: float
) -> Allowance:
    """`debt`: seconds until the key is fully recovered."""
    used = math.ceil(debt / spacing - 1e-6)
    return Allowance(
        allowed=allowed,
        limit=limit,
        remaining=max(0, limit - used),
        reset_after=debt,
        retry_after=retry_after,
    )
