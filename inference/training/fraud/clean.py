"""Bookings of people who want to travel: groups of many shapes, and what goes wrong for them, too."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from numpy.random import Generator

from inference.training.fraud.played import DAY, Case, Draw, Person, around, case, drawn


def _person(rng: Generator, *, newcomers: float = 0.12) -> Person:
    """Most have been here for a while; some came to join this trip, a few minutes to a day ago. A card that is
    refused is tried again, or another is."""
    is_new = rng.random() < newcomers
    hours = rng.uniform(0.1, DAY) if is_new else around(rng, 90 * DAY, 1.4)
    completed = 0 if is_new else int(rng.poisson(1.2))
    refused = int(rng.choice(4, p=(0.905, 0.075, 0.015, 0.005)))
    person = Person(
        hours=hours,
        attempts=1 + refused,
        declines=refused,
        methods=1 + int(rng.binomial(refused, 0.6)),
        completed=completed,
        provider="paypal" if rng.random() < 0.3 else "stripe",
    )
    if not is_new:
        person.bookings_month = int(rng.choice(5, p=(0.66, 0.22, 0.08, 0.03, 0.01)))
        person.bookings_day = min(person.bookings_month, int(rng.random() < 0.12))
        person.declines_month = int(rng.poisson(0.15))
        person.methods_day = int(person.bookings_day)
    return person


def _people(rng: Generator, count: int, *, newcomers: float = 0.12) -> list[Person]:
    return [_person(rng, newcomers=newcomers) for _ in range(count)]


def _lead(rng: Generator, days: float) -> float:
    return max(4.0, around(rng, days, 0.9) * DAY)


def _rounds(rng: Generator) -> int:
    return int(rng.choice(3, p=(0.88, 0.1, 0.02)))


def solo(rng: Generator) -> Case:
    return case(
        "solo",
        rng,
        _people(rng, 1, newcomers=0.15),
        euros=around(rng, 320, 0.7),
        lead_hours=_lead(rng, 14),
        open_hours=around(rng, 0.2, 1.0),
        travellers=1,
        is_one_way=rng.random() < 0.35,
        stays=int(rng.random() < 0.3),
        rounds=_rounds(rng),
    )


def pair(rng: Generator) -> Case:
    return case(
        "pair",
        rng,
        _people(rng, int(rng.integers(1, 3))),
        euros=around(rng, 800, 0.7),
        lead_hours=_lead(rng, 30),
        open_hours=around(rng, 1.0, 1.5),
        travellers=2,
        participants=2,
        is_one_way=rng.random() < 0.12,
        stays=int(rng.random() < 0.5),
        rounds=_rounds(rng),
    )


def friends(rng: Generator) -> Case:
    """Each pays a share; it takes them hours or days to agree."""
    count = int(rng.integers(3, 10))
    return case(
        "friends",
        rng,
        _people(rng, count, newcomers=0.3),
        euros=around(rng, 260 * count, 0.5),
        lead_hours=_lead(rng, 40),
        open_hours=around(rng, 18, 1.3),
        travellers=count,
        is_one_way=rng.random() < 0.06,
        stays=int(rng.choice(3, p=(0.4, 0.5, 0.1))),
        rounds=_rounds(rng),
    )


def family(rng: Generator) -> Case:
    """One or two parents pay for all."""
    travellers = int(rng.integers(3, 7))
    return case(
        "family",
        rng,
        _people(rng, 1 + int(rng.random() < 0.2)),
        euros=around(rng, 420 * travellers, 0.5),
        lead_hours=_lead(rng, 60),
        open_hours=around(rng, 0.7, 1.4),
        travellers=travellers,
        participants=int(rng.integers(1, 4)),
        stays=int(rng.choice(3, p=(0.3, 0.6, 0.1))),
        rounds=_rounds(rng),
    )


def club(rng: Generator) -> Case:
    """Ten and more: all pay, or one of them does and collects by hand."""
    travellers = int(rng.integers(9, 28))
    paying = 1 if rng.random() < 0.3 else travellers
    return case(
        "club",
        rng,
        _people(rng, paying, newcomers=0.35),
        euros=around(rng, 210 * travellers, 0.4),
        lead_hours=_lead(rng, 80),
        open_hours=around(rng, 48, 0.8),
        travellers=travellers,
        participants=travellers if rng.random() < 0.7 else paying,
        stays=int(rng.choice(3, p=(0.4, 0.4, 0.2))),
        rounds=_rounds(rng),
    )


def last_minute(rng: Generator) -> Case:
    """A funeral, a meeting, a cheap weekend; some register for it."""
    travellers = int(rng.choice((1, 2, 3, 4), p=(0.5, 0.3, 0.1, 0.1)))
    return case(
        "last_minute",
        rng,
        _people(rng, 1 if rng.random() < 0.7 else travellers, newcomers=0.2),
        euros=around(rng, 330 * travellers, 0.5),
        lead_hours=max(3.0, around(rng, 30, 0.7)),
        open_hours=around(rng, 0.2, 0.8),
        travellers=travellers,
        participants=travellers,
        is_one_way=rng.random() < 0.35,
        stays=int(rng.random() < 0.3),
    )


def luxury(rng: Generator) -> Case:
    travellers = int(rng.integers(1, 5))
    return case(
        "luxury",
        rng,
        _people(rng, 1 if rng.random() < 0.8 else travellers, newcomers=0.1),
        euros=around(rng, 3_200 * travellers, 0.5),
        lead_hours=_lead(rng, 50),
        open_hours=around(rng, 1.5, 1.4),
        travellers=travellers,
        participants=travellers,
        stays=int(rng.choice(4, p=(0.2, 0.5, 0.2, 0.1))),
        rounds=_rounds(rng),
    )


def stay_only(rng: Generator) -> Case:
    travellers = int(rng.integers(1, 7))
    return case(
        "stay_only",
        rng,
        _people(rng, int(rng.integers(1, travellers + 1))),
        euros=around(rng, 180 * travellers, 0.6),
        lead_hours=_lead(rng, 25),
        open_hours=around(rng, 1.0, 1.5),
        travellers=travellers,
        participants=travellers,
        has_flight=False,
        stays=int(rng.choice((1, 2, 3), p=(0.8, 0.15, 0.05))),
    )


def frequent(rng: Generator) -> Case:
    """Somebody who travels for their work, or books for those who do."""
    found = solo(rng) if rng.random() < 0.7 else pair(rng)
    person = _person(rng, newcomers=0.0)
    person.bookings_month = int(rng.integers(4, 16))
    person.bookings_day = int(rng.integers(0, 4))
    person.completed = int(rng.integers(4, 60))
    person.methods_day = int(rng.integers(0, 3))
    return _paid_by("frequent", rng, found, person)


def undecided(rng: Generator) -> Case:
    """They open, call off, and open again."""
    person = _person(rng, newcomers=0.25)
    person.bookings_day = int(rng.integers(1, 4))
    person.bookings_month = person.bookings_day + int(rng.integers(0, 3))
    person.methods_day = int(rng.integers(0, 2))
    return _paid_by("undecided", rng, pair(rng), person)


def unlucky(rng: Generator) -> Case:
    """A limit is reached, a bank is careful: a second and a third try, by one or two of them."""
    people = _people(rng, int(rng.integers(1, 6)), newcomers=0.2)
    for person in people[: int(rng.integers(1, 3))]:
        person.declines = int(rng.integers(1, 5))
        person.attempts = person.declines + 1
        person.methods = 1 + int(rng.binomial(min(person.declines, 3), 0.5))
        person.declines_day = int(rng.random() < 0.2)
    return case(
        "unlucky",
        rng,
        people,
        euros=around(rng, 350 * len(people), 0.7),
        lead_hours=_lead(rng, 25),
        open_hours=around(rng, 6, 1.3),
        travellers=len(people),
        is_one_way=rng.random() < 0.12,
        stays=int(rng.random() < 0.4),
        rounds=_rounds(rng),
    )


def _paid_by(kind: str, rng: Generator, like: Case, person: Person) -> Case:
    """A trip as another, paid by one."""
    facts = like.facts
    return case(
        kind,
        rng,
        [person],
        euros=around(rng, 420 * facts.travellers, 0.6),
        lead_hours=_lead(rng, 14),
        open_hours=around(rng, 0.4, 1.2),
        travellers=facts.travellers,
        participants=facts.participants,
        is_one_way=facts.is_one_way,
        stays=facts.stays,
        rounds=facts.rounds,
    )


SHAPES: Final[Mapping[Draw, float]] = MappingProxyType(
    {
        solo: 0.2,
        pair: 0.2,
        friends: 0.24,
        family: 0.12,
        club: 0.03,
        last_minute: 0.06,
        luxury: 0.03,
        stay_only: 0.05,
        frequent: 0.03,
        undecided: 0.02,
        unlucky: 0.02,
    }
)


def clean(count: int, rng: Generator) -> Sequence[Case]:
    """Of all shapes, as often as they come."""
    shapes, odds = list(SHAPES), list(SHAPES.values())
    return [
        case for at in rng.choice(len(shapes), count, p=odds) for case in drawn(shapes[at], 1, rng)
    ]
