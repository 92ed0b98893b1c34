"""Amounts as English writes them."""

import re

SYMBOLS = {"€": "EUR", "£": "GBP", "$": "USD", "¥": "JPY", "CHF": "CHF", "A$": "AUD", "CA$": "CAD"}
MONEY = r"(?P<currency>CA\$|A\$|[€£$¥]|CHF)\s?(?P<amount>\d[\d,]*(?:\.\d+)?)"
DECIMALS = {"JPY": 0}


def amount_of(match: re.Match[str]) -> tuple[str, float]:
    """Currency and amount in major units."""
    return SYMBOLS[match["currency"]], float(match["amount"].replace(",", ""))


def minor(match: re.Match[str]) -> tuple[str, int]:
    """Currency and amount in minor units."""
    currency, amount = amount_of(match)
    return currency, round(amount * 10 ** DECIMALS.get(currency, 2))
