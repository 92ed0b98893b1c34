"""A booking that was opened in another one's place tells it how it ended (pure)."""

from actors.booking.calls import TellReplaced
from actors.booking.state import Saga
from actors.booking.steps import CallOutcome, ReplacedTold
from actors.booking.turn import REPLACEMENT, Turn
from protocol.suppliers import Refused


def tell_replaced(turn: Turn) -> None:
    """After the end, until it is heard: booked, the other one gives its flight up; else that one stands."""
    saga = turn.saga
    if saga.replaces is None or saga.has_told or _is_under_way(saga):
        return
    if turn.is_open(REPLACEMENT):
        is_booked = saga.state == "COMPLETED"
        key = f"cv:{saga.booking_id}:replaces:{'booked' if is_booked else 'not'}"
        turn.call(TellReplaced(booking_id=saga.replaces, is_booked=is_booked, key=key))


def told_ended(turn: Turn, outcome: CallOutcome) -> None:
    match outcome:
        case ReplacedTold() | Refused():
            turn.settled(REPLACEMENT)
            turn.update(has_told=True)
        case _:
            turn.back_off(REPLACEMENT)


def _is_under_way(saga: Saga) -> bool:
    return any(isinstance(pending.call, TellReplaced) for pending in saga.pending)
