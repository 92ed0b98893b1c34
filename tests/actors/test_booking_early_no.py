"""Somebody says no while the others still have time to pay: it is asked about them alone, and takes nobody's time."""

import pytest
from booking_world import DAY, HOUR, MINUTE, T0, World, eur, world
from test_booking_collecting import amounts, answer, approve, states
from test_booking_leaving import options, seats
from test_booking_ordering import run

from actors.booking.steps import Decline, Wake
from actors.booking.views import view

COLLECT = T0 + 5 * DAY


def early_no() -> World:
    """Cy says no after an hour, and nobody has paid."""
    w = world(seats=seats("adult", "adult", "adult"))
    w.pass_time(T0 + HOUR)
    w.put(Decline(user_id="cy"))
    w.settle()
    assert (w.saga.state, states(w)) == ("RESPLIT", ["invited", "invited", "declined"])
    return w


def test_who_has_not_paid_yet_is_not_left_behind_with_who_said_no() -> None:
    w = early_no()
    assert options(w) == ["cover", "others", "drop", "cancel"]
    assert w.saga.question is not None
    assert w.saga.question.options[0].params["missing_money"] == {
        "amount": 10_000,
        "currency": "EUR",
    }
    assert w.saga.question.options[2].params == {"who_user": "cy"}
    answer(w, "ada", "drop")
    assert (w.saga.state, amounts(w)) == ("COLLECTING", [10_000, 10_000, 0])
    assert w.saga.deadlines["collect"] == COLLECT
    for user_id in ("ada", "bob"):
        approve(w, user_id)
    assert run(w) == "COMPLETED"
    assert w.saga.left == ("cy",)
    before = w.saga
    w.put(Decline(user_id="cy"))
    assert w.saga is before, "who was not answered may say it again"


def test_the_others_keep_the_time_they_had() -> None:
    w = early_no()
    assert view(w.saga, "bob").deadline == COLLECT
    w.pass_time(T0 + 2 * DAY)
    assert w.saga.state == "RESPLIT"
    approve(w, "bob")
    answer(w, "ada", "cover")
    assert amounts(w) == [20_000, 10_000, 0]
    assert w.saga.deadlines["collect"] == COLLECT
    approve(w, "ada")
    assert run(w) == "COMPLETED"


def test_whoever_is_missing_when_the_time_is_over_is_asked_about_as_well() -> None:
    w = early_no()
    approve(w, "ada")
    w.pass_time(COLLECT + MINUTE)
    assert w.saga.state == "RESPLIT"
    assert w.saga.question is not None
    assert options(w) == ["cover", "drop", "cancel"]
    assert w.saga.question.options[1].params == {"who_user": "bob", "other_user": "cy"}
    assert w.saga.question.expires_at == w.saga.deadlines["resplit"] == COLLECT + 12 * HOUR
    w.pass_time(COLLECT + 13 * HOUR)
    assert w.saga.state == "CANCELLED"


def test_who_said_no_and_pays_after_all_takes_the_question_back() -> None:
    w = early_no()
    approve(w, "cy")
    assert (w.saga.state, w.saga.question) == ("COLLECTING", None)
    assert w.saga.deadlines == {"collect": COLLECT, "remind": COLLECT - DAY}
    for user_id in ("ada", "bob"):
        approve(w, user_id)
    assert run(w) == "COMPLETED"


def test_new_shares_that_not_all_agree_to_leave_the_others_their_time() -> None:
    w = early_no()
    answer(w, "ada", "others")
    assert w.saga.state == "RECONSENT"
    answer(w, "bob", "refuse")
    assert w.saga.state == "RESPLIT"
    assert options(w) == ["cover", "drop", "cancel"]
    answer(w, "ada", "drop")
    assert w.saga.deadlines["collect"] == COLLECT


def test_new_shares_that_all_agree_to_leave_the_others_their_time() -> None:
    w = early_no()
    answer(w, "ada", "others")
    answer(w, "bob", "accept")
    assert (w.saga.state, amounts(w)) == ("COLLECTING", [15_000, 15_000, 0])
    assert w.saga.deadlines["collect"] == COLLECT


@pytest.mark.parametrize("days", [0, 3])
def test_what_is_reserved_on_a_card_still_ends_the_time(days: int) -> None:
    """A day before it lapses, whatever is asked."""
    w = early_no()
    w.pass_time(w.now + days * DAY)
    approve(w, "bob")
    [kept] = w.payments.values()
    assert kept.capture_before is not None
    kept.capture_before -= 3 * DAY
    w.put(Wake(payment_id=kept.id))
    w.settle()
    assert w.saga.deadlines["collect"] == min(COLLECT, kept.capture_before - DAY)
    assert w.saga.state == "RESPLIT"


def test_a_second_no_is_asked_about_with_the_first() -> None:
    w = early_no()
    w.put(Decline(user_id="bob"))
    w.settle()
    assert options(w) == ["cover", "drop", "cancel"]
    assert w.saga.question is not None
    assert w.saga.question.options[0].shares == {"ada": eur(30_000).amount}
    assert w.saga.deadlines["collect"] == COLLECT
