"""Events of payment providers, from a delivery to the booking that looks again.

An event is never believed: it says where to look. So duplicates, old ones and wrong orders are harmless,
and all that must hold is that a genuine one wakes its booking at least once.
"""

import re
from collections.abc import Mapping
from typing import Final, assert_never

import msgspec
import structlog

from core.ports.bookings import Bookings
from core.ports.clock import Clock
from core.ports.durable_timers import MAX_NAME_LENGTH, SetTimer
from core.ports.payments import NotGenuine, Payments, WebhookNotice
from core.ports.webhooks import MAX_EVENT_ID, Received, WebhookEvent, Webhooks
from protocol.booking import BOOKING

TIMER: Final = "webhook"
"""How the names of the booking actor's timers begin that come of webhooks. The payload is MessagePack `{"paymentId": id}`; without one, any payment may
have changed."""

MAX_KIND: Final = 64
_BOOKING_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")

_log = structlog.get_logger("caravan.payments")


class PaymentWebhooks:
    """Implements `core.ports.webhooks.WebhookReception`. Borrows: the providers by name, the stores."""

    def __init__(
        self,
        providers: Mapping[str, Payments],
        webhooks: Webhooks,
        bookings: Bookings,
        *,
        clock: Clock,
        tenant_id: int,
    ) -> None:
        self._providers = providers
        self._webhooks, self._bookings = webhooks, bookings
        self._clock, self._tenant_id = clock, tenant_id
        kinds = ("taken", "known", "foreign", "not_genuine", "disputes")
        self._counts = dict.fromkeys(kinds, 0)

    def statistics(self) -> Mapping[str, int | float]:
        """Since the start: events `taken`, `known` already, `foreign` (of nothing that is ours), and
        deliveries that were `not_genuine`; `disputes`: payers whose bank wants their money back."""
        return dict(self._counts)

    async def receive(
        self, provider: str, body: bytes, headers: Mapping[str, str]
    ) -> Received | NotGenuine | None:
        """As the port says."""
        payments = self._providers.get(provider)
        if payments is None:
            return None
        match await payments.verify_webhook(body, headers):
            case NotGenuine() as verdict:
                self._counts["not_genuine"] += 1
                _log.warning("webhook not genuine", provider=provider, reason=verdict.reason)
                return verdict
            case WebhookNotice() as notice:
                return await self.take(payments, notice)
            case never:
                assert_never(never)

    async def take(self, payments: Payments, notice: WebhookNotice) -> Received:
        """A genuine event, delivered or asked for. Raises as `receive`."""
        received = await self._taken(payments, notice)
        self._counts[received] += 1
        return received

    async def _taken(self, payments: Payments, notice: WebhookNotice) -> Received:
        booking_id = await self._booking(payments, notice)
        if booking_id is None or len(notice.event_id) > MAX_EVENT_ID:
            return "foreign"
        now = self._clock.now_ms()
        event = WebhookEvent(
            provider=payments.name,
            event_id=notice.event_id,
            kind=notice.kind[:MAX_KIND],
            received_at=now,
        )
        payload = msgspec.msgpack.encode({"paymentId": notice.payment_id})
        timer = SetTimer(
            tenant_id=self._tenant_id,
            address=BOOKING.at(booking_id),
            name=timer_of(notice.payment_id),
            due_at=now,
            payload=payload if notice.payment_id else None,
        )
        if not await self._webhooks.take(event, timer):
            return "known"
        if "dispute" in notice.kind.lower():
            self._tell_operators(payments, notice, booking_id)
        return "taken"

    def _tell_operators(self, payments: Payments, notice: WebhookNotice, booking_id: str) -> None:
        """Nothing of it is done here: it is answered at the provider, by a person, within days."""
        self._counts["disputes"] += 1
        _log.error(
            "payment disputed",
            provider=payments.name,
            booking_id=booking_id,
            payment_id=notice.payment_id,
        )

    async def _booking(self, payments: Payments, notice: WebhookNotice) -> str | None:
        """Whose it is: as it says, or as its payment says."""
        reference = notice.reference
        if reference is None and notice.payment_id is not None:
            payment = await payments.read(notice.payment_id)
            reference = payment.reference if payment else None
        if reference is None or not _BOOKING_ID.match(reference.booking_id):
            return None
        known = await self._bookings.load(self._tenant_id, reference.booking_id)
        return reference.booking_id if known else None


def timer_of(payment_id: str | None) -> str:
    """One for each payment: what is said of another meanwhile takes nobody's place."""
    return TIMER if payment_id is None else f"{TIMER}:{payment_id}"[:MAX_NAME_LENGTH]
