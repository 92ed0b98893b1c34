"""From the price to the tickets: what suppliers do, and what comes of it."""

from typing import Any

import pytest
from booking_world import CARD, DAY, HOUR, LATE, MINUTE, T0, World, eur, flight, stay, world
from msgspec.structs import replace

from actors.booking.calls import (
    Capture,
    Confirm,
    FindOrders,
    Hold,
    Look,
    ReadOrder,
    Refund,
    Release,
    Reprice,
)
from actors.booking.machine import looks_wanted
from actors.booking.state import Part
from actors.booking.steps import Answer, Approve, CallEnded, CallOff, Decline, Looked, Operate, Wake
from actors.booking.views import needs_operator, view
from core.errors import Rejected
from protocol.payments import PaymentRefused
from protocol.suppliers import Refused, Unknown
from protocol.travel import OrderState


def pay_all(w: World, attempt: str = "1") -> None:
    for share in w.saga.shares:
        if share.amount.amount and share.state != "authorized":
            client_id = f"{share.user_id}-{attempt}"
            w.put(Approve(user_id=share.user_id, method=CARD, client_id=client_id))
    w.settle()


def paid(*parts: Part, **changes: Any) -> World:
    w = world(*parts, **changes)
    pay_all(w)
    return w


def kinds(w: World) -> list[str]:
    return [type(call).__name__ for call in w.calls]


def only(word: str, kind: type, times: int = 1) -> Any:
    """A fault of the first calls of a kind."""
    left = [times]

    def fault(call: object) -> str:
        if isinstance(call, kind) and left[0]:
            left[0] -= 1
            return word
        return "reply"

    return fault


def answer(w: World, option_id: str) -> None:
    """The organiser's."""
    assert w.saga.question is not None
    w.put(Answer(user_id="ada", question_id=w.saga.question.id, option_id=option_id))
    w.settle()


def run(w: World, minutes: int = 10) -> str:
    w.pass_time(w.now + minutes * MINUTE)
    return w.saga.state


# ── the good way ──


@pytest.mark.parametrize("issues", ["explicit", "by_supplier"])
def test_first_the_seats_then_the_money_then_the_tickets(issues: Any) -> None:
    w = paid(flight(issues=issues))
    assert run(w) == "COMPLETED"
    order = [kind for kind in kinds(w) if kind in ("Hold", "Capture", "Confirm", "Release")]
    last = "Release" if issues == "explicit" else "Confirm"
    assert order == ["Hold", "Capture", "Capture", "Capture", last]
    assert view(w.saga, "bob").status == "booked"
    assert w.balance("supplier:amadeus") == -30_000


def test_captures_begin_with_the_authorisation_that_runs_out_first() -> None:
    w = world()
    for number, user_id in enumerate(("bob", "cy", "ada")):
        w.now = T0 + number * HOUR
        w.put(Approve(user_id=user_id, method=CARD, client_id=user_id))
        w.settle()
    run(w)
    assert [c.share_id for c in w.calls if isinstance(c, Capture)] == ["s2", "s3", "s1"]


def test_a_trip_without_a_flight_is_captured_and_then_booked() -> None:
    w = paid(stay(1), stay(2))
    assert run(w) == "COMPLETED"
    assert [k for k in kinds(w) if k in ("Hold", "Capture")] == ["Capture"] * 3 + ["Hold"] * 2


def test_a_flight_that_cannot_be_held_is_bought_when_it_is_paid() -> None:
    w = paid(flight(holds=False), stay(), split={"ada": 39_000})
    assert run(w) == "COMPLETED"
    assert [k for k in kinds(w) if k in ("Hold", "Capture")] == ["Capture", "Hold", "Hold"]


# ── prices ──


def test_a_lower_price_lowers_the_shares_and_asks_nobody() -> None:
    w = world()
    w.prices["f"] = 27_000
    pay_all(w)
    assert run(w) == "COMPLETED"
    assert [share.amount for share in w.saga.shares] == [eur(9_000)] * 3
    assert any(s.notice and "costs less" in s.notice.note.text for s in w.steps)


def test_a_higher_price_asks_everybody_who_pays_more_and_then_for_new_cards() -> None:
    w = world()
    w.prices["f"] = 30_300
    pay_all(w)
    assert w.saga.state == "RECONSENT"
    question = w.saga.question
    assert question is not None
    assert question.expires_at == w.now + 6 * HOUR
    assert set(question.to) == {"ada", "bob", "cy"}
    for user_id in question.to:
        w.put(Answer(user_id=user_id, question_id=question.id, option_id="accept"))
        w.settle()
    assert w.saga.state == "COLLECTING"
    assert w.saga.total == eur(30_300)
    pay_all(w, "2")
    assert run(w) == "COMPLETED"
    assert w.balance("psp:stripe") == 30_300


def test_one_who_does_not_agree_to_a_price_ends_it() -> None:
    w = world()
    w.prices["f"] = 30_300
    pay_all(w)
    question = w.saga.question
    assert question is not None
    w.put(Answer(user_id="cy", question_id=question.id, option_id="refuse"))
    w.settle()
    assert w.saga.state == "CANCELLED"


def test_a_price_question_that_nobody_answers_ends_after_six_hours() -> None:
    w = world()
    w.prices["f"] = 30_300
    pay_all(w)
    assert run(w, 6 * 60) == "CANCELLED"


def test_declining_while_a_new_price_is_asked_splits_the_old_one() -> None:
    w = world()
    w.prices["f"] = 30_300
    pay_all(w)
    w.put(Decline(user_id="cy"))
    w.settle()
    question = w.saga.question
    assert question is not None
    w.put(Answer(user_id="ada", question_id=question.id, option_id="others"))
    question = w.saga.question
    assert question is not None
    w.put(Answer(user_id="bob", question_id=question.id, option_id="accept"))
    w.settle()
    assert sum(share.amount.amount for share in w.saga.shares) == 30_000


@pytest.mark.parametrize("kind", ["sold_out", "expired"])
def test_what_is_sold_out_needs_a_fresh_quote(kind: Any) -> None:
    w = world()
    w.prices["f"] = Refused(kind=kind, detail="")
    pay_all(w)
    assert w.saga.state == "CANCELLED"
    assert "new quote" in w.saga.reason


def test_a_price_that_cannot_be_seen_is_tried_three_times() -> None:
    w = world()
    w.sees = lambda look: not isinstance(look, Reprice)
    pay_all(w)
    assert w.saga.state == "REPRICING"
    assert run(w, 2) == "CANCELLED"


def test_prices_that_never_rest_end_in_a_new_quote() -> None:
    w = world()
    w.hold_refusals = [Refused(kind="price_changed", detail="")] * 9
    pay_all(w)
    assert run(w, 30) == "CANCELLED"
    assert kinds(w).count("Hold") == 4


# ── orders ──


def test_an_order_that_was_certainly_not_sent_is_a_new_attempt() -> None:
    w = world()
    w.fault = only("unsent", Hold)
    pay_all(w)
    assert run(w) == "COMPLETED"
    assert [c.reference for c in w.calls if isinstance(c, Hold)] == [
        "CARAVAN SAGA b1 f ATT 1",
        "CARAVAN SAGA b1 f ATT 2",
    ]


def test_an_order_without_an_answer_is_looked_for_and_found() -> None:
    w = world()
    w.fault = only("lost", Hold)
    pay_all(w)
    assert run(w) == "COMPLETED"
    assert kinds(w).count("Hold") == 1


def test_an_order_that_comes_late_is_found_and_never_ordered_twice() -> None:
    w = world()
    w.fault = only("late", Hold)
    pay_all(w)
    assert w.saga.state == "ORDER_UNKNOWN"
    w.pass_time(w.now + LATE)
    assert run(w) == "COMPLETED"
    assert kinds(w).count("Hold") == 1


def test_an_order_that_is_in_no_complete_list_is_priced_anew_and_ordered_again() -> None:
    w = world()
    w.fault = only("broken", Hold)
    pay_all(w)
    assert run(w, 30) == "ORDER_UNKNOWN"
    assert run(w, 60) == "COMPLETED"
    assert kinds(w).count("Hold") == 2


def test_an_unknown_order_that_nobody_can_look_for_is_waited_out() -> None:
    w = world(flight(finds=False))
    w.fault = only("lost", Hold)
    pay_all(w)
    assert run(w, 3 * 60) == "ORDER_UNKNOWN"
    assert needs_operator(w.saga)
    assert run(w, 4 * 60) == "UNWINDING"
    assert {kept.status for kept in w.payments.values()} == {"cancelled"}
    assert run(w, 3 * 24 * 60 + 120) == "CANCELLED"


def test_an_order_for_more_than_was_agreed_is_undone() -> None:
    w = world()
    pay_all_up_to_hold(w)
    hold = w.saga.pending[0]
    answer = w.execute(hold.call)
    order = replace(answer.order, total=eur(30_001))
    w.put(CallEnded(seq=hold.seq, outcome=replace(answer, order=order)))
    w.settle()
    assert w.saga.state == "CANCELLED"


def pay_all_up_to_hold(w: World) -> None:
    for share in w.saga.shares:
        w.put(Approve(user_id=share.user_id, method=CARD, client_id=share.user_id))
    for _ in range(99):
        if w.saga.pending and isinstance(w.saga.pending[0].call, Hold):
            return
        if w.saga.pending:
            w.perform(w.saga.pending[0].seq)
        else:
            look = looks_wanted(w.saga, w.now)[0]
            w.put(Looked(look=look, outcome=w.see(look)))


def test_calling_off_while_an_order_is_on_its_way_undoes_what_comes_of_it() -> None:
    w = world()
    pay_all_up_to_hold(w)
    w.put(CallOff(user_id="ada"))
    assert w.saga.state == "UNWINDING"
    w.settle()
    assert w.saga.state == "CANCELLED"
    assert [order.status for order in w.orders.values()] == ["cancelled"]


@pytest.mark.parametrize("word", ["lost", "late", "broken"])
def test_calling_off_waits_until_an_unanswered_order_is_gone_or_proven_none(word: str) -> None:
    w = world()
    pay_all_up_to_hold(w)
    w.put(CallOff(user_id="ada"))
    w.fault = only(word, Hold)
    w.settle()
    run(w, 2 * 60)
    assert w.saga.state == "CANCELLED"


# ── money is taken ──


def test_a_capture_without_an_answer_is_read_and_not_taken_twice() -> None:
    for word in ("lost", "late", "broken", "unsent"):
        w = world()
        w.fault = only(word, Capture, 2)
        pay_all(w)
        assert run(w) == "COMPLETED"
        assert w.balance("psp:stripe") == 30_000


def lose_one(w: World) -> None:
    """cy's authorisation runs out just before it is taken."""
    kept = next(k for k in w.payments.values() if k.reference.share_id == "s3")
    kept.status = "cancelled"


def losing(w: World) -> Any:
    def fault(call: object) -> str:
        if isinstance(call, Hold):
            lose_one(w)
        return "reply"

    return fault


def test_a_lost_authorisation_is_repaired_by_the_same_person_with_another_card() -> None:
    w = world()
    w.fault = losing(w)
    pay_all(w)
    assert w.saga.state == "CAPTURE_REPAIR"
    assert view(w.saga, "cy").status == "action_needed"
    assert view(w.saga, "cy").deadline == w.now + 6 * HOUR
    assert w.saga.shares[2].state == "expired"
    with pytest.raises(Rejected):
        w.put(Approve(user_id="ada", method=CARD, client_id="9"))
    w.put(Approve(user_id="cy", method="pm_card_mastercard", client_id="2"))
    w.settle()
    assert run(w) == "COMPLETED"


@pytest.mark.parametrize("how", ["time", "no"])
def test_without_another_card_everything_that_was_taken_is_given_back(how: str) -> None:
    w = world()
    w.fault = losing(w)
    pay_all(w)
    if how == "no":
        w.put(Decline(user_id="cy"))
        answer(w, "cancel")
    else:
        run(w, 6 * 60)
        assert w.saga.state == "CAPTURE_REPAIR"
        run(w, 12 * 60)
    assert w.saga.state == "CANCELLED"
    assert [order.status for order in w.orders.values()] == ["cancelled"]
    assert w.balance("psp:stripe") == 0


def test_what_is_not_taken_six_hours_before_the_hold_ends_is_given_back() -> None:
    w = world()
    w.fault = lambda call: "broken" if isinstance(call, Capture) else "reply"
    pay_all(w)
    assert run(w, 60) == "CAPTURING"
    w.pass_time(T0 + 3 * DAY - 6 * HOUR - 1, leaps=True)
    assert w.saga.state == "CAPTURING"
    assert run(w, 1) == "CANCELLED"


def test_seats_that_the_airline_lets_go_are_not_paid_for() -> None:
    w = world()
    w.fault = lambda call: "broken" if isinstance(call, Capture) else "reply"
    pay_all(w)
    order = next(iter(w.orders.values()))
    w.orders[order.order_id] = replace(order, status="cancelled")
    w.fault = lambda call: "reply"
    w.put(Wake(order_id=order.order_id))
    w.settle()
    assert run(w) == "CANCELLED"
    assert not any(kept.captured for kept in w.payments.values())


# ── tickets ──


def test_a_confirmation_without_an_answer_is_looked_at_before_it_is_repeated() -> None:
    w = world(flight(issues="by_supplier"))
    w.fault = only("lost", Confirm)
    pay_all(w)
    assert run(w) == "COMPLETED"
    assert kinds(w).count("Confirm") == 1
    w = world(flight(issues="by_supplier"))
    w.fault = only("broken", Confirm)
    pay_all(w)
    assert run(w) == "COMPLETED"
    assert kinds(w).count("Confirm") == 2


def test_a_look_from_before_a_confirmation_does_not_repeat_it() -> None:
    w = world(flight(issues="by_supplier"))
    seen: list[tuple[Look, Any]] = []

    def fault(call: object) -> str:
        if isinstance(call, Confirm) and not seen:
            look = ReadOrder(part_id="f", order_id=call.order_id)
            seen.append((look, w.see(look)))
            return "lost"
        return "reply"

    w.fault = fault
    pay_all(w)
    w.put(Looked(look=seen[0][0], outcome=seen[0][1]))
    assert run(w) == "COMPLETED"
    assert kinds(w).count("Confirm") == 1


def test_a_release_may_be_repeated() -> None:
    for word in ("lost", "late", "broken", "unsent"):
        w = world()
        w.fault = only(word, Release)
        pay_all(w)
        assert run(w, 20) == "COMPLETED"


def test_refused_tickets_give_everything_back() -> None:
    w = world()
    w.issue = "refused"
    pay_all(w)
    assert run(w) == "CANCELLED"
    assert all(share.state == "refunded" for share in w.saga.shares)


def test_seats_that_have_become_dearer_after_they_were_held_are_not_bought() -> None:
    w = world(flight(issues="by_supplier"))
    w.fault = lambda call: "unsent" if isinstance(call, Confirm) else "reply"
    pay_all(w)
    assert w.saga.state == "TICKETING"
    [(order_id, order)] = w.orders.items()
    w.orders[order_id] = replace(order, total=eur(30_300))
    w.fault = lambda call: "reply"
    assert run(w) == "CANCELLED"
    assert w.orders[order_id].status == "cancelled"
    assert w.balance("psp:stripe") == 0


def test_some_tickets_and_a_refusal_are_for_a_person() -> None:
    w = world()
    w.issue = "refused"
    some = w.see

    def see(look: Look) -> Any:
        outcome = some(look)
        if isinstance(outcome, OrderState) and isinstance(look, ReadOrder):
            return replace(
                w._ticketed(outcome, w.saga.parts[0]),
                status="held",
                tickets=w._ticketed(outcome, w.saga.parts[0]).tickets[:1],
            )
        return outcome

    w.see = see  # type: ignore[method-assign]
    pay_all(w)
    assert run(w) == "MANUAL"
    assert needs_operator(w.saga)
    assert w.balance("psp:stripe") == 30_000


def test_calling_off_is_free_until_the_tickets_are_being_issued() -> None:
    w = world()
    w.fault = lambda call: "unsent" if isinstance(call, Release) else "reply"
    pay_all(w)
    assert w.saga.state == "TICKETING"
    with pytest.raises(Rejected) as caught:
        w.put(CallOff(user_id="ada"))
    assert caught.value.code == "conflict"


def test_a_booked_trip_is_called_off_by_the_suppliers_rules() -> None:
    w = paid(flight(cancels="policy"))
    run(w)
    w.put(CallOff(user_id="ada"))
    w.settle()
    question = view(w.saga, "ada").question
    assert question is not None
    assert question.kind == "refund"
    assert view(w.saga, "ada").status == "booked"
    w.put(Answer(user_id="ada", question_id=question.id, option_id="agree"))
    w.settle()
    run(w)
    assert w.saga.state == "CANCELLED"
    assert w.balance("psp:stripe") == 9_000
    assert w.balance("supplier:amadeus") == -9_000
    assert all(share.state == "part_refunded" for share in w.saga.shares)


def test_a_booked_trip_stays_booked_when_nobody_answers_or_the_supplier_takes_nothing_back() -> (
    None
):
    w = paid(flight(cancels="policy"))
    run(w)
    w.put(CallOff(user_id="ada"))
    w.settle()
    run(w, 12 * 60)
    assert w.saga.state == "COMPLETED"
    assert w.saga.question is None
    w = paid()
    run(w)
    with pytest.raises(Rejected, match="does not take it back"):
        w.put(CallOff(user_id="ada"))


# ── stays ──


def test_a_first_stay_that_cannot_be_booked_undoes_everything() -> None:
    w = world(flight(), stay())
    w.hold_refusals = [None, Refused(kind="sold_out", detail="")]
    pay_all(w)
    assert run(w) == "CANCELLED"


def test_a_second_stay_that_cannot_be_booked_is_left_out_and_its_price_given_back() -> None:
    w = world(flight(), stay(1), stay(2, 6_000))
    w.hold_refusals = [None, None, Refused(kind="sold_out", detail="")]
    pay_all(w)
    assert run(w) == "COMPLETED"
    assert w.saga.total == eur(39_000)
    assert w.balance("psp:stripe") == 39_000
    assert all(share.state == "part_refunded" for share in w.saga.shares)
    assert any(s.notice and "could not be booked" in s.notice.note.text for s in w.steps)


def test_a_stay_that_may_be_booked_waits_for_an_operator() -> None:
    w = world(flight(), stay())
    w.fault = lambda call: "lost" if isinstance(call, Hold) and call.part_id == "h1" else "reply"
    pay_all(w)
    assert run(w) == "HOTEL_UNKNOWN"
    assert needs_operator(w.saga)
    with pytest.raises(Rejected):
        w.put(CallOff(user_id="ada"))
    w.put(Operate(operator="op", action="settle", note="the hotel has it"))
    w.fault = lambda call: "reply"
    assert run(w) == "COMPLETED"


def settled_by_hand(word: str) -> World:
    """The hotel never answered, the operator says that it is booked, and no ticket is issued."""
    w = world(flight(), stay())
    w.fault = lambda call: word if isinstance(call, Hold) and call.part_id == "h1" else "reply"
    pay_all(w)
    assert run(w) == "HOTEL_UNKNOWN"
    w.fault, w.issue = lambda call: "reply", "refused"
    w.put(Operate(operator="op", action="settle", note="the hotel has it"))
    assert run(w) == "MANUAL"
    return w


def test_what_an_operator_settled_by_hand_is_asked_of_nobody() -> None:
    w = settled_by_hand("lost")
    w.issue = "ok"
    w.put(Operate(operator="op", action="retry"))
    asked = [getattr(look, "order_id", "") for look in looks_wanted(w.saga, w.now)]
    assert len([order_id for order_id in asked if order_id]) == 1
    assert not [order_id for order_id in asked if order_id.startswith("by-hand:")]
    assert run(w) == "COMPLETED"
    assert all(not part.is_gone for part in w.saga.parts)


def test_what_was_settled_by_hand_is_called_off_by_hand() -> None:
    w = settled_by_hand("broken")
    w.put(Operate(operator="op", action="compensate"))
    assert run(w) == "CANCELLED"
    assert w.balance("psp:stripe") == 0
    calls = [intent.call for step in w.steps for intent in step.intents]
    assert not [c for c in calls if getattr(c, "order_id", "").startswith("by-hand:")]


def test_tickets_that_come_after_an_operator_has_called_off_the_rest_are_for_a_person() -> None:
    """Found by playing all pairs of faults: the booking went on, without the stay that was called off by
    telephone."""
    w = world(flight(), stay())
    w.issue = "refused"
    pay_all(w)
    assert run(w) == "MANUAL"
    for order_id, order in w.orders.items():
        if order.reference is not None and " f " in order.reference:
            w.orders[order_id] = w._ticketed(order, w._part("f"))
        else:
            w.orders[order_id] = replace(order, status="cancelled")
    w.put(Operate(operator="op", action="compensate"))
    assert run(w) == "MANUAL"
    assert w.balance("psp:stripe") == 39_000


@pytest.mark.parametrize(("action", "end"), [("retry", "COMPLETED"), ("compensate", "CANCELLED")])
def test_an_operator_who_knows_that_a_stay_is_not_booked(action: Any, end: str) -> None:
    w = world(flight(), stay())
    w.fault = only("broken", Hold, 0)
    w.fault = lambda call: "broken" if isinstance(call, Hold) and call.part_id == "h1" else "reply"
    pay_all(w)
    assert run(w) == "HOTEL_UNKNOWN"
    w.fault = lambda call: "reply"
    w.put(Operate(operator="op", action=action))
    assert run(w) == end


def test_a_stay_whose_supplier_can_be_asked_is_found() -> None:
    w = world(flight(), stay(finds=True))
    w.fault = lambda call: "lost" if isinstance(call, Hold) and call.part_id == "h1" else "reply"
    pay_all(w)
    assert run(w) == "COMPLETED"


def test_an_unknown_stay_ends_with_a_person_before_the_seats_are_let_go() -> None:
    w = world(flight(), stay())
    w.fault = lambda call: "lost" if isinstance(call, Hold) and call.part_id == "h1" else "reply"
    pay_all(w)
    assert run(w, 3 * 24 * 60) == "MANUAL"
    assert w.balance("psp:stripe") == 39_000


# ── undoing ──


def test_a_refund_that_fails_is_for_a_person() -> None:
    w = world()
    w.issue = "refused"
    pay_all(w)
    run(w)
    assert w.saga.state == "CANCELLED"
    kept = next(iter(w.payments.values()))
    kept.refund_failed, kept.refunded, w.is_audited = True, 0, False
    w.put(Wake(payment_id=kept.id))
    w.settle()
    assert w.saga.state == "MANUAL"
    assert w.saga.shares[0].state == "refund_failed"
    assert w.balance("psp:stripe") == 10_000
    w.put(Operate(operator="op", action="settle", note="bank transfer"))
    assert w.saga.state == "CANCELLED"
    assert "bank transfer" in w.saga.manual_reason


@pytest.mark.parametrize("word", ["lost", "late", "broken", "unsent"])
def test_refunds_are_repeated_under_their_key_and_never_given_twice(word: str) -> None:
    w = world()
    w.issue = "refused"
    w.fault = only(word, Refund, 3)
    pay_all(w)
    assert run(w) == "CANCELLED"
    assert all(kept.refunded == kept.captured for kept in w.payments.values())


def test_a_refusal_of_our_own_account_is_tried_again_for_ever_and_raises_an_alarm() -> None:
    w = world()
    w.issue = "refused"
    pay_all(w)
    w = world()
    execute = w.execute

    def broken(call: Any) -> Any:
        return PaymentRefused(kind="config") if isinstance(call, Refund) else execute(call)

    w.execute = broken  # type: ignore[method-assign]
    w.issue = "refused"
    pay_all(w)
    assert run(w, 3 * 60) == "UNWINDING"
    assert needs_operator(w.saga)
    w.execute = execute  # type: ignore[method-assign]
    assert run(w) == "CANCELLED"


def test_a_lost_webhook_costs_time_only() -> None:
    w = world()
    pay = Approve(user_id="ada", method="pm_3ds", client_id="1")
    w.put(pay)
    w.settle()
    kept = next(iter(w.payments.values()))
    kept.status, kept.capture_before = "authorized", w.now + 7 * DAY
    w.pass_time(w.now + 2 * MINUTE)
    assert w.saga.shares[0].state == "authorized"


def test_results_of_unknown_intents_are_nothing() -> None:
    w = paid()
    before = w.saga
    w.put(CallEnded(seq=999, outcome=Unknown()))
    assert w.saga is before


def test_an_operator_has_no_word_in_a_booking_that_has_ended() -> None:
    w = paid()
    run(w)
    for action in ("retry", "compensate", "settle"):
        with pytest.raises(Rejected):
            w.put(Operate(operator="op", action=action))  # type: ignore[arg-type]


def test_an_operator_may_undo_a_booking_whose_order_is_unknown() -> None:
    w = world()
    w.fault = only("lost", Hold)
    w.sees = lambda look: not isinstance(look, FindOrders)
    pay_all(w)
    assert run(w, 5) == "ORDER_UNKNOWN"
    w.put(Operate(operator="op", action="compensate"))
    w.sees = lambda look: True
    assert run(w) == "CANCELLED"
    assert [order.status for order in w.orders.values()] == ["cancelled"]
