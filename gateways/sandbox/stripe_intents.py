"""PaymentIntents: the state machine of APIS §7.1, strict about which state allows what.

    requires_payment_method → requires_confirmation → requires_action → requires_capture → succeeded

A decline or a failed authentication leads back to the first; all but the last can be canceled, and a
hold that ran out is, by the clock.
"""

from typing import Final

from gateways.sandbox.exchange import Json
from gateways.sandbox.stripe_amounts import charge_amount, currency_of, positive, text
from gateways.sandbox.stripe_cards import refuse_numbers, type_of
from gateways.sandbox.stripe_charges import capture, expire, release
from gateways.sandbox.stripe_confirming import (
    CAPTURE_METHODS,
    OPEN,
    UNEXPECTED,
    USAGES,
    confirmed,
    method_in,
)
from gateways.sandbox.stripe_effects import write
from gateways.sandbox.stripe_events import emit
from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_objects import Call, Kept
from gateways.sandbox.stripe_options import options
from gateways.sandbox.stripe_replies import impossible, invalid

CANCELABLE: Final = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
    "processing",
)
_TEXTS: Final = (
    "description",
    "receipt_email",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
    "on_behalf_of",
)
_KEPT_AS_IS: Final = ("shipping", "transfer_data")
_CREATE: Final = frozenset(
    (
        *_TEXTS,
        *_KEPT_AS_IS,
        *("amount", "currency", "capture_method", "confirm", "customer", "metadata", "off_session"),
        *("payment_method", "payment_method_types", "payment_method_options", "return_url"),
        *("automatic_payment_methods", "setup_future_usage", "application_fee_amount"),
        *("confirmation_method", "error_on_requires_action", "use_stripe_sdk"),
    )
)
_UPDATE: Final = frozenset(
    (
        *_TEXTS,
        *_KEPT_AS_IS,
        *("amount", "currency", "customer", "metadata", "payment_method", "payment_method_types"),
        *("payment_method_options", "setup_future_usage", "application_fee_amount"),
    )
)
_CAPTURE: Final = frozenset(
    (
        *("amount_to_capture", "application_fee_amount", "final_capture", "metadata"),
        *("statement_descriptor", "statement_descriptor_suffix", "transfer_data"),
    )
)
_REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")


def create(call: Call, given: Json) -> Kept:
    """Raises `StripeRefusal`: 402 when it was to be confirmed and the card declined."""
    params = Params(given, _CREATE)
    refuse_numbers(given)
    currency = currency_of(params)
    amount = charge_amount(params, currency)
    is_now = params.flag("confirm") or False
    is_off_session = params.flag("off_session") or False
    if not is_now and ("off_session" in params or "return_url" in params):
        name = "off_session" if "off_session" in params else "return_url"
        raise invalid(f"`{name}` can only be given when `confirm` is true.", name)
    customer = params.text("customer") or None
    if customer is not None:
        call.get(customer, "cus", "customer")
    intent = _made(call, params, amount, currency, customer)
    method = method_in(call, params, intent)
    if method is not None:
        intent = intent.with_object(payment_method=method.id, status="requires_confirmation")
    elif is_now:
        raise params.missing("payment_method")
    intent = call.put(intent)
    emit(call, "payment_intent.created", intent.object)
    if not is_now:
        return intent
    return confirmed(
        call, intent, method, is_off_session=is_off_session, return_url=params.text("return_url")
    )


def update(call: Call, id_: str, given: Json) -> Kept:
    """Raises `StripeRefusal`."""
    intent = call.get(id_, "pi")
    params = Params(given, _UPDATE)
    refuse_numbers(given)
    money = {each for each in ("amount", "currency", "payment_method") if each in params}
    if money and intent.object["status"] not in OPEN:
        name = sorted(money)[0]
        raise impossible(
            f"This PaymentIntent's {name} could not be updated because it has a status of "
            f"{intent.object['status']}. You may only update the {name} of a PaymentIntent with one of "
            f"the following statuses: {', '.join(OPEN)}.",
            UNEXPECTED,
            payment_intent=intent.object,
        )
    changed: Json = {"metadata": params.metadata(intent.object["metadata"])}
    changed |= {each: params.text(each) or None for each in _TEXTS if each in params}
    changed |= {each: params.inner(each).given or None for each in _KEPT_AS_IS if each in params}
    if "currency" in params:
        changed["currency"] = currency_of(params)
    if "amount" in params:
        changed["amount"] = charge_amount(
            params, str(changed.get("currency", intent.object["currency"]))
        )
    if "setup_future_usage" in params:
        changed["setup_future_usage"] = params.choice("setup_future_usage", USAGES)
    if "customer" in params:
        changed["customer"] = call.get(params.required("customer"), "cus", "customer").id
    intent = intent.with_object(**changed)
    method = method_in(call, params, intent)
    if method is not None:
        intent = intent.with_object(
            payment_method=method.id, status="requires_confirmation", next_action=None
        )
    return call.put(intent)


def capture_some(call: Call, id_: str, given: Json) -> Kept:
    """All that is held, or `amount_to_capture` of it. Raises `StripeRefusal`."""
    intent = call.get(id_, "pi")
    params = Params(given, _CAPTURE)
    if params.flag("final_capture") is False:
        raise invalid("Multicapture is not available for this payment.", "final_capture")
    wanted = positive(params, "amount_to_capture") if "amount_to_capture" in params else None
    metadata = params.metadata(intent.object["metadata"])
    if intent.object["status"] != "requires_capture":
        raise impossible(
            "This PaymentIntent could not be captured because it has a status of "
            f"{intent.object['status']}. Only a PaymentIntent with one of the following statuses may be "
            "captured: requires_capture.",
            UNEXPECTED,
            payment_intent=intent.object,
        )
    held = intent.object["amount_capturable"]
    amount = held if wanted is None else wanted
    if amount > held:
        raise impossible(
            f"The amount to capture ({text(amount, intent.object['currency'])}) is greater than the "
            f"amount that can be captured ({text(held, intent.object['currency'])}).",
            "amount_too_large",
            "amount_to_capture",
            payment_intent=intent.object,
        )
    intent = intent.with_object(metadata=metadata)
    capture(call, intent, amount)
    intent = call.put(
        intent.with_object(status="succeeded", amount_capturable=0, amount_received=amount)
    )
    emit(call, "payment_intent.succeeded", intent.object, {"status": "requires_capture"})
    return intent


def cancel(call: Call, id_: str, given: Json) -> Kept:
    """Raises `StripeRefusal`."""
    intent = call.get(id_, "pi")
    params = Params(given, ("cancellation_reason",))
    reason = params.choice("cancellation_reason", _REASONS)
    status = intent.object["status"]
    if status not in CANCELABLE:
        raise impossible(
            f"You cannot cancel this PaymentIntent because it has a status of {status}. Only a "
            "PaymentIntent with one of the following statuses may be canceled: "
            f"{', '.join(CANCELABLE)}.",
            UNEXPECTED,
            payment_intent=intent.object,
        )
    amount = intent.object["amount_capturable"]
    if status == "requires_capture":
        release(call, intent, as_refund=options(call.setting.records)["cancelRefundsCharge"])
    intent = _canceled(call, intent, reason)
    write(
        call,
        "cancelled",
        amount,
        intent.object,
        paymentIntent=intent.id,
        charge=intent.object["latest_charge"] if amount else None,
    )
    return intent


def run_out(call: Call, id_: str) -> None:
    """The authorisation is over, if there still is one."""
    intent = call.find(id_, "pi")
    if intent is not None and intent.object["status"] == "requires_capture":
        expire(call, intent)
        _canceled(call, intent, "automatic")


def _canceled(call: Call, intent: Kept, reason: str | None) -> Kept:
    before = {"status": intent.object["status"]}
    intent = call.put(
        intent.with_object(
            status="canceled",
            amount_capturable=0,
            canceled_at=call.now,
            cancellation_reason=reason,
            next_action=None,
        )
    )
    emit(call, "payment_intent.canceled", intent.object, before)
    return intent


def _made(call: Call, params: Params, amount: int, currency: str, customer: str | None) -> Kept:
    automatic = params.inner("automatic_payment_methods", ("enabled", "allow_redirects"))
    given: Json = {each: params.text(each) or None for each in _TEXTS}
    given |= {each: params.inner(each).given or None for each in _KEPT_AS_IS}
    types = type_of(params)
    future = params.choice("setup_future_usage", USAGES)
    metadata = params.metadata({})
    id_, number = call.new_id("pi")
    enabled = automatic.flag("enabled")
    redirects = automatic.choice("allow_redirects", ("always", "never")) or "always"
    return Kept(
        number=number,
        object={
            "id": id_,
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": params.integer("application_fee_amount"),
            "automatic_payment_methods": (
                {"allow_redirects": redirects, "enabled": True} if enabled else None
            ),
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": params.choice("capture_method", CAPTURE_METHODS) or "automatic_async",
            "client_secret": f"{id_}_secret_{call.secret(id_)}",
            "confirmation_method": "automatic",
            "created": call.now,
            "currency": currency,
            "customer": customer,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": metadata,
            "next_action": None,
            "payment_method": None,
            "payment_method_options": {
                "card": {"request_three_d_secure": "automatic"},
                **params.inner("payment_method_options").given,
            },
            "payment_method_types": types,
            "processing": None,
            "review": None,
            "setup_future_usage": future,
            "source": None,
            "status": "requires_payment_method",
            **given,
        },
    )
