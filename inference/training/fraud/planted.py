"""Bookings of people who want something else. A part of each kind is careful, and looks almost like anybody."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from numpy.random import Generator

from inference.training.fraud.played import DAY, Case, Draw, Person, around, case, drawn

CAREFUL: Final = 0.15
"""The share of those who know what is looked at."""


def card_testing(rng: Generator) -> Case:
    """A list of stolen numbers is tried on cheap trips, until one is taken."""
    is_careful = rng.random() < CAREFUL
    refused = int(rng.integers(2, 5) if is_careful else rng.integers(5, 30))
    return case(
        "card_testing",
        rng,
        [
            Person(
                hours=around(rng, 40 if is_careful else 3, 1.0),
                attempts=refused + 1,
                declines=refused,
                methods=refused + 1 - int(rng.random() < 0.3),
                bookings_day=int(rng.integers(0, 4)),
                declines_day=int(rng.integers(0, 4 if is_careful else 15)),
                methods_day=int(rng.integers(0, 3 if is_careful else 10)),
            )
        ],
        euros=around(rng, 90, 0.6),
        lead_hours=around(rng, 14 * DAY, 1.0),
        open_hours=around(rng, 0.3, 0.7),
        travellers=1,
        is_one_way=rng.random() < 0.6,
    )


def account_farm(rng: Generator) -> Case:
    """Many bookings in a day, from accounts that were made for it by a program."""
    is_careful = rng.random() < CAREFUL
    day = int(rng.integers(1, 4) if is_careful else rng.integers(5, 40))
    return case(
        "account_farm",
        rng,
        [
            Person(
                hours=rng.uniform(0.05, 20.0),
                bookings_day=day,
                bookings_month=day + int(rng.integers(0, 4)),
                methods_day=int(rng.integers(1, 4)),
                declines_day=int(rng.integers(0, 3)),
            )
        ],
        euros=around(rng, 350, 0.7),
        lead_hours=around(rng, 5 * DAY, 1.0),
        open_hours=around(rng, 0.05, 0.6),
        travellers=int(rng.integers(1, 4)),
        is_one_way=rng.random() < 0.5,
    )


def stolen_card(rng: Generator) -> Case:
    """A dear trip that begins before its card is missed. Who is careful has taken an old account over."""
    is_careful = rng.random() < CAREFUL
    travellers = int(rng.integers(1, 4))
    refused = int(rng.choice(4, p=(0.5, 0.25, 0.15, 0.1)))
    return case(
        "stolen_card",
        rng,
        [
            Person(
                hours=around(rng, 90 * DAY, 1.0) if is_careful else rng.uniform(0.05, 30.0),
                attempts=refused + 1,
                declines=refused,
                methods=refused + 1,
                bookings_day=int(rng.integers(0, 3)),
                methods_day=int(rng.integers(0, 3)),
                completed=int(rng.integers(0, 5)) if is_careful else 0,
            )
        ],
        euros=around(rng, 1_300 * travellers, 0.5),
        lead_hours=max(3.0, around(rng, 20, 0.5)),
        open_hours=around(rng, 0.08, 0.6),
        travellers=travellers,
        participants=1,
        is_one_way=rng.random() < 0.7,
        stays=int(rng.random() < 0.2),
    )


def triangulation(rng: Generator) -> Case:
    """Somebody sells trips to strangers, and pays each with another stolen card."""
    is_careful = rng.random() < CAREFUL
    strangers = int(rng.integers(2, 9))
    refused = int(rng.integers(0, 2) if is_careful else rng.integers(0, 5))
    month = int(rng.integers(3, 8) if is_careful else rng.integers(6, 30))
    return case(
        "triangulation",
        rng,
        [
            Person(
                hours=around(rng, 12 * DAY, 0.9),
                attempts=refused + 1,
                declines=refused,
                methods=refused + 1,
                bookings_day=int(rng.integers(1, 4) if is_careful else rng.integers(2, 9)),
                bookings_month=month,
                declines_day=int(rng.integers(0, 2) if is_careful else rng.integers(0, 6)),
                declines_month=int(rng.integers(0, 15)),
                methods_day=int(rng.integers(1, 3) if is_careful else rng.integers(2, 9)),
                completed=int(rng.integers(0, max(1, month // 3))),
            )
        ],
        euros=around(rng, 480 * strangers, 0.5),
        lead_hours=max(6.0, around(rng, 4 * DAY, 0.8)),
        open_hours=around(rng, 0.15, 0.7),
        travellers=strangers,
        participants=strangers + 1,
        is_one_way=rng.random() < 0.4,
    )


def refund_abuse(rng: Generator) -> Case:
    """Booked to be called off: for points, for a document, for the way that money takes back."""
    is_careful = rng.random() < CAREFUL
    month = int(rng.integers(5, 9) if is_careful else rng.integers(8, 45))
    return case(
        "refund_abuse",
        rng,
        [
            Person(
                hours=around(rng, 18 * DAY, 0.9),
                methods=1 + int(rng.random() < 0.3),
                bookings_day=int(rng.integers(1, 5)),
                bookings_month=month,
                declines_month=int(rng.integers(0, 4)),
                methods_day=int(rng.integers(1, 4)),
                completed=int(rng.random() < 0.3),
            )
        ],
        euros=around(rng, 1_900, 0.6),
        lead_hours=around(rng, 10 * DAY, 0.8),
        open_hours=around(rng, 0.2, 0.7),
        travellers=int(rng.integers(1, 4)),
        participants=1,
        rounds=int(rng.integers(0, 2)),
    )


SEEN: Final[Mapping[str, Draw]] = MappingProxyType(
    {"card_testing": card_testing, "account_farm": account_farm}
)
"""What a fit may meet, as what contaminates its traffic: nobody tells it which rows these are."""

UNSEEN: Final[Mapping[str, Draw]] = MappingProxyType(
    {
        "stolen_card": stolen_card,
        "triangulation": triangulation,
        "refund_abuse": refund_abuse,
    }
)
"""What the gate judges by: no fit has ever met one."""


def planted(kinds: Mapping[str, Draw], each: int, rng: Generator) -> Sequence[Case]:
    """`each` of every kind."""
    return [case for draw in kinds.values() for case in drawn(draw, each, rng)]
