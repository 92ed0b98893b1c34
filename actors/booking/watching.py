"""After a trip was booked (pure): its flights are read until they have left, and what is asked about them."""

from collections.abc import Iterator

from actors.booking.calls import FindAlternative, Look, QuoteRefund, ReadOrder
from actors.booking.flights import watch_every, watched_until
from actors.booking.orders import is_by_hand, is_live
from actors.booking.state import Part, Saga
from actors.booking.turn import (
    Turn,
    is_order_busy,
    order_look,
    other_subject,
    quote_subject,
)


def begin_watch(turn: Turn) -> None:
    """From now on, unless they have left, or nobody knows when they leave. Suppliers show no booked stays."""
    watched = [part for part in turn.saga.parts if _is_watchable(part)]
    until = max((watched_until(part) for part in watched), default=0)
    if until > turn.now:
        turn.set_deadline("watch", until)
        for part in watched:
            if part.is_fresh:
                turn.wait(order_look(part.id), watch_every(part, turn.now))


def end_watch(turn: Turn) -> None:
    """All have left: nobody looks again."""
    for part in turn.saga.parts:
        turn.settled(order_look(part.id))


def is_watched(saga: Saga, part: Part) -> bool:
    return saga.state == "COMPLETED" and "watch" in saga.deadlines and _is_watchable(part)


def takes_back(part: Part) -> bool:
    """Whether its supplier can be asked to, by its own rules."""
    return part.cancels == "policy" and not is_by_hand(part)


def wants_afterwards(saga: Saga, part: Part) -> Iterator[tuple[str, Look]]:
    """What is to be seen of a part of a booked trip."""
    if part.order is None or is_order_busy(saga, part):
        return
    if is_watched(saga, part):
        yield order_look(part.id), ReadOrder(part_id=part.id, order_id=part.order.order_id)
    if _wants_quote(saga, part):
        yield quote_subject(part.id), QuoteRefund(part_id=part.id, order_id=part.order.order_id)
    if is_open_change(part) and not is_sought(part):
        yield other_subject(part.id), FindAlternative(part_id=part.id)


def is_open_change(part: Part) -> bool:
    """Whether its supplier has changed it, and nothing is decided about that."""
    return part.change is not None and not part.change.decision


def is_sought(part: Part) -> bool:
    change = part.change
    return change is None or change.is_sought or change.no_rebook


def is_quoted(part: Part) -> bool:
    """Whether what would come back of it is known, or known not to be known."""
    return part.is_quoted or part.is_gone or not takes_back(part)


def _wants_quote(saga: Saga, part: Part) -> bool:
    is_wanted = saga.wants_refund or is_open_change(part)
    return is_wanted and is_live(part) and not is_quoted(part)


def _is_watchable(part: Part) -> bool:
    is_there = is_live(part) and not part.is_dropped and not is_by_hand(part)
    return is_there and part.kind == "flight" and watched_until(part) > 0
