"""What is suspicious whatever a model thinks of it (pure). Each rule has a name, which operators read.

A rule is for what hardly any group does, not for what is unusual: three friends of whom one is declined, and
pays with a second card, meet none of them. `review` costs an hour of somebody's time and of a group's patience,
`deny` a booking; so `deny` is for what nobody does who books a trip.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from core.ports.fraud import BookingFacts, PayerHistory
from inference.fraud.amounts import euros
from inference.fraud.features import HOUR_MS, Payer, payers_of
from protocol.ids import Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """`…_denied` is where a review becomes a refusal. Hours, euros, counts.

    Refusals and methods: whoever mistypes a card, has none left on it and takes another has two or three
    refusals with two methods; a list of stolen cards has a refusal for each. Bookings: an indecisive group opens
    three or four in a day; six are somebody's business, twenty a program's. Money: half of all trips cost less
    than 800; with an account that is younger than a day and a departure within two, there is no time in which a
    stolen card would be missed. Strangers: a parent pays for four or five with one card, not with three."""

    declines: int = 5
    declines_methods: int = 4
    declines_denied: int = 10
    declines_methods_denied: int = 6
    methods: int = 6
    bookings_day: int = 6
    bookings_day_denied: int = 20
    unfinished_month: int = 15
    new_account_hours: float = 24.0
    soon_hours: float = 48.0
    costly_euros: float = 2_500.0
    paid_for: int = 5
    paid_for_methods: int = 3
    declines_month: int = 15


THRESHOLDS: Final = Thresholds()


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is met."""

    reason: str
    verdict: Literal["review", "deny"]


def findings(
    facts: BookingFacts,
    histories: Mapping[str, PayerHistory],
    *,
    wall: Millis,
    limits: Thresholds = THRESHOLDS,
) -> tuple[Finding, ...]:
    """The strongest first, each reason once. `wall`: as in `payers_of`."""
    payers = payers_of(facts, histories, wall=wall)
    found = [
        *_of_cards(payers, limits),
        *_of_bookings(payers, limits),
        *_of_the_trip(facts, payers, limits),
    ]
    # A stable sort: refusals first, else as listed.
    return tuple(sorted(dict.fromkeys(found), key=lambda one: one.verdict != "deny"))


def _of_cards(payers: Sequence[Payer], limits: Thresholds) -> Iterator[Finding]:
    for one in payers:
        if one.declines >= limits.declines_denied and one.methods >= limits.declines_methods_denied:
            yield Finding("card_testing", "deny")
        elif one.declines >= limits.declines and one.methods >= limits.declines_methods:
            yield Finding("many_declines", "review")
        if one.methods >= limits.methods:
            yield Finding("many_methods", "review")
        if one.declines_month >= limits.declines_month and not one.completed:
            yield Finding("declined_for_weeks", "review")


def _of_bookings(payers: Sequence[Payer], limits: Thresholds) -> Iterator[Finding]:
    for one in payers:
        if one.bookings_day >= limits.bookings_day_denied:
            yield Finding("bookings_by_program", "deny")
        elif one.bookings_day >= limits.bookings_day:
            yield Finding("many_bookings", "review")
        if one.bookings_month >= limits.unfinished_month and not one.completed:
            yield Finding("nothing_completed", "review")


def _of_the_trip(
    facts: BookingFacts, payers: Sequence[Payer], limits: Thresholds
) -> Iterator[Finding]:
    is_soon = (
        facts.departs_at is not None and facts.departs_at - facts.now <= limits.soon_hours * HOUR_MS
    )
    for one in payers:
        # A currency without a rate is not costly: the model looks at the rest.
        is_costly = (euros(one.amount, facts.currency) or 0.0) >= limits.costly_euros
        is_new = one.hours is not None and one.hours < limits.new_account_hours
        if is_new and is_costly and is_soon:
            yield Finding("new_costly_soon", "review")
    if (
        len(payers) == 1
        and facts.participants >= limits.paid_for
        and payers[0].methods >= limits.paid_for_methods
    ):
        yield Finding("pays_for_strangers", "review")
