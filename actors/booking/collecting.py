"""COLLECTING and its kin: people name who travels, approve and decline; money is authorised (pure)."""

from typing import Final

from msgspec.structs import replace

from actors.booking.attempts import note_attempt
from actors.booking.moves import ask_after_hold, first_expiry, ready, resplit
from actors.booking.payment_sights import decline
from actors.booking.payments import (
    call_authorise,
    is_being_taken,
    is_dead,
    is_held,
    is_replayable,
    last,
    open_payment,
    resolve_open,
    status_of,
    undo,
)
from actors.booking.questions import close
from actors.booking.resplitting import ask_organiser, given_up, missing_seats, missing_shares
from actors.booking.standings import standing
from actors.booking.state import Payment, Saga, SagaState, Share
from actors.booking.steps import Approve, Decline, TravellerNamed
from actors.booking.timing import COLLECT_LEAST, HOUR, collecting
from actors.booking.turn import MOST_REMEMBERED, Turn, is_payment_busy, payment_subject
from core.errors import Rejected

OPEN_TO_PAYERS: Final[frozenset[SagaState]] = frozenset(
    {"COLLECTING", "RESPLIT", "RECONSENT", "CAPTURE_REPAIR"}
)
OPEN_TO_NAMES: Final[frozenset[SagaState]] = frozenset({"COLLECTING", "RESPLIT", "RECONSENT"})
NEW_ATTEMPT: Final = frozenset({"invited", "declined", "expired", "action_required"})
SAID_NO: Final = "The share of {who_user} will not be paid by them: the organiser decides by {until_at} how to go on."
REMINDER: Final = "Your share is still open: it can be paid until {until_at}."
UNNAMED: Final = "Details of travellers are missing; they can be added until {until_at}."
ENDS_SOONER: Final = (
    "What {who_user} has reserved ends sooner: all shares must be paid by {until_at}."
)
MAX_PAYMENTS: Final = 24
"""Of one share: attempts are cheap for the one who makes them, not for the others."""


def own_share(saga: Saga, user_id: str) -> Share:
    """Raises `Rejected`: to strangers a booking does not exist."""
    for share in saga.shares:
        if share.user_id == user_id:
            return share
    if user_id == saga.organiser_id:
        raise Rejected("forbidden", "You pay no share of this booking.")
    raise Rejected("not_found", "There is no such booking.")


def approve(turn: Turn, command: Approve) -> bool:
    """False: this attempt was taken already. Raises `Rejected`."""
    saga = turn.saga
    share = own_share(saga, command.user_id)
    if command.client_id in share.client_ids:
        return False
    if saga.state not in OPEN_TO_PAYERS:
        raise Rejected("conflict", "This booking takes no payments now.")
    if saga.state == "RECONSENT":
        raise Rejected("conflict", "First the new amounts must be agreed to.")
    if not share.amount.amount:
        raise Rejected("conflict", "You have nothing to pay here.")
    if standing(saga, share, turn.now) not in NEW_ATTEMPT:
        raise Rejected("conflict", "Your share is on its way or settled already.")
    if command.method in share.barred:
        raise Rejected("conflict", "This card was refused for good. Please use another one.")
    if len(share.payments) >= MAX_PAYMENTS:
        raise Rejected("conflict", "Too many attempts. Ask the organiser how to go on.")
    names = {each.name for each in saga.others}
    share = replace(
        share,
        method=command.method,
        provider=command.provider if command.provider in names else "",
        is_out=False,
        consented=saga.split_version,
        client_ids=(*share.client_ids, command.client_id)[-MOST_REMEMBERED:],
    )
    turn.put_share(share)
    turn.say("A share is being paid by {who_user}.", who_user=share.user_id)
    return True


def refuse(turn: Turn, command: Decline) -> bool:
    """Somebody will not pay; False: that is known. Raises `Rejected`."""
    saga = turn.saga
    share = own_share(saga, command.user_id)
    if share.is_out:
        return False
    if saga.state not in OPEN_TO_PAYERS:
        raise Rejected("conflict", "This booking cannot be declined now.")
    is_settled = saga.state == "CAPTURE_REPAIR" and (
        standing(saga, share, turn.now) not in NEW_ATTEMPT
    )
    if is_settled or is_being_taken(share):
        raise Rejected("conflict", "Your share is on its way or settled already.")
    if saga.state == "CAPTURE_REPAIR":
        turn.put_share(replace(share, is_out=True, method=None))
        ask_after_hold(turn, "A share could not be paid. Everything is being given back.")
        _say_who(turn, share)
        return True
    turn.put_share(replace(share, is_out=True, method=None))
    if share.amount.amount:
        resplit(turn)
        _say_who(turn, share)
    return True


def _say_who(turn: Turn, share: Share) -> None:
    """Who has said no, where the organiser is asked how to go on."""
    until = turn.saga.deadlines.get("resplit")
    if turn.saga.question is not None and until is not None:
        turn.say(SAID_NO, who_user=share.user_id, until_at=until)


def name_traveller(turn: Turn, command: TravellerNamed) -> bool:
    """False: the same data as before. Raises `Rejected`."""
    saga = turn.saga
    seat = next((seat for seat in saga.seats if seat.id == command.traveller_id), None)
    people = {saga.organiser_id, *(share.user_id for share in saga.shares)}
    people |= {seat.payer_id for seat in saga.seats}
    if command.user_id not in people:
        raise Rejected("not_found", "There is no such booking.")
    if seat is None:
        raise Rejected("not_found", "There is no such traveller.")
    if command.user_id not in (seat.payer_id, saga.organiser_id):
        raise Rejected(
            "forbidden", "Only who pays for this traveller or the organiser may say who it is."
        )
    if seat.digest == command.digest:
        return False
    if saga.state not in OPEN_TO_NAMES:
        raise Rejected("conflict", "Who travels can no longer be changed.")
    turn.put_seat(replace(seat, digest=command.digest))
    return True


# ── what happens by itself ──


def advance_collecting(turn: Turn) -> None:
    """COLLECTING and RESPLIT: on when nothing is missing."""
    keep_payments(turn)
    saga = turn.saga
    if not missing_shares(saga, turn.now) and not missing_seats(saga):
        ready(turn)
    elif saga.state == "RESPLIT" and not given_up(saga, turn.now) and "collect" in saga.deadlines:
        close(turn)  # who said no has thought better of it
        kept = {k: v for k, v in saga.deadlines.items() if k in ("collect", "remind")}
        turn.go("COLLECTING", deadlines=kept)
    elif saga.state == "RESPLIT":
        ask_organiser(turn, saga.deadlines.get("resplit", turn.now))
        _end_before_expiry(turn)
    elif any(share.is_out and share.amount.amount for share in saga.shares):
        resplit(turn)
    else:
        _end_before_expiry(turn)


def _end_before_expiry(turn: Turn) -> None:
    """The time to pay is over before the first reservation is; not at once, though: whoever has just agreed to
    new amounts has an hour."""
    saga = turn.saga
    first, collect = first_expiry(saga), saga.deadlines.get("collect")
    if first is None or collect is None:
        return
    until, user_id = first
    least = HOUR if saga.entered_at > saga.created_at else COLLECT_LEAST
    until = max(until, turn.now + least)
    if until < collect:
        for name, at in {"remind": None, **collecting(until, turn.now)}.items():
            turn.set_deadline(name, at)
        turn.say(ENDS_SOONER, who_user=user_id, until_at=until)


def remind(turn: Turn) -> None:
    """Those without whom it does not go on, while there is time; who said no is not asked again."""
    saga, until = turn.saga, turn.saga.deadlines.get("collect", 0)
    if saga.state not in ("COLLECTING", "RESPLIT") or until <= turn.step_at:
        return
    missing = [share for share in missing_shares(saga, turn.now) if not share.is_out]
    for seat in saga.seats:
        if seat.digest is None:
            turn.tell(seat.payer_id, UNNAMED, until_at=until)
    for share in missing:
        turn.tell(share.user_id, REMINDER, until_at=until)
    turn.is_reminder = bool(turn.notes)
    if len(missing) == 1:
        turn.say("One share is still open: it can be paid until {until_at}.", until_at=until)
    elif missing:
        text = "Shares are still open until {until_at} ({count})."
        turn.say(text, until_at=until, count=len(missing))
    else:
        turn.say(UNNAMED, until_at=until)


def keep_payments(turn: Turn) -> None:
    """Open, authorise and let go what the shares need; an old payment goes when a new one holds."""
    for share in turn.saga.shares:
        newest = last(share)
        if newest is None:
            if share.method is not None and not share.is_out:
                open_payment(turn, share)
            continue
        is_needed = bool(share.amount.amount) and not share.is_out
        for payment in share.payments[:-1]:
            holds = status_of(payment) == "authorized" and not payment.is_lost
            if not holds or not is_needed or is_held(turn.saga, share, turn.now) or newest.captured:
                undo(turn, share.id, payment)
        if not is_needed or newest.captured or newest.is_lost:
            undo(turn, share.id, newest)  # of what was captured: what is more than the share costs
        if is_needed and not newest.captured and turn.saga.state in OPEN_TO_PAYERS:
            _pursue(turn, turn.share(share.id), newest)


def _pursue(turn: Turn, share: Share, payment: Payment) -> None:
    """The newest payment of a share that is to be paid: one thing more towards its being held."""
    if is_payment_busy(turn.saga, share.id, payment):
        return
    is_wanted = share.method is not None
    if is_wanted and _is_useless(turn.saga, share, payment, turn.now):
        open_payment(turn, share)
    elif payment.is_void or is_dead(payment):
        return
    elif payment.payment_id is None:
        resolve_open(turn, share, payment)
    elif not payment.is_fresh or payment.seen is None:
        return
    elif payment.seen.status != "open":
        if is_wanted and is_held(turn.saga, share, turn.now):
            turn.put_share(replace(share, method=None))
    elif share.method is not None:
        method = share.method
        turn.put_share(replace(share, method=None))
        note_attempt(turn, share.id, payment, method)
        call_authorise(turn, turn.share(share.id), payment, method, payment.attempt + 1)
    elif payment.method is not None and _is_agreed(payment):
        call_authorise(turn, share, payment, payment.method, payment.attempt + 1)
    elif payment.is_asked and payment.method is not None:
        if not is_replayable(turn.saga, payment, payment.asked_at, turn.now):
            decline(turn, share.id, payment, None)
        elif turn.is_open(payment_subject(share.id, payment.version)):
            call_authorise(turn, share, payment, payment.method, payment.attempt)


def _is_useless(saga: Saga, share: Share, payment: Payment, now: int) -> bool:
    """Whether an approved share needs a new payment rather than this one."""
    if is_dead(payment) or payment.is_lost or payment.amount != share.amount:
        return True
    if payment.split_version != saga.split_version or payment.provider != share.provider:
        return True
    if payment.seen is None:
        return False
    if payment.seen.status == "authorized":
        return not is_held(saga, share, now)  # by its time alone: nobody honours it any more
    # Two methods must not be at work on one payment: the one that waits for its owner is let go. And where
    # an owner chose at the provider's page what was then refused, only a new page lets them choose again.
    is_refused = payment.seen.is_approved and payment.declined is not None
    return payment.seen.status == "action_required" or is_refused


def _is_agreed(payment: Payment) -> bool:
    """Its owner has agreed at the provider's page, which holds nothing yet."""
    is_approved = payment.seen is not None and payment.seen.is_approved
    return is_approved and not payment.is_asked and payment.declined is None
