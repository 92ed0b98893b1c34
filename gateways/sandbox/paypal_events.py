"""Webhooks: who gets which events, and deliveries, planned as records and signed.

The signature is over transmission id, time, webhook id and the CRC-32 of the body, as PayPal documents
it, but under a key of the sandbox's own: it is checked by asking back (`verify-webhook-signature`), one of PayPal's
two ways; there is no certificate behind `paypal-cert-url`. Times of deliveries are the wall's, in milliseconds.
"""

import base64
import hmac
from hashlib import sha256
from typing import Any, Final
from zlib import crc32

import msgspec

from gateways.sandbox import faults
from gateways.sandbox.deliveries import Deliveries, Delivery, is_loopback
from gateways.sandbox.draw import draw
from gateways.sandbox.exchange import Json, Setting
from gateways.sandbox.paypal_objects import Call, bare, moment
from gateways.sandbox.paypal_replies import malformed, unprocessable

ALGORITHM: Final = "SHA256withRSA"
MAX_WEBHOOKS: Final = 10
MAX_ATTEMPTS: Final = 25
_encoder: Final = msgspec.json.Encoder()


# ── who gets what: POST, GET, DELETE /v1/notifications/webhooks ──


def create(call: Call, given: Json) -> Json:
    """Raises `PayPalRefusal`. Only addresses of this machine are taken."""
    url, types = given.get("url"), given.get("event_types")
    if not isinstance(url, str) or not isinstance(types, list) or not types:
        raise malformed("MISSING_REQUIRED_PARAMETER", "url and event_types are required.")
    if not is_loopback(url):
        raise malformed("INVALID_PARAMETER_SYNTAX", "Not a valid webhook URL.")
    names = [each.get("name") for each in types if isinstance(each, dict)]
    if not all(isinstance(name, str) and name for name in names):
        raise malformed("MISSING_REQUIRED_PARAMETER", "event_types have names.")
    there = call.all("webhook")
    if any(each["url"] == url for each in there):
        raise malformed("WEBHOOK_URL_ALREADY_EXISTS", "Webhook URL already exists.")
    if len(there) >= MAX_WEBHOOKS:
        raise malformed("WEBHOOK_NUMBER_LIMIT_EXCEEDED", "Webhook number limit exceeded.")
    made: Json = {
        "id": call.new_id("webhook"),
        "url": url,
        "event_types": [{"name": name} for name in names],
    }
    return shown(call, call.put("webhook", made))


def listed(call: Call) -> Json:
    return {"webhooks": [shown(call, each) for each in call.all("webhook")]}


def shown(call: Call, webhook: Json) -> Json:
    path = f"/v1/notifications/webhooks/{webhook['id']}"
    links = [call.link("self", path), call.link("delete", path, "DELETE")]
    return {**bare(webhook), "links": links}


# ── what happened ──


def emit(call: Call, type_: str, resource_type: str, resource: Json) -> None:
    """Plan an event's deliveries; nobody is told where nobody listens."""
    wanting = [each for each in call.all("webhook") if _wants(each, type_)]
    if not wanting:
        return
    id_ = f"WH-{call.new_id('event')}-{call.new_id('event')}"
    event: Json = {
        "id": id_,
        "event_version": "1.0",
        "create_time": call.moment,
        "resource_type": resource_type,
        "resource_version": "2.0",
        "event_type": type_,
        "summary": type_.replace(".", " ").capitalize(),
        "resource": resource,
        "links": [call.link("self", f"/v1/notifications/webhooks-events/{id_}")],
    }
    for webhook in wanting:
        body = _encoder.encode(event).decode()
        DELIVERIES.plan(call.setting, body=body, type_=type_, webhook=webhook["id"])


def _wants(webhook: Json, type_: str) -> bool:
    names = [each["name"] for each in webhook["event_types"]]
    return "*" in names or type_ in names


# ── deliveries ──

DELIVERIES: Final = Deliveries(
    kind="paypal.delivery", api=faults.PAYPAL_WEBHOOKS, most_attempts=MAX_ATTEMPTS
)


def prepared(setting: Setting, key: str) -> Delivery | None:
    """Signed for this moment; None, and forgotten, when the webhook is gone."""
    entry = DELIVERIES.get(setting, key)
    webhook = entry and Call(setting=setting).find("webhook", entry["webhook"])
    if entry is None or webhook is None:
        DELIVERIES.drop(setting, key)
        return None
    body = entry["body"].encode()
    id_ = f"{draw(setting.world.seed, 'paypal.transmission', key):032x}"
    at = moment(setting.now.wall)
    signed = "bm9ib2R5" if entry["is_forged"] else signature(setting, id_, at, webhook["id"], body)
    return Delivery(
        url=webhook["url"],
        body=body,
        headers=(
            ("content-type", "application/json"),
            ("user-agent", "PayPal/AUHD-214.0-58682446"),
            ("paypal-transmission-id", id_),
            ("paypal-transmission-time", at),
            ("paypal-transmission-sig", signed),
            (
                "paypal-cert-url",
                "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-sandbox",
            ),
            ("paypal-auth-algo", ALGORITHM),
        ),
    )


# ── whether it is genuine: POST /v1/notifications/verify-webhook-signature ──


class _Asked(msgspec.Struct):
    auth_algo: str
    cert_url: str
    transmission_id: str
    transmission_sig: str
    transmission_time: str
    webhook_id: str
    webhook_event: msgspec.Raw


_asked: Final = msgspec.json.Decoder(_Asked).decode


def verified(call: Call, body: bytes) -> Json:
    """Raises `PayPalRefusal`. The event is judged byte for byte as it stands in the question."""
    try:
        asked = _asked(body)
    except msgspec.DecodeError:
        raise malformed("MISSING_REQUIRED_PARAMETER", "Not a question about a webhook.") from None
    if call.find("webhook", asked.webhook_id) is None:
        raise unprocessable("INVALID_RESOURCE_ID", "There is no such webhook.")
    right = signature(
        call.setting,
        asked.transmission_id,
        asked.transmission_time,
        asked.webhook_id,
        bytes(asked.webhook_event),
    )
    is_good = hmac.compare_digest(right.encode(), asked.transmission_sig.encode())
    return {"verification_status": "SUCCESS" if is_good else "FAILURE"}


def signature(setting: Setting, id_: str, at: str, webhook_id: str, body: bytes) -> str:
    """Base 64."""
    text = f"{id_}|{at}|{webhook_id}|{crc32(body)}"
    key = f"paypal.webhooks {setting.world.seed}".encode()
    return base64.b64encode(hmac.new(key, text.encode(), sha256).digest()).decode()


def steered(call: Call, given: Any) -> Json:
    """POST `/_sandbox/paypal/sign`: headers under which `body` would come to the webhook `webhookId`."""
    if not isinstance(given, dict):
        return {}
    id_, at = f"{draw('sign', given.get('body')):032x}", moment(call.setting.now.wall)
    body = str(given.get("body", "")).encode()
    signed = signature(call.setting, id_, at, str(given.get("webhookId", "")), body)
    return {
        "paypal-transmission-id": id_,
        "paypal-transmission-time": at,
        "paypal-transmission-sig": signed,
        "paypal-cert-url": "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-sandbox",
        "paypal-auth-algo": ALGORITHM,
    }
