"""UNWINDING: until nothing is held, ordered or kept any more (pure). APIS §10.4, §10.8.

Level-triggered: whatever could exist is read, and what exists is undone, for ever. Orders go first where
money may have been spent on them; what is merely held on cards is let go at once.
"""

from typing import Final

from msgspec.structs import replace

from actors.booking.moves import REFUND_FAILED, cancelled, manual
from actors.booking.order_calls import proven_none
from actors.booking.ordering import late_tickets
from actors.booking.orders import (
    is_booked,
    is_proven_none,
    may_be_bought,
    undo_order,
)
from actors.booking.payments import has_refund_failed, status_of, undo
from actors.booking.postings import lower_to_kept, take_back
from actors.booking.state import Part, Saga
from actors.booking.timing import ALARM_UNWINDING
from actors.booking.turn import Turn, is_order_busy
from protocol.frames import Money

BOUGHT: Final = "Something is booked that cannot be undone by itself"
NOBODY_KNOWS: Final = "Something may be booked, and its supplier cannot be asked by itself"
SILENT: Final = "A supplier did not say what it returns"
SILENT_NOW: Final = (
    "The supplier does not say any more what it would return. You are asked again how to go on."
)
LESS: Final = (
    "The supplier would return less by now: {back_money}. You are asked again how to go on."
)


def advance_unwinding(turn: Turn) -> None:
    for part in turn.saga.parts:
        if part.is_doubtful and not part.finds and is_proven_none(turn, part, None):
            proven_none(turn, part)
    if late_tickets(turn) or _is_less(turn):
        return
    if any(_is_bought(turn.saga, part) for part in turn.saga.parts):
        manual(turn, BOUGHT)
        return
    if any(_is_beyond_us(turn.saga, part) for part in turn.saga.parts):
        manual(turn, NOBODY_KNOWS)
        return
    orders = [_undo_part(turn, part) for part in turn.saga.parts]
    payments = [_undo_share(turn, share.id) for share in turn.saga.shares]
    if has_refund_failed(turn.saga):
        manual(turn, REFUND_FAILED)
    elif all(orders) and all(payments) and not turn.saga.pending:
        cancelled(turn)


def _is_less(turn: Turn) -> bool:
    """Whether a supplier would return less than people agreed to, and is not to be asked for that. Then what
    went so far is paid back, the rest stays booked, and people are asked again. Where another flight is
    booked in its place already, it goes whatever comes back."""
    for part in turn.saga.parts:
        if part.refusal != "price_changed" or not turn.saga.by_policy or part.is_gone:
            continue
        if not part.is_fresh or is_order_busy(turn.saga, part):
            continue
        if part.change is not None and part.change.is_replaced:
            turn.put_part(replace(part, refusal="", promised=None))
            continue
        if not turn.saga.pending:
            _stay_booked(turn, part)
        return True
    return False


def _stay_booked(turn: Turn, part: Part) -> None:
    gone = [p for p in turn.saga.parts if p.is_gone and not p.is_dropped and not p.is_given_back]
    if any(one.returned is None for one in gone):
        manual(turn, SILENT)
        return
    for one in gone:
        lower_to_kept(turn, one)
    change = part.change
    if change is None:
        turn.update(wants_refund=True)
    else:
        change = replace(change, decision="")
    turn.put_part(replace(part, refusal="", promised=None, change=change))
    turn.go("ADJUSTING", deadlines={"alarm": turn.now + ALARM_UNWINDING}, reason="")
    turn.update(by_policy=False)
    tell_less(turn, part)


def tell_less(turn: Turn, part: Part) -> None:
    """Of a part whose supplier would return less than people were told."""
    if part.quoted is None:
        turn.say_news(SILENT_NOW)
    else:
        back = Money(amount=part.quoted, currency=part.total.currency)
        turn.say_news(LESS, back_money=back)


def _is_bought(saga: Saga, part: Part) -> bool:
    """Whether undoing it would lose somebody's money, and nobody has agreed to that."""
    if part.order is None or part.is_gone or not part.is_fresh or is_order_busy(saga, part):
        return False
    if saga.by_policy and part.cancels == "policy":
        return part.refusal not in ("", "quota")  # it was asked, and would not
    is_paid_for = (
        part.order.status == "confirmed" and part.is_released and part.issues == "by_supplier"
    )
    return is_booked(part) or is_paid_for


def _is_beyond_us(saga: Saga, part: Part) -> bool:
    """An order that may have been made for good, at a supplier who keeps no list."""
    return part.is_doubtful and not part.finds and not part.holds and not is_order_busy(saga, part)


def _is_called_off(saga: Saga) -> bool:
    """By an operator, who sees to it that the supplier returns everything."""
    return saga.by_operator and not saga.by_policy


def _undo_part(turn: Turn, part: Part) -> bool:
    if part.is_gone and part.is_paid and part.returned is None and _is_called_off(turn.saga):
        part = replace(part, returned=part.total.amount)
    if part.is_gone and part.is_paid and part.returned is not None:
        take_back(turn, part)
        return True
    if part.is_gone and part.is_paid:
        manual(turn, SILENT)
        return False
    return undo_order(turn, part)


def _undo_share(turn: Turn, share_id: str) -> bool:
    share = turn.share(share_id)
    is_done = True
    for payment in share.payments:
        if status_of(payment) == "captured" and any(
            may_be_bought(turn.saga, part) for part in turn.saga.parts
        ):
            is_done = False  # the order may have been paid for: money goes back when it is gone
        else:
            is_done = undo(turn, share_id, payment) and is_done
    return is_done
