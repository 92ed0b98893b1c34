"""What a client does when its socket has ended: the rules of §3.5 and §7, pure."""

import random
from dataclasses import dataclass
from typing import Final

FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0
SETTLED_AFTER: Final = 60.0
MAX_FAILED_RESUMES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one attempt ended. `code` None: no close frame came, or no connection at all.

    `lasted` is in seconds from `welcome`; 0 when none came.
    """

    code: int | None = None
    reason: str = ""
    resume_sent: bool = False
    welcomed: bool = False
    lasted: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Connect again `after` seconds."""

    after: float
    resume: bool = True
    new_token: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitUser:
    """Connect again, without resume, only when the user acts (4100, 4101)."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Never connect again by itself; show the reason (4300-4399)."""

    reason: str


class ReconnectPolicy:
    """Counts attempts and failed resumes, and decides the next step.

    Full jitter as in "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._attempts = 0
        self._failed_resumes = 0
        self._told_to_wait: float | None = None

    def draining(self, reconnect_after_ms: int, jitter_ms: int) -> None:
        """The server said when to come back: that wins over the backoff, once."""
        spread = self._rng.uniform(0, max(0, jitter_ms))
        self._told_to_wait = (max(0, reconnect_after_ms) + spread) / 1000

    def next_step(self, ended: Ended) -> Retry | AwaitUser | Stop:
        """What to do after `ended`."""
        self._count(ended)
        told, self._told_to_wait = self._told_to_wait, None
        code = ended.code or 1006
        if code >= 4300:
            return Stop(reason=ended.reason or f"closed with {code}")
        if 4100 <= code < 4200:
            return AwaitUser(reason=ended.reason or f"closed with {code}")
        wait = self._backoff() if told is None else told
        resume = self._failed_resumes < MAX_FAILED_RESUMES
        return Retry(after=wait, resume=resume, new_token=4200 <= code < 4300)

    def _count(self, ended: Ended) -> None:
        if ended.lasted >= SETTLED_AFTER:
            self._attempts = 0
        if ended.welcomed:
            self._failed_resumes = 0
        elif ended.resume_sent:
            self._failed_resumes += 1

    def _backoff(self) -> float:
        # 2⁶ · 0.5 s is past the longest wait: the power needs no more room than that.
        ceiling = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(self._attempts, 6))
        self._attempts += 1
        return self._rng.uniform(0, ceiling)
