"""Refunds that are refused or come back: a person has to see to each, once, whatever else goes on."""

from typing import Any

from booking_world import World, stay, world
from test_booking_ordering import pay_all, run

from actors.booking.calls import Refund
from actors.booking.steps import Operate
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
