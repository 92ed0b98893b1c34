"""Events that PayPal sends: what is asked back about them, and what they are about (pure).

Verified by `POST /v1/notifications/verify-webhook-signature`, one of the two ways that PayPal documents.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from core.ports.payments import NotGenuine, WebhookNotice
from gateways.partners import paypal_wire as wire

EVENTS: Final = (
    "CHECKOUT.ORDER.APPROVED",
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
    "PAYMENT.AUTHORIZATION.CREATED",
    "PAYMENT.AUTHORIZATION.VOIDED",
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.DECLINED",
    "PAYMENT.CAPTURE.PENDING",
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",
    "PAYMENT.REFUND.FAILED",
    "PAYMENT.REFUND.PENDING",
)
"""What we ask PayPal to send: whatever may change how a payment of ours stands."""

_MEMBERS: Final = {
    "auth_algo": "paypal-auth-algo",
    "cert_url": "paypal-cert-url",
    "transmission_id": "paypal-transmission-id",
    "transmission_sig": "paypal-transmission-sig",
    "transmission_time": "paypal-transmission-time",
}
_FORMS: Final = {
    "auth_algo": re.compile(r"[A-Za-z0-9]{1,100}"),
    "cert_url": re.compile(r"https://([a-z0-9-]+\.)*paypal\.com/[!-~]{1,400}"),
    "transmission_id": re.compile(r"[A-Za-z0-9-]{1,50}"),
    "transmission_sig": re.compile(r"[A-Za-z0-9+/]{1,500}={0,2}"),
    "transmission_time": re.compile(r"[0-9TZ:.+-]{1,100}"),
}
"""As PayPal documents them, and a certificate of its own."""

MOST_AGE: Final = 4 * 86_400_000
MOST_AHEAD: Final = 3_600_000
"""Milliseconds. It delivers again for three days, and does not say under which time; clocks differ."""

_event: Final = msgspec.json.Decoder(wire.Event).decode


def event_of(body: bytes) -> wire.Event | None:
    """None for what is no event. PayPal puts nothing around its JSON."""
    if not (body.startswith(b"{") and body.endswith(b"}")):
        return None
    try:
        event = _event(body)
        wire.at_ms(event.create_time)
        return event
    except (ValueError, RecursionError):  # anybody may send it, nested on purpose
        return None


def sent_along(headers: Mapping[str, str], now: int) -> Mapping[str, str] | NotGenuine:
    """What PayPal sends along with an event, if it has its form and time. `now`: wall clock, ms."""
    found = {member: headers.get(name, "") for member, name in _MEMBERS.items()}
    if not all(form.fullmatch(found[member]) for member, form in _FORMS.items()):
        return NotGenuine("malformed")
    try:
        age = now - wire.at_ms(found["transmission_time"])
    except ValueError:
        return NotGenuine("malformed")
    return found if -MOST_AHEAD <= age <= MOST_AGE else NotGenuine("too_old")


def question(body: bytes, along: Mapping[str, str], webhook_id: str) -> bytes:
    """What to ask, with the event byte for byte."""
    return msgspec.json.encode(
        {**along, "webhook_id": webhook_id, "webhook_event": msgspec.Raw(body)}
    )


def notice_of(event: wire.Event) -> WebhookNotice:
    """Orders are payments; what else is told of names its order, or at least our reference."""
    resource = event.resource
    related = resource.supplementary_data.related_ids if resource.supplementary_data else None
    payment_id = related.order_id if related else None
    custom_id = resource.custom_id
    if event.resource_type == "checkout-order":
        payment_id = resource.id
        if resource.purchase_units:
            custom_id = resource.purchase_units[0].custom_id
    return WebhookNotice(
        event_id=event.id,
        kind=event.event_type,
        created_at=wire.at_ms(event.create_time),
        payment_id=payment_id or None,
        reference=wire.reference_in(custom_id),
    )
