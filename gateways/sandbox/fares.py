"""What a seat costs: fare classes, their conditions, and prices that move with the days.

Prices are in cents of a euro, per traveller. They depend on the flight, the day, how long it is until
then, and a drift that changes at 0, 6, 12 and 18 o'clock UTC of business time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import cos, pi
from typing import Final, Literal

from gateways.sandbox.draw import between, share
from gateways.sandbox.flights import LONG_HAUL_KM, Flight

Cabin = Literal["ECONOMY", "PREMIUM_ECONOMY", "BUSINESS", "FIRST"]
Age = Literal["adult", "child", "infant"]

DAY_MS: Final = 86_400_000
DRIFT_EVERY_MS: Final = 6 * 3_600_000
THROUGH: Final = 0.78
"""What a journey with a change costs beside the sum of its flights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fare:
    """A booking class and its conditions. `times`: its price in parts of the cheapest."""

    fare_class: str
    cabin: Cabin
    brand: str
    basis: str
    times: float
    bags: int
    is_refundable: bool
    seats: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Cents, for one traveller. `taxes` by code."""

    base: int
    taxes: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        return self.base + sum(amount for _, amount in self.taxes)


def _fare(
    letter: str,
    cabin: Cabin,
    brand: str,
    *,
    times: float,
    bags: int,
    seats: str,
    is_refundable: bool = False,
) -> Fare:
    low, _, high = seats.partition("-")
    return Fare(
        fare_class=letter,
        cabin=cabin,
        brand=brand,
        basis=f"{letter}{brand[:2]}OW",
        times=times,
        bags=bags,
        is_refundable=is_refundable,
        seats=(int(low), int(high)),
    )


FARES: Final = (
    _fare("Q", "ECONOMY", "LIGHT", times=1.0, bags=0, seats="0-14"),
    _fare("K", "ECONOMY", "CLASSIC", times=1.3, bags=1, seats="6-24"),
    _fare("Y", "ECONOMY", "FLEX", times=1.9, bags=1, seats="9-40", is_refundable=True),
    _fare("W", "PREMIUM_ECONOMY", "PREMIUM", times=2.2, bags=2, seats="2-16"),
    _fare("D", "BUSINESS", "BUSINESS", times=3.4, bags=2, seats="0-12"),
    _fare("J", "BUSINESS", "BUSINESSFLEX", times=4.4, bags=2, seats="4-16", is_refundable=True),
    _fare("F", "FIRST", "FIRST", times=7.5, bags=3, seats="1-6", is_refundable=True),
)
"""Cheapest first."""

_BY_CLASS: Final = {each.fare_class: each for each in FARES}
_LONG_HAUL_ONLY: Final = frozenset({"PREMIUM_ECONOMY", "FIRST"})


def fares(flight: Flight) -> tuple[Fare, ...]:
    """What is sold on it, cheapest first; premium economy and first class on long flights only."""
    is_far = flight.service.km > LONG_HAUL_KM
    return tuple(each for each in FARES if is_far or each.cabin not in _LONG_HAUL_ONLY)


def fare(flight: Flight, fare_class: str) -> Fare | None:
    """By its letter; None when that class is not sold there."""
    found = _BY_CLASS.get(fare_class)
    return found if found in fares(flight) else None


def seats(seed: str, flight: Flight, fare_class: str) -> int:
    """How many the sandbox sells in all, before the first order."""
    found = fare(flight, fare_class)
    return 0 if found is None else between(*found.seats, seed, "seats", flight.key, fare_class)


def price(
    seed: str,
    legs: Sequence[tuple[Flight, Fare]],
    now: int,
    *,
    age: Age = "adult",
    percent: float = 0,
) -> Price:
    """One traveller, one direction: its flights in order, each in a fare. `now` is business time in
    milliseconds; `percent` moves the price on top of the drift."""
    base, taxes = 0.0, []
    for flight, each in legs:
        base += _cents(flight, seed, now) * each.times
        code = flight.service.origin.code
        if age != "infant":
            taxes.append((_tax_code(code), between(6, 32, seed, "tax", code) * 100))
            taxes.append(("QX", round(350 + flight.service.km * 0.55)))
    base *= {"adult": 1.0, "child": 0.75, "infant": 0.1}[age] * (1 + percent / 100)
    if len(legs) > 1:
        base *= THROUGH
    return Price(base=round(base / 10) * 10, taxes=tuple(taxes))


def drift(seed: str, key: str, now: int) -> float:
    """A factor near 1: mostly 1, sometimes up to 4 % more or less, constant for six hours."""
    moved = share(seed, "drift", key, now // DRIFT_EVERY_MS)
    return 1.0 if moved < 0.7 else 1 + (moved - 0.85) * 0.27


def season(day: date) -> float:
    """0.85 in January to 1.25 in July."""
    return 1.05 - 0.2 * cos(2 * pi * (day.timetuple().tm_yday - 15) / 365)


def _cents(flight: Flight, seed: str, now: int) -> float:
    weekday = (1.0, 0.92, 0.9, 1.0, 1.2, 1.05, 1.18)[flight.day.weekday()]
    time_of_day = 0.8 + 0.45 * share(seed, "popular", flight.key)
    return (
        (2_500 + flight.service.km * 5.6)
        * weekday
        * time_of_day
        * season(flight.day)
        * _haste((flight.departs_at - now) // DAY_MS)
        * drift(seed, flight.key, now)
    )


def _haste(days: int) -> float:
    steps = ((2, 1.7), (6, 1.4), (13, 1.2), (29, 1.05), (59, 0.97))
    return next((factor for limit, factor in steps if days <= limit), 0.9)


def _tax_code(airport: str) -> str:
    return {"L": "GB", "C": "FR", "O": "FR", "F": "DE"}.get(airport[0], "YQ")
