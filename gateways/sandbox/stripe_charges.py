"""Charges: money held, taken or refused, each step with its events and its line in the journal."""

from dataclasses import dataclass
from typing import Final

from gateways.sandbox.exchange import Json
from gateways.sandbox.fault_actions import Decline
from gateways.sandbox.faults import only
from gateways.sandbox.stripe_balance import income
from gateways.sandbox.stripe_cards import card_of, decline_of
from gateways.sandbox.stripe_effects import write
from gateways.sandbox.stripe_events import emit
from gateways.sandbox.stripe_objects import Call, Kept

DAY: Final = 86_400
HOLDS_FOR: Final = 7 * DAY
HOLDS_OFF_SESSION: Final = 4 * DAY + 18 * 3_600
"""Seconds that a hold lasts; the shorter one on a Visa card that its owner did not use
himself (APIS §7.1)."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of a payment: `decline_code` None and not `asks`: the money is there."""

    code: str = ""
    decline_code: str | None = None
    message: str = ""
    asks: bool = False


def decide(
    call: Call, method: Kept, *, is_off_session: bool, is_authenticated: bool = False
) -> Decided:
    """From the card, and from rules."""
    card = card_of(method)
    for rule in only(call.setting.faults, Decline):
        code, message = decline_of(rule.code)
        return Decided(code, rule.code, message)
    if card.behaviour in ("declines", "declines_later"):
        code, message = decline_of(card.decline_code)
        return Decided(code, card.decline_code, message)
    asks = card.behaviour == "asks" or (
        card.behaviour == "asks_until_set_up" and not method.private.get("is_set_up")
    )
    if asks and is_off_session:
        code, message = decline_of("authentication_required")
        return Decided(code, "authentication_required", message)
    return Decided(asks=asks and not is_authenticated)


def charge(call: Call, intent: Kept, method: Kept, *, is_off_session: bool) -> Kept:
    """Hold an intent's amount on a card, or take it at once where the intent is not to be captured by
    hand. Events and journal included, the intent left as it is."""
    of = intent.object
    is_manual = of["capture_method"] == "manual"
    made = _made(call, intent, method)
    details = made.object["payment_method_details"]
    if is_manual:
        visa_off_session = is_off_session and card_of(method).brand == "visa"
        before = call.now + (HOLDS_OFF_SESSION if visa_off_session else HOLDS_FOR)
        card = {**details["card"], "capture_before": before}
        made = made.with_object(payment_method_details={**details, "card": card})
        made = call.put(made)
        call.later(before * 1_000, "expire", intent.id)
        write(call, "authorized", of["amount"], of, paymentIntent=intent.id, charge=made.id)
    else:
        made = _taken(call, made, of["amount"])
        write(call, "captured", of["amount"], of, paymentIntent=intent.id, charge=made.id)
    if method.object["customer"] is None:
        call.put(method.with_private(is_used=True))
    emit(call, "charge.succeeded", made.object)
    if card_of(method).behaviour == "disputed":
        made = _disputed(call, made)
    return made


def refuse(call: Call, intent: Kept, method: Kept, decided: Decided) -> Kept:
    """The failed charge."""
    made = _made(call, intent, method).with_object(
        status="failed",
        paid=False,
        failure_code=decided.code,
        failure_message=decided.message,
        outcome={
            "network_status": "declined_by_network",
            "reason": decided.decline_code,
            "seller_message": "The bank declined the payment.",
            "type": "issuer_declined",
        },
    )
    made = call.put(made)
    of = intent.object
    write(
        call,
        "declined",
        of["amount"],
        of,
        paymentIntent=intent.id,
        charge=made.id,
        declineCode=decided.decline_code,
    )
    emit(call, "charge.failed", made.object)
    return made


def capture(call: Call, intent: Kept, amount: int) -> Kept:
    """Take of what is held; the rest is let go."""
    held = call.get(intent.object["latest_charge"], "ch")
    taken = _taken(call, held, amount)
    write(call, "captured", amount, intent.object, paymentIntent=intent.id, charge=taken.id)
    emit(call, "charge.captured", taken.object, {"captured": False, "amount_captured": 0})
    return taken


def release(call: Call, intent: Kept, *, as_refund: bool) -> None:
    """Let a hold go. `as_refund`: the charge then says that it was refunded, which is what Stripe
    does."""
    held = call.get(intent.object["latest_charge"], "ch")
    if as_refund:
        before = {"amount_refunded": 0, "refunded": False}
        amount = held.object["amount"]
        held = call.put(held.with_object(amount_refunded=amount, refunded=True))
        emit(call, "charge.refunded", held.object, before)


def expire(call: Call, intent: Kept) -> None:
    """A hold ran out."""
    held = call.get(intent.object["latest_charge"], "ch")
    amount = held.object["amount"]
    held = call.put(held.with_object(amount_refunded=amount, refunded=True))
    write(call, "expired", amount, intent.object, paymentIntent=intent.id, charge=held.id)
    emit(call, "charge.expired", held.object)


def _taken(call: Call, held: Kept, amount: int) -> Kept:
    txn, _ = call.new_id("txn")
    taken = held.with_object(captured=True, amount_captured=amount, balance_transaction=txn)
    return call.put(income(call, taken, amount))


def _disputed(call: Call, made: Kept) -> Kept:
    made = call.put(made.with_object(disputed=True))
    id_, _ = call.new_id("dp")
    dispute: Json = {
        "id": id_,
        "object": "dispute",
        "amount": made.object["amount"],
        "charge": made.id,
        "created": call.now,
        "currency": made.object["currency"],
        "livemode": False,
        "metadata": {},
        "payment_intent": made.object["payment_intent"],
        "reason": "fraudulent",
        "status": "needs_response",
    }
    emit(call, "charge.dispute.created", dispute)
    return made


def _made(call: Call, intent: Kept, method: Kept) -> Kept:
    of, card = intent.object, method.object["card"]
    id_, number = call.new_id("ch")
    return Kept(
        number=number,
        object={
            "id": id_,
            "object": "charge",
            "amount": of["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": method.object["billing_details"],
            "calculated_statement_descriptor": "CARAVAN",
            "captured": False,
            "created": call.now,
            "currency": of["currency"],
            "customer": of["customer"],
            "description": of["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "fraud_details": {},
            "livemode": False,
            "metadata": of["metadata"],
            "on_behalf_of": of["on_behalf_of"],
            "outcome": {
                "network_status": "approved_by_network",
                "reason": None,
                "risk_level": "normal",
                "seller_message": "Payment complete.",
                "type": "authorized",
            },
            "paid": True,
            "payment_intent": intent.id,
            "payment_method": method.id,
            "payment_method_details": {
                "type": "card",
                "card": {
                    "amount_authorized": of["amount"],
                    "brand": card["brand"],
                    "capture_before": None,
                    "country": card["country"],
                    "exp_month": card["exp_month"],
                    "exp_year": card["exp_year"],
                    "fingerprint": card["fingerprint"],
                    "funding": card["funding"],
                    "last4": card["last4"],
                    "network": card["brand"],
                    "three_d_secure": None,
                },
            },
            "receipt_email": of["receipt_email"],
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": of["shipping"],
            "source_transfer": None,
            "statement_descriptor": of["statement_descriptor"],
            "statement_descriptor_suffix": of["statement_descriptor_suffix"],
            "status": "succeeded",
            "transfer_data": of["transfer_data"],
            "transfer_group": of["transfer_group"],
        },
    )
