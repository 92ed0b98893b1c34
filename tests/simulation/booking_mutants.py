"""Rules of bookings broken on purpose, one at a time, to see that the judge notices.

Each names the scenarios in which it must be found, and a word of the problem that finds it.
"""

from collections.abc import Mapping
from typing import Any, Final

import fake_orders
from booking_world import Journal, World
from msgspec.structs import replace
from mutants import Mutant, Patches

from actors.booking.calls import (
    Authorise,
    Call,
    Capture,
    Confirm,
    Hold,
    OpenPayment,
    Release,
)
from protocol.payments import PaymentState
from protocol.suppliers import Created, Unknown

_execute = World.execute
_outcome = World.outcome


def double_capture() -> Patches:
    """Whoever is charged is charged once more, with another payment."""

    def twice(self: World, call: Call, *asked: Any) -> Any:
        if isinstance(call, Capture):
            payment = self.payments.payments[call.payment_id]
            again = self.payments.open(payment.amount, payment.reference, key=f"{call.key}/again")
            assert isinstance(again, PaymentState)
            self.payments.authorise(again.payment_id, "pm_card_visa", key=f"{call.key}/hold")
            self.payments.capture(again.payment_id, call.amount, key=f"{call.key}/take")
        return _execute(self, call, *asked)

    yield World, "execute", twice


def create_and_confirm() -> Patches:
    """A payment is made and confirmed in one call."""

    def at_once(self: World, call: Call, *asked: Any) -> Any:
        answer = _execute(self, call, *asked)
        if isinstance(call, OpenPayment) and isinstance(answer, PaymentState):
            return self.payments.authorise(
                answer.payment_id, "pm_card_visa", key=f"{call.key}/confirm"
            )
        return answer

    yield World, "execute", at_once


def order_sent_again() -> Patches:
    """An order whose outcome is not known is sent once more."""

    def stubborn(self: World, call: Call, fault: str | None) -> Any:
        answer = _outcome(self, call, fault)
        if isinstance(call, Hold) and isinstance(answer, Unknown):
            return self.execute(call)
        return answer

    yield World, "outcome", stubborn


def ticket_before_capture() -> Patches:
    """What is held is issued at once."""

    def hasty(self: World, call: Call, *asked: Any) -> Any:
        answer = _execute(self, call, *asked)
        if isinstance(call, Hold) and isinstance(answer, Created):
            kind = Release if self.part(call.part_id).issues == "explicit" else Confirm
            order_id = answer.order.order_id
            issue = kind(part_id=call.part_id, order_id=order_id, reference=call.reference)
            if self.watch is not None:
                self.watch.leaving(self, issue)
            self.execute(issue)
        return answer

    yield World, "execute", hasty


def no_dead_man() -> Patches:
    """What is held is held for ever."""
    yield fake_orders, "HOLDS_FOR_MS", dict.fromkeys(fake_orders.HOLDS_FOR_MS, 1 << 60)


def new_keys() -> Patches:
    """Each call has a key of its own, also when it is a repeat."""

    def fresh(self: World, call: Call, *asked: Any) -> Any:
        if isinstance(call, OpenPayment | Authorise | Capture):
            call = replace(call, key=f"{call.key}#{self.payments.calls}")
        return _execute(self, call, *asked)

    yield World, "execute", fresh


def old_fence() -> Patches:
    """What is stored is stored, whoever owns the booking by now."""
    init = Journal.__init__

    def trusting(self: Journal, *args: Any, **more: Any) -> None:
        init(self, *args, **more)
        self.checks = False

    yield Journal, "__init__", trusting


MUTANTS: Final[Mapping[str, tuple[Mutant, tuple[str, ...]]]] = {
    "double_capture": (Mutant(double_capture, 1, "double charge"), ("amadeus3",)),
    "create_and_confirm": (
        Mutant(create_and_confirm, 1, "orphan hold"),
        ("gives_up+open_payment:s1:1=latest",),
    ),
    "order_sent_again": (
        Mutant(order_sent_again, 2, "I4"),
        ("duffel3+hold:f:1=lost", "amadeus3+hold:f:1=lost"),
    ),
    "ticket_before_capture": (Mutant(ticket_before_capture, 1, "I3"), ("duffel3",)),
    "no_dead_man": (Mutant(no_dead_man, 1, "I2"), ("called_off_unknown+hold:f:1=latest",)),
    "old_fence": (
        Mutant(old_fence, 3, ""),
        ("amadeus3+hold:f:1=usurped", "duffel3+capture:s1:1=usurped"),
    ),
}
