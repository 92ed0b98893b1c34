"""Bookings that were never made: what all generators draw with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from numpy.random import Generator

from core.ports.fraud import BookingFacts, PayerFacts, PayerHistory
from inference.fraud.amounts import PER_EURO
from inference.fraud.features import HOUR_MS
from protocol.money import exponent

NOW: Final = 1_790_000_000_000
DAY: Final = 24.0
CURRENCIES: Final[Mapping[str, float]] = MappingProxyType(
    {
        **dict.fromkeys(("EUR",), 0.36),
        **dict.fromkeys(("USD", "GBP"), 0.14),
        **dict.fromkeys(("CHF", "SEK", "PLN", "JPY", "AED"), 0.05),
        **dict.fromkeys(("HUF", "KRW", "JOD", "AUD", "INR"), 0.022),
    }
)
"""How often each is paid in; of three exponents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A played booking. `kind`: whose it is, for figures alone."""

    kind: str
    facts: BookingFacts
    histories: Mapping[str, PayerHistory]
    wall: int = NOW


Draw = Callable[[Generator], Case]


@dataclass(slots=True, kw_only=True)
class Person:
    """One who pays. `hours`: the account's age."""

    hours: float
    attempts: int = 1
    declines: int = 0
    methods: int = 1
    weight: float = 1.0
    bookings_day: int = 0
    bookings_month: int = 0
    declines_day: int = 0
    declines_month: int = 0
    methods_day: int = 0
    completed: int = 0
    provider: str = "stripe"


def case(
    kind: str,
    rng: Generator,
    people: Sequence[Person],
    *,
    euros: float,
    lead_hours: float | None,
    open_hours: float,
    travellers: int,
    participants: int | None = None,
    is_one_way: bool = False,
    has_flight: bool = True,
    stays: int = 0,
    rounds: int = 0,
) -> Case:
    """`euros` in all, paid by weight, in some currency at today's rate, which is not quite the table's."""
    codes = list(CURRENCIES)
    odds = [CURRENCIES[code] / sum(CURRENCIES.values()) for code in codes]
    currency = codes[int(rng.choice(len(codes), p=odds))]
    units = euros * PER_EURO[currency] * rng.uniform(0.9, 1.1) * 10 ** exponent(currency)
    weights = sum(one.weight for one in people)
    amounts = [max(1, round(units * one.weight / weights)) for one in people]
    facts = BookingFacts(
        booking_id="b",
        now=NOW,
        created_at=NOW - round(open_hours * HOUR_MS),
        departs_at=None if lead_hours is None else NOW + round(lead_hours * HOUR_MS),
        currency=currency,
        total=sum(amounts),
        payers=tuple(
            PayerFacts(
                user_id=f"u{place}",
                amount=amount,
                attempts=one.attempts,
                declines=one.declines,
                methods=one.methods,
                provider=one.provider,
            )
            for place, (one, amount) in enumerate(zip(people, amounts, strict=True))
        ),
        travellers=travellers,
        participants=max(participants or len(people), len(people)),
        has_flight=has_flight,
        stays=stays,
        is_one_way=is_one_way,
        rounds=rounds,
    )
    return Case(kind=kind, facts=facts, histories=_histories(people))


def _histories(people: Sequence[Person]) -> dict[str, PayerHistory]:
    return {
        f"u{place}": PayerHistory(
            registered_at=NOW - round(one.hours * HOUR_MS),
            bookings_day=one.bookings_day,
            bookings_month=max(one.bookings_month, one.bookings_day),
            declines_day=one.declines_day,
            declines_month=max(one.declines_month, one.declines_day),
            methods_day=one.methods_day,
            completed=one.completed,
        )
        for place, one in enumerate(people)
    }


def around(rng: Generator, middle: float, spread: float = 0.5) -> float:
    """Log-normal; `spread`: the standard deviation of its logarithm."""
    return float(middle * rng.lognormal(0.0, spread))


def drawn(draw: Draw, count: int, rng: Generator) -> list[Case]:
    return [draw(rng) for _ in range(count)]
