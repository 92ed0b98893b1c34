"""Calling a booking off, and what operators may do (pure)."""

from typing import Final

from msgspec.structs import replace

from actors.booking.moves import cancelled, complete, unwind
from actors.booking.orders import doubt_order, is_booked, is_by_hand, order_by_hand
from actors.booking.payments import doubt_all
from actors.booking.questions import AGREE, KEEP, ask, close
from actors.booking.state import TERMINAL, Option, Part, SagaState
from actors.booking.steps import CallOff, Operate
from actors.booking.timing import REFUND_AFTER, TICKET_AFTER
from actors.booking.turn import Turn, is_order_busy
from core.errors import Rejected

FREE: Final[frozenset[SagaState]] = frozenset(
    {
        "COLLECTING",
        "RESPLIT",
        "REPRICING",
        "RECONSENT",
        "ORDERING",
        "ORDER_UNKNOWN",
        "HELD",
        "CAPTURING",
        "CAPTURE_REPAIR",
        "HOTEL",
    }
)
CALLED_OFF: Final = "The organiser has called the trip off. Nobody pays."
AGREE_TEXT: Final = (
    "Call it off. The suppliers keep what their rules allow; the rest is given back."
)
KEEP_TEXT: Final = "Keep the booking."


def call_off(turn: Turn, command: CallOff) -> bool:
    """False: it is being called off already. Raises `Rejected`."""
    saga = turn.saga
    if command.user_id != saga.organiser_id:
        if any(share.user_id == command.user_id for share in saga.shares):
            raise Rejected("forbidden", "Only the organiser may call the trip off.")
        raise Rejected("not_found", "There is no such booking.")
    if saga.state in ("UNWINDING", "CANCELLED"):
        return False
    bought = [part for part in saga.parts if not part.is_dropped and is_booked(part)]
    if saga.state in FREE and not bought:
        if any(_is_being_bought(turn, part) for part in saga.parts):
            raise Rejected(
                "conflict", "The booking is being made right now. Try again in a minute."
            )
        unwind(turn, CALLED_OFF)
        return True
    if saga.question is not None and saga.question.kind == "refund":
        return False
    live = [part for part in saga.parts if not part.is_dropped and not part.is_gone]
    if saga.state == "COMPLETED" and live and all(_takes_back(part) for part in live):
        _ask(turn)
        return True
    if saga.state == "MANUAL":
        raise Rejected("conflict", "Somebody of our team is looking into this booking already.")
    if saga.state == "TICKETING" or saga.state in FREE:
        raise Rejected(
            "conflict", "It is being booked right now and cannot be called off any more."
        )
    raise Rejected("conflict", "It is booked, and the supplier does not take it back.")


def _is_being_bought(turn: Turn, part: Part) -> bool:
    """What is bought by its order cannot be stopped on its way; a reservation can."""
    return not part.holds and (is_order_busy(turn.saga, part) or part.is_doubtful)


def _takes_back(part: Part) -> bool:
    """Whether its supplier can be asked to, by its own rules."""
    return part.cancels == "policy" and not is_by_hand(part)


def _ask(turn: Turn) -> None:
    until = turn.now + REFUND_AFTER
    options = (Option(id=AGREE, text=AGREE_TEXT), Option(id=KEEP, text=KEEP_TEXT))
    ask(turn, "refund", options, (turn.saga.organiser_id,), expires_at=until)
    turn.set_deadline("refund", until)
    turn.say("The organiser is asked whether to call the trip off by the suppliers' rules.")


def advance_refund(turn: Turn) -> None:
    """An answer to whether a booked trip is to be called off."""
    question = turn.saga.question
    if question is None or question.kind != "refund" or not question.answers:
        return
    answers = set(question.answers.values())
    close(turn)
    turn.set_deadline("refund", None)
    if answers == {AGREE}:
        turn.update(by_policy=True)
        for part in turn.saga.parts:
            turn.put_part(replace(part, refusal=""))
        unwind(turn, "The organiser has called the trip off. What suppliers return is given back.")
    else:
        turn.say("The trip stays booked.")


def operate(turn: Turn, command: Operate) -> bool:
    """Raises `Rejected` where the word makes no sense."""
    saga = turn.saga
    if saga.state in TERMINAL:
        raise Rejected("conflict", "This booking has ended.")
    match command.action:
        case "retry":
            _retry(turn)
        case "compensate":
            _compensate(turn)
        case "settle":
            _settle(turn, command.note)
    return True


def _retry(turn: Turn) -> None:
    """Look at everything again, now. Of a stay that nobody here can look for: it was not booked, try
    once more. (Said of a manual booking, only that it goes on from where it was.)"""
    saga = turn.saga
    was_asked = saga.state == "HOTEL_UNKNOWN"
    turn.update(next_look_at={}, tries={}, is_stuck=False)
    if saga.state == "MANUAL" and saga.manual_from is not None:
        names = {"TICKETING": "ticketing", "HOTEL": "held", "HOTEL_UNKNOWN": "held"}
        name = names.get(saga.manual_from, "alarm")
        turn.go(saga.manual_from, manual_reason="", deadlines={name: turn.now + TICKET_AFTER})
        if saga.manual_from == "TICKETING":
            for part in turn.saga.parts:  # what refused to issue them is asked once more
                turn.put_part(replace(part, refusal=""))
        for share in turn.saga.shares:
            for payment in share.payments:
                if payment.has_refund_failed:
                    turn.put_payment(share.id, replace(payment, has_refund_failed=False))
    if was_asked:
        for part in turn.saga.parts:
            if part.is_doubtful and not part.finds:
                turn.put_part(replace(part, is_doubtful=False, order=None, refusal=""))
    _doubt_everything(turn)


def _doubt_everything(turn: Turn) -> None:
    doubt_all(turn)
    for part in turn.saga.parts:
        if part.order is not None and not part.is_gone:
            doubt_order(turn, part)


def _compensate(turn: Turn) -> None:
    """Undo what can be undone, after what is booked was called off by hand: it is read again, and comes
    back here when it is still booked. What nobody can look for was not made, or is called off: the operator
    has asked."""
    for part in turn.saga.parts:
        if is_by_hand(part):
            turn.put_part(replace(part, is_gone=True))
        elif turn.saga.state in ("HOTEL_UNKNOWN", "MANUAL") and part.is_doubtful and not part.finds:
            turn.put_part(replace(part, is_doubtful=False, order=None, is_gone=True))
    unwind(turn, "The trip could not be booked. Everything is being given back.", is_ordered=True)


def _settle(turn: Turn, note: str) -> None:
    """The rest was done by hand: a stay that was not answered is booked, or a manual booking ends."""
    saga = turn.saga
    unknown = [part for part in saga.parts if part.is_doubtful and part.kind == "hotel"]
    if saga.state == "HOTEL_UNKNOWN" and unknown:
        for part in unknown:
            turn.put_part(replace(part, is_doubtful=False, order=order_by_hand(part)))
        return
    if saga.state != "MANUAL":
        raise Rejected("conflict", "Only a booking that needs a person can be settled.")
    if saga.pending:
        raise Rejected("conflict", "A call is still under way. Try again in a minute.")
    turn.update(manual_reason=f"{saga.manual_reason}; settled: {note}"[:1000])
    for share in turn.saga.shares:
        for payment in share.payments:
            if payment.has_refund_failed:
                turn.put_payment(share.id, replace(payment, has_refund_failed=False))
    is_whole = all(is_booked(part) for part in saga.parts if not part.is_dropped)
    if is_whole:
        complete(turn)
    else:
        cancelled(turn)
