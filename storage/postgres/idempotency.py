"""The `IdempotencyKeys` port over the table `idempotency_key`."""

from core.errors import Rejected
from core.ports.clock import Clock
from core.ports.repositories import ABANDONED_AFTER, ANSWERS_FOR, Claim, StoredAnswer
from storage.postgres.pool import Connection, Database


class PostgresIdempotencyKeys:
    """Answers as rows."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def begin(self, scope: str, key: str, body_hash: bytes) -> StoredAnswer | Claim:
        now = self._clock.now_ms()
        dead_before = now - int(ABANDONED_AFTER * 1_000)
        old_before = now - int(ANSWERS_FOR * 1_000)
        return await self._database.transaction(
            _begin, scope, key, body_hash, now=now, dead_before=dead_before, old_before=old_before
        )

    async def finish(self, claim: Claim, answer: StoredAnswer) -> None:
        await self._database.call(_finish, claim, answer)

    async def abandon(self, claim: Claim) -> None:
        await self._database.call(_abandon, claim)


async def _begin(
    connection: Connection,
    scope: str,
    key: str,
    body_hash: bytes,
    *,
    now: int,
    dead_before: int,
    old_before: int,
) -> StoredAnswer | Claim:
    claimed = await connection.fetchval(
        """INSERT INTO idempotency_key AS known (scope, key, body_hash, claimed_at)
           VALUES ($1, $2, $3, $4)
           ON CONFLICT (scope, key) DO UPDATE
               SET body_hash = $3, claimed_at = $4, status = NULL, body = NULL
               WHERE known.claimed_at < $6 OR (known.status IS NULL AND known.claimed_at < $5)
           RETURNING true""",
        scope,
        key,
        body_hash,
        now,
        dead_before,
        old_before,
    )
    if claimed is not None:
        return Claim(scope=scope, key=key, at=now)
    known = await connection.fetchrow(
        "SELECT body_hash, status, body FROM idempotency_key WHERE scope = $1 AND key = $2",
        scope,
        key,
    )
    if known is None:  # abandoned between the two statements
        raise Rejected("conflict", "The first call with this key is still being answered.")
    if known["body_hash"] != body_hash:
        raise Rejected("conflict", "This idempotency key was used with another body.")
    if known["status"] is None:
        raise Rejected("conflict", "The first call with this key is still being answered.")
    return StoredAnswer(body_hash=known["body_hash"], status=known["status"], body=known["body"])


async def _finish(connection: Connection, claim: Claim, answer: StoredAnswer) -> None:
    """A claim that another call has taken over meanwhile (with another body) is left alone."""
    await connection.execute(
        """UPDATE idempotency_key SET status = $4, body = $5
           WHERE scope = $1 AND key = $2 AND body_hash = $3 AND status IS NULL""",
        claim.scope,
        claim.key,
        answer.body_hash,
        answer.status,
        answer.body,
    )


async def _abandon(connection: Connection, claim: Claim) -> None:
    await connection.execute(
        """DELETE FROM idempotency_key
           WHERE scope = $1 AND key = $2 AND claimed_at = $3 AND status IS NULL""",
        claim.scope,
        claim.key,
        claim.at,
    )
