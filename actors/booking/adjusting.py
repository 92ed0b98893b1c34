"""ADJUSTING: a part of a booked trip is changed with its supplier, and the rest stays as it is (pure).

Times are accepted, a flight is given up alone, another booking is opened in its place. Everything begins with
reading the order, and ends COMPLETED, or with a person.
"""

from typing import Final

from msgspec.structs import replace

from actors.booking.calls import AcceptChange, OpenReplacement
from actors.booking.collecting import keep_payments
from actors.booking.flights import is_same, with_ways
from actors.booking.moves import REFUND_FAILED, complete, manual, unwind
from actors.booking.order_calls import LOOK_AFTER
from actors.booking.orders import doubt_order, is_live, order_of, undo_order
from actors.booking.payments import has_refund_failed, left_to_refund
from actors.booking.postings import lower_to_kept
from actors.booking.state import Change, Part
from actors.booking.steps import CallOutcome, ReplacementOpened
from actors.booking.timing import ALARM_UNWINDING
from actors.booking.turn import (
    REPLACEMENT,
    Turn,
    is_order_busy,
    order_look,
    order_subject,
)
from actors.booking.unwinding import BOUGHT, SILENT, tell_less
from actors.booking.watching import begin_watch, takes_back
from protocol.suppliers import NotSent, Refused, Unsupported
from protocol.travel import OrderState

MOST_REFUSALS: Final = 3
GIVEN_UP: Final = "The flight is given up. What its supplier returns is given back."


def _go(turn: Turn, part: Part, change: Change) -> None:
    deadlines = {"alarm": turn.now + ALARM_UNWINDING}
    turn.go("ADJUSTING", deadlines=deadlines, next_look_at={}, tries={}, reason="")
    part = replace(part, change=change, refusal="")
    turn.put_part(part)
    if is_live(part):
        doubt_order(turn, part)


def _back(turn: Turn, text: str) -> None:
    """As it was booked, but for what was changed."""
    complete(turn, text)


# ── what was decided ──


def take_times(turn: Turn, part: Part) -> None:
    """The new times are the travellers' from now on; a supplier that wants to be told is, first."""
    change = part.change
    if change is None:
        return
    if change.change_id is None:
        record(turn, part)
    else:
        _go(turn, part, replace(change, decision="accept"))


def record(turn: Turn, part: Part) -> None:
    """What its supplier has changed is what the travellers know from now on."""
    if part.change is not None:
        answered = part.change.change_id or part.answered
        part = with_ways(part, part.change.itineraries)
        turn.put_part(replace(part, change=None, answered=answered))
        if turn.saga.state == "COMPLETED":
            begin_watch(turn)


def open_replacement(turn: Turn, part: Part) -> None:
    if part.change is not None:
        _go(turn, part, replace(part.change, decision="rebook"))


def give_up(turn: Turn, part: Part) -> None:
    """By its supplier's rules; what cannot be had back by them is for a person. Alone, when something else
    is booked; else it is the whole trip."""
    change = part.change
    if change is None:
        return
    promised = None if part.is_gone else part.quoted
    part = replace(part, promised=promised, refusal="")
    change = replace(change, decision="refund")
    if any(is_live(other) for other in turn.saga.parts if other.id != part.id):
        _go(turn, part, change)
        return
    turn.put_part(replace(part, change=change))
    turn.update(by_policy=True)
    unwind(turn, GIVEN_UP)


# ── what follows ──


def advance_adjusting(turn: Turn) -> None:
    part = next((p for p in turn.saga.parts if p.change is not None and _is_under_way(p)), None)
    change = None if part is None else part.change
    if part is None or change is None:
        _give_back(turn)
    elif is_order_busy(turn.saga, part):
        return
    elif change.decision == "accept":
        _accept(turn, part, change)
    elif change.decision == "rebook":
        _rebook(turn, part, change)
    else:
        _give_up(turn, part, change)


def _is_under_way(part: Part) -> bool:
    change = part.change
    if change is None or not change.decision or part.is_given_back:
        return False
    return change.decision != "rebook" or change.replacement is None


def _accept(turn: Turn, part: Part, change: Change) -> None:
    if part.is_gone or not part.is_fresh:
        if part.is_gone:
            _ask_again(turn, part, change)
        return
    order = order_of(part)
    if change.is_accepted or order.change_id is None:
        record(turn, part)
        _back(turn, "The airline knows that you fly at the new times.")
    elif order.itineraries and not is_same(order.itineraries, change.itineraries, turn.now):
        _ask_again(turn, part, change)
    elif turn.saga.tries.get(order_subject(part.id), 0) >= MOST_REFUSALS and part.refusal:
        manual(turn, f"A supplier would not have its change accepted: {part.refusal}")
    elif turn.is_open(order_subject(part.id)):
        turn.call(AcceptChange(part_id=part.id, order_id=order.order_id, change_id=order.change_id))


def _ask_again(turn: Turn, part: Part, change: Change) -> None:
    """Something else has become of it meanwhile."""
    turn.put_part(replace(part, change=replace(change, decision="")))
    _back(turn, "Something else has become of the flight meanwhile.")


def _rebook(turn: Turn, part: Part, change: Change) -> None:
    if turn.is_open(REPLACEMENT):
        key = f"cv:{turn.saga.booking_id}:{part.id}:replace:{change.number}"
        turn.call(OpenReplacement(part_id=part.id, key=key))


def _give_up(turn: Turn, part: Part, change: Change) -> None:
    if part.is_gone and part.is_paid and part.returned is None:
        manual(turn, SILENT)
    elif part.is_gone and part.is_paid:
        lower_to_kept(turn, part)
    elif part.is_gone:
        turn.put_part(replace(part, is_given_back=True, change=None))
    elif not part.is_fresh:
        return
    elif part.refusal == "price_changed":
        _less(turn, part, change)
    elif not takes_back(part) or part.refusal not in ("", "quota"):
        manual(turn, BOUGHT)
    else:
        undo_order(turn, part)


def _less(turn: Turn, part: Part, change: Change) -> None:
    """Less would come back than people were told. Where another flight is booked already, this one is given
    up whatever comes back: nobody flies twice."""
    part = replace(part, promised=None, refusal="")
    if change.is_replaced:
        turn.put_part(part)
        return
    turn.put_part(replace(part, change=replace(change, decision="")))
    _back(turn, "Everything is booked.")
    tell_less(turn, part)


def _give_back(turn: Turn) -> None:
    """What was given up is paid back; then it is a booked trip again."""
    keep_payments(turn)
    saga = turn.saga
    for part in saga.parts:
        if part.is_given_back and part.change is not None:
            turn.put_part(replace(part, change=None))
    if has_refund_failed(saga):
        manual(turn, REFUND_FAILED)
        return
    left = any(left_to_refund(saga, s, p) for s in saga.shares for p in s.payments)
    if not left and not saga.pending:
        _back(turn, "What was given up has been paid back. Everything else stays booked.")


# ── how its calls ended ──


def accept_ended(turn: Turn, part: Part, outcome: CallOutcome) -> None:
    subject, change = order_subject(part.id), part.change
    match outcome:
        case OrderState() | Unsupported() if change is not None:
            turn.settled(subject)
            turn.put_part(replace(part, change=replace(change, is_accepted=True), refusal=""))
            doubt_order(turn, turn.part(part.id))
        case NotSent() | Refused(kind="quota"):
            turn.back_off(subject)
        case Refused(kind=kind):
            turn.back_off(subject)
            doubt_order(turn, replace(part, refusal=kind))
        case _:
            turn.back_off(subject)
            doubt_order(turn, part)
            turn.wait(order_look(part.id), LOOK_AFTER)


def open_ended(turn: Turn, part: Part, outcome: CallOutcome) -> None:
    """Another booking in the part's place is there, or there will be none."""
    change = part.change
    if change is None or change.decision != "rebook" or change.replacement is not None:
        return
    match outcome:
        case ReplacementOpened(booking_id=booking_id):
            turn.settled(REPLACEMENT)
            turn.put_part(replace(part, change=replace(change, replacement=booking_id)))
            _back(turn, "Another flight is offered to you: please approve your share of it.")
        case Refused() | Unsupported():
            undecided = replace(change, decision="", alternative=None, no_rebook=True)
            turn.put_part(replace(part, change=undecided))
            _back(turn, "The other flight cannot be had any more. You are asked again.")
        case _:
            turn.back_off(REPLACEMENT)


__all__ = [
    "accept_ended",
    "advance_adjusting",
    "give_up",
    "open_ended",
    "open_replacement",
    "record",
    "take_times",
]
