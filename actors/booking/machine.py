"""The saga of a group booking: what each input does to it (pure). docs/booking.md has its states.

`decide` takes in an input, lets past deadlines take effect at their own time, and goes on by itself as far
as it can. A step whose saga is the one it was given is nothing to commit. Source: APIS §10.
"""

from typing import Final, assert_never

from actors.booking.adjusting import accept_ended, advance_adjusting, open_ended
from actors.booking.calling_off import advance_refund, call_off, operate
from actors.booking.calls import (
    AcceptChange,
    Authorise,
    Call,
    CancelOrder,
    CancelPayment,
    Capture,
    Confirm,
    FindAlternative,
    FindOrders,
    FindPayments,
    Hold,
    OpenPayment,
    OpenReplacement,
    QuoteRefund,
    ReadOrder,
    ReadPayment,
    Refund,
    Release,
    Reprice,
    Screen,
    TellReplaced,
)
from actors.booking.capturing import advance_capture_repair, advance_capturing, advance_letting_go
from actors.booking.collecting import advance_collecting, approve, name_traveller, refuse
from actors.booking.deadlines import next_deadline, ran_out
from actors.booking.deciding import answer
from actors.booking.finishing import finished, opening_notice, words_of
from actors.booking.inquiring import inquired
from actors.booking.looking import hold_back, looks_wanted, wake_at
from actors.booking.moves import manual
from actors.booking.opening import opened
from actors.booking.order_calls import order_call_ended, order_looked, priced
from actors.booking.ordering import (
    advance_held,
    advance_order_unknown,
    advance_ordering,
    advance_ticketing,
)
from actors.booking.orders import doubt_order
from actors.booking.payment_calls import payment_call_ended, payment_looked, suspect
from actors.booking.payments import doubt, doubt_all, has_refund_failed, is_stray, undo
from actors.booking.pricing import advance_reconsent, advance_repricing
from actors.booking.replacing import tell_replaced, told_ended
from actors.booking.screening import advance_ready, screened
from actors.booking.state import TERMINAL, Part, Saga
from actors.booking.stays import advance_hotel, advance_hotel_unknown
from actors.booking.steps import (
    Answer,
    Approve,
    CallEnded,
    CallOff,
    CallOutcome,
    Decline,
    Input,
    Looked,
    Opening,
    Operate,
    Replaced,
    Step,
    TravellerNamed,
    Wake,
)
from actors.booking.supplier_changes import advance_changes, replaced
from actors.booking.turn import Turn
from actors.booking.unwinding import advance_unwinding
from actors.booking.watching import begin_watch, is_watched

__all__ = ["decide", "looks_wanted", "open_saga", "wake_at"]

MAX_MOVES: Final = 64
"""Changes within one step; a bound that is never reached."""


def open_saga(opening: Opening, now: int) -> Step:
    """Raises `Rejected` when it cannot be paid, or not in time."""
    return opening_notice(opened(opening, now))


def decide(saga: Saga, input: Input, now: int) -> Step:
    """One step. Raises `Rejected`: then nothing changed."""
    now = max(now, saga.touched_at)
    turn = Turn(saga, now)
    let_time_pass(turn, now)
    if not _take(turn, input) and turn.saga is saga:
        return Step(saga=saga)
    advance(turn)
    if isinstance(input, Looked):
        hold_back(turn, input.look)
    return finished(saga, turn, is_wake=isinstance(input, Wake))


def let_time_pass(turn: Turn, now: int) -> None:
    """A deadline that is past takes effect at its own time, the earliest first. Nothing is called
    meanwhile: what a state would have done then may be wrong by now."""
    while (due := next_deadline(turn.saga, now)) is not None:
        name, at = due
        turn.now = max(at, turn.saga.entered_at)
        ran_out(turn, name)
    turn.now = now


def _take(turn: Turn, input: Input) -> bool:
    """False: it changes nothing."""
    match input:
        case Approve():
            return approve(turn, input)
        case Decline():
            return refuse(turn, input)
        case Answer():
            return answer(turn, input)
        case CallOff():
            return call_off(turn, input)
        case TravellerNamed():
            return name_traveller(turn, input)
        case Operate():
            return operate(turn, input)
        case Replaced():
            return replaced(turn, input)
        case CallEnded():
            return _ended(turn, input)
        case Looked():
            return _looked(turn, input)
        case Wake():
            _woken(turn, input)
            return True
        case _:
            assert_never(input)


def _ended(turn: Turn, ended: CallEnded) -> bool:
    """The result of an intent is taken in once; of one that is not open it is nothing."""
    pending = next((p for p in turn.saga.pending if p.seq == ended.seq), None)
    if pending is None:
        return False
    turn.update(pending=tuple(p for p in turn.saga.pending if p.seq != ended.seq))
    word, detail = words_of(ended.outcome)
    turn.ended.append((ended.seq, word, detail))
    _route(turn, pending.call, ended.outcome)
    return True


def _route(turn: Turn, call: Call, outcome: CallOutcome) -> None:
    match call:
        case OpenPayment() | Authorise() | Capture() | CancelPayment() | Refund():
            payment_call_ended(turn, call, outcome)
        case Hold() | Confirm() | Release() | CancelOrder():
            order_call_ended(turn, call, outcome)
        case AcceptChange():
            accept_ended(turn, turn.part(call.part_id), outcome)
        case OpenReplacement():
            open_ended(turn, turn.part(call.part_id), outcome)
        case TellReplaced():
            told_ended(turn, outcome)
        case _:
            assert_never(call)


def _looked(turn: Turn, looked: Looked) -> bool:
    match looked.look:
        case ReadPayment() | FindPayments():
            payment_looked(turn, looked.look, looked.outcome)
        case ReadOrder() | FindOrders():
            order_looked(turn, looked.look, looked.outcome)
        case Reprice():
            priced(turn, looked.look, looked.outcome)
        case QuoteRefund() | FindAlternative():
            inquired(turn, looked.look, looked.outcome)
        case Screen():
            screened(turn, looked.look, looked.outcome)
        case _:
            assert_never(looked.look)
    return True


def _woken(turn: Turn, wake: Wake) -> None:
    is_known = wake.payment_id is None
    for share in turn.saga.shares:
        for payment in share.payments:
            if wake.payment_id is not None and payment.payment_id == wake.payment_id:
                doubt(turn, share.id, payment)
                is_known = True
    if not is_known:
        suspect(turn)
    if wake.is_unnamed:
        doubt_all(turn)
    for part in turn.saga.parts:
        if part.order is None or part.is_gone:
            continue
        if wake.is_unnamed or part.order.order_id == wake.order_id:
            _order_woken(turn, part)


def _order_woken(turn: Turn, part: Part) -> None:
    if turn.saga.state == "COMPLETED" and "watch" not in turn.saga.deadlines:
        begin_watch(turn)  # booked before anybody watched
    if turn.saga.state not in TERMINAL or is_watched(turn.saga, part):
        doubt_order(turn, part)


def advance(turn: Turn) -> None:
    """On by itself, as far as what is known carries."""
    for _ in range(MAX_MOVES):
        before = turn.saga
        _advance_once(turn)
        if turn.saga is before or turn.saga == before:
            return
    raise AssertionError(f"{turn.saga.booking_id} does not come to rest in {turn.saga.state}")


def _advance_once(turn: Turn) -> None:
    match turn.saga.state:
        case "COLLECTING" | "RESPLIT":
            advance_collecting(turn)
        case "READY":
            advance_ready(turn)
        case "REPRICING":
            advance_repricing(turn)
        case "RECONSENT":
            advance_reconsent(turn)
        case "ORDERING":
            advance_ordering(turn)
        case "ORDER_UNKNOWN":
            advance_order_unknown(turn)
        case "HELD":
            advance_held(turn)
        case "CAPTURING":
            advance_capturing(turn)
        case "CAPTURE_REPAIR":
            advance_capture_repair(turn)
        case "LETTING_GO":
            advance_letting_go(turn)
        case "HOTEL":
            advance_hotel(turn)
        case "HOTEL_UNKNOWN":
            advance_hotel_unknown(turn)
        case "TICKETING":
            advance_ticketing(turn)
        case "UNWINDING":
            advance_unwinding(turn)
        case "COMPLETED":
            advance_refund(turn)
            if turn.saga.state == "COMPLETED":
                advance_changes(turn)
            _after_the_end(turn)
        case "ADJUSTING":
            advance_adjusting(turn)
        case "CANCELLED":
            _after_the_end(turn)
        case "MANUAL":
            pass
        case _:
            assert_never(turn.saga.state)


def _after_the_end(turn: Turn) -> None:
    if turn.saga.state in TERMINAL:
        _let_go_strays(turn)
        tell_replaced(turn)
        _notice_failed_refund(turn)


def _let_go_strays(turn: Turn) -> None:
    """A payment that came to light after the end may hold money: it is let go. APIS §10.8."""
    for share in turn.saga.shares:
        for payment in share.payments:
            if is_stray(payment):
                undo(turn, share.id, payment)


def _notice_failed_refund(turn: Turn) -> None:
    """A refund may fail days later: then somebody has to pay it otherwise."""
    if turn.saga.state in TERMINAL and has_refund_failed(turn.saga):
        manual(turn, "A refund failed after the end: it has to be paid otherwise")
