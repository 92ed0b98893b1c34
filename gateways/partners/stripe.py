"""Stripe behind the payments port: the official SDK on trio, each call made once."""

import re
from collections.abc import Mapping, Sequence
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
    OpenResult,
    PaymentCapabilities,
    RefundResult,
    TransferResult,
    WebhookNotice,
)
from gateways.partners import stripe_wire as wire
from gateways.partners.payment_outcomes import undeclined
from gateways.partners.resilience import GuardPolicy
from gateways.partners.stripe_calls import NAME, POLICY, StripeCalls
from gateways.partners.stripe_settings import StripeSettings
from gateways.partners.stripe_webhooks import EVENTS, notice_of, verified
from protocol.card_numbers import holds_card_number
from protocol.frames import Money
from protocol.ids import Millis
from protocol.payments import (
    Declined,
    PaymentReference,
    PaymentRefused,
    PaymentState,
    RefundMade,
    TransferMade,
)
from protocol.suppliers import Unsupported

T = TypeVar("T")

CAPABILITIES: Final = PaymentCapabilities(
    holds_for=4 * 86_400.0 + 18 * 3_600.0,
    replays_for=23 * 3_600.0,
    finds_by_reference=True,
    transfers=True,
)
"""§7.1: a Visa hold lasts four days and eighteen hours where it is short. §7.2: keys go after a day."""

SINCE_SLACK: Final = 120
"""Seconds: Stripe's clock is not ours."""

MAX_NOTE: Final = 500
MAX_REFUNDS: Final = 100

_METHOD: Final = re.compile(r"pm_[A-Za-z0-9]{3,64}\Z")
_ALIAS: Final = re.compile(r"pm_card_[A-Za-z0-9_]{1,64}\Z")
_CHARGE: Final = ["latest_charge"]
_NOT_TAKEN: Final = PaymentRefused(kind="amount", detail="not an amount that Stripe takes")

_log = structlog.get_logger("caravan.payments")


class Stripe:
    """Implements `core.ports.payments.Payments`. Owns: its `calls`, until `aclose`.

    `webhook_secrets`: under each of these an event is genuine. In sandbox mode the address comes by
    `calls.reach`, and may change; before, nothing is sent.
    """

    name = NAME
    capabilities = CAPABILITIES

    def __init__(
        self,
        settings: StripeSettings,
        *,
        chance: Chance,
        policy: GuardPolicy = POLICY,
        over: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self.calls = StripeCalls(settings, chance=chance, policy=policy, over=over)
        self.webhook_secrets = settings.webhook_secrets

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
        """Ids of Stripe's element (`pm_1Abc…`); in sandbox mode also the aliases of APIS §7.6."""
        if holds_card_number(method):
            return False
        is_alias = self._settings.mode == "sandbox" and _ALIAS.match(method)
        return bool(_METHOD.match(method) or is_alias)

    async def open(
        self, amount: Money, reference: PaymentReference, *, note: str, key: str
    ) -> OpenResult:
        number = self._settings.money.to_stripe(amount)
        if number is None:
            return _NOT_TAKEN
        params: Any = {
            "amount": number,
            "currency": amount.currency.lower(),
            "capture_method": "manual",
            "payment_method_types": ["card"],
            "description": note[:MAX_NOTE],
            "transfer_group": wire.group_of(reference.booking_id),
            "metadata": wire.metadata_of(reference),
        }
        return undeclined(
            await self.calls.change(
                lambda of: of.v1.payment_intents.create_async(params, {"idempotency_key": key}),
                self._state,
            )
        )

    async def authorise(
        self, payment_id: str, method: str, *, return_url: str | None, key: str
    ) -> AuthoriseResult:
        if not self.takes_method(method):
            return PaymentRefused(kind="method", detail="not an id of Stripe's")
        params: Any = {"payment_method": method, "expand": _CHARGE}
        if return_url is not None:
            params["return_url"] = return_url
        return _in_state(
            await self.calls.change(
                lambda of: of.v1.payment_intents.confirm_async(
                    payment_id, params, {"idempotency_key": key}
                ),
                self._state,
            )
        )

    async def capture(self, payment_id: str, amount: Money, *, key: str) -> OpenResult:
        number = self._settings.money.to_stripe(amount)
        if number is None:
            return _NOT_TAKEN
        params: Any = {"amount_to_capture": number, "expand": _CHARGE}
        result = await self.calls.change(
            lambda of: of.v1.payment_intents.capture_async(
                payment_id, params, {"idempotency_key": key}
            ),
            self._state,
        )
        # A bank that refuses to hand out what it held: the authorisation is over.
        if isinstance(result, Declined):
            return PaymentRefused(kind="lost", detail=f"declined: {result.code}")
        return result

    async def cancel(self, payment_id: str, *, key: str) -> OpenResult:
        params: Any = {"expand": _CHARGE}
        return _in_state(
            undeclined(
                await self.calls.change(
                    lambda of: of.v1.payment_intents.cancel_async(
                        payment_id, params, {"idempotency_key": key}
                    ),
                    self._state,
                )
            )
        )

    async def refund(
        self, payment_id: str, amount: Money, *, reference: PaymentReference, key: str
    ) -> RefundResult:
        number = self._settings.money.to_stripe(amount)
        if number is None:
            return _NOT_TAKEN
        params: Any = {
            "payment_intent": payment_id,
            "amount": number,
            "metadata": wire.metadata_of(reference),
        }
        return undeclined(
            await self.calls.change(
                lambda of: of.v1.refunds.create_async(params, {"idempotency_key": key}),
                self._refund,
            )
        )

    async def transfer(
        self, amount: Money, payee: str, *, booking_id: str, key: str
    ) -> TransferResult:
        """`payee`: a connected account's id. Never `application_fee_amount`: our commission is what is
        not transferred (§7.5)."""
        number = self._settings.money.to_stripe(amount)
        if number is None:
            return _NOT_TAKEN
        params: Any = {
            "amount": number,
            "currency": amount.currency.lower(),
            "destination": payee,
            "transfer_group": wire.group_of(booking_id),
            "metadata": {"saga_id": booking_id},
        }
        return undeclined(
            await self.calls.change(
                lambda of: of.v1.transfers.create_async(params, {"idempotency_key": key}),
                self._transfer,
            )
        )

    async def read(self, payment_id: str) -> PaymentState | None:
        params: Any = {"expand": _CHARGE}
        intent = await self.calls.read(
            lambda of: of.v1.payment_intents.retrieve_async(payment_id, params), _intent
        )
        return None if intent is None else await self._whole(intent)

    async def find(self, booking_id: str, *, since: Millis) -> Sequence[PaymentState] | Unsupported:
        """By the list of payments, which is read after write, unlike Stripe's search. The list of charges
        can be asked for one group, but knows no payment that nobody has confirmed (§10.9). Of more than
        5,000 payments since, it says that it cannot say."""
        walked = await self.calls.walk(
            lambda of, params: of.v1.payment_intents.list_async(params),
            _intents,
            {"created": {"gte": max(0, since // 1_000 - SINCE_SLACK)}},
        )
        if not walked.is_whole:
            _log.error("too many payments to look through", provider=NAME)
            raise Unavailable
        found = (each for page in walked.pages for each in page.data)
        ours = [each.id for each in found if (each.metadata or {}).get("saga_id") == booking_id]
        read = [await self.read(id_) for id_ in ours]
        return [each for each in read if each is not None]

    async def verify_webhook(
        self, body: bytes, headers: Mapping[str, str]
    ) -> WebhookNotice | NotGenuine:
        """As the port says; `Unavailable` too before it is known under what secret events come."""
        if not self.webhook_secrets:
            raise Unavailable
        await trio.lowlevel.checkpoint()
        event = verified(body, headers.get("stripe-signature"), self.webhook_secrets)
        return event if isinstance(event, NotGenuine) else notice_of(event)

    async def missed(self) -> Sequence[WebhookNotice]:
        """Events that reached none of our addresses, newest first; at most 5,000. Raises
        `Unavailable`."""
        walked = await self.calls.walk(
            lambda of, params: of.v1.events.list_async(params),
            _events,
            {"delivery_success": False, "types": list(EVENTS)},
        )
        return [notice_of(each) for page in walked.pages for each in page.data]

    async def _whole(self, intent: wire.PaymentIntent) -> PaymentState:
        """With its refunds, once it may have some: their failing shows nowhere else. Raises
        `Unavailable`."""
        refunds: list[wire.Refund] | None = None
        if intent.status == "succeeded":
            params: Any = {"payment_intent": intent.id, "limit": MAX_REFUNDS}
            listed = await self.calls.read(lambda of: of.v1.refunds.list_async(params), _refunds)
            refunds = listed.data if listed else []
        try:
            return wire.payment_state(intent, self._settings.money, refunds)
        except ValueError as error:
            _log.error("payment not readable", provider=NAME, error=str(error)[:200])
            raise Unavailable from error

    def _state(self, body: bytes) -> PaymentState:
        return wire.payment_state(_intent(body), self._settings.money)

    def _refund(self, body: bytes) -> RefundMade | PaymentRefused:
        made = _refund(body)
        if made.status in wire.REFUND_OVER:
            return PaymentRefused(kind="state", detail=f"the refund is {made.status}")
        amount = self._settings.money.from_stripe(made.amount, made.currency.upper())
        return RefundMade(refund_id=made.id, amount=amount, is_pending=made.status != "succeeded")

    def _transfer(self, body: bytes) -> TransferMade:
        made = _transfer(body)
        currency = made.currency.upper()
        amount = self._settings.money.from_stripe(made.amount, currency)
        return TransferMade(transfer_id=made.id, amount=Money(amount=amount, currency=currency))


def _in_state(result: T | PaymentRefused) -> T | PaymentRefused:
    """Of calls for which a hold that ended is a state like others: only a capture has lost something."""
    if isinstance(result, PaymentRefused) and result.kind == "lost":
        return PaymentRefused(kind="state", detail=result.detail)
    return result


_intent: Final = msgspec.json.Decoder(wire.PaymentIntent).decode
_intents: Final = msgspec.json.Decoder(wire.IntentPage).decode
_refund: Final = msgspec.json.Decoder(wire.Refund).decode
_refunds: Final = msgspec.json.Decoder(wire.RefundPage).decode
_transfer: Final = msgspec.json.Decoder(wire.Transfer).decode
_events: Final = msgspec.json.Decoder(wire.EventPage).decode
