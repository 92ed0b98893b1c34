"""Refunds (APIS §7.4): of what was captured, at once, waiting for money, or failing later."""

from typing import Final, Literal

from gateways.sandbox.exchange import Json
from gateways.sandbox.fault_actions import RefundFailLater
from gateways.sandbox.faults import only
from gateways.sandbox.stripe_amounts import positive, text
from gateways.sandbox.stripe_balance import can_spend, move, spend
from gateways.sandbox.stripe_cards import card_of
from gateways.sandbox.stripe_effects import write
from gateways.sandbox.stripe_events import emit
from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_objects import PLATFORM, Call, Kept
from gateways.sandbox.stripe_replies import impossible, invalid

WAITING: Final = "stripe.waiting_refund"
_CARD_FAILS_AFTER_MS: Final = 60_000
_REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")
_CREATE: Final = (
    *("payment_intent", "charge", "amount", "reason", "metadata", "reverse_transfer"),
    *("refund_application_fee", "instructions_email", "currency"),
)


def create(call: Call, given: Json) -> Kept:
    """Raises `StripeRefusal`."""
    params = Params(given, _CREATE)
    wanted = positive(params, "amount") if "amount" in params else None
    reason = params.choice("reason", _REASONS)
    metadata = params.metadata({})
    params.flag("reverse_transfer")
    charge = _charge(call, params)
    left = charge.object["amount_captured"] - charge.object["amount_refunded"]
    if not left:
        raise impossible(
            f"Charge {charge.id} has already been refunded.", "charge_already_refunded", "charge"
        )
    amount = left if wanted is None else wanted
    if amount > left:
        currency = charge.object["currency"]
        raise impossible(
            f"Refund amount ({text(amount, currency)}) is greater than unrefunded amount on charge "
            f"({text(left, currency)})",
            None,
            "amount",
        )
    return _made(call, charge, amount, reason, metadata)


def update(call: Call, id_: str, given: Json) -> Kept:
    """Only metadata. Raises `StripeRefusal`."""
    refund = call.get(id_, "re")
    metadata = Params(given, ("metadata",)).metadata(refund.object["metadata"])
    refund = call.put(refund.with_object(metadata=metadata))
    emit(call, "refund.updated", refund.object)
    return refund


def fail_later(call: Call, id_: str) -> None:
    """The card's bank gave the money back: it is ours again."""
    refund = call.get(id_, "re")
    if refund.object["status"] not in ("succeeded", "pending"):
        return
    was_pending = refund.object["status"] == "pending"
    amount = refund.object["amount"]
    charge = call.get(refund.object["charge"], "ch")
    charge = call.put(
        charge.with_object(
            amount_refunded=charge.object["amount_refunded"] - amount, refunded=False
        )
    )
    if was_pending:
        call.setting.records.delete(WAITING, id_)
    else:
        move(call, PLATFORM, refund.object["currency"], "available", amount)
    txn, _ = call.new_id("txn")
    before = {"status": refund.object["status"]}
    refund = call.put(
        refund.with_object(
            status="failed",
            failure_reason="expired_or_canceled_card",
            failure_balance_transaction=txn,
        )
    )
    _write(call, "refund_failed", refund, charge)
    emit(call, "refund.failed", refund.object, before)
    emit(call, "refund.updated", refund.object, before)
    emit(call, "charge.refund.updated", refund.object, before)
    pay_waiting(call)


def pay_waiting(call: Call) -> None:
    """Refunds that waited for money get it, the oldest first, as far as it goes."""
    for id_, _ in list(call.setting.records.scan(WAITING)):
        refund = call.get(id_, "re")
        charge = call.get(refund.object["charge"], "ch")
        if not can_spend(call, charge, refund.object["amount"]):
            return
        call.setting.records.delete(WAITING, id_)
        call.put(spend(call, charge, refund.object["amount"]))
        refund = call.put(refund.with_object(status="succeeded"))
        emit(call, "refund.updated", refund.object, {"status": "pending"})
        emit(call, "charge.refund.updated", refund.object, {"status": "pending"})


def _charge(call: Call, params: Params) -> Kept:
    intent_id, charge_id = params.text("payment_intent"), params.text("charge")
    if charge_id:
        charge = call.get(charge_id, "ch", "charge")
    elif intent_id:
        intent = call.get(intent_id, "pi", "payment_intent")
        if intent.object["status"] != "succeeded":
            raise impossible(
                f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.",
                "payment_intent_unexpected_state",
                "payment_intent",
                payment_intent=intent.object,
            )
        charge = call.get(intent.object["latest_charge"], "ch")
    else:
        raise invalid(
            "One of the following params should be provided for this request: payment_intent or "
            "charge.",
            None,
            "parameter_missing",
        )
    if not charge.object["captured"]:
        raise impossible(
            f"Charge {charge.id} is not captured: cancel its PaymentIntent.",
            "charge_not_refundable",
            "charge",
        )
    return charge


def _made(call: Call, charge: Kept, amount: int, reason: str | None, metadata: Json) -> Kept:
    id_, number = call.new_id("re")
    is_covered = can_spend(call, charge, amount)
    if is_covered:
        charge = spend(call, charge, amount)
    else:
        call.setting.records.put(WAITING, id_, {})
    refunded = charge.object["amount_refunded"] + amount
    before = {"amount_refunded": charge.object["amount_refunded"]}
    charge = call.put(
        charge.with_object(
            amount_refunded=refunded, refunded=refunded == charge.object["amount_captured"]
        )
    )
    txn, _ = call.new_id("txn")
    refund = call.put(
        Kept(
            number=number,
            object={
                "id": id_,
                "object": "refund",
                "amount": amount,
                "balance_transaction": txn,
                "charge": charge.id,
                "created": call.now,
                "currency": charge.object["currency"],
                "destination_details": {"card": {"type": "refund"}, "type": "card"},
                "metadata": metadata,
                "payment_intent": charge.object["payment_intent"],
                "reason": reason,
                "receipt_number": None,
                "source_transfer_reversal": None,
                "status": "succeeded" if is_covered else "pending",
                "transfer_reversal": None,
            },
        )
    )
    _write(call, "refunded", refund, charge)
    emit(call, "refund.created", refund.object)
    emit(call, "charge.refunded", charge.object, before)
    _plan_failure(call, refund, charge)
    return refund


def _plan_failure(call: Call, refund: Kept, charge: Kept) -> None:
    rules = only(call.setting.faults, RefundFailLater)
    method = call.find(charge.object["payment_method"], "pm")
    is_of_card = method is not None and card_of(method).behaviour == "refund_fails"
    if rules or is_of_card:
        after = rules[0].ms if rules else _CARD_FAILS_AFTER_MS
        call.later(call.setting.now.business + after, "fail_refund", refund.id)


def _write(
    call: Call, effect: Literal["refunded", "refund_failed"], refund: Kept, charge: Kept
) -> None:
    write(
        call,
        effect,
        refund.object["amount"],
        charge.object,
        paymentIntent=refund.object["payment_intent"],
        charge=charge.id,
        refund=refund.id,
        refundMetadata=refund.object["metadata"],
    )
