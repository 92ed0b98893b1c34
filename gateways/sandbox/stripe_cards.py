"""Test cards and payment methods (APIS §7.6): aliases become objects; a card's number is refused.

A rule `decline` overrides what a card would do.
"""

from dataclasses import dataclass
from typing import Final, Literal

from gateways.sandbox.exchange import Json
from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_objects import Call, Kept
from gateways.sandbox.stripe_replies import StripeRefusal, declined, impossible, invalid, no_such

Behaviour = Literal[
    "succeeds",
    "declines",
    "declines_later",
    "asks",
    "asks_until_set_up",
    "disputed",
    "refund_fails",
]


@dataclass(frozen=True, slots=True)
class Card:
    """`behaviour`: `declines` also when attached, `declines_later` only when charged; `asks` for its
    owner's authentication. `code`, `decline_code`: Stripe's."""

    last4: str
    behaviour: Behaviour = "succeeds"
    code: str = "card_declined"
    decline_code: str = "generic_decline"
    brand: str = "visa"
    funding: str = "credit"


CARDS: Final[dict[str, Card]] = {
    "visa": Card("4242"),
    "visa_debit": Card("5556", funding="debit"),
    "mastercard": Card("4444", brand="mastercard"),
    "amex": Card("8431", brand="amex"),
    "discover": Card("1117", brand="discover"),
    "visa_chargeDeclined": Card("0002", "declines"),
    "chargeDeclined": Card("0002", "declines"),
    "visa_chargeDeclinedInsufficientFunds": Card(
        "9995", "declines", decline_code="insufficient_funds"
    ),
    "visa_chargeDeclinedLostCard": Card("9987", "declines", decline_code="lost_card"),
    "visa_chargeDeclinedStolenCard": Card("9979", "declines", decline_code="stolen_card"),
    "chargeDeclinedExpiredCard": Card("0069", "declines", "expired_card", "expired_card"),
    "chargeDeclinedIncorrectCvc": Card("0127", "declines", "incorrect_cvc", "incorrect_cvc"),
    "chargeDeclinedProcessingError": Card(
        "0119", "declines", "processing_error", "processing_error"
    ),
    "visa_chargeDeclinedVelocityLimitExceeded": Card(
        "6975", "declines", decline_code="card_velocity_exceeded"
    ),
    "chargeCustomerFail": Card("0341", "declines_later"),
    "authenticationRequired": Card("3184", "asks"),
    "threeDSecure2Required": Card("3220", "asks"),
    "authenticationRequiredOnSetup": Card("3155", "asks_until_set_up"),
    "createDispute": Card("0259", "disputed"),
    "refundFail": Card("5126", "refund_fails"),
}
"""By what follows `pm_card_` (or `tok_`): with and without the brand, as both are found in the wild."""

_MESSAGES: Final = {
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
_CODES: Final = ("expired_card", "incorrect_cvc", "processing_error", "authentication_required")
_RAW: Final = (
    "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use "
    "test tokens that map to the test card you are using, see https://stripe.com/docs/testing."
)
_USED: Final = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, "
    "shared with a connected account without Customer attachment, or was detached from a Customer. It "
    "may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer "
    "first."
)
_CREATE: Final = frozenset(
    ("type", "card", "billing_details", "metadata", "allow_redisplay", "customer", "key")
)
_CARD: Final = frozenset(("token", "number", "exp_month", "exp_year", "cvc"))


def alias_of(name: str) -> str | None:
    """`pm_card_visa` → `visa`; None when it is no alias."""
    for prefix in ("pm_card_", "tok_"):
        known = name.removeprefix(prefix)
        if name.startswith(prefix):
            for each in (known, f"visa_{known}", known.removeprefix("visa_")):
                if each in CARDS:
                    return each
    return None


def card_of(method: Kept) -> Card:
    """What it is of."""
    return CARDS[method.private["card"]]


def decline_of(decline_code: str) -> tuple[str, str]:
    """Code and message of a decline."""
    code = decline_code if decline_code in _CODES else "card_declined"
    return code, _MESSAGES.get(decline_code, "Your card was declined.")


def create(call: Call, given: Json) -> Kept:
    """A payment method from a token. Raises `StripeRefusal`, also for what holds a number."""
    params = Params(given, _CREATE)
    if params.choice("type", ("card",)) is None:
        raise params.missing("type")
    card = params.inner("card", _CARD)
    refuse_numbers(given)
    token = card.required("token")
    alias = alias_of(token)
    if alias is None:
        raise no_such("token", token[:100], "card[token]")
    made = _made(call, alias)
    return call.put(made.with_object(metadata=params.metadata({})))


def refuse_numbers(given: Json) -> None:
    """Raises `StripeRefusal`."""
    for name in ("card", "payment_method_data"):
        inner = given.get(name)
        if isinstance(inner, dict):
            if "number" in inner or "cvc" in inner:
                raise StripeRefusal(
                    402, {"type": "invalid_request_error", "message": _RAW}, is_kept=False
                )
            refuse_numbers(inner)


def found(call: Call, name: str, param: str | None = None) -> Kept:
    """A payment method by id; an alias becomes a new one. Raises `StripeRefusal`."""
    if (alias := alias_of(name)) is not None:
        return call.put(_made(call, alias))
    if name.replace(" ", "").replace("-", "").isdecimal():
        raise StripeRefusal(402, {"type": "invalid_request_error", "message": _RAW}, is_kept=False)
    return call.get(name, "pm", param)


def usable(method: Kept, customer: str | None) -> Kept:
    """For one more payment of that customer. Raises `StripeRefusal`."""
    if method.private.get("is_used") and method.object["customer"] is None:
        raise impossible(_USED, None, "payment_method")
    owner = method.object["customer"]
    if owner is not None and owner != customer:
        raise impossible(
            f"The payment method supplied ({method.id}) belongs to a different Customer: include the "
            "Customer in the `customer` parameter.",
            None,
            "payment_method",
        )
    return method


def attach(call: Call, id_: str, given: Json) -> Kept:
    """Raises `StripeRefusal`: 402 for a card that declines at once."""
    customer = call.get(Params(given, ("customer",)).required("customer"), "cus", "customer")
    method = found(call, id_)
    card = card_of(method)
    if card.behaviour == "declines":
        code, message = decline_of(card.decline_code)
        raise declined(code, card.decline_code, message)
    if method.private.get("is_used") and method.object["customer"] is None:
        raise impossible(_USED, None, "payment_method")
    return call.put(method.with_object(customer=customer.id))


def detach(call: Call, id_: str) -> Kept:
    """Raises `StripeRefusal`."""
    method = call.get(id_, "pm")
    if method.object["customer"] is None:
        raise impossible("The payment method you provided is not attached to a customer.")
    return call.put(method.with_object(customer=None).with_private(is_used=True))


def type_of(given: Params) -> list[str]:
    """`payment_method_types`, of which only cards are played. Raises `StripeRefusal`."""
    types = given.strings("payment_method_types")
    for each in types or ():
        if each not in ("card", "link"):
            raise invalid(f"The payment method type `{each}` is invalid.", "payment_method_types")
    return types or ["card"]


def _made(call: Call, alias: str) -> Kept:
    card = CARDS[alias]
    id_, number = call.new_id("pm")
    nothing: Json = {"address": None, "email": None, "name": None, "phone": None}
    return Kept(
        number=number,
        object={
            "id": id_,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": nothing,
            "card": {
                "brand": card.brand,
                "checks": {"cvc_check": "pass"},
                "country": "FR",
                "exp_month": 12,
                "exp_year": 2039,
                "fingerprint": call.secret("card", card.last4)[:16],
                "funding": card.funding,
                "last4": card.last4,
                "three_d_secure_usage": {"supported": True},
            },
            "created": call.now,
            "customer": None,
            "livemode": False,
            "metadata": {},
            "type": "card",
        },
        private={"card": alias},
    )
