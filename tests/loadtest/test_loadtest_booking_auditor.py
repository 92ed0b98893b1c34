"""The auditor of bookings: nothing to say of a right world, and something of every wrong one."""

from dataclasses import replace
from typing import Final

import pytest

from loadtest.booking_auditor import (
    Booked,
    Effect,
    Order,
    Verdict,
    booked_of,
    effect_of,
    judge,
    paypal_effect_of,
)

SHARES: Final = {"s1": 4_000, "s2": 3_000}
TOTAL: Final = sum(SHARES.values())
BALANCES: Final = {
    ("psp:stripe", "EUR"): TOTAL,
    ("participant:ada", "EUR"): 0,
    ("trip:b", "EUR"): 0,
    ("supplier:duffel", "EUR"): -TOTAL,
}
BOOKED: Final = Booked(
    booking_id="b",
    status="booked",
    currency="EUR",
    shares=SHARES,
    order_ids=frozenset({"o"}),
    balances=BALANCES,
)
CANCELLED: Final = replace(BOOKED, status="cancelled", order_ids=frozenset(), balances={})
TICKET: Final = Order(
    supplier="duffel",
    order_id="o",
    reference="CARAVAN SAGA b f ATT 1",
    booking_id="b",
    is_live=True,
    is_issued=True,
    total=TOTAL,
    currency="EUR",
    issued_at=30,
)


def effect(kind: str, share: str = "s1", *, payment: str = "", at: int = 20) -> Effect:
    return Effect(
        kind=kind,
        payment=payment or f"pi_{share}",
        booking_id="b",
        share_id=share,
        amount=SHARES[share],
        currency="EUR",
        at=at,
    )


PAID: Final = [effect(kind, share) for share in SHARES for kind in ("authorized", "captured")]
REFUNDED: Final = [effect("refunded", share) for share in SHARES]


def figures(found: Verdict) -> tuple[int, int, int, int]:
    return (found.ledger_minor, found.orphan_holds, found.double_charges, found.early_tickets)


def test_a_trip_that_was_paid_and_issued_is_as_it_should_be() -> None:
    found = judge([BOOKED], PAID, [TICKET])
    assert figures(found) == (0, 0, 0, 0)
    assert found.problems == []


def test_what_was_given_back_or_only_held_for_a_while_leaves_nothing() -> None:
    lapsed = replace(TICKET, is_live=False, is_issued=False)
    assert figures(judge([CANCELLED], [*PAID, *REFUNDED], [lapsed])) == (0, 0, 0, 0)
    let_go = [effect("authorized"), effect("cancelled"), effect("authorized", "s2")]
    assert figures(judge([CANCELLED], [*let_go, effect("expired", "s2")], [])) == (0, 0, 0, 0)


def test_a_card_that_is_still_held_is_an_orphan() -> None:
    assert figures(judge([CANCELLED], [effect("authorized")], [])) == (0, 1, 0, 0)
    again = effect("authorized", payment="pi_other")
    assert figures(judge([BOOKED], [*PAID, again], [TICKET])) == (0, 1, 0, 0)


@pytest.mark.parametrize("owner", [[CANCELLED], []])
def test_an_order_that_lives_and_that_nobody_booked_is_an_orphan(owner: list[Booked]) -> None:
    held = replace(TICKET, is_issued=False)
    assert figures(judge(owner, [], [held])) == (0, 1, 0, 0)


def test_a_second_order_under_one_reference_is_found_also_when_it_has_died() -> None:
    twin = replace(TICKET, order_id="o2", is_live=False, is_issued=False)
    assert figures(judge([BOOKED], PAID, [TICKET, twin])) == (0, 1, 0, 0)
    other = replace(twin, reference="CARAVAN SAGA b f ATT 2")
    assert figures(judge([BOOKED], PAID, [TICKET, other])) == (0, 0, 0, 0)


def test_a_share_that_is_taken_with_two_payments_was_charged_twice_whatever_is_given_back() -> None:
    twice = [*PAID, effect("captured", payment="pi_again")]
    found = judge([BOOKED], twice, [TICKET])
    assert found.double_charges == 1
    assert found.ledger_minor == 2 * SHARES["s1"]  # of the provider's account, and of the share
    back = [*twice, effect("refunded", payment="pi_again")]
    assert figures(judge([BOOKED], back, [TICKET])) == (0, 0, 1, 0)
    assert judge([BOOKED], [*PAID, effect("captured")], [TICKET]).double_charges == 1


def test_a_new_payment_after_the_old_one_was_given_back_is_no_second_charge() -> None:
    renewed = [*PAID, effect("refunded"), effect("captured", payment="pi_again")]
    assert figures(judge([BOOKED], renewed, [TICKET])) == (0, 0, 0, 0)


def test_money_that_the_ledger_does_not_know_of_is_counted_to_the_cent() -> None:
    assert judge([CANCELLED], PAID, []).ledger_minor == TOTAL
    kept = replace(CANCELLED, balances={("psp:stripe", "EUR"): 5, ("participant:ada", "EUR"): -5})
    assert judge([kept], [], []).ledger_minor == 10
    assert judge([], [effect("captured")], []).ledger_minor == SHARES["s1"]
    failed = [*PAID, *REFUNDED, effect("refund_failed")]
    assert judge([CANCELLED], failed, []).ledger_minor == SHARES["s1"]


def test_differences_of_two_bookings_do_not_add_up_to_nothing() -> None:
    more = replace(CANCELLED, booking_id="m", balances={("psp:stripe", "EUR"): 7})
    less = replace(CANCELLED, booking_id="l", balances={("psp:stripe", "EUR"): -7})
    assert judge([more, less], [], []).ledger_minor == 14


def test_a_booking_without_its_ticket_or_at_another_price_differs() -> None:
    held = replace(TICKET, is_issued=False)
    assert judge([BOOKED], PAID, [held]).ledger_minor == TOTAL
    assert judge([BOOKED], PAID, [replace(TICKET, total=TOTAL - 1)]).ledger_minor == 1


def test_what_waits_for_a_person_must_agree_with_the_provider_at_least() -> None:
    manual = replace(
        CANCELLED,
        status="manual",
        balances={("psp:stripe", "EUR"): TOTAL, ("participant:ada", "EUR"): -TOTAL},
    )
    assert judge([manual], PAID, []).ledger_minor == 0
    assert judge([manual], PAID[:2], []).ledger_minor == SHARES["s2"]


def test_a_ticket_before_the_last_share_is_early() -> None:
    assert judge([BOOKED], PAID, [replace(TICKET, issued_at=19)]).early_tickets == 1
    assert judge([BOOKED], PAID[:2], [replace(TICKET, issued_at=None)]).early_tickets == 1
    assert judge([BOOKED], PAID, [replace(TICKET, issued_at=None)]).early_tickets == 0


def test_the_journals_are_read_as_they_are_written() -> None:
    row = {
        "effect": "captured",
        "amount": 12,
        "currency": "eur",
        "metadata": {"saga_id": "b", "share_id": "s1", "pi_version": "1"},
        "businessAt": 5,
        "paymentIntent": "pi_1",
    }
    assert effect_of(row) == Effect(
        kind="captured",
        payment="pi_1",
        booking_id="b",
        share_id="s1",
        amount=12,
        currency="EUR",
        at=5,
    )
    part = {"id": "f", "orderId": "o", "isDropped": False}
    booked = booked_of(
        {
            "bookingId": "b",
            "status": "booked",
            "currency": "EUR",
            "isTerminal": True,
            "shares": [{"id": "s1", "userId": "u", "amount": 12}],
            "parts": [part, {**part, "orderId": "p", "isDropped": True}, {**part, "orderId": None}],
            "balances": [{"account": "fees", "currency": "EUR", "amount": 3}],
        }
    )
    assert booked.order_ids == {"o"}
    assert booked.balances == {("fees", "EUR"): 3}


def test_paypal_s_journal_says_whose_money_moved() -> None:
    row = {
        "effect": "captured",
        "reference": "b1|s2|1|3",
        "order": "5O19",
        "amount": 3_334,
        "currency": "EUR",
        "businessAt": 7,
    }
    found = paypal_effect_of(row)
    assert (found.booking_id, found.share_id, found.payment) == ("b1", "s2", "5O19")
    assert (found.kind, found.amount, found.currency, found.at) == ("captured", 3_334, "EUR", 7)
    assert paypal_effect_of({**row, "reference": ""}).booking_id == ""
