"""What PayPal answers instead, in the port's words (pure). Sources: docs/paypal.md.

No message of PayPal's goes further: it may repeat what was sent. Its issue and the debug id do.
"""

from typing import Final

import msgspec

from protocol.payments import Busy, DeclineCode, Declined, PaymentRefused
from protocol.suppliers import NotSent, Unknown

Ended = Declined | PaymentRefused | Busy | NotSent | Unknown

_DECLINED: Final[dict[str, DeclineCode]] = {
    "CARD_EXPIRED": "expired_card",
    "COMPLIANCE_VIOLATION": "card_declined",
    "INSTRUMENT_DECLINED": "card_declined",
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": "limit_exceeded",
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": "card_declined",
    "PAYER_ACCOUNT_RESTRICTED": "card_declined",
    "PAYER_CANNOT_PAY": "card_declined",
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING": "card_declined",
    "TRANSACTION_LIMIT_EXCEEDED": "limit_exceeded",
    "TRANSACTION_REFUSED": "card_declined",
}
_STATE: Final = frozenset(
    {
        "AUTHORIZATION_ALREADY_CAPTURED",
        "AUTHORIZATION_VOIDED",
        "ORDER_ALREADY_AUTHORIZED",
        "ORDER_ALREADY_COMPLETED",
        "ORDER_COMPLETED_OR_VOIDED",
        "ORDER_NOT_APPROVED",
        "PAYER_ACTION_REQUIRED",
        "PREVIOUSLY_CAPTURED",
        "PREVIOUSLY_VOIDED",
        "REFUND_NOT_ALLOWED",
    }
)
_LOST: Final = frozenset({"AUTHORIZATION_DENIED", "AUTHORIZATION_EXPIRED", "ORDER_EXPIRED"})
_AMOUNT: Final = frozenset(
    {
        "AUTHORIZATION_AMOUNT_EXCEEDED",
        "CANNOT_BE_NEGATIVE",
        "CANNOT_BE_ZERO_OR_NEGATIVE",
        "CAPTURE_FULLY_REFUNDED",
        "DECIMALS_NOT_SUPPORTED",
        "DECIMAL_PRECISION",
        "INVALID_CURRENCY_CODE",
        "MAX_CAPTURE_AMOUNT_EXCEEDED",
        "MAX_VALUE_EXCEEDED",
        "REFUND_AMOUNT_EXCEEDED",
    }
)


class _Detail(msgspec.Struct):
    issue: str = ""


class _Failure(msgspec.Struct):
    name: str = ""
    debug_id: str = ""
    details: list[_Detail] = []


_failure: Final = msgspec.json.Decoder(_Failure).decode


def ended(status: int, body: bytes) -> Ended:
    """How a call that changes something ended that was not answered with success."""
    issue, detail = said(status, body)
    if status == 429:
        return Busy()
    if status >= 500 or not detail:
        return Unknown(detail=detail or f"{status} with an answer that makes no sense")
    if issue in _DECLINED:
        return Declined(code=_DECLINED[issue])
    if issue in _LOST:
        return PaymentRefused(kind="lost", detail=detail)
    if issue in _STATE:
        return PaymentRefused(kind="state", detail=detail)
    if issue in _AMOUNT:
        return PaymentRefused(kind="amount", detail=detail)
    if status == 404:
        return PaymentRefused(kind="not_found", detail=detail)
    # 409: something else happens to the same thing just now.
    return Busy() if status == 409 else PaymentRefused(kind="config", detail=detail)


def said(status: int, body: bytes) -> tuple[str, str]:
    """The issue, and a line for the log: status, name, issue and debug id, each of a bounded length;
    empty when it is no error of PayPal's."""
    try:
        found = _failure(body)
    except msgspec.DecodeError:
        return "", ""
    issue = found.details[0].issue if found.details else ""
    parts = (str(status), found.name, issue, found.debug_id)
    return issue or found.name, " ".join(part[:64] for part in parts if part)
