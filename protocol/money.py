"""Amounts as suppliers write them (`"213.40"`), in the minor units that everything here counts in."""

import re
from typing import Final

from protocol.frames import Money

_NO_DECIMALS: Final = [
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
]
_EXPONENTS: Final[dict[str, int]] = (
    dict.fromkeys(_NO_DECIMALS, 0)
    | dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3)
    | dict.fromkeys(["CLF", "UYW"], 4)
)
"""ISO 4217's list one, where it is not 2. Unicode's table, which Babel has, says how many decimals are
customary (none for IQD and RSD): right for showing an amount, wrong for counting it."""

_AMOUNT: Final = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,15}))?")


def exponent(currency: str) -> int:
    """How many decimals the minor unit of an ISO 4217 code stands for; 2 for one that is not known."""
    return _EXPONENTS.get(currency, 2)


def minor_units(amount: str, currency: str) -> int:
    """`("213.40", "EUR")` is 21340, `("12000.00", "JPY")` 12000. Raises `ValueError` unless the amount
    is a plain decimal number that the currency's minor unit divides: nothing is ever rounded."""
    match = _AMOUNT.fullmatch(amount)
    if match is None:
        raise ValueError(f"not an amount: {amount[:40]!r}")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    digits = exponent(currency)
    if fraction[digits:].strip("0"):
        raise ValueError(f"{amount!r} is no whole number of minor units of {currency}")
    return int(sign + whole + fraction[:digits].ljust(digits, "0"))


def money(amount: str, currency: str) -> Money:
    """As `minor_units`."""
    return Money(amount=minor_units(amount, currency), currency=currency)


def decimal_text(value: Money) -> str:
    """The inverse: `"213.40"`, with all the currency's decimals."""
    digits = exponent(value.currency)
    text = str(abs(value.amount)).rjust(digits + 1, "0")
    sign = "-" if value.amount < 0 else ""
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else f"{sign}{text}"
