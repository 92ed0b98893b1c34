"""Calling a booking off, and what operators may do (pure)."""

from typing import Final

from msgspec.structs import replace

from actors.booking.adjusting import record
from actors.booking.inquiring import FORECAST, begin_forecast, forecast, wait_for_suppliers
from actors.booking.moves import REFUND_FAILED, afterwards, cancelled, complete, unwind
from actors.booking.orders import doubt_order, is_booked, is_by_hand, order_by_hand
from actors.booking.payments import doubt_all, left_to_refund
from actors.booking.postings import post_by_hand
from actors.booking.questions import AGREE, KEEP, ask, close
from actors.booking.resplitting import plain
from actors.booking.screening import allow, say_by_hand, screen_again
from actors.booking.state import TERMINAL, Change, Option, Part, Saga, SagaState
from actors.booking.steps import CallOff, Operate
from actors.booking.timing import REFUND_AFTER, TICKET_AFTER
from actors.booking.turn import Turn, is_order_busy
from actors.booking.watching import begin_watch, is_open_change, is_quoted, takes_back
from core.errors import Rejected
from protocol.frames import Money

FREE: Final[frozenset[SagaState]] = frozenset(
    {
        "COLLECTING",
        "RESPLIT",
        "READY",
        "REPRICING",
        "RECONSENT",
        "ORDERING",
        "ORDER_UNKNOWN",
        "HELD",
        "CAPTURING",
        "CAPTURE_REPAIR",
        "LETTING_GO",
        "HOTEL",
    }
)
CALLED_OFF: Final = "The organiser has called the trip off. Nobody pays."
AGREE_TEXT: Final = "Call it off: {back_money} of {paid_money} come back."
AGREE_OPEN_TEXT: Final = (
    "Call it off. What comes back is not known yet: the suppliers keep what their rules allow."
)
CALL_UNDER_WAY: Final = "A call is still under way. Try again in a minute."
ASKED_FIRST: Final = "First it is asked how to go on with the flight that has changed."
RETURNED_TEXT: Final = (
    "Our team has settled it with the supplier: {back_money} of {paid_money} come back."
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
        turn.update(is_called_off=True)
        unwind(turn, CALLED_OFF)
        return True
    if saga.wants_refund or (saga.question is not None and saga.question.kind == "refund"):
        return False
    live = _live(saga)
    if saga.state == "COMPLETED" and any(is_open_change(part) for part in saga.parts):
        raise Rejected("conflict", ASKED_FIRST)
    if saga.state == "COMPLETED" and live and all(takes_back(part) for part in live):
        begin_forecast(turn, live)
        turn.say(
            "The organiser wants to call the trip off: the suppliers are asked what comes back."
        )
        return True
    if saga.state == "MANUAL":
        raise Rejected("conflict", "Somebody of our team is looking into this booking already.")
    if saga.state == "ADJUSTING":
        raise Rejected("conflict", "It is being changed right now. Try again in a minute.")
    if saga.state == "TICKETING" or saga.state in FREE:
        raise Rejected(
            "conflict", "It is being booked right now and cannot be called off any more."
        )
    raise Rejected("conflict", "It is booked, and the supplier does not take it back.")


def _is_being_bought(turn: Turn, part: Part) -> bool:
    """What is bought by its order cannot be stopped on its way; a reservation can."""
    return not part.holds and (is_order_busy(turn.saga, part) or part.is_doubtful)


def _live(saga: Saga) -> list[Part]:
    return [part for part in saga.parts if not part.is_dropped and not part.is_gone]


def _ask(turn: Turn) -> None:
    turn.update(wants_refund=False)
    turn.set_deadline(FORECAST, None)
    until = turn.now + REFUND_AFTER
    back = forecast(turn.saga, _live(turn.saga))
    agree = Option(id=AGREE, text=AGREE_OPEN_TEXT)
    if back is not None:
        currency = turn.saga.total.currency
        params: dict[str, object] = {
            "back_money": plain(Money(amount=sum(back.values()), currency=currency)),
            "paid_money": plain(turn.saga.total),
        }
        agree = Option(id=AGREE, text=AGREE_TEXT, params=params, shares=dict(back))
    quoted = {part.id: part.quoted for part in _live(turn.saga) if part.quoted is not None}
    options = (replace(agree, promised=quoted), Option(id=KEEP, text=KEEP_TEXT))
    ask(turn, "refund", options, (turn.saga.organiser_id,), expires_at=until)
    turn.set_deadline("refund", until)
    turn.say("The organiser is asked whether to call the trip off by the suppliers' rules.")


def advance_refund(turn: Turn) -> None:
    """Whether a booked trip is to be called off: asked once it is known what comes back, and answered."""
    question = turn.saga.question
    if question is None and turn.saga.wants_refund:
        live = _live(turn.saga)
        if not live:
            turn.update(wants_refund=False)
        elif all(is_quoted(part) for part in live):
            _ask(turn)
        else:
            wait_for_suppliers(turn, FORECAST)
        return
    if question is None or question.kind != "refund" or not question.answers:
        return
    answers = set(question.answers.values())
    close(turn)
    turn.set_deadline("refund", None)
    if answers == {AGREE}:
        turn.update(by_policy=True, is_called_off=True)
        # What was told then: of a flight that has changed since it is asked anew.
        told = question.options[0].promised
        for part in turn.saga.parts:
            promised = part.quoted if told is None else told.get(part.id)
            turn.put_part(replace(part, refusal="", promised=None if part.is_gone else promised))
        unwind(turn, "The organiser has called the trip off. What suppliers return is given back.")
    else:
        turn.say("The trip stays booked.")


def operate(turn: Turn, command: Operate) -> bool:
    """Raises `Rejected` where the word makes no sense."""
    saga = turn.saga
    if saga.state in TERMINAL:
        is_asked = saga.state == "COMPLETED" and any(is_open_change(part) for part in saga.parts)
        raise Rejected("conflict", ASKED_FIRST if is_asked else "This booking has ended.")
    match command.action:
        case "retry":
            _retry(turn)
        case "compensate":
            say_by_hand(turn, "deny", command.operator)
            _compensate(turn)
        case "settle":
            _settle(turn, command.note)
        case "allow":
            allow(turn, command.operator)
        case "returned":
            _returned(turn, command.part_id, command.amount)
    return True


def _retry(turn: Turn) -> None:
    """Look at everything again, now. Of a stay that nobody here can look for: it was not booked, try
    once more. (Said of a manual booking, only that it goes on from where it was.)"""
    saga = turn.saga
    was_asked = saga.state == "HOTEL_UNKNOWN"
    screen_again(turn)
    turn.update(next_look_at={}, tries={}, is_stuck=False)
    if saga.state == "MANUAL" and saga.manual_from is not None:
        _go_back(turn, saga.manual_from)
        if saga.manual_from in ("TICKETING", "ADJUSTING"):
            for part in turn.saga.parts:  # what was refused is asked once more
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


def _go_back(turn: Turn, state: SagaState) -> None:
    """To where a person was needed. What was called off is undone until nothing is left, as before its end."""
    if state == "COMPLETED":
        turn.go(state, manual_reason="", deadlines=afterwards(turn))
        begin_watch(turn)
        return
    names = {"TICKETING": "ticketing", "HOTEL": "held", "HOTEL_UNKNOWN": "held"}
    deadlines = {names.get(state, "alarm"): turn.now + TICKET_AFTER}
    turn.go("UNWINDING" if state == "CANCELLED" else state, manual_reason="", deadlines=deadlines)


def _returned(turn: Turn, part_id: str, amount: Money | None) -> None:
    """A part that people gave up was called off by hand, and its supplier has said what it returns: from there
    on as if it had told us."""
    saga = turn.saga
    given_up = [
        part for part in saga.parts if _is_given_up(saga, part) and part_id in ("", part.id)
    ]
    if saga.state != "MANUAL" or saga.manual_from is None or not given_up:
        raise Rejected("conflict", "Nothing that was given up waits for its supplier's money.")
    if saga.pending:
        raise Rejected("conflict", CALL_UNDER_WAY)
    if len(given_up) > 1:
        text = "Several parts of the trip were given up: say which."
        raise Rejected("bad_request", text, fields=(("partId", text),))
    [part] = given_up
    if not _can_return(saga, part, amount):
        text = "This is no amount that can be given back of it."
        raise Rejected("bad_request", text, fields=(("amount", text),))
    back = 0 if amount is None else amount.amount
    turn.put_part(replace(part, is_gone=True, is_fresh=True, returned=back, refusal=""))
    turn.update(next_look_at={}, tries={}, is_stuck=False)
    _go_back(turn, saga.manual_from)
    turn.say_news(RETURNED_TEXT, back_money=amount, paid_money=part.total)


def _is_given_up(saga: Saga, part: Part) -> bool:
    """Whether those concerned agreed to get back what its supplier returns, and nobody has said how much."""
    is_agreed = saga.by_policy or (part.change is not None and part.change.decision == "refund")
    return is_agreed and part.is_paid and part.returned is None


def _can_return(saga: Saga, part: Part, amount: Money | None) -> bool:
    if amount is None or amount.currency != part.total.currency:
        return False
    return 0 <= amount.amount <= part.total.amount and amount.amount % saga.provider.unit == 0


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


def _settle_change(turn: Turn, part: Part, change: Change) -> None:
    """What was decided about a supplier's change was seen to by hand."""
    if part.is_gone or change.decision == "refund":
        turn.put_part(replace(part, change=None, is_gone=True, is_given_back=True))
    else:
        record(turn, part)


def _pay_by_hand(turn: Turn) -> None:
    """What refunds that failed had left was paid otherwise."""
    saga = turn.saga
    for share in saga.shares:
        for payment in share.payments:
            if payment.has_refund_failed:
                left = left_to_refund(saga, share, payment)
                settled = replace(
                    payment,
                    has_refund_failed=False,
                    is_settled=True,
                    by_hand=payment.by_hand + left,
                )
                turn.put_payment(share.id, settled)
                post_by_hand(turn, share.id, settled, left)


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
        raise Rejected("conflict", CALL_UNDER_WAY)
    reason = f"{saga.manual_reason}; settled: {note}"[:1000]
    turn.update(manual_reason=reason)
    _pay_by_hand(turn)
    if saga.manual_reason == REFUND_FAILED and saga.manual_from is not None:
        # One refund was seen to; what the others get back goes on.
        turn.update(next_look_at={}, tries={}, is_stuck=False)
        _go_back(turn, saga.manual_from)
        turn.update(manual_reason=reason)
        return
    for part in turn.saga.parts:
        if part.change is not None:
            _settle_change(turn, part, part.change)
    there = [p for p in turn.saga.parts if not p.is_dropped and not p.is_given_back]
    if there and all(is_booked(part) for part in there):
        complete(turn)
    else:
        cancelled(turn)
