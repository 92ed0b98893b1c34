"""Stripe behind the payments port: the official SDK on trio, each call made once."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

import httpx
import msgspec
import stripe
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
from gateways.partners.resilience import CallFailed, Guard, GuardPolicy
from gateways.partners.stripe_errors import Ended, ended, failed, is_missing
from gateways.partners.stripe_settings import StripeSettings
from gateways.partners.stripe_transport import StripeTransport, silence_sdk
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
from protocol.suppliers import NotSent, Unknown, Unsupported

T = TypeVar("T")

NAME: Final = "stripe"
CAPABILITIES: Final = PaymentCapabilities(
    holds_for=4 * 86_400.0 + 18 * 3_600.0,
    replays_for=23 * 3_600.0,
    finds_by_reference=True,
    transfers=True,
)
"""§7.1: a Visa hold lasts four days and eighteen hours where it is short. §7.2: keys go after a day."""

PAGE: Final = 100
MAX_PAGES: Final = 50
"""A `find` reads at most 5,000 payments; beyond that it says that it cannot say."""

SINCE_SLACK: Final = 120
"""Seconds: Stripe's clock is not ours."""

MAX_NOTE: Final = 500
MAX_REFUNDS: Final = 100
POLICY: Final = GuardPolicy(most_running=16, most_waiting=512, call_within=20.0)

_METHOD: Final = re.compile(r"pm_[A-Za-z0-9]{3,64}\Z")
_ALIAS: Final = re.compile(r"pm_card_[A-Za-z0-9_]{1,64}\Z")
_CHARGE: Final = ["latest_charge"]

_log = structlog.get_logger("caravan.payments")


class Stripe:
    """Implements `core.ports.payments.Payments`. Owns: its connections, until `aclose`.

    Reads pass a `Guard`. What changes something is sent once, within `settings.call_within` seconds, and
    is not counted by the breaker: whether it may be made is the saga's to decide. In sandbox mode the
    address comes by `reach`, and may change; before, nothing is sent, and `wanted` is set by whoever
    calls. `webhook_secrets`: under each of these an event is genuine.
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
        silence_sdk()
        self._settings = settings
        self._transport = StripeTransport(
            is_live=settings.mode == "live", within=settings.call_within, over=over
        )
        self._guard = Guard(NAME, chance, policy)
        self._counts = dict.fromkeys(("sent", "unknown", "not_sent", "refused", "declined"), 0)
        self.webhook_secrets = settings.webhook_secrets
        self.wanted = trio.Event()
        self._client: stripe.StripeClient | None = None
        if settings.mode == "live" or settings.url:
            self.reach(settings.url)

    async def aclose(self) -> None:
        """Calls under way fail."""
        await self._transport.close_async()

    def reach(self, url: str | None) -> None:
        """The address from now on; None in live mode is Stripe's own. In sandbox mode none is nowhere."""
        settings = replace(self._settings, url=url)
        if settings.mode == "sandbox" and not url:
            self._client = None
            return
        self._client = stripe.StripeClient(
            settings.api_key,
            base_addresses={"api": url} if url else None,
            http_client=self._transport,
            max_network_retries=0,
        )

    def statistics(self) -> Mapping[str, int | float]:
        """The guard's of reads; of calls that change something since the start: `sent`, and how many of
        them were `declined`, `refused`, or ended `unknown`; `not_sent`."""
        return {**self._guard.statistics(), **self._counts}

    def unit(self, currency: str) -> int | None:
        return self._settings.money.unit(currency)

    def least(self, currency: str) -> int:
        return self._settings.money.least(currency)

    def takes_method(self, method: str) -> bool:
        """Ids of Stripe's element (`pm_1Abc…`); in sandbox mode also the aliases of APIS.md §7.6."""
        if holds_card_number(method):
            return False
        is_alias = self._settings.mode == "sandbox" and _ALIAS.match(method)
        return bool(_METHOD.match(method) or is_alias)

    async def open(
        self, amount: Money, reference: PaymentReference, *, note: str, key: str
    ) -> OpenResult:
        number = self._settings.money.to_stripe(amount)
        if number is None:
            return PaymentRefused(kind="amount", detail="not an amount that Stripe takes")
        params: Any = {
            "amount": number,
            "currency": amount.currency.lower(),
            "capture_method": "manual",
            "payment_method_types": ["card"],
            "description": note[:MAX_NOTE],
            "transfer_group": wire.group_of(reference.booking_id),
            "metadata": wire.metadata_of(reference),
        }
        return _undeclined(
            await self._change(
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
        return await self._change(
            lambda of: of.v1.payment_intents.confirm_async(
                payment_id, params, {"idempotency_key": key}
            ),
            self._state,
        )

    async def capture(self, payment_id: str, amount: Money, *, key: str) -> OpenResult:
        number = self._settings.money.to_stripe(amount)
        if number is None:
            return PaymentRefused(kind="amount", detail="not an amount that Stripe takes")
        params: Any = {"amount_to_capture": number, "expand": _CHARGE}
        result = await self._change(
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
        return _undeclined(
            await self._change(
                lambda of: of.v1.payment_intents.cancel_async(
                    payment_id, params, {"idempotency_key": key}
                ),
                self._state,
            )
        )

    async def refund(
        self, payment_id: str, amount: Money, *, reference: PaymentReference, key: str
    ) -> RefundResult:
        number = self._settings.money.to_stripe(amount)
        if number is None:
            return PaymentRefused(kind="amount", detail="not an amount that Stripe takes")
        params: Any = {
            "payment_intent": payment_id,
            "amount": number,
            "metadata": wire.metadata_of(reference),
        }
        return _undeclined(
            await self._change(
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
            return PaymentRefused(kind="amount", detail="not an amount that Stripe takes")
        params: Any = {
            "amount": number,
            "currency": amount.currency.lower(),
            "destination": payee,
            "transfer_group": wire.group_of(booking_id),
            "metadata": {"saga_id": booking_id},
        }
        return _undeclined(
            await self._change(
                lambda of: of.v1.transfers.create_async(params, {"idempotency_key": key}),
                self._transfer,
            )
        )

    async def read(self, payment_id: str) -> PaymentState | None:
        params: Any = {"expand": _CHARGE}
        intent = await self._read(
            lambda of: of.v1.payment_intents.retrieve_async(payment_id, params), _intent
        )
        return None if intent is None else await self._whole(intent)

    async def find(self, booking_id: str, *, since: Millis) -> Sequence[PaymentState] | Unsupported:
        """By the list of payments, which is read after write, unlike Stripe's search. The list of charges
        can be asked for one group, but knows no payment that nobody has confirmed (§10.9)."""
        found: list[wire.PaymentIntent] = []
        page: dict[str, Any] = {
            "created": {"gte": max(0, since // 1_000 - SINCE_SLACK)},
            "limit": PAGE,
            "expand": ["data.latest_charge"],
        }
        for _ in range(MAX_PAGES):
            params: Any = dict(page)
            listed = await self._read(
                lambda of, params=params: of.v1.payment_intents.list_async(params),  # type: ignore[misc]
                _intents,
            )
            if listed is None:
                break
            found += [each for each in listed.data if each.metadata.get("saga_id") == booking_id]
            if not listed.has_more or not listed.data:
                break
            page["starting_after"] = listed.data[-1].id
        else:
            _log.error("too many payments to look through", provider=NAME, read=MAX_PAGES * PAGE)
            raise Unavailable
        return [await self._whole(each) for each in found]

    async def verify_webhook(
        self, body: bytes, headers: Mapping[str, str]
    ) -> WebhookNotice | NotGenuine:
        await trio.lowlevel.checkpoint()
        event = verified(body, headers.get("stripe-signature"), self.webhook_secrets)
        return event if isinstance(event, NotGenuine) else notice_of(event)

    async def missed(self) -> Sequence[WebhookNotice]:
        """Events that reached none of our addresses, newest first; at most 5,000. Raises
        `Unavailable`."""
        notices: list[WebhookNotice] = []
        page: dict[str, Any] = {"delivery_success": False, "types": list(EVENTS), "limit": PAGE}
        for _ in range(MAX_PAGES):
            params: Any = dict(page)
            listed = await self._read(
                lambda of, params=params: of.v1.events.list_async(params),  # type: ignore[misc]
                _events,
            )
            if listed is None or not listed.data:
                break
            notices += [notice_of(each) for each in listed.data]
            if not listed.has_more:
                break
            page["starting_after"] = listed.data[-1].id
        return notices

    async def endpoints(self) -> Sequence[wire.Endpoint]:
        """All webhook endpoints of the account; at most a hundred. Raises `Unavailable`."""
        params: Any = {"limit": PAGE}
        listed = await self._read(lambda of: of.v1.webhook_endpoints.list_async(params), _endpoints)
        return listed.data if listed else ()

    async def change_endpoint(
        self, call: Callable[[stripe.StripeClient], Awaitable[Any]]
    ) -> wire.Endpoint | None:
        """Make, change or remove one; None when it is not known whether that was done."""
        result = await self._change(call, _endpoint)
        return result if isinstance(result, wire.Endpoint) else None

    async def _whole(self, intent: wire.PaymentIntent) -> PaymentState:
        """With its refunds, once it may have some: their failing shows nowhere else. Raises
        `Unavailable`."""
        refunds: list[wire.Refund] | None = None
        if intent.status == "succeeded":
            params: Any = {"payment_intent": intent.id, "limit": MAX_REFUNDS}
            listed = await self._read(lambda of: of.v1.refunds.list_async(params), _refunds)
            refunds = listed.data if listed else []
        try:
            return wire.payment_state(intent, self._settings.money, refunds)
        except ValueError as error:
            _log.error("payment not readable", provider=NAME, error=str(error)[:200])
            raise Unavailable from error

    async def _change(
        self, call: Callable[[stripe.StripeClient], Awaitable[Any]], decode: Callable[[bytes], T]
    ) -> T | Ended:
        """Send once; how it ended. Whatever breaks once it may have left is `Unknown`. Cancelled: the
        same, but nobody is told."""
        client = self._client
        if client is None:
            self.wanted.set()
            self._counts["not_sent"] += 1
            return NotSent(detail="the sandbox is not there yet")
        self._counts["sent"] += 1
        result: T | Ended = Unknown(detail=f"no answer within {self._settings.call_within:g} s")
        with trio.move_on_after(self._settings.call_within):
            try:
                result = decode(_body(await call(client)))
            except stripe.StripeError as error:
                result = ended(error)
            except Exception as error:
                result = Unknown(detail=f"an answer that makes no sense: {type(error).__name__}")
        self._count(result)
        return result

    def _count(self, result: object) -> None:
        match result:
            case Unknown():
                self._counts["unknown"] += 1
                _log.warning("payment call unknown", provider=NAME, detail=result.detail)
            case NotSent():
                self._counts["sent"] -= 1
                self._counts["not_sent"] += 1
            case Declined():
                self._counts["declined"] += 1
            case PaymentRefused():
                self._counts["refused"] += 1
                log = _log.error if result.kind == "config" else _log.info
                log("payment call refused", provider=NAME, why=result.kind, detail=result.detail)

    async def _read(
        self, call: Callable[[stripe.StripeClient], Awaitable[Any]], decode: Callable[[bytes], T]
    ) -> T | None:
        """None when there is no such thing. Raises `Unavailable`."""
        client = self._client
        if client is None:
            self.wanted.set()
            raise Unavailable

        async def attempt() -> T | None:
            try:
                return decode(_body(await call(client)))
            except stripe.StripeError as error:
                if is_missing(error):
                    return None
                raise failed(error) from error
            except Exception as error:
                said = f"an answer that makes no sense: {type(error).__name__}"
                raise CallFailed(said, may_retry=True) from error

        return await self._guard.read(attempt)

    def _state(self, body: bytes) -> PaymentState:
        return wire.payment_state(_intent(body), self._settings.money)

    def _refund(self, body: bytes) -> RefundMade | PaymentRefused:
        made = _refund(body)
        if made.status in ("failed", "canceled"):
            return PaymentRefused(kind="state", detail=f"the refund is {made.status}")
        amount = self._settings.money.from_stripe(made.amount, made.currency.upper())
        return RefundMade(refund_id=made.id, amount=amount, is_pending=made.status != "succeeded")

    def _transfer(self, body: bytes) -> TransferMade:
        made = _transfer(body)
        currency = made.currency.upper()
        amount = self._settings.money.from_stripe(made.amount, currency)
        return TransferMade(transfer_id=made.id, amount=Money(amount=amount, currency=currency))


def _body(answer: Any) -> bytes:
    """The answer's own bytes: the SDK's objects are looser than what is read here."""
    return str(answer.last_response.body).encode()


def _undeclined(result: T | Declined) -> T | PaymentRefused:
    """Of calls that ask no card: a 402 there is about how the payment is made."""
    if isinstance(result, Declined):
        return PaymentRefused(kind="method", detail=f"declined: {result.code}")
    return result


_intent: Final = msgspec.json.Decoder(wire.PaymentIntent).decode
_intents: Final = msgspec.json.Decoder(wire.IntentPage).decode
_refund: Final = msgspec.json.Decoder(wire.Refund).decode
_refunds: Final = msgspec.json.Decoder(wire.RefundPage).decode
_transfer: Final = msgspec.json.Decoder(wire.Transfer).decode
_events: Final = msgspec.json.Decoder(wire.EventPage).decode
_endpoint: Final = msgspec.json.Decoder(wire.Endpoint).decode
_endpoints: Final = msgspec.json.Decoder(wire.EndpointPage).decode
