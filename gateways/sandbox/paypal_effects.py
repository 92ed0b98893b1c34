"""What moved money at the sandbox's PayPal, in order: for who audits a ledger against it.

Effects as in Stripe's journal: `authorized`, `captured`, `cancelled`, `expired`, `declined`, `refunded`.
Amounts are minor units of ISO 4217; `reference` is the order's `custom_id`.
"""

from typing import Final, Literal

from gateways.sandbox import effects
from gateways.sandbox.exchange import Json, Request, Response
from gateways.sandbox.paypal_objects import Call
from gateways.sandbox.records import Draft

EFFECTS: Final = "paypal.effects"
Effect = Literal["authorized", "captured", "cancelled", "expired", "declined", "refunded"]


def write(call: Call, effect: Effect, amount: int, order: Json, **members: object) -> None:
    """`members`: ids of what it happened to."""
    unit = order["purchase_units"][0]
    entry: Json = {
        "at": call.setting.now.wall,
        "businessAt": call.now,
        "effect": effect,
        "amount": amount,
        "currency": unit["amount"]["currency_code"],
        "reference": unit.get("custom_id", ""),
        "order": order["id"],
        "request": call.debug_id,
        "idempotencyKey": call.key,
        **members,
    }
    effects.keep(call.setting.records, EFFECTS, entry)


def listed(request: Request, records: Draft) -> Response:
    """GET `/_sandbox/paypal/effects?after=SEQ`: a thousand at a time."""
    return effects.listed(request, records, EFFECTS)
