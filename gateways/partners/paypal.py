"""PayPal behind the payments port: Orders v2 with `intent=AUTHORIZE`, each call that changes something made once.

A payment is an order. It is authorised in two halves: the first sends its owner to PayPal
(`action_required`), the second holds the money once they have agreed (`is_approved`). Sources: docs/paypal.md.
"""

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import httpx
import msgspec
import structlog
import trio

from core.errors import Unavailable
from core.ports.clock import Chance
from core.ports.payments import (
    AuthoriseResult,
    NotGenuine,
    NotOurs,
    OpenResult,
    PaymentCapabilities,
    RefundResult,
    TransferResult,
    Unfinished,
    WebhookNotice,
)
from gateways.partners import paypal_wire as wire
from gateways.partners.payment_outcomes import undeclined
from gateways.partners.paypal_calls import NAME, POLICY, PayPalCalls
from gateways.partners.paypal_errors import Ended
from gateways.partners.paypal_questions import Questions
from gateways.partners.paypal_settings import PayPalSettings
from gateways.partners.paypal_webhooks import event_of, notice_of, question, sent_along
from gateways.partners.resilience import GuardPolicy
from protocol.frames import Money
from protocol.ids import Millis
from protocol.payments import (
    Declined,
    PaymentReference,
    PaymentRefused,
    PaymentState,
    RefundMade,
)
from protocol.suppliers import NotSent, Unknown, Unsupported

T = TypeVar("T")

METHOD: Final = "paypal"
MAX_NOTE: Final = 127
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,36}\Z")
_ORDERS: Final = "/v2/checkout/orders"
_NOT_TAKEN: Final = PaymentRefused(kind="amount", detail="not an amount that PayPal takes")
_GONE: Final = PaymentRefused(kind="not_found", detail="no such order")

_log = structlog.get_logger("caravan.payments")


async def _anything(booking_id: str) -> bool:
    """Where nobody says which bookings are here, all may be."""
    await trio.lowlevel.checkpoint()
    return True


class PayPal:
    """Implements `core.ports.payments.Payments`. Owns: its `calls`, until `aclose`.

    `business_ms`: business time, by which honour periods are judged. `webhook_ids`: an event is genuine
    if PayPal says so of one of these. In sandbox mode the address comes by `calls.reach`. `is_ours`: whether a
    booking is here; `wall`: seconds since 1970.
    """

    name = NAME

    def __init__(
        self,
        settings: PayPalSettings,
        *,
        business_ms: Callable[[], Millis],
        chance: Chance,
        policy: GuardPolicy = POLICY,
        over: httpx.AsyncBaseTransport | None = None,
        is_ours: Callable[[str], Awaitable[bool]] = _anything,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._business_ms, self._wall = settings, business_ms, wall
        self._questions = Questions(is_ours)
        self.calls = PayPalCalls(settings, chance=chance, policy=policy, over=over)
        self.webhook_ids: tuple[str, ...] = (settings.webhook_id,) if settings.webhook_id else ()
        self.capabilities = PaymentCapabilities(
            holds_for=settings.honoured_for,
            replays_for=settings.replays_for,
            finds_by_reference=False,
            transfers=False,
            asks_first=True,
        )

    async def aclose(self) -> None:
        """Calls under way fail."""
        await self.calls.aclose()

    def statistics(self) -> Mapping[str, int | float]:
        """Of its calls."""
        return self.calls.statistics()

    def unit(self, currency: str) -> int | None:
        return self._settings.money.unit(currency)

    def least(self, currency: str) -> int:
        return self._settings.money.least(currency)

    def most(self, currency: str) -> int:
        return self._settings.money.most(currency)

    def takes_method(self, method: str) -> bool:
        """There is one: its owner chooses at PayPal's what stands behind it."""
        return method == METHOD

    async def open(
        self, amount: Money, reference: PaymentReference, *, note: str, key: str
    ) -> OpenResult:
        asked = self._settings.money.to_paypal(amount)
        if asked is None:
            return _NOT_TAKEN
        unit = {
            "reference_id": "default",
            "amount": asked,
            "custom_id": wire.custom_id(reference),
            "invoice_id": wire.custom_id(reference),
        }
        if note:
            unit["description"] = note[:MAX_NOTE]
        given = {"intent": "AUTHORIZE", "purchase_units": [unit]}
        return undeclined(await self.calls.change(_ORDERS, given, self._state, key=key))

    async def authorise(
        self, payment_id: str, method: str, *, return_url: str | None, key: str
    ) -> AuthoriseResult:
        """Of an order that waits for its owner: where they are to go. Of one that they approved: the
        money is held."""
        if not self.takes_method(method):
            return PaymentRefused(kind="method", detail="not PayPal")
        order = await self._order(payment_id)
        if not isinstance(order, wire.Order):
            return order
        state = wire.payment_state(order, self._settings)
        path = f"{_ORDERS}/{payment_id}"
        if state.status in ("captured", "cancelled"):
            return PaymentRefused(kind="state", detail=f"it is {state.status}")
        if state.is_approved:
            return await self.calls.change(f"{path}/authorize", {}, self._state, key=key)
        if state.status != "open":
            return state
        context: dict[str, Any] = {"shipping_preference": "NO_SHIPPING", "user_action": "PAY_NOW"}
        if return_url is not None:
            context |= {"return_url": return_url, "cancel_url": return_url}
        given = {"payment_source": {"paypal": {"experience_context": context}}}
        answer = await self.calls.change(f"{path}/confirm-payment-source", given, self._order_of)
        if not isinstance(answer, wire.Order):
            return answer
        # What is shown to who confirms is less than an order: it is read as it is now.
        confirmed = await self._order(payment_id)
        if not isinstance(confirmed, wire.Order):
            return Unknown(detail="its owner is asked, and where is not known")
        return wire.payment_state(confirmed, self._settings)

    async def capture(self, payment_id: str, amount: Money, *, key: str) -> OpenResult:
        """What is held no longer for certain is held anew first: PayPal honours three days of 29."""
        asked = self._settings.money.to_paypal(amount)
        if asked is None:
            return _NOT_TAKEN
        order = await self._order(payment_id)
        if not isinstance(order, wire.Order):
            return order
        state = wire.payment_state(order, self._settings)
        authorization = wire.authorization_of(order)
        if authorization is None:
            return PaymentRefused(kind="state", detail="nothing is held")
        if state.status == "authorized" and amount.amount > state.capturable:
            return PaymentRefused(kind="amount", detail="more than is held")
        id_ = authorization.id
        until = wire.honoured_until(authorization, self._settings)
        if state.status == "authorized" and until is not None and until <= self._business_ms():
            again = await self.calls.change(
                f"/v2/payments/authorizations/{id_}/reauthorize", {}, _payment, key=key
            )
            if isinstance(again, Unknown | NotSent):
                return again
            if isinstance(again, wire.Payment):
                id_ = again.id
        given = {"amount": asked, "final_capture": True}
        taken = await self.calls.change(
            f"/v2/payments/authorizations/{id_}/capture", given, _payment, key=key
        )
        return self._taken(state, taken)

    async def cancel(self, payment_id: str, *, key: str) -> OpenResult:
        """What is held is voided. An order that nobody authorised is marked: PayPal cannot close it, and
        without us nobody can authorise it; it ends by itself."""
        order = await self._order(payment_id)
        if not isinstance(order, wire.Order):
            return order
        state = wire.payment_state(order, self._settings)
        if state.status == "captured" or state.has_expired:
            return PaymentRefused(kind="state", detail=f"it is {state.status}")
        if state.status == "cancelled":
            return state
        cancelled = msgspec.structs.replace(
            state,
            status="cancelled",
            capturable=0,
            capture_before=None,
            action=None,
            is_approved=False,
        )
        authorization = wire.authorization_of(order)
        if authorization is not None:
            return undeclined(
                await self.calls.change(
                    f"/v2/payments/authorizations/{authorization.id}/void",
                    {},
                    lambda _: cancelled,
                    key=key,
                )
            )
        unit = wire.unit_of(order)
        mark = {
            "op": "replace" if unit.custom_id else "add",
            "path": f"/purchase_units/@reference_id=='{unit.reference_id}'/custom_id",
            "value": f"{unit.custom_id or ''}|{wire.CANCELLED}",
        }
        return undeclined(
            await self.calls.change(
                f"{_ORDERS}/{payment_id}", [mark], lambda _: cancelled, method="PATCH"
            )
        )

    async def refund(
        self, payment_id: str, amount: Money, *, reference: PaymentReference, key: str
    ) -> RefundResult:
        asked = self._settings.money.to_paypal(amount)
        if asked is None:
            return _NOT_TAKEN
        order = await self._order(payment_id)
        if not isinstance(order, wire.Order):
            return order
        taken = wire.capture_of(order)
        if taken is None:
            return PaymentRefused(kind="state", detail="nothing was captured")
        given = {"amount": asked, "custom_id": wire.custom_id(reference)}
        return undeclined(
            await self.calls.change(
                f"/v2/payments/captures/{taken.id}/refund", given, self._refund, key=key
            )
        )

    async def transfer(
        self, amount: Money, payee: str, *, booking_id: str, key: str
    ) -> TransferResult:
        """PayPal's payouts are another product, with another agreement."""
        await trio.lowlevel.checkpoint()
        return Unsupported()

    async def read(self, payment_id: str) -> PaymentState | None:
        order = await self._read(payment_id)
        if order is None:
            return None
        try:
            return wire.payment_state(order, self._settings)
        except ValueError as error:
            _log.error("payment not readable", provider=NAME, error=str(error)[:200])
            raise Unavailable from error

    async def find(self, booking_id: str, *, since: Millis) -> Sequence[PaymentState] | Unsupported:
        """PayPal lists no orders; what its transaction search shows, it shows hours later."""
        await trio.lowlevel.checkpoint()
        return Unsupported()

    async def verify_webhook(
        self, body: bytes, headers: Mapping[str, str]
    ) -> WebhookNotice | NotGenuine | NotOurs:
        """By asking PayPal, once what came looks like something of its about a booking of ours; `Unavailable` too
        before it is known by which webhook events come, and when there was too much about that booking."""
        if not self.webhook_ids:
            raise Unavailable
        await trio.lowlevel.checkpoint()
        event, along = event_of(body), sent_along(headers, round(self._wall() * 1_000))
        if event is None:
            return NotGenuine("malformed")
        if isinstance(along, NotGenuine):
            return along
        notice = notice_of(event)
        if not await self._questions.is_about_us(notice.reference):
            return NotOurs()
        self._questions.count_nowait(notice.reference)
        for webhook_id in self.webhook_ids:
            asked = question(body, along, webhook_id)
            verdict = await self.calls.ask(
                "/v1/notifications/verify-webhook-signature", asked, _verdict
            )
            if verdict is not None and verdict.verification_status == "SUCCESS":
                return notice
        return NotGenuine("signature")

    async def _order(self, payment_id: str) -> wire.Order | Unfinished:
        """As it is before anything is changed: what cannot be read is not touched."""
        try:
            order = await self._read(payment_id)
            if order is not None:
                wire.payment_state(order, self._settings)
        except (Unavailable, ValueError):
            return NotSent(detail="the order cannot be read")
        return _GONE if order is None else order

    async def _read(self, payment_id: str) -> wire.Order | None:
        if not _ID.match(payment_id):
            await trio.lowlevel.checkpoint()
            return None
        return await self.calls.read(f"{_ORDERS}/{payment_id}", _order)

    def _order_of(self, body: bytes) -> wire.Order:
        return _order(body)

    def _state(self, body: bytes) -> PaymentState:
        return wire.payment_state(_order(body), self._settings)

    def _taken(self, state: PaymentState, taken: wire.Payment | Ended) -> OpenResult:
        if isinstance(taken, Declined):
            return PaymentRefused(kind="lost", detail=f"declined: {taken.code}")
        if not isinstance(taken, wire.Payment):
            return taken
        if taken.status in ("DECLINED", "FAILED"):
            return PaymentRefused(kind="lost", detail=f"the capture is {taken.status}")
        if taken.status == "PENDING" or taken.amount is None:
            return Unknown(detail="the capture is not settled yet")
        amount = self._settings.money.from_paypal(taken.amount.value, taken.amount.currency_code)
        return msgspec.structs.replace(
            state,
            status="captured",
            captured=amount,
            capturable=0,
            capture_before=None,
            refunded=state.refunded,
        )

    def _refund(self, body: bytes) -> RefundMade | PaymentRefused:
        made = _payment(body)
        if made.status in wire.REFUND_OVER:
            return PaymentRefused(kind="state", detail=f"the refund is {made.status}")
        if made.amount is None:
            raise ValueError("a refund without an amount")
        amount = self._settings.money.from_paypal(made.amount.value, made.amount.currency_code)
        return RefundMade(refund_id=made.id, amount=amount, is_pending=made.status != "COMPLETED")


_order: Final = msgspec.json.Decoder(wire.Order).decode
_payment: Final = msgspec.json.Decoder(wire.Payment).decode
_verdict: Final = msgspec.json.Decoder(wire.Verdict).decode
