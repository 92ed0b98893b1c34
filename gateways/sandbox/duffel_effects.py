"""What moved the agency's balance at the sandbox's Duffel, in order: for who audits a ledger against it.

`paid` and `refunded`; amounts are cents. Of a refund `by` says who cancelled: `us` or the `airline`. `accepted`
moves nothing: an airline's `change` was accepted; also one that was before, so that it is seen who asks twice.
"""

from typing import Final, Literal

from gateways.sandbox import effects
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.records import Draft

EFFECTS: Final = "duffel.effects"


def write(
    setting: Setting,
    effect: Literal["paid", "refunded", "accepted"],
    amount: int,
    order: Json,
    **members: object,
) -> None:
    """`members`: whatever else it was about."""
    entry: Json = {
        "at": setting.now.wall,
        "businessAt": setting.now.business,
        "effect": effect,
        "amount": amount,
        "currency": order["total_currency"],
        "order": order["id"],
        "metadata": order["metadata"],
        **members,
    }
    effects.keep(setting.records, EFFECTS, entry)


def listed(request: Request, records: Draft) -> Response:
    """GET `/_sandbox/duffel/effects?after=SEQ`: a thousand at a time."""
    return effects.listed(request, records, EFFECTS)
