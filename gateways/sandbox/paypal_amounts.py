"""PayPal's amounts: `{"currency_code": "EUR", "value": "10.99"}`; some currencies have no decimals there.

Source: PayPal's page "Currency codes" (docs/paypal.md).
"""

from typing import Any, Final

from gateways.sandbox.exchange import Json
from gateways.sandbox.paypal_replies import PayPalRefusal, malformed, unprocessable
from protocol.frames import Money
from protocol.money import decimal_text, minor_units

CURRENCIES: Final = frozenset([
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN",
    "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
])  # fmt: skip
WHOLE: Final = frozenset({"HUF", "JPY", "TWD"})
MOST: Final = 999_999_999
"""9,999,999.99."""


def read(given: Any, *, at: str) -> tuple[int, str]:
    """Minor units of ISO 4217, and the currency. Raises `PayPalRefusal`; `at` names the member."""
    if not isinstance(given, dict):
        raise malformed("MISSING_REQUIRED_PARAMETER", f"{at} is required.")
    currency, value = given.get("currency_code"), given.get("value")
    if not isinstance(currency, str) or not isinstance(value, str):
        raise malformed("MISSING_REQUIRED_PARAMETER", f"{at} needs currency_code and value.")
    if currency not in CURRENCIES:
        raise unprocessable("INVALID_CURRENCY_CODE", "Currency code is invalid or not supported.")
    if currency in WHOLE and "." in value:
        raise unprocessable("DECIMALS_NOT_SUPPORTED", "Currency does not support decimals.")
    try:
        amount = minor_units(value, currency)
    except ValueError:
        raise _bad(value) from None
    if amount <= 0:
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE", "Must be greater than zero.")
    if amount > MOST:
        raise unprocessable("MAX_VALUE_EXCEEDED", "Should be less than or equal to 9999999.99.")
    return amount, currency


def shown(amount: int, currency: str) -> Json:
    """As PayPal writes it."""
    text = decimal_text(Money(amount=amount, currency=currency))
    if currency in WHOLE:
        text = text.partition(".")[0]
    return {"currency_code": currency, "value": text}


def units(amount: Json) -> int:
    """Minor units of one of ours."""
    return minor_units(amount["value"], amount["currency_code"])


def _bad(value: str) -> PayPalRefusal:
    whole, _, fraction = value.partition(".")
    if whole.isdecimal() and fraction.isdecimal():
        return unprocessable("DECIMAL_PRECISION", "Not more than two decimal places.")
    return malformed("INVALID_PARAMETER_SYNTAX", "The value of a field is no amount.")
