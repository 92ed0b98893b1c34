"""The sandbox's PayPal: orders that a payer approves, money held, taken and given back, and signed webhooks."""

import json
from typing import Any

import pytest
from paypal_stage import DAY, HOOK, HOUR, PayPalStage

from gateways.sandbox.paypal_events import DELIVERIES, prepared

ORDERS = "/v2/checkout/orders"
AUTHORIZATIONS = "/v2/payments/authorizations"


@pytest.fixture
def stage() -> PayPalStage:
    return PayPalStage()


def rels(shown: Any) -> set[str]:
    return {each["rel"] for each in shown["links"]}


def test_without_a_good_token_nothing_is_answered(stage: PayPalStage) -> None:
    id_ = stage.opened()
    good, stage.token = stage.token, "A21AA-of-nobody"
    assert stage.get(f"{ORDERS}/{id_}", status=401)["error"] == "invalid_token"
    stage.token = good
    stage.rule({"type": "token_revoke"}, api="paypal")
    stage.get(f"{ORDERS}/{id_}", status=401)
    stage.get(f"{ORDERS}/{id_}", status=401)


def test_an_order_is_approved_by_its_payer_and_only_then_authorised(stage: PayPalStage) -> None:
    id_ = stage.opened()
    shown = stage.get(f"{ORDERS}/{id_}")
    assert shown["status"] == "CREATED"
    assert "approve" in rels(shown)
    assert stage.refused(f"{ORDERS}/{id_}/authorize") == "ORDER_NOT_APPROVED"
    page = stage.send("GET", f"/checkoutnow?token={id_}")
    assert b"33.34 EUR" in page.body
    stage.control("POST", f"orders/{id_}/approve")
    assert stage.get(f"{ORDERS}/{id_}")["status"] == "APPROVED"
    done = stage.post(f"{ORDERS}/{id_}/authorize")
    held = done["purchase_units"][0]["payments"]["authorizations"][0]
    assert (done["status"], held["status"]) == ("COMPLETED", "CREATED")
    assert held["amount"] == {"currency_code": "EUR", "value": "33.34"}
    assert stage.refused(f"{ORDERS}/{id_}/authorize") == "ORDER_ALREADY_AUTHORIZED"
    assert stage.effects() == [("authorized", 3_334)]


def test_the_page_sends_the_payer_back_with_the_order_s_token(stage: PayPalStage) -> None:
    for result, status, url in (
        ("approve", "APPROVED", "https://c.example/b?token="),
        ("cancel", "PAYER_ACTION_REQUIRED", "https://c.example/x?token="),
    ):
        id_ = stage.confirmed()
        shown = stage.get(f"{ORDERS}/{id_}")
        assert (shown["status"], "payer-action" in rels(shown)) == ("PAYER_ACTION_REQUIRED", True)
        answer = stage.send("POST", f"/checkoutnow?token={id_}&result={result}")
        assert answer.status == 303
        assert dict(answer.headers)["location"].startswith(url)
        assert stage.get(f"{ORDERS}/{id_}")["status"] == status


def test_a_refused_instrument_sends_the_payer_back_to_paypal(stage: PayPalStage) -> None:
    id_ = stage.approved("declined")
    assert stage.refused(f"{ORDERS}/{id_}/authorize") == "INSTRUMENT_DECLINED"
    assert stage.get(f"{ORDERS}/{id_}")["status"] == "PAYER_ACTION_REQUIRED"
    stage.control("POST", f"orders/{id_}/approve")
    stage.post(f"{ORDERS}/{id_}/authorize")
    assert stage.effects() == [("declined", 3_334), ("authorized", 3_334)]


def test_an_order_that_nobody_authorised_is_gone_after_three_hours(stage: PayPalStage) -> None:
    lost, (kept, _) = stage.approved(), stage.held()
    stage.advance(3 * HOUR)
    said = stage.get(f"{ORDERS}/{lost}", status=404)
    assert (said["name"], said["details"][0]["issue"]) == (
        "RESOURCE_NOT_FOUND",
        "INVALID_RESOURCE_ID",
    )
    assert stage.get(f"{ORDERS}/{kept}")["status"] == "COMPLETED"


def test_one_request_id_is_done_once_and_keeps_its_answer(stage: PayPalStage) -> None:
    _, authorization = stage.held()
    path = f"{AUTHORIZATIONS}/{authorization}/capture"
    first = stage.post(path, {"final_capture": True}, paypal_request_id="k1")
    stage.advance(44 * DAY)
    assert stage.post(path, {"final_capture": True}, paypal_request_id="k1") == first
    other = stage.send("POST", path, {"final_capture": False}, paypal_request_id="k1")
    assert json.loads(other.body)["details"][0]["issue"] == "DUPLICATE_REQUEST_ID"
    stage.advance(2 * DAY)
    again = stage.send("POST", path, {"final_capture": True}, paypal_request_id="k1")
    assert json.loads(again.body)["details"][0]["issue"] == "AUTHORIZATION_ALREADY_CAPTURED"
    assert stage.effects() == [("authorized", 3_334), ("captured", 3_334)]


def test_orders_forget_request_ids_after_six_hours(stage: PayPalStage) -> None:
    unit = {"amount": {"currency_code": "EUR", "value": "1.00"}}
    given = {"intent": "AUTHORIZE", "purchase_units": [unit]}
    first = stage.post(ORDERS, given, paypal_request_id="k")
    assert stage.post(ORDERS, given, paypal_request_id="k") == first
    stage.advance(6 * HOUR)
    assert stage.post(ORDERS, given, paypal_request_id="k")["id"] != first["id"]


def test_a_capture_takes_a_part_and_the_rest_is_let_go(stage: PayPalStage) -> None:
    id_, authorization = stage.held()
    path = f"{AUTHORIZATIONS}/{authorization}/capture"
    more = {"amount": {"currency_code": "EUR", "value": "38.35"}}
    assert stage.refused(path, more) == "MAX_CAPTURE_AMOUNT_EXCEEDED"
    other = {"amount": {"currency_code": "USD", "value": "1.00"}}
    assert stage.refused(path, other) == "AUTH_CAPTURE_CURRENCY_MISMATCH"
    part = {"amount": {"currency_code": "EUR", "value": "30.00"}, "final_capture": True}
    assert stage.post(path, part)["status"] == "COMPLETED"
    payments = stage.get(f"{ORDERS}/{id_}")["purchase_units"][0]["payments"]
    assert payments["authorizations"][0]["status"] == "CAPTURED"
    assert payments["captures"][0]["amount"]["value"] == "30.00"
    assert stage.refused(path, part) == "AUTHORIZATION_ALREADY_CAPTURED"
    assert stage.refused(f"{AUTHORIZATIONS}/{authorization}/void") == "PREVIOUSLY_CAPTURED"


def test_what_is_voided_holds_nothing_any_more(stage: PayPalStage) -> None:
    _, authorization = stage.held()
    assert stage.post(f"{AUTHORIZATIONS}/{authorization}/void", status=200)["status"] == "VOIDED"
    assert stage.refused(f"{AUTHORIZATIONS}/{authorization}/void") == "PREVIOUSLY_VOIDED"
    assert stage.refused(f"{AUTHORIZATIONS}/{authorization}/capture") == "AUTHORIZATION_VOIDED"
    assert stage.effects() == [("authorized", 3_334), ("cancelled", 3_334)]


def test_a_hold_is_honoured_for_three_days_and_ends_after_29(stage: PayPalStage) -> None:
    id_, authorization = stage.held()
    path = f"{AUTHORIZATIONS}/{authorization}/reauthorize"
    assert stage.refused(path) == "REAUTHORIZATION_TOO_SOON"
    stage.advance(4 * DAY)
    again = stage.post(path)
    assert again["id"] != authorization
    assert stage.refused(f"{AUTHORIZATIONS}/{again['id']}/reauthorize") == (
        "REAUTHORIZATION_NOT_SUPPORTED"
    )
    payments = stage.get(f"{ORDERS}/{id_}")["purchase_units"][0]["payments"]
    assert [each["status"] for each in payments["authorizations"]] == ["VOIDED", "CREATED"]
    stage.advance(25 * DAY)
    assert stage.get(f"{AUTHORIZATIONS}/{again['id']}")["status"] == "EXPIRED"
    assert stage.refused(f"{AUTHORIZATIONS}/{again['id']}/capture") == "AUTHORIZATION_EXPIRED"
    effects = [name for name, _ in stage.effects()]
    assert effects == ["authorized", "cancelled", "authorized", "expired"]


def test_refunds_give_back_no_more_than_was_taken(stage: PayPalStage) -> None:
    id_, capture = stage.captured()
    path = f"/v2/payments/captures/{capture}/refund"
    part = {"amount": {"currency_code": "EUR", "value": "30.00"}}
    made = stage.post(path, part)
    assert stage.get(f"/v2/payments/refunds/{made['id']}")["status"] == "COMPLETED"
    assert stage.refused(path, part) == "REFUND_AMOUNT_EXCEEDED"
    stage.post(path)
    assert stage.refused(path) == "CAPTURE_FULLY_REFUNDED"
    payments = stage.get(f"{ORDERS}/{id_}")["purchase_units"][0]["payments"]
    assert payments["captures"][0]["status"] == "REFUNDED"
    assert [each["amount"]["value"] for each in payments["refunds"]] == ["30.00", "3.34"]


@pytest.mark.parametrize(
    ("currency", "value", "issue"),
    [
        ("HUF", "100.00", "DECIMALS_NOT_SUPPORTED"),
        ("JPY", "100.0", "DECIMALS_NOT_SUPPORTED"),
        ("EUR", "1.005", "DECIMAL_PRECISION"),
        ("EUR", "0.00", "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ("EUR", "10000000.00", "MAX_VALUE_EXCEEDED"),
        ("KWD", "1.00", "INVALID_CURRENCY_CODE"),
    ],
)
def test_amounts_that_paypal_does_not_take(
    stage: PayPalStage, currency: str, value: str, issue: str
) -> None:
    unit = {"amount": {"currency_code": currency, "value": value}}
    given = {"intent": "AUTHORIZE", "purchase_units": [unit]}
    assert stage.refused(ORDERS, given) == issue
    assert stage.get(f"{ORDERS}/{stage.opened('100', 'HUF')}")["status"] == "CREATED"


def test_an_order_s_own_words_can_be_changed_until_it_is_authorised(stage: PayPalStage) -> None:
    id_ = stage.opened()
    path = "/purchase_units/@reference_id=='default'/custom_id"
    change = [{"op": "replace", "path": path, "value": "b1|s1|1|1|x"}]
    assert stage.send("PATCH", f"{ORDERS}/{id_}", change).status == 204
    assert stage.get(f"{ORDERS}/{id_}")["purchase_units"][0]["custom_id"] == "b1|s1|1|1|x"
    done, _ = stage.held()
    said = json.loads(stage.send("PATCH", f"{ORDERS}/{done}", change).body)
    assert said["details"][0]["issue"] == "ORDER_ALREADY_COMPLETED"
    change = [{"op": "replace", "path": "/intent", "value": "CAPTURE"}]
    said = json.loads(stage.send("PATCH", f"{ORDERS}/{id_}", change).body)
    assert said["details"][0]["issue"] == "NOT_PATCHABLE"


def hooked(stage: PayPalStage) -> str:
    given = {"url": HOOK, "event_types": [{"name": "CHECKOUT.ORDER.APPROVED"}]}
    return str(stage.post("/v1/notifications/webhooks", given)["id"])


def question(stage: PayPalStage, webhook: str, key: str, body: bytes | None = None) -> str:
    delivery = stage.sandbox.alter(lambda setting: prepared(setting, key))
    assert delivery is not None
    headers = dict(delivery.headers)
    asked = {
        "auth_algo": headers["paypal-auth-algo"],
        "cert_url": headers["paypal-cert-url"],
        "transmission_id": headers["paypal-transmission-id"],
        "transmission_sig": headers["paypal-transmission-sig"],
        "transmission_time": headers["paypal-transmission-time"],
        "webhook_id": webhook,
        "webhook_event": json.loads(body or delivery.body),
    }
    path = "/v1/notifications/verify-webhook-signature"
    return str(stage.post(path, asked, status=200)["verification_status"])


def test_a_webhook_is_signed_and_whoever_asks_back_hears_whether_it_is_genuine(
    stage: PayPalStage,
) -> None:
    webhook = hooked(stage)
    id_ = stage.approved()
    stage.held()  # its authorization was not asked for
    found = stage.sandbox.alter(lambda setting: DELIVERIES.waiting(setting, 9))
    assert len(found) == 2
    key = found[0][0]
    assert question(stage, webhook, key) == "SUCCESS"
    delivery = stage.sandbox.alter(lambda setting: prepared(setting, key))
    assert delivery is not None
    event = json.loads(delivery.body)
    assert (event["event_type"], event["resource"]["id"]) == ("CHECKOUT.ORDER.APPROVED", id_)
    forged = delivery.body.replace(b"APPROVED", b"APPROVEX")
    assert question(stage, webhook, key, forged) == "FAILURE"


def test_deliveries_are_tried_again_and_go_wrong_by_rule(stage: PayPalStage) -> None:
    webhook = hooked(stage)
    stage.rule({"type": "bad_signature"}, api="paypal.webhooks")
    stage.rule({"type": "drop"}, api="paypal.webhooks", nth=2)
    stage.rule({"type": "duplicate", "n": 2}, api="paypal.webhooks", nth=3)
    stage.approved()
    stage.approved()
    ((key, at),) = stage.sandbox.alter(lambda setting: DELIVERIES.waiting(setting, 9))
    assert question(stage, webhook, key) == "FAILURE"
    stage.sandbox.alter(lambda setting: DELIVERIES.concluded(setting, key, is_taken=False))
    ((key, again_at),) = stage.sandbox.alter(lambda setting: DELIVERIES.waiting(setting, 9))
    assert again_at > at
    assert question(stage, webhook, key) == "SUCCESS"
    stage.sandbox.alter(lambda setting: DELIVERIES.concluded(setting, key, is_taken=True))
    assert stage.sandbox.alter(lambda setting: DELIVERIES.waiting(setting, 9)) == []
    stage.approved()
    assert len(stage.sandbox.alter(lambda setting: DELIVERIES.waiting(setting, 9))) == 3


def test_webhooks_go_to_this_machine_alone_and_can_be_deleted(stage: PayPalStage) -> None:
    given = {"url": "https://far.example/hook", "event_types": [{"name": "*"}]}
    stage.post("/v1/notifications/webhooks", given, status=400)
    webhook = hooked(stage)
    assert [w["id"] for w in stage.get("/v1/notifications/webhooks")["webhooks"]] == [webhook]
    assert stage.send("DELETE", f"/v1/notifications/webhooks/{webhook}").status == 204
    stage.approved()
    assert stage.sandbox.alter(lambda setting: DELIVERIES.waiting(setting, 9)) == []


def test_nothing_that_a_client_sends_breaks_the_machine(stage: PayPalStage) -> None:
    for method, path, given in (
        ("POST", ORDERS, [1]),
        ("POST", ORDERS, {"intent": "AUTHORIZE", "purchase_units": [None]}),
        ("POST", ORDERS, {"intent": "AUTHORIZE", "purchase_units": [{"amount": 3}]}),
        ("PATCH", f"{ORDERS}/{stage.opened()}", [None]),
        ("POST", "/v1/notifications/webhooks", {"url": 1, "event_types": [1]}),
        ("POST", "/v1/notifications/webhooks", {"url": HOOK, "event_types": [{"name": 1}]}),
        ("POST", "/v1/notifications/verify-webhook-signature", {"auth_algo": 1}),
        ("POST", f"{ORDERS}/{stage.opened()}/confirm-payment-source", {"payment_source": 1}),
        ("GET", "/v2/payments/authorizations/%00", None),
        ("DELETE", "/v2/nothing", None),
    ):
        assert 400 <= stage.send(method, path, given).status < 500, path
