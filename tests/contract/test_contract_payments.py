"""What every `Payments` promises: the one in memory, and the adapters of Stripe and PayPal over the sandbox's
real HTTP. What a provider says that it cannot is asked of the others alone."""

import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import stripe as sdk
import trio
from fake_payments import FakePayments, PaymentsCore
from fake_payments import signature as fake_signature
from sandbox_process import DAY_MS, SandboxProcess

from core.chance import SystemChance
from core.ports.payments import NotGenuine, WebhookNotice
from gateways.partners import paypal_wire
from gateways.partners.breaker import BreakerPolicy
from gateways.partners.paypal import PayPal
from gateways.partners.paypal_settings import PayPalSettings
from gateways.partners.resilience import GuardPolicy
from gateways.partners.stripe import Stripe
from gateways.partners.stripe_settings import StripeSettings
from protocol.frames import Money
from protocol.payments import Declined, PaymentReference, PaymentRefused, PaymentState
from protocol.suppliers import NotSent, Unknown, Unsupported

EUR = Money(amount=10_001, currency="EUR")
POLICY = GuardPolicy(most_retries=0, breaker=BreakerPolicy(opens_after=1_000))
SECRET = "whsec_of_the_contract"
_numbers = itertools.count(1)


@dataclass
class Provided:
    """One implementation, and the world behind it. `answer(id, ok)`: the method's owner; `advance(ms)`:
    business time; `signed(notice)`: body and headers of a webhook. `good`: a method that holds;
    `ends_after`: milliseconds after which no hold is left; `made(reference)`: how many payments
    there are of it."""

    payments: Any
    now: Callable[[], int]
    answer: Callable[[str, bool], None]
    advance: Callable[[int], None]
    signed: Callable[[WebhookNotice], tuple[bytes, dict[str, str]]]
    control: SandboxProcess | None = None
    good: str = "pm_card_visa"
    ends_after: int = 8 * DAY_MS
    made: Callable[[PaymentReference], int] = lambda _: 0

    @property
    def asks_first(self) -> bool:
        return bool(self.payments.capabilities.asks_first)

    def reference(self, share: str = "s1", booking: str | None = None) -> PaymentReference:
        number = next(_numbers)
        return PaymentReference(
            booking_id=booking or f"01900000-0000-7000-8000-{time.time_ns() % 10**6 + number:012}",
            share_id=share,
            split_version=1,
            version=1,
        )

    async def opened(self, reference: PaymentReference | None = None, **more: Any) -> PaymentState:
        made = await self.payments.open(
            more.get("amount", EUR),
            reference or self.reference(),
            note="Trip 42, share of Ana",
            key=more.get("key") or self.key(),
        )
        assert isinstance(made, PaymentState), made
        return made

    async def held(self, method: str = "", **more: Any) -> PaymentState:
        made = await self.opened(**more)
        held = await self.authorise(made.payment_id, method or self.good)
        if self.asks_first:
            self.answer(made.payment_id, True)
            held = await self.authorise(made.payment_id, method or self.good)
        assert isinstance(held, PaymentState), held
        return held

    async def captured(self, amount: Money = EUR) -> PaymentState:
        held = await self.held()
        taken = await self.payments.capture(held.payment_id, amount, key=self.key())
        assert isinstance(taken, PaymentState), taken
        return taken

    async def authorise(self, payment_id: str, method: str, key: str = "") -> Any:
        return await self.payments.authorise(
            payment_id,
            method,
            return_url="https://caravan.example/back",
            key=key or self.key(),
        )

    def key(self) -> str:
        return f"key-{time.time_ns()}-{next(_numbers)}"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox") / "sandbox.db")
    process.start()
    process.control("POST", "stripe/options", {"tps": None})
    yield process
    process.stop()


@pytest.fixture(params=["fake", "stripe", "paypal"])
async def provided(request: pytest.FixtureRequest) -> AsyncIterator[Provided]:
    if request.param == "fake":
        yield in_memory()
        return
    process = request.getfixturevalue("sandbox")
    if request.param == "paypal":
        found = at_paypal(process)
        yield found
        process.control("DELETE", "rules")
        await found.payments.aclose()
        return
    stripe = Stripe(
        StripeSettings(url=process.urls["stripe"]), chance=SystemChance(), policy=POLICY
    )
    stripe.webhook_secrets = (SECRET,)
    yield over_http(stripe, process)
    process.control("DELETE", "rules")
    await stripe.aclose()


def in_memory() -> Provided:
    at = [time.time_ns() // 1_000_000]
    core = PaymentsCore(lambda: at[0])

    def advance(by: int) -> None:
        at[0] += by

    def signed(notice: WebhookNotice) -> tuple[bytes, dict[str, str]]:
        body = msgspec.json.encode(notice)
        return body, {"x-fake-signature": fake_signature(body)}

    return Provided(
        FakePayments(core),
        lambda: at[0],
        lambda payment_id, ok: core.finish_action(payment_id, ok=ok),
        advance,
        signed,
    )


def over_http(stripe: Stripe, process: SandboxProcess) -> Provided:
    def now() -> int:
        at = datetime.fromisoformat(process.control("GET", "clock")["at"])
        return round(at.timestamp() * 1_000)

    def answer(payment_id: str, ok: bool) -> None:
        process.control("POST", f"3ds/{payment_id}?result={'ok' if ok else 'fail'}")

    def signed(notice: WebhookNotice) -> tuple[bytes, dict[str, str]]:
        metadata: dict[str, str] = {}
        if notice.reference is not None:
            metadata = {
                "saga_id": notice.reference.booking_id,
                "share_id": notice.reference.share_id,
                "split_version": str(notice.reference.split_version),
                "pi_version": str(notice.reference.version),
            }
        body = json.dumps(
            {
                "id": notice.event_id,
                "type": notice.kind,
                "created": notice.created_at // 1_000,
                "data": {
                    "object": {
                        "object": "payment_intent",
                        "id": notice.payment_id,
                        "metadata": metadata,
                    }
                },
            }
        )
        header = sdk.WebhookSignature.generate_signature_header(body, SECRET)
        return body.encode(), {"stripe-signature": header}

    return Provided(
        stripe,
        now,
        answer,
        lambda ms: process.control("POST", "clock", {"advanceMs": ms}),
        signed,
        process,
    )


def at_paypal(process: SandboxProcess, **settings: Any) -> Provided:
    def now() -> int:
        at = datetime.fromisoformat(process.control("GET", "clock")["at"])
        return round(at.timestamp() * 1_000)

    paypal = PayPal(
        PayPalSettings(url=process.urls["paypal"], **settings),
        business_ms=now,
        chance=SystemChance(),
        policy=POLICY,
    )

    def answer(payment_id: str, ok: bool) -> None:
        process.control("POST", f"paypal/orders/{payment_id}/{'approve' if ok else 'decline'}")

    def signed(notice: WebhookNotice) -> tuple[bytes, dict[str, str]]:
        assert notice.reference is not None
        unit = {"custom_id": paypal_wire.custom_id(notice.reference)}
        body = json.dumps(
            {
                "id": notice.event_id,
                "event_type": notice.kind,
                "create_time": datetime.fromtimestamp(notice.created_at // 1_000, UTC).isoformat(),
                "resource_type": "checkout-order",
                "resource": {"id": notice.payment_id, "purchase_units": [unit]},
            }
        )
        hook = {"url": f"http://127.0.0.1:9/{next(_numbers)}", "event_types": [{"name": "NONE"}]}
        paypal.webhook_ids = (process.control("POST", "paypal/webhooks", hook)["id"],)
        asked = {"body": body, "webhookId": paypal.webhook_ids[0]}
        return body.encode(), process.control("POST", "paypal/sign", asked)

    def made(reference: PaymentReference) -> int:
        orders = process.control("GET", "paypal/orders")["data"]
        return sum(each["reference"] == paypal_wire.custom_id(reference) for each in orders)

    return Provided(
        paypal,
        now,
        answer,
        lambda ms: process.control("POST", "clock", {"advanceMs": ms}),
        signed,
        process,
        good="paypal",
        ends_after=30 * DAY_MS,
        made=made,
    )


def knows_cards(provided: Provided) -> None:
    """Skips where its owner chooses at the provider's what is behind the one method."""
    if provided.asks_first:
        pytest.skip("no cards are named to this provider")


async def test_a_payment_is_made_open_and_holds_nothing(provided: Provided) -> None:
    reference = provided.reference()
    made = await provided.opened(reference)
    assert (made.status, made.capturable, made.captured) == ("open", 0, 0)
    assert (made.amount, made.reference, made.decline) == (EUR, reference, None)
    assert await provided.payments.read(made.payment_id) == made


async def test_the_same_key_is_the_same_call_and_with_other_arguments_our_mistake(
    provided: Provided,
) -> None:
    reference, key = provided.reference(), provided.key()
    made = await provided.opened(reference, key=key)
    assert await provided.opened(reference, key=key) == made
    other = Money(amount=7_777, currency="EUR")
    refused = await provided.payments.open(other, reference, note="Trip 42", key=key)
    assert isinstance(refused, PaymentRefused)
    assert refused.kind == "config"


async def test_an_amount_that_cannot_be_charged_is_refused(provided: Provided) -> None:
    payments = provided.payments
    for amount in (
        Money(amount=payments.least("EUR") - 1, currency="EUR"),
        Money(amount=payments.most("EUR") + 1, currency="EUR"),
        Money(amount=5_005 if payments.unit("KWD") == 10 else 0, currency="KWD"),
    ):
        refused = await payments.open(amount, provided.reference(), note="", key=provided.key())
        assert isinstance(refused, PaymentRefused)
        assert refused.kind == "amount"
    for number in (payments.least("EUR"), payments.most("EUR")):
        amount = Money(amount=number, currency="EUR")
        assert (await provided.opened(amount=amount)).amount == amount
    assert payments.unit("XXX") is None


async def test_a_good_method_holds_the_money_for_as_long_as_is_promised(provided: Provided) -> None:
    held = await provided.held()
    assert (held.status, held.capturable, held.captured) == ("authorized", 10_001, 0)
    assert held.capture_before is not None
    promised = provided.payments.capabilities.holds_for * 1_000
    assert held.capture_before >= provided.now() + promised - 60_000
    assert await provided.payments.read(held.payment_id) == held


async def test_a_declined_method_leaves_the_payment_open_for_another(provided: Provided) -> None:
    knows_cards(provided)
    made = await provided.opened()
    key = provided.key()
    declined = await provided.authorise(made.payment_id, "pm_card_visa_chargeDeclined", key)
    assert declined == Declined(code="card_declined")
    again = await provided.authorise(made.payment_id, "pm_card_visa_chargeDeclined", key)
    assert again == declined
    seen = await provided.payments.read(made.payment_id)
    assert (seen.status, seen.decline) == ("open", declined)
    held = await provided.authorise(made.payment_id, "pm_card_visa")
    assert (held.status, held.decline) == ("authorized", None)


@pytest.mark.parametrize(
    ("method", "code", "is_final"),
    [
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds", False),
        ("pm_card_visa_chargeDeclinedLostCard", "card_lost_or_stolen", True),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_lost_or_stolen", True),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", False),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_details", False),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", False),
        ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "limit_exceeded", False),
    ],
)
async def test_each_decline_has_its_word(
    provided: Provided, method: str, code: Any, is_final: bool
) -> None:
    knows_cards(provided)
    made = await provided.opened()
    declined = await provided.authorise(made.payment_id, method)
    assert declined == Declined(code=code, is_final=is_final)


async def test_what_the_bank_asks_is_shown_and_its_answer_is_seen(provided: Provided) -> None:
    knows_cards(provided)
    for ok, status in ((True, "authorized"), (False, "open")):
        asked = await provided.held("pm_card_threeDSecure2Required")
        assert asked.status == "action_required"
        assert asked.action is not None
        assert asked.action.url or asked.action.client_secret
        assert asked.action.expires_at > provided.now()
        provided.answer(asked.payment_id, ok)
        seen = await provided.payments.read(asked.payment_id)
        assert (seen.status, seen.action) == (status, None)
        assert ok or seen.decline == Declined(code="authentication_failed")


async def test_a_provider_that_asks_first_holds_once_its_owner_has_agreed(
    provided: Provided,
) -> None:
    if not provided.asks_first:
        pytest.skip("it asks its owner only where a bank wants it")
    made = await provided.opened()
    asked = await provided.authorise(made.payment_id, provided.good)
    assert (asked.status, asked.is_approved, asked.capturable) == ("action_required", False, 0)
    assert asked.action.kind == "redirect"
    assert asked.action.url
    assert asked.action.expires_at > provided.now()
    assert await provided.payments.read(made.payment_id) == asked
    assert await provided.authorise(made.payment_id, provided.good) == asked
    provided.answer(made.payment_id, False)
    assert await provided.payments.read(made.payment_id) == asked
    provided.answer(made.payment_id, True)
    seen = await provided.payments.read(made.payment_id)
    assert (seen.status, seen.is_approved, seen.action) == ("open", True, None)
    key = provided.key()
    held = await provided.authorise(made.payment_id, provided.good, key)
    assert (held.status, held.is_approved, held.capturable) == ("authorized", False, 10_001)
    assert await provided.authorise(made.payment_id, provided.good, key) == held
    assert await provided.payments.read(made.payment_id) == held


async def test_a_capture_takes_up_to_what_is_held_and_lets_the_rest_go(provided: Provided) -> None:
    held = await provided.held()
    less, key = Money(amount=9_000, currency="EUR"), provided.key()
    taken = await provided.payments.capture(held.payment_id, less, key=key)
    assert (taken.status, taken.captured, taken.capturable) == ("captured", 9_000, 0)
    assert await provided.payments.capture(held.payment_id, less, key=key) == taken
    again = await provided.payments.capture(held.payment_id, less, key=provided.key())
    assert (type(again), again.kind) == (PaymentRefused, "state")
    seen = await provided.payments.read(held.payment_id)
    assert (seen.captured, seen.refunded, seen.refund_failed) == (9_000, 0, False)


async def test_more_than_is_held_cannot_be_captured(provided: Provided) -> None:
    held = await provided.held()
    more = Money(amount=10_002, currency="EUR")
    refused = await provided.payments.capture(held.payment_id, more, key=provided.key())
    assert (type(refused), refused.kind) == (PaymentRefused, "amount")
    assert (await provided.payments.read(held.payment_id)).status == "authorized"


async def test_a_cancelled_payment_holds_nothing_and_can_never_hold_again(
    provided: Provided,
) -> None:
    for before in (await provided.opened(), await provided.held()):
        gone = await provided.payments.cancel(before.payment_id, key=provided.key())
        assert (gone.status, gone.capturable, gone.has_expired) == ("cancelled", 0, False)
        late = await provided.authorise(before.payment_id, provided.good)
        assert (type(late), late.kind) == (PaymentRefused, "state")
        taken = await provided.payments.capture(before.payment_id, EUR, key=provided.key())
        assert (type(taken), taken.kind) == (PaymentRefused, "state")
        assert (await provided.payments.read(before.payment_id)).refunded == 0


async def test_what_was_captured_cannot_be_cancelled(provided: Provided) -> None:
    taken = await provided.captured()
    refused = await provided.payments.cancel(taken.payment_id, key=provided.key())
    assert (type(refused), refused.kind) == (PaymentRefused, "state")


async def test_refunds_give_back_in_parts_and_never_more_than_was_taken(
    provided: Provided,
) -> None:
    taken, reference = await provided.captured(), provided.reference()

    async def refund(amount: int) -> Any:
        return await provided.payments.refund(
            taken.payment_id,
            Money(amount=amount, currency="EUR"),
            reference=reference,
            key=provided.key(),
        )

    first = await refund(4_000)
    assert (first.amount, first.is_pending) == (4_000, False)
    assert (await provided.payments.read(taken.payment_id)).refunded == 4_000
    over = await refund(6_002)
    assert (type(over), over.kind) == (PaymentRefused, "amount")
    await refund(6_001)
    seen = await provided.payments.read(taken.payment_id)
    assert (seen.status, seen.captured, seen.refunded) == ("captured", 10_001, 10_001)
    nothing = await refund(1)
    assert (type(nothing), nothing.kind) == (PaymentRefused, "amount")


async def test_what_was_never_captured_is_not_refunded(provided: Provided) -> None:
    held = await provided.held()
    refused = await provided.payments.refund(
        held.payment_id, EUR, reference=provided.reference(), key=provided.key()
    )
    assert (type(refused), refused.kind) == (PaymentRefused, "state")


async def test_a_payment_that_nobody_made_is_none_and_cannot_be_changed(
    provided: Provided,
) -> None:
    assert await provided.payments.read("pi_nobody") is None
    for result in (
        await provided.authorise("pi_nobody", provided.good),
        await provided.payments.capture("pi_nobody", EUR, key=provided.key()),
        await provided.payments.cancel("pi_nobody", key=provided.key()),
    ):
        assert (type(result), result.kind) == (PaymentRefused, "not_found")


async def test_a_booking_s_payments_are_found_at_once_also_unconfirmed_ones(
    provided: Provided,
) -> None:
    before = provided.now()
    first = provided.reference()
    opened = await provided.opened(first)
    if not provided.payments.capabilities.finds_by_reference:
        assert await provided.payments.find(first.booking_id, since=before) == Unsupported()
        return
    held = await provided.held(reference=provided.reference("s2", first.booking_id))
    await provided.opened()
    found = await provided.payments.find(first.booking_id, since=before)
    assert {each.payment_id for each in found} == {opened.payment_id, held.payment_id}
    assert {each.status for each in found} == {"open", "authorized"}


async def test_a_method_is_an_id_of_the_provider_s_making(provided: Provided) -> None:
    assert provided.payments.takes_method(provided.good)
    for never in ("4242424242424242", "tok_1", "", "pm_4242424242424242"):
        assert not provided.payments.takes_method(never)


async def test_an_unknown_method_is_refused(provided: Provided) -> None:
    made = await provided.opened()
    refused = await provided.authorise(made.payment_id, "pm_1OfNobodyAtAll")
    assert (type(refused), refused.kind) == (PaymentRefused, "method")
    assert (await provided.payments.read(made.payment_id)).status == "open"


async def test_a_hold_ends_at_its_time_and_says_so(provided: Provided) -> None:
    held = await provided.held()
    provided.advance(provided.ends_after)
    seen = await provided.payments.read(held.payment_id)
    assert (seen.status, seen.has_expired, seen.capturable) == ("cancelled", True, 0)
    refused = await provided.payments.capture(held.payment_id, EUR, key=provided.key())
    assert (type(refused), refused.kind) == (PaymentRefused, "lost")
    for late in (
        await provided.authorise(held.payment_id, provided.good),
        await provided.payments.cancel(held.payment_id, key=provided.key()),
    ):
        assert (type(late), late.kind) == (PaymentRefused, "state")


async def test_a_webhook_is_genuine_byte_for_byte_or_not_at_all(provided: Provided) -> None:
    reference = provided.reference()
    notice = WebhookNotice(
        event_id="evt_1",
        kind="payment_intent.succeeded",
        created_at=1_795_400_000_000,
        payment_id="PI1",
        reference=reference,
    )
    body, headers = provided.signed(notice)
    assert await provided.payments.verify_webhook(body, headers) == notice
    assert isinstance(await provided.payments.verify_webhook(body + b" ", headers), NotGenuine)
    assert isinstance(await provided.payments.verify_webhook(body, {}), NotGenuine)


HEARD_WITHIN = 2.0
"""Seconds, which only what hangs takes: what is answered must not depend on how busy the machine is."""


@pytest.fixture
async def over_paypal(sandbox: SandboxProcess) -> AsyncIterator[Provided]:
    found = at_paypal(sandbox, call_within=HEARD_WITHIN)
    yield found
    sandbox.control("DELETE", "rules")
    await found.payments.aclose()


@pytest.fixture
async def over_sandbox(sandbox: SandboxProcess) -> AsyncIterator[Provided]:
    stripe = Stripe(
        StripeSettings(url=sandbox.urls["stripe"], call_within=HEARD_WITHIN),
        chance=SystemChance(),
        policy=POLICY,
    )
    yield over_http(stripe, sandbox)
    sandbox.control("DELETE", "rules")
    await stripe.aclose()


BROKEN = pytest.mark.parametrize(
    ("action", "is_done"),
    [
        ("reset_before", False),
        ("reset_after", True),
        ("hang_after_effect", True),
        ("truncate_body", True),
        ("bad_json", True),
        ("html_502", False),
    ],
)


@BROKEN
async def test_a_broken_call_is_unknown_and_the_same_key_settles_it(
    over_sandbox: Provided, action: str, is_done: bool
) -> None:
    provided, control = over_sandbox, over_sandbox.control
    assert control is not None
    since, reference, key = provided.now(), provided.reference(), provided.key()
    control.control(
        "POST",
        "rules",
        {"match": {"api": "stripe", "method": "POST"}, "action": {"type": action}, "times": 1},
    )
    made = await provided.payments.open(EUR, reference, note="Trip 42", key=key)
    assert isinstance(made, Unknown), made
    found = await provided.payments.find(reference.booking_id, since=since)
    assert len(found) == is_done
    again = await provided.payments.open(EUR, reference, note="Trip 42", key=key)
    assert isinstance(again, PaymentState)
    assert len(await provided.payments.find(reference.booking_id, since=since)) == 1


@BROKEN
async def test_where_nothing_is_found_the_same_key_alone_settles_a_broken_call(
    over_paypal: Provided, action: str, is_done: bool
) -> None:
    provided, control = over_paypal, over_paypal.control
    assert control is not None
    reference, key = provided.reference(), provided.key()
    match = {"api": "paypal", "method": "POST", "pathRegex": "orders$"}
    control.control("POST", "rules", {"match": match, "action": {"type": action}, "times": 1})
    made = await provided.payments.open(EUR, reference, note="Trip 42", key=key)
    assert isinstance(made, Unknown), made
    assert provided.made(reference) == is_done
    again = await provided.payments.open(EUR, reference, note="Trip 42", key=key)
    assert isinstance(again, PaymentState)
    assert provided.made(reference) == 1


@pytest.mark.parametrize("action", ["reset_after", "hang_after_effect"])
async def test_money_that_moved_unseen_at_paypal_is_seen_by_the_same_key_and_by_reading(
    over_paypal: Provided, action: str
) -> None:
    provided, control = over_paypal, over_paypal.control
    assert control is not None

    def break_(path: str) -> None:
        match = {"api": "paypal", "method": "POST", "pathRegex": path}
        control.control("POST", "rules", {"match": match, "action": {"type": action}, "times": 1})

    async def authorise() -> Any:
        return await provided.authorise(made.payment_id, provided.good, key)

    async def capture() -> Any:
        return await provided.payments.capture(made.payment_id, EUR, key=key)

    async def refund() -> Any:
        return await provided.payments.refund(
            made.payment_id, EUR, reference=provided.reference(), key=key
        )

    made, key = await provided.opened(), provided.key()
    await authorise()
    provided.answer(made.payment_id, True)
    for path, call, status in (
        ("authorize$", authorise, "authorized"),
        ("capture$", capture, "captured"),
        ("refund$", refund, "captured"),
    ):
        break_(path)
        assert isinstance(await call(), Unknown)
        assert (await provided.payments.read(made.payment_id)).status == status
    reference = provided.reference()
    break_("refund$")
    over = await provided.payments.refund(made.payment_id, EUR, reference=reference, key="other")
    assert isinstance(over, PaymentRefused | Unknown)
    assert (await provided.payments.read(made.payment_id)).refunded == EUR.amount


async def test_where_no_sandbox_is_paypal_is_asked_nothing(over_paypal: Provided) -> None:
    for url in ("http://127.0.0.1:9", None):
        over_paypal.payments.calls.reach(url)
        made = await over_paypal.payments.open(EUR, over_paypal.reference(), note="", key="k")
        assert isinstance(made, NotSent)
    assert over_paypal.payments.calls.wanted.is_set()


async def test_what_paypal_honours_no_longer_is_authorised_anew_before_it_is_taken(
    over_paypal: Provided,
) -> None:
    held = await over_paypal.held()
    over_paypal.advance(4 * DAY_MS)
    seen = await over_paypal.payments.read(held.payment_id)
    assert seen.capture_before < over_paypal.now()
    taken = await over_paypal.payments.capture(held.payment_id, EUR, key=over_paypal.key())
    assert (taken.status, taken.captured) == ("captured", EUR.amount)
    again = await over_paypal.payments.read(held.payment_id)
    assert (again.status, again.captured, again.capturable) == ("captured", EUR.amount, 0)


async def test_a_refused_instrument_is_declined_and_its_owner_may_choose_another(
    over_paypal: Provided,
) -> None:
    control = over_paypal.control
    assert control is not None
    made = await over_paypal.opened()
    await over_paypal.authorise(made.payment_id, "paypal")
    control.control("POST", f"paypal/orders/{made.payment_id}/approve?funding=declined")
    key = over_paypal.key()
    declined = await over_paypal.authorise(made.payment_id, "paypal", key)
    assert declined == Declined(code="card_declined")
    asked = await over_paypal.authorise(made.payment_id, "paypal", key)
    assert asked.status == "action_required"
    over_paypal.answer(made.payment_id, True)
    held = await over_paypal.authorise(made.payment_id, "paypal")
    assert held.status == "authorized"


async def test_an_authorisation_that_took_effect_after_the_cancellation_is_a_stray_and_let_go(
    over_paypal: Provided,
) -> None:
    control, made = over_paypal.control, await over_paypal.opened()
    assert control is not None
    await over_paypal.authorise(made.payment_id, "paypal")
    over_paypal.answer(made.payment_id, True)
    match = {"api": "paypal", "method": "POST", "pathRegex": "authorize$"}
    late = {"type": "late_effect", "ms": round(1_000 * HEARD_WITHIN) + 500}
    control.control("POST", "rules", {"match": match, "action": late, "times": 1})
    assert isinstance(await over_paypal.authorise(made.payment_id, "paypal"), Unknown)
    gone = await over_paypal.payments.cancel(made.payment_id, key=over_paypal.key())
    assert gone.status == "cancelled"
    with trio.fail_after(5):
        while (seen := await over_paypal.payments.read(made.payment_id)).status == "cancelled":
            await trio.sleep(0.02)
    assert (seen.status, seen.is_stray) == ("authorized", True)
    await over_paypal.payments.cancel(made.payment_id, key=over_paypal.key())
    seen = await over_paypal.payments.read(made.payment_id)
    assert (seen.status, seen.is_stray) == ("cancelled", False)


async def test_an_order_whose_time_is_over_is_no_payment_any_more(over_paypal: Provided) -> None:
    made = await over_paypal.opened()
    over_paypal.advance(4 * 3_600_000)
    assert await over_paypal.payments.read(made.payment_id) is None
    late = await over_paypal.authorise(made.payment_id, "paypal")
    assert (type(late), late.kind) == (PaymentRefused, "not_found")


async def test_where_nobody_listens_nothing_was_sent(over_sandbox: Provided) -> None:
    over_sandbox.payments.calls.reach("http://127.0.0.1:9")
    made = await over_sandbox.payments.open(EUR, over_sandbox.reference(), note="", key="k")
    assert isinstance(made, NotSent)


async def test_captured_money_is_passed_on(over_sandbox: Provided) -> None:
    control = over_sandbox.control
    assert control is not None
    asked: Any = {
        "controller": {"stripe_dashboard": {"type": "express"}},
        "capabilities": {"transfers": {"requested": True}},
    }
    account: Any = await over_sandbox.payments.calls.change(
        lambda of: of.v1.accounts.create_async(asked), json.loads
    )
    control.control("POST", f"accounts/{account['id']}/onboard")
    await over_sandbox.captured()
    over_sandbox.advance(8 * DAY_MS)
    fifty = Money(amount=5_000, currency="EUR")
    made = await over_sandbox.payments.transfer(
        fifty, account["id"], booking_id=over_sandbox.reference().booking_id, key=over_sandbox.key()
    )
    assert made.amount == fifty, made
