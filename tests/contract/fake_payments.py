"""A payment provider in memory: a pure core that tells what a provider would do, and the port on top.

As strict as the real one (APIS §7): a key is answered for 24 hours as the first call was and executes
anew after that; an authorisation ends by the business clock; a payment is captured once.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import trio

from core.errors import Unavailable
from core.ports.payments import (
    AuthoriseResult,
    NotGenuine,
    OpenResult,
    PaymentCapabilities,
    RefundResult,
    TransferResult,
    WebhookNotice,
)
from protocol.booking import PaymentAction
from protocol.frames import Money
from protocol.money import exponent
from protocol.payments import (
    Declined,
    PaymentReference,
    PaymentRefused,
    PaymentState,
    PaymentStatus,
    RefundMade,
    TransferMade,
)
from protocol.suppliers import Unsupported

HOUR_MS = 3_600_000
HOLDS_FOR_MS = 7 * 24 * HOUR_MS
REPLAYS_FOR_MS = 24 * HOUR_MS
ACTION_FOR_MS = HOUR_MS
DECLINES: Mapping[str, Declined] = {
    "pm_card_chargeDeclined": Declined(code="card_declined"),
    "pm_card_visa_chargeDeclined": Declined(code="card_declined"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": Declined(code="insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": Declined(code="card_lost_or_stolen", is_final=True),
    "pm_card_visa_chargeDeclinedStolenCard": Declined(code="card_lost_or_stolen", is_final=True),
    "pm_card_chargeDeclinedExpiredCard": Declined(code="expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": Declined(code="incorrect_details"),
    "pm_card_chargeDeclinedProcessingError": Declined(code="processing_error"),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": Declined(code="limit_exceeded"),
    "pm_card_chargeCustomerFail": Declined(code="card_declined"),
}
"""By alias (APIS §7.6)."""
ASKING = {
    "pm_card_authenticationRequired",
    "pm_card_threeDSecure2Required",
    "pm_card_authenticationRequiredOnSetup",
}
"""Aliases that need their owner's action."""
TAKING = {
    "pm_card_visa",
    "pm_card_mastercard",
    "pm_card_amex",
    "pm_card_visa_debit",
    "pm_card_createDispute",
    "pm_card_refundFail",
}
LEAST: Mapping[str, int] = {"EUR": 50, "USD": 50, "GBP": 30, "JPY": 50, "KWD": 500}

Heard = Callable[[str, str], None]
Answer = TypeVar("Answer")


@dataclass(slots=True)
class Payment:
    """As the provider keeps it."""

    id: str
    amount: Money
    reference: PaymentReference
    made_at: int
    status: PaymentStatus = "open"
    capturable: int = 0
    captured: int = 0
    refunded: int = 0
    capture_before: int | None = None
    method: str = ""
    decline: Declined | None = None
    action: PaymentAction | None = None
    has_expired: bool = False
    refund_failed: bool = False
    refunds: dict[str, int] = field(default_factory=dict)

    @property
    def net(self) -> int:
        """What the payer has paid, in the end."""
        return self.captured - self.refunded


@dataclass(slots=True)
class _Kept:
    """What a key was answered."""

    arguments: object
    answer: object
    at: int


class PaymentsCore:
    """The provider itself, synchronous. `now`: business time in ms. `heard(kind, payment_id)` is called
    after each change: what a webhook would say.

    Owns: payments, keys, transfers.
    """

    def __init__(self, now: Callable[[], int], heard: Heard | None = None) -> None:
        self._now = now
        self._heard = heard or (lambda kind, payment_id: None)
        self._kept: dict[str, _Kept] = {}
        self.payments: dict[str, Payment] = {}
        self.transfers: dict[str, TransferMade] = {}
        self.calls = 0

    # ── what the port asks ──

    def open(self, amount: Money, reference: PaymentReference, *, key: str) -> OpenResult:
        if amount.amount < least(amount.currency) or amount.amount % (unit(amount.currency) or 1):
            return PaymentRefused(kind="amount", detail="amount_too_small")
        if amount.amount > most(amount.currency):
            return PaymentRefused(kind="amount", detail="amount_too_large")
        return self._once(key, ("open", amount, reference), lambda: self._open(amount, reference))

    def authorise(self, payment_id: str, method: str, *, key: str) -> AuthoriseResult:
        def work() -> AuthoriseResult:
            return self._authorise(payment_id, method)

        return self._once(key, ("authorise", payment_id, method), work)

    def capture(self, payment_id: str, amount: Money, *, key: str) -> OpenResult:
        def work() -> OpenResult:
            return self._capture(payment_id, amount)

        return self._once(key, ("capture", payment_id, amount), work)

    def cancel(self, payment_id: str, *, key: str) -> OpenResult:
        return self._once(key, ("cancel", payment_id), lambda: self._cancel(payment_id))

    def refund(
        self, payment_id: str, amount: Money, *, reference: PaymentReference, key: str
    ) -> RefundResult:
        def work() -> RefundResult:
            return self._refund(payment_id, amount)

        return self._once(key, ("refund", payment_id, amount, reference), work)

    def transfer(self, amount: Money, payee: str, *, booking_id: str, key: str) -> TransferResult:
        def work() -> TransferResult:
            made = TransferMade(transfer_id=f"tr_{len(self.transfers) + 1}", amount=amount)
            self.transfers[made.transfer_id] = made
            return made

        return self._once(key, ("transfer", amount, payee, booking_id), work)

    def read(self, payment_id: str) -> PaymentState | None:
        payment = self._payment(payment_id)
        return None if payment is None else _state(payment)

    def find(self, booking_id: str, *, since: int) -> list[PaymentState]:
        """By when they were made. Whole seconds, as Stripe's `created` is."""
        return [
            _state(payment)
            for payment in map(self._aged, self.payments.values())
            if payment.reference.booking_id == booking_id
            and payment.made_at >= since // 1000 * 1000
        ]

    # ── what happens to it from outside ──

    def finish_action(self, payment_id: str, *, ok: bool) -> None:
        """The owner of the card said yes or no at the provider's page."""
        payment = self._payment(payment_id)
        if payment is None or payment.status != "action_required":
            return
        payment.action = None
        if ok:
            self._hold(payment)
        else:
            self._declined(payment, Declined(code="authentication_failed"))

    def expire(self, payment_id: str) -> None:
        """The authorisation is over, whatever it said."""
        payment = self._payment(payment_id)
        if payment is not None and payment.status == "authorized":
            payment.capture_before = self._now()
            self._aged(payment)

    def fail_refunds(self, payment_id: str) -> None:
        """All refunds of it come back: the money is ours again, and the payer still waits."""
        payment = self.payments[payment_id]
        if payment.refunds:
            payment.refunded = 0
            payment.refunds.clear()
            payment.refund_failed = True
            self._heard("refund.failed", payment_id)

    def forget_keys(self) -> None:
        """As if they were older than 24 hours."""
        self._kept.clear()

    # ── how it works ──

    def _once(self, key: str, arguments: object, work: Callable[[], Answer]) -> Answer:
        kept = self._kept.get(key)
        if kept is not None and self._now() - kept.at < REPLAYS_FOR_MS:
            if kept.arguments != arguments:
                return PaymentRefused(kind="config", detail="idempotency_error")  # type: ignore[return-value]
            return kept.answer  # type: ignore[return-value]
        self.calls += 1
        answer = work()
        self._kept[key] = _Kept(arguments, answer, self._now())
        return answer

    def _open(self, amount: Money, reference: PaymentReference) -> OpenResult:
        payment = Payment(
            id=f"pi_{len(self.payments) + 1}",
            amount=amount,
            reference=reference,
            made_at=self._now() // 1000 * 1000,
        )
        self.payments[payment.id] = payment
        self._heard("payment_intent.created", payment.id)
        return _state(payment)

    def _authorise(self, payment_id: str, method: str) -> AuthoriseResult:
        payment = self._payment(payment_id)
        if payment is None:
            return PaymentRefused(kind="not_found")
        if payment.status not in ("open", "action_required"):
            return PaymentRefused(kind="state", detail="payment_intent_unexpected_state")
        if method not in TAKING | ASKING | DECLINES.keys():
            return PaymentRefused(kind="method", detail="resource_missing")
        payment.method, payment.decline, payment.action = method, None, None
        if method in DECLINES:
            return self._declined(payment, DECLINES[method])
        if method in ASKING:
            payment.status = "action_required"
            payment.action = PaymentAction(
                kind="redirect",
                url=f"https://pay.example/3ds/{payment.id}",
                expires_at=self._now() + ACTION_FOR_MS,
            )
            self._heard("payment_intent.requires_action", payment.id)
        else:
            self._hold(payment)
        return _state(payment)

    def _capture(self, payment_id: str, amount: Money) -> OpenResult:
        payment = self._payment(payment_id)
        if payment is None:
            return PaymentRefused(kind="not_found")
        if payment.has_expired:
            return PaymentRefused(kind="lost", detail="charge_expired_for_capture")
        if payment.status != "authorized":
            return PaymentRefused(kind="state", detail="payment_intent_unexpected_state")
        if not 0 < amount.amount <= payment.capturable:
            return PaymentRefused(kind="amount", detail="amount_too_large")
        payment.status, payment.captured, payment.capturable = "captured", amount.amount, 0
        self._heard("payment_intent.succeeded", payment.id)
        return _state(payment)

    def _cancel(self, payment_id: str) -> OpenResult:
        payment = self._payment(payment_id)
        if payment is None:
            return PaymentRefused(kind="not_found")
        if payment.status in ("captured", "cancelled", "processing"):
            return PaymentRefused(kind="state", detail="payment_intent_unexpected_state")
        payment.status, payment.capturable, payment.action = "cancelled", 0, None
        self._heard("payment_intent.canceled", payment.id)
        return _state(payment)

    def _refund(self, payment_id: str, amount: Money) -> RefundResult:
        payment = self._payment(payment_id)
        if payment is None:
            return PaymentRefused(kind="not_found")
        if payment.status != "captured":
            return PaymentRefused(kind="state", detail="charge_not_captured")
        if not 0 < amount.amount <= payment.captured - payment.refunded:
            return PaymentRefused(kind="amount", detail="charge_already_refunded")
        refund = RefundMade(
            refund_id=f"re_{payment.id}_{len(payment.refunds) + 1}",
            amount=amount.amount,
            is_pending=payment.method == "pm_card_refundFail",
        )
        payment.refunds[refund.refund_id] = amount.amount
        payment.refunded += amount.amount
        self._heard("charge.refunded", payment.id)
        return refund

    def _hold(self, payment: Payment) -> None:
        payment.status, payment.capturable = "authorized", payment.amount.amount
        payment.capture_before = self._now() + HOLDS_FOR_MS
        self._heard("payment_intent.amount_capturable_updated", payment.id)

    def _declined(self, payment: Payment, decline: Declined) -> Declined:
        payment.status, payment.decline, payment.action = "open", decline, None
        self._heard("payment_intent.payment_failed", payment.id)
        return decline

    def _payment(self, payment_id: str) -> Payment | None:
        payment = self.payments.get(payment_id)
        return None if payment is None else self._aged(payment)

    def _aged(self, payment: Payment) -> Payment:
        now = self._now()
        if payment.status == "authorized" and now >= (payment.capture_before or now):
            payment.status, payment.capturable, payment.has_expired = "cancelled", 0, True
            self._heard("payment_intent.canceled", payment.id)
        if payment.action is not None and now >= payment.action.expires_at:
            payment.action = None
            self._declined(payment, Declined(code="authentication_failed"))
        return payment


def unit(currency: str) -> int | None:
    """Three decimals end in 0 at this provider; "XXX" is no money."""
    if currency == "XXX":
        return None
    return 10 if exponent(currency) == 3 else 1


def least(currency: str) -> int:
    return LEAST.get(currency, 50)


def most(currency: str) -> int:
    return 99_999_999 // (unit(currency) or 1) * (unit(currency) or 1)


def _state(payment: Payment) -> PaymentState:
    return PaymentState(
        payment_id=payment.id,
        status=payment.status,
        amount=payment.amount,
        capturable=payment.capturable,
        captured=payment.captured,
        refunded=payment.refunded,
        capture_before=payment.capture_before if payment.status == "authorized" else None,
        action=payment.action,
        decline=payment.decline,
        reference=payment.reference,
        has_expired=payment.has_expired,
        refund_failed=payment.refund_failed,
    )


SECRET = b"whsec_of_the_fake"


class FakePayments:
    """Implements `core.ports.payments.Payments` on a core. `is_away`: reading reaches nobody."""

    name = "fake"
    capabilities = PaymentCapabilities(
        holds_for=HOLDS_FOR_MS / 1000,
        replays_for=REPLAYS_FOR_MS / 1000,
        finds_by_reference=True,
        transfers=True,
    )

    def __init__(self, core: PaymentsCore) -> None:
        self.core = core
        self.is_away = False

    def unit(self, currency: str) -> int | None:
        return unit(currency)

    def least(self, currency: str) -> int:
        return least(currency)

    def most(self, currency: str) -> int:
        return most(currency)

    def takes_method(self, method: str) -> bool:
        return method.startswith("pm_") and not method[3:].isdigit()

    async def open(
        self, amount: Money, reference: PaymentReference, *, note: str, key: str
    ) -> OpenResult:
        await trio.lowlevel.checkpoint()
        return self.core.open(amount, reference, key=key)

    async def authorise(
        self, payment_id: str, method: str, *, return_url: str | None, key: str
    ) -> AuthoriseResult:
        await trio.lowlevel.checkpoint()
        return self.core.authorise(payment_id, method, key=key)

    async def capture(self, payment_id: str, amount: Money, *, key: str) -> OpenResult:
        await trio.lowlevel.checkpoint()
        return self.core.capture(payment_id, amount, key=key)

    async def cancel(self, payment_id: str, *, key: str) -> OpenResult:
        await trio.lowlevel.checkpoint()
        return self.core.cancel(payment_id, key=key)

    async def refund(
        self, payment_id: str, amount: Money, *, reference: PaymentReference, key: str
    ) -> RefundResult:
        await trio.lowlevel.checkpoint()
        return self.core.refund(payment_id, amount, reference=reference, key=key)

    async def transfer(
        self, amount: Money, payee: str, *, booking_id: str, key: str
    ) -> TransferResult:
        await trio.lowlevel.checkpoint()
        return self.core.transfer(amount, payee, booking_id=booking_id, key=key)

    async def read(self, payment_id: str) -> PaymentState | None:
        await self._reach()
        return self.core.read(payment_id)

    async def find(self, booking_id: str, *, since: int) -> Sequence[PaymentState] | Unsupported:
        await self._reach()
        return self.core.find(booking_id, since=since)

    async def verify_webhook(
        self, body: bytes, headers: Mapping[str, str]
    ) -> WebhookNotice | NotGenuine:
        await trio.lowlevel.checkpoint()
        if not hmac.compare_digest(headers.get("x-fake-signature", ""), signature(body)):
            return NotGenuine("signature")
        try:
            return msgspec.json.decode(body, type=WebhookNotice)
        except msgspec.MsgspecError:
            return NotGenuine("malformed")

    async def _reach(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.is_away:
            raise Unavailable


def signature(body: bytes) -> str:
    """Of a webhook that the fake would send."""
    return hmac.new(SECRET, body, hashlib.sha256).hexdigest()
