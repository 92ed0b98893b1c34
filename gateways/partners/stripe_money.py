"""Stripe's amounts, and which of ours it takes (pure). Source: APIS §9.

Stripe counts in "minor units" of its own: no decimals for some currencies that have two (MGA), two for
one that has none (ISK, in whole crowns). Ours are ISO 4217's (`protocol.money`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import gcd
from typing import Final

from protocol.frames import Money
from protocol.money import exponent

_NO_DECIMALS: Final = frozenset([
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV",
    "XAF", "XOF", "XPF",
])  # fmt: skip
_THREE_DECIMALS: Final = frozenset([
    "BHD", "JOD", "KWD", "OMR", "TND",
])  # fmt: skip
_TWO_DECIMALS: Final = frozenset([
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT",
    "BGN", "BMD", "BND", "BOB", "BRL", "BSD", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY",
    "COP", "CRC", "CVE", "CZK", "DKK", "DOP", "DZD", "EGP", "ETB", "EUR", "FJD", "FKP", "GBP",
    "GEL", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "ISK",
    "JMD", "KES", "KGS", "KHR", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL",
    "MKD", "MMK", "MNT", "MOP", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO",
    "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB",
    "SAR", "SBD", "SCR", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "STD", "SZL", "THB", "TJS",
    "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "UYU", "UZS", "WST", "XCD", "YER", "ZAR",
    "ZMW",
])  # fmt: skip

UNITS: Final[Mapping[str, int]] = dict.fromkeys(_THREE_DECIMALS, 10) | {"ISK": 100}
"""Amounts must be multiples of this, in Stripe's own units; others of 1."""

LEAST: Final[Mapping[str, int]] = {
    "AED": 200, "AUD": 50, "BGN": 100, "BHD": 200, "BRL": 50, "CAD": 50, "CHF": 50, "CLP": 500,
    "COP": 250_000, "CZK": 1_500, "DKK": 250, "EUR": 50, "GBP": 30, "HKD": 400, "HUF": 17_500,
    "IDR": 900_000, "INR": 5_000, "ISK": 7_500, "JOD": 400, "JPY": 50, "KRW": 800, "KWD": 200,
    "MXN": 1_000, "MYR": 200, "NOK": 300, "NZD": 50, "OMR": 200, "PHP": 3_000, "PLN": 200,
    "PYG": 4_500, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1_000, "TND": 1_700, "TWD": 2_000,
    "UGX": 2_000, "USD": 50, "VND": 14_000, "ZAR": 1_000,
}  # fmt: skip
"""The smallest charge, in Stripe's own units: its published ones where we know them, and half a dollar,
rounded up generously, elsewhere (§9: the exact ones change)."""

_LEAST_OF_OTHERS: Final = 50
_MOST: Final = 99_999_999
"""Eight digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeMoney:
    """`units`, `least`: by currency, over the tables above; `two_decimals`: currencies of the list
    without decimals that this account counts like ISK (older pages say so of UGX)."""

    units: Mapping[str, int] = field(default_factory=dict)
    least_charges: Mapping[str, int] = field(default_factory=dict)
    two_decimals: frozenset[str] = frozenset()

    def takes(self, currency: str) -> bool:
        return currency in _NO_DECIMALS | _THREE_DECIMALS | _TWO_DECIMALS

    def unit(self, currency: str) -> int | None:
        """In our minor units; None for a currency that Stripe does not take."""
        if not self.takes(currency):
            return None
        more, fewer = self._factors(currency)
        step = fewer * self._step(currency)
        return step // gcd(more, step)

    def least(self, currency: str) -> int:
        """In our minor units, a multiple of `unit`."""
        stripes = self.least_charges.get(currency, LEAST.get(currency, _LEAST_OF_OTHERS))
        more, fewer = self._factors(currency)
        unit = self.unit(currency) or 1
        return -(-stripes * fewer // (more * unit)) * unit

    def most(self, currency: str) -> int:
        """In our minor units, a multiple of `unit`."""
        more, fewer = self._factors(currency)
        unit = self.unit(currency) or 1
        return _MOST * fewer // (more * unit) * unit

    def to_stripe(self, amount: Money) -> int | None:
        """Stripe's number; None for an amount that it cannot be asked for."""
        unit = self.unit(amount.currency)
        if unit is None or amount.amount <= 0 or amount.amount % unit:
            return None
        more, fewer = self._factors(amount.currency)
        number = amount.amount * more // fewer
        return number if number <= _MOST else None

    def from_stripe(self, number: int, currency: str) -> int:
        """Our minor units. Raises `ValueError` where they would not be whole."""
        more, fewer = self._factors(currency)
        whole, rest = divmod(number * fewer, more)
        if rest:
            raise ValueError(f"{number} is no whole number of minor units of {currency[:3]}")
        return whole

    def _step(self, currency: str) -> int:
        of_table = 100 if currency in self.two_decimals else UNITS.get(currency, 1)
        return self.units.get(currency, of_table)

    def _factors(self, currency: str) -> tuple[int, int]:
        """Ours times the first by the second is Stripe's."""
        difference = self._decimals(currency) - exponent(currency)
        return 10 ** max(0, difference), 10 ** max(0, -difference)

    def _decimals(self, currency: str) -> int:
        if currency in self.two_decimals:
            return 2
        return 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
