"""Events that Stripe sends: whether they are genuine, and what they are about (pure but for the wall
clock, which the SDK reads). Source: APIS §7.3, §10.8."""

from collections.abc import Sequence
from typing import Final

import msgspec
import stripe

from core.ports.payments import NotGenuine, WebhookNotice
from gateways.partners import stripe_wire as wire

TOLERANCE: Final = 300
"""Seconds that a signature may be old."""

EVENTS: Final = (
    "charge.dispute.created",
    "charge.expired",
    "charge.refund.updated",
    "charge.refunded",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "refund.created",
    "refund.failed",
    "refund.updated",
)
"""What we ask Stripe to send: whatever may change how a payment of ours stands."""

_decode: Final = msgspec.json.Decoder(wire.Event).decode


def verified(body: bytes, signature: str | None, secrets: Sequence[str]) -> wire.Event | NotGenuine:
    """Under any of the secrets: while one is rotated there are two."""
    verdict = NotGenuine("signature")
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE)
            return _decode(body)
        except stripe.SignatureVerificationError as error:
            if "tolerance" in str(error).lower():
                verdict = NotGenuine("too_old")
        except (
            ValueError,
            TypeError,
        ):  # not UTF-8; not an event (msgspec's errors are ValueErrors)
            return NotGenuine("malformed")
    return verdict


def notice_of(event: wire.Event) -> WebhookNotice:
    """A payment's own metadata say whose it is; those of refunds are ours as well."""
    about = event.data.object
    held = about.payment_intent
    inner = held if isinstance(held, wire.EventObject) else None
    if about.object == "payment_intent":
        payment_id = about.id
    elif inner is not None:
        payment_id = inner.id
    else:
        payment_id = held if isinstance(held, str) else ""
    reference = wire.reference_in(about.metadata) or (
        wire.reference_in(inner.metadata) if inner else None
    )
    return WebhookNotice(
        event_id=event.id,
        kind=event.type,
        created_at=event.created * 1_000,
        payment_id=payment_id or None,
        reference=reference,
    )
