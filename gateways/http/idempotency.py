"""Idempotency-Key: a repeated call gets the first answer and has one effect.

Kept are answers of 2xx, 7 days, per user and route. A call that failed changed nothing, so its key
may be used again. Routes below `/auth` keep nothing: their answers are secrets and their bodies
hold passwords, which must not be at rest, not even hashed fast.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
import trio

from core.errors import Rejected
from core.ports.repositories import IdempotencyKeys, StoredAnswer
from core.texts import sentence
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.routes import Reply

FINISH_WITHIN: Final = 5.0
REPLAYED: Final = {"Idempotency-Replayed": "true"}

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}\Z")

log = structlog.get_logger("caravan.http")


def key_of(header: str | None) -> str | None:
    """The header's value. Raises `InvalidFields` when it is no key."""
    if header is not None and not _KEY.match(header):
        text = sentence("A key has 1 to 255 visible ASCII characters.")
        raise InvalidFields([FieldProblem("Idempotency-Key", text)])
    return header


def fingerprint(*parts: str | bytes) -> bytes:
    """What must be the same in a repeated call, as 32 bytes."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()


async def answer_once(
    store: IdempotencyKeys,
    scope: str,
    key: str,
    call_hash: bytes,
    produce: Callable[[], Awaitable[Reply]],
) -> Reply:
    """The stored answer, or that of `produce`, stored. Cancelled or failed before an answer, the
    key is free again. Raises what `produce` raises, and `Rejected("conflict")`."""
    begun = await store.begin(scope, key, call_hash)
    if isinstance(begun, StoredAnswer):
        return Reply(status=begun.status, body=begun.body, headers=REPLAYED)
    try:
        reply = await produce()
    except BaseException:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + FINISH_WITHIN):
            await _settle(store.abandon(begun))
        raise
    answer = StoredAnswer(body_hash=call_hash, status=reply.status, body=reply.body)
    with trio.CancelScope(shield=True, deadline=trio.current_time() + FINISH_WITHIN):
        await _settle(store.finish(begun, answer))
    return reply


async def _settle(settling: Awaitable[None]) -> None:
    try:
        await settling
    except Rejected as error:
        # The call itself is done: its answer goes out all the same.
        log.warning("idempotency key not settled", code=error.code)
