"""What happens when time runs out, state by state (pure). Each takes effect at its own time."""

from typing import Final

from actors.booking.collecting import remind
from actors.booking.inquiring import FORECAST, INQUIRY, inquiry_ran_out
from actors.booking.moves import NOT_TAKEN, ask_after_hold, manual, resplit, unwind
from actors.booking.orders import flights_of, is_ticketed
from actors.booking.payments import doubt
from actors.booking.pricing import NO_PRICE, is_about_price
from actors.booking.questions import close
from actors.booking.screening import review_ran_out
from actors.booking.state import Saga
from actors.booking.stays import hotel_ran_out
from actors.booking.supplier_changes import decide
from actors.booking.timing import RECHECK_AFTER, RECHECK_UNTIL
from actors.booking.turn import Turn
from actors.booking.watching import end_watch

NOT_ORDERED: Final = "The flight could not be reserved in time. Nobody pays."


def next_deadline(saga: Saga, now: int) -> tuple[str, int] | None:
    """The earliest that is past."""
    past = [(at, name) for name, at in saga.deadlines.items() if at <= now]
    if not past:
        return None
    at, name = min(past)
    return name, at


def ran_out(turn: Turn, name: str) -> None:
    """`turn.now` is the deadline's own time. It is forgotten, whatever comes of it."""
    turn.set_deadline(name, None)
    state = turn.saga.state
    if name == FORECAST or name.startswith(INQUIRY):
        inquiry_ran_out(turn, name)
        return
    match name, state:
        case "remind", _:
            remind(turn)
        case "collect", "COLLECTING" | "RESPLIT":
            _collected(turn)
        case "resplit", "RESPLIT":
            unwind(turn, "Nobody decided how to go on in time. Nobody pays.")
        case "review", "READY" | "CAPTURE_REPAIR":
            review_ran_out(turn)
        case "reprice", "REPRICING":
            unwind(turn, NO_PRICE)
        case "reconsent", "RECONSENT":
            _no_consent(turn)
        case "order", "ORDERING":
            _not_ordered(turn)
        case "unknown", "ORDER_UNKNOWN" | "ORDERING":
            unwind(turn, "The airline did not answer in time. Nobody pays.")
        case "held", "ORDERING" | "ORDER_UNKNOWN":
            unwind(turn, NOT_ORDERED)
        case "held", "HELD" | "CAPTURING" | "CAPTURE_REPAIR":
            unwind(turn, "Not everything was paid before the seats were let go. Nobody pays.")
        case "held", "HOTEL" | "HOTEL_UNKNOWN":
            hotel_ran_out(turn)
        case "repair", "CAPTURE_REPAIR":
            ask_after_hold(turn, NOT_TAKEN)
        case "resplit", "CAPTURE_REPAIR":
            unwind(turn, NOT_TAKEN)
        case "letting_go", "LETTING_GO":
            unwind(turn, "The seats could not be changed in time. Everything is being given back.")
        case "ticketing", "TICKETING":
            _no_tickets(turn)
        case "alarm", _:
            turn.update(is_stuck=True)
        case _:
            _ran_out_afterwards(turn, name)


def _ran_out_afterwards(turn: Turn, name: str) -> None:
    """Once it is booked, or called off."""
    match name, turn.saga.state:
        case "refund", _:
            if turn.saga.question is not None and turn.saga.question.kind == "refund":
                close(turn)
                turn.say("The trip stays booked.")
        case "change", "COMPLETED":
            question = turn.saga.question
            if question is not None and question.kind == "supplier_change":
                decide(turn, question)
        case "watch", "COMPLETED":
            end_watch(turn)
        case "recheck", "COMPLETED" | "CANCELLED":
            _recheck(turn)
        case _:
            pass


def _collected(turn: Turn) -> None:
    """The time to pay is over: whoever is missing is decided about, also where somebody said no before."""
    turn.set_deadline("resplit", None)
    resplit(turn)


def _not_ordered(turn: Turn) -> None:
    if turn.saga.pending:
        turn.set_deadline("order", turn.now + 60_000)
    else:
        unwind(turn, NOT_ORDERED)


def _recheck(turn: Turn) -> None:
    """What was given back may have come back since."""
    for share in turn.saga.shares:
        for payment in share.payments:
            if payment.refunded:
                doubt(turn, share.id, payment)
    age = turn.now - turn.saga.entered_at
    if age < RECHECK_UNTIL:
        turn.set_deadline("recheck", turn.now + max(age, RECHECK_AFTER))


def _no_consent(turn: Turn) -> None:
    if is_about_price(turn.saga):
        unwind(turn, "Not everybody agreed to the new price in time. Nobody pays.")
    else:
        unwind(turn, "Not everybody agreed to the new shares in time. Nobody pays.")


def _no_tickets(turn: Turn) -> None:
    flights = flights_of(turn.saga)
    if all(is_ticketed(turn.saga, flight) for flight in flights):
        turn.update(is_stuck=True)  # what is left is to be given back
    elif any(flight.order is not None and flight.order.tickets for flight in flights):
        manual(turn, "Only some tickets were issued in time")
    else:
        unwind(turn, "The tickets were not issued in time. Everything is being given back.")
