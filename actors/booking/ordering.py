"""ORDERING, ORDER_UNKNOWN, HELD and TICKETING: the flight (pure). APIS §4.4, §10.3, §10.7."""

from typing import Final

from msgspec.structs import replace

from actors.booking.collecting import keep_payments
from actors.booking.leaving import who_left
from actors.booking.moves import (
    QUOTE_AGAIN,
    REFUND_FAILED,
    SEATS_GONE,
    after_capture,
    capture,
    complete,
    hold,
    manual,
    order,
    order_unknown,
    reprice,
    unwind,
)
from actors.booking.order_calls import NOT_SENT, proven_none
from actors.booking.orders import (
    call_hold,
    call_issue,
    flights_of,
    is_booked,
    is_live,
    is_proven_none,
    is_ticketed,
    order_of,
)
from actors.booking.payments import (
    has_refund_failed,
    is_dead,
    is_kept,
    is_paid,
    left_to_refund,
)
from actors.booking.postings import spend
from actors.booking.pricing import lower
from actors.booking.state import Part
from actors.booking.timing import MAX_ATTEMPTS
from actors.booking.turn import Turn, is_order_busy, order_subject

LATER: Final = frozenset({NOT_SENT, "quota"})
"""Certainly not made, and the next attempt may well be."""
NO_ORDER: Final = "The flight could not be reserved. Nobody pays."
NO_TICKETS: Final = "The tickets could not be issued. Everything is being given back."


def advance_ordering(turn: Turn) -> None:
    keep_payments(turn)
    flights = flights_of(turn.saga)
    if not flights:
        capture(turn)
    elif any(is_order_busy(turn.saga, flight) for flight in flights):
        return
    elif any(flight.is_doubtful for flight in flights):
        order_unknown(turn)
    elif any(flight.is_gone for flight in flights):
        unwind(turn, QUOTE_AGAIN)
    else:
        _order_next(turn, flights)


def _order_next(turn: Turn, flights: tuple[Part, ...]) -> None:
    """The first that there is no order of; once there are all, on."""
    for flight in flights:
        if flight.refusal:
            _refused(turn, flight)
        elif flight.order is None:
            if turn.is_open(order_subject(flight.id)):
                call_hold(turn, flight)
        elif is_live(flight) and not _is_as_agreed(turn, flight):
            unwind(turn, QUOTE_AGAIN)
        elif is_live(flight):
            continue
        return
    if flights[0].holds:
        hold(turn)
    else:
        after_capture(turn)


def _refused(turn: Turn, flight: Part) -> None:
    subject = order_subject(flight.id)
    if flight.refusal in LATER:
        if turn.saga.tries.get(subject, 0) >= MAX_ATTEMPTS:
            unwind(turn, NO_ORDER)
        elif turn.is_open(subject):
            call_hold(turn, flight)
    elif flight.refusal == "price_changed" and flight.holds and not _is_any_live(turn):
        turn.put_part(replace(flight, refusal=""))
        reprice(turn)
    elif flight.refusal in ("sold_out", "expired", "price_changed"):
        unwind(turn, QUOTE_AGAIN)
    else:
        unwind(turn, NO_ORDER)


def _is_any_live(turn: Turn) -> bool:
    """Whether a part of the flight is reserved: then nothing is priced anew, since its price stands."""
    return any(is_live(flight) for flight in flights_of(turn.saga))


def _is_as_agreed(turn: Turn, flight: Part) -> bool:
    price = order_of(flight).total
    is_same = not flight.holds or price is None or price == flight.total
    return is_same or _settle(turn, flight)


def _settle(turn: Turn, flight: Part) -> bool:
    """The order costs something else than was agreed: only less is good."""
    price = flight.order.total if flight.order is not None else None
    if price is None or price.currency != flight.total.currency:
        return False
    fall = flight.total.amount - price.amount
    if fall < 0 or price.amount % turn.saga.provider.unit:
        return False
    if fall and not lower(turn, turn.saga.total.amount - fall):
        return False
    turn.put_part(replace(flight, total=price))
    return True


def advance_order_unknown(turn: Turn) -> None:
    keep_payments(turn)
    if any(is_order_busy(turn.saga, flight) for flight in flights_of(turn.saga)):
        return
    for flight in flights_of(turn.saga):
        if flight.is_doubtful and is_proven_none(turn, flight, None) and not flight.finds:
            proven_none(turn, flight)
    flights = flights_of(turn.saga)
    if not flights or any(flight.is_doubtful for flight in flights):
        return
    if any(flight.order is not None or not flight.holds for flight in flights):
        # As if it had been answered. One that was bought at once is not priced anew, nor is any where
        # others are reserved.
        order(turn)
    else:
        for flight in flights:
            turn.put_part(replace(flight, refusal=""))
        reprice(turn)


def advance_held(turn: Turn) -> None:
    keep_payments(turn)
    orders = [flight.order for flight in flights_of(turn.saga) if flight.order is not None]
    locators = [order.locator for order in orders if order.locator]
    capture(turn)
    if locators:
        turn.say(
            "The seats are reserved ({locator}). The payments are being taken.",
            locator=", ".join(locators),
        )
        for user_id in who_left(turn.saga):
            turn.tell(user_id, "The seats are reserved. The payments are being taken.")
    else:
        turn.say("The seats are reserved. The payments are being taken.")


def advance_ticketing(turn: Turn) -> None:
    """One after another: what one is refused, nobody else has tickets for yet."""
    keep_payments(turn)
    for flight in flights_of(turn.saga):
        if is_order_busy(turn.saga, flight) or flight.order is None:
            return
        if not is_ticketed(turn.saga, flight):
            _have_issued(turn, flight)
            return
        spend(turn, flight)
    _finish(turn)


def _have_issued(turn: Turn, flight: Part) -> None:
    if flight.is_gone:
        unwind(turn, SEATS_GONE)
    elif not flight.is_fresh:
        return
    elif flight.refusal:
        _not_issued(turn, flight)
    elif _awaits_issue(flight) and turn.is_open(order_subject(flight.id)):
        if not all(is_paid(share) for share in turn.saga.shares):
            manual(turn, "Tickets were to be issued before everything was paid")
        else:
            call_issue(turn, flight)


def _awaits_issue(flight: Part) -> bool:
    status = order_of(flight).status
    if status == "confirmed":
        return flight.issues == "explicit" and flight.holds
    return status == "held"


def _not_issued(turn: Turn, flight: Part) -> None:
    if any(one.order is not None and one.order.tickets for one in flights_of(turn.saga)):
        manual(turn, f"Some tickets were issued, and the rest was refused: {flight.refusal}")
    else:
        unwind(turn, NO_TICKETS)


def _finish(turn: Turn) -> None:
    """Done, once nothing is to be given back any more."""
    if has_refund_failed(turn.saga):
        manual(turn, REFUND_FAILED)
        return
    for share in turn.saga.shares:
        for payment in share.payments:
            if left_to_refund(turn.saga, share, payment):
                return
            if payment is not share.payments[-1] and not (is_dead(payment) or payment.captured):
                return
    if not turn.saga.pending:
        complete(turn)


def late_tickets(turn: Turn) -> bool:
    """While everything is being undone: the flight was bought after all, for everybody, and all is paid.
    Then the booking goes on; not where an operator undoes it, who has called off the rest by hand."""
    saga = turn.saga
    flights = flights_of(saga)
    if not flights or saga.by_policy or saga.by_operator:
        return False
    for flight in flights:
        if is_order_busy(saga, flight) or not flight.is_fresh:
            return False
        if not is_ticketed(saga, flight) and (flight.holds or not is_booked(flight)):
            return False
    is_whole = all(is_kept(share) for share in saga.shares)
    if is_whole and not saga.pending:
        turn.update(reason="", deadlines={})
        after_capture(turn)
    return is_whole
