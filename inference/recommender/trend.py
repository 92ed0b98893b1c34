"""How the price of a journey moved, from the quotes of its days (pure).

The slope is Theil and Sen's: the median of the slopes between all pairs of days, of logarithms, so that a
single dear or cheap day moves nothing. How well it tells the next day is measured on the days themselves,
beside "no change".
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, log
from statistics import fmean, median
from typing import Final

from core.ports.offers import DailyLow

MIN_QUOTES: Final = 30
MIN_DAYS: Final = 7
FIRST_DAYS: Final = 4
"""From which on a day is foretold by those before it."""

FURTHEST: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTrend:
    """`change`: relative, over `days`; 0 where "no change" tells the next day at least as well. `error` and
    `error_of_no_change`: mean relative errors of telling the next day."""

    change: float
    days: int
    quotes: int
    error: float
    error_of_no_change: float


def trend_of(lows: Sequence[DailyLow]) -> PriceTrend | None:
    """In the currency that was quoted most. None below `MIN_QUOTES` quotes over `MIN_DAYS` days."""
    quoted = Counter[str]()
    for one in lows:
        quoted[one.currency] += one.quotes
    if not quoted:
        return None
    currency, quotes = quoted.most_common(1)[0]
    points = sorted(
        (one.day, log(one.low)) for one in lows if one.currency == currency and one.low > 0
    )
    days = points[-1][0] - points[0][0] if points else 0
    if quotes < MIN_QUOTES or days < MIN_DAYS or len(points) <= FIRST_DAYS:
        return None
    error, still = _errors(points)
    change = _relative(_slope(points) * days) if error < still else 0.0
    return PriceTrend(
        change=change, days=days, quotes=quotes, error=error, error_of_no_change=still
    )


def _slope(points: Sequence[tuple[int, float]]) -> float:
    """Per day."""
    return median((b - a) / (later - day) for (day, a), (later, b) in combinations(points, 2))


def _errors(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Of the trend and of no change: each day foretold from those before it."""
    trend, still = [], []
    for at in range(FIRST_DAYS, len(points)):
        before, (day, price) = points[:at], points[at]
        last_day, last = before[-1]
        foretold = last + _slope(before) * (day - last_day)
        trend.append(abs(_relative(foretold - price)))
        still.append(abs(_relative(last - price)))
    return fmean(trend), fmean(still)


def _relative(logarithm: float) -> float:
    """A difference of logarithms as a share; what no price ever did is not told apart."""
    return exp(max(-FURTHEST, min(FURTHEST, logarithm))) - 1
