"""Every place at which the sandbox may lose its process: what the crash suite goes through (pure).

Of each request that changes something there are two: `OP.before`, it was done and nothing of it is
kept; `OP.after`, it is kept and not answered. Of each webhook two more.
"""

import re
from typing import Final

_OPS: Final = (
    ("stripe", "POST", re.compile(r"/v1/payment_intents"), "stripe.open"),
    ("stripe", "POST", re.compile(r"/v1/payment_intents/[^/]+/confirm"), "stripe.confirm"),
    ("stripe", "POST", re.compile(r"/v1/payment_intents/[^/]+/capture"), "stripe.capture"),
    ("stripe", "POST", re.compile(r"/v1/payment_intents/[^/]+/cancel"), "stripe.cancel"),
    ("stripe", "POST", re.compile(r"/v1/refunds"), "stripe.refund"),
    ("paypal", "POST", re.compile(r"/v2/checkout/orders"), "paypal.open"),
    (
        "paypal",
        "POST",
        re.compile(r"/v2/checkout/orders/[^/]+/confirm-payment-source"),
        "paypal.ask",
    ),
    ("paypal", "POST", re.compile(r"/v2/checkout/orders/[^/]+/authorize"), "paypal.authorise"),
    ("paypal", "POST", re.compile(r"/v2/payments/authorizations/[^/]+/capture"), "paypal.capture"),
    ("paypal", "POST", re.compile(r"/v2/payments/authorizations/[^/]+/void"), "paypal.void"),
    ("paypal", "POST", re.compile(r"/v2/payments/captures/[^/]+/refund"), "paypal.refund"),
    ("amadeus", "POST", re.compile(r"/v1/booking/flight-orders"), "amadeus.order"),
    ("amadeus", "DELETE", re.compile(r"/v1/booking/flight-orders/[^/]+"), "amadeus.cancel"),
    ("amadeus", "POST", re.compile(r"/v2/booking/hotel-orders"), "amadeus.room"),
    ("duffel", "POST", re.compile(r"/air/orders"), "duffel.order"),
    ("duffel", "POST", re.compile(r"/air/payments"), "duffel.pay"),
    ("duffel", "POST", re.compile(r"/air/order_cancellations"), "duffel.quote_cancel"),
    (
        "duffel",
        "POST",
        re.compile(r"/air/order_cancellations/[^/]+/actions/confirm"),
        "duffel.cancel",
    ),
    (
        "duffel",
        "POST",
        re.compile(r"/air/airline_initiated_changes/[^/]+/actions/accept"),
        "duffel.accept",
    ),
    ("consolidator", "POST", re.compile(r"/v1/releases"), "consolidator.release"),
)
OPS: Final = tuple(op for _, _, _, op in _OPS)

WEBHOOK_BEFORE: Final = "webhook.before"
"""It is about to be sent."""

WEBHOOK_AFTER: Final = "webhook.after"
"""It was sent, and perhaps taken; that is not kept."""


def before_effect(op: str) -> str:
    """Done, and nothing of it is kept."""
    return f"{op}.before"


def after_effect(op: str) -> str:
    """Kept, and not answered."""
    return f"{op}.after"


SITES: Final = (
    *(before_effect(op) for op in OPS),
    *(after_effect(op) for op in OPS),
    WEBHOOK_BEFORE,
    WEBHOOK_AFTER,
)
"""All of them."""


def op_of(api: str, method: str, path: str) -> str | None:
    """The word of a request; None: it changes nothing that anybody would miss."""
    for of, verb, pattern, op in _OPS:
        if (of, verb) == (api, method) and pattern.fullmatch(path):
            return op
    return None
