"""Where events of payment providers come in."""

from collections.abc import Mapping
from typing import assert_never

import structlog

from core.ports.bookings import Bookings
from core.ports.clock import Clock
from core.ports.payments import NotGenuine, NotOurs, Payments, WebhookNotice
from core.ports.webhooks import Received, Webhooks
from core.webhooks import Taking

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
        self._taking = Taking(webhooks, bookings, clock=clock, tenant_id=tenant_id)
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
            case NotOurs():
                self._counts["foreign"] += 1
                return "foreign"
            case WebhookNotice() as notice:
                return await self.take(payments, notice)
            case never:
                assert_never(never)

    async def take(self, payments: Payments, notice: WebhookNotice) -> Received:
        """A genuine event, delivered or asked for. Raises as `receive`."""
        booking_id = await self._booking(payments, notice)
        received = await self._taking.taken(
            payments.name,
            notice.event_id,
            notice.kind,
            booking_id=booking_id,
            about="paymentId",
            subject=notice.payment_id,
        )
        self._counts[received] += 1
        if received == "taken" and booking_id and "dispute" in notice.kind.lower():
            self._tell_operators(payments, notice, booking_id)
        return received

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
        return None if reference is None else reference.booking_id
