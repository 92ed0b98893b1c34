"""The `IdempotencyKeys` port in memory."""

from dataclasses import dataclass

from core.errors import Rejected
from core.ports.clock import Clock
from core.ports.repositories import ABANDONED_AFTER, ANSWERS_FOR, Claim, StoredAnswer


@dataclass(slots=True)
class _Claimed:
    body_hash: bytes
    claimed_at: int
    answer: StoredAnswer | None = None


class MemoryIdempotencyKeys:
    """Answers in a dictionary."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._claims: dict[tuple[str, str], _Claimed] = {}

    async def begin(self, scope: str, key: str, body_hash: bytes) -> StoredAnswer | Claim:
        now = self._clock.now_ms()
        known = self._claims.get((scope, key))
        if known is None or now - known.claimed_at > _life(known):
            self._claims[scope, key] = _Claimed(body_hash, now)
            return Claim(scope=scope, key=key, at=now)
        if known.body_hash != body_hash:
            raise Rejected("conflict", "This idempotency key was used with another body.")
        if known.answer is None:
            raise Rejected("conflict", "The first call with this key is still being answered.")
        return known.answer

    async def finish(self, claim: Claim, answer: StoredAnswer) -> None:
        known = self._claims.get((claim.scope, claim.key))
        if known is not None and known.answer is None and known.body_hash == answer.body_hash:
            known.answer = answer

    async def abandon(self, claim: Claim) -> None:
        known = self._claims.get((claim.scope, claim.key))
        if known is not None and known.answer is None and known.claimed_at == claim.at:
            del self._claims[claim.scope, claim.key]


def _life(claim: _Claimed) -> float:
    """Milliseconds."""
    return 1_000 * (ABANDONED_AFTER if claim.answer is None else ANSWERS_FOR)
