"""How calls about orders ended, and what looks at orders and prices saw (pure). APIS §10.7."""

from typing import Final, assert_never

from msgspec.structs import replace

from actors.booking.calls import (
    CancelOrder,
    Confirm,
    FindOrders,
    Hold,
    ReadOrder,
    Release,
    Reprice,
)
from actors.booking.orders import (
    doubt_order,
    is_proven_none,
    observe_order,
    order_gone,
    reference,
)
from actors.booking.state import Part
from actors.booking.steps import (
    CallOutcome,
    LookOutcome,
    NotThere,
    OrdersFound,
    PricedToday,
)
from actors.booking.timing import CONFIRM_AGAIN, DEAD_MAN, HOUR, MINUTE, REPRICE_TRIES, SECOND
from actors.booking.turn import Turn, is_order_busy, order_look, order_subject, price_subject
from protocol.suppliers import Cancelled, Created, NotSent, Refused, Unsupported
from protocol.travel import OrderState

OrderCall = Hold | Confirm | Release | CancelOrder

NOT_SENT: Final = "not_sent"
RELEASE_AGAIN: Final = 30 * MINUTE
LOOK_AFTER: Final = 10 * SECOND
"""A call that was not answered is not looked for at once: an older look would be mistaken for the answer."""


def order_call_ended(turn: Turn, call: OrderCall, outcome: CallOutcome) -> None:
    part = next((part for part in turn.saga.parts if part.id == call.part_id), None)
    if part is None:
        return
    match call:
        case Hold():
            if call.attempt == part.attempt:
                _held(turn, part, outcome)
        case Confirm() | Release():
            _issued(turn, part, call, outcome)
        case CancelOrder():
            _cancelled(turn, part, outcome)
        case _:
            assert_never(call)


def _held(turn: Turn, part: Part, outcome: CallOutcome) -> None:
    subject = order_subject(part.id)
    match outcome:
        case Created(order=order):
            turn.settled(subject)
            observe_order(turn, part, order)
        case OrderState():
            turn.settled(subject)
            observe_order(turn, part, outcome)
        case NotSent():
            turn.back_off(subject)
            turn.put_part(replace(part, refusal=NOT_SENT))
        case Refused(kind=kind):
            turn.back_off(subject)
            turn.put_part(replace(part, refusal=kind))
        case Unsupported():
            turn.put_part(replace(part, refusal="invalid"))
        case _:
            # Anything else does not prove that nothing was made.
            turn.put_part(replace(part, is_doubtful=True))
            turn.at_once(order_look(part.id))
            if not part.finds:
                turn.wait(order_look(part.id), part.held_at + DEAD_MAN - turn.now)


def _issued(turn: Turn, part: Part, call: Confirm | Release, outcome: CallOutcome) -> None:
    subject = order_subject(part.id)
    match outcome:
        case OrderState() if isinstance(call, Confirm):
            turn.settled(subject)
            turn.wait(subject, RELEASE_AGAIN)
            observe_order(turn, part, outcome)
        case OrderState():
            turn.settled(subject)
            turn.wait(subject, RELEASE_AGAIN)
            doubt_order(turn, part)
        case Refused(kind="quota") | NotSent():
            turn.back_off(subject)
        case Refused(kind=kind):
            turn.back_off(subject)
            doubt_order(turn, replace(part, refusal=kind))
        case Unsupported():
            turn.back_off(subject)
            doubt_order(turn, replace(part, refusal="unsupported"))
        case _:
            turn.back_off(subject)
            if isinstance(call, Confirm):
                # It may still take effect: it is not tried again before that was looked at.
                turn.wait(subject, CONFIRM_AGAIN)
            doubt_order(turn, part)
            turn.wait(order_look(part.id), LOOK_AFTER)


def _cancelled(turn: Turn, part: Part, outcome: CallOutcome) -> None:
    subject = order_subject(part.id)
    match outcome:
        case Cancelled(was_gone=True) if part.is_paid:
            turn.back_off(subject)
            doubt_order(turn, part)  # what came back of it stands in the order
        case Cancelled(refund=refund):
            turn.settled(subject)
            back = refund.amount if refund and refund.currency == part.total.currency else None
            order_gone(turn, replace(part, returned=back))
        case NotSent():
            turn.back_off(subject)
        case Refused(kind="price_changed", price=price):
            is_told = price is not None and price.currency == part.total.currency
            back = min(price.amount, part.total.amount) if price is not None and is_told else None
            part = replace(part, refusal="price_changed", is_quoted=True, quoted=back)
            doubt_order(turn, part)
        case Refused(kind=kind):
            turn.back_off(subject)
            doubt_order(turn, replace(part, refusal=kind))
        case _:
            turn.back_off(subject)
            doubt_order(turn, part)


# ── looks ──


def order_looked(turn: Turn, look: ReadOrder | FindOrders, outcome: LookOutcome) -> None:
    part = next((part for part in turn.saga.parts if part.id == look.part_id), None)
    if part is None or is_order_busy(turn.saga, part):
        return  # a look may be older than the call; its own answer comes
    if isinstance(look, FindOrders):
        _found(turn, part, look, outcome)
    elif part.order is not None and part.order.order_id == look.order_id:
        _read(turn, part, outcome)


def _read(turn: Turn, part: Part, outcome: LookOutcome) -> None:
    match outcome:
        case OrderState():
            # A look that began before a call does not tell how the call ended.
            is_early = not part.is_fresh and not turn.is_open(order_look(part.id))
            until = turn.saga.next_look_at.get(order_look(part.id), turn.now)
            observe_order(turn, part, outcome)
            if is_early and outcome.status in ("pending", "held"):
                doubt_order(turn, turn.part(part.id))
                turn.wait(order_look(part.id), until - turn.now)
        case NotThere():
            order_gone(turn, part)
        case Unsupported():
            _not_shown(turn, part)
        case _ if turn.saga.state == "COMPLETED":
            # Many booked trips may wait for one supplier, and none of them is in a hurry.
            tries = turn.back_off(order_look(part.id))
            turn.wait(order_look(part.id), min(HOUR, MINUTE << min(tries, 6)))
        case _:
            turn.put_part(replace(part, is_fresh=False))
            turn.back_off(order_look(part.id))


def _not_shown(turn: Turn, part: Part) -> None:
    """Its supplier shows no such orders, so that it stands as it was answered. What an operator undoes was
    called off by hand; and what became of one that was not made out yet only they can find out."""
    turn.settled(order_look(part.id))
    if turn.saga.state == "UNWINDING" and turn.saga.by_operator:
        order_gone(turn, part)
    else:
        is_open = part.order is not None and part.order.status == "pending"
        turn.put_part(replace(part, is_fresh=True, is_doubtful=is_open, finds=False))


def _found(turn: Turn, part: Part, look: FindOrders, outcome: LookOutcome) -> None:
    if not part.is_doubtful or look.reference != reference(turn.saga, part):
        return
    match outcome:
        case OrdersFound(orders=orders, complete_until=until):
            mine = [order for order in orders if order.reference in (None, look.reference)]
            mine.sort(key=lambda order: order.status == "cancelled")
            if mine:
                observe_order(turn, part, mine[0])
            elif is_proven_none(turn, part, until):
                proven_none(turn, part)
            else:
                turn.back_off(order_look(part.id))
        case Unsupported():
            turn.put_part(replace(part, finds=False))
            turn.wait(order_look(part.id), part.held_at + DEAD_MAN - turn.now)
        case _:
            turn.back_off(order_look(part.id))


def proven_none(turn: Turn, part: Part) -> None:
    """The newest attempt made nothing."""
    turn.settled(order_look(part.id))
    turn.put_part(replace(part, is_doubtful=False, order=None, refusal=NOT_SENT))


def priced(turn: Turn, look: Reprice, outcome: LookOutcome) -> None:
    """Today's price of a part, or why there is none."""
    part = next((part for part in turn.saga.parts if part.id == look.part_id), None)
    if part is None or turn.saga.state != "REPRICING" or part.is_priced:
        return
    subject = price_subject(part.id)
    match outcome:
        case PricedToday(offer=offer):
            turn.settled(subject)
            turn.put_part(replace(part, offer=offer, is_priced=True, must_search=False))
        case Refused(kind="quota"):
            if turn.back_off(subject) >= REPRICE_TRIES:
                turn.put_part(replace(part, refusal="unpriced"))
        case Refused(kind=kind, price=price):
            if kind == "price_changed" and price is not None and not part.refusal:
                turn.back_off(subject)
            else:
                turn.put_part(replace(part, refusal=kind))
        case _:
            if turn.back_off(subject) >= REPRICE_TRIES:
                turn.put_part(replace(part, refusal="unpriced"))
