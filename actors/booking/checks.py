"""What must hold of every stored saga (pure): the structural half of I1 to I7, for tests and audits."""

from collections.abc import Iterator
from typing import Final

from actors.booking.calls import (
    AcceptChange,
    CancelOrder,
    CancelPayment,
    Capture,
    Confirm,
    Hold,
    OpenReplacement,
    Release,
    TellReplaced,
)
from actors.booking.cards import verdict_of
from actors.booking.orders import flights_of, is_booked, is_live, is_ticketed, may_exist
from actors.booking.payments import is_dead, is_paid, last
from actors.booking.state import TERMINAL, Part, Payment, Saga, SagaState, Share
from actors.booking.turn import is_payment_busy, payment_subject

_GOES_ON: Final[frozenset[SagaState]] = frozenset(
    {"REPRICING", "ORDERING", "ORDER_UNKNOWN", "HELD", "CAPTURING"}
)


def check(saga: Saga) -> list[str]:
    """What is wrong with it; empty when nothing is."""
    return [*_sums(saga), *_calls(saga), *_verdict(saga), *_afterwards(saga), *_ends(saga)]


def _sums(saga: Saga) -> Iterator[str]:
    if sum(share.amount.amount for share in saga.shares) != saga.total.amount:
        yield "I5: the shares do not add up to the total"
    live = [part for part in saga.parts if not part.is_dropped]
    if sum(part.total.amount for part in live) != saga.total.amount:
        yield "I5: the parts do not add up to the total"
    flying = [id for flight in flights_of(saga) for id in flight.seats]
    if flying and sorted(flying) != sorted(seat.id for seat in saga.seats):
        yield "somebody flies on no order, or on two"
    for share in saga.shares:
        if share.amount.amount < 0:
            yield f"I5: share {share.id} is negative"
        if share.spent > sum(p.captured - p.refunded for p in share.payments):
            yield f"more of share {share.id} was spent than is there"
        for payment in share.payments:
            if payment.refunded > payment.captured:
                yield f"more of {share.id} was given back than was taken"
            if payment.captured > payment.amount.amount:
                yield f"more of {share.id} was taken than was authorised"
        times = sum(payment.captured > payment.refunded for payment in share.payments)
        if times > 1 and saga.state != "MANUAL":  # where a person has been told
            yield f"share {share.id} is paid twice"


def _calls(saga: Saga) -> Iterator[str]:
    if len({pending.seq for pending in saga.pending}) != len(saga.pending):
        yield "an intent is pending twice"
    held = [flight for flight in flights_of(saga) if flight.holds]
    for pending in saga.pending:
        call = pending.call
        if isinstance(call, Capture):
            if not all(is_live(flight) for flight in held):
                yield "I6: a capture without a live order"
            share = next(share for share in saga.shares if share.id == call.share_id)
            payment = last(share)
            if payment is None or payment.payment_id != call.payment_id:
                yield "a capture of a payment that is not the newest"
            elif payment.split_version != saga.split_version and saga.state == "CAPTURING":
                yield "a capture under an old split"
        is_buying = isinstance(call, Confirm | Release)
        if isinstance(call, Hold):
            part = next(part for part in saga.parts if part.id == call.part_id)
            is_buying = not part.holds and saga.state not in ("UNWINDING", "MANUAL")
        if is_buying and not all(is_paid(share) for share in saga.shares):
            yield "I3: something is bought before everything is captured"


def _verdict(saga: Saga) -> Iterator[str]:
    """Only of those that were opened since there is one: before that nobody was asked."""
    if saga.state in _GOES_ON and verdict_of(saga) != "allow":
        yield "S: it goes on though nobody has allowed it with these cards"


def _afterwards(saga: Saga) -> Iterator[str]:
    """I7: of what is booked nothing changes that was not decided."""
    parts = {part.id: part for part in saga.parts}
    for part in saga.parts:
        if part.is_given_back and is_live(part):
            yield f"I7: {part.id} was given back, and is booked"
    for pending in saga.pending:
        call, decided = pending.call, ""
        if isinstance(call, AcceptChange):
            decided = "accept"
        elif isinstance(call, OpenReplacement):
            decided = "rebook"
        elif isinstance(call, CancelOrder) and saga.state == "ADJUSTING":
            decided = "refund"
        if decided and isinstance(call, AcceptChange | OpenReplacement | CancelOrder):
            change = parts[call.part_id].change
            if change is None or change.decision != decided:
                yield f"I7: {decided} is done, and was not decided"


def _ends(saga: Saga) -> Iterator[str]:
    is_late = any(not isinstance(one.call, CancelPayment | TellReplaced) for one in saga.pending)
    if saga.state in TERMINAL and is_late:  # a payment that came to light later is let go
        yield "the end was reached with calls under way"
    if saga.state == "COMPLETED" and saga.manual_reason == "":
        for share in saga.shares:
            net = sum(payment.captured - payment.refunded for payment in share.payments)
            if net != share.amount.amount:
                yield f"I1: {share.id} has paid something else than its amount"
            if share.spent != net:
                yield f"I1: not all of {share.id} was spent"
        for part in saga.parts:
            if part.is_dropped or part.is_given_back or _is_taken_away(part):
                continue
            if not (is_ticketed(saga, part) if part.kind == "flight" else is_booked(part)):
                yield f"I1: part {part.id} is not booked"
    if saga.state == "CANCELLED" and saga.manual_reason == "":
        for share in saga.shares:
            for payment in share.payments:
                if _is_let_go(saga, share, payment):
                    continue  # one that came to light later
                if not is_dead(payment) and payment.captured != payment.refunded + (
                    share.spent if saga.by_policy else 0
                ):
                    yield f"I2: something of {share.id} is held or kept"
        for part in saga.parts:
            if may_exist(saga, part):
                yield f"I2: an order of {part.id} may be left"


def _is_taken_away(part: Part) -> bool:
    """Its supplier has cancelled it, and people are asked how to go on."""
    return part.is_gone and part.change is not None and part.change.kind == "cancelled"


def _is_let_go(saga: Saga, share: Share, payment: Payment) -> bool:
    """Whether the machine is at it, or tries again."""
    if payment.captured:
        return False
    is_tried = payment_subject(share.id, payment.version) in saga.tries
    return is_tried or not payment.is_fresh or is_payment_busy(saga, share.id, payment)
