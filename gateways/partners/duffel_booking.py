"""The part of Duffel's `Inventory` that is about orders: what changes something is sent once."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
import structlog

from core.errors import Unavailable
from core.ports.clock import Clock
from core.ports.inventory import ConfirmResult
from gateways.partners import duffel_orders as orders
from gateways.partners import duffel_wire as wire
from gateways.partners.duffel_client import Done, DuffelClient
from gateways.partners.duffel_errors import Proof, Refusal
from protocol.frames import Money
from protocol.money import money
from protocol.suppliers import (
    Cancelled,
    CancelResult,
    Created,
    HoldResult,
    NotSent,
    RefundQuoted,
    Refused,
    Unknown,
    Unsupported,
)
from protocol.travel import OrderState, SupplierOffer, Traveller

PAGE: Final = 200
MOST_PAGES: Final = 50
LOOKS_BACK_MS: Final = 14 * 86_400_000
"""No booking is open longer: an order that was made before is nobody's that we look for."""

_log = structlog.get_logger("caravan.partners")


class DuffelOrders:
    """Of `gateways.partners.duffel.Duffel`. The breaker of reads is not asked by what changes something:
    whether an order is to be made is the saga's to decide, and one call more harms nobody."""

    _clock: Clock
    _client: DuffelClient
    _read: Callable[..., Awaitable[Any]]

    async def hold(
        self, priced: SupplierOffer, travellers: Sequence[Traveller], reference: str
    ) -> HoldResult:
        """An offer that cannot be held is bought, from the balance. An order that Duffel takes and makes later
        (202) is `pending`."""
        try:
            body = orders.order_body(priced, travellers, reference)
        except ValueError as error:
            return Refused(kind="invalid", detail=str(error))
        changed = await self._client.change("/air/orders", body)
        if not isinstance(changed, Done):
            return _failed(changed)
        try:
            return Created(order=orders.order_state(changed.body, is_accepted=changed.is_accepted))
        except (ValueError, msgspec.MsgspecError):
            return Unknown(detail="a success that cannot be read")

    async def confirm(self, order_id: str, reference: str) -> ConfirmResult:
        """Pays from the balance what the order costs now. What is paid already is paid once."""
        try:
            order = await self.get(order_id)
        except Unavailable:
            return NotSent(detail="what it costs cannot be read")
        if order is None or order.status == "cancelled" or order.total is None:
            return Refused(kind="expired", detail="there is no order to pay")
        if order.status in ("confirmed", "ticketed"):
            return order
        body = orders.payment_body(order_id, order.total)
        changed = await self._client.change("/air/payments", body)
        if isinstance(changed, Proof) and changed.code == "already_paid":
            return await self._afterwards(order)
        if not isinstance(changed, Done):
            return _failed(changed)
        try:
            paid = _payment(changed.body).data
        except (ValueError, msgspec.MsgspecError):
            return Unknown(detail="a success that cannot be read")
        if paid.status == "failed":
            return Refused(
                kind="invalid", detail=f"the payment failed: {paid.failure_reason}"[:200]
            )
        return await self._afterwards(order)

    async def get(self, order_id: str) -> OrderState | None:
        if not orders.is_order_id(order_id):
            return None
        found = await self._read(
            lambda: self._client.get(f"/air/orders/{order_id}", {}), orders.order_state
        )
        if not isinstance(found, Refusal):
            return found  # type: ignore[no-any-return]
        if found.status == 404:
            return None
        raise Unavailable

    async def cancel(self, order_id: str, *, at_least: Money | None = None) -> CancelResult:
        """Quoted, then confirmed; a quote alone has cancelled nothing."""
        if not orders.is_order_id(order_id):
            return Refused(kind="invalid", detail="Duffel cancels no such order")
        body = orders.cancellation_body(order_id)
        quoted = await self._client.change("/air/order_cancellations", body)
        if not isinstance(quoted, Done):
            return await self._not_cancelled(quoted, order_id)
        try:
            quote = _cancellation(quoted.body).data
        except (ValueError, msgspec.MsgspecError):
            return Unknown(detail="a quote that cannot be read")
        path = f"/air/order_cancellations/{quote.id}/actions/confirm"
        confirmed = await self._client.change(path)
        if not isinstance(confirmed, Done):
            return await self._not_cancelled(confirmed, order_id)
        try:
            return Cancelled(refund=_refund(_cancellation(confirmed.body).data))
        except (ValueError, msgspec.MsgspecError):
            return Unknown(detail="a success that cannot be read")

    async def quote_refund(self, order_id: str) -> RefundQuoted | Refused | Unsupported:
        return Unsupported()

    async def accept_change(self, order_id: str, change_id: str) -> ConfirmResult | Unsupported:
        return Unsupported()

    async def find(self, reference: str) -> Sequence[OrderState] | Unsupported:
        """The account's list, newest first, as far back as a booking may reach. Raises `Unavailable` also when
        the list is too long to be read."""
        found: list[OrderState] = []
        after: str | None = None
        for _ in range(MOST_PAGES):
            params = {"limit": str(PAGE)} | ({"after": after} if after else {})
            read = await self._read(
                lambda params=params: self._client.get("/air/orders", params),
                lambda answer: orders.page(answer, reference),
            )
            if isinstance(read, Refusal):
                raise Unavailable
            ours, after, last_made = read
            found += ours
            is_old = last_made is not None and last_made < self._clock.now_ms() - LOOKS_BACK_MS
            if after is None or is_old:
                return found
        _log.error("supplier needs somebody", supplier="duffel", error="a list of orders too long")
        raise Unavailable

    async def _afterwards(self, order: OrderState) -> OrderState:
        """A paid order, as it is now if that can be read."""
        try:
            now = await self.get(order.order_id)
        except Unavailable:
            now = None
        return now or msgspec.structs.replace(order, status="confirmed", hold_until=None)

    async def _not_cancelled(
        self, why: Proof | NotSent | Unknown, order_id: str
    ) -> Cancelled | Refused | NotSent | Unknown:
        if not isinstance(why, Proof):
            return why
        if why.code in ("already_cancelled", "not_found"):
            return Cancelled(was_gone=True)
        if why.code == "order_not_cancellable":  # also said of one whose time to pay is over
            try:
                order = await self.get(order_id)
            except Unavailable:
                return Unknown(detail=why.refused.detail)
            if order is None or order.status == "cancelled":
                return Cancelled(was_gone=True)
        return why.refused


def _failed(changed: Proof | NotSent | Unknown) -> Refused | NotSent | Unknown:
    return changed.refused if isinstance(changed, Proof) else changed


def _refund(quote: wire.Cancellation) -> Money | None:
    try:
        return money(quote.refund_amount or "", quote.refund_currency or "")
    except ValueError:
        return None


_payment: Final = msgspec.json.Decoder(wire.PaymentAnswer).decode
_cancellation: Final = msgspec.json.Decoder(wire.CancellationAnswer).decode
