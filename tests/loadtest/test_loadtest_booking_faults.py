"""The storm's rules: how often what goes wrong, and that the sandbox takes them."""

import re
from math import prod
from pathlib import Path
from typing import Any, Final

import pytest

from gateways.sandbox.faults import add_rule
from gateways.sandbox.records import Draft, Memory
from loadtest.booking import read_faults
from loadtest.booking_auditor import Booked, Verdict
from loadtest.booking_fraud import Caught
from loadtest.booking_report import Plan, Played, failures, report_of

OF_CALLS, OF_WEBHOOKS = 0.15, 0.3
CALLS: Final = [
    ("stripe", "POST", "/v1/payment_intents"),
    ("stripe", "POST", "/v1/payment_intents/pi_1/confirm"),
    ("stripe", "POST", "/v1/payment_intents/pi_1/capture"),
    ("stripe", "POST", "/v1/payment_intents/pi_1/cancel"),
    ("stripe", "POST", "/v1/refunds"),
    ("stripe", "GET", "/v1/payment_intents/pi_1"),
    ("stripe", "GET", "/v1/payment_intents"),
    ("paypal", "POST", "/v2/checkout/orders"),
    ("paypal", "POST", "/v2/checkout/orders/5O19/authorize"),
    ("paypal", "POST", "/v2/payments/authorizations/2A57/capture"),
    ("paypal", "POST", "/v1/oauth2/token"),
    ("paypal", "GET", "/v2/checkout/orders/5O19"),
    ("amadeus", "GET", "/v2/shopping/flight-offers"),
    ("amadeus", "POST", "/v1/shopping/flight-offers/pricing"),
    ("amadeus", "POST", "/v1/booking/flight-orders"),
    ("amadeus", "GET", "/v1/booking/flight-orders/eJz"),
    ("amadeus", "DELETE", "/v1/booking/flight-orders/eJz"),
    ("duffel", "POST", "/air/offer_requests"),
    ("duffel", "GET", "/air/offers/off_1"),
    ("duffel", "POST", "/air/orders"),
    ("duffel", "POST", "/air/payments"),
    ("duffel", "POST", "/air/order_cancellations"),
    ("duffel", "GET", "/air/orders"),
    ("consolidator", "POST", "/v1/releases"),
    ("consolidator", "GET", "/v1/records"),
]


def matching(api: str, method: str, path: str) -> list[float]:
    """The chances of those rules that concern it."""
    rules, _ = read_faults("storm", 1)
    return [
        rule["match"]["chance"]
        for rule in rules
        if rule["match"].get("method") in (None, method)
        and rule["match"].get("api", "" if api.endswith(".webhooks") else api) == api
        and re.search(rule["match"].get("pathRegex", ""), path)
    ]


def fails(chances: list[float]) -> float:
    return 1 - prod(1 - chance for chance in chances)


@pytest.mark.parametrize(("api", "method", "path"), CALLS)
def test_each_call_goes_wrong_as_often(api: str, method: str, path: str) -> None:
    assert fails(matching(api, method, path)) == pytest.approx(OF_CALLS, abs=0.0005)


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_each_webhook_goes_wrong_twice_as_often(provider: str) -> None:
    hooks = matching(f"{provider}.webhooks", "POST", "/payment_intent.succeeded")
    assert fails(hooks) == pytest.approx(OF_WEBHOOKS, abs=0.0005)


@pytest.mark.parametrize(
    ("api", "path"),
    [("stripe", "/v1/test_helpers/test_clocks"), ("amadeus", "/v1/security/oauth2/token")],
)
def test_the_clock_and_tokens_are_left_alone(api: str, path: str) -> None:
    method = "GET" if api == "stripe" else "POST"
    assert fails(matching(api, method, path)) < 0.04


def test_the_sandbox_takes_every_rule_and_each_draws_for_itself() -> None:
    rules, bad_cards = read_faults("storm", 7)
    draft = Draft(Memory())
    for rule in rules:
        add_rule(draft, {name: value for name, value in rule.items() if name != "name"})
    assert len({rule["name"] for rule in rules}) == len({rule["seed"] for rule in rules})
    assert 0 < bad_cards < 1
    assert read_faults("none", 7) == ([], 0.0)


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"rules": [{}]}', '{"rules": 1}', "7"])
def test_what_is_no_file_of_rules_is_named(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ValueError, match=str(file)):
        read_faults(str(file), 1)


def played(statuses: list[str], **verdict: int) -> Played:
    figures = dict.fromkeys(("ledger_minor", "orphan_holds", "double_charges", "early_tickets"), 0)
    found: dict[str, Any] = {**figures, **verdict, "problems": []}
    return Played(
        bookings=[
            Booked(booking_id=str(number), status=status, currency="EUR")
            for number, status in enumerate(statuses)
        ],
        verdict=Verdict(**found),
        caught=Caught(planted=0, stopped=0, unnoticed=0, clean_reviewed=0.0),
    )


def told(statuses: list[str], *, is_calm: bool = False, **verdict: int) -> list[str]:
    plan = Plan(
        sagas=100,
        seed=1,
        rate=1,
        at_once=1,
        faults="",
        rules=[] if is_calm else [{"name": "one"}],
        bad_cards=0.0,
    )
    report = report_of(plan, played(statuses, **verdict))
    assert report["failures"] == failures(report, is_calm=is_calm)
    return list(report["failures"])


def test_what_the_objectives_allow() -> None:
    assert told(["booked"] * 60 + ["cancelled"] * 39 + ["manual"]) == []
    assert told(["booked"] * 99 + ["cancelled"], is_calm=True) == []


@pytest.mark.parametrize(
    ("statuses", "is_calm"),
    [
        (["booked"] * 59 + ["cancelled"] * 41, False),
        (["booked"] * 98 + ["manual"] * 2, False),
        (["booked"] * 99, False),
        (["booked"] * 99 + ["cancelling"], False),
        (["booked"] * 98 + ["cancelled"] * 2, True),
    ],
)
def test_what_they_do_not(statuses: list[str], is_calm: bool) -> None:
    assert len(told(statuses, is_calm=is_calm)) >= 1


@pytest.mark.parametrize(
    "figure", ["ledger_minor", "orphan_holds", "double_charges", "early_tickets"]
)
def test_nothing_may_be_amiss_with_money(figure: str) -> None:
    assert told(["booked"] * 100, **{figure: 1}) == [f"{figure} is 1 (allowed: 0)"]
