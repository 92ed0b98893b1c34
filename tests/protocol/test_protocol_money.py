"""Amounts cross from text to minor units and back without losing or gaining anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.frames import Money
from protocol.money import decimal_text, minor_units, money


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("213.40", "EUR", 21_340),
        ("213.4", "EUR", 21_340),
        ("213", "EUR", 21_300),
        ("0.07", "GBP", 7),
        ("-1.05", "USD", -105),
        ("12000.00", "JPY", 12_000),
        ("12000", "JPY", 12_000),
        ("1.250", "KWD", 1_250),
        ("1.25", "KWD", 1_250),
        ("99.10", "HUF", 9_910),
        ("5.1234", "CLF", 51_234),
    ],
)
def test_an_amount_is_a_whole_number_of_minor_units(amount: str, currency: str, units: int) -> None:
    assert minor_units(amount, currency) == units


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("213.405", "EUR"),
        ("0.5", "JPY"),
        ("1e3", "EUR"),
        ("1,50", "EUR"),
        (" 1.50", "EUR"),
        ("1.50\n", "EUR"),
        ("", "EUR"),
        (".5", "EUR"),
        ("NaN", "EUR"),
        ("٣", "EUR"),
        ("9" * 16, "EUR"),
    ],
)
def test_what_is_not_exactly_an_amount_is_refused_and_never_rounded(
    amount: str, currency: str
) -> None:
    with pytest.raises(ValueError, match=r"amount|minor units"):
        minor_units(amount, currency)


@given(st.integers(-(10**14), 10**14), st.sampled_from(["EUR", "JPY", "KWD", "CLF", "XXX"]))
def test_an_amount_comes_back_as_it_went(amount: int, currency: str) -> None:
    value = Money(amount=amount, currency=currency)
    assert money(decimal_text(value), currency) == value
