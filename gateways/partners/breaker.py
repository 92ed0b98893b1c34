"""When a supplier is left alone, and how often we may ask again: pure, time is a value in seconds."""

from dataclasses import dataclass
from typing import Literal

BreakerState = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """Open after `opens_after` failures in a row, for `first_pause` seconds; each probe that fails
    doubles the pause, up to `most_pause`."""

    opens_after: int = 5
    first_pause: float = 5.0
    most_pause: float = 120.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call, to be given back by exactly one of `succeeded`, `failed`, `abandoned`."""

    life: int
    is_probe: bool


class Breaker:
    """A circuit breaker with one probe at a time.

    Closed until too many calls in a row fail; then open, and nobody calls; after the pause the next
    call is the probe, and its outcome decides. What belongs to an earlier state counts no more: a call
    that began before the breaker opened can neither close it nor prolong its pause.
    """

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._life = 0
        self._failures = 0
        self._pause = 0.0
        self._open_until: float | None = None
        self._is_probing = False

    def state(self, now: float) -> BreakerState:
        """What the next call would find."""
        if self._open_until is None:
            return "closed"
        return "open" if now < self._open_until else "half_open"

    def wait_for(self, now: float) -> float:
        """Seconds until a call may be admitted; 0 when one may be, or when a probe is under way."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - now)

    def admit(self, now: float) -> Permit | None:
        """Leave to call; None while open, and beside a probe."""
        if self._open_until is None:
            return Permit(self._life, is_probe=False)
        if now < self._open_until or self._is_probing:
            return None
        self._is_probing = True
        return Permit(self._life, is_probe=True)

    def succeeded(self, permit: Permit) -> None:
        """The supplier answered, whatever it said."""
        if permit.life != self._life:
            return
        if permit.is_probe:
            self._life += 1
            self._open_until = None
            self._is_probing = False
            self._pause = 0.0
        self._failures = 0

    def failed(self, permit: Permit, now: float) -> None:
        """It did not answer, or not in its own language."""
        if permit.life != self._life:
            return
        self._failures += 1
        if permit.is_probe or self._failures >= self._policy.opens_after:
            self._open(now)

    def abandoned(self, permit: Permit) -> None:
        """Nobody waited for the outcome: it says nothing. The next call is the probe, if this was it."""
        if permit.life == self._life and permit.is_probe:
            self._is_probing = False

    def _open(self, now: float) -> None:
        self._pause = min(self._policy.most_pause, self._pause * 2 or self._policy.first_pause)
        self._life += 1
        self._open_until = now + self._pause
        self._is_probing = False
        self._failures = 0


class RetryBudget:
    """Retries are at most a share of the calls: a supplier in trouble is not asked twice as often.

    Each call earns `share` of a retry; `most` can be saved, and are there at the start.
    """

    def __init__(self, *, share: float, most: float) -> None:
        self._share, self._most, self._saved = share, most, most

    def earn(self) -> None:
        """A call is made for the first time."""
        self._saved = min(self._most, self._saved + self._share)

    def spend(self) -> bool:
        """Whether a call may be made again."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True
