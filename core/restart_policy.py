"""How often something may crash, and how long it waits before it lives again."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_DOUBLINGS: Final = 64
"""After so many, every wait has long been the longest; a float ends at 1,023."""


class Restart(StrEnum):
    """OTP's restart types (erlang.org, Supervisor Behaviour, "Child Specification").

    Permanent: always started again. Transient: only after a crash. Temporary: never, not even when a
    sibling's crash was what stopped it.
    """

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartIntensity:
    """At most `intensity` restarts within `period` seconds; then the failure escalates.

    The n-th restart in the period waits `backoff_first * 2**(n-1)`, at most `backoff_most`
    seconds, times a random factor in [0.5, 1].
    """

    intensity: int = 3
    period: float = 5.0
    backoff_first: float = 0.05
    backoff_most: float = 5.0

    def counts(self, crashed_at: float, now: float) -> bool:
        """Whether a crash still adds up with one that happens now: to the end of the period."""
        return now - crashed_at <= self.period

    def delay(self, crashes: int, jitter: float) -> float:
        """Seconds before restart number `crashes` (from 1), with `jitter` in [0, 1)."""
        most = self.backoff_first * 2.0 ** min(crashes - 1, _DOUBLINGS)
        return min(most, self.backoff_most) * (0.5 + 0.5 * jitter)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy(RestartIntensity):
    """What restarts one actor: nobody shares its intensity."""

    restart: Restart = Restart.PERMANENT
