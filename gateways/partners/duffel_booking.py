"""The part of Duffel's `Inventory` that is about orders: what changes something is sent once."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from core.errors import Unavailable
from core.ports.clock import Clock
from core.ports.inventory import ConfirmResult
from gateways.partners import duffel_orders as orders
from gateways.partners import duffel_wire as wire
from gateways.partners.duffel_client import Done
from gateways.partners.duffel_errors import Proof, Refusal
from gateways.partners.duffel_reads import DuffelReads
from protocol.frames import Money
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
CANCELLATIONS: Final = "/air/order_cancellations"
UNSAID: Final = "the airline does not say what it gives back"
LOOKS_BACK_MS: Final = 14 * 86_400_000
"""No booking is open longer: an order that was made before is nobody's that we look for."""

_CHANGE_ID: Final = re.compile(r"aic_[0-9A-Za-z_]{1,60}")
_log = structlog.get_logger("caravan.partners")


class DuffelOrders(DuffelReads):
    """Of `gateways.partners.duffel.Duffel`. The breaker of reads is not asked by what changes something:
    whether an order is to be made is the saga's to decide, and one call more harms nobody."""

    _clock: Clock

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

    async def confirm(
        self, order_id: str, reference: str, *, at_most: Money | None = None
    ) -> ConfirmResult:
        """Pays from the balance what the order costs now: Duffel keeps its price for less long than its seats.
        What is paid already is paid once."""
        try:
            order = await self.get(order_id)
        except Unavailable:
            return NotSent(detail="what it costs cannot be read")
        if order is None or order.status == "cancelled" or order.total is None:
            return Refused(kind="expired", detail="there is no order to pay")
        if order.status in ("confirmed", "ticketed"):
            return order
        if at_most is not None and _is_dearer(order.total, at_most):
            return Refused(kind="price_changed", detail="it costs more by now", price=order.total)
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
        """What a paid one gave back that is cancelled stands in the order, or in its cancellation."""
        order = await self._order(order_id)
        if order is None:
            return None
        now = orders.state_of(order)
        if now.status != "cancelled" or now.returned is not None or not orders.was_paid(order):
            return now
        return msgspec.structs.replace(now, returned=await self._given_back(order_id))

    async def cancel(self, order_id: str, *, at_least: Money | None = None) -> CancelResult:
        """Quoted, then confirmed; a quote alone has cancelled nothing."""
        if not orders.is_order_id(order_id):
            return Refused(kind="invalid", detail="Duffel cancels no such order")
        body = orders.cancellation_body(order_id)
        quoted = await self._client.change(CANCELLATIONS, body)
        if not isinstance(quoted, Done):
            return await self._not_cancelled(quoted, order_id)
        try:
            quote = _cancellation(quoted.body).data
        except (ValueError, msgspec.MsgspecError):
            return Unknown(detail="a quote that cannot be read")
        too_little = _too_little(orders.refund_of(quote), at_least)
        if too_little is not None:
            return too_little
        path = f"{CANCELLATIONS}/{quote.id}/actions/confirm"
        confirmed = await self._client.change(path)
        if not isinstance(confirmed, Done):
            return await self._not_cancelled(confirmed, order_id)
        try:
            return Cancelled(refund=orders.refund_of(_cancellation(confirmed.body).data))
        except (ValueError, msgspec.MsgspecError):
            return Unknown(detail="a success that cannot be read")

    async def quote_refund(self, order_id: str) -> RefundQuoted | Refused | Unsupported:
        """A cancellation that nobody confirms. Duffel confirms only an order's latest: one that was quoted for
        `cancel` meanwhile is refused there."""
        if not orders.is_order_id(order_id):
            return Refused(kind="invalid", detail="Duffel cancels no such order")
        body = orders.cancellation_body(order_id)
        quoted = await self._read(lambda: self._client.post(CANCELLATIONS, {}, body), _cancellation)
        if isinstance(quoted, Refusal):
            return Refused(kind=quoted.kind, detail=f"{quoted.status} {quoted.code}")
        refund, expires_at = orders.refund_of(quoted.data), quoted.data.expires_at
        if refund is None:
            return Refused(kind="invalid", detail=UNSAID)
        return RefundQuoted(
            refund=refund,
            expires_at=None if expires_at is None else round(expires_at.timestamp() * 1_000),
        )

    async def accept_change(self, order_id: str, change_id: str) -> ConfirmResult | Unsupported:
        """The order is read first: of a change that was accepted nothing is sent, and only an order's latest
        change can be accepted."""
        try:
            order = await self._order(order_id)
        except Unavailable:
            return NotSent(detail="the order cannot be read")
        if order is None or orders.state_of(order).status == "cancelled":
            return Refused(kind="expired", detail="there is no order to change")
        if _is_accepted(order, change_id):
            return orders.state_of(order)
        waiting = orders.waiting_change(order)
        if waiting is None or waiting.id != change_id or not is_change_id(change_id):
            return Refused(kind="expired", detail="no such change waits to be accepted")
        changed = await self._client.change(
            f"/air/airline_initiated_changes/{change_id}/actions/accept"
        )
        if not isinstance(changed, Done):
            return _failed(changed)
        before = msgspec.structs.replace(orders.state_of(order), change_id=None)
        try:
            now = await self.get(order_id) or before
        except Unavailable:
            return before
        # Some are accepted by people at Duffel, and may look for a while as if nobody had.
        return msgspec.structs.replace(now, change_id=None) if now.change_id == change_id else now

    async def find(self, reference: str) -> Sequence[OrderState] | Unsupported:
        """The account's list, newest first, as far back as a booking may reach. Raises `Unavailable` also when
        the list is too long to be read."""
        found: list[OrderState] = []
        after: str | None = None
        for _ in range(MOST_PAGES):
            read = await self._page(after, reference)
            if isinstance(read, Refusal):
                raise Unavailable
            ours, after, last_made = read
            found += ours
            is_old = last_made is not None and last_made < self._clock.now_ms() - LOOKS_BACK_MS
            if after is None or is_old:
                return found
        _log.error("supplier needs somebody", supplier="duffel", error="a list of orders too long")
        raise Unavailable

    async def _order(self, order_id: str) -> wire.Order | None:
        """None: Duffel does not know it. Raises `Unavailable`."""
        if not orders.is_order_id(order_id):
            return None
        found = await self._read(
            lambda: self._client.get(f"/air/orders/{order_id}", {}), orders.read_order
        )
        if not isinstance(found, Refusal):
            return found
        if found.status == 404:
            return None
        raise Unavailable

    async def _given_back(self, order_id: str) -> Money | None:
        """By its confirmed cancellation; None: there is none that says it. Raises `Unavailable`."""
        params = {"order_id": order_id, "limit": str(PAGE)}
        found = await self._read(
            lambda: self._client.get(CANCELLATIONS, params),
            lambda answer: orders.confirmed_refund(answer, order_id),
        )
        return None if isinstance(found, Refusal) else found

    async def _page(
        self, after: str | None, reference: str
    ) -> tuple[list[OrderState], str | None, int | None] | Refusal:
        params = {"limit": str(PAGE)} | ({"after": after} if after else {})
        return await self._read(
            lambda: self._client.get("/air/orders", params),
            lambda answer: orders.page(answer, reference),
        )

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


def is_change_id(change_id: str) -> bool:
    """Whether it could stand in a path."""
    return _CHANGE_ID.fullmatch(change_id) is not None


def _is_accepted(order: wire.Order, change_id: str) -> bool:
    """Or on its way to be: some are accepted by people at Duffel."""
    return any(
        one.id == change_id
        and (one.action_taken == "accepted" or one.travel_agent_ticket is not None)
        for one in order.airline_initiated_changes or ()
    )


def _is_dearer(total: Money, at_most: Money) -> bool:
    """Another currency is another price."""
    return total.currency != at_most.currency or total.amount > at_most.amount


def _too_little(refund: Money | None, at_least: Money | None) -> Refused | None:
    """Another currency is no answer to what was promised."""
    if at_least is None or at_least.amount <= 0:
        return None
    if refund is None:
        return Refused(kind="invalid", detail=UNSAID)
    if refund.currency == at_least.currency and refund.amount >= at_least.amount:
        return None
    return Refused(kind="price_changed", detail="it would give back less", price=refund)


_payment: Final = msgspec.json.Decoder(wire.PaymentAnswer).decode
_cancellation: Final = msgspec.json.Decoder(wire.CancellationAnswer).decode
