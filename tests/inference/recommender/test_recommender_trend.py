"""A price trend is told where there is one, and nowhere else."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ports.offers import DailyLow
from inference.recommender.trend import trend_of


def lows(prices: list[float], quotes: int = 5, currency: str = "EUR") -> list[DailyLow]:
    return [
        DailyLow(day=20_000 + day, currency=currency, low=price, quotes=quotes)
        for day, price in enumerate(prices)
    ]


RISING = [10_000 * 1.01**day for day in range(11)]


def test_a_steady_rise_is_told_with_its_error_beside_no_change() -> None:
    trend = trend_of(lows(RISING))
    assert trend is not None
    assert trend.change == pytest.approx(1.01**10 - 1)
    assert (trend.days, trend.quotes) == (10, 55)
    assert trend.error == pytest.approx(0, abs=1e-9)
    assert trend.error_of_no_change == pytest.approx(0.0099, abs=1e-4)


def test_a_fall_is_told_as_well() -> None:
    trend = trend_of(lows(RISING[::-1]))
    assert trend is not None
    assert trend.change == pytest.approx(1.01**-10 - 1)


def test_one_dear_day_moves_nothing() -> None:
    prices = [*RISING]
    prices[2] *= 5
    trend = trend_of(lows(prices))
    assert trend is not None
    assert trend.change == pytest.approx(1.01**10 - 1, abs=0.01)


def test_below_thirty_quotes_or_seven_days_there_is_none() -> None:
    assert trend_of([]) is None
    assert trend_of(lows(RISING[:8], quotes=4)) is not None
    assert trend_of(lows(RISING[:7], quotes=10)) is None
    assert trend_of(lows(RISING[:8], quotes=3)) is None
    *others, last = lows(RISING, quotes=2)
    assert trend_of([*others, replace(last, quotes=9)]) is None
    assert trend_of([*others, replace(last, quotes=10)]) is not None
    first, *_, last = lows(RISING, quotes=50)
    assert trend_of([first, last]) is None


def test_the_currency_that_was_quoted_most_counts() -> None:
    trend = trend_of(lows(RISING) + lows(RISING[::-1], quotes=4, currency="USD"))
    assert trend is not None
    assert trend.change > 0
    assert trend.quotes == 55


def test_where_no_change_tells_the_next_day_better_nothing_changed() -> None:
    rng = random.Random(4)
    noise = [10_000 * (1 + 0.05 * ((-1) ** day)) + rng.random() for day in range(20)]
    spike = [10_000.0] * 10 + [10_500.0] * 10
    for prices in (spike, [10_000.0] * 20):
        trend = trend_of(lows(prices))
        assert trend is not None
        assert trend.change == 0.0
        assert trend.error >= trend.error_of_no_change
    trend = trend_of(lows(noise))
    assert trend is not None
    assert abs(trend.change) < 0.02


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.floats(0, 1e12), st.integers(1, 100)),
        max_size=30,
        unique_by=lambda one: one[0],
    )
)
def test_whatever_was_quoted_is_borne(days: list[tuple[int, float, int]]) -> None:
    trend = trend_of(
        [DailyLow(day=day, currency="EUR", low=low, quotes=quotes) for day, low, quotes in days]
    )
    assert trend is None or trend.change > -1
