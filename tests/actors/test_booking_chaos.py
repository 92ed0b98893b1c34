"""Whatever happens, in whatever order: the invariants hold, and every booking comes to an end.

Each story is a seed. The world checks after every step that sums and ledger are right (`checks.check`, names
of postings, I3, I6), and at every end that nothing is held, kept or left (I1, I2).
"""

from itertools import count
from random import Random
from typing import Any

import pytest
from booking_chaos import help_out, live
from booking_world import CARD, DAY, HOUR, T0, World, eur, flight, stay, world
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.booking.calls import Authorise, Capture, OpenPayment
from actors.booking.checks import check
from actors.booking.machine import decide, looks_wanted
from actors.booking.state import TERMINAL, Pending
from actors.booking.steps import (
    Approve,
    CallEnded,
    Looked,
    NotSeen,
    NotThere,
    OrdersFound,
    PaymentsFound,
    Wake,
)
from protocol.payments import Busy, Declined, PaymentRefused, PaymentState, RefundMade
from protocol.suppliers import Cancelled, Created, NotSent, Refused, Unknown, Unsupported
from protocol.travel import OrderState


@pytest.mark.parametrize("seed", range(150))
def test_every_booking_comes_to_a_right_end(seed: int) -> None:
    w = live(seed)
    if w.saga.state == "MANUAL":
        help_out(w)
    assert w.saga.state in TERMINAL or w.saga.state in ("MANUAL", "TICKETING")


KINDS: Any = st.sampled_from(["state", "lost", "amount", "method", "not_found", "config"])
STATUSES: Any = st.sampled_from(
    ["open", "action_required", "processing", "authorized", "captured", "cancelled"]
)
REFUSALS: Any = st.sampled_from(
    ["sold_out", "price_changed", "expired", "invalid", "auth", "quota"]
)
ORDERS: Any = st.sampled_from(["pending", "held", "confirmed", "ticketed", "cancelled"])


def payment(status: Any) -> PaymentState:
    captured = 10_000 if status == "captured" else 0
    return PaymentState(payment_id="pi", status=status, amount=eur(10_000), captured=captured)


def order(status: Any) -> OrderState:
    return OrderState(supplier="amadeus", order_id="ord", status=status)


OUTCOMES: Any = st.one_of(
    STATUSES.map(payment),
    KINDS.map(lambda kind: PaymentRefused(kind=kind)),
    REFUSALS.map(lambda kind: Refused(kind=kind, detail="")),
    ORDERS.map(order),
    ORDERS.map(lambda status: Created(order=order(status))),
    st.sampled_from(
        [
            Busy(),
            NotSent(),
            Unknown(),
            Unsupported(),
            Cancelled(),
            Declined(code="card_declined"),
            RefundMade(refund_id="r", amount=1),
        ]
    ),
)
SIGHTS: Any = st.one_of(
    OUTCOMES.filter(lambda o: isinstance(o, PaymentState | OrderState | Refused | Unsupported)),
    st.sampled_from(
        [
            NotSeen(),
            NotThere(),
            PaymentsFound(payments=()),
            OrdersFound(orders=(), complete_until=0),
        ]
    ),
)


def told_by(webhooks: list[tuple[int, int]]) -> World:
    """A trip of three whose webhooks come as said: before which call, and about what."""
    w = world(flight(), stay())
    calls, perform = count(), w.perform

    def after_webhooks(seq: int) -> None:
        call = next(calls)
        for about in [about for before, about in webhooks if before == call]:
            known = [*w.payments, *w.orders, "nobody"]
            of = known[about % len(known)]
            w.put(Wake(order_id=of) if of in w.orders else Wake(payment_id=of))
        perform(seq)

    w.perform = after_webhooks  # type: ignore[method-assign]
    for share in w.saga.shares:
        w.put(Approve(user_id=share.user_id, method=CARD, client_id=share.user_id))
    w.settle()
    w.pass_time(w.now + HOUR)
    return w


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 7)), max_size=30))
def test_webhooks_in_any_order_and_number_change_nothing(webhooks: list[tuple[int, int]]) -> None:
    w, quiet = told_by(webhooks), told_by([])
    assert w.saga.state == quiet.saga.state == "COMPLETED"
    assert w.ledger == quiet.ledger
    assert [type(call) for call in w.calls] == [type(call) for call in quiet.calls]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_answer_of_any_kind_breaks_the_machine(data: st.DataObject) -> None:
    """Also answers that no honest provider gives: the machine never raises, and its sums hold."""
    saga = world(flight(), stay(finds=True)).saga
    now = T0
    for number in range(30):
        kind = data.draw(st.integers(0, 3))
        looks = looks_wanted(saga, now)
        if saga.pending and kind:
            seq = data.draw(st.sampled_from(saga.pending)).seq
            step = decide(saga, CallEnded(seq=seq, outcome=data.draw(OUTCOMES)), now)
        elif looks and kind:
            look = data.draw(st.sampled_from(looks))
            step = decide(saga, Looked(look=look, outcome=data.draw(SIGHTS)), now)
        elif saga.state == "COLLECTING" and kind > 1:
            waiting = [s for s in saga.shares if s.state in ("invited", "declined", "expired")]
            if not waiting:
                continue
            command = Approve(user_id=waiting[0].user_id, method=CARD, client_id=str(number))
            step = decide(saga, command, now)
        else:
            now += data.draw(st.sampled_from([1_000, HOUR, DAY]))
            step = decide(saga, Wake(), now)
        saga = step.saga
        assert [fault for fault in check(saga) if fault.startswith("I5")] == []


def booked() -> World:
    w = world(flight(), stay())
    for share in w.saga.shares:
        w.put(Approve(user_id=share.user_id, method=CARD, client_id=share.user_id))
    w.settle()
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "COMPLETED"
    return w


def test_the_check_sees_what_it_is_for() -> None:
    """Negative controls."""
    saga = booked().saga
    assert check(saga) == []
    first = saga.shares[0]
    paid = first.payments[0]
    for wrong, word in [
        (replace(saga, total=eur(1)), "I5"),
        (replace(saga, shares=(replace(first, spent=0), *saga.shares[1:])), "I1"),
        (replace(saga, parts=(replace(saga.parts[0], is_gone=True), saga.parts[1])), "I1"),
        (replace(saga, state="CANCELLED"), "I2"),
        (
            replace(
                saga,
                shares=(
                    replace(first, payments=(paid, replace(paid, version=2))),
                    *saga.shares[1:],
                ),
            ),
            "paid twice",
        ),
    ]:
        assert any(word in fault for fault in check(wrong)), word


def test_the_check_sees_captures_without_an_order() -> None:
    saga = world().saga
    capture = Capture(share_id="s1", payment_id="pi1", amount=eur(10_000), key="k")
    wrong = replace(saga, pending=(Pending(seq=1, call=capture, at=T0),))
    assert any(fault.startswith("I6") for fault in check(wrong))


def test_the_world_sees_a_card_that_stays_held() -> None:
    w = world()
    w.put(Approve(user_id="ada", method=CARD, client_id="1"))
    w.settle()
    w.saga = replace(w.saga, state="CANCELLED")
    with pytest.raises(AssertionError, match="still held"):
        w.check_end()


def test_the_machine_is_a_function_of_what_it_is_given() -> None:
    one, two = live(7), live(7)
    assert one.saga == two.saga
    assert [type(call) for call in one.calls] == [type(call) for call in two.calls]
    assert {OpenPayment, Authorise} <= {type(call) for call in one.calls} or not one.calls
    assert Random(7).random() == Random(7).random()
