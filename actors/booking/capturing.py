"""CAPTURING and CAPTURE_REPAIR: taking what everybody authorised; and LETTING_GO, when somebody does not come
up for their share and the others travel without them (pure). APIS §10.3, §10.5."""

from msgspec.structs import replace

from actors.booking.calls import Capture
from actors.booking.cards import is_all_held, verdict_of
from actors.booking.collecting import keep_payments
from actors.booking.moves import (
    NOT_TAKEN,
    SEATS_GONE,
    after_capture,
    ask_after_hold,
    capture,
    manual,
    ready,
    repair,
    unwind,
)
from actors.booking.orders import flights_of, is_booked, undo_order
from actors.booking.payments import call_capture, is_dead, is_held, is_paid, last
from actors.booking.questions import close
from actors.booking.resplitting import options_for
from actors.booking.state import Saga, Share
from actors.booking.turn import Turn, is_payment_busy, payment_subject


def unpaid(saga: Saga) -> tuple[Share, ...]:
    """The one whose authorisation runs out first comes first."""
    shares = [share for share in saga.shares if not is_paid(share)]

    def until(share: Share) -> int:
        payment = last(share)
        if payment is None or payment.seen is None or payment.seen.capture_before is None:
            return 2**62
        return payment.seen.capture_before

    return tuple(sorted(shares, key=until))


def is_lost(saga: Saga, share: Share, now: int) -> bool:
    """Whether a share's money can certainly not be taken any more."""
    payment = last(share)
    if payment is None or is_dead(payment) or payment.is_lost:
        return True
    if is_payment_busy(saga, share.id, payment) or not payment.is_fresh:
        return False
    return not is_held(saga, share, now)


def advance_capturing(turn: Turn) -> None:
    keep_payments(turn)
    saga = turn.saga
    if any(_is_short(share) for share in saga.shares):
        manual(turn, "Something else than a share's amount was captured")
        return
    if any(flight.is_gone for flight in flights_of(saga)):
        unwind(turn, SEATS_GONE)
        return
    if any(flight.order is not None and not flight.is_fresh for flight in flights_of(saga)):
        return  # it is read before anything more is taken
    left = unpaid(saga)
    if not left:
        after_capture(turn)
        return
    if any(is_lost(saga, share, turn.now) for share in left):
        repair(turn)
        return
    for share in left:
        payment = last(share)
        if (
            payment is not None
            and payment.is_fresh
            and not is_payment_busy(turn.saga, share.id, payment)
            and turn.is_open(payment_subject(share.id, payment.version))
        ):
            call_capture(turn, share, payment)


def _is_short(share: Share) -> bool:
    """Whether something else was captured than was asked for. Of somebody whose share has fallen since more
    was taken, rightly: it is being given back."""
    payment = last(share)
    if payment is None or not payment.captured:
        return False
    return payment.captured not in (share.amount.amount, payment.taking)


def advance_capture_repair(turn: Turn) -> None:
    keep_payments(turn)
    saga = turn.saga
    if any(flight.is_gone for flight in flights_of(saga)):
        unwind(turn, SEATS_GONE)
    elif is_all_held(saga, turn.now):
        verdict = verdict_of(saga)
        if verdict == "allow":
            capture(turn)
        elif verdict == "deny":
            unwind(turn, "One payment could not be taken. Everything is being given back.")
        else:
            close(turn)  # nothing is missing
    elif "resplit" in saga.deadlines and (
        saga.question is None or saga.question.options != options_for(saga, turn.now)
    ):
        ask_after_hold(turn, NOT_TAKEN)


def advance_letting_go(turn: Turn) -> None:
    """Until no order for those is left who do not all travel any more. What is being taken is known first:
    nothing is ever taken without an order."""
    keep_payments(turn)
    saga = turn.saga
    if any(isinstance(pending.call, Capture) for pending in saga.pending):
        return
    if any(is_booked(part) for part in saga.parts):
        unwind(turn, NOT_TAKEN)
        return
    gone = [undo_order(turn, part) for part in saga.parts]
    if all(gone):
        for part in saga.parts:
            turn.put_part(replace(part, order=None, is_gone=False, is_fresh=True))
        ready(turn)
