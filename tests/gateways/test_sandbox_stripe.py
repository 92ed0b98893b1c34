"""The sandbox's Stripe as a pure machine: which state allows what, and that no money comes from nowhere."""

import json
from collections import Counter
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from stripe_stage import DAY, HOUR, MINUTE, START, Json, StripeStage

from gateways.sandbox import stripe_deliveries as deliveries
from gateways.sandbox.exchange import Request
from gateways.sandbox.stripe_cards import CARDS
from gateways.sandbox.stripe_objects import Call

UNEXPECTED = "payment_intent_unexpected_state"


@pytest.fixture
def stage() -> StripeStage:
    return StripeStage()


def intent_in(stage: StripeStage, status: str) -> str:
    """A payment that has come so far."""
    match status:
        case "requires_payment_method":
            return stage.opened()
        case "requires_confirmation":
            return stage.opened(payment_method="pm_card_visa")
        case "requires_action":
            return stage.held(method="pm_card_authenticationRequired")
        case "requires_capture":
            return stage.held()
        case "succeeded":
            return stage.captured()
        case _:
            id_ = stage.opened()
            stage.post(f"payment_intents/{id_}/cancel")
            return id_


def payee(stage: StripeStage) -> str:
    account = stage.post("accounts", capabilities={"transfers": {"requested": True}})
    stage.control("POST", f"accounts/{account['id']}/onboard")
    return str(account["id"])


def error_of(answer: Json) -> Json:
    return dict(answer["error"])


STATES = (
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "requires_capture",
    "succeeded",
    "canceled",
)
ALLOWED = {
    "confirm": {
        "requires_payment_method": "requires_capture",
        "requires_confirmation": "requires_capture",
        "requires_action": "requires_capture",
    },
    "capture": {"requires_capture": "succeeded"},
    "cancel": dict.fromkeys(STATES[:4], "canceled"),
}


class TestStates:
    @pytest.mark.parametrize("status", STATES)
    @pytest.mark.parametrize("operation", ALLOWED)
    def test_a_state_allows_this_and_refuses_that_unchanged(
        self, stage: StripeStage, status: str, operation: str
    ) -> None:
        id_ = intent_in(stage, status)
        before = stage.get(f"payment_intents/{id_}")
        assert before["status"] == status
        members = {"payment_method": "pm_card_visa"} if operation == "confirm" else {}
        after = ALLOWED[operation].get(status)
        if after is not None:
            assert stage.post(f"payment_intents/{id_}/{operation}", **members)["status"] == after
            return
        effects = stage.effects()
        error = error_of(stage.post(f"payment_intents/{id_}/{operation}", status=400, **members))
        assert error["code"] == UNEXPECTED
        assert error["payment_intent"] == before == stage.get(f"payment_intents/{id_}")
        assert stage.effects() == effects

    def test_the_events_of_a_payment_come_in_their_order(self, stage: StripeStage) -> None:
        id_ = stage.captured()
        stage.post("refunds", payment_intent=id_)
        assert stage.event_types() == [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.amount_capturable_updated",
            "charge.captured",
            "payment_intent.succeeded",
            "refund.created",
            "charge.refunded",
        ]

    def test_of_a_part_that_is_captured_the_rest_is_let_go(self, stage: StripeStage) -> None:
        id_ = stage.held(3_334)
        error = error_of(
            stage.post(f"payment_intents/{id_}/capture", status=400, amount_to_capture=3_335)
        )
        assert error["code"] == "amount_too_large"
        done = stage.post(
            f"payment_intents/{id_}/capture", amount_to_capture=3_000, expand=["latest_charge"]
        )
        assert (done["amount_received"], done["amount_capturable"]) == (3_000, 0)
        charge = done["latest_charge"]
        assert (charge["amount"], charge["amount_captured"], charge["captured"]) == (
            3_334,
            3_000,
            True,
        )
        assert [(each["effect"], each["amount"]) for each in stage.effects()] == [
            ("authorized", 3_334),
            ("captured", 3_000),
        ]

    def test_a_payment_without_capture_by_hand_is_taken_at_once(self, stage: StripeStage) -> None:
        id_ = stage.opened(capture_method="automatic")
        done = stage.post(f"payment_intents/{id_}/confirm", payment_method="pm_card_mastercard")
        assert (done["status"], done["amount_received"]) == ("succeeded", 3_334)
        assert [each["effect"] for each in stage.effects()] == ["captured"]

    def test_what_is_updated_and_when_it_can_be(self, stage: StripeStage) -> None:
        id_ = stage.opened(metadata={"a": "1", "b": "2"})
        changed = stage.post(
            f"payment_intents/{id_}",
            amount=5_000,
            metadata={"a": "", "c": "3"},
            description="Trip",
            payment_method="pm_card_visa",
        )
        assert (changed["amount"], changed["metadata"]) == (5_000, {"b": "2", "c": "3"})
        assert changed["status"] == "requires_confirmation"
        stage.post(f"payment_intents/{id_}/confirm")
        assert error_of(stage.post(f"payment_intents/{id_}", status=400, amount=1_000))["code"] == (
            UNEXPECTED
        )
        assert stage.post(f"payment_intents/{id_}", description="New")["description"] == "New"

    @pytest.mark.parametrize(
        ("method", "off_session", "seconds"),
        [
            ("pm_card_visa", False, 7 * 86_400),
            ("pm_card_visa", True, (4 * 24 + 18) * 3_600),
            ("pm_card_mastercard", True, 7 * 86_400),
        ],
    )
    def test_a_hold_ends_at_its_second_and_not_before(
        self, stage: StripeStage, method: str, off_session: bool, seconds: int
    ) -> None:
        id_ = stage.opened()
        held = stage.post(
            f"payment_intents/{id_}/confirm",
            payment_method=method,
            off_session=off_session,
            expand=["latest_charge"],
        )
        card = held["latest_charge"]["payment_method_details"]["card"]
        assert card["capture_before"] == START // 1_000 + seconds
        stage.advance(seconds * 1_000 - 1)
        assert stage.get(f"payment_intents/{id_}")["status"] == "requires_capture"
        stage.advance(1)
        gone = stage.get(f"payment_intents/{id_}")
        assert (gone["status"], gone["cancellation_reason"]) == ("canceled", "automatic")
        assert {"charge.expired", "payment_intent.canceled"} <= set(stage.event_types())
        assert stage.effects()[-1]["effect"] == "expired"
        error = error_of(stage.post(f"payment_intents/{id_}/capture", status=400))
        assert error["code"] == UNEXPECTED

    def test_what_was_captured_in_time_does_not_expire(self, stage: StripeStage) -> None:
        id_ = stage.captured()
        stage.advance(8 * DAY)
        assert stage.get(f"payment_intents/{id_}")["status"] == "succeeded"

    def test_a_cancelled_hold_is_told_as_a_refund_unless_switched_off(
        self, stage: StripeStage
    ) -> None:
        charges = []
        for shows in (True, False):
            stage.control("POST", "stripe/options", {"cancelRefundsCharge": shows})
            id_ = stage.held()
            stage.post(f"payment_intents/{id_}/cancel", cancellation_reason="abandoned")
            charges.append(stage.get("charges", payment_intent=id_)["data"][0])
        assert [each["refunded"] for each in charges] == [True, False]
        assert stage.event_types().count("charge.refunded") == 1
        assert not stage.get("refunds")["data"]


class TestCards:
    @pytest.mark.parametrize("alias", CARDS)
    def test_each_alias_does_what_it_is_named_for(self, stage: StripeStage, alias: str) -> None:
        card = CARDS[alias]
        id_ = stage.opened()
        fails = card.behaviour in ("declines", "declines_later")
        answer = stage.post(
            f"payment_intents/{id_}/confirm",
            status=402 if fails else 200,
            payment_method=f"pm_card_{alias}",
        )
        if fails:
            error = error_of(answer)
            assert (error["type"], error["code"]) == ("card_error", card.code)
            assert error["decline_code"] == card.decline_code
            assert error["payment_intent"]["payment_method"] is None
            assert stage.event_types()[-2:] == ["charge.failed", "payment_intent.payment_failed"]
            again = stage.post(f"payment_intents/{id_}/confirm", payment_method="pm_card_visa")
            assert (again["status"], again["last_payment_error"]) == ("requires_capture", None)
            return
        asks = card.behaviour.startswith("asks")
        assert answer["status"] == ("requires_action" if asks else "requires_capture")
        assert ("charge.dispute.created" in stage.event_types()) == (card.behaviour == "disputed")

    def test_a_card_that_asks_declines_without_its_owner(self, stage: StripeStage) -> None:
        id_ = stage.opened()
        error = error_of(
            stage.post(
                f"payment_intents/{id_}/confirm",
                status=402,
                payment_method="pm_card_authenticationRequired",
                off_session=True,
            )
        )
        assert error["code"] == error["decline_code"] == "authentication_required"

    def test_one_without_a_customer_pays_once(self, stage: StripeStage) -> None:
        method = stage.post("payment_methods", type="card", card={"token": "tok_visa"})["id"]
        stage.held(method=method)
        error = error_of(
            stage.post(
                f"payment_intents/{stage.opened()}/confirm", status=400, payment_method=method
            )
        )
        assert error["param"] == "payment_method"
        assert "may not be used again" in error["message"]

    def test_one_of_a_customer_pays_again_and_for_nobody_else(self, stage: StripeStage) -> None:
        customer = stage.post("customers", name="Ana")["id"]
        method = stage.post("payment_methods/pm_card_visa/attach", customer=customer)["id"]
        for _ in range(2):
            stage.held(method=method, customer=customer)
        foreign = stage.post(
            f"payment_intents/{stage.opened()}/confirm", status=400, payment_method=method
        )
        assert "different Customer" in error_of(foreign)["message"]
        assert len(stage.get("payment_intents", customer=customer)["data"]) == 2
        refused = stage.post(
            "payment_methods/pm_card_chargeDeclined/attach", status=402, customer=customer
        )
        assert error_of(refused)["code"] == "card_declined"
        stage.post("payment_methods/pm_card_chargeCustomerFail/attach", customer=customer)


class TestAuthentication:
    def asked(self, stage: StripeStage, **members: Any) -> Json:
        return stage.post(
            f"payment_intents/{stage.opened()}/confirm",
            payment_method="pm_card_threeDSecure2Required",
            **members,
        )

    @pytest.mark.parametrize("result", ["ok", "fail"])
    def test_the_page_has_two_buttons_that_lead_back(self, stage: StripeStage, result: str) -> None:
        intent = self.asked(stage, return_url="http://127.0.0.1:8080/pay?x=1")
        action = intent["next_action"]
        url = action["redirect_to_url"]["url"]
        assert url == f"http://127.0.0.1/3ds/{intent['id']}"
        page = stage.send("GET", f"/3ds/{intent['id']}")
        assert page.body.count(b"<button>") == 2
        assert b"33.34 eur" in page.body
        pressed = stage.sandbox.perform(
            stage.machine,
            Request(
                method="POST",
                path=f"/3ds/{intent['id']}",
                query=(("result", result),),
                headers={},
            ),
        ).response
        location = dict(pressed.headers)["location"]
        assert pressed.status == 303
        assert location.startswith("http://127.0.0.1:8080/pay?x=1&payment_intent=pi_")
        assert location.endswith("succeeded" if result == "ok" else "failed")
        after = stage.get(f"payment_intents/{intent['id']}")
        assert after["next_action"] is None
        if result == "ok":
            assert after["status"] == "requires_capture"
        else:
            assert after["status"] == "requires_payment_method"
            code = after["last_payment_error"]["code"]
            assert code == "payment_intent_authentication_failure"
            assert stage.event_types()[-1] == "payment_intent.payment_failed"

    def test_it_is_answered_at_the_control_port_once(self, stage: StripeStage) -> None:
        intent = self.asked(stage)
        assert intent["next_action"]["type"] == "use_stripe_sdk"
        done = stage.control("POST", f"3ds/{intent['id']}", result="ok")
        assert done["status"] == "requires_capture"
        assert (
            "nothing to authenticate"
            in (stage.control("POST", f"3ds/{intent['id']}", result="ok")["detail"])
        )
        assert "result" in stage.control("POST", f"3ds/{intent['id']}", result="maybe")["detail"]
        assert "No such" in stage.control("POST", "3ds/pi_none", result="ok")["detail"]

    def test_what_was_cancelled_meanwhile_cannot_be_authenticated(self, stage: StripeStage) -> None:
        intent = self.asked(stage)
        stage.post(f"payment_intents/{intent['id']}/cancel")
        assert "detail" in stage.control("POST", f"3ds/{intent['id']}", result="ok")
        assert not [each for each in stage.effects() if each["effect"] == "authorized"]


class TestRefunds:
    def test_never_more_than_was_captured(self, stage: StripeStage) -> None:
        id_ = stage.captured(3_000)
        stage.post("refunds", payment_intent=id_, amount=1_000)
        over = error_of(stage.post("refunds", status=400, payment_intent=id_, amount=2_001))
        assert over["param"] == "amount"
        rest = stage.post("refunds", payment_intent=id_, reason="requested_by_customer")
        assert (rest["amount"], rest["status"]) == (2_000, "succeeded")
        again = error_of(stage.post("refunds", status=400, payment_intent=id_))
        assert again["code"] == "charge_already_refunded"
        charge = stage.get(f"charges/{rest['charge']}")
        assert (charge["amount_refunded"], charge["refunded"]) == (3_000, True)
        listed = stage.get("refunds", payment_intent=id_)["data"]
        assert [each["amount"] for each in listed] == [2_000, 1_000]

    def test_what_is_not_captured_is_cancelled_instead(self, stage: StripeStage) -> None:
        id_ = stage.held()
        error = error_of(stage.post("refunds", status=400, payment_intent=id_))
        assert error["code"] == UNEXPECTED
        charge = stage.get(f"payment_intents/{id_}")["latest_charge"]
        assert error_of(stage.post("refunds", status=400, charge=charge))["param"] == "charge"

    @pytest.mark.parametrize("by", ["card", "rule"])
    def test_one_can_fail_later_and_the_money_is_ours_again(
        self, stage: StripeStage, by: str
    ) -> None:
        if by == "rule":
            stage.rule({"type": "refund_fail_later", "ms": 60_000}, pathRegex="/refunds$")
        id_ = stage.held(3_000, "pm_card_refundFail" if by == "card" else "pm_card_visa")
        stage.post(f"payment_intents/{id_}/capture")
        refund = stage.post("refunds", payment_intent=id_)
        assert refund["status"] == "succeeded"
        stage.advance(MINUTE)
        failed = stage.get(f"refunds/{refund['id']}")
        assert (failed["status"], failed["failure_reason"]) == (
            "failed",
            "expired_or_canceled_card",
        )
        assert {"refund.failed", "charge.refund.updated"} <= set(stage.event_types())
        assert stage.get(f"charges/{refund['charge']}")["amount_refunded"] == 0
        assert [each["effect"] for each in stage.effects()][-2:] == ["refunded", "refund_failed"]

    @pytest.mark.parametrize("comes", ["by a payment", "back from a payee"])
    def test_one_waits_until_there_is_money(self, stage: StripeStage, comes: str) -> None:
        account, id_ = payee(stage), stage.captured(3_000)
        charge = stage.get(f"payment_intents/{id_}")["latest_charge"]
        transfer = stage.post(
            "transfers",
            amount=3_000,
            currency="eur",
            destination=account,
            source_transaction=charge,
        )
        refund = stage.post("refunds", payment_intent=id_)
        assert refund["status"] == "pending"
        if comes == "by a payment":
            stage.captured(4_000)
            stage.advance(2 * DAY)
        else:
            stage.post(f"transfers/{transfer['id']}/reversals")
        assert stage.get(f"refunds/{refund['id']}")["status"] == "succeeded"
        pots = {each["currency"]: each["amount"] for each in stage.get("balance")["available"]}
        assert pots["eur"] == (1_000 if comes == "by a payment" else 0)


class TestTransfers:
    def test_no_capture_no_transfer(self, stage: StripeStage) -> None:
        account = payee(stage)
        wanted: Json = {"amount": 1_000, "currency": "eur", "destination": account}
        short = error_of(stage.post("transfers", status=400, **wanted))
        assert short["code"] == "balance_insufficient"
        stage.captured(3_000)
        stage.post("transfers", status=400, **wanted)
        stage.advance(2 * DAY)
        assert stage.get("balance")["pending"][0]["amount"] == 0
        assert stage.post("transfers", **wanted)["amount"] == 1_000

    def test_of_one_charge_no_more_than_it_brought(self, stage: StripeStage) -> None:
        account, id_ = payee(stage), stage.captured(3_000)
        charge = stage.get(f"payment_intents/{id_}")["latest_charge"]
        wanted: Json = {
            "currency": "eur",
            "destination": account,
            "source_transaction": charge,
        }
        stage.post("transfers", amount=2_000, **wanted)
        over = error_of(stage.post("transfers", status=400, amount=1_001, **wanted))
        assert over["param"] == "source_transaction"
        stage.post("transfers", amount=1_000, **wanted)

    def test_an_account_must_be_taken_on_first(self, stage: StripeStage) -> None:
        account = stage.post("accounts", capabilities={"transfers": {"requested": True}})["id"]
        wanted: Json = {"amount": 100, "currency": "eur", "destination": account}
        error = error_of(stage.post("transfers", status=400, **wanted))
        assert error["code"] == "insufficient_capabilities_for_transfer"
        assert error_of(
            stage.post("transfers", status=400, **{**wanted, "destination": "acct_no"})
        )["code"] == ("resource_missing")

    def test_a_reversal_takes_back_what_is_there(self, stage: StripeStage) -> None:
        account, id_ = payee(stage), stage.captured(3_000)
        charge = stage.get(f"payment_intents/{id_}")["latest_charge"]
        transfer = stage.post(
            "transfers",
            amount=2_000,
            currency="eur",
            destination=account,
            source_transaction=charge,
        )
        path = f"transfers/{transfer['id']}/reversals"
        stage.post(path, amount=500)
        stage.post(path, status=400, amount=1_501)
        stage.post(path)
        assert stage.get(f"transfers/{transfer['id']}")["reversed"]
        assert len(stage.get(path)["data"]) == 2
        assert stage.event_types().count("transfer.reversed") == 2


class TestFaults:
    def test_an_authorisation_is_over_now(self, stage: StripeStage) -> None:
        id_ = stage.held()
        stage.rule({"type": "auth_expire_now"}, pathRegex="/capture$")
        error = error_of(stage.post(f"payment_intents/{id_}/capture", status=400))
        assert error["payment_intent"]["cancellation_reason"] == "automatic"

    def test_any_card_is_declined(self, stage: StripeStage) -> None:
        stage.rule({"type": "decline", "code": "stolen_card"}, pathRegex="/confirm$")
        id_ = stage.opened()
        error = error_of(
            stage.post(f"payment_intents/{id_}/confirm", status=402, payment_method="pm_card_visa")
        )
        assert (error["code"], error["decline_code"]) == ("card_declined", "stolen_card")

    @pytest.mark.parametrize("after_effect", [True, False])
    def test_a_kept_500(self, stage: StripeStage, after_effect: bool) -> None:
        id_ = stage.held()
        stage.rule({"type": "replay_500", "afterEffect": after_effect}, pathRegex="/capture$")
        for _ in range(2):
            stage.post(f"payment_intents/{id_}/capture", status=500, key="c1")
        status = stage.get(f"payment_intents/{id_}")["status"]
        assert status == ("succeeded" if after_effect else "requires_capture")

    def test_a_rule_for_all_requests_leaves_webhooks_alone(self, stage: StripeStage) -> None:
        stage.post("webhook_endpoints", url="http://127.0.0.1:9/", enabled_events=["*"])
        stage.rule({"type": "latency", "ms": 1}, times=1, nth=2)
        stage.opened()
        assert stage.event_types() == ["payment_intent.created"]


class TestWebhooks:
    def endpoint(self, stage: StripeStage) -> Json:
        return stage.post("webhook_endpoints", url="http://127.0.0.1:9/", enabled_events=["*"])

    def attempt(self, stage: StripeStage, *, is_taken: bool = False) -> int:
        """The first that waits; how many milliseconds it was waited for."""
        key, at = stage.sandbox.alter(lambda setting: deliveries.DELIVERIES.waiting(setting, 1))[0]
        waited, stage.wall = at - stage.wall, max(stage.wall, at)
        how: Any = "taken" if is_taken else "refused"
        assert stage.sandbox.alter(lambda setting: deliveries.prepared(Call(setting=setting), key))
        stage.sandbox.alter(
            lambda setting: deliveries.concluded(Call(setting=setting), key, how=how)
        )
        return waited

    def test_retries_double_and_end_and_the_event_stays_undelivered(
        self, stage: StripeStage
    ) -> None:
        self.endpoint(stage)
        stage.opened()
        waits = [self.attempt(stage) for _ in range(deliveries.MAX_ATTEMPTS)]
        assert waits == [0, *(1_000 << each for each in range(9))]
        assert not stage.sandbox.alter(lambda setting: deliveries.DELIVERIES.waiting(setting, 1))
        assert len(stage.get("events", delivery_success=False)["data"]) == 1
        assert not stage.get("events", delivery_success=True)["data"]

    def test_an_event_is_delivered_when_all_endpoints_have_it(self, stage: StripeStage) -> None:
        for _ in range(2):
            self.endpoint(stage)
        stage.opened()
        self.attempt(stage, is_taken=True)
        assert stage.get("events")["data"][0]["pending_webhooks"] == 1
        self.attempt(stage, is_taken=True)
        assert len(stage.get("events", delivery_success=True)["data"]) == 1

    def test_what_waits_for_a_deleted_endpoint_is_forgotten(self, stage: StripeStage) -> None:
        id_ = self.endpoint(stage)["id"]
        stage.opened()
        stage.send("DELETE", f"/v1/webhook_endpoints/{id_}")
        key, _ = stage.sandbox.alter(lambda setting: deliveries.DELIVERIES.waiting(setting, 1))[0]
        prepared = stage.sandbox.alter(
            lambda setting: deliveries.prepared(Call(setting=setting), key)
        )
        assert prepared is None
        assert not stage.sandbox.alter(lambda setting: deliveries.DELIVERIES.waiting(setting, 1))

    def test_no_more_wait_than_may(
        self, stage: StripeStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateways.sandbox.deliveries.MAX_WAITING", 3)
        self.endpoint(stage)
        for _ in range(5):
            stage.opened()
        assert (
            len(stage.sandbox.alter(lambda setting: deliveries.DELIVERIES.waiting(setting, 9))) == 3
        )
        assert len(stage.get("events", delivery_success=False)["data"]) == 5
        self.attempt(stage, is_taken=True)
        stage.opened()
        assert (
            len(stage.sandbox.alter(lambda setting: deliveries.DELIVERIES.waiting(setting, 9))) == 3
        )

    def test_events_are_kept_for_thirty_days(self, stage: StripeStage) -> None:
        stage.opened()
        stage.advance(30 * DAY)
        assert stage.event_types() == ["test_helpers.test_clock.ready"]


class TestTheWire:
    @pytest.mark.parametrize(
        ("given", "code", "param"),
        [
            ({"currency": "eur"}, "parameter_missing", "amount"),
            ({"amount": "ten", "currency": "eur"}, "parameter_invalid_integer", "amount"),
            ({"amount": 49, "currency": "eur"}, "amount_too_small", "amount"),
            ({"amount": 100_000_000, "currency": "eur"}, "amount_too_large", "amount"),
            ({"amount": 5_125, "currency": "kwd"}, "parameter_invalid_integer", "amount"),
            ({"amount": 7_550, "currency": "isk"}, "parameter_invalid_integer", "amount"),
            ({"amount": 100, "currency": "eur", "colour": "x"}, "parameter_unknown", "colour"),
            ({"amount": 100, "currency": "xxx"}, None, "currency"),
            (
                {"amount": 100, "currency": "eur", "customer": "cus_0"},
                "resource_missing",
                "customer",
            ),
            ({"amount": 100, "currency": "eur", "expand": ["colour"]}, None, "expand"),
        ],
    )
    def test_what_cannot_be_is_named(
        self, stage: StripeStage, given: Json, code: str | None, param: str
    ) -> None:
        error = error_of(stage.post("payment_intents", status=400, **given))
        assert (error.get("code"), error.get("param")) == (code, param)
        assert error["type"] == "invalid_request_error"

    @settings(max_examples=60, deadline=None)
    @given(
        body=st.one_of(
            st.binary(max_size=80),
            st.text("ab[]=&%0", max_size=60).map(str.encode),
            st.lists(
                st.tuples(
                    st.sampled_from(
                        [
                            "amount",
                            "metadata[a]",
                            "metadata",
                            "expand[]",
                            "card[number]",
                            "a[b",
                            "x",
                        ]
                    ),
                    st.text(max_size=5),
                )
            ).map(lambda pairs: "&".join(f"{a}={b}" for a, b in pairs).encode(errors="replace")),
        ),
        path=st.sampled_from(
            ["payment_intents", "payment_methods", "refunds", "transfers", "accounts", "nothing"]
        ),
        kind=st.sampled_from(["application/x-www-form-urlencoded", "application/json", ""]),
    )
    def test_whatever_is_posted_is_answered_in_stripes_words(
        self, body: bytes, path: str, kind: str
    ) -> None:
        stage = StripeStage()
        request = Request(
            method="POST",
            path=f"/v1/{path}",
            headers={"authorization": "Bearer sk_test_1", "content-type": kind},
            body=body,
        )
        answer = stage.sandbox.perform(stage.machine, request).response
        assert answer.status in (200, 400, 402, 404)
        found = json.loads(answer.body)
        assert "object" in found or found["error"]["type"]

    def test_the_same_seed_is_the_same_ids_and_no_time_is_in_them(self) -> None:
        first, second, other = StripeStage(), StripeStage(), StripeStage("another")
        second.wall += HOUR
        ids = [each.captured() for each in (first, second, other)]
        assert ids[0] == ids[1] != ids[2]

    def test_options_are_checked(self, stage: StripeStage) -> None:
        assert stage.control("GET", "stripe/options")["searchDelayMs"] == 2_000
        for wrong in ({"colour": 1}, {"tps": -1}, {"searchDelayMs": None}, [], "x"):
            assert "detail" in stage.control("POST", "stripe/options", wrong)

    def test_the_journal_of_effects_goes_on_after_a_number(self, stage: StripeStage) -> None:
        id_ = stage.opened(metadata={"saga_id": "S1"}, transfer_group="grp_S1")
        stage.post(f"payment_intents/{id_}/confirm", payment_method="pm_card_visa", key="cv:1")
        stage.post(f"payment_intents/{id_}/capture")
        held, taken = stage.effects()
        assert held["metadata"] == {"saga_id": "S1"}
        assert (held["transferGroup"], held["idempotencyKey"]) == ("grp_S1", "cv:1")
        assert (held["paymentIntent"], held["currency"]) == (id_, "eur")
        rest = stage.control("GET", "stripe/effects", after=str(held["seq"]))["data"]
        assert rest == [taken]


class Money(RuleBasedStateMachine):
    """Any order of calls: what was taken, given back and passed on adds up."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = StripeStage()
        self.account = payee(self.stage)
        self.intents: list[str] = []
        self.sent: list[tuple[str, str, Json, bytes]] = []
        self.keys = count()

    def call(self, path: str, **given: Any) -> Json:
        key = f"k{next(self.keys)}"
        answer = self.stage.send("POST", f"/v1/{path}", key=key, **given)
        assert answer.status in (200, 400, 402)
        self.sent.append((path, key, given, answer.body))
        return dict(json.loads(answer.body))

    @rule(
        amount=st.integers(100, 5_000),
        method=st.sampled_from(
            ["pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired"]
        ),
    )
    def pay(self, amount: int, method: str) -> None:
        made = self.call("payment_intents", amount=amount, currency="eur", capture_method="manual")
        self.intents.append(made["id"])
        self.call(f"payment_intents/{made['id']}/confirm", payment_method=method)

    @rule(amount=st.integers(100, 5_000))
    def buy(self, amount: int) -> None:
        self.pay(amount, "pm_card_visa")
        self.call(f"payment_intents/{self.intents[-1]}/capture")

    @precondition(lambda self: self.intents)
    @rule(data=st.data(), amount=st.integers(1, 5_000))
    def capture(self, data: st.DataObject, amount: int) -> None:
        id_ = data.draw(st.sampled_from(self.intents))
        self.call(f"payment_intents/{id_}/capture", amount_to_capture=amount)

    @precondition(lambda self: self.intents)
    @rule(data=st.data(), how=st.sampled_from(["cancel", "authenticate", "confirm"]))
    def change(self, data: st.DataObject, how: str) -> None:
        id_ = data.draw(st.sampled_from(self.intents))
        if how == "authenticate":
            self.stage.control("POST", f"3ds/{id_}", result="ok")
        elif how == "cancel":
            self.call(f"payment_intents/{id_}/cancel")
        else:
            self.call(f"payment_intents/{id_}/confirm", payment_method="pm_card_visa")

    @precondition(lambda self: self.intents)
    @rule(data=st.data(), amount=st.integers(1, 5_000), fails=st.booleans())
    def refund(self, data: st.DataObject, amount: int, fails: bool) -> None:
        id_ = data.draw(st.sampled_from(self.intents))
        if fails:
            self.stage.rule({"type": "refund_fail_later"}, pathRegex="/refunds$")
        self.call("refunds", payment_intent=id_, amount=amount)
        if fails:
            self.stage.advance(MINUTE)

    @rule(amount=st.integers(1, 5_000))
    def transfer(self, amount: int) -> None:
        self.call("transfers", amount=amount, currency="eur", destination=self.account)

    @rule(hours=st.sampled_from([1, 23, 50, 170]))
    def wait(self, hours: int) -> None:
        self.stage.advance(hours * HOUR)
        self.sent.clear()

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        path, key, given, before = data.draw(st.sampled_from(self.sent))
        effects = self.stage.effects()
        again = self.stage.send("POST", f"/v1/{path}", key=key, **given)
        # Parameters that fail validation are no answer to keep, and fail again.
        assert again.body == before
        assert self.stage.effects() == effects

    @invariant()
    def it_adds_up(self) -> None:
        held: Counter[str] = Counter()
        taken: Counter[str] = Counter()
        back: Counter[str] = Counter()
        times: Counter[str] = Counter()
        passed_on = 0
        for each in self.stage.effects():
            id_, amount = each.get("paymentIntent", ""), each["amount"]
            match each["effect"]:
                case "authorized":
                    held[id_] = amount
                case "captured":
                    taken[id_] += amount
                    times[id_] += 1
                case "refunded":
                    back[id_] += amount
                case "refund_failed":
                    back[id_] -= amount
                case "transferred":
                    passed_on += amount
        for id_ in self.intents:
            assert times[id_] <= 1
            assert 0 <= back[id_] <= taken[id_] <= held[id_]
            shown = self.stage.get(f"payment_intents/{id_}")
            assert shown["amount_received"] == taken[id_]
            charges = self.stage.get("charges", payment_intent=id_)["data"]
            captured = [each for each in charges if each["captured"]]
            net = sum(each["amount_captured"] - each["amount_refunded"] for each in captured)
            assert net == taken[id_] - back[id_]
        pots = self.stage.get("balance")
        owned = sum(each["amount"] for pot in ("available", "pending") for each in pots[pot])
        waiting = sum(
            each["amount"]
            for each in self.stage.get("refunds", limit=100)["data"]
            if each["status"] == "pending"
        )
        assert owned == taken.total() - back.total() + waiting - passed_on


Money.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestMoney = Money.TestCase
