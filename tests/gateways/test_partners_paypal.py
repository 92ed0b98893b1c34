"""PayPal's adapter beside its contract: odd answers, tokens, amounts, webhooks, and how these find us."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import trio
from paypal_stage import HOOK, PayPalStage
from trio.testing import MockClock

from core.chance import SystemChance
from core.clock import SystemClock
from core.errors import Unavailable
from core.ports.payments import NotGenuine, WebhookNotice
from gateways.partners.paypal import PayPal
from gateways.partners.paypal_calls import MAX_ANSWER_BYTES, request_id
from gateways.partners.paypal_errors import ended
from gateways.partners.paypal_money import PayPalMoney
from gateways.partners.paypal_registration import PayPalRegistration
from gateways.partners.paypal_settings import PayPalSettings
from gateways.partners.paypal_webhooks import EVENTS
from gateways.partners.resilience import GuardPolicy
from gateways.sandbox.exchange import Request
from gateways.sandbox.paypal_events import DELIVERIES, prepared
from protocol.frames import Money
from protocol.payments import Busy, Declined, PaymentReference, PaymentRefused, PaymentState
from protocol.suppliers import NotSent, Unknown
from storage.memory.webhooks import MemoryWebhookSecrets

EUR = Money(amount=3_334, currency="EUR")
REFERENCE = PaymentReference(
    booking_id="01900000-0000-7000-8000-000000000001", share_id="s1", split_version=1, version=1
)
URL = "http://127.0.0.1:1"
ORDER = "5O190127TN364715T"
TOKEN = httpx.Response(200, json={"access_token": "A21AA", "expires_in": 32_400})
Answer = Callable[[httpx.Request], httpx.Response]


class Streamed(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


class Over(httpx.AsyncBaseTransport):
    """Answers in the place of PayPal. `asked`: all but the requests for tokens."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[httpx.Request] = []
        self.tokens = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/oauth2/token":
            self.tokens += 1
        else:
            self.asked.append(request)
        answer = self._answer(request)
        return httpx.Response(answer.status_code, stream=Streamed(answer.content))


def with_token(answer: Answer) -> Answer:
    def answered(request: httpx.Request) -> httpx.Response:
        return TOKEN if request.url.path == "/v1/oauth2/token" else answer(request)

    return answered


def paypal(over: httpx.AsyncBaseTransport, **more: Any) -> PayPal:
    return PayPal(
        PayPalSettings(url=URL),
        business_ms=lambda: 0,
        chance=SystemChance(),
        policy=GuardPolicy(most_retries=0),
        over=over,
        **more,
    )


def on(stage: PayPalStage) -> Over:
    """The sandbox's machine, without a socket."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked = Request(
            method=request.method,
            path=request.url.path,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.content,
        )
        made = stage.sandbox.perform(stage.machine, asked).response
        return httpx.Response(made.status, content=made.body)

    return Over(answer)


def order(status: str = "COMPLETED", **payments: Any) -> dict[str, Any]:
    unit: dict[str, Any] = {
        "reference_id": "default",
        "amount": {"currency_code": "EUR", "value": "33.34"},
        "custom_id": "b|s1|1|1",
        "payments": payments,
    }
    return {"id": ORDER, "status": status, "purchase_units": [unit]}


def payment(status: str, value: str = "33.34") -> dict[str, Any]:
    return {
        "id": "2A574389AA333114J",
        "status": status,
        "amount": {"currency_code": "EUR", "value": value},
        "create_time": "2026-01-25T02:28:11Z",
        "expiration_time": "2026-02-23T02:28:11Z",
    }


async def opened(answer: Answer) -> Any:
    return await paypal(Over(answer)).open(EUR, REFERENCE, note="Trip", key="k")


# ── what it answers ──


@pytest.mark.parametrize(
    ("status", "issue", "kind"),
    [
        (422, "ORDER_NOT_APPROVED", "state"),
        (422, "AUTHORIZATION_VOIDED", "state"),
        (422, "AUTHORIZATION_EXPIRED", "lost"),
        (422, "ORDER_EXPIRED", "lost"),
        (422, "REFUND_AMOUNT_EXCEEDED", "amount"),
        (422, "DUPLICATE_REQUEST_ID", "config"),
        (404, "INVALID_RESOURCE_ID", "not_found"),
        (403, "PERMISSION_DENIED", "config"),
        (400, "INVALID_PARAMETER_VALUE", "config"),
    ],
)
def test_each_issue_has_its_word(status: int, issue: str, kind: str) -> None:
    body = json.dumps({"name": "X", "debug_id": "d", "details": [{"issue": issue}]})
    refused = ended(status, body.encode())
    assert isinstance(refused, PaymentRefused)
    assert (refused.kind, "d" in refused.detail) == (kind, True)


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (429, b"{}", Busy),
        (409, b'{"name":"RESOURCE_CONFLICT"}', Busy),
        (422, b'{"details":[{"issue":"INSTRUMENT_DECLINED"}]}', Declined),
        (500, b'{"name":"INTERNAL_SERVER_ERROR"}', Unknown),
        (502, b"<html>", Unknown),
        (404, b"<html>", Unknown),  # of a proxy, not of PayPal
    ],
)
def test_what_is_certain_and_what_is_not(status: int, body: bytes, wanted: type) -> None:
    assert isinstance(ended(status, body), wanted)


async def test_a_token_that_was_refused_is_bought_anew_once() -> None:
    answers = iter([httpx.Response(401), httpx.Response(201, json=order("CREATED"))])
    over = Over(with_token(lambda _: next(answers)))
    made = await paypal(over).open(EUR, REFERENCE, note="", key="k")
    assert isinstance(made, PaymentState)
    assert (over.tokens, len(over.asked)) == (2, 2)
    refused = await opened(with_token(lambda _: httpx.Response(401)))
    assert (type(refused), refused.kind) == (PaymentRefused, "config")


async def test_without_a_token_nothing_is_sent() -> None:
    over = Over(lambda _: httpx.Response(401, json={"error": "invalid_client"}))
    made = await paypal(over).open(EUR, REFERENCE, note="", key="k")
    assert isinstance(made, NotSent)
    assert over.asked == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"id":"A"}', b" " * (MAX_ANSWER_BYTES + 2)])
async def test_a_success_that_makes_no_sense_may_have_been_one(body: bytes) -> None:
    made = await opened(with_token(lambda _: httpx.Response(201, content=body)))
    assert isinstance(made, Unknown)


async def test_one_key_is_one_request_id_for_each_call_and_short_enough() -> None:
    over = Over(with_token(lambda _: httpx.Response(201, json=order("CREATED"))))
    here = paypal(over)
    key = "cv:" + "x" * 252
    await here.open(EUR, REFERENCE, note="", key=key)
    await here.open(EUR, REFERENCE, note="", key=key)
    ids = [request.headers["paypal-request-id"] for request in over.asked]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 36
    assert request_id("POST", "/a/authorize", key) != request_id("POST", "/a/capture", key)


@pytest.mark.parametrize(("status", "wanted"), [("PENDING", Unknown), ("DECLINED", PaymentRefused)])
async def test_a_capture_that_paypal_has_not_settled_is_no_capture(
    status: str, wanted: type
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            held = order(authorizations=[payment("CREATED")])
            return httpx.Response(200, json=held)
        return httpx.Response(201, json=payment(status))

    taken = await paypal(Over(with_token(answer))).capture(ORDER, EUR, key="k")
    assert isinstance(taken, wanted)


@pytest.mark.parametrize(
    ("shown", "status", "has_expired"),
    [
        (order(authorizations=[payment("DENIED")]), "cancelled", False),
        (order(authorizations=[payment("EXPIRED")]), "cancelled", True),
        (order(authorizations=[payment("PENDING")]), "processing", False),
        (order(authorizations=[payment("VOIDED"), payment("CREATED")]), "authorized", False),
        (order(captures=[payment("PENDING")]), "processing", False),
        (order(captures=[payment("DECLINED")]), "cancelled", True),
        (order("VOIDED"), "cancelled", False),
    ],
)
async def test_what_stands_in_an_order(
    shown: dict[str, Any], status: str, has_expired: bool
) -> None:
    here = paypal(Over(with_token(lambda _: httpx.Response(200, json=shown))))
    seen = await here.read(ORDER)
    assert seen is not None
    assert (seen.status, seen.has_expired, seen.captured) == (status, has_expired, 0)


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
async def test_a_refund_that_failed_is_told(status: str) -> None:
    shown = order(
        captures=[payment("PARTIALLY_REFUNDED")],
        refunds=[payment(status, "10.00"), payment("COMPLETED", "5.00")],
    )
    seen = await paypal(Over(with_token(lambda _: httpx.Response(200, json=shown)))).read(ORDER)
    assert seen is not None
    assert (seen.refunded, seen.refund_failed) == (500, True)


async def test_a_hold_counts_for_its_three_days_whatever_its_end_is() -> None:
    shown = order(authorizations=[payment("CREATED")])
    seen = await paypal(Over(with_token(lambda _: httpx.Response(200, json=shown)))).read(ORDER)
    assert seen is not None
    assert seen.capture_before == 1_769_308_091_000 + 3 * 86_400_000


async def test_an_order_that_cannot_be_read_is_not_touched() -> None:
    for answer in (httpx.Response(500), httpx.Response(200, json=order("NEW_WORD"))):
        over = Over(with_token(lambda _, said=answer: said))  # type: ignore[misc]
        here = paypal(over)
        with pytest.raises(Unavailable):
            await here.read(ORDER)
        for result in (
            await here.capture(ORDER, EUR, key="k"),
            await here.cancel(ORDER, key="k"),
            await here.authorise(ORDER, "paypal", return_url=None, key="k"),
            await here.refund(ORDER, EUR, reference=REFERENCE, key="k"),
        ):
            assert isinstance(result, NotSent)
        assert {request.method for request in over.asked} == {"GET"}


@pytest.mark.parametrize(
    ("currency", "amount", "value"),
    [
        ("EUR", 3_334, "33.34"),
        ("JPY", 1_000, "1000"),
        ("HUF", 100_000, "1000"),
        ("HUF", 100_050, None),
        ("TWD", 150, None),
        ("KWD", 1_000, None),
        ("EUR", 1_000_000_000, None),
        ("EUR", 0, None),
    ],
)
def test_amounts_as_paypal_writes_them(currency: str, amount: int, value: str | None) -> None:
    money = PayPalMoney()
    made = money.to_paypal(Money(amount=amount, currency=currency))
    assert made == (None if value is None else {"currency_code": currency, "value": value})
    if value is not None:
        assert money.from_paypal(value, currency) == amount
    assert money.unit("HUF") == 100
    assert (money.most("EUR"), money.most("HUF")) == (999_999_999, 999_999_900)
    assert PayPalMoney(least_charges={"HUF": 150}).least("HUF") == 200


# ── webhooks ──


def registration(here: PayPal, secrets: MemoryWebhookSecrets) -> PayPalRegistration:
    return PayPalRegistration(here, secrets, clock=SystemClock())


def hooks(stage: PayPalStage) -> list[tuple[str, int]]:
    found = stage.get("/v1/notifications/webhooks")["webhooks"]
    return [(each["url"], len(each["event_types"])) for each in found]


async def test_a_server_registers_once_and_moves_with_its_address() -> None:
    stage, secrets = PayPalStage(), MemoryWebhookSecrets()
    there = HOOK.replace(":1/", ":2/")
    for url in (HOOK, HOOK, there, there):
        here = paypal(on(stage))
        await registration(here, secrets).register(url)
        assert hooks(stage) == [(url, len(EVENTS))]
    assert len(await secrets.of("paypal")) == 1


async def test_a_registration_that_was_cut_short_is_made_whole() -> None:
    stage, secrets = PayPalStage(), MemoryWebhookSecrets()
    few = {"url": HOOK, "event_types": [{"name": "CHECKOUT.ORDER.APPROVED"}]}
    stage.post("/v1/notifications/webhooks", few)
    here = paypal(on(stage))
    await registration(here, secrets).register(HOOK)
    assert hooks(stage) == [(HOOK, len(EVENTS))]
    await registration(here, MemoryWebhookSecrets()).register(HOOK)
    assert hooks(stage) == [(HOOK, len(EVENTS))]
    stage.rule({"type": "status", "code": 500}, api="paypal", method="GET")
    with pytest.raises(Unavailable):
        await registration(here, secrets).register(HOOK)


async def test_what_the_sandbox_sends_says_which_payment_to_look_at() -> None:
    stage = PayPalStage()
    here = paypal(on(stage), wall=lambda: stage.wall / 1_000)
    await registration(here, MemoryWebhookSecrets()).register(HOOK)
    made = await here.open(EUR, REFERENCE, note="Trip", key="k")
    assert isinstance(made, PaymentState)
    stage.control("POST", f"orders/{made.payment_id}/approve")
    await here.authorise(made.payment_id, "paypal", return_url=None, key="k2")
    await here.capture(made.payment_id, EUR, key="k3")
    await here.refund(made.payment_id, EUR, reference=REFERENCE, key="k4")
    found = []
    for key, _ in stage.sandbox.alter(lambda setting: DELIVERIES.waiting(setting, 9)):
        delivery = stage.sandbox.alter(lambda setting, key=key: prepared(setting, key))  # type: ignore[misc]
        assert delivery is not None
        notice = await here.verify_webhook(delivery.body, dict(delivery.headers))
        assert isinstance(notice, WebhookNotice), notice
        assert notice.reference == REFERENCE
        found.append((notice.kind, notice.payment_id))
        forged = delivery.body.replace(b"COMPLETED", b"DECLINED!").replace(b"33.34", b"33.35")
        verdict = await here.verify_webhook(forged, dict(delivery.headers))
        assert verdict == NotGenuine("signature")
    assert found == [
        ("CHECKOUT.ORDER.APPROVED", made.payment_id),
        ("PAYMENT.AUTHORIZATION.CREATED", made.payment_id),
        ("PAYMENT.CAPTURE.COMPLETED", made.payment_id),
        ("PAYMENT.CAPTURE.REFUNDED", None),
    ]


@pytest.mark.parametrize("is_silent", [True, False])
async def test_what_strangers_deliver_keeps_no_payment_from_being_read(
    is_silent: bool, autojump_clock: MockClock
) -> None:
    """Anybody may send us something that PayPal has to be asked about."""
    shown = order(authorizations=[payment("CREATED")])

    class Asked(Over):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if is_silent and request.url.path.startswith("/v1/notifications"):
                await trio.sleep_forever()
            return await super().handle_async_request(request)

    def answer(request: httpx.Request) -> httpx.Response:
        is_order = request.url.path.startswith("/v2/checkout/orders")
        return httpx.Response(200, json=shown) if is_order else httpx.Response(500)

    here = paypal(Asked(with_token(answer)))
    here.webhook_ids = ("W",)
    headers = {
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": "https://api.paypal.com/v1/notifications/certs/CERT-1",
        "paypal-transmission-id": "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
        "paypal-transmission-sig": "bm9ib2R5",
        "paypal-transmission-time": datetime.now(UTC).isoformat(),
    }

    async def deliver(number: int) -> None:
        event = {
            "id": "WH-1",
            "event_type": "X",
            "create_time": "2026-01-25T02:28:11Z",
            "resource": {"custom_id": f"booking {number}|s1|1|1"},
        }
        with suppress(Unavailable):
            await here.verify_webhook(json.dumps(event).encode(), headers)

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(deliver, number)
        await trio.sleep(1)
        with trio.fail_after(1):
            assert await here.read(ORDER) is not None
        statistics = here.statistics()
        assert (statistics["breaker"], statistics["waiting"]) == (0, 0)
        assert statistics["asked_refused"] > 0
        nursery.cancel_scope.cancel()


async def test_what_is_nothing_of_paypal_s_is_not_even_asked_about() -> None:
    over = on(PayPalStage())
    here = paypal(over)
    here.webhook_ids = ("W",)
    event = json.dumps(
        {"id": "WH-1", "event_type": "X", "create_time": "2026-01-25T02:28:11Z"}
    ).encode()
    for body, headers in (
        (b"", {}),
        (b"[]", {}),
        (b'{"id":1}', {}),
        (event.replace(b"2026-01-25T02:28:11Z", b"yesterday"), {}),
        (event[:-1] + b', "more": ' + b"[" * 2_000 + b"]" * 2_000 + b"}", {}),
        (event, {}),
        (event, {"paypal-transmission-id": "x" * 3_000}),
    ):
        assert await here.verify_webhook(body, headers) == NotGenuine("malformed")
    here.webhook_ids = ()
    with pytest.raises(Unavailable):
        await here.verify_webhook(event, {})
    assert over.asked == []
