"""Events that somebody sends us unasked, from a delivery to the booking that looks again.

An event is never believed: it says where to look. So duplicates, old ones and wrong orders are harmless,
and all that must hold is that a genuine one wakes its booking at least once.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from core.ids import is_uuid
from core.ports.bookings import Bookings
from core.ports.clock import Clock
from core.ports.durable_timers import MAX_NAME_LENGTH, SetTimer
from core.ports.payments import NotGenuine
from core.ports.webhooks import (
    MAX_EVENT_ID,
    Received,
    WebhookEvent,
    WebhookReception,
    Webhooks,
)
from protocol.booking import BOOKING

TIMER: Final = "webhook"
"""How the names of the booking actor's timers begin that come of webhooks. The payload is MessagePack `{"paymentId": id}` or `{"orderId": id}`;
without one, anything may have changed."""

MAX_KIND: Final = 64


class Taking:
    """What all receptions do with a genuine event. Borrows: the stores."""

    def __init__(
        self, webhooks: Webhooks, bookings: Bookings, *, clock: Clock, tenant_id: int
    ) -> None:
        self._webhooks, self._bookings = webhooks, bookings
        self._clock, self._tenant_id = clock, tenant_id

    async def taken(
        self,
        provider: str,
        event_id: str,
        kind: str,
        *,
        booking_id: str | None,
        about: Literal["paymentId", "orderId"],
        subject: str | None,
    ) -> Received:
        """The event's id and its booking's timer are kept, both or neither. `booking_id` as somebody else says
        it; `subject`: the payment or the order. Raises as `Webhooks.take`."""
        if (
            booking_id is None
            or len(event_id) > MAX_EVENT_ID
            or not await is_here(self._bookings, self._tenant_id, booking_id)
        ):
            return "foreign"
        now = self._clock.now_ms()
        event = WebhookEvent(
            provider=provider, event_id=event_id, kind=kind[:MAX_KIND], received_at=now
        )
        timer = SetTimer(
            tenant_id=self._tenant_id,
            address=BOOKING.at(booking_id),
            name=timer_of(subject),
            due_at=now,
            payload=msgspec.msgpack.encode({about: subject}) if subject else None,
        )
        return "taken" if await self._webhooks.take(event, timer) else "known"


class Receptions:
    """Several as one: whoever knows the provider takes what it sends. Implements
    `core.ports.webhooks.WebhookReception`."""

    def __init__(self, *receptions: WebhookReception) -> None:
        self._receptions = receptions

    async def receive(
        self, provider: str, body: bytes, headers: Mapping[str, str]
    ) -> Received | NotGenuine | None:
        """As the port says."""
        for reception in self._receptions:
            verdict = await reception.receive(provider, body, headers)
            if verdict is not None:
                return verdict
        return None


async def is_here(bookings: Bookings, tenant_id: int, booking_id: str) -> bool:
    """Whether there is such a booking; of what is no id nobody is asked. Raises `Unavailable`."""
    if not is_uuid(booking_id):
        return False
    return await bookings.load(tenant_id, booking_id) is not None


def timer_of(subject: str | None) -> str:
    """One for each payment and order: what is said of another meanwhile takes nobody's place."""
    return TIMER if subject is None else f"{TIMER}:{subject}"[:MAX_NAME_LENGTH]
