"""What moved money, in order: the sandbox's own journal, for who audits a ledger against it.

Effects: `authorized`, `captured`, `cancelled` (also of a payment that held nothing: amount 0), `expired`,
`declined`, `refunded`, `refund_failed`, `transferred`, `reversed`.
"""

from typing import Final, Literal

from gateways.sandbox.exchange import Json, Request, Response
from gateways.sandbox.faults import next_number
from gateways.sandbox.records import Draft
from gateways.sandbox.stripe_objects import Call

EFFECTS: Final = "stripe.effects"
MAX_EFFECTS: Final = 200_000
MAX_PAGE: Final = 1_000
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
    records = call.setting.records
    number = next_number(records, EFFECTS)
    entry: Json = {
        "seq": number,
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
    records.put(EFFECTS, f"{number:09}", entry)
    if number > MAX_EFFECTS:
        records.delete(EFFECTS, f"{number - MAX_EFFECTS:09}")


def listed(request: Request, records: Draft) -> Response:
    """GET `/_sandbox/stripe/effects?after=SEQ`: a thousand at a time."""
    after = request.value("after") or "0"
    if not after.isdecimal():
        return Response.of_json(400, {"detail": "after must be the seq of an entry."})
    found: list[Json] = []
    for _, entry in records.scan(EFFECTS, after=f"{int(after):09}"):
        found.append(entry)
        if len(found) == MAX_PAGE:
            break
    return Response.of_json(200, {"data": found})
