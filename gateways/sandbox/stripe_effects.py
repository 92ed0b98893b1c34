"""What moved money, in order: the sandbox's own journal, for who audits a ledger against it.

Effects: `authorized`, `captured`, `cancelled` (also of a payment that held nothing: amount 0), `expired`,
`declined`, `refunded`, `refund_failed`, `transferred`, `reversed`.
"""

from typing import Final, Literal

from gateways.sandbox import effects
from gateways.sandbox.exchange import Json, Request, Response
from gateways.sandbox.records import Draft
from gateways.sandbox.stripe_objects import Call

EFFECTS: Final = "stripe.effects"
Effect = Literal[
    "authorized",
    "captured",
    "cancelled",
    "expired",
    "declined",
    "refunded",
    "refund_failed",
    "transferred",
    "reversed",
]


def write(call: Call, effect: Effect, amount: int, of: Json, **members: object) -> None:
    """`amount` in Stripe's minor units; `of`: the object whose currency, metadata and transfer group are
    written; `members`: ids."""
    entry: Json = {
        "at": call.setting.now.wall,
        "businessAt": call.setting.now.business,
        "effect": effect,
        "amount": amount,
        "currency": of["currency"],
        "metadata": of.get("metadata") or {},
        "transferGroup": of.get("transfer_group"),
        "request": call.request_id,
        "idempotencyKey": call.key,
        **members,
    }
    effects.keep(call.setting.records, EFFECTS, entry)


def listed(request: Request, records: Draft) -> Response:
    """GET `/_sandbox/stripe/effects?after=SEQ`: a thousand at a time."""
    return effects.listed(request, records, EFFECTS)
