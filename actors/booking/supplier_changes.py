"""What a supplier changes of a booked flight by itself: seen, asked about, decided (pure).

Seen is what its order says and the travellers do not know. Whoever pays for a seat has a vote.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal

from msgspec.structs import replace

from actors.booking.adjusting import give_up, open_replacement, take_times
from actors.booking.flights import (
    first_moved,
    is_same,
    leaves_at,
    name_of,
    names_of,
    text_of,
    ways_of,
)
from actors.booking.inquiring import INQUIRY, begin_inquiry, forecast, wait_for_suppliers
from actors.booking.orders import is_by_hand, is_live, seats_of
from actors.booking.questions import ACCEPT, REBOOK, REFUND, ask, close
from actors.booking.resplitting import plain
from actors.booking.state import Alternative, Asked, Change, Option, Part, Saga
from actors.booking.steps import Replaced
from actors.booking.timing import BEFORE_LEAVING, CHANGE_AFTER, CHANGE_LEAST
from actors.booking.turn import Turn
from actors.booking.watching import is_open_change, is_quoted, is_sought
from core.errors import Rejected
from protocol.frames import Money
from protocol.splitting import shared_out
from protocol.travel import FlightDetails, Itinerary, Segment

Shares = Mapping[str, int]
"""User id → minor units."""

MOVED: Final = (
    "The airline has moved your flight {flight}: it now leaves {place} on {now_local} instead of "
    "{before_local}."
)
CHANGED: Final = (
    "The airline has changed your flight {flight}: it now leaves {place} on {now_local} and arrives on "
    "{arrives_local}."
)
TOUCHED: Final = (
    "The airline has changed something about your flight {flight}, and not when it leaves."
)
FEWER: Final = "The airline has taken the flight {flight} out of your journey."
CANCELLED: Final = "The airline has cancelled your flight {flight}."
AS_BEFORE: Final = "The airline has taken its change back: your flight is as you know it."
ASKED: Final = (
    "How does it go on with the flight? Whoever pays for a seat is asked until {until_at}."
)
ACCEPT_TEXT: Final = "Fly at the new times: {flights}."
REBOOK_TEXT: Final = (
    "Book another flight instead: {flights}, for {total_money} in all. Once it is booked this one is given "
    "up, and {back_money} come back."
)
REBOOK_OPEN_TEXT: Final = (
    "Book another flight instead: {flights}, for {total_money} in all. Once it is booked this one is given "
    "up; what comes back for it is not known yet."
)
REFUND_TEXT: Final = "Give the flight up: {back_money} of {paid_money} come back."
REFUND_OPEN_TEXT: Final = (
    "Give the flight up. What comes back is not known yet: our team finds out."
)
REFUND_REST_TEXT: Final = (
    "Give the flight up: {back_money} of {paid_money} come back. Everything else stays booked."
)
REFUND_REST_OPEN_TEXT: Final = "Give the flight up. What comes back is not known yet: our team finds out. Everything else stays booked."
VOTED: Final[dict[str, str]] = {
    ACCEPT: "You fly at the new times: that was decided by {count} of {asked}.",
    REBOOK: "Another flight is being booked instead: that was decided by {count} of {asked}.",
    REFUND: "The flight is given up: that was decided by {count} of {asked}.",
}
NOBODY: Final[dict[str, str]] = {
    ACCEPT: "Nobody answered in time: you fly at the new times.",
    REFUND: "Nobody answered in time: the flight is given up.",
}


def advance_changes(turn: Turn) -> None:
    """COMPLETED: one question at a time; what is decided begins."""
    for part in turn.saga.parts:
        _see(turn, part)
    question = turn.saga.question
    if question is not None:
        if question.kind == "supplier_change" and set(question.to) <= question.answers.keys():
            decide(turn, question)
        return
    for part in turn.saga.parts:
        if part.change is not None and part.change.is_replaced:
            give_up(turn, part)
            turn.say_news("The other flight is booked. The one that it replaces is being given up.")
            return
    for part in turn.saga.parts:
        if is_open_change(part) and is_sought(part) and is_quoted(part):
            _ask(turn, part)
            return
        if is_open_change(part):
            wait_for_suppliers(turn, f"{INQUIRY}{part.id}")


def replaced(turn: Turn, told: Replaced) -> bool:
    """What became of the booking that was to take a part's place. False: it is known, or nobody's concern.
    Raises `Rejected` while nobody here knows that booking yet."""
    changed = [part for part in turn.saga.parts if part.change is not None]
    if any(p.change is not None and _is_being_opened(p.change) for p in changed):
        raise Rejected("unavailable", "This cannot be answered right now. Please try again.")
    for part in changed:
        change = part.change
        if change is None or change.replacement != told.by or change.is_replaced:
            continue
        if told.is_booked:
            turn.put_part(replace(part, change=replace(change, is_replaced=True)))
        else:
            _stands(turn, replace(part, change=_undecided(change)))
        return True
    return False


def _is_being_opened(change: Change) -> bool:
    return change.decision == "rebook" and change.replacement is None


def _undecided(change: Change) -> Change:
    """To be asked about once more, without another flight."""
    return replace(change, decision="", replacement=None, alternative=None, no_rebook=True)


def _stands(turn: Turn, part: Part) -> None:
    begin_inquiry(turn, part)
    turn.say_news("The other flight could not be booked. The first one is still yours.")


# ── seeing ──


def _see(turn: Turn, part: Part) -> None:
    """Level-triggered: what the order says against what the travellers know."""
    if part.kind != "flight" or part.is_dropped or part.is_given_back or is_by_hand(part):
        return
    change, known = part.change, ways_of(part)
    if part.order is None or (change is not None and change.is_replaced):
        return
    if part.is_gone:
        if change is None or change.kind != "cancelled":
            _begin(turn, part, "cancelled", (), None)
        return
    ways = part.order.itineraries
    if not part.is_fresh or not known or not ways:
        return
    waits = part.order.change_id not in (None, part.answered)
    if is_same(known, ways, turn.now) and not waits:
        if is_open_change(part):
            _forget(turn, part)
    elif change is None or not is_same(change.itineraries, ways, turn.now):
        _begin(turn, part, "times", ways, part.order.change_id)
    elif change.change_id != part.order.change_id:
        turn.put_part(replace(part, change=replace(change, change_id=part.order.change_id)))


def _begin(
    turn: Turn,
    part: Part,
    kind: Literal["times", "cancelled"],
    ways: tuple[Itinerary, ...],
    change_id: str | None,
) -> None:
    """It takes the place of an earlier change, whose question is closed; another booking that is being made
    in the part's place goes on."""
    number = turn.saga.changes + 1
    turn.update(changes=number)
    before = part.change
    known = before.itineraries if before is not None and before.itineraries else ways_of(part)
    if before is not None and before.decision == "rebook":
        change = replace(before, kind=kind, itineraries=ways, change_id=change_id)
        turn.put_part(replace(part, change=change))
    else:
        change = Change(
            number=number,
            kind=kind,
            seen_at=turn.now,
            itineraries=ways,
            change_id=change_id,
            no_rebook=before is not None and before.no_rebook,
        )
        _close(turn, part)
        begin_inquiry(turn, replace(part, change=change))
    name = next(iter(names_of(known)), "")
    _tell(turn, name, *first_moved(known, ways), is_cancelled=kind == "cancelled")


def _tell(
    turn: Turn, name: str, was: Segment | None, now: Segment | None, *, is_cancelled: bool
) -> None:
    """`name`: of the first flight, where none has moved."""
    turn.has_card = True
    named = was if was is not None else now
    flight = name if named is None else name_of(named)
    if is_cancelled:
        turn.say_news(CANCELLED, flight=flight)
    elif named is None:
        turn.say_news(TOUCHED, flight=name)
    elif now is None:
        turn.say_news(FEWER, flight=flight)
    elif was is not None and was.departs != now.departs and was.origin == now.origin:
        turn.say_news(
            MOVED,
            flight=flight,
            place=now.origin,
            now_local=now.departs,
            before_local=was.departs,
        )
    else:
        turn.say_news(
            CHANGED,
            flight=name_of(now),
            place=now.origin,
            now_local=now.departs,
            arrives_local=now.arrives,
        )


def _forget(turn: Turn, part: Part) -> None:
    """The supplier has taken it back."""
    _close(turn, part)
    turn.put_part(replace(part, change=None))
    turn.has_card = True
    turn.say_news(AS_BEFORE)


def _close(turn: Turn, part: Part) -> None:
    question = turn.saga.question
    if question is not None and question.kind == "supplier_change" and question.part_id == part.id:
        close(turn)
        turn.set_deadline("change", None)


# ── asking ──


def payers_of(saga: Saga, part: Part) -> tuple[str, ...]:
    """Who pays for a seat of it, in the seats' order."""
    return tuple(dict.fromkeys(seat.payer_id for seat in seats_of(saga, part)))


def weights_of(saga: Saga, part: Part) -> dict[str, int]:
    """Who takes part in another booking in its place, and what each paid of this one: all who paid, or of one
    order of several who pays for its seats."""
    paid = {share.user_id: share.amount.amount for share in saga.shares}
    payers = payers_of(saga, part)
    chosen = {
        user_id: amount
        for user_id, amount in paid.items()
        if (user_id in payers if part.seats else amount or user_id in payers)
    }
    if any(chosen.values()):
        return chosen
    return dict.fromkeys(chosen or paid, 1)


def _until(part: Part, change: Change, now: int) -> int:
    """Two days, but six hours before it leaves, by what was or by what is; an hour at the least."""
    leave = [leaves_at(ways_of(part), now), leaves_at(change.itineraries, now)]
    limits = [now + CHANGE_AFTER, *(at - BEFORE_LEAVING for at in leave if at is not None)]
    return max(now + CHANGE_LEAST, min(limits))


def _ask(turn: Turn, part: Part) -> None:
    change = part.change
    if change is None:
        return
    turn.set_deadline(f"{INQUIRY}{part.id}", None)
    has_rest = any(is_live(other) for other in turn.saga.parts if other.id != part.id)
    back = forecast(turn.saga, [part], is_alone=has_rest)
    options = [_refund(turn.saga, part, back, has_rest=has_rest)]
    if change.alternative is not None:
        options.insert(0, _rebook(turn.saga, part, change.alternative, back))
    if change.kind == "times":
        params: dict[str, object] = {"flights": text_of(change.itineraries)}
        options.insert(0, Option(id=ACCEPT, text=ACCEPT_TEXT, params=params))
    until = _until(part, change, turn.now)
    to = payers_of(turn.saga, part)
    ask(turn, "supplier_change", options, to, expires_at=until, part_id=part.id)
    turn.set_deadline("change", until)
    turn.has_card = True
    turn.say(ASKED, until_at=until)


def _money(saga: Saga, amount: int) -> dict[str, object]:
    return plain(Money(amount=amount, currency=saga.total.currency))


def _refund(saga: Saga, part: Part, back: Shares | None, *, has_rest: bool) -> Option:
    if back is None:
        return Option(id=REFUND, text=REFUND_REST_OPEN_TEXT if has_rest else REFUND_OPEN_TEXT)
    params: dict[str, object] = {
        "back_money": _money(saga, sum(back.values())),
        "paid_money": plain(part.total),
    }
    text = REFUND_REST_TEXT if has_rest else REFUND_TEXT
    return Option(id=REFUND, text=text, params=params, shares=dict(back))


def _rebook(saga: Saga, part: Part, other: Alternative, back: Shares | None) -> Option:
    total = other.offer.total
    details = other.offer.details
    ways = details.itineraries if isinstance(details, FlightDetails) else ()
    params: dict[str, object] = {"flights": text_of(ways), "total_money": plain(total)}
    if back is not None:
        params["back_money"] = _money(saga, sum(back.values()))
    weights, unit = weights_of(saga, part), saga.provider.unit
    amounts = shared_out(total.amount, list(weights.values()), 1 if total.amount % unit else unit)
    shares = {id: amount for id, amount in zip(weights, amounts, strict=True) if amount}
    text = REBOOK_OPEN_TEXT if back is None else REBOOK_TEXT
    return Option(id=REBOOK, text=text, params=params, shares=shares)


# ── deciding ──


def decide(turn: Turn, question: Asked) -> None:
    """All have answered, or it is time: most votes, then the organiser's, then what costs nobody anything."""
    part = turn.part(question.part_id)
    close(turn)
    turn.set_deadline("change", None)
    change = part.change
    if change is None:
        return
    default = ACCEPT if change.kind == "times" else REFUND
    chosen, count = _winner(question, turn.saga.organiser_id, default)
    if chosen == ACCEPT:
        take_times(turn, part)
    elif chosen == REBOOK:
        open_replacement(turn, part)
    else:
        give_up(turn, part)
    turn.has_card = True
    if count:
        turn.say_news(VOTED[chosen], count=count, asked=len(question.to))
    else:
        turn.say_news(NOBODY[chosen])


def _winner(question: Asked, organiser_id: str, default: str) -> tuple[str, int]:
    """The option, and how many want it."""
    votes = Counter(question.answers.values())
    if not votes:
        return default, 0
    most = max(votes.values())
    best = [option.id for option in question.options if votes[option.id] == most]
    for one in (question.answers.get(organiser_id), default):
        if one in best:
            return one, most
    return best[0], most
