"""What the SDK raises, in the port's words (pure). Source: APIS §6.3.

No message of Stripe's goes further: it may repeat what was sent. Its code and the request's id do.
"""

from typing import Final

import stripe

from gateways.partners.resilience import CallFailed
from gateways.partners.stripe_declines import declined
from gateways.partners.stripe_transport import has_left
from protocol.payments import Busy, Declined, PaymentRefused
from protocol.suppliers import NotSent, Unknown

Ended = Declined | PaymentRefused | Busy | NotSent | Unknown

RAN_OUT: Final = frozenset({"automatic", "expired"})
"""Why Stripe cancels a payment itself (§7.1)."""

_STATE: Final = frozenset(
    {
        "payment_intent_unexpected_state",
        "charge_already_captured",
        "charge_not_refundable",
        "insufficient_capabilities_for_transfer",
    }
)
_LOST: Final = frozenset(
    {
        "capture_charge_authorization_expired",
        "charge_expired_for_capture",
    }
)
_AMOUNT: Final = frozenset(
    {
        "amount_too_large",
        "amount_too_small",
        "balance_insufficient",
        "charge_already_refunded",
        "insufficient_funds",
        "invalid_charge_amount",
        "refund_amount_exceeds_remaining",
    }
)
_METHOD: Final = frozenset({"payment_method", "payment_method_data", "source"})


def ended(error: stripe.StripeError) -> Ended:
    """How a call that changes something ended. `Declined` is of cards alone (402)."""
    detail = said(error)
    match error:
        case stripe.CardError():
            return declined(_member(error, "code"), _member(error, "decline_code"))
        case stripe.RateLimitError():
            return Busy()
        case stripe.IdempotencyError() | stripe.AuthenticationError() | stripe.PermissionError():
            return PaymentRefused(kind="config", detail=detail)
        case stripe.InvalidRequestError():
            return _refused(error, detail)
        case stripe.APIConnectionError():
            return Unknown(detail=detail) if has_left(error) else NotSent(detail=detail)
        case stripe.APIError() if (
            error.http_status == 409 and _member(error, "code") == "idempotency_key_in_use"
        ):
            return Busy()
    return Unknown(detail=detail)


def failed(error: stripe.StripeError) -> CallFailed:
    """Of a read."""
    status = error.http_status or 500
    is_ours = isinstance(
        error, stripe.AuthenticationError | stripe.PermissionError | stripe.InvalidRequestError
    )
    is_busy = isinstance(error, stripe.RateLimitError) or status == 409
    return CallFailed(said(error), may_retry=not is_ours, is_fault=not (is_ours or is_busy))


def is_missing(error: stripe.StripeError) -> bool:
    """What was asked for does not exist."""
    return isinstance(error, stripe.InvalidRequestError) and (
        error.code == "resource_missing" or error.http_status == 404
    )


def said(error: stripe.StripeError) -> str:
    """For the log: kind, status, code and the request's id, each of a bounded length."""
    cause = type(error.__cause__).__name__ if error.__cause__ else ""
    parts = (
        type(error).__name__,
        cause,
        str(error.http_status or ""),
        _member(error, "code") or "",
        error.request_id or "",
    )
    return " ".join(part[:64] for part in parts if part)


def _refused(error: stripe.InvalidRequestError, detail: str) -> PaymentRefused:
    code, param = error.code or "", error.param or ""
    if code in _STATE:
        return PaymentRefused(kind="lost" if _has_run_out(error) else "state", detail=detail)
    if code in _LOST:
        return PaymentRefused(kind="lost", detail=detail)
    if param in _METHOD or code.startswith("payment_method_"):
        return PaymentRefused(kind="method", detail=detail)
    if code in _AMOUNT or param.startswith("amount"):
        return PaymentRefused(kind="amount", detail=detail)
    if is_missing(error):
        return PaymentRefused(kind="not_found", detail=detail)
    return PaymentRefused(kind="config", detail=detail)


def _has_run_out(error: stripe.StripeError) -> bool:
    """Whether the payment that the error shows was cancelled because its hold ended."""
    body = error.json_body
    inner = body.get("error") if isinstance(body, dict) else None
    shown = inner.get("payment_intent") if isinstance(inner, dict) else None
    return isinstance(shown, dict) and shown.get("cancellation_reason") in RAN_OUT


def _member(error: stripe.StripeError, name: str) -> str | None:
    """Of the body's error object: the SDK keeps the code of some kinds of errors only."""
    body = error.json_body
    inner = body.get("error") if isinstance(body, dict) else None
    value = inner.get(name) if isinstance(inner, dict) else None
    return value if isinstance(value, str) else None
