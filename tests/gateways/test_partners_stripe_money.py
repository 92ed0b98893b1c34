"""Our minor units and Stripe's (APIS §9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.partners.stripe_money import StripeMoney
from gateways.sandbox import stripe_amounts
from protocol.frames import Money

MONEY = StripeMoney()
CURRENCIES = ("EUR", "JPY", "KWD", "ISK", "MGA", "UGX", "HUF", "VND")


@pytest.mark.parametrize(
    ("amount", "currency", "number"),
    [
        (3_334, "EUR", 3_334),
        (500, "JPY", 500),
        (5_120, "KWD", 5_120),
        (5, "ISK", 500),
        (500, "MGA", 5),
        (5_000, "UGX", 5_000),
    ],
)
def test_an_amount_becomes_stripe_s_and_comes_back(amount, currency, number):
    assert MONEY.to_stripe(Money(amount=amount, currency=currency)) == number
    assert MONEY.from_stripe(number, currency) == amount


def test_what_stripe_cannot_count_is_no_amount():
    for amount, currency in ((5_125, "KWD"), (550, "MGA"), (1_000, "LYD"), (-5, "EUR")):
        assert MONEY.to_stripe(Money(amount=amount, currency=currency)) is None
    with pytest.raises(ValueError, match="no whole number"):
        MONEY.from_stripe(550, "ISK")


def test_units_are_what_amounts_must_be_multiples_of():
    assert [MONEY.unit(each) for each in CURRENCIES] == [1, 1, 10, 1, 100, 1, 1, 1]
    assert MONEY.unit("LYD") is None


def test_the_table_is_the_configuration_s_to_change():
    like_isk = StripeMoney(two_decimals=frozenset({"UGX"}), least_charges={"EUR": 100})
    assert like_isk.to_stripe(Money(amount=5_000, currency="UGX")) == 500_000
    assert like_isk.unit("UGX") == 1
    assert like_isk.least("EUR") == 100
    assert StripeMoney(units={"HUF": 100}).unit("HUF") == 100


def test_the_least_charge_is_a_multiple_of_the_unit_in_our_minor_units():
    assert [MONEY.least(each) for each in ("EUR", "GBP", "JPY", "ISK")] == [50, 30, 50, 75]
    for currency in CURRENCIES:
        least = MONEY.least(currency)
        assert MONEY.to_stripe(Money(amount=least, currency=currency)) is not None


def test_the_greatest_charge_has_eight_digits_of_stripe_s():
    most = {
        "EUR": 99_999_999,
        "JPY": 99_999_999,
        "KWD": 99_999_990,
        "ISK": 999_999,
        "MGA": 9_999_999_900,
    }
    assert {each: MONEY.most(each) for each in most} == most
    for currency in CURRENCIES:
        unit, most_of = MONEY.unit(currency) or 1, MONEY.most(currency)
        assert MONEY.to_stripe(Money(amount=most_of, currency=currency)) is not None
        assert MONEY.to_stripe(Money(amount=most_of + unit, currency=currency)) is None


@given(st.integers(1, 900_000), st.sampled_from(CURRENCIES))
def test_every_multiple_of_the_unit_survives_the_journey(count, currency):
    ours = Money(amount=count * (MONEY.unit(currency) or 1), currency=currency)
    number = MONEY.to_stripe(ours)
    if number is not None:
        assert MONEY.from_stripe(number, currency) == ours.amount


def test_every_currency_that_is_played_is_taken() -> None:
    played = stripe_amounts._ZERO | stripe_amounts._TWO | stripe_amounts._THREE
    assert {currency for currency in played if MONEY.unit(currency.upper()) is None} == set()
    assert "zmw" in played
