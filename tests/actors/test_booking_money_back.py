"""What people hear of money that comes back to them, and what becomes of it that does not."""

from typing import Any

import pytest
from booking_world import CARD, DAY, HOUR, MINUTE, World, eur, flight, stay, world
from msgspec.structs import replace
from test_booking_changes import all_vote, booked, cancel, move, order_id, timed, vote
from test_booking_ordering import pay_all, run

from actors.booking.state import Part
from actors.booking.steps import Approve, CallOff, Operate, Sentence, Wake
from actors.booking.views import view
from actors.booking.wording import said
from core.errors import Rejected
from protocol.frames import Money
from protocol.suppliers import Refused

GIVEN_BACK = (
    "Of the {paid_money} that you paid {back_money} come back: your bank may take some days."
)


def told(w: World, user_id: str) -> list[Sentence]:
    """What was said to them alone, in its order."""
    return [
        step.notice.notes[user_id]
        for step in w.steps
        if step.notice is not None and user_id in step.notice.notes
    ]


def amounts(sentences: list[Sentence]) -> list[tuple[int, int]]:
    """Back, of paid; where that is what was said."""
    found: list[tuple[int, int]] = []
    for one in sentences:
        if one.text == GIVEN_BACK:
            back, paid = one.params["back_money"], one.params["paid_money"]
            assert isinstance(back, Money)
            assert isinstance(paid, Money)
            found.append((back.amount, paid.amount))
    return found


def notes(w: World) -> list[str]:
    return [step.notice.note.text for step in w.steps if step.notice is not None]


def shown(w: World, user_id: str = "ada") -> list[Any]:
    """State, and how much came back, of each."""
    return [
        (one.state, one.refunded and one.refunded.amount)
        for one in view(w.saga, user_id).participants
    ]


def refused_tickets() -> World:
    w = world()
    w.issue = "refused"
    pay_all(w)
    run(w)
    assert w.saga.state == "CANCELLED"
    return w


def test_each_is_told_how_much_of_what_they_paid_comes_back() -> None:
    w = booked()
    w.put(CallOff(user_id="ada"))
    w.settle()
    vote(w, ada="agree")
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "CANCELLED"
    assert shown(w) == [("part_refunded", 7_000)] * 3
    for user_id in ("ada", "bob", "cy"):
        assert amounts(told(w, user_id)) == [(7_000, 10_000)]


def without_a_stay() -> World:
    """Two stays, of which one cannot be had: its price has gone back."""
    w = world(stay(1, cancels="policy"), stay(2, 6_000, cancels="policy"))
    w.hold_refusals = [None, Refused(kind="sold_out", detail="")]
    pay_all(w)
    assert run(w) == "COMPLETED"
    return w


def test_of_what_comes_back_in_parts_each_part_is_told() -> None:
    w = without_a_stay()
    assert shown(w) == [("part_refunded", 2_000)] * 3
    w.put(CallOff(user_id="ada"))
    w.settle()
    vote(w, ada="agree")
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "CANCELLED"
    for user_id in ("ada", "bob", "cy"):
        first, second = amounts(told(w, user_id))
        assert (first, second[1]) == ((2_000, 5_000), 5_000)
        assert second[0] > 2_000


def test_who_has_paid_is_not_told_at_the_end_that_nobody_has() -> None:
    w = refused_tickets()
    assert notes(w)[-1] == "The trip is called off. Everything that was paid has been given back."
    assert amounts(told(w, "cy")) == [(10_000, 10_000)]
    w = world()
    w.put(Approve(user_id="bob", method=CARD, client_id="1"))
    w.settle()
    w.put(CallOff(user_id="ada"))
    w.settle()
    assert notes(w)[-1] == "The trip is called off. Nobody has paid anything."
    assert shown(w) == [("invited", None), ("voided", None), ("invited", None)]


def test_whose_refund_failed_hears_it_and_what_was_paid_otherwise_is_theirs() -> None:
    w = refused_tickets()
    payment_id, kept = next(iter(w.payments.items()))
    kept.refund_failed, kept.refunded, w.is_audited = True, 0, False
    w.put(Wake(payment_id=payment_id))
    w.settle()
    assert shown(w)[0] == ("refund_failed", None)
    assert "did not arrive" in told(w, "ada")[-1].text
    assert "did not arrive" not in str(told(w, "bob"))
    assert w.balance("participant:ada") == -10_000
    w.put(Operate(operator="op", action="settle", note="bank transfer"))
    assert w.saga.state == "CANCELLED"
    assert shown(w) == [("refunded", 10_000)] * 3
    assert w.balance("participant:ada") == 0
    assert w.balance("by_hand") == -10_000
    assert w.balance("psp:stripe") == 10_000


def test_of_a_booked_trip_only_what_failed_was_paid_otherwise() -> None:
    w = without_a_stay()
    payment_id, kept = next(iter(w.payments.items()))
    kept.refund_failed, kept.refunded, w.is_audited = True, 0, False
    w.put(Wake(payment_id=payment_id))
    w.settle()
    assert w.saga.state == "MANUAL"
    w.put(Operate(operator="op", action="settle", note="bank transfer"))
    assert w.saga.state == "COMPLETED"
    assert shown(w) == [("part_refunded", 2_000)] * 3
    assert (w.balance("participant:ada"), w.balance("by_hand")) == (0, -2_000)


def test_what_is_said_after_the_end_of_a_refund_that_was_paid_otherwise_is_no_news() -> None:
    w = refused_tickets()
    payment_id, kept = next(iter(w.payments.items()))
    kept.refund_failed, kept.refunded, w.is_audited = True, 0, False
    w.put(Wake(payment_id=payment_id))
    w.settle()
    w.put(Operate(operator="op", action="settle", note="bank transfer"))
    before = replace(w.saga)
    w.put(Wake(payment_id=payment_id))
    w.settle()
    assert w.saga.state == "CANCELLED"
    assert w.saga.version == before.version


# ── what a supplier returned to our team ──


def by_telephone(*others: Part, **changes: Any) -> World:
    """A flight that nobody takes back through an API is given up: our team has called its airline."""
    w = booked(timed(cancels="pre_ticket"), *others, **changes)
    move(w)
    all_vote(w, "refund")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "MANUAL"
    id_ = order_id(w)
    w.orders[id_] = replace(w.orders[id_], status="cancelled")
    return w


def returned(amount: int, part_id: str = "") -> Operate:
    return Operate(operator="op", action="returned", part_id=part_id, amount=eur(amount))


@pytest.mark.parametrize(("others", "end"), [((), "CANCELLED"), ((stay(),), "COMPLETED")])
def test_what_a_supplier_returned_to_our_team_goes_back_to_people(
    others: tuple[Part, ...], end: str
) -> None:
    w = by_telephone(*others)
    w.put(returned(21_000))
    assert "settled it with the supplier" in notes(w)[-1]
    assert run(w) == end
    paid = 10_000 + 3_000 * len(others)
    assert amounts(told(w, "bob")) == [(7_000, paid)]
    assert shown(w) == [("part_refunded", 7_000)] * 3
    assert w.balance("supplier:duffel") == -9_000 - 9_000 * len(others)
    assert [w.balance(f"participant:{one}") for one in ("ada", "bob", "cy")] == [0, 0, 0]
    assert w.balance("psp:stripe") == 9_000 + 9_000 * len(others)
    w.pass_time(w.now + DAY)
    assert (w.saga.state, w.saga.question) == (end, None)


@pytest.mark.parametrize("amount", [0, 30_000])
def test_a_supplier_may_return_nothing_or_all(amount: int) -> None:
    w = by_telephone(stay())
    w.put(returned(amount, "f"))
    assert run(w) == "COMPLETED"
    assert w.balance("psp:stripe") == 39_000 - amount


def test_an_airline_that_does_not_say_what_it_returns_tells_our_team() -> None:
    w = booked()
    cancel(w)
    all_vote(w, "refund")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "MANUAL"
    w.put(returned(30_000))
    assert run(w) == "CANCELLED"
    assert shown(w) == [("refunded", 10_000)] * 3


@pytest.mark.parametrize(
    "word",
    [
        returned(30_001),
        returned(-1),
        returned(100, "h1"),
        returned(100, "x"),
        Operate(operator="op", action="returned"),
        Operate(operator="op", action="returned", amount=Money(amount=100, currency="USD")),
    ],
)
def test_what_no_supplier_can_have_returned_is_refused(word: Operate) -> None:
    w = by_telephone(stay())
    before = w.saga
    with pytest.raises(Rejected):
        w.put(word)
    assert w.saga is before


def test_only_of_what_people_gave_up_a_supplier_returns_a_part() -> None:
    for w in (booked(), refused_tickets()):
        with pytest.raises(Rejected):
            w.put(returned(100))
    w = world(flight(), stay())
    w.issue = "refused"
    pay_all(w)
    assert run(w) == "MANUAL"  # nobody has agreed to get less back
    with pytest.raises(Rejected, match="given up"):
        w.put(returned(100))


def test_whoever_gets_their_money_back_last_hears_how_it_ended_as_well() -> None:
    w = refused_tickets()
    notice = [step.notice for step in w.steps if step.notice is not None][-1]
    [(_, last)] = notice.notes.items()
    assert last.more == notice.note
    words = said(last, "en", names={})
    assert words.startswith("Of the €100.00 that you paid €100.00 come back")
    assert words.endswith("Everything that was paid has been given back.")
    assert said(last, "de", names={}).endswith("Alles, was bezahlt wurde, ist erstattet.")
