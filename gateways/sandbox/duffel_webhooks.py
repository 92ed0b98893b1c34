"""The sandbox's Duffel tells: who wants to hear, events, and their signatures. Sources: docs/duffel.md.

As in Duffel's test mode there is one webhook an account, and its secret is told once, when it is made. A signature
is `t=SECONDS,v1=HEX`: HMAC-SHA256 under the secret as it reads, of the time, a dot and the body.
"""

import base64
import hmac
from hashlib import sha256
from typing import Final

import msgspec

from gateways.sandbox import faults
from gateways.sandbox.deliveries import Deliveries, Delivery, is_loopback
from gateways.sandbox.draw import draw
from gateways.sandbox.duffel_replies import moment, new_id, refused
from gateways.sandbox.exchange import Json, Setting

WEBHOOKS: Final = "duffel.webhook"
DELIVERIES: Final = Deliveries(kind="duffel.delivery", api=faults.DUFFEL_WEBHOOKS, most_attempts=25)
EVENTS: Final = frozenset(
    {
        "air.airline_credit.created",
        "air.airline_credit.invalidated",
        "air.airline_credit.spent",
        "air.order.changed",
        "air.payment.cancelled",
        "air.payment.failed",
        "air.payment.pending",
        "air.payment.succeeded",
        "order.airline_initiated_change_detected",
        "order.created",
        "order.creation_failed",
        "order_cancellation.confirmed",
        "order_cancellation.created",
        "ping.triggered",
    }
)
"""That can be asked for; two of them are played."""

CHANGED: Final = "order.airline_initiated_change_detected"
CANCELLED: Final = "order_cancellation.confirmed"
_HEADER: Final = "x-duffel-signature"
_STRANGER: Final = "c29tZWJvZHkgZWxzZQ=="
_encoder: Final = msgspec.json.Encoder()


# Who wants to hear.


def create(data: Json, setting: Setting) -> Json:
    """With its secret. Raises `Refusal`: only addresses of this machine are taken."""
    url, events = _url(data), _events(data)
    if next(setting.records.scan(WEBHOOKS), None) is not None:
        raise refused("unsafe_unique")
    id_, now = new_id("sev", setting), moment(setting.now.business)
    drawn = b"".join(
        draw(setting.world.seed, "duffel.secret", id_, n).to_bytes(8, "big") for n in (0, 1)
    )
    webhook: Json = {
        "id": id_,
        "url": url,
        "events": events,
        "active": True,
        "live_mode": False,
        "created_at": now,
        "updated_at": now,
    }
    secret = base64.b64encode(drawn).decode()
    setting.records.put(WEBHOOKS, id_, {"webhook": webhook, "secret": secret})
    return {**webhook, "secret": secret}


def listed(setting: Setting) -> list[Json]:
    return [kept["webhook"] for _, kept in setting.records.scan(WEBHOOKS)]


def update(id_: str, data: Json, setting: Setting) -> Json:
    """It keeps its secret. Raises `Refusal`."""
    kept = _known(id_, setting)
    changed: Json = {"updated_at": moment(setting.now.business)}
    if data.get("url") is not None:
        changed["url"] = _url(data)
    if data.get("events") is not None:
        changed["events"] = _events(data)
    if data.get("active") is not None:
        if not isinstance(data["active"], bool):
            raise refused("validation_type", "/active")
        changed["active"] = data["active"]
    webhook: Json = {**kept["webhook"], **changed}
    setting.records.put(WEBHOOKS, id_, {**kept, "webhook": webhook})
    return webhook


def delete(id_: str, setting: Setting) -> None:
    """What waits for it is not sent any more. Raises `Refusal`."""
    _known(id_, setting)
    setting.records.delete(WEBHOOKS, id_)


# What happened.


def emit(type_: str, object_: Json, key: str, setting: Setting) -> None:
    """`key`: the id of what it is about, Duffel's `idempotency_key`."""
    for id_, kept in setting.records.scan(WEBHOOKS):
        webhook = kept["webhook"]
        if not webhook["active"] or type_ not in webhook["events"]:
            continue
        event: Json = {
            "id": new_id("wev", setting),
            "api_version": "v2",
            "type": type_,
            "data": {"object": object_},
            "live_mode": False,
            "idempotency_key": key,
            "created_at": moment(setting.now.business),
            "identity_organisation_id": "org_0000sandbox",
        }
        DELIVERIES.plan(setting, body=_encoder.encode(event).decode(), type_=type_, webhook=id_)


def prepared(setting: Setting, key: str) -> Delivery | None:
    """Signed for this moment; None, and forgotten, when the webhook is gone."""
    entry = DELIVERIES.get(setting, key)
    kept = entry and setting.records.get(WEBHOOKS, entry["webhook"])
    if entry is None or kept is None:
        DELIVERIES.drop(setting, key)
        return None
    body = entry["body"].encode()
    at = setting.now.wall // 1_000 - entry["late_by"]
    secret = _STRANGER if entry["is_forged"] else kept["secret"]
    return Delivery(
        url=kept["webhook"]["url"],
        body=body,
        headers=(
            ("content-type", "application/json"),
            ("user-agent", "Duffel/webhooks"),
            (_HEADER, signature(body, secret, at)),
        ),
    )


def signature(body: bytes, secret: str, at: int) -> str:
    """The header's value; `at` in seconds since 1970."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, sha256).hexdigest()
    return f"t={at},v1={signed}"


def _known(id_: str, setting: Setting) -> Json:
    kept = setting.records.get(WEBHOOKS, id_)
    if kept is None:
        raise refused("not_found")
    return kept


def _url(data: Json) -> str:
    url = data.get("url")
    if not isinstance(url, str) or not url:
        raise refused("validation_required", "/url")
    if not is_loopback(url):
        raise refused("validation_format", "/url")
    return url


def _events(data: Json) -> list[str]:
    events = data.get("events")
    if not isinstance(events, list) or not events:
        raise refused("validation_required", "/events")
    if not all(each in EVENTS for each in events if isinstance(each, str)) or not all(
        isinstance(each, str) for each in events
    ):
        raise refused("validation_inclusion", "/events")
    return [str(each) for each in events]
