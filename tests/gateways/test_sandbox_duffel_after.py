"""The sandbox's Duffel after an order was made: what airlines do to it, refunds, and the webhooks that tell of it."""

import hmac
import json
from hashlib import sha256
from typing import Any

import pytest
from duffel_world import DuffelWorld, balance, payload

from gateways.sandbox import duffel_webhooks as webhooks
from gateways.sandbox import faults
from gateways.sandbox.clock import instant
from gateways.sandbox.deliveries import Delivery
from gateways.sandbox.exchange import Request, Response, Setting
from gateways.sandbox.records import Draft

HOOK = "http://127.0.0.1:1/webhooks/duffel"
TOLD = [webhooks.CHANGED, webhooks.CANCELLED]
Json = dict[str, Any]


class Stage(DuffelWorld):
    """With the control port, and the deliveries that wait."""

    def at(self, draft: Draft) -> Setting:
        return Setting(
            now=instant(self.wall, draft),
            world=self.world,
            records=draft,
            volatile=Draft(self.volatile),
        )

    def control(self, path: str, method: str = "POST", **query: str) -> Response | None:
        draft = Draft(self.records)
        request = Request(
            method=method, path=f"/_sandbox/{path}", query=tuple(query.items()), headers={}
        )
        response = self.machine.control(request, self.at(draft))
        self.records.commit(draft.changes)
        return response

    def rule(self, **action: Any) -> None:
        draft = Draft(self.records)
        rule = {"match": {"api": "duffel.webhooks"}, "action": action, "times": None}
        faults.add_rule(draft, rule)
        self.records.commit(draft.changes)

    def bought(self) -> Json:
        order = self.hold(self.search()["offers"][0])
        self.ask("POST", "/air/payments", {"order_id": order["id"], "payment": balance(order)})
        return dict(self.ask("GET", f"/air/orders/{order['id']}"))

    def hooked(self) -> Json:
        return dict(self.ask("POST", "/air/webhooks", {"url": HOOK, "events": TOLD}))

    def waiting(self) -> list[tuple[str, int]]:
        return webhooks.DELIVERIES.waiting(self.at(Draft(self.records)), 99)

    def sent(self, key: str, *, is_taken: bool = True) -> Delivery:
        draft = Draft(self.records)
        delivery = webhooks.prepared(self.at(draft), key)
        webhooks.DELIVERIES.concluded(self.at(draft), key, is_taken=is_taken)
        self.records.commit(draft.changes)
        assert delivery is not None
        return delivery


@pytest.fixture
def stage() -> Stage:
    return Stage()


def is_genuine(delivery: Delivery, secret: str) -> bool:
    """As Duffel's guide checks it."""
    header = dict(delivery.headers)["x-duffel-signature"]
    at, _, said = header.removeprefix("t=").partition(",v1=")
    signed = f"{at}.".encode() + delivery.body
    return hmac.new(secret.encode(), signed, sha256).hexdigest() == said


# Who wants to hear.


def test_there_is_one_webhook_and_its_secret_is_told_once(stage: Stage) -> None:
    made = stage.hooked()
    assert made["id"].startswith("sev_")
    assert len(made["secret"]) == 24
    given = {"url": HOOK, "events": TOLD}
    assert stage.refused("POST", "/air/webhooks", given) == (422, "unsafe_unique")
    (listed,) = stage.ask("GET", "/air/webhooks")
    assert listed == {key: value for key, value in made.items() if key != "secret"}
    path = f"/air/webhooks/{made['id']}"
    moved = stage.ask("PATCH", path, {"url": f"{HOOK}2", "active": False})
    assert (moved["url"], moved["active"], moved["events"]) == (f"{HOOK}2", False, TOLD)
    assert stage.send("DELETE", path).status == 204
    assert stage.ask("GET", "/air/webhooks") == []
    assert stage.refused("DELETE", path) == (404, "not_found")


@pytest.mark.parametrize(
    "given",
    [
        {"events": TOLD},
        {"url": "https://example.com/hook", "events": TOLD},
        {"url": HOOK},
        {"url": HOOK, "events": ["order.exploded"]},
        {"url": HOOK, "events": [1]},
    ],
)
def test_a_webhook_goes_to_this_machine_and_names_events_that_there_are(
    stage: Stage, given: Json
) -> None:
    assert stage.refused("POST", "/air/webhooks", given)[0] == 422
    assert stage.ask("GET", "/air/webhooks") == []


# What is told.


def test_a_change_is_told_and_signed_under_the_secret(stage: Stage) -> None:
    order, hook = stage.bought(), stage.hooked()
    change = payload_of(stage.control(f"orders/{order['booking_reference']}/change"))
    ((key, _),) = stage.waiting()
    delivery = stage.sent(key, is_taken=False)
    event = json.loads(delivery.body)
    assert (event["type"], event["idempotency_key"]) == (webhooks.CHANGED, change["id"])
    assert event["data"]["object"] == {"id": order["id"], "aic_id": change["id"]}
    assert delivery.url == HOOK
    assert is_genuine(delivery, hook["secret"])
    stage.wall += 1_000
    ((again, _),) = stage.waiting()
    assert stage.sent(again).body == delivery.body
    assert stage.waiting() == []


def test_who_did_not_ask_is_not_told(stage: Stage) -> None:
    order = stage.bought()
    stage.control(f"orders/{order['id']}/change")
    hook = stage.ask("POST", "/air/webhooks", {"url": HOOK, "events": [webhooks.CANCELLED]})
    stage.control(f"orders/{order['id']}/change")
    stage.ask("PATCH", f"/air/webhooks/{hook['id']}", {"active": False})
    stage.control(f"orders/{order['id']}/airline-cancel")
    assert stage.waiting() == []


@pytest.mark.parametrize(
    ("action", "genuine"),
    [
        ({"type": "drop"}, []),
        ({"type": "duplicate", "n": 2}, [True, True, True]),
        ({"type": "bad_signature"}, [False]),
    ],
)
def test_rules_lose_double_and_forge_what_is_told(
    stage: Stage, action: Json, genuine: list[bool]
) -> None:
    order, hook = stage.bought(), stage.hooked()
    stage.rule(**action)
    stage.control(f"orders/{order['id']}/change")
    sent = [stage.sent(key) for key, _ in stage.waiting()]
    assert [is_genuine(one, hook["secret"]) for one in sent] == genuine


def test_an_old_signature_is_genuine_and_late_and_the_retry_is_not(stage: Stage) -> None:
    order, hook = stage.bought(), stage.hooked()
    stage.rule(type="old_timestamp", seconds=600)
    stage.rule(type="delay", ms=5_000)
    stage.control(f"orders/{order['id']}/change")
    ((key, at),) = stage.waiting()
    assert at == stage.wall + 5_000
    late = stage.sent(key, is_taken=False)
    assert is_genuine(late, hook["secret"])
    assert dict(late.headers)["x-duffel-signature"].startswith(f"t={stage.wall // 1_000 - 600},")
    ((again, _),) = stage.waiting()
    assert f"t={stage.wall // 1_000}," in dict(stage.sent(again).headers)["x-duffel-signature"]


# What airlines do, and what comes back.


def payload_of(response: Response | None) -> Any:
    assert response is not None
    assert response.status == 200, response.body
    return payload(response)["data"]


def test_a_change_shows_what_was_and_what_is_and_only_the_latest_is_accepted(stage: Stage) -> None:
    order = stage.bought()
    path = f"orders/{order['booking_reference']}/change"
    first, second = (payload_of(stage.control(path, minutes=m)) for m in ("30", "-10"))
    now = stage.ask("GET", f"/air/orders/{order['id']}")
    assert first["removed"] == order["slices"]
    assert second["removed"] == first["added"]
    assert now["slices"] == second["added"]
    assert first["added"][0]["id"] != order["slices"][0]["id"]
    assert now["airline_initiated_changes"] == [first, second]
    assert stage.ask("GET", "/air/airline_initiated_changes", order_id=order["id"]) == [
        first,
        second,
    ]
    accept = "/air/airline_initiated_changes/{}/actions/accept"
    stale = stage.refused("POST", accept.format(first["id"]))
    assert stale == (422, "stale_airline_initiated_change_accept")
    accepted = stage.ask("POST", accept.format(second["id"]))
    assert (accepted["action_taken"], accepted["available_actions"]) == ("accepted", [])
    assert stage.ask("POST", accept.format(second["id"])) == accepted
    journal = payload_of(stage.control("duffel/effects", "GET"))
    told = [(one["amount"], one["change"]) for one in journal if one["effect"] == "accepted"]
    assert told == [(0, second["id"])] * 2, "who asks twice is seen"
    assert stage.refused("POST", accept.format("aic_0")) == (404, "not_found")


def test_what_was_paid_and_what_came_back_is_in_the_journal(stage: Stage) -> None:
    kept, cancelled = stage.bought(), stage.bought()
    stage.hooked()
    total = round(float(kept["total_amount"]) * 100)
    payload_of(stage.control(f"orders/{cancelled['id']}/airline-cancel"))
    journal = payload_of(stage.control("duffel/effects", "GET"))
    assert [(one["effect"], one["amount"], one.get("by")) for one in journal] == [
        ("paid", total, None),
        ("paid", total, None),
        ("refunded", total, "airline"),
    ]
    gone = stage.ask("GET", f"/air/orders/{cancelled['id']}")
    (told,) = [json.loads(stage.sent(key).body) for key, _ in stage.waiting()]
    assert gone["cancellation"] == told["data"]["object"]
    assert gone["cancellation"]["refund_amount"] == cancelled["total_amount"]
    (listed,) = stage.ask("GET", "/air/order_cancellations", order_id=cancelled["id"])
    assert listed == gone["cancellation"]
    assert stage.ask("GET", "/air/order_cancellations", order_id=kept["id"]) == []


def test_only_the_latest_quote_is_confirmed_and_what_waits_is_answered_by_it(stage: Stage) -> None:
    order = stage.bought()
    payload_of(stage.control(f"orders/{order['id']}/change"))
    first, second = (
        stage.ask("POST", "/air/order_cancellations", {"order_id": order["id"]}) for _ in "ab"
    )
    confirm = "/air/order_cancellations/{}/actions/confirm"
    assert stage.refused("POST", confirm.format(first["id"]))[0] == 422
    done = stage.ask("POST", confirm.format(second["id"]))
    assert done["refund_amount"] == order["total_amount"]
    (change,) = stage.ask("GET", f"/air/orders/{order['id']}")["airline_initiated_changes"]
    assert change["action_taken"] == "cancelled"


@pytest.mark.parametrize("minutes", ["0", "soon", "1441", "-9999"])
def test_an_airline_moves_flights_by_a_day_at_most(stage: Stage, minutes: str) -> None:
    order = stage.bought()
    answer = stage.control(f"orders/{order['id']}/change", minutes=minutes)
    assert answer is not None
    assert answer.status == 400
    assert stage.ask("GET", f"/air/orders/{order['id']}") == order


def test_what_is_gone_or_was_never_there_is_not_changed(stage: Stage) -> None:
    order = stage.bought()
    assert stage.control("orders/ord_none/change") is None
    payload_of(stage.control(f"orders/{order['id']}/airline-cancel"))
    for what in ("change", "airline-cancel"):
        answer = stage.control(f"orders/{order['id']}/{what}")
        assert answer is not None
        assert answer.status == 409
