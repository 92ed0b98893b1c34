"""Counting calls against a rate."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """One judged call. `retry_after` and `reset_after` in seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset_after: float
    retry_after: float


class RateLimits(Protocol):
    """GCRA (Virtual Scheduling, ITU-T I.371): one number per key; bounded in keys."""

    def take(self, key: str, *, limit: int, period: float, cost: int = 1) -> Allowance:
        """Count a call against `limit` per `period` seconds (burst: the whole limit)."""
