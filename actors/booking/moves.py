"""From one state into another (pure): what begins there, what is waited for, what people are told."""

from msgspec.structs import replace

from actors.booking.orders import doubt_order, flights_of, is_booked, is_live, stays_of
from actors.booking.payments import doubt_all, given_back, taken
from actors.booking.questions import close
from actors.booking.resplitting import ask_organiser, missing_shares, options_for
from actors.booking.state import Part, Saga
from actors.booking.timing import (
    ALARM_CAPTURING,
    ALARM_UNKNOWN,
    ALARM_UNWINDING,
    BEFORE_EXPIRY,
    BEFORE_LETTING_GO,
    CAPTURE_AFTER,
    COLLECT_AGAIN,
    COLLECT_LEAST,
    HOUR,
    LET_GO_WITHIN,
    MAX_ROUNDS,
    ORDER_AFTER,
    RECHECK_AFTER,
    REPAIR_AFTER,
    REPRICE_AFTER,
    RESPLIT_AFTER,
    REVIEW_AFTER,
    STAY_AFTER,
    TICKET_AFTER,
    UNKNOWN_AFTER,
    collecting,
)
from actors.booking.turn import SCREEN, Turn
from actors.booking.watching import begin_watch

QUOTE_AGAIN = "The price or the seats are gone. Ask for a new quote: nobody pays for this one."

NOT_TAKEN = "One payment could not be taken in time. Everything is being given back."
GOES_ON = "The trip goes on for fewer travellers. It is priced anew for them."

SEATS_GONE = "The airline let the seats go. Everything is being given back."

REFUND_FAILED = "A refund failed or was refused: it has to be paid otherwise"


def first_expiry(saga: Saga) -> tuple[int, str] | None:
    """When collecting must have ended because of the authorisation that runs out first, and whose that is."""
    limits = [
        (
            max(payment.seen.capture_before - BEFORE_EXPIRY, payment.asked_at + COLLECT_LEAST),
            share.user_id,
        )
        for share in saga.shares
        for payment in share.payments[-1:]
        if payment.seen is not None
        and payment.seen.status == "authorized"
        and payment.seen.capture_before is not None
    ]
    return min(limits, default=None)


def _collect(turn: Turn) -> int:
    """Back to COLLECTING; until when. Nobody has less time than they had."""
    close(turn)
    again = max(turn.now + COLLECT_AGAIN, turn.saga.deadlines.get("collect", 0))
    until = max(turn.now + HOUR, min(again, turn.saga.collect_by))
    turn.go("COLLECTING", deadlines=collecting(until, turn.now))
    return until


def collect_again(turn: Turn) -> None:
    """New amounts were agreed: whoever pays more needs to authorise it."""
    until = _collect(turn)
    turn.say("The shares have changed. Whoever pays more has until {until_at}.", until_at=until)


def resplit(turn: Turn) -> None:
    """Something is missing, and the organiser decides. While there is time to pay the others have it still."""
    names = ("resplit", "collect", "remind")
    kept = {k: v for k, v in turn.saga.deadlines.items() if k in names}
    until = max(turn.now + RESPLIT_AFTER, kept.get("collect", 0))
    until = kept.get("resplit", until)
    for part in turn.saga.parts:
        turn.put_part(replace(part, is_priced=False))
    turn.go("RESPLIT", deadlines={**kept, "resplit": until})
    ask_organiser(turn, until)
    count = len(missing_shares(turn.saga, turn.now))
    if not count:
        turn.say(
            "Details of travellers are missing; they can be added until {until_at}.", until_at=until
        )
    elif count == 1:
        turn.say(
            "One share is still open: another card is needed, or the organiser decides by {until_at}.",
            until_at=until,
        )
    else:
        turn.say(
            "Shares are still open ({count}): other cards are needed, or the organiser decides "
            "by {until_at}.",
            count=count,
            until_at=until,
        )


def ready(turn: Turn) -> None:
    """Everything is authorised, and everybody named: may it go on?"""
    close(turn)
    turn.settled(SCREEN)
    turn.go("READY", deadlines={"review": turn.now + REVIEW_AFTER})


def reprice(turn: Turn) -> None:
    """It may go on: what does it cost now?"""
    if turn.saga.rounds >= MAX_ROUNDS:
        unwind(turn, QUOTE_AGAIN)
        return
    close(turn)
    for part in turn.saga.parts:
        turn.put_part(replace(part, is_priced=False, refusal=""))
        turn.settled(f"price:{part.id}")
    turn.go(
        "REPRICING",
        rounds=turn.saga.rounds + 1,
        no_resplit=False,
        deadlines={"reprice": turn.now + REPRICE_AFTER},
    )


def go_on_without(turn: Turn) -> None:
    """Some have left before anything was ordered: the others name who travels, and it is priced anew."""
    _collect(turn)
    turn.say_news(GOES_ON)


def let_go(turn: Turn) -> None:
    """Some have left when seats were held: nobody changes such orders, and they are made anew."""
    close(turn)
    turn.go("LETTING_GO", deadlines={"letting_go": turn.now + LET_GO_WITHIN})
    for part in turn.saga.parts:
        if part.order is not None and not part.is_gone:
            doubt_order(turn, part)
    turn.say_news(GOES_ON)


def order(turn: Turn) -> None:
    until = turn.now + ORDER_AFTER
    kept = {k: v for k, v in turn.saga.deadlines.items() if k in ("unknown", "paid")}
    turn.go("ORDERING", deadlines={"order": until, **kept, **held_by_now(turn)})
    turn.say("Everything is paid for or reserved on your cards. The flight is being reserved.")


def order_unknown(turn: Turn) -> None:
    unknown = turn.saga.deadlines.get("unknown", turn.now + UNKNOWN_AFTER)
    alarm = turn.now + ALARM_UNKNOWN
    turn.go("ORDER_UNKNOWN", deadlines={"unknown": unknown, "alarm": alarm, **held_by_now(turn)})
    turn.say("The airline has not answered. We are finding out whether the seats are yours.")


def held_until(turn: Turn, part: Part) -> int:
    """Until when everything must be paid: six hours before the supplier lets go, or half of a short hold."""
    until = part.order.hold_until if part.order is not None else None
    if until is None:
        return turn.now + TICKET_AFTER
    return until - min(BEFORE_LETTING_GO, max(0, until - part.held_at) // 2)


def held_by_now(turn: Turn) -> dict[str, int]:
    """The deadline of what is reserved already, where something is: that of the first to be let go."""
    held = [part for part in flights_of(turn.saga) if part.holds and is_live(part)]
    return {"held": min(held_until(turn, part) for part in held)} if held else {}


def hold(turn: Turn) -> None:
    """All its seats are reserved."""
    turn.go("HELD", deadlines=held_by_now(turn))


def capture(turn: Turn) -> None:
    held = turn.saga.deadlines.get("held", turn.now + CAPTURE_AFTER)
    alarm = turn.now + ALARM_CAPTURING
    if turn.saga.state != "CAPTURE_REPAIR":
        turn.say("The payments are being taken.")
    close(turn)
    turn.go("CAPTURING", deadlines={"held": held, "alarm": alarm})


def repair(turn: Turn) -> None:
    """A share's authorisation is lost: the same person, another card."""
    held = turn.saga.deadlines.get("held", turn.now + CAPTURE_AFTER)
    until = min(turn.now + REPAIR_AFTER, held)
    turn.go("CAPTURE_REPAIR", deadlines={"held": held, "repair": until})
    turn.say(
        "One payment could not be taken: another card is needed by {until_at}.", until_at=until
    )


def ask_after_hold(turn: Turn, otherwise: str) -> None:
    """A share's money does not come, and all else is held or taken: the organiser decides how to go on,
    while the seats are held; if there is any other way than `otherwise`, undoing everything."""
    held = turn.saga.deadlines.get("held", turn.now + CAPTURE_AFTER)
    until = turn.saga.deadlines.get("resplit", min(turn.now + RESPLIT_AFTER, held))
    if len(options_for(turn.saga, turn.now)) == 1:
        unwind(turn, otherwise)
        return
    turn.go("CAPTURE_REPAIR", deadlines={"held": held, "resplit": until})
    ask_organiser(turn, until)
    turn.say(
        "One share is still open: another card is needed, or the organiser decides by {until_at}.",
        until_at=until,
    )


def after_capture(turn: Turn) -> None:
    """Everything is paid: buy what cannot be held, book the stays, have the tickets issued."""
    if any(flight.order is None and not flight.holds for flight in flights_of(turn.saga)):
        order(turn)
    elif any(not is_booked(stay) for stay in stays_of(turn.saga)):
        held = turn.saga.deadlines.get("held", turn.now + STAY_AFTER)
        turn.go("HOTEL", deadlines={"held": held})
        turn.say("Everything is paid. The stay is being booked.")
    else:
        ticket(turn)


def ticket(turn: Turn) -> None:
    flights = flights_of(turn.saga)
    holds = [one.order.hold_until for one in flights if one.order and one.order.hold_until]
    until = max(min(holds), turn.now + HOUR) if holds else turn.now + TICKET_AFTER
    if turn.saga.state != "TICKETING":
        turn.say("Everything is paid. The tickets are being issued.")
    turn.go("TICKETING", deadlines={"ticketing": until})


def afterwards(turn: Turn) -> dict[str, int]:
    """Refunds may fail for weeks, and the word of it may be lost: they are looked at again."""
    has_refunds = any(p.refunded for share in turn.saga.shares for p in share.payments)
    return {"recheck": turn.now + RECHECK_AFTER} if has_refunds else {}


def complete(turn: Turn, text: str = "Everything is booked. Have a good trip!") -> None:
    """It is booked; from now on its flights are watched."""
    close(turn)
    turn.go("COMPLETED", deadlines=afterwards(turn), next_look_at={}, tries={})
    begin_watch(turn)
    turn.say(text)


def unwind(turn: Turn, reason: str, *, is_ordered: bool = False) -> None:
    """Undo everything. What is bought and cannot be undone is for a person to see to. `is_ordered`: by
    one, so that it is looked at once more."""
    is_free = turn.saga.by_policy or is_ordered
    if not is_free and any(is_booked(part) for part in turn.saga.parts):
        manual(turn, reason)
        return
    close(turn)
    deadlines = {"alarm": turn.now + ALARM_UNWINDING}
    turn.go("UNWINDING", reason=reason, deadlines=deadlines, next_look_at={}, tries={})
    turn.update(by_operator=is_ordered)
    doubt_all(turn)
    for part in turn.saga.parts:
        if part.order is not None and not part.is_gone:
            doubt_order(turn, part)
    for share in turn.saga.shares:
        if share.method is not None:
            turn.put_share(replace(share, method=None))
    turn.say_news(reason)


def cancelled(turn: Turn) -> None:
    turn.go("CANCELLED", deadlines=afterwards(turn), next_look_at={}, tries={})
    paid = sum(taken(share) for share in turn.saga.shares)
    kept = paid - sum(given_back(share) for share in turn.saga.shares)
    if kept and (turn.saga.manual_reason or not turn.saga.by_policy):
        turn.say("The trip is called off. Our team settles what is left with you.")
    elif any(part.change is not None and part.change.is_replaced for part in turn.saga.parts):
        turn.say(
            "The first flight is given up, and what came back is paid back. You fly on the other one."
        )
    elif turn.saga.by_policy:
        turn.say("The trip is called off. What the suppliers return has been given back.")
    elif paid:
        turn.say("The trip is called off. Everything that was paid has been given back.")
    else:
        turn.say("The trip is called off. Nobody has paid anything.")


def manual(turn: Turn, why: str) -> None:
    close(turn)
    before = turn.saga.state
    came_from = turn.saga.manual_from if before == "MANUAL" else before
    turn.go("MANUAL", manual_from=came_from, manual_reason=why, deadlines={})
    turn.say_news("This booking needs somebody of our team. They have been told.")
