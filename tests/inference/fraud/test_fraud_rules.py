"""Rules, by table: what they say of groups who travel, and of those who do not."""

from typing import Any

import pytest
from fraud_cases import HOUR_MS, NOW, alone, facts, histories, history, payer

from inference.fraud.rules import THRESHOLDS, Finding, findings


def reasons(booking: Any, known: Any = None) -> list[tuple[str, str]]:
    known = histories() if known is None else known
    return [(one.reason, one.verdict) for one in findings(booking, known, wall=NOW)]


NEW = histories(history(days=0.2))
SOON = NOW + 20 * HOUR_MS
FAMILY = facts(payers=(payer(amount=240_000),), travellers=5, participants=2)


@pytest.mark.parametrize(
    ("booking", "known"),
    [
        (facts(), None),
        # One of three is declined, and pays with a second card.
        (facts(payers=(payer("u0", declines=1, attempts=2, methods=2), payer("u1"))), None),
        # Three cards, two of them tried twice.
        (alone(declines=4, attempts=5, methods=3), None),
        # The same card, again and again: a mistyped number.
        (alone(declines=9, attempts=10, methods=1), None),
        # All of them registered to join this trip.
        (facts(), NEW),
        # A parent pays for five, with a second card after the first.
        (FAMILY, None),
        (facts(payers=(payer(declines=1, methods=2),), travellers=6, participants=6), None),
        # Dear and soon, of an old account; dear and new, but in a month; new and soon, but cheap.
        (facts(payers=(payer(amount=900_000),), departs_at=SOON), None),
        (facts(payers=(payer(amount=900_000),)), NEW),
        (facts(payers=(payer(amount=60_000),), departs_at=SOON), NEW),
        # A currency without a rate, and one in which 900,000 minor units are little.
        (facts(payers=(payer(amount=900_000),), departs_at=SOON, currency="XXX"), NEW),
        (facts(payers=(payer(amount=900_000),), departs_at=SOON, currency="KRW"), NEW),
        # An indecisive group; somebody who travels for their work.
        (facts(), histories(history(bookings_day=3, bookings_month=6))),
        (alone(), histories(history(bookings_day=2, bookings_month=25, completed=20))),
        (alone(), histories(history(declines_month=20, completed=2))),
        # Nobody pays, nothing is known.
        (facts(payers=()), {}),
        (facts(), {}),
    ],
)
def test_people_who_travel_are_clean(booking: Any, known: Any) -> None:
    assert reasons(booking, known) == []


@pytest.mark.parametrize(
    ("booking", "known", "expected"),
    [
        (alone(declines=5, methods=5), None, [("many_declines", "review")]),
        # Of which most were in other bookings of this day.
        (
            alone(declines=1, methods=2),
            histories(history(declines_day=4, methods_day=5)),
            [("many_declines", "review")],
        ),
        (
            alone(declines=12, methods=12),
            None,
            [("card_testing", "deny"), ("many_methods", "review")],
        ),
        (
            facts(payers=(payer("u0"), payer("u1", methods=6))),
            None,
            [("many_methods", "review")],
        ),
        (
            facts(payers=(payer(amount=260_000),), departs_at=SOON),
            NEW,
            [("new_costly_soon", "review")],
        ),
        (
            facts(payers=(payer(amount=50_000_000),), departs_at=SOON, currency="JPY"),
            NEW,
            [("new_costly_soon", "review")],
        ),
        (alone(), histories(history(bookings_day=5)), [("many_bookings", "review")]),
        (
            alone(),
            histories(history(bookings_day=25)),
            [("bookings_by_program", "deny"), ("nothing_completed", "review")],
        ),
        (
            alone(),
            histories(history(bookings_day=2, bookings_month=25)),
            [("nothing_completed", "review")],
        ),
        (
            alone(declines=1, methods=2),
            histories(history(declines_month=14)),
            [("declined_for_weeks", "review")],
        ),
        (
            facts(payers=(payer(methods=3),), travellers=6, participants=6),
            None,
            [("pays_for_strangers", "review")],
        ),
    ],
)
def test_what_hardly_anybody_does_has_a_name(booking: Any, known: Any, expected: Any) -> None:
    assert reasons(booking, known) == expected


def test_each_reason_is_said_once_and_refusals_first() -> None:
    both = facts(payers=(payer("u0", methods=7), payer("u1", methods=7, declines=20)))
    assert reasons(both, histories(history(completed=1))) == [
        ("card_testing", "deny"),
        ("many_methods", "review"),
    ]


def test_a_refusal_always_lies_beyond_a_review() -> None:
    assert THRESHOLDS.declines_denied > THRESHOLDS.declines
    assert THRESHOLDS.declines_methods_denied > THRESHOLDS.declines_methods
    assert THRESHOLDS.bookings_day_denied > THRESHOLDS.bookings_day
    assert Finding("a", "deny") != Finding("a", "review")
