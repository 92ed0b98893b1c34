"""Stripe's adapter over the real SDK: what leaves, and what each answer means (APIS §6.3, §7)."""

import logging
import socket

import httpx
import pytest
import structlog
import trio
from stripe_stub import EUR, METADATA, POLICY, REFERENCE, URL, Stub, an_error, an_intent, reply

from core.chance import SystemChance
from core.errors import Unavailable
from gateways.partners.stripe import Stripe
from gateways.partners.stripe_calls import MAX_PAGES
from gateways.partners.stripe_settings import StripeSettings
from gateways.partners.stripe_transport import MAX_ANSWER_BYTES
from protocol.frames import Money
from protocol.payments import Busy, Declined, PaymentRefused, PaymentState, RefundMade
from protocol.suppliers import NotSent, Unknown

INVALID = "invalid_request_error"


async def opened(stripe, key="k"):
    return await stripe.open(EUR, REFERENCE, note="Trip 42", key=key)


async def authorised(stripe, method="pm_1AbcDEF"):
    return await stripe.authorise("pi_1", method, return_url=None, key="k")


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (400, an_error(INVALID, "payment_intent_unexpected_state"), "state"),
        (400, an_error(INVALID, "charge_expired_for_capture"), "lost"),
        (400, an_error(INVALID, "capture_charge_authorization_expired"), "lost"),
        (400, an_error(INVALID, "amount_too_small", param="amount"), "amount"),
        (400, an_error(INVALID, "charge_already_refunded"), "amount"),
        (400, an_error(INVALID, None, param="amount"), "amount"),
        (400, an_error(INVALID, "resource_missing", param="payment_method"), "method"),
        (404, an_error(INVALID, "resource_missing", param="intent"), "not_found"),
        (400, an_error("idempotency_error"), "config"),
        (401, an_error(INVALID), "config"),
        (403, an_error(INVALID), "config"),
        (400, an_error(INVALID, "parameter_unknown", param="foo"), "config"),
        (429, an_error(INVALID, "rate_limit"), Busy),
        (400, an_error(INVALID, "rate_limit"), Busy),
        (409, an_error("idempotency_error", "idempotency_key_in_use"), Busy),
        (409, an_error(INVALID, "something_else"), Unknown),
        (424, an_error("api_error"), Unknown),
        (500, an_error("api_error"), Unknown),
        (503, b"", Unknown),
        (502, b"<html>bad gateway</html>", Unknown),
        (200, b'{"id": "pi_1", "sta', Unknown),
        (200, b"[]", Unknown),
        (200, b'"words"', Unknown),
        (200, {"id": "pi_1"}, Unknown),
        (200, an_intent(status="of_tomorrow"), Unknown),
        (200, b"\xff\xfe", Unknown),
        (302, b"", Unknown),
    ],
)
async def test_each_answer_means_one_thing_and_is_asked_for_once(status, body, result):
    stub = Stub(status, body)
    ended = await opened(stub.stripe())
    if isinstance(result, str):
        assert isinstance(ended, PaymentRefused)
        assert ended.kind == result
    else:
        assert isinstance(ended, result)
    assert len(stub.requests) == 1


@pytest.mark.parametrize("status", [409, 429, 500])
async def test_no_word_of_stripes_makes_the_sdk_repeat_a_call(status):
    stub = Stub(status, an_error("api_error"), {"Stripe-Should-Retry": "true"})
    await opened(stub.stripe())
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("code", "decline_code", "word", "is_final"),
    [
        ("card_declined", "generic_decline", "card_declined", False),
        ("card_declined", "insufficient_funds", "insufficient_funds", False),
        ("card_declined", "lost_card", "card_lost_or_stolen", True),
        ("card_declined", "stolen_card", "card_lost_or_stolen", True),
        ("card_declined", "fraudulent", "card_declined", True),
        ("card_declined", "card_velocity_exceeded", "limit_exceeded", False),
        ("expired_card", None, "expired_card", False),
        ("incorrect_cvc", None, "incorrect_details", False),
        ("processing_error", None, "processing_error", False),
        ("authentication_required", "authentication_required", "authentication_failed", False),
        ("of_tomorrow", None, "card_declined", False),
    ],
)
async def test_a_decline_says_why_and_whether_that_card_may_be_tried_again(
    code, decline_code, word, is_final
):
    stub = Stub(402, an_error("card_error", code, decline_code=decline_code))
    assert await authorised(stub.stripe()) == Declined(code=word, is_final=is_final)


async def test_a_decline_where_no_card_is_asked_is_a_refusal():
    stripe = Stub(402, an_error("card_error", "card_declined")).stripe()
    assert (await opened(stripe)).kind == "method"
    assert (await stripe.capture("pi_1", EUR, key="k")).kind == "lost"


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (httpx.ConnectError("no"), NotSent),
        (httpx.ConnectTimeout("no"), NotSent),
        (httpx.PoolTimeout("no"), NotSent),
        (httpx.ReadTimeout("no"), Unknown),
        (httpx.WriteError("no"), Unknown),
        (httpx.ReadError("no"), Unknown),
        (httpx.RemoteProtocolError("no"), Unknown),
    ],
)
async def test_what_never_left_is_told_from_what_may_have(error, result):
    def broken(_request):
        raise error

    stub = Stub(answer=broken)
    assert isinstance(await opened(stub.stripe()), result)
    assert len(stub.requests) == 1


async def test_a_refused_connection_is_not_sent():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        stripe = Stripe(StripeSettings(url=url), chance=SystemChance())
        assert isinstance(await opened(stripe), NotSent)
        await stripe.aclose()


async def test_before_the_sandbox_is_there_nothing_is_sent():
    stub = Stub()
    stripe = stub.stripe(url=None)
    assert isinstance(await opened(stripe), NotSent)
    with pytest.raises(Unavailable):
        await stripe.read("pi_1")
    stripe.calls.reach(URL)
    assert isinstance(await opened(stripe), PaymentState)


class _Silent(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request):
        await trio.sleep_forever()


async def test_silence_is_unknown_after_twenty_seconds(autojump_clock):
    stripe = Stripe(StripeSettings(url=URL), chance=SystemChance(), over=_Silent())
    began = trio.current_time()
    assert isinstance(await opened(stripe), Unknown)
    assert trio.current_time() - began == 20.0


async def test_a_cancelled_call_is_nobody_s_result(autojump_clock):
    stripe = Stripe(StripeSettings(url=URL), chance=SystemChance(), over=_Silent())
    with trio.move_on_after(1) as scope:
        await opened(stripe)
    assert scope.cancelled_caught


async def test_an_answer_without_end_is_unknown():
    async def endless():
        while True:
            await trio.lowlevel.checkpoint()
            yield b"x" * 1_048_576

    stub = Stub(answer=lambda _: httpx.Response(200, content=endless()))
    assert isinstance(await opened(stub.stripe()), Unknown)
    assert MAX_ANSWER_BYTES < 16_000_000


async def test_a_payment_is_made_unconfirmed_for_manual_capture_with_our_words_on_it():
    stub = Stub()
    made = await opened(stub.stripe(), key="cv:b:s1:pi:v1")
    assert stub.form == {
        "amount": "3334",
        "currency": "eur",
        "capture_method": "manual",
        "payment_method_types[0]": "card",
        "description": "Trip 42",
        "transfer_group": f"grp_{REFERENCE.booking_id}",
        **{f"metadata[{name}]": value for name, value in METADATA.items()},
    }
    [request] = stub.requests
    assert request.headers["idempotency-key"] == "cv:b:s1:pi:v1"
    assert request.headers["authorization"] == "Bearer sk_test_sandbox"
    assert "x-stripe-client-telemetry" not in request.headers
    assert (made.status, made.payment_id, made.reference) == ("open", "pi_sbx0001", REFERENCE)


async def test_an_authorised_payment_says_until_when_it_holds():
    card = {"capture_before": 1_796_004_801}
    charge = {"id": "ch_1", "payment_method_details": {"type": "card", "card": card}}
    body = an_intent(status="requires_capture", amount_capturable=3_334, latest_charge=charge)
    stub = Stub(body=body)
    held = await authorised(stub.stripe())
    assert stub.requests[0].url.path == "/v1/payment_intents/pi_1/confirm"
    assert stub.form == {"payment_method": "pm_1AbcDEF", "expand[0]": "latest_charge"}
    assert (held.status, held.capturable) == ("authorized", 3_334)
    assert held.capture_before == 1_796_004_801_000


async def test_what_the_bank_asks_of_the_payer_is_a_page_or_a_secret_for_the_element():
    redirect = {"type": "redirect_to_url", "redirect_to_url": {"url": "https://hooks.test/3ds"}}
    stub = Stub(body=an_intent(status="requires_action", next_action=redirect))
    asked = await authorised(stub.stripe())
    assert asked.status == "action_required"
    assert (asked.action.kind, asked.action.url) == ("redirect", "https://hooks.test/3ds")
    assert asked.action.client_secret is None
    stub.body = an_intent(status="requires_action", next_action={"type": "use_stripe_sdk"})
    asked = await authorised(stub.stripe())
    assert (asked.action.kind, asked.action.client_secret) == ("card", "pi_sbx0001_secret_x")


@pytest.mark.parametrize("status", ["failed", "canceled"])
async def test_a_captured_payment_is_read_with_its_refunds(status):
    refunds = [
        {"id": "re_1", "amount": 1_000, "currency": "eur", "status": "succeeded"},
        {"id": "re_2", "amount": 500, "currency": "eur", "status": status},
        {"id": "re_3", "amount": 34, "currency": "eur", "status": "pending"},
    ]

    def answer(request):
        if request.url.path == "/v1/refunds":
            assert request.url.params["payment_intent"] == "pi_sbx0001"
            return reply({"data": refunds, "has_more": False})
        return reply(an_intent(status="succeeded", amount_received=3_334))

    read = await Stub(answer=answer).stripe().read("pi_sbx0001")
    assert (read.captured, read.refunded, read.refund_failed) == (3_334, 1_034, True)


async def test_a_payment_whose_hold_ran_out_says_so():
    body = an_intent(status="canceled", cancellation_reason="automatic")
    assert (await Stub(body=body).stripe().read("pi_1")).has_expired
    body = an_intent(status="canceled", cancellation_reason="requested_by_customer")
    assert not (await Stub(body=body).stripe().read("pi_1")).has_expired


async def test_what_does_not_exist_is_none_and_what_cannot_be_read_is_unavailable():
    assert await Stub(404, an_error(INVALID, "resource_missing")).stripe().read("pi_1") is None
    for status, body in ((500, an_error("api_error")), (401, an_error(INVALID)), (200, b"{")):
        with pytest.raises(Unavailable):
            await Stub(status, body).stripe().read("pi_1")


async def test_a_find_pages_through_the_list_and_keeps_the_booking_s_own():
    pages = [
        [an_intent(id="pi_3"), an_intent(id="pi_2", metadata={"saga_id": "another"})],
        [an_intent(id="pi_1")],
    ]

    def answer(request):
        if request.url.path != "/v1/payment_intents":
            return reply(an_intent(id=request.url.path.rpartition("/")[2]))
        cursor = request.url.params.get("starting_after")
        assert request.url.params["created[gte]"] == "1790000000"
        number = 1 if cursor == "pi_2" else 0
        return reply({"data": pages[number], "has_more": number == 0})

    stripe = Stub(answer=answer).stripe()
    found = await stripe.find(REFERENCE.booking_id, since=1_790_000_120_000)
    assert [each.payment_id for each in found] == ["pi_3", "pi_1"]


async def test_a_find_that_cannot_see_the_end_does_not_say_that_there_is_nothing():
    page = {"data": [an_intent(metadata={})], "has_more": True}
    stub = Stub(body=page)
    with pytest.raises(Unavailable):
        await stub.stripe().find(REFERENCE.booking_id, since=0)
    assert len(stub.requests) == MAX_PAGES


async def test_refunds_and_transfers_carry_whose_they_are():
    refund = {"id": "re_1", "amount": 100, "currency": "eur", "status": "pending"}
    stub = Stub(body=refund)
    hundred = Money(amount=100, currency="EUR")
    made = await stub.stripe().refund("pi_1", hundred, reference=REFERENCE, key="k")
    assert made == RefundMade(refund_id="re_1", amount=100, is_pending=True)
    assert stub.form["metadata[saga_id]"] == REFERENCE.booking_id
    stub.body = {"id": "tr_1", "amount": 100, "currency": "eur"}
    made = await stub.stripe().transfer(hundred, "acct_1", booking_id="b", key="k")
    assert (made.transfer_id, made.amount) == ("tr_1", hundred)
    assert stub.form["destination"] == "acct_1"
    assert "application_fee_amount" not in stub.form


async def test_amounts_that_stripe_cannot_be_asked_for_are_refused_here():
    stub = Stub()
    for amount in (
        Money(amount=5_123, currency="KWD"),
        Money(amount=0, currency="EUR"),
        Money(amount=100_000_000, currency="EUR"),
        Money(amount=100, currency="XTS"),
    ):
        refused = await stub.stripe().open(amount, REFERENCE, note="", key="k")
        assert refused.kind == "amount"
    assert stub.requests == []


def test_only_ids_of_stripe_s_making_are_methods():
    sandbox = Stub().stripe()
    live = Stripe(
        StripeSettings(mode="live", key="sk_live_x", webhook_secrets=("whsec_x",)),
        chance=SystemChance(),
    )
    for both in ("pm_1MoBy5LkdIwHu7ixZhnattbh", "pm_sbx0001"):
        assert sandbox.takes_method(both)
        assert live.takes_method(both)
    for alias in ("pm_card_visa", "pm_card_visa_chargeDeclinedInsufficientFunds"):
        assert sandbox.takes_method(alias)
        assert not live.takes_method(alias)
    for never in (
        "4242424242424242",
        "4242 4242 4242 4242",
        "pm_4242424242424242",
        "pm_card_4242_4242_4242_4242",
        "tok_visa",
        "pm_",
        "pm_1Abc/../x",
        "pm_1Abc\n",
        "",
    ):
        assert not sandbox.takes_method(never)
        assert not live.takes_method(never)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mode": "live"}, "CARAVAN_STRIPE_KEY to the secret key"),
        ({"mode": "live", "key": "sk_test_1"}, "is no live key"),
        ({"mode": "live", "key": "sk_live_1"}, "CARAVAN_STRIPE_WEBHOOK_SECRET"),
        ({"mode": "sandbox", "key": "sk_live_1"}, "is a live key"),
        ({"mode": "sandbox", "key": "sk_test_1"}, "no key is sent"),
        ({"mode": "sandbox", "url": "https://api.stripe.com"}, "on this machine"),
    ],
)
def test_keys_of_the_other_mode_are_refused_with_a_sentence(settings, words):
    with pytest.raises(ValueError, match=words) as caught:
        StripeSettings(**settings)
    assert "sk_live_1" not in str(caught.value)
    assert "sk_test_1" not in str(caught.value)


async def test_no_key_no_card_and_no_secret_is_in_a_log_or_a_repr(caplog):
    caplog.set_level(logging.DEBUG)
    settings = StripeSettings(mode="live", key="sk_live_hush", webhook_secrets=("whsec_hush",))
    assert "hush" not in repr(settings)
    stub = Stub(body=an_error(INVALID, "of_tomorrow", param="4242424242424242"))
    over = httpx.MockTransport(stub._handle)
    stripe = Stripe(settings, chance=SystemChance(), policy=POLICY, over=over)
    with structlog.testing.capture_logs() as lines:
        for stub.status in (400, 401, 402, 409, 429, 500):
            for result in (await opened(stripe), await authorised(stripe)):
                assert "4242" not in repr(result)
            with pytest.raises(Unavailable):
                await stripe.read("pi_1")
    said = repr(lines) + caplog.text
    assert len(lines) > 6
    assert "4242" not in said
    assert "hush" not in said
