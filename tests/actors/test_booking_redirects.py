"""Shares that are paid at a provider whose owner agrees at its own page first: asked, approved, and only then held."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from booking_world import HOUR, MINUTE, Kept, World, world
from msgspec.structs import replace

from actors.booking.calls import Authorise, Call, CancelPayment, OpenPayment
from actors.booking.steps import Approve, CallOff, Wake
from actors.booking.views import view
from protocol.booking import PaymentAction
from protocol.payments import Declined, PaymentRefused, PaymentState

PAYPAL = "paypal"


@dataclass
class Asking(World):
    """A provider that asks first. `approved`: payments whose owner has agreed; `broke`: those whose money
    will be refused; `strays`: those that were held after they had been cancelled."""

    approved: set[str] = field(default_factory=set)
    broke: set[str] = field(default_factory=set)
    strays: set[str] = field(default_factory=set)

    def execute(self, call: Call) -> Any:
        if isinstance(call, CancelPayment) and call.payment_id in self.strays:
            # Giving an order up and letting its money go are two calls there, each with its own memory.
            self.answers.pop(call.key, None)
        return super().execute(call)

    def _authorise(self, kept: Kept, method: str) -> Any:
        if method != PAYPAL:
            return super()._authorise(kept, method)
        if kept.status not in ("open", "action_required"):
            return PaymentRefused(kind="state")
        if kept.id not in self.approved:
            kept.status = "action_required"
            return self.state_of(kept)
        if kept.id in self.broke:
            return Declined(code="card_declined")
        return super()._authorise(kept, "pm_card_visa")

    def state_of(self, kept: Kept) -> PaymentState:
        state = super().state_of(kept)
        if kept.status == "action_required" and kept.id in self.approved:
            return replace(state, status="open", action=None, is_approved=True)
        if kept.id in self.strays and kept.status == "authorized":
            return replace(state, is_stray=True)
        if kept.status == "action_required":
            page = f"https://pay.example/{kept.id}"
            until = self.now + 3 * HOUR
            action = PaymentAction(kind="redirect", url=page, expires_at=until)
            return replace(state, action=action)
        return state

    def agree(self, payment_id: str) -> None:
        """Its owner agrees, and the provider's event says where to look."""
        self.approved.add(payment_id)
        self.put(Wake(payment_id=payment_id))
        self.settle()


@pytest.fixture
def w() -> Asking:
    made = world()
    return Asking(saga=made.saga, names=made.names, ledger=made.ledger)


def approve(w: World, user_id: str, method: str = PAYPAL, attempt: str = "1") -> None:
    w.put(Approve(user_id=user_id, method=method, client_id=f"{user_id}-{attempt}"))
    w.settle()


def standing(w: World, user_id: str) -> str:
    return next(share.state for share in w.saga.shares if share.user_id == user_id)


def newest(w: World, user_id: str) -> str:
    share = next(share for share in w.saga.shares if share.user_id == user_id)
    return str(share.payments[-1].payment_id)


def authorisations(w: World) -> list[Authorise]:
    return [call for call in w.calls if isinstance(call, Authorise)]


def test_whoever_pays_is_sent_to_the_provider_s_page_and_nothing_is_held(w: Asking) -> None:
    approve(w, "ada")
    assert standing(w, "ada") == "action_required"
    action = view(w.saga, "ada").action
    assert action is not None
    assert action.url == f"https://pay.example/{newest(w, 'ada')}"
    assert view(w.saga, "bob").action is None


def test_once_they_agree_the_money_is_held_under_another_key(w: Asking) -> None:
    approve(w, "ada")
    w.agree(newest(w, "ada"))
    assert standing(w, "ada") == "authorized"
    first, second = authorisations(w)
    assert (first.method, second.method) == (PAYPAL, PAYPAL)
    assert first.payment_id == second.payment_id
    assert first.key != second.key


def notes_for(w: World, user_id: str) -> list[str]:
    notices = [step.notice for step in w.steps if step.notice is not None]
    return [notice.notes[user_id].text for notice in notices if user_id in notice.notes]


def test_who_pays_at_paypal_is_told_of_its_page_and_not_of_a_bank_or_a_card(w: Asking) -> None:
    approve(w, "ada")
    assert notes_for(w, "ada") == ["Please agree to the payment on PayPal's page."]
    w.broke.add(newest(w, "ada"))
    w.agree(newest(w, "ada"))
    assert standing(w, "ada") == "declined"
    assert notes_for(w, "ada")[-1].startswith("PayPal could not reserve the payment.")


def test_without_an_event_the_agreement_is_seen_by_looking(w: Asking) -> None:
    approve(w, "ada")
    w.approved.add(newest(w, "ada"))
    w.pass_time(w.now + 5 * MINUTE)
    assert standing(w, "ada") == "authorized"


def test_who_never_agrees_is_asked_for_nothing_more(w: Asking) -> None:
    approve(w, "ada")
    w.pass_time(w.now + 2 * HOUR)
    assert len(authorisations(w)) == 1
    assert standing(w, "ada") == "action_required"


@pytest.mark.parametrize("word", ["lost", "late", "unsent", "broken"])
def test_a_second_half_that_was_not_answered_is_repeated_under_its_own_key(
    w: Asking, word: str
) -> None:
    approve(w, "ada")
    words = iter([word])

    def fault(call: Call) -> str:
        return next(words, "reply") if isinstance(call, Authorise) else "reply"

    w.fault = fault
    w.agree(newest(w, "ada"))
    w.pass_time(w.now + 10 * MINUTE)
    assert standing(w, "ada") == "authorized"
    assert len({call.key for call in authorisations(w)}) == 2
    assert len(w.payments) == 1


def test_money_that_is_refused_after_all_is_asked_for_by_a_new_payment_once_they_try_again(
    w: Asking,
) -> None:
    approve(w, "ada")
    first = newest(w, "ada")
    w.broke.add(first)
    w.agree(first)
    assert standing(w, "ada") == "declined"
    w.pass_time(w.now + HOUR)
    assert len(authorisations(w)) == 2  # it is not asked for again by itself
    approve(w, "ada", attempt="2")
    assert standing(w, "ada") == "action_required"
    assert newest(w, "ada") != first
    assert w.payments[first].status == "cancelled"
    w.agree(newest(w, "ada"))
    assert standing(w, "ada") == "authorized"


def test_somebody_who_changes_their_mind_pays_by_card_instead(w: Asking) -> None:
    approve(w, "ada")
    first = newest(w, "ada")
    approve(w, "ada", "pm_card_visa", "2")
    assert standing(w, "ada") == "authorized"
    assert w.payments[first].status == "cancelled"
    w.agree(first)
    assert [kept.status for kept in w.payments.values()] == ["cancelled", "authorized"]


def test_a_booking_all_of_whose_shares_were_approved_there_is_booked(w: Asking) -> None:
    for user_id in ("ada", "bob", "cy"):
        approve(w, user_id)
        w.agree(newest(w, user_id))
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "COMPLETED"
    assert {standing(w, user_id) for user_id in ("ada", "bob", "cy")} == {"captured"}


def test_what_is_called_off_meanwhile_is_never_held(w: Asking) -> None:
    approve(w, "ada")
    opened = newest(w, "ada")
    w.put(CallOff(user_id="ada"))
    w.settle()
    w.agree(opened)
    assert w.saga.state == "CANCELLED"
    assert w.payments[opened].status == "cancelled"
    assert len(authorisations(w)) == 1
    assert len([call for call in w.calls if isinstance(call, OpenPayment)]) == 1


def test_what_is_held_after_it_was_called_off_is_let_go_once_it_is_heard_of(w: Asking) -> None:
    approve(w, "ada")
    opened = newest(w, "ada")
    w.put(CallOff(user_id="ada"))
    w.settle()
    assert w.saga.state == "CANCELLED"
    w.is_audited = False
    # The second half of an attempt took effect only now.
    late = w.payments[opened]
    late.status, late.capture_before = "authorized", w.now + 24 * HOUR
    w.put(Wake(payment_id=opened))
    w.settle()
    assert late.status == "authorized"  # what a slow look shows is not believed
    w.strays.add(opened)
    w.put(Wake(payment_id=opened))
    w.settle()
    w.pass_time(w.now + HOUR)
    assert (late.status, w.saga.state) == ("cancelled", "CANCELLED")
    w.check_end()


def test_what_is_held_after_another_card_took_its_place_is_let_go(w: Asking) -> None:
    approve(w, "ada")
    first = newest(w, "ada")
    approve(w, "ada", "pm_card_visa", "2")
    late = w.payments[first]
    late.status, late.capture_before = "authorized", w.now + 24 * HOUR
    w.strays.add(first)
    w.put(Wake(payment_id=first))
    w.settle()
    assert [kept.status for kept in w.payments.values()] == ["cancelled", "authorized"]
    assert standing(w, "ada") == "authorized"
