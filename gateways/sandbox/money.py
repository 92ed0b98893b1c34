"""Euro cents in other currencies, at rates that never move."""

from typing import Final

from protocol.frames import Money
from protocol.money import decimal_text, exponent

RATES: Final = {
    "EUR": 1.0,
    "USD": 1.1,
    "GBP": 0.85,
    "CHF": 0.95,
    "JPY": 160.0,
    "KRW": 1_500.0,
    "SEK": 11.3,
    "NOK": 11.6,
    "DKK": 7.46,
    "PLN": 4.3,
    "CZK": 25.0,
    "HUF": 400.0,
    "TRY": 45.0,
    "AED": 4.04,
    "JOD": 0.78,
    "CAD": 1.5,
    "AUD": 1.65,
    "NZD": 1.8,
    "SGD": 1.47,
    "INR": 92.0,
    "THB": 38.0,
    "BRL": 6.0,
    "MXN": 20.0,
    "ZAR": 20.0,
}
"""What a euro is worth: made up."""

NAMES: Final = {"EUR": "EURO", "USD": "US DOLLAR", "GBP": "POUND STERLING", "JPY": "JAPANESE YEN"}


def minor(cents: int, currency: str) -> int:
    """Cents of a euro in that currency's minor units. Raises `KeyError` for one not in `RATES`."""
    return round(cents * RATES[currency] * 10.0 ** (exponent(currency) - 2))


def amount(units: int, currency: str) -> str:
    """Minor units as text: `213.40`, or `213` in a currency that has none."""
    return decimal_text(Money(amount=units, currency=currency))


def text(cents: int, currency: str) -> str:
    """Both at once."""
    return amount(minor(cents, currency), currency)
