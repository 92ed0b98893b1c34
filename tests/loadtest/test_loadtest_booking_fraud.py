"""What is planted among the groups, and what is said of what was stopped of it."""

from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.booking_auditor import Booked
from loadtest.booking_fraud import (
    CLEAN,
    FARM,
    FARM_OF,
    STOLEN,
    Caught,
    caught,
    kinds_of,
    missed,
)
from loadtest.booking_people import GOOD_CARDS


@given(sagas=st.integers(1, 600), share=st.floats(0, 1), seed=st.integers(0, 9))
def test_the_share_that_is_asked_for_is_planted_and_a_farm_is_one_piece(
    sagas: int, share: float, seed: int
) -> None:
    kinds = kinds_of(sagas, share, seed)
    assert len(kinds) == sagas
    assert sum(kind != CLEAN for kind in kinds) == round(sagas * share)
    assert kinds == kinds_of(sagas, share, seed)
    runs = [(kind, len(list(run))) for kind, run in groupby(kinds)]
    assert all(length == FARM_OF for kind, length in runs if kind.startswith(FARM))


def test_stolen_cards_are_refused_ten_times_before_one_is_taken() -> None:
    refused = STOLEN[: -len(GOOD_CARDS)]
    assert len(refused) >= 10
    assert len(set(refused)) >= 6
    assert not set(refused) & set(GOOD_CARDS)


def booked(booking_id: str, status: str, screened: str) -> Booked:
    return Booked(booking_id=booking_id, status=status, currency="EUR", screened=screened)


KINDS = {"a": CLEAN, "b": CLEAN, "c": "card_testing", "d": "farm 0"}
CLEANLY = [booked("a", "booked", "allow"), booked("b", "booked", "allow")]


@pytest.mark.parametrize(
    ("bookings", "ordered", "expected"),
    [
        (
            [*CLEANLY, booked("c", "cancelled", "deny"), booked("d", "cancelled", "review")],
            {"a", "b"},
            Caught(planted=2, stopped=2, unnoticed=0, clean_reviewed=0.0),
        ),
        # Ordered, and undone after that: not stopped. Booked, and nobody looked: unnoticed.
        (
            [*CLEANLY, booked("c", "cancelled", "allow"), booked("d", "booked", "")],
            {"a", "b", "c", "d"},
            Caught(planted=2, stopped=0, unnoticed=1, clean_reviewed=0.0),
        ),
        (
            [booked("a", "booked", "allow"), booked("b", "cancelled", "review")],
            {"a"},
            Caught(planted=0, stopped=0, unnoticed=0, clean_reviewed=0.5),
        ),
    ],
)
def test_what_was_never_ordered_was_stopped(bookings: Any, ordered: Any, expected: Caught) -> None:
    assert caught(KINDS, bookings, ordered) == expected


def test_each_objective_that_was_missed_has_its_sentence() -> None:
    assert missed(Caught(planted=5, stopped=4, unnoticed=0, clean_reviewed=0.005)) == []
    assert len(missed(Caught(planted=5, stopped=3, unnoticed=2, clean_reviewed=0.006))) == 3
    assert missed(Caught(planted=0, stopped=0, unnoticed=0, clean_reviewed=0.0)) == [
        "nothing of what was to be planted was opened"
    ]
