"""Brings messages to actors that may crash over them: a few tries now, then the durable timers'."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

import structlog
import trio

from core.errors import Rejected, Resting
from core.ports.clock import Clock
from core.ports.durable_timers import MAX_NAME_LENGTH, DurableTimers, SetTimer
from core.reference import Ref
from protocol.addresses import Address
from protocol.codec import encode
from protocol.frames import Value

log = structlog.get_logger()

TRIES: Final = 3
TRY_AGAIN_AFTER: Final = 2.0
"""Seconds; far enough apart that trying is not what makes an actor give up."""
DELIVER_WITHIN: Final = 30.0
_HASHED_TO: Final = 32


def is_crash(refusal: Rejected) -> bool:
    """Whether an actor crashed, the one that was asked or one that it asked: who cannot even start is
    known by its rest alone."""
    return refusal.code == "internal" or isinstance(refusal, Resting)


class Delivery:
    """For couriers, whose others wait behind each message: one that makes its actor, or whom that asks,
    crash again and again becomes a durable timer of that actor's, due at once, which is repeated with
    backoff for ever.

    Borrows: references, timers, the clock. The actor must be idempotent, and read the message from
    `TimerDue.payload` too (MessagePack, at most 1 KiB).
    """

    def __init__(
        self, ref_to: Callable[[Address], Ref[Any]], timers: DurableTimers, clock: Clock
    ) -> None:
        self._ref_to, self._timers, self._clock = ref_to, timers, clock

    async def deliver(self, tenant_id: int, address: Address, message: Value, *, name: str) -> None:
        """Returns once the actor has answered, or refused for good (logged), or the message is put
        aside durably. `name`: of that timer; equal for equal messages to one actor.

        Raises `Rejected` that is temporary when actor or timers cannot be reached: come again.
        Cancelled, any of it may have happened.
        """
        for _ in range(TRIES):
            try:
                await self._ref_to(address).ask(message, timeout=DELIVER_WITHIN)
                return
            except Rejected as refusal:
                if is_crash(refusal):
                    await trio.sleep(TRY_AGAIN_AFTER)
                elif refusal.temporary:
                    raise
                else:
                    self._give_up(address, name, refusal)
                    return
        await self._put_aside(tenant_id, address, message, name)

    async def _put_aside(self, tenant_id: int, address: Address, message: Value, name: str) -> None:
        timer = SetTimer(
            tenant_id=tenant_id,
            address=address,
            name=_short(name),
            due_at=self._clock.now_ms(),
            payload=encode(message),
        )
        try:
            await self._timers.apply(timer)
        except Rejected as refusal:
            if refusal.temporary:
                raise
            # Its 64 timers are all set: this bug has met 64 messages already.
            self._give_up(address, name, refusal)
            return
        log.warning("delivery.put_aside", actor_kind=address.kind, key=address.key, name=name)

    def _give_up(self, address: Address, name: str, refusal: Rejected) -> None:
        log.error(
            "delivery.given_up",
            actor_kind=address.kind,
            key=address.key,
            name=name,
            code=refusal.code,
        )


def _short(name: str) -> str:
    """Itself, or its beginning and a hash of all of it where a timer's name may not be so long."""
    if len(name) <= MAX_NAME_LENGTH:
        return name
    hashed = sha256(name.encode()).hexdigest()[:_HASHED_TO]
    return f"{name[: MAX_NAME_LENGTH - _HASHED_TO - 1]}:{hashed}"
