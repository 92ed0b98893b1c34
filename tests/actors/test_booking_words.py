"""What people hear of one another: who said no, who has answered."""

import pytest
from booking_world import DAY, T0, World, world
from test_booking_changes import booked, move, timed, vote
from test_booking_collecting import answer, approve
from test_booking_leaving import seats
from test_booking_money_back import notes
from test_booking_ordering import losing, pay_all, run

from actors.booking.steps import Decline, Sentence
from actors.booking.views import view
from actors.booking.wording import said
from protocol.frames import Money


def last_note(w: World) -> Sentence:
    notice = w.steps[-1].notice
    assert notice is not None
    return notice.note


def test_everybody_hears_who_does_not_come_up_for_a_share() -> None:
    w = world()
    w.put(Decline(user_id="cy"))
    note = last_note(w)
    assert note.text.startswith("The share of {who_user} will not be paid by them")
    assert note.params == {"who_user": "cy", "until_at": T0 + 5 * DAY}


def test_who_gives_up_when_all_the_others_have_paid_is_named_too() -> None:
    w = world()
    w.fault = losing(w)
    pay_all(w)
    assert w.saga.state == "CAPTURE_REPAIR"
    w.put(Decline(user_id="cy"))
    assert last_note(w).params["who_user"] == "cy"


def test_who_has_agreed_to_new_amounts_is_known_to_all_and_not_asked_again() -> None:
    w = world()
    for user_id in ("ada", "bob"):
        approve(w, user_id)
    w.put(Decline(user_id="cy"))
    w.settle()
    answer(w, "ada", "others")
    shown = view(w.saga, "bob").question
    assert shown is not None
    assert (shown.to, shown.answered) == (["ada", "bob"], ("ada",))
    w.prices["f"] = 33_000
    answer(w, "bob", "accept")
    assert w.saga.state == "COLLECTING"
    for user_id in ("ada", "bob"):
        approve(w, user_id, attempt="2")
    assert w.saga.state == "RECONSENT"
    answer(w, "ada", "accept")
    assert last_note(w) == Sentence(
        text="The new amounts are agreed to by {who_user}.", params={"who_user": "ada"}
    )
    for user_id in ("ada", "bob"):
        shown = view(w.saga, user_id).question
        assert shown is not None
        assert shown.answered == ("ada",)


def test_who_has_voted_is_known_to_all_and_not_for_what() -> None:
    w = booked()
    move(w)
    vote(w, bob="refund")
    assert last_note(w) == Sentence(
        text="An answer has come from {who_user}.", params={"who_user": "bob"}
    )
    shown = view(w.saga, "ada").question
    assert shown is not None
    assert shown.answered == ("bob",)
    assert "refund" not in notes(w)[-1]


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (33_333, "EUR", "€333.33"),
        (33_300, "EUR", "€333.00"),
        (33_333, "JPY", "¥33,333"),
        (33_333, "RSD", "RSD333.33"),
        (33_300, "RSD", "RSD333"),
        (33_330, "KWD", "KWD33.330"),
    ],
)
def test_what_people_pay_is_said_to_the_last_unit(amount: int, currency: str, words: str) -> None:
    """Also where amounts are customarily written without decimals: the shares they read are the total."""
    money = Money(amount=amount, currency=currency)
    text = said(Sentence(text="{total_money}", params={"total_money": money}), "en", names={})
    assert text == words


def test_everybody_hears_that_there_is_less_time_because_a_reservation_ends_sooner() -> None:
    """PayPal's is good for three days, of which the last is kept for taking it."""
    w = world()
    w.lasts = 3 * DAY
    approve(w, "ada")
    note = last_note(w)
    assert note.text.startswith("What {who_user} has reserved ends sooner")
    assert note.params == {"who_user": "ada", "until_at": T0 + 2 * DAY}
    approve(w, "bob")
    assert last_note(w).params == {"who_user": "bob"}


def test_who_was_left_behind_is_wished_no_good_trip_and_hears_no_news_of_their_flight() -> None:
    w = world(timed(), seats=seats("adult", "adult", "adult"))
    w.put(Decline(user_id="cy"))
    w.settle()
    answer(w, "ada", "drop")
    for user_id in ("ada", "bob"):
        approve(w, user_id)
    assert run(w) == "COMPLETED"
    booked_step = [step.notice for step in w.steps if step.notice is not None][-1]
    assert "good trip" in booked_step.note.text
    assert booked_step.notes["cy"].text == "The trip is booked without you. You pay nothing."
    before = len(w.steps)
    move(w)
    vote(w, ada="accept", bob="accept")
    after = [step.notice for step in w.steps[before:] if step.notice is not None]
    assert after
    for notice in after:
        assert notice.notes["cy"].text.startswith("Something has changed about the trip")
        assert not notice.notes["cy"].params
    assert "ada" not in after[0].notes
