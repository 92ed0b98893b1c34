"""Transfers to connected accounts and their reversals (APIS §7.5): no money, no transfer.

Without `source_transaction` what is available must cover it; with one it is bounded by what that charge
brought, and may be made while that is still pending.
"""

from typing import Final

from gateways.sandbox.exchange import Json
from gateways.sandbox.stripe_accounts import takes_transfers
from gateways.sandbox.stripe_amounts import currency_of, positive
from gateways.sandbox.stripe_balance import balance, move, spend
from gateways.sandbox.stripe_effects import write
from gateways.sandbox.stripe_events import emit
from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_objects import PLATFORM, Call, Kept
from gateways.sandbox.stripe_refunds import pay_waiting
from gateways.sandbox.stripe_replies import impossible

_CREATE: Final = (
    *("amount", "currency", "destination", "transfer_group", "source_transaction", "metadata"),
    *("description", "source_type"),
)
_REVERSE: Final = ("amount", "metadata", "description", "refund_application_fee")
_SHORT: Final = "balance_insufficient"


def create(call: Call, given: Json) -> Kept:
    """Raises `StripeRefusal`."""
    params = Params(given, _CREATE)
    currency = currency_of(params)
    wanted = positive(params, "amount")
    metadata = params.metadata({})
    payee = call.get(params.required("destination"), "acct", "destination")
    if not takes_transfers(payee):
        raise impossible(
            "Your destination account needs to have at least one of the following capabilities enabled: "
            "transfers, crypto_transfers, legacy_payments",
            "insufficient_capabilities_for_transfer",
        )
    source = params.text("source_transaction") or None
    group = params.text("transfer_group") or None
    if source is None:
        if balance(call, PLATFORM, currency)["available"] < wanted:
            raise impossible(
                "You have insufficient available funds in your Stripe account. Try adding funds "
                "directly to your available balance.",
                _SHORT,
            )
        move(call, PLATFORM, currency, "available", -wanted)
    else:
        charge = _source(call, source, currency, wanted)
        group = group or charge.object["transfer_group"] or f"group_{charge.id}"
    move(call, payee.id, currency, "available", wanted)
    transfer = _made(
        call,
        amount=wanted,
        currency=currency,
        destination=payee.id,
        description=params.text("description") or None,
        source_transaction=source,
        transfer_group=group,
        metadata=metadata,
    )
    write(call, "transferred", wanted, transfer.object, transfer=transfer.id, destination=payee.id)
    emit(call, "transfer.created", transfer.object)
    return transfer


def update(call: Call, id_: str, given: Json) -> Kept:
    """Raises `StripeRefusal`."""
    transfer = call.get(id_, "tr")
    params = Params(given, ("metadata", "description"))
    changed: Json = {"metadata": params.metadata(transfer.object["metadata"])}
    if "description" in params:
        changed["description"] = params.text("description") or None
    transfer = call.put(transfer.with_object(**changed))
    emit(call, "transfer.updated", transfer.object)
    return transfer


def reverse(call: Call, id_: str, given: Json) -> Kept:
    """POST `/v1/transfers/{id}/reversals`. Raises `StripeRefusal`."""
    transfer = call.get(id_, "tr")
    params = Params(given, _REVERSE)
    of = transfer.object
    left = of["amount"] - of["amount_reversed"]
    wanted = positive(params, "amount") if "amount" in params else left
    metadata = params.metadata({})
    if wanted > left or not left:
        raise impossible(
            f"Reversal amount ({wanted}) is greater than unreversed amount on transfer ({left}).",
            None,
            "amount",
        )
    if balance(call, of["destination"], of["currency"])["available"] < wanted:
        raise impossible("The connected account has insufficient funds.", _SHORT)
    move(call, of["destination"], of["currency"], "available", -wanted)
    move(call, PLATFORM, of["currency"], "available", wanted)
    pay_waiting(call)
    reversal = _reversal(call, transfer, wanted, metadata)
    before = {"amount_reversed": of["amount_reversed"], "reversed": of["reversed"]}
    data = [reversal.object, *of["reversals"]["data"]][:10]
    transfer = call.put(
        transfer.with_object(
            amount_reversed=of["amount_reversed"] + wanted,
            reversed=wanted == left,
            reversals={**of["reversals"], "data": data},
        )
    )
    write(
        call,
        "reversed",
        wanted,
        transfer.object,
        transfer=transfer.id,
        reversal=reversal.id,
        destination=of["destination"],
    )
    emit(call, "transfer.reversed", transfer.object, before)
    return reversal


def _source(call: Call, id_: str, currency: str, wanted: int) -> Kept:
    """The charge with so much less left to pass on; written."""
    charge = call.get(id_, "ch", "source_transaction")
    of = charge.object
    if of["currency"] != currency:
        raise impossible(
            f"The currency of source_transaction's balance transaction ({of['currency']}) must be the "
            f"same as the transfer currency ({currency}).",
            None,
            "source_transaction",
        )
    passed_on = int(charge.private.get("passed_on", 0))
    left = max(0, of["amount_captured"] - of["amount_refunded"] - passed_on)
    if not of["captured"] or wanted > left:
        raise impossible(
            f"Cannot create transfer with source_transaction {id_}: only {left} of it is left.",
            _SHORT,
            "source_transaction",
        )
    return call.put(spend(call, charge, wanted).with_private(passed_on=passed_on + wanted))


def _made(call: Call, **members: object) -> Kept:
    id_, number = call.new_id("tr")
    txn, _ = call.new_id("txn")
    payment, _ = call.new_id("py")
    return call.put(
        Kept(
            number=number,
            object={
                "id": id_,
                "object": "transfer",
                "amount_reversed": 0,
                "balance_transaction": txn,
                "created": call.now,
                "destination_payment": payment,
                "livemode": False,
                "reversals": {
                    "object": "list",
                    "data": [],
                    "has_more": False,
                    "url": f"/v1/transfers/{id_}/reversals",
                },
                "reversed": False,
                "source_type": "card",
                **members,
            },
        )
    )


def _reversal(call: Call, transfer: Kept, amount: int, metadata: Json) -> Kept:
    id_, number = call.new_id("trr")
    txn, _ = call.new_id("txn")
    return call.put(
        Kept(
            number=number,
            object={
                "id": id_,
                "object": "transfer_reversal",
                "amount": amount,
                "balance_transaction": txn,
                "created": call.now,
                "currency": transfer.object["currency"],
                "destination_payment_refund": None,
                "metadata": metadata,
                "source_refund": None,
                "transfer": transfer.id,
            },
        )
    )
