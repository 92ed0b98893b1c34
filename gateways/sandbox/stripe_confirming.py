"""What becomes of a PaymentIntent that is confirmed: held, taken, declined, or its card's owner asked."""

from typing import Final, NoReturn

from gateways.sandbox.exchange import Json
from gateways.sandbox.stripe_cards import found, refuse_numbers, usable
from gateways.sandbox.stripe_charges import Decided, charge, decide, refuse
from gateways.sandbox.stripe_events import emit
from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_objects import Call, Kept
from gateways.sandbox.stripe_replies import declined, impossible

OPEN: Final = ("requires_payment_method", "requires_confirmation", "requires_action")
CAPTURE_METHODS: Final = ("automatic", "automatic_async", "manual")
USAGES: Final = ("on_session", "off_session")
UNEXPECTED: Final = "payment_intent_unexpected_state"
_CONFIRM: Final = frozenset(
    (
        *("payment_method", "return_url", "off_session", "capture_method", "setup_future_usage"),
        *(
            "receipt_email",
            "payment_method_options",
            "payment_method_types",
            "shipping",
            "client_secret",
        ),
        *("use_stripe_sdk", "error_on_requires_action", "key", "expected_payment_method_type"),
    )
)


def confirm(call: Call, id_: str, given: Json) -> Kept:
    """Raises `StripeRefusal`: 402 when the card declined."""
    intent = call.get(id_, "pi")
    params = Params(given, _CONFIRM)
    refuse_numbers(given)
    status = intent.object["status"]
    is_off_session = params.flag("off_session") or False
    if status not in OPEN:
        _refuse_to_confirm(intent)
    changed: Json = {}
    if "capture_method" in params:
        changed["capture_method"] = params.choice("capture_method", CAPTURE_METHODS)
    if "setup_future_usage" in params:
        changed["setup_future_usage"] = params.choice("setup_future_usage", USAGES)
    if "receipt_email" in params:
        changed["receipt_email"] = params.text("receipt_email") or None
    intent = intent.with_object(**changed)
    method = method_in(call, params, intent)
    if method is None and intent.object["payment_method"] is not None:
        method = usable(call.get(intent.object["payment_method"], "pm"), intent.object["customer"])
    return confirmed(
        call, intent, method, is_off_session=is_off_session, return_url=params.text("return_url")
    )


def authenticated(call: Call, id_: str, *, is_good: bool) -> Kept:
    """The card's owner answered. Raises `StripeRefusal` when nobody was asked."""
    intent = call.get(id_, "pi")
    if intent.object["status"] != "requires_action":
        raise impossible(
            f"There is nothing to authenticate: the status is {intent.object['status']}.",
            UNEXPECTED,
            payment_intent=intent.object,
        )
    method = call.get(intent.object["payment_method"], "pm")
    if is_good:
        if intent.object["setup_future_usage"] == "off_session":
            method = call.put(method.with_private(is_set_up=True))
        decided = decide(call, method, is_off_session=False, is_authenticated=True)
        if decided.decline_code is None:
            return _paid(call, intent, method, is_off_session=False)
        return _refused(call, intent, method, decided)
    decided = Decided(
        "payment_intent_authentication_failure",
        None,
        "The provided PaymentMethod has failed authentication.",
    )
    return _open_again(call, intent, method, decided, charge_id=None)


def confirmed(
    call: Call,
    intent: Kept,
    method: Kept | None,
    *,
    is_off_session: bool,
    return_url: str | None,
) -> Kept:
    """Ask the card. Raises `StripeRefusal`: 402 when it declined."""
    if method is None:
        raise impossible(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either "
            "update the PaymentIntent with a payment method and then confirm it again, or confirm it "
            "again directly with a payment method.",
            UNEXPECTED,
            payment_intent=intent.object,
        )
    intent = intent.with_object(payment_method=method.id, last_payment_error=None, next_action=None)
    decided = decide(call, method, is_off_session=is_off_session)
    if decided.asks:
        return _asked(call, intent, return_url or None)
    if decided.decline_code is None:
        return _paid(call, intent, method, is_off_session=is_off_session)
    intent = _refused(call, intent, method, decided)
    raise declined(
        decided.code,
        decided.decline_code,
        decided.message,
        charge=intent.object["latest_charge"],
        payment_intent=intent.object,
        payment_method=method.object,
    )


def _asked(call: Call, intent: Kept, return_url: str | None) -> Kept:
    page = f"{call.base}/3ds/{intent.id}"
    action: Json = {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": page},
    }
    if return_url is not None:
        redirect = {"return_url": return_url, "url": page}
        action = {"type": "redirect_to_url", "redirect_to_url": redirect}
    intent = call.put(intent.with_object(status="requires_action", next_action=action))
    emit(call, "payment_intent.requires_action", intent.object)
    return intent


def _paid(call: Call, intent: Kept, method: Kept, *, is_off_session: bool) -> Kept:
    made = charge(call, intent, method, is_off_session=is_off_session)
    amount = intent.object["amount"]
    is_manual = intent.object["capture_method"] == "manual"
    if is_manual:
        done: Json = {"status": "requires_capture", "amount_capturable": amount}
    else:
        done = {"status": "succeeded", "amount_received": amount}
    intent = call.put(
        intent.with_object(**done, latest_charge=made.id, next_action=None, last_payment_error=None)
    )
    if is_manual:
        event, before = "payment_intent.amount_capturable_updated", {"amount_capturable": 0}
        emit(call, event, intent.object, before)
    else:
        emit(call, "payment_intent.succeeded", intent.object)
    return intent


def _refused(call: Call, intent: Kept, method: Kept, decided: Decided) -> Kept:
    made = refuse(call, intent, method, decided)
    return _open_again(call, intent, method, decided, charge_id=made.id)


def _open_again(
    call: Call, intent: Kept, method: Kept, decided: Decided, *, charge_id: str | None
) -> Kept:
    type_ = "card_error" if decided.decline_code is not None else "invalid_request_error"
    error: Json = {
        "code": decided.code,
        "doc_url": f"https://docs.stripe.com/error-codes/{decided.code.replace('_', '-')}",
        "message": decided.message,
        "payment_method": method.object,
        "type": type_,
    }
    if decided.decline_code is not None:
        error |= {"decline_code": decided.decline_code, "charge": charge_id}
    intent = call.put(
        intent.with_object(
            status="requires_payment_method",
            payment_method=None,
            next_action=None,
            latest_charge=charge_id or intent.object["latest_charge"],
            last_payment_error=error,
        )
    )
    emit(call, "payment_intent.payment_failed", intent.object)
    return intent


def _refuse_to_confirm(intent: Kept) -> NoReturn:
    status = intent.object["status"]
    if status in ("succeeded", "requires_capture"):
        message = (
            "You cannot confirm this PaymentIntent because it has already succeeded after being "
            "previously confirmed."
        )
    else:
        message = f"You cannot confirm this PaymentIntent because it has a status of {status}."
    raise impossible(message, UNEXPECTED, payment_intent=intent.object)


def method_in(call: Call, params: Params, intent: Kept) -> Kept | None:
    """The one that is named, if one is. Raises `StripeRefusal`."""
    name = params.text("payment_method")
    if not name:
        return None
    return usable(found(call, name, "payment_method"), intent.object["customer"])
