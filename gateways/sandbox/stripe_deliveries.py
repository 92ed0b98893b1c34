"""Deliveries of events, planned as records: when, to whom, and what is odd about them.

Who sends them (`webhook_sender`) asks what is due, posts what is `prepared`, and says how it ended.
All times here are the wall's, in milliseconds: receivers judge signatures by their own clock.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, assert_never, get_args

import msgspec

from gateways.sandbox import faults
from gateways.sandbox.deliveries import Deliveries, Delivery
from gateways.sandbox.exchange import Json, Setting
from gateways.sandbox.fault_actions import (
    BadSignature,
    Delay,
    Drop,
    Duplicate,
    OldTimestamp,
    Reorder,
    TwoSecrets,
    WebhookAction,
)
from gateways.sandbox.stripe_objects import Call, Kept
from gateways.sandbox.stripe_signing import header

HELD: Final = "stripe.held"
MAX_ATTEMPTS: Final = 10
DELIVERIES: Final = Deliveries(
    kind="stripe.delivery", api=faults.WEBHOOKS, most_attempts=MAX_ATTEMPTS
)
HELD_AT_MOST_MS: Final = 2_000
AFTER_THE_NEXT_MS: Final = 50
"""How much later than the next event a held one is sent."""

_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class _Plan:
    copies: int = 1
    delay_ms: int = 0
    is_held: bool = False
    late_by: int = 0
    is_forged: bool = False
    has_two: bool = False


def planned(call: Call, event: Json) -> list[str]:
    """Plan an event's deliveries; the endpoints that are to get it."""
    pending: list[str] = []
    for endpoint in call.newest("we"):
        wanted = endpoint.object["enabled_events"]
        is_on = endpoint.object["status"] == "enabled"
        if is_on and ("*" in wanted or event["type"] in wanted):
            pending.append(endpoint.id)
            _plan(call.setting, event, endpoint.id)
    return pending


def _plan(setting: Setting, event: Json, endpoint: str) -> None:
    plan = _Plan()
    body = _encoder.encode(event)
    path = f"/{event['type']}"
    fired = faults.decide(setting.records, api=faults.WEBHOOKS, method="POST", path=path, body=body)
    for each in fired:
        if isinstance(each.action, get_args(WebhookAction)):
            plan = _with(plan, each.action)
        _journal(setting, each, event, endpoint)
    due = setting.now.wall + plan.delay_ms
    odd = {"late_by": plan.late_by, "is_forged": plan.is_forged, "has_two": plan.has_two}
    delivery: Json = {"event": event["id"], "endpoint": endpoint, "attempt": 1, **odd}
    held = setting.records.get(HELD, endpoint)
    if plan.is_held and plan.copies and held is None:
        key = DELIVERIES.put(setting, due + HELD_AT_MOST_MS, delivery)
        setting.records.put(HELD, endpoint, {"key": key})
        return
    for _ in range(plan.copies):
        DELIVERIES.put(setting, due, delivery)
    if held is not None:
        setting.records.delete(HELD, endpoint)
        waiting = DELIVERIES.get(setting, held["key"])
        if waiting is not None:
            DELIVERIES.drop(setting, held["key"])
            DELIVERIES.put(setting, due + AFTER_THE_NEXT_MS, waiting)


def _with(plan: _Plan, action: WebhookAction) -> _Plan:
    match action:
        case Drop():
            return replace(plan, copies=0)
        case Duplicate():
            return replace(plan, copies=plan.copies and plan.copies + action.n)
        case Reorder():
            return replace(plan, is_held=True)
        case Delay():
            return replace(plan, delay_ms=plan.delay_ms + action.ms)
        case OldTimestamp():
            return replace(plan, late_by=action.seconds)
        case BadSignature():
            return replace(plan, is_forged=True)
        case TwoSecrets():
            return replace(plan, has_two=True)
        case _:
            assert_never(action)


def _journal(setting: Setting, fired: faults.Fired, event: Json, endpoint: str) -> None:
    entry: Json = {
        "at": setting.now.wall,
        "businessAt": setting.now.business,
        "api": faults.WEBHOOKS,
        "method": "POST",
        "path": f"/{event['type']}",
        "rule": fired.rule_id,
        "action": fired.action.__struct_config__.tag,
        "event": event["id"],
        "endpoint": endpoint,
    }
    faults.write_journal(setting.records, entry)


def prepared(call: Call, key: str) -> Delivery | None:
    """Signed for this moment; None, and forgotten, when the event or the endpoint is gone."""
    entry = DELIVERIES.get(call.setting, key)
    if entry is None:
        return None
    event, endpoint = call.find(entry["event"], "evt"), call.find(entry["endpoint"], "we")
    if event is None or endpoint is None:
        DELIVERIES.drop(call.setting, key)
        return None
    body = _encoder.encode(event.object)
    at = call.setting.now.wall // 1_000 - entry["late_by"]
    secret = str(endpoint.private["secret"])
    secrets: tuple[str, ...] = (secret,)
    if entry["is_forged"]:
        secrets = ("whsec_of_somebody_else",)
    if entry["has_two"]:
        secrets = ("whsec_of_last_month", *secrets)
    return Delivery(
        url=endpoint.object["url"],
        body=body,
        headers=(
            ("content-type", "application/json; charset=utf-8"),
            ("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"),
            ("stripe-signature", header(body, secrets, at)),
        ),
    )


def concluded(call: Call, key: str, *, how: Literal["taken", "refused"]) -> None:
    """An attempt ended: the event is delivered to that endpoint, or is tried again, later each time."""
    entry = DELIVERIES.concluded(call.setting, key, is_taken=how == "taken")
    if entry is None or how != "taken":
        return
    event = call.find(entry["event"], "evt")
    if event is not None:
        _delivered(call, event, entry["endpoint"])


def _delivered(call: Call, event: Kept, endpoint: str) -> None:
    pending = [each for each in event.private["pending"] if each != endpoint]
    if len(pending) != len(event.private["pending"]):
        event = event.with_object(pending_webhooks=len(pending))
        is_delivered = "false" if pending else "true"
        call.put(event.with_private(pending=pending, is_delivered=is_delivered))
