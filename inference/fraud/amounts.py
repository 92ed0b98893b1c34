"""Amounts of any currency on one scale, for telling a cheap trip from a dear one; never for money.

A table of rounded rates is enough: all that is made of an amount here is its logarithm, and thresholds that
nobody minds by a fifth. A rate that is wrong by a tenth moves the logarithm by 0.1, where trips differ by 5.
Live rates would make the same booking look different tomorrow, and would be one more thing that can be away.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from protocol.money import exponent

_RATES: Final = """
EUR 1 USD 1.1 GBP 0.86 CHF 0.95 SEK 11.2 NOK 11.6 DKK 7.5 ISK 148 PLN 4.3 CZK 25 HUF 395 RON 5 BGN 1.96
RSD 117 TRY 42 UAH 45 ILS 4 AED 4 SAR 4.1 QAR 4 KWD 0.34 BHD 0.41 OMR 0.42 JOD 0.78 EGP 54 MAD 10.7
TND 3.4 ZAR 20 KES 142 NGN 1700 XOF 656 XAF 656 JPY 162 CNY 7.9 HKD 8.6 TWD 35 KRW 1530 SGD 1.46 MYR 4.8
THB 37 IDR 17500 PHP 63 VND 28000 INR 94 PKR 308 BDT 132 LKR 328 AUD 1.68 NZD 1.86 CAD 1.52 MXN 20.5
BRL 6.1 ARS 1300 CLP 1040 COP 4500 PEN 4.1
"""
_WORDS: Final = _RATES.split()

PER_EURO: Final[Mapping[str, float]] = MappingProxyType(
    {code: float(rate) for code, rate in zip(_WORDS[::2], _WORDS[1::2], strict=True)}
)
"""What a euro was about, in the middle of the 2020s."""


def euros(amount: int, currency: str) -> float | None:
    """`amount` in minor units. None: a currency that we have no rate of. Nothing below zero."""
    rate = PER_EURO.get(currency)
    if rate is None:
        return None
    return max(amount, 0) / 10.0 ** exponent(currency) / rate
