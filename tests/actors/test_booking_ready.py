"""Whether a booking may go on: a verdict on its cards, an operator's word, and what people hear of it (nothing)."""

from typing import Any

import msgspec
import pytest
from booking_world import CARD, DAY, HOUR, MINUTE, T0, World, flight, stay, world
from msgspec.structs import replace
from test_booking_ordering import kinds, paid, pay_all

from actors.booking.calls import Card, ReadPayment, Screen
from actors.booking.checks import check
from actors.booking.facts import facts_of
from actors.booking.inspecting import inspected
from actors.booking.journal import journal_step
from actors.booking.machine import looks_wanted, wake_at
from actors.booking.state import Saga
from actors.booking.steps import (
    Answer,
    Approve,
    CallOff,
    Decline,
    Looked,
    NotSeen,
    Operate,
    Step,
    Wake,
)
from actors.booking.views import needs_operator, step_of, view
from core.errors import Rejected
from core.ports.fraud import PayerFacts, ScreeningRow
from protocol.fraud import Screened

OTHER = "pm_card_amex"
CHECKED = "Everything is reserved on your cards. The booking is being checked."
SECRETS = ("odd", "review", "deny", "fraud", "screen")


def screens(w: World) -> list[Screen]:
    return [look for look in looks_wanted(w.saga, w.now) if isinstance(look, Screen)]


def said(w: World) -> list[tuple[str, str]]:
    """Verdicts that were stored, and whose they are."""
    steps = [step.screening for step in w.steps if step.screening is not None]
    return [(one.found.verdict, one.by) for one in steps]


def waiting(w: World, *verdicts: str) -> World:
    """All have paid; the screener says one after another, and `allow` in the end."""
    left = list(verdicts)
    w.verdict = lambda look: left.pop(0) if left else "allow"
    pay_all(w)
    return w


def word(w: World, action: Any, operator: str = "olga") -> Step:
    return w.put(Operate(operator=operator, action=action))


def lost_at_capture(w: World, *verdicts: str) -> World:
    """Bob's hold is gone when it is to be taken, and he approves with another card."""
    left = list(verdicts)
    w.verdict = lambda look: left.pop(0)

    def gone(call: object) -> str:
        if type(call).__name__ == "Capture" and getattr(call, "share_id", "") == "s2":
            for kept in w.payments.values():
                if kept.reference.share_id == "s2" and kept.status == "authorized":
                    kept.status, kept.capture_before = "cancelled", w.now
            w.fault = lambda call: "reply"
        return "reply"

    w.fault = gone
    pay_all(w)
    assert w.saga.state == "CAPTURE_REPAIR"
    w.put(Approve(user_id="bob", method=OTHER, client_id="other"))
    w.settle()
    return w


# ── a verdict ──


def test_before_anything_is_priced_the_cards_are_looked_at_once() -> None:
    w = world()
    for share in w.saga.shares:
        w.put(Approve(user_id=share.user_id, method=CARD, client_id=share.user_id))
    while w.saga.pending:
        w.perform(w.saga.pending[0].seq)
    assert (w.saga.state, view(w.saga, "ada").status, w.saga.step) == ("READY", "booking", CHECKED)
    (look,) = screens(w)
    assert look.cards == tuple(
        Card(share_id=share.id, provider="stripe", method=CARD) for share in w.saga.shares
    )
    found = Screened(verdict="allow", reasons=("odd",), score=0.5, model="m", features=(1.0,))
    step = w.put(Looked(look=look, outcome=found))
    assert (step.saga.state, step.notice) == ("REPRICING", None), "people need not hear of it"
    row = journal_step(step, fence=1, at=7, told_at=8).screening
    assert row == ScreeningRow(
        at=7, verdict="allow", reasons=("odd",), score=0.5, model="m", features=(1.0,)
    )
    w.settle()
    assert w.saga.state == "COMPLETED"
    assert said(w) == [("allow", "")]


def test_a_verdict_on_other_cards_or_one_too_many_is_not_taken() -> None:
    w = waiting(world(), "review")
    assert w.saga.screening is not None
    cards = w.saga.screening.cards
    for look in (Screen(cards=cards), Screen(cards=cards[:2])):
        assert w.put(Looked(look=look, outcome=Screened(verdict="allow"))).saga is w.saga
    word(w, "retry")
    w.put(Looked(look=Screen(cards=cards[:2]), outcome=Screened(verdict="allow")))
    assert w.saga.state == "READY"


def test_who_is_denied_pays_nothing_and_is_told_no_reason() -> None:
    w = waiting(world(), "deny")
    assert w.saga.state == "CANCELLED"
    assert {"Hold", "Capture"} & set(kinds(w)) == set()
    assert said(w) == [("deny", "")]
    told = [str(step.notice) for step in w.steps] + [str(view(w.saga, "ada"))]
    assert not [one for one in told if any(secret in one for secret in SECRETS)]


def test_a_screener_that_does_not_answer_is_asked_ever_more_seldom_and_an_hour_at_most() -> None:
    w, asked = world(), list[int]()

    def sees(look: object) -> bool:
        if isinstance(look, Screen):
            asked.append(w.now)
        return not isinstance(look, Screen)

    w.sees = sees
    pay_all(w)
    assert w.saga.state == "READY"
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "CANCELLED"
    assert w.saga.reason == "The booking could not be made in time. Nobody pays."
    assert 10 < len(asked) < 30


# ── a review ──


def test_a_review_waits_for_an_operator_an_hour_and_nobody_else_hears_of_it() -> None:
    w = waiting(world(), "review")
    assert (w.saga.state, needs_operator(w.saga), screens(w)) == ("READY", True, [])
    assert (view(w.saga, "ada").status, view(w.saga, "ada").step) == ("booking", CHECKED)
    assert view(w.saga, "ada").deadline is None
    w.pass_time(w.now + HOUR - MINUTE)
    assert w.saga.state == "READY"
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "CANCELLED"
    told = [str(step.notice) for step in w.steps]
    assert not [one for one in told if any(secret in one for secret in SECRETS)]


def test_an_operator_allows_it_and_it_goes_on() -> None:
    w = waiting(world(), "review")
    step = word(w, "allow")
    assert (step.saga.state, step.notice, needs_operator(step.saga)) == ("REPRICING", None, False)
    row = journal_step(step, fence=1, at=7, told_at=8).screening
    assert row is not None
    assert (row.verdict, row.by, row.reasons, row.score) == ("allow", "olga", ("odd",), 0.5)
    w.settle()
    w.pass_time(w.now + DAY)
    assert w.saga.state == "COMPLETED"
    assert said(w) == [("review", ""), ("allow", "olga")]


def test_an_operator_who_undoes_it_has_said_no() -> None:
    w = waiting(world(), "review")
    word(w, "compensate")
    w.settle()
    assert w.saga.state == "CANCELLED"
    assert said(w) == [("review", ""), ("deny", "olga")]


def test_an_operator_may_have_it_looked_at_again() -> None:
    w = waiting(world(), "review", "review")
    w.pass_time(w.now + 50 * MINUTE)
    word(w, "retry")
    w.settle()
    assert said(w) == [("review", ""), ("review", "")]
    w.pass_time(w.now + 50 * MINUTE)
    word(w, "retry")
    w.settle()
    assert w.saga.state == "COMPLETED"


@pytest.mark.parametrize("state", ["COLLECTING", "READY", "COMPLETED", "CANCELLED"])
def test_nothing_is_allowed_where_no_review_is_open(state: str) -> None:
    w = world()
    if state == "READY":
        w.sees = lambda look: not isinstance(look, Screen)
    if state == "CANCELLED":
        w.put(CallOff(user_id="ada"))
    if state != "COLLECTING":
        pay_all(w) if state != "CANCELLED" else w.settle()
    assert w.saga.state == state
    with pytest.raises(Rejected) as refused:
        word(w, "allow")
    assert refused.value.code == "conflict"
    assert said(w) == ([("allow", "")] if state == "COMPLETED" else [])


def test_the_organiser_may_call_it_off_while_it_waits() -> None:
    w = waiting(world(), "review")
    w.put(CallOff(user_id="ada"))
    w.settle()
    assert (w.saga.state, w.saga.is_called_off) == ("CANCELLED", True)
    assert said(w) == [("review", "")], "nobody has said no"
    with pytest.raises(Rejected):
        waiting(world(), "review").put(Decline(user_id="bob"))


def test_a_hold_that_ends_meanwhile_needs_its_payer_and_then_no_other_verdict() -> None:
    w = waiting(world(), "review")
    kept = next(one for one in w.payments.values() if one.reference.share_id == "s2")
    kept.status, kept.capture_before = "cancelled", w.now
    w.put(Wake(payment_id=kept.id))
    w.settle()
    assert (w.saga.state, needs_operator(w.saga)) == ("RESPLIT", False)
    w.put(Approve(user_id="bob", method=CARD, client_id="again"))
    w.settle()
    assert (w.saga.state, needs_operator(w.saga)) == ("READY", True)
    assert said(w) == [("review", "")]
    assert w.saga.deadlines == {"review": w.now + HOUR}


# ── while the cards are the same ──


@pytest.mark.parametrize(("card", "verdicts"), [(CARD, 1), (OTHER, 2)])
def test_who_agrees_to_pay_more_is_looked_at_again_only_with_another_card(
    card: str, verdicts: int
) -> None:
    w = world()
    w.prices["f"] = 30_300
    pay_all(w)
    assert w.saga.state == "RECONSENT"
    for share in w.saga.shares:
        assert w.saga.question is not None
        answer = Answer(user_id=share.user_id, question_id=w.saga.question.id, option_id="accept")
        w.put(answer)
    for share in w.saga.shares:
        w.put(Approve(user_id=share.user_id, method=card, client_id=f"{share.user_id}-2"))
    w.settle()
    assert w.saga.state == "COMPLETED"
    assert [verdict for verdict, _ in said(w)] == ["allow"] * verdicts


# ── another card while payments are taken ──


def test_another_card_is_looked_at_before_anything_more_is_taken() -> None:
    w = lost_at_capture(world(), "allow", "allow")
    assert w.saga.state == "COMPLETED"
    assert w.saga.screening is not None
    assert [card.method for card in w.saga.screening.cards] == [CARD, OTHER, CARD]
    assert said(w) == [("allow", ""), ("allow", "")]


def test_another_card_in_review_waits_for_an_operator_within_the_time_for_repair() -> None:
    w = lost_at_capture(world(), "allow", "review")
    assert (w.saga.state, needs_operator(w.saga), w.saga.step) == ("CAPTURE_REPAIR", True, CHECKED)
    assert kinds(w).count("Capture") == 3, "nothing was taken since"
    word(w, "allow")
    w.settle()
    assert w.saga.state == "COMPLETED"
    w = lost_at_capture(world(), "allow", "review")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "CANCELLED"


def test_another_card_that_is_denied_undoes_everything() -> None:
    w = lost_at_capture(world(flight(), stay()), "allow", "deny")
    assert w.saga.state == "CANCELLED"
    assert w.saga.reason == "One payment could not be taken. Everything is being given back."


# ── what is stored, and what is shown to whom ──


def test_a_booking_that_was_stored_before_there_were_verdicts_goes_on() -> None:
    w = paid(named=False)
    whole: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(w.saga))
    for name in ("screening", "is_called_off"):
        whole.pop(name, None)
    for share in whole["shares"]:
        for name in ("attempts", "declines", "methods"):
            share.pop(name, None)
    w.saga = msgspec.json.decode(msgspec.json.encode(whole), type=Saga)
    assert step_of(w.saga) == "Details of travellers are missing."
    for state in ("ORDERING", "CAPTURING"):
        old = replace(w.saga, state=state)
        assert wake_at(old) is not None
        assert [look for look in looks_wanted(old, w.now) if isinstance(look, Screen)] == []


def test_operators_see_why_and_nobody_elses_cards() -> None:
    w = waiting(world(), "review")
    shown = inspected(w.saga, ["amount"])
    assert shown["screening"] == {
        "verdict": "review",
        "reasons": ["odd"],
        "score": 0.5,
        "model": "rules",
        "features": {"amount": 1.0},
        "by": "",
    }
    assert inspected(w.saga)["screening"]["features"] == {"0": 1.0}
    assert CARD not in str(shown)
    assert inspected(world().saga)["screening"] is None


def test_an_order_that_nobody_has_allowed_is_found_by_the_checks() -> None:
    w = waiting(world(), "review")
    assert check(w.saga) == []
    assert check(replace(w.saga, state="ORDERING")) != []
    word(w, "allow")
    other = replace(w.saga.shares[0].payments[0], method=OTHER)
    shares = (replace(w.saga.shares[0], payments=(other,)), *w.saga.shares[1:])
    assert check(replace(w.saga, shares=shares)) != []


# ── facts ──


def test_what_a_screener_knows_is_amounts_times_and_counts() -> None:
    w = world(flight(), stay())
    tries = ("pm_chargeDeclined", "pm_chargeDeclined", "pm_chargeDeclinedLost", CARD)
    for number, method in enumerate(tries):
        w.put(Approve(user_id="bob", method=method, client_id=str(number)))
        w.settle()
    facts = facts_of(w.saga, w.now)
    assert facts.payers[1] == PayerFacts(
        user_id="bob", amount=13_000, attempts=4, declines=3, methods=3, provider="stripe"
    )
    assert (facts.payers[0].attempts, facts.total, facts.currency) == (0, 39_000, "EUR")
    assert (facts.travellers, facts.participants, facts.stays, facts.is_one_way) == (3, 3, 1, True)
    assert facts.departs_at == 1_803_859_200_000, "2027-03-01"
    assert (facts.created_at, facts.has_flight, facts.rounds) == (T0, True, 0)
    tried = [(one.user_id, one.method, one.is_refused) for s in w.steps for one in s.attempts]
    refused = ("bob", tries[0], False), ("bob", tries[0], True)
    assert tried[:4] == [*refused, *refused]
    rows = [row for s in w.steps for row in journal_step(s, fence=1, at=1, told_at=1).attempts]
    assert len({row.method for row in rows}) == 3
    assert {len(row.method) for row in rows} == {16}


def test_a_refusal_that_is_seen_again_counts_once() -> None:
    w = world()
    w.put(Approve(user_id="bob", method="pm_chargeDeclined", client_id="1"))
    w.settle()
    payment = w.saga.shares[1].payments[0]
    assert payment.payment_id is not None
    for _ in range(3):
        w.put(Wake(payment_id=payment.payment_id))
        w.settle()
    assert w.saga.shares[1].declines == 1


def test_a_look_that_was_not_seen_leaves_the_saga_waiting() -> None:
    w = world()
    w.sees = lambda look: isinstance(look, ReadPayment)
    pay_all(w)
    (screen,) = [name for name in w.saga.next_look_at if name == "screen"]
    assert w.saga.tries[screen] == 1
    w.put(Looked(look=Screen(cards=()), outcome=NotSeen()))
    assert w.saga.tries[screen] == 1, "about nothing that is wanted"
