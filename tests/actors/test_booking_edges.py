"""What seldom happens to a booking: refusals of every kind, prices that do not fit, time that runs out."""

from typing import Any

import pytest
from booking_world import CARD, DAY, HOUR, MINUTE, STRIPE, T0, Kept, World, eur, flight, stay, world
from msgspec.structs import replace
from test_booking_ordering import kinds, only, paid, pay_all, pay_all_up_to_hold, run

from actors.booking.calls import (
    Authorise,
    CancelOrder,
    CancelPayment,
    Capture,
    FindOrders,
    FindPayments,
    Hold,
    OpenPayment,
    Release,
)
from actors.booking.steps import Answer, Approve, CallEnded, CallOff, Looked, Operate, Wake
from actors.booking.views import needs_operator, view
from core.errors import Rejected
from protocol.frames import Money
from protocol.payments import Busy, PaymentRefused
from protocol.suppliers import Refused, Unknown, Unsupported
from protocol.travel import OrderState


def answering(w: World, kind: type, *answers: Any) -> None:
    """The first calls of a kind are answered so, and nothing is done."""
    left, execute = list(answers), w.execute

    def instead(call: Any) -> Any:
        if isinstance(call, kind) and left:
            return left.pop(0)
        return execute(call)

    w.execute = instead  # type: ignore[method-assign]


# ── payments ──


@pytest.mark.parametrize("kind", [OpenPayment, Authorise, Capture])
def test_a_provider_that_is_busy_or_whose_account_is_in_trouble_is_asked_again(kind: type) -> None:
    w = world()
    answering(w, kind, Busy(), PaymentRefused(kind="config"), Busy())
    pay_all(w)
    assert run(w) == "COMPLETED"
    assert w.balance("psp:stripe") == 30_000


def test_a_payment_that_cannot_be_made_leaves_the_share_open() -> None:
    w = world()
    answering(w, OpenPayment, PaymentRefused(kind="amount"))
    w.put(Approve(user_id="ada", method=CARD, client_id="1"))
    w.settle()
    assert w.saga.shares[0].state == "declined"
    pay_all(w, "2")
    assert run(w) == "COMPLETED"


@pytest.mark.parametrize(
    ("kind", "state"),
    [("method", "declined"), ("state", "declined"), ("lost", "expired"), ("amount", "declined")],
)
def test_a_refused_authorisation_leaves_the_share_open(kind: Any, state: str) -> None:
    w = world()
    answering(w, Authorise, PaymentRefused(kind=kind))
    w.put(Approve(user_id="ada", method=CARD, client_id="1"))
    w.settle()
    assert w.saga.shares[0].state == state
    pay_all(w, "2")
    assert run(w) == "COMPLETED"


@pytest.mark.parametrize("kind", ["lost", "amount", "not_found"])
def test_a_capture_that_can_never_be_is_repaired_and_its_hold_let_go(kind: Any) -> None:
    w = world()
    answering(w, Capture, PaymentRefused(kind=kind))
    pay_all(w)
    assert w.saga.state == "CAPTURE_REPAIR"
    lost = next(share for share in w.saga.shares if share.state == "expired")
    w.put(Approve(user_id=lost.user_id, method=CARD, client_id="2"))
    w.settle()
    assert run(w) == "COMPLETED"


def test_a_payment_that_was_made_without_an_answer_is_found_in_the_list() -> None:
    w = world()
    w.fault = only("lost", OpenPayment)
    w.put(Approve(user_id="ada", method=CARD, client_id="1"))
    w.perform(w.saga.pending[0].seq)
    w.now += 23 * HOUR
    w.sees = lambda look: not isinstance(look, FindPayments)
    w.put(Wake())
    w.settle()
    assert w.saga.shares[0].payments[0].must_find
    w.sees = lambda look: True
    w.pass_time(w.now + MINUTE)
    assert w.saga.shares[0].state == "authorized"
    assert len(w.payments) == 1


def test_a_payment_whose_key_repeats_an_error_is_found_in_the_list_long_before_the_key_is_old() -> (
    None
):
    w = world()
    execute = w.execute

    def broken(call: Any) -> Any:
        answer = execute(call)
        return Unknown(detail="500") if isinstance(call, OpenPayment) else answer

    w.execute = broken  # type: ignore[method-assign]
    pay_all(w)
    assert run(w) == "COMPLETED"
    assert len(w.payments) == 3


def test_a_key_that_repeats_an_error_and_made_nothing_gives_way_to_another_after_an_hour() -> None:
    w = world()
    execute = w.execute

    def broken(call: Any) -> Any:
        if isinstance(call, OpenPayment) and call.reference.version == 1:
            return Unknown(detail="500")
        return execute(call)

    w.execute = broken  # type: ignore[method-assign]
    pay_all(w)
    assert run(w, minutes=50) == "COLLECTING"
    assert run(w, minutes=30) == "COMPLETED"
    assert [share.payments[0].is_void for share in w.saga.shares] == [True] * 3


def test_a_provider_that_cannot_be_reached_for_minutes_is_asked_under_the_same_key() -> None:
    w = world()
    answering(w, OpenPayment, *[Unknown(detail="no connection")] * 5)
    w.put(Approve(user_id="ada", method=CARD, client_id="1"))
    run(w)
    [payment] = w.saga.shares[0].payments
    assert (w.saga.shares[0].state, payment.version) == ("authorized", 1)


def lost_and_void(w: World) -> Kept:
    """Ada's first payment was made, was not answered, and stands in no list: what the
    provider has of it all the same."""
    w.fault = only("lost", OpenPayment)
    w.sees = lambda look: not isinstance(look, FindPayments)
    w.put(Approve(user_id="ada", method=CARD, client_id="1"))
    w.perform(w.saga.pending[0].seq)
    [kept] = w.payments.values()
    del w.payments[kept.id]
    w.now += 23 * HOUR
    w.sees = lambda look: True
    w.put(Wake())
    w.settle()
    assert w.saga.shares[0].payments[0].is_void
    return kept


def comes_to_light(w: World, kept: Kept) -> None:
    w.payments[kept.id] = kept
    w.is_audited = False
    w.put(Wake(payment_id=kept.id))
    w.settle()


@pytest.mark.parametrize("end", ["CANCELLED", "COMPLETED"])
def test_a_payment_that_nobody_knew_and_that_holds_money_is_let_go(end: str) -> None:
    w = world()
    stray = lost_and_void(w)
    if end == "COMPLETED":
        pay_all(w)
    else:
        w.put(CallOff(user_id="ada"))
        w.settle()
    assert run(w) == end
    stray.status = "authorized"
    comes_to_light(w, stray)
    assert stray.status == "cancelled"
    w.is_audited = True
    assert run(w) == end


@pytest.mark.parametrize("end", ["CANCELLED", "COMPLETED"])
def test_a_payment_that_nobody_knew_and_somebody_took_is_for_a_person(end: str) -> None:
    w = world()
    stray = lost_and_void(w)
    if end == "COMPLETED":
        pay_all(w)
    else:
        w.put(CallOff(user_id="ada"))
        w.settle()
    assert run(w) == end
    stray.status, stray.captured = "captured", stray.amount
    comes_to_light(w, stray)
    assert w.saga.state == "MANUAL"


@pytest.mark.parametrize("end", ["CANCELLED", "COMPLETED", "COLLECTING"])
def test_a_word_of_a_payment_that_nobody_finds_changes_nothing(end: str) -> None:
    w = world()
    lost_and_void(w)
    if end == "COMPLETED":
        pay_all(w)
        run(w)
    elif end == "CANCELLED":
        w.put(CallOff(user_id="ada"))
        w.settle()
    shares = w.saga.shares
    w.put(Wake(payment_id="pi_nobody"))
    w.settle()
    assert w.saga.state == end
    assert w.saga.shares == shares


def test_an_authorisation_that_is_never_answered_ends_as_a_decline_when_its_key_is_too_old() -> (
    None
):
    w = world()
    w.fault = lambda call: "broken" if isinstance(call, Authorise) else "reply"
    w.put(Approve(user_id="ada", method=CARD, client_id="1"))
    w.settle()
    assert w.saga.shares[0].state == "accepted"
    w.pass_time(T0 + DAY)
    assert w.saga.shares[0].state == "declined"
    assert len({c.key for c in w.calls if isinstance(c, Authorise)}) == 1


def test_a_cancellation_that_meets_a_capture_becomes_a_refund() -> None:
    w = world()
    w.fault = lambda call: "late" if isinstance(call, Capture) else "reply"
    pay_all(w)
    w.put(CallOff(user_id="ada"))
    w.fault = lambda call: "reply"
    w.settle()
    assert run(w, 20) == "CANCELLED"
    assert w.balance("psp:stripe") == 0


def test_a_provider_without_refunds_needs_a_person() -> None:
    w = world()
    w.issue = "refused"
    execute = w.execute

    def instead(call: Any) -> Any:
        return Unsupported() if type(call).__name__ == "Refund" else execute(call)

    w.execute = instead  # type: ignore[method-assign]
    pay_all(w)
    assert run(w) == "MANUAL"
    w.execute = execute  # type: ignore[method-assign]
    w.put(Operate(operator="op", action="retry"))
    assert run(w) == "CANCELLED"


# ── prices ──


def test_a_price_that_the_provider_cannot_take_ends_it() -> None:
    w = world(flight(5_120, currency="KWD"), provider=replace(STRIPE, unit=10))
    part = w.saga.parts[0]
    for share in w.saga.shares:
        w.put(Approve(user_id=share.user_id, method=CARD, client_id=share.user_id))
    for total in (Money(amount=5_123, currency="KWD"), eur(5_120)):
        other = world(flight(5_120, currency="KWD"), provider=replace(STRIPE, unit=10))
        see = other.see

        def priced(look: Any, see: Any = see, total: Money = total) -> Any:
            seen = see(look)
            if type(look).__name__ == "Reprice":
                return replace_offer(seen, total)
            return seen

        other.see = priced  # type: ignore[method-assign]
        pay_all(other)
        assert other.saga.state in ("UNWINDING", "CANCELLED")
    assert part.total.currency == "KWD"


def replace_offer(seen: Any, total: Money) -> Any:
    return type(seen)(offer=replace(seen.offer, total=total))


def test_a_price_too_low_to_charge_everybody_ends_it() -> None:
    w = world(flight(180))
    w.prices["f"] = 120
    pay_all(w)
    assert w.saga.state == "CANCELLED"
    assert "new quote" in w.saga.reason


@pytest.mark.parametrize(("people", "end"), [(1, "COMPLETED"), (2, "CANCELLED")])
def test_a_flight_that_can_no_longer_be_held_is_bought_by_one_payer_only(
    people: int, end: str
) -> None:
    w = world(participants=("ada", "bob")[:people])
    see = w.see

    def unheld(look: Any) -> Any:
        seen = see(look)
        if type(look).__name__ == "Reprice":
            return type(seen)(offer=replace(seen.offer, can_hold=False))
        return seen

    w.see = unheld  # type: ignore[method-assign]
    pay_all(w)
    assert run(w) == end


def test_a_lower_total_of_the_order_itself_lowers_the_shares() -> None:
    w = world()
    pay_all_up_to_hold(w)
    hold = w.saga.pending[0]
    made = w.execute(hold.call)
    cheaper = replace(made.order, total=eur(27_000))
    w.orders[cheaper.order_id] = cheaper
    w.put(CallEnded(seq=hold.seq, outcome=replace(made, order=cheaper)))
    w.settle()
    assert run(w) == "COMPLETED"
    assert w.balance("psp:stripe") == 27_000


# ── orders ──


def test_an_order_that_is_still_being_made_is_waited_for() -> None:
    w = world()
    pay_all_up_to_hold(w)
    hold = w.saga.pending[0]
    made = w.execute(hold.call)
    w.put(
        CallEnded(seq=hold.seq, outcome=replace(made, order=replace(made.order, status="pending")))
    )
    assert w.saga.state == "ORDERING"
    assert run(w) == "COMPLETED"


@pytest.mark.parametrize("kind", ["sold_out", "expired", "invalid", "auth"])
def test_a_refused_order_ends_it(kind: Any) -> None:
    w = world()
    w.hold_refusals = [Refused(kind=kind, detail="")]
    pay_all(w)
    assert w.saga.state == "CANCELLED"


def test_an_order_that_is_never_sent_is_given_up() -> None:
    w = world()
    w.fault = lambda call: "unsent" if isinstance(call, Hold) else "reply"
    pay_all(w)
    assert run(w, 20) == "CANCELLED"
    assert kinds(w).count("Hold") == 8


def test_an_order_that_stays_on_its_way_is_not_given_up_before_it_is_answered() -> None:
    w = world()
    pay_all_up_to_hold(w)
    for _ in range(40):
        w.now += MINUTE
        w.put(Wake())
    assert w.saga.state == "ORDERING"
    w.settle()
    assert run(w) == "COMPLETED"


def test_orders_without_a_list_wait_for_the_end_of_the_hold() -> None:
    w = world()
    w.fault = only("broken", Hold)
    see = w.see
    w.see = lambda look: Unsupported() if isinstance(look, FindOrders) else see(look)  # type: ignore[method-assign]
    pay_all(w)
    assert run(w, 5) == "ORDER_UNKNOWN"
    w.put(CallOff(user_id="ada"))
    assert run(w, 60) == "UNWINDING"
    assert needs_operator(w.saga)
    w.pass_time(w.now + 3 * DAY, leaps=True)
    assert run(w, 2 * 60) == "CANCELLED"


def test_an_order_that_would_not_be_cancelled_is_asked_again_until_it_is() -> None:
    w = world()
    w.issue = "refused"
    answering(w, CancelOrder, Refused(kind="invalid", detail=""), Refused(kind="quota", detail=""))
    pay_all(w)
    assert run(w, 20) == "CANCELLED"


def test_an_unheld_flight_that_nobody_can_look_for_needs_a_person() -> None:
    w = world(flight(holds=False, finds=False), split={"ada": 30_000})
    w.fault = only("broken", Hold)
    pay_all(w)
    assert run(w, 7 * 60) == "MANUAL"
    w.put(Operate(operator="op", action="compensate"))
    assert run(w) == "CANCELLED"


def test_tickets_that_come_after_all_complete_the_booking() -> None:
    w = world()
    w.fault = lambda call: "broken" if isinstance(call, Release) else "reply"
    pay_all(w)
    w.pass_time(T0 + 3 * DAY - 1, leaps=True)
    order = next(iter(w.orders.values()))
    w.orders[order.order_id] = w._ticketed(order, w.saga.parts[0])
    w.sees = lambda look: w.now > T0 + 3 * DAY + MINUTE
    w.pass_time(T0 + 3 * DAY + MINUTE)
    assert w.saga.state == "UNWINDING"
    assert run(w) == "COMPLETED"


def test_a_flight_that_was_bought_after_all_still_gets_its_stay() -> None:
    w = world(flight(holds=False), stay(), split={"ada": 39_000})
    w.fault = only("lost", Hold)
    w.sees = lambda look: not isinstance(look, FindOrders)
    pay_all(w)
    assert w.saga.state == "ORDER_UNKNOWN"
    with pytest.raises(Rejected, match="right now"):
        w.put(CallOff(user_id="ada"))
    assert run(w, 6 * 60 + 1) == "UNWINDING"
    w.sees = lambda look: True
    assert run(w, 10) == "COMPLETED"
    assert w.balance("psp:stripe") == 39_000


def test_what_an_operator_has_called_off_is_given_back_whole() -> None:
    w = world(flight(), stay())
    w.issue = "refused"
    pay_all(w)
    assert run(w) == "MANUAL"
    w.put(Operate(operator="op", action="compensate"))
    assert run(w) == "MANUAL"
    for order in list(w.orders.values()):
        w.orders[order.order_id] = replace(order, status="cancelled")
    w.put(Operate(operator="op", action="compensate"))
    assert run(w) == "CANCELLED"
    assert w.balance("psp:stripe") == w.balance("supplier:duffel") == 0


def test_people_are_not_told_that_nobody_paid_when_the_rest_is_settled_by_hand() -> None:
    w = world(flight(), stay())
    w.issue, w.is_audited = "refused", False
    pay_all(w)
    assert run(w) == "MANUAL"
    w.put(Operate(operator="op", action="settle", note="paid back by transfer"))
    assert w.saga.state == "CANCELLED"
    notice = w.steps[-1].notice
    assert notice is not None
    assert notice.note.text.endswith("Our team settles what is left with you.")


def test_an_operator_who_looks_again_does_not_say_that_a_stay_is_not_booked() -> None:
    w = world(flight(), stay())
    w.fault = lambda call: "lost" if isinstance(call, Hold) and call.part_id == "h1" else "reply"
    pay_all(w)
    w.pass_time(T0 + 3 * DAY, leaps=True)
    assert w.saga.state == "MANUAL"
    w.put(Operate(operator="op", action="retry"))
    assert w.saga.state == "HOTEL_UNKNOWN"
    assert kinds(w).count("Hold") == 2


@pytest.mark.parametrize("end", ["COMPLETED", "CANCELLED"])
def test_a_refund_that_fails_without_a_word_is_found_later(end: str) -> None:
    w = world(stay(1), stay(2, 6_000))
    w.hold_refusals = [None, Refused(kind="sold_out", detail="")]
    if end == "CANCELLED":
        w.hold_refusals = [Refused(kind="sold_out", detail="")]
    pay_all(w)
    assert run(w) == end
    kept = next(iter(w.payments.values()))
    kept.refund_failed, kept.refunded, w.is_audited = True, 0, False
    assert run(w, 13 * 60) == "MANUAL"
    assert needs_operator(w.saga)


def test_refunds_are_looked_at_for_a_month_and_not_for_ever() -> None:
    w = world()
    w.issue = "refused"
    pay_all(w)
    assert run(w) == "CANCELLED"
    before = len(w.steps)
    w.pass_time(T0 + 90 * DAY)
    assert w.saga.deadlines == {}
    assert len(w.steps) - before < 60


def test_some_tickets_at_the_end_of_the_hold_are_for_a_person() -> None:
    w = world()
    w.fault = lambda call: "broken" if isinstance(call, Release) else "reply"
    pay_all(w)
    order = next(iter(w.orders.values()))
    some = replace(
        w._ticketed(order, w.saga.parts[0]), tickets=w._ticketed(order, w.saga.parts[0]).tickets[:2]
    )
    w.orders[order.order_id] = some
    assert run(w, 60) == "TICKETING"
    w.pass_time(T0 + 3 * DAY, leaps=True)
    assert w.saga.state == "MANUAL"


# ── stays ──


def test_stays_that_are_never_sent_are_given_up() -> None:
    w = world(stay(1), stay(2))
    w.fault = lambda call: "unsent" if isinstance(call, Hold) else "reply"
    pay_all(w)
    assert run(w, 30) == "CANCELLED"
    w = world(stay(1), stay(2, 6_000))
    w.fault = lambda call: "unsent" if isinstance(call, Hold) and call.part_id == "h2" else "reply"
    pay_all(w)
    assert run(w, 30) == "COMPLETED"
    assert w.balance("psp:stripe") == 9_000


def test_a_stay_that_is_confirmed_later_is_waited_for_and_one_that_is_not_is_given_back() -> None:
    for last, end in (("confirmed", "COMPLETED"), ("cancelled", "CANCELLED")):
        w = world(stay())
        pay_all_up_to_hold(w)
        hold = w.saga.pending[0]
        made = w.execute(hold.call)
        pending = replace(made.order, status="pending")
        w.orders[pending.order_id] = replace(pending, status=last)  # type: ignore[arg-type]
        w.put(CallEnded(seq=hold.seq, outcome=replace(made, order=pending)))
        assert w.saga.state == "HOTEL"
        w.settle()
        assert run(w) == end


def test_a_stay_that_is_held_is_confirmed() -> None:
    w = world(stay(holds=True, finds=True))
    pay_all(w)
    assert run(w) == "COMPLETED" or w.saga.state == "HOTEL"
    assert "Confirm" in kinds(w)


def test_stays_that_take_too_long_are_given_back() -> None:
    w = world(stay())
    pay_all_up_to_hold(w)
    hold = w.saga.pending[0]
    made = w.execute(hold.call)
    pending = replace(made.order, status="pending")
    w.orders[pending.order_id] = pending
    w.put(CallEnded(seq=hold.seq, outcome=replace(made, order=pending)))
    assert run(w, 6 * 60) == "UNWINDING"
    w.orders[pending.order_id] = replace(pending, status="cancelled")
    assert run(w) == "CANCELLED"


# ── people and time ──


def test_new_shares_that_nobody_answers_end_after_six_hours() -> None:
    w = world()
    for user_id in ("ada", "bob"):
        w.put(Approve(user_id=user_id, method=CARD, client_id=user_id))
        w.settle()
    w.pass_time(T0 + 5 * DAY)
    question = w.saga.question
    assert question is not None
    w.put(Answer(user_id="ada", question_id=question.id, option_id="others"))
    assert run(w, 6 * 60) == "CANCELLED"


def test_several_open_shares_are_counted_and_names_may_be_added_in_time() -> None:
    w = world()
    w.pass_time(T0 + 5 * DAY)
    notes = [step.notice.note for step in w.steps if step.notice]
    assert notes[-1].params["count"] == 3
    assert view(w.saga, "ada").question is not None
    w = world(named=False)
    for share in w.saga.shares:
        w.put(Approve(user_id=share.user_id, method=CARD, client_id=share.user_id))
    w.settle()
    w.pass_time(T0 + 5 * DAY)
    assert w.saga.state == "RESPLIT"
    assert w.saga.question is not None
    assert [option.id for option in w.saga.question.options] == ["cancel"]


def test_the_organiser_cancels_by_answer_and_a_payer_declines_once() -> None:
    w = world()
    w.pass_time(T0 + 5 * DAY)
    question = w.saga.question
    assert question is not None
    w.put(Answer(user_id="ada", question_id=question.id, option_id="cancel"))
    w.settle()
    assert w.saga.state == "CANCELLED"


def test_a_price_question_lets_a_card_run_out_and_asks_again() -> None:
    w = paid()
    w.settle()
    assert w.saga.state in ("TICKETING", "COMPLETED")
    w = world()
    w.sees = lambda look: type(look).__name__ != "Reprice"
    pay_all(w)
    kept = next(k for k in w.payments.values() if k.reference.share_id == "s2")
    kept.status, kept.capture_before = "cancelled", w.now
    w.put(Wake(payment_id=kept.id))
    w.settle()
    w.sees = lambda look: True
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "RESPLIT"
    assert w.saga.shares[1].state == "expired"


def test_a_supplier_that_does_not_say_what_it_returns_needs_a_person() -> None:
    for word in ("silent", "refused"):
        w = paid(flight(cancels="policy"))
        run(w)
        w.policy_refund = word
        w.quote = Unsupported()
        w.put(CallOff(user_id="ada"))
        w.settle()
        question = w.saga.question
        assert question is not None
        w.put(Answer(user_id="ada", question_id=question.id, option_id="agree"))
        w.settle()
        assert run(w) == "MANUAL"


def test_looks_that_see_nothing_of_ours_change_nothing_that_matters() -> None:
    w = paid()
    run(w)
    state = w.saga.state
    for look, outcome in [
        (FindOrders(part_id="f", reference="other"), Unsupported()),
        (FindOrders(part_id="zz", reference="other"), Unsupported()),
        (FindPayments(since=0), Unsupported()),
    ]:
        w.put(Looked(look=look, outcome=outcome))
    assert w.saga.state == state
    assert CancelPayment not in {type(call) for call in w.calls}
    assert isinstance(w.saga.parts[0].order, OrderState)
