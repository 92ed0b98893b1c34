"""Refunds that are refused or come back: a person has to see to each, once, whatever else goes on."""

from typing import Any

import msgspec
import pytest
from booking_world import DAY, HOUR, MINUTE, World, eur, flight, stay, world
from msgspec.structs import replace
from test_booking_changes import LATER, all_vote, booked, move, order_id, timed, vote, ways
from test_booking_ordering import pay_all, run

from actors.booking.calls import QuoteRefund, Refund
from actors.booking.commands import woken_by
from actors.booking.machine import looks_wanted
from actors.booking.steps import CallOff, Operate, Wake
from actors.booking.views import needs_operator, view
from protocol.payments import PaymentRefused
from protocol.suppliers import Refused, Unknown


def refusing(w: World, share_id: str) -> None:
    """One person's refunds are refused, now and ever."""
    execute = w.execute

    def instead(call: Any) -> Any:
        if isinstance(call, Refund) and call.share_id == share_id:
            return PaymentRefused(kind="amount")
        return execute(call)

    w.execute = instead  # type: ignore[method-assign]


def test_what_cannot_be_given_back_of_a_trip_without_a_flight_is_for_a_person() -> None:
    w = world(stay(), stay(2, 6_000))
    w.hold_refusals = [None, Refused(kind="sold_out", detail="")]
    refusing(w, "s2")
    pay_all(w)
    assert run(w, 60) == "MANUAL"
    assert needs_operator(w.saga)
    assert "refund" in w.saga.manual_reason
    w.is_audited = False
    w.put(Operate(operator="op", action="settle", note="bank transfer"))
    assert w.saga.state == "COMPLETED"
    assert w.balance("by_hand") == -2_000


def test_a_refund_that_failed_is_not_made_once_more_while_a_person_sees_to_it() -> None:
    w = booked(timed(), stay())
    move(w)
    w.fault = lambda call: (
        "broken" if isinstance(call, Refund) and call.share_id == "s3" else "reply"
    )
    all_vote(w, "refund")
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "ADJUSTING"
    payment_id, first = next((id, kept) for id, kept in w.payments.items() if kept.refunded)
    share_id = first.reference.share_id
    made = sum(isinstance(c, Refund) and c.share_id == share_id for c in w.calls)
    first.refunded, first.refund_failed = 0, True
    w.put(Wake(payment_id=payment_id))
    w.settle()
    assert w.saga.state == "MANUAL"
    assert first.refunded == 0
    assert sum(isinstance(c, Refund) and c.share_id == share_id for c in w.calls) == made


def test_a_booking_that_an_operator_has_looked_at_again_after_its_end_does_not_call_for_one() -> (
    None
):
    w = world()
    w.issue = "refused"
    pay_all(w)
    assert run(w) == "CANCELLED"
    payment_id, kept = next(iter(w.payments.items()))
    kept.refund_failed, kept.refunded, w.is_audited = True, 0, False
    w.put(Wake(payment_id=payment_id))
    w.settle()
    assert w.saga.state == "MANUAL"
    kept.refund_failed, kept.refunded = False, kept.captured  # the bank took it after all
    w.put(Operate(operator="op", action="retry"))
    w.settle()
    assert w.saga.state == "CANCELLED"
    w.pass_time(w.now + 3 * DAY)
    assert not needs_operator(w.saga)
    kept.refund_failed, kept.refunded = True, 0
    w.pass_time(w.now + 5 * DAY + HOUR)
    assert w.saga.state == "MANUAL"  # refunds are still looked at


def given_back_again(w: World) -> Any:
    """A refund after tickets were refused failed, and its bank took it after all."""
    w.issue = "refused"
    pay_all(w)
    assert run(w) == "CANCELLED"
    w.is_audited = False
    kept = next(iter(w.payments.values()))
    fail(w, kept)
    kept.refund_failed, kept.refunded = False, kept.captured
    w.put(Operate(operator="op", action="retry"))
    w.settle()
    return kept


def fail(w: World, kept: Any, refunded: int = 0) -> None:
    kept.refund_failed, kept.refunded = True, refunded
    w.put(Wake(payment_id=kept.id))
    w.settle()
    assert w.saga.state == "MANUAL"


def test_a_refund_that_fails_twice_is_posted_twice() -> None:
    w = world()
    kept = given_back_again(w)
    fail(w, kept)
    assert w.balance("participant:ada") == -10_000
    assert w.balance("psp:stripe") == 10_000


def test_a_refund_whose_answer_was_lost_and_that_failed_is_made_anew_under_another_key() -> None:
    w = world()
    w.issue = "refused"
    execute, is_failing = w.execute, True

    def instead(call: Any) -> Any:
        if isinstance(call, Refund) and call.share_id == "s1" and is_failing:
            answer = execute(call)
            kept = w.payments[call.payment_id]
            kept.refund_failed, kept.refunded = True, 0
            return Unknown(detail="lost") if answer else answer
        return execute(call)

    w.execute = instead  # type: ignore[method-assign]
    pay_all(w)
    assert run(w) == "MANUAL"
    is_failing, w.is_audited = False, False
    kept = next(iter(w.payments.values()))
    kept.refund_failed = False
    w.put(Operate(operator="op", action="retry"))
    assert run(w) == "CANCELLED"
    assert kept.refunded == 10_000


def test_after_one_refund_was_paid_otherwise_another_that_fails_is_news_and_paid_too() -> None:
    w = world(stay(1, cancels="policy"), stay(2, 6_000, cancels="policy"))
    w.hold_refusals = [None, Refused(kind="sold_out", detail="")]
    pay_all(w)
    assert run(w) == "COMPLETED"
    w.is_audited = False
    kept = next(iter(w.payments.values()))
    fail(w, kept)
    w.put(Operate(operator="op", action="settle", note="bank transfer"))
    assert w.saga.state == "COMPLETED"
    w.put(CallOff(user_id="ada"))
    w.settle()
    vote(w, ada="agree")
    assert run(w) == "CANCELLED"
    back = kept.refunded
    assert back == 2_100
    fail(w, kept)
    w.put(Operate(operator="op", action="settle", note="bank transfer"))
    assert w.saga.state == "CANCELLED"
    assert (w.balance("participant:ada"), w.balance("by_hand")) == (0, -2_000 - back)
    [share, *_] = view(w.saga, "ada").participants
    assert (share.state, share.refunded) == ("part_refunded", eur(2_000 + back))


def test_an_organiser_who_waits_for_a_silent_supplier_is_asked_also_after_a_person_was_needed() -> (
    None
):
    w = world(stay(1, cancels="policy"), stay(2, 6_000, cancels="policy"))
    w.hold_refusals = [None, Refused(kind="sold_out", detail="")]
    pay_all(w)
    assert run(w) == "COMPLETED"
    w.is_audited, w.sees = False, lambda look: not isinstance(look, QuoteRefund)
    w.put(CallOff(user_id="ada"))
    w.settle()
    fail(w, next(iter(w.payments.values())))
    w.put(Operate(operator="op", action="settle", note="bank transfer"))
    w.settle()
    assert w.saga.state == "COMPLETED"
    w.pass_time(w.now + 5 * MINUTE)
    assert w.saga.question is not None
    assert w.saga.question.kind == "refund"


def unreachable(w: World) -> None:
    """No refund gets through: nobody knows why."""
    w.fault = lambda call: "broken" if isinstance(call, Refund) else "reply"


@pytest.mark.parametrize("is_flown", [False, True])
def test_what_cannot_be_given_back_for_long_is_told_to_operators_and_goes_on(
    is_flown: bool,
) -> None:
    flights = [flight()] if is_flown else []
    w = world(*flights, stay(), stay(2, 6_000))
    w.hold_refusals = [None] * (1 + is_flown) + [Refused(kind="sold_out", detail="")]
    unreachable(w)
    pay_all(w)
    assert run(w, 4 * 24 * 60) == "TICKETING"
    assert needs_operator(w.saga)
    assert all(part.is_paid for part in w.saga.parts if not part.is_dropped)
    w.fault = lambda call: "reply"
    assert run(w) == "COMPLETED"
    assert not needs_operator(w.saga)


def test_an_event_that_names_no_payment_has_all_of_them_read() -> None:
    """PayPal's about refunds name none."""
    w = world()
    w.issue = "refused"
    pay_all(w)
    assert run(w) == "CANCELLED"
    w.is_audited = False
    kept = next(iter(w.payments.values()))
    kept.refund_failed, kept.refunded = True, 0
    w.put(woken_by(None))
    w.settle()
    assert w.saga.state == "MANUAL"
    assert w.saga.shares[0].state == "refund_failed"


def test_an_event_that_names_no_order_has_a_booked_flight_read() -> None:
    w = booked(timed())
    id_ = order_id(w)
    w.orders[id_] = replace(w.orders[id_], itineraries=ways(LATER))
    w.put(woken_by(msgspec.msgpack.encode({})))
    w.settle()
    assert w.saga.question is not None


def test_what_time_alone_wakes_reads_nothing_that_is_known() -> None:
    w = booked(timed())
    w.put(Wake())
    assert looks_wanted(w.saga, w.now) == ()


@pytest.mark.parametrize("is_alone", [False, True])
def test_what_the_others_get_back_is_not_lost_when_one_was_paid_otherwise(is_alone: bool) -> None:
    """Of the whole trip, or of one flight of it."""
    w = booked(timed(), stay()) if is_alone else world()
    w.fault = lambda call: (
        "broken" if isinstance(call, Refund) and call.share_id == "s3" else "reply"
    )
    if is_alone:
        move(w)
        all_vote(w, "refund")
    else:
        w.issue = "refused"
        pay_all(w)
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == ("ADJUSTING" if is_alone else "UNWINDING")
    first, *_, last = w.payments.values()
    fail(w, first)
    w.is_audited = False
    w.fault = lambda call: "reply"
    w.put(Operate(operator="op", action="settle", note="bank transfer"))
    assert run(w) == ("COMPLETED" if is_alone else "CANCELLED")
    assert "bank transfer" in w.saga.manual_reason
    assert last.refunded == (7_000 if is_alone else 10_000)
    assert w.balance("participant:cy") == 0
    assert w.balance("participant:ada") == 0
    assert w.balance("by_hand") == -last.refunded
