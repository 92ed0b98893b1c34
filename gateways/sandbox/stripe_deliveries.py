"""Deliveries of events, planned as records: when, to whom, and what is odd about them.

Who sends them (`webhook_sender`) asks what is due, posts what is `prepared`, and says how it ended.
All times here are the wall's, in milliseconds: receivers judge signatures by their own clock.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, assert_never, get_args

import msgspec

from gateways.sandbox import faults
from gateways.sandbox.deliveries import FIRST_RETRY_MS, MAX_WAITING, MOST_RETRY_MS, Delivery
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

DELIVERIES: Final = "stripe.delivery"
HELD: Final = "stripe.held"
MAX_ATTEMPTS: Final = 10
HELD_AT_MOST_MS: Final = 2_000
AFTER_THE_NEXT_MS: Final = 50
"""How much later than the next event a held one is sent."""

_encoder: Final = msgspec.json.Encoder()
_COUNT: Final = "stripe.waiting"


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
        key = _wait(setting, due + HELD_AT_MOST_MS, delivery)
        setting.records.put(HELD, endpoint, {"key": key})
        return
    for _ in range(plan.copies):
        _wait(setting, due, delivery)
    if held is not None:
        setting.records.delete(HELD, endpoint)
        waiting = setting.records.get(DELIVERIES, held["key"])
        if waiting is not None:
            setting.records.delete(DELIVERIES, held["key"])
            _count(setting, -1)
            _wait(setting, due + AFTER_THE_NEXT_MS, waiting)


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


def waiting(setting: Setting, most: int) -> list[tuple[str, int]]:
    """The first deliveries by when they are due: key and wall time. Attempts under way are among
    them."""
    found: list[tuple[str, int]] = []
    for key, _ in setting.records.scan(DELIVERIES):
        found.append((key, int(key[:15])))
        if len(found) == most:
            break
    return found


def prepared(call: Call, key: str) -> Delivery | None:
    """Signed for this moment; None, and forgotten, when the event or the endpoint is gone."""
    entry = call.setting.records.get(DELIVERIES, key)
    if entry is None:
        return None
    event, endpoint = call.find(entry["event"], "evt"), call.find(entry["endpoint"], "we")
    if event is None or endpoint is None:
        _drop(call.setting, key)
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
    setting = call.setting
    entry = setting.records.get(DELIVERIES, key)
    if entry is None:
        return
    _drop(setting, key)
    if how == "taken":
        event = call.find(entry["event"], "evt")
        if event is not None:
            _delivered(call, event, entry["endpoint"])
        return
    attempt = entry["attempt"]
    if attempt < MAX_ATTEMPTS:
        after = min(MOST_RETRY_MS, FIRST_RETRY_MS << (attempt - 1))
        again = {**entry, "attempt": attempt + 1, "late_by": 0, "is_forged": False}
        _wait(setting, setting.now.wall + after, again)


def _delivered(call: Call, event: Kept, endpoint: str) -> None:
    pending = [each for each in event.private["pending"] if each != endpoint]
    if len(pending) != len(event.private["pending"]):
        event = event.with_object(pending_webhooks=len(pending))
        is_delivered = "false" if pending else "true"
        call.put(event.with_private(pending=pending, is_delivered=is_delivered))


def _wait(setting: Setting, at: int, delivery: Json) -> str:
    key = f"{at:015}|{faults.next_number(setting.records, DELIVERIES):09}"
    if _count(setting, 1) <= MAX_WAITING:
        setting.records.put(DELIVERIES, key, delivery)
    else:
        _count(setting, -1)
    return key


def _drop(setting: Setting, key: str) -> None:
    setting.records.delete(DELIVERIES, key)
    _count(setting, -1)


def _count(setting: Setting, by: int) -> int:
    found = setting.records.get(_COUNT, "n")
    number = by + (0 if found is None else int(found["n"]))
    setting.records.put(_COUNT, "n", {"n": number})
    return number
