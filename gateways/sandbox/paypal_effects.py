"""What moved money at the sandbox's PayPal, in order: for who audits a ledger against it.

Effects as in Stripe's journal: `authorized`, `captured`, `cancelled`, `expired`, `declined`, `refunded`.
Amounts are minor units of ISO 4217; `reference` is the order's `custom_id`.
"""

from typing import Final, Literal

from gateways.sandbox.exchange import Json, Request, Response
from gateways.sandbox.faults import next_number
from gateways.sandbox.paypal_objects import Call
from gateways.sandbox.records import Draft

EFFECTS: Final = "paypal.effects"
MAX_EFFECTS: Final = 200_000
MAX_PAGE: Final = 1_000
Effect = Literal["authorized", "captured", "cancelled", "expired", "declined", "refunded"]


def write(call: Call, effect: Effect, amount: int, order: Json, **members: object) -> None:
    """`members`: ids of what it happened to."""
    records = call.setting.records
    number = next_number(records, EFFECTS)
    unit = order["purchase_units"][0]
    entry: Json = {
        "seq": number,
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
    records.put(EFFECTS, f"{number:09}", entry)
    if number > MAX_EFFECTS:
        records.delete(EFFECTS, f"{number - MAX_EFFECTS:09}")


def listed(request: Request, records: Draft) -> Response:
    """GET `/_sandbox/paypal/effects?after=SEQ`: a thousand at a time."""
    after = request.value("after") or "0"
    if not after.isdecimal():
        return Response.of_json(400, {"detail": "after must be the seq of an entry."})
    found: list[Json] = []
    for _, entry in records.scan(EFFECTS, after=f"{int(after):09}"):
        found.append(entry)
        if len(found) == MAX_PAGE:
            break
    return Response.of_json(200, {"data": found})
