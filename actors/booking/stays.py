"""HOTEL and HOTEL_UNKNOWN: the stays, one after another, after everything is paid (pure).

A stay that cannot be booked: when nothing is bought yet, everything is undone; when something is (and may not
be undone without a loss), the booking goes on without it and gives its price back, by what everybody paid.
"""

from typing import Final

from msgspec.structs import replace

from actors.booking.collecting import keep_payments
from actors.booking.moves import manual, ticket, unwind
from actors.booking.order_calls import NOT_SENT, proven_none
from actors.booking.orders import (
    call_hold,
    call_issue,
    is_booked,
    is_proven_none,
    stays_of,
)
from actors.booking.postings import portions, spend
from actors.booking.state import Part
from actors.booking.timing import MAX_ATTEMPTS
from actors.booking.turn import Turn, is_order_busy, order_subject
from protocol.frames import Money

_LATER: Final = frozenset({NOT_SENT, "quota"})


def advance_hotel(turn: Turn) -> None:
    keep_payments(turn)
    for stay in stays_of(turn.saga):
        if is_booked(stay):
            spend(turn, stay)
            continue
        _book(turn, stay)
        return
    ticket(turn)


def _book(turn: Turn, stay: Part) -> None:
    subject = order_subject(stay.id)
    if is_order_busy(turn.saga, stay):
        return
    if stay.is_doubtful:
        _unknown(turn)
    elif stay.refusal:
        if stay.refusal not in _LATER or turn.saga.tries.get(subject, 0) >= MAX_ATTEMPTS:
            give_up(turn, stay)
        elif turn.is_open(subject):
            call_hold(turn, stay)
    elif stay.is_gone:
        give_up(turn, stay)
    elif stay.order is None:
        if turn.is_open(subject):
            call_hold(turn, stay)
    elif stay.order.status == "held" and stay.is_fresh and turn.is_open(subject):
        call_issue(turn, stay)


def _unknown(turn: Turn) -> None:
    held = {k: v for k, v in turn.saga.deadlines.items() if k == "held"}
    turn.go("HOTEL_UNKNOWN", deadlines=held)
    turn.say("The hotel has not answered. We are finding out whether the stay is booked.")


def give_up(turn: Turn, stay: Part) -> None:
    """The stay is certainly not booked, and will not be."""
    if not any(is_booked(part) for part in turn.saga.parts if part.id != stay.id):
        unwind(turn, "The stay could not be booked. Everything is being given back.")
        return
    saga = turn.saga
    for share_id, portion in portions(turn, stay.total.amount).items():
        share = turn.share(share_id)
        amount = Money(amount=share.amount.amount - portion, currency=saga.total.currency)
        turn.put_share(replace(share, amount=amount))
    total = Money(amount=saga.total.amount - stay.total.amount, currency=saga.total.currency)
    turn.put_part(replace(turn.part(stay.id), is_dropped=True))
    turn.update(total=total)
    turn.go("HOTEL")
    turn.say_news(
        "One stay could not be booked: {back_money} are being given back.", back_money=stay.total
    )


def advance_hotel_unknown(turn: Turn) -> None:
    keep_payments(turn)
    for stay in stays_of(turn.saga):
        if stay.is_doubtful and not stay.finds and is_proven_none(turn, stay, None):
            proven_none(turn, stay)
    if not any(stay.is_doubtful for stay in stays_of(turn.saga)):
        turn.go("HOTEL")


def hotel_ran_out(turn: Turn) -> None:
    """Until then the stays had to be booked."""
    if any(stay.is_doubtful or is_order_busy(turn.saga, stay) for stay in stays_of(turn.saga)):
        manual(turn, "Whether a stay is booked could not be found out in time")
    else:
        unwind(turn, "The stay could not be booked in time. Everything is being given back.")
