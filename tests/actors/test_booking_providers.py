"""A booking whose shares are paid with several providers: each share with whom its method is of."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from booking_world import DAY, HOUR, STRIPE, World, flight, opening, world
from test_booking_redirects import PAYPAL, Asking, newest, standing

from actors.booking.calls import Call, FindPayments, OpenPayment, ReadPayment
from actors.booking.commands import input_of
from actors.booking.machine import looks_wanted, open_saga
from actors.booking.payments import (
    PaymentCall,
    is_replayable,
    provider_of_call,
    providers_to_search,
)
from actors.booking.quoting import others_of, provider_of
from actors.booking.state import Provider
from actors.booking.steps import Approve, CallOff
from core.chance import SystemChance
from core.errors import Rejected, Unavailable
from gateways.partners.paypal import PayPal
from gateways.partners.paypal_settings import PayPalSettings
from gateways.partners.stripe import Stripe
from gateways.partners.stripe_settings import StripeSettings
from protocol.booking import ApproveBooking
from protocol.suppliers import Unsupported

BESIDE = Provider(name=PAYPAL, unit=1, least=1, holds_for=3 * DAY, replays_for=6 * HOUR)


@dataclass
class Two(Asking):
    """Which provider every payment was made with, and that nobody else was ever asked about it."""

    made_with: dict[str, str] = field(default_factory=dict)
    finds: bool = True

    def execute(self, call: Call) -> Any:
        answer = super().execute(call)
        if not isinstance(call, PaymentCall):
            return answer
        name = provider_of_call(self.saga, call)
        if isinstance(call, OpenPayment):
            assert self.made_with.setdefault(answer.payment_id, name) == name
        else:
            assert self.made_with[call.payment_id] == name
        return answer

    def see(self, look: Any) -> Any:
        if isinstance(look, ReadPayment):
            assert provider_of_call(self.saga, look) == self.made_with[look.payment_id]
        if isinstance(look, FindPayments) and not self.finds:
            return Unsupported()
        return super().see(look)

    def balance(self, account: str) -> int:
        """What the audit asks of Stripe's account is asked of both: there is one world behind them."""
        if account == "psp:stripe":
            return super().balance(account) + super().balance(f"psp:{PAYPAL}")
        return super().balance(account)

    def at(self, provider: str) -> int:
        return super().balance(f"psp:{provider}")


@pytest.fixture
def w() -> Two:
    made = world(others=(BESIDE,))
    return Two(saga=made.saga, names=made.names, ledger=made.ledger)


def approve(w: World, user_id: str, method: str, attempt: str = "1") -> None:
    provider = PAYPAL if method == PAYPAL else "stripe"
    w.put(
        Approve(user_id=user_id, method=method, client_id=f"{user_id}-{attempt}", provider=provider)
    )
    w.settle()


def pay(w: Two, user_id: str, method: str) -> None:
    approve(w, user_id, method)
    if method == PAYPAL:
        w.agree(newest(w, user_id))


def test_each_share_is_paid_with_whom_its_method_is_of(w: Two) -> None:
    pay(w, "ada", "pm_card_visa")
    pay(w, "bob", PAYPAL)
    pay(w, "cy", "pm_card_visa")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "COMPLETED"
    assert (w.at("stripe"), w.at(PAYPAL)) == (20_000, 10_000)
    assert sorted(w.made_with.values()) == [PAYPAL, "stripe", "stripe"]


def test_what_was_paid_with_several_is_given_back_by_each(w: Two) -> None:
    w.issue = "refused"
    w.policy_refund = "refused"
    for user_id, method in (("ada", PAYPAL), ("bob", "pm_card_visa"), ("cy", PAYPAL)):
        pay(w, user_id, method)
    w.pass_time(w.now + 3 * DAY)
    w.put(CallOff(user_id="ada"))
    w.settle()
    assert w.saga.state == "CANCELLED"
    assert {kept.status for kept in w.payments.values()} == {"captured"}
    for provider in ("stripe", PAYPAL):
        kept = [
            kept.captured - kept.refunded
            for kept in w.payments.values()
            if w.made_with[kept.id] == provider
        ]
        assert w.at(provider) == sum(kept) == 0


def test_who_changes_the_provider_pays_anew_and_lets_the_first_go(w: Two) -> None:
    approve(w, "ada", PAYPAL)
    first = newest(w, "ada")
    approve(w, "ada", "pm_card_visa", "2")
    assert standing(w, "ada") == "authorized"
    assert [w.made_with[each] for each in (first, newest(w, "ada"))] == [PAYPAL, "stripe"]
    assert w.payments[first].status == "cancelled"


def test_a_card_that_was_declined_is_followed_by_another_provider_s_payment(w: Two) -> None:
    approve(w, "ada", "pm_card_chargeDeclined")
    approve(w, "ada", PAYPAL, "2")
    w.agree(newest(w, "ada"))
    assert standing(w, "ada") == "authorized"
    assert w.made_with[newest(w, "ada")] == PAYPAL


def test_each_provider_keeps_keys_for_its_own_time(w: Two) -> None:
    approve(w, "ada", PAYPAL)
    approve(w, "bob", "pm_card_visa")
    ada, bob, _ = w.saga.shares
    for share, hours in ((ada, 5), (bob, 23)):
        (payment,) = share.payments
        ends = w.now + hours * HOUR
        assert is_replayable(w.saga, payment, w.now, ends - 1)
        assert not is_replayable(w.saga, payment, w.now, ends)


def test_who_may_know_of_a_payment_is_with_whom_it_was_made(w: Two) -> None:
    w.fault = lambda call: "broken" if isinstance(call, OpenPayment) else "reply"
    w.sees = lambda look: not isinstance(look, FindPayments)
    approve(w, "ada", PAYPAL)
    assert providers_to_search(w.saga) == ()
    w.pass_time(w.now + 6 * HOUR)
    assert providers_to_search(w.saga) == (PAYPAL,)
    assert [type(look) for look in looks_wanted(w.saga, w.now + DAY)] == [FindPayments]


def test_what_a_provider_without_a_list_never_answered_was_never_made(w: Two) -> None:
    w.fault = lambda call: "broken" if isinstance(call, OpenPayment) else "reply"
    approve(w, "ada", PAYPAL)
    w.finds = False
    w.pass_time(w.now + 5 * HOUR)
    first = w.saga.shares[0].payments[0]
    assert (first.is_void, first.must_find, first.payment_id) == (True, False, None)
    w.fault = lambda call: "reply"
    w.pass_time(w.now + HOUR)
    w.agree(newest(w, "ada"))
    assert standing(w, "ada") == "authorized"


def test_a_provider_that_the_booking_does_not_know_is_its_own(w: Two) -> None:
    w.put(Approve(user_id="ada", method="pm_card_visa", client_id="1", provider="klarna"))
    w.settle()
    assert w.made_with == {newest(w, "ada"): "stripe"}


def test_a_booking_that_was_stored_before_has_one_provider() -> None:
    saga = open_saga(opening(flight()), 1_800_000_000_000).saga
    assert saga.others == ()
    payment = OpenPayment(
        share_id="s1",
        amount=saga.total,
        reference=None,  # type: ignore[arg-type]
        key="k",
    )
    assert provider_of_call(saga, payment) == STRIPE.name


def stripe() -> Stripe:
    return Stripe(StripeSettings(), chance=SystemChance())


def paypal() -> PayPal:
    return PayPal(PayPalSettings(), business_ms=lambda: 0, chance=SystemChance())


@pytest.mark.parametrize(
    ("currency", "is_there"), [("EUR", True), ("JPY", True), ("HUF", False), ("KWD", False)]
)
def test_beside_the_first_is_who_takes_every_amount_that_it_takes(
    currency: str, is_there: bool
) -> None:
    own = provider_of(stripe(), currency)
    assert [each.name for each in others_of([paypal()], own, currency)] == [PAYPAL] * is_there


async def test_a_method_chooses_its_provider() -> None:
    def command(method: str) -> ApproveBooking:
        return ApproveBooking(
            booking_id="01900000-0000-7000-8000-000000000001",
            client_id="01900000-0000-7000-8000-000000000002",
            payment_method=method,
        )

    both = [stripe(), paypal()]
    for method, name in (("pm_card_visa", "stripe"), (PAYPAL, PAYPAL)):
        made = input_of(command(method), "ada", both)
        assert isinstance(made, Approve)
        assert (made.method, made.provider) == (method, name)
    with pytest.raises(Rejected) as refused:
        input_of(command("klarna"), "ada", both)
    assert refused.value.code == "bad_request"
    with pytest.raises(Unavailable):
        input_of(command(PAYPAL), "ada", [both[0], None])
