"""PayPal's amounts, and which of ours it takes (pure). Source: PayPal's page "Currency codes" (docs/paypal.md).

PayPal writes decimal numbers; three currencies have none there, though two of them (HUF, TWD) have a
minor unit by ISO 4217 (`protocol.money`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from protocol.frames import Money
from protocol.money import decimal_text, exponent, minor_units

CURRENCIES: Final = frozenset([
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN",
    "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
])  # fmt: skip
"""BRL, CNY and MYR only for accounts of their own countries: `PayPalMoney.currencies` says otherwise."""

WHOLE: Final = frozenset({"HUF", "JPY", "TWD"})
_MOST: Final = 999_999_999
"""9,999,999.99 (issue MAX_VALUE_EXCEEDED)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPalMoney:
    """`least_charges`: minor units by currency, where one unit is too little for this account (PayPal
    documents no least amount)."""

    currencies: frozenset[str] = CURRENCIES - {"BRL", "CNY", "MYR"}
    least_charges: Mapping[str, int] = field(default_factory=dict)

    def unit(self, currency: str) -> int | None:
        """In our minor units; None for a currency that is not taken."""
        if currency not in self.currencies:
            return None
        return 10 ** exponent(currency) if currency in WHOLE else 1

    def least(self, currency: str) -> int:
        """In our minor units, a multiple of `unit`."""
        unit = self.unit(currency) or 1
        return -(-self.least_charges.get(currency, unit) // unit) * unit

    def most(self, currency: str) -> int:
        """In our minor units, a multiple of `unit`."""
        unit = self.unit(currency) or 1
        return _MOST // unit * unit

    def to_paypal(self, amount: Money) -> dict[str, str] | None:
        """None for an amount that PayPal cannot be asked for."""
        unit = self.unit(amount.currency)
        if unit is None or not 0 < amount.amount <= _MOST or amount.amount % unit:
            return None
        text = decimal_text(amount)
        if amount.currency in WHOLE:
            text = text.partition(".")[0]
        return {"currency_code": amount.currency, "value": text}

    def from_paypal(self, value: str, currency: str) -> int:
        """Our minor units. Raises `ValueError` for what is no amount."""
        return minor_units(value, currency)
