"""Refunds that are refused or come back: a person has to see to each, once, whatever else goes on."""

from typing import Any

from booking_world import DAY, MINUTE, World, stay, world
from test_booking_changes import all_vote, booked, move, timed
from test_booking_ordering import pay_all, run

from actors.booking.calls import Refund
from actors.booking.steps import Operate, Wake
from actors.booking.views import needs_operator
from protocol.payments import PaymentRefused
from protocol.suppliers import Refused


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
    assert "recheck" in w.saga.deadlines  # refunds are still looked at
