"""The `IdempotencyKeys` port in memory."""

from dataclasses import dataclass

from core.errors import Rejected
from core.ports.clock import Clock
from core.ports.repositories import Claim, StoredAnswer


@dataclass(slots=True)
class _Claimed:
    body_hash: bytes
    claimed_at: int
    answer: StoredAnswer | None = None


class MemoryIdempotencyKeys:
    """Answers in a dictionary; durations in seconds."""

    def __init__(
        self, clock: Clock, *, abandoned_after: float = 120.0, kept_for: float = 7 * 86_400.0
    ) -> None:
        self._clock = clock
        self._abandoned_ms, self._kept_ms = int(abandoned_after * 1_000), int(kept_for * 1_000)
        self._claims: dict[tuple[str, str], _Claimed] = {}

    async def begin(self, scope: str, key: str, body_hash: bytes) -> StoredAnswer | Claim:
        now = self._clock.now_ms()
        known = self._claims.get((scope, key))
        if known is None or now - known.claimed_at > self._life(known):
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

    def _life(self, claim: _Claimed) -> int:
        return self._abandoned_ms if claim.answer is None else self._kept_ms
