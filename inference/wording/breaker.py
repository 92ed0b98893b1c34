"""When a rung is left alone: pure, time is a value in seconds.

A supplier's breaker (`gateways/partners/breaker.py`) counts failures in a row and waits longer each time.
A model in this process fails otherwise: a share of its replies comes too late under load, while others
still come; and it is tried again at a fixed pace, because a try costs 150 ms of one reply and no money.
"""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, Literal

Ending = Literal["done", "error", "expired"]
BreakerState = Literal["closed", "open", "half_open"]

MOST_KEPT: Final = 1_024
"""Endings in a window; the oldest make way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """Open after `most_errors` within `window` seconds, or when `most_expired` of what ended in it came
    too late, of `least_calls` at least; then a probe every `probe_every` seconds."""

    window: float = 10.0
    most_errors: int = 5
    most_expired: float = 0.5
    least_calls: int = 6
    probe_every: float = 2.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to try the rung once, to be given back by exactly one of `ended` and `abandoned`."""

    life: int
    is_probe: bool


class Breaker:
    """A circuit breaker over a window of time, with one probe at a time. What began before it opened
    changes nothing any more."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._life = 0
        self._endings: deque[tuple[float, Ending]] = deque()
        self._counts: Counter[Ending] = Counter()
        self._probe_at: float | None = None
        self._is_probing = False

    def state(self, now: float) -> BreakerState:
        """What the next try would find."""
        if self._probe_at is None:
            return "closed"
        return "open" if now < self._probe_at else "half_open"

    def admit(self, now: float) -> Permit | None:
        """Leave to try; None while open, and beside a probe."""
        if self._probe_at is None:
            return Permit(self._life, is_probe=False)
        if now < self._probe_at or self._is_probing:
            return None
        self._is_probing = True
        return Permit(self._life, is_probe=True)

    def ended(self, permit: Permit, ending: Ending, now: float) -> None:
        """What became of it."""
        if permit.life != self._life:
            return
        if permit.is_probe:
            self._begin_life(None if ending == "done" else now + self._policy.probe_every)
            return
        self._endings.append((now, ending))
        self._counts[ending] += 1
        while self._endings[0][0] <= now - self._policy.window or len(self._endings) > MOST_KEPT:
            _, forgotten = self._endings.popleft()
            self._counts[forgotten] -= 1
        if self._is_too_much():
            self._begin_life(now + self._policy.probe_every)

    def abandoned(self, permit: Permit) -> None:
        """Nobody waited for the end, or there was no place: it says nothing. The next try is the
        probe, if this was it."""
        if permit.life == self._life and permit.is_probe:
            self._is_probing = False

    def _is_too_much(self) -> bool:
        if self._counts["error"] >= self._policy.most_errors:
            return True
        calls = len(self._endings)
        share = self._counts["expired"] / calls
        return calls >= self._policy.least_calls and share >= self._policy.most_expired

    def _begin_life(self, probe_at: float | None) -> None:
        self._life += 1
        self._endings.clear()
        self._counts.clear()
        self._probe_at, self._is_probing = probe_at, False
