"""Where events of suppliers of travel come in."""

import re
from collections.abc import Callable, Mapping
from typing import Final, assert_never

import structlog

from core.errors import Unavailable
from core.ports.bookings import Bookings
from core.ports.clock import Clock
from core.ports.payments import NotGenuine
from core.ports.webhooks import OrderEvents, OrderNotice, Received, Webhooks
from core.webhooks import Taking

_REFERENCE: Final = re.compile(r"CARAVAN SAGA (\S{36}) ")
_log = structlog.get_logger("caravan.partners")


class SupplierWebhooks:
    """Implements `core.ports.webhooks.WebhookReception`. Borrows: the stores. `suppliers`: who tells, by name,
    as they are now; None for one that is on and not there yet."""

    def __init__(
        self,
        suppliers: Callable[[], Mapping[str, OrderEvents | None]],
        webhooks: Webhooks,
        bookings: Bookings,
        *,
        clock: Clock,
        tenant_id: int,
    ) -> None:
        self._suppliers = suppliers
        self._taking = Taking(webhooks, bookings, clock=clock, tenant_id=tenant_id)
        self._counts = dict.fromkeys(("taken", "known", "foreign", "not_genuine"), 0)

    def statistics(self) -> Mapping[str, int | float]:
        """Since the start: events `taken`, `known` already, `foreign` (of nothing that is ours), and
        deliveries that were `not_genuine`."""
        return dict(self._counts)

    async def receive(
        self, provider: str, body: bytes, headers: Mapping[str, str]
    ) -> Received | NotGenuine | None:
        """As the port says."""
        telling = self._suppliers()
        if provider not in telling:
            return None
        supplier = telling[provider]
        if supplier is None:
            raise Unavailable
        match await supplier.verify_webhook(body, headers):
            case NotGenuine() as verdict:
                self._counts["not_genuine"] += 1
                _log.warning("webhook not genuine", provider=provider, reason=verdict.reason)
                return verdict
            case OrderNotice() as notice:
                received = await self._taken(supplier, notice)
                self._counts[received] += 1
                return received
            case never:
                assert_never(never)

    async def _taken(self, supplier: OrderEvents, notice: OrderNotice) -> Received:
        reference = notice.reference
        if reference is None and notice.order_id is not None:
            order = await supplier.get(notice.order_id)
            reference = order.reference if order else None
        return await self._taking.taken(
            supplier.name,
            notice.event_id,
            notice.kind,
            booking_id=booking_of(reference),
            about="orderId",
            subject=notice.order_id,
        )


def booking_of(reference: str | None) -> str | None:
    """Whose an order is, by the reference that we wrote into it; None: it is none of ours."""
    found = _REFERENCE.match(reference or "")
    return None if found is None else found[1]
