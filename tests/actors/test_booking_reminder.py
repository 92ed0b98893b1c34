"""A day before the time to pay is over those are reminded who have not paid, each once."""

from booking_world import DAY, HOUR, MINUTE, T0, World, world
from test_booking_collecting import approve

from actors.booking.steps import Decline, Notice, TravellerNamed

OPEN = "Your share is still open: it can be paid until {until_at}."
UNNAMED = "Details of travellers are missing; they can be added until {until_at}."


def told_at(w: World, at: int) -> list[Notice]:
    before = len(w.steps)
    w.pass_time(at)
    return [step.notice for step in w.steps[before:] if step.notice is not None]


def test_who_has_not_paid_a_day_before_the_end_is_reminded_and_nobody_else() -> None:
    w = world()
    approve(w, "ada")
    [reminder] = told_at(w, T0 + 4 * DAY + MINUTE)
    assert {user_id: one.text for user_id, one in reminder.notes.items()} == {
        "bob": OPEN,
        "cy": OPEN,
    }
    assert reminder.notes["bob"].params == {"until_at": T0 + 5 * DAY}
    assert reminder.note.text.startswith("Shares are still open until {until_at}")
    assert not reminder.has_card
    assert told_at(w, T0 + 5 * DAY - MINUTE) == []


def test_whose_travellers_have_no_names_yet_is_reminded_of_them() -> None:
    w = world(named=False)
    for user_id in ("ada", "bob", "cy"):
        approve(w, user_id)
    seats = [seat for seat in w.saga.seats if seat.payer_id != "cy"]
    for seat in seats:
        w.put(TravellerNamed(user_id=seat.payer_id, traveller_id=seat.id, digest="d"))
    [reminder] = told_at(w, T0 + 4 * DAY + MINUTE)
    assert {user_id: one.text for user_id, one in reminder.notes.items()} == {"cy": UNNAMED}


def test_who_said_no_and_who_has_paid_is_not_reminded() -> None:
    w = world()
    w.put(Decline(user_id="cy"))
    w.settle()
    approve(w, "bob")
    [reminder] = told_at(w, T0 + 4 * DAY + MINUTE)
    assert reminder.notes.keys() == {"ada"}
    assert reminder.note.text == "One share is still open: it can be paid until {until_at}."
    assert w.saga.state == "RESPLIT"


def test_when_there_was_little_time_or_it_is_over_at_once_nobody_is_reminded() -> None:
    w = world(collect_until=T0 + DAY + HOUR)
    assert all(notice.notes == {} for notice in told_at(w, T0 + DAY + 2 * HOUR))
    w = world()
    w.now = T0 + 6 * DAY
    assert all(notice.notes == {} for notice in told_at(w, T0 + 6 * DAY + MINUTE))


def test_the_reminder_comes_earlier_when_a_reservation_ends_sooner() -> None:
    w = world()
    w.lasts = 4 * DAY
    approve(w, "ada")
    assert w.saga.deadlines["collect"] == T0 + 3 * DAY
    [reminder] = told_at(w, T0 + 2 * DAY + MINUTE)
    assert reminder.notes["cy"].params == {"until_at": T0 + 3 * DAY}
