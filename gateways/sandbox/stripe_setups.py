"""SetupIntents: a card is made ready for payments that its owner is not there for."""

from typing import Final

from gateways.sandbox.exchange import Json
from gateways.sandbox.stripe_cards import card_of, found, refuse_numbers, type_of
from gateways.sandbox.stripe_charges import decide
from gateways.sandbox.stripe_events import emit
from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_objects import Call, Kept
from gateways.sandbox.stripe_replies import StripeRefusal, declined, impossible

_CREATE: Final = frozenset(
    (
        *("customer", "payment_method", "payment_method_types", "usage", "confirm", "metadata"),
        *("description", "return_url", "automatic_payment_methods", "payment_method_options"),
    )
)
_CONFIRM: Final = frozenset(
    ("payment_method", "return_url", "client_secret", "key", "use_stripe_sdk")
)
_OPEN: Final = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(call: Call, given: Json) -> Kept:
    """Raises `StripeRefusal`."""
    params = Params(given, _CREATE)
    refuse_numbers(given)
    customer = params.text("customer") or None
    if customer is not None:
        call.get(customer, "cus", "customer")
    types, usage = type_of(params), params.choice("usage", ("on_session", "off_session"))
    is_now = params.flag("confirm") or False
    metadata = params.metadata({})
    method = params.text("payment_method")
    method_id = found(call, method, "payment_method").id if method else None
    id_, number = call.new_id("seti")
    intent = Kept(
        number=number,
        object={
            "id": id_,
            "object": "setup_intent",
            "application": None,
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "client_secret": f"{id_}_secret_{call.secret(id_)}",
            "created": call.now,
            "customer": customer,
            "description": params.text("description") or None,
            "last_setup_error": None,
            "latest_attempt": None,
            "livemode": False,
            "mandate": None,
            "metadata": metadata,
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": method_id,
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": types,
            "single_use_mandate": None,
            "status": "requires_confirmation" if method_id else "requires_payment_method",
            "usage": usage or "off_session",
        },
    )
    intent = call.put(intent)
    emit(call, "setup_intent.created", intent.object)
    return _confirmed(call, intent, params.text("return_url")) if is_now else intent


def confirm(call: Call, id_: str, given: Json) -> Kept:
    """Raises `StripeRefusal`."""
    intent = call.get(id_, "seti")
    params = Params(given, _CONFIRM)
    refuse_numbers(given)
    if intent.object["status"] not in _OPEN:
        raise _unexpected(intent, "confirm")
    method = params.text("payment_method")
    if method:
        intent = intent.with_object(payment_method=found(call, method, "payment_method").id)
    return _confirmed(call, intent, params.text("return_url"))


def cancel(call: Call, id_: str, given: Json) -> Kept:
    """Raises `StripeRefusal`."""
    intent = call.get(id_, "seti")
    Params(given, ("cancellation_reason",))
    if intent.object["status"] not in _OPEN:
        raise _unexpected(intent, "cancel")
    intent = call.put(intent.with_object(status="canceled", next_action=None))
    emit(call, "setup_intent.canceled", intent.object)
    return intent


def authenticated(call: Call, id_: str, *, is_good: bool) -> Kept:
    """The card's owner answered. Raises `StripeRefusal` when nobody was asked."""
    intent = call.get(id_, "seti")
    if intent.object["status"] != "requires_action":
        raise _unexpected(intent, "authenticate")
    if is_good:
        return _succeeded(call, intent)
    error: Json = {
        "type": "invalid_request_error",
        "code": "setup_intent_authentication_failure",
        "message": "The provided PaymentMethod has failed authentication.",
    }
    return _open_again(call, intent, error)


def _confirmed(call: Call, intent: Kept, return_url: str | None) -> Kept:
    if intent.object["payment_method"] is None:
        raise _unexpected(intent, "confirm")
    method = call.get(intent.object["payment_method"], "pm")
    decided = decide(call, method, is_off_session=False)
    if decided.asks:
        page = f"{call.base}/3ds/{intent.id}"
        action: Json = {"type": "use_stripe_sdk", "use_stripe_sdk": {"stripe_js": page}}
        if return_url:
            redirect = {"return_url": return_url, "url": page}
            action = {"type": "redirect_to_url", "redirect_to_url": redirect}
        intent = call.put(intent.with_object(status="requires_action", next_action=action))
        emit(call, "setup_intent.requires_action", intent.object)
        return intent
    if decided.decline_code is None or card_of(method).behaviour == "declines_later":
        return _succeeded(call, intent)
    error: Json = {
        "type": "card_error",
        "code": decided.code,
        "decline_code": decided.decline_code,
        "message": decided.message,
    }
    intent = _open_again(call, intent, error)
    raise declined(decided.code, decided.decline_code, decided.message, setup_intent=intent.object)


def _succeeded(call: Call, intent: Kept) -> Kept:
    method = call.get(intent.object["payment_method"], "pm").with_private(is_set_up=True)
    if intent.object["customer"] is not None:
        method = method.with_object(customer=intent.object["customer"])
    call.put(method)
    intent = call.put(
        intent.with_object(status="succeeded", next_action=None, last_setup_error=None)
    )
    emit(call, "setup_intent.succeeded", intent.object)
    return intent


def _open_again(call: Call, intent: Kept, error: Json) -> Kept:
    intent = call.put(
        intent.with_object(
            status="requires_payment_method",
            payment_method=None,
            next_action=None,
            last_setup_error=error,
        )
    )
    emit(call, "setup_intent.setup_failed", intent.object)
    return intent


def _unexpected(intent: Kept, what: str) -> StripeRefusal:
    return impossible(
        f"You cannot {what} this SetupIntent because it has a status of {intent.object['status']}"
        f" and its payment method is {intent.object['payment_method']}.",
        "setup_intent_unexpected_state",
        setup_intent=intent.object,
    )
