"""READY: may the booking go on, or must somebody look at it first (pure)?

A verdict stands while the cards are the same. Its reasons are for operators; people are told nothing of it.
"""

from typing import Final

from msgspec.structs import replace

from actors.booking.calls import Screen
from actors.booking.cards import cards_of, is_in_review, verdict_of, wants_screening
from actors.booking.collecting import keep_payments
from actors.booking.moves import NOT_TAKEN, reprice, resplit, unwind
from actors.booking.resplitting import missing_seats, missing_shares
from actors.booking.state import Screening
from actors.booking.steps import LookOutcome
from actors.booking.timing import REVIEW_AFTER
from actors.booking.turn import SCREEN, Turn
from core.errors import Rejected
from protocol.fraud import Screened, Verdict

NOT_MADE: Final = "The booking could not be made. Nobody pays."


def advance_ready(turn: Turn) -> None:
    keep_payments(turn)
    verdict = verdict_of(turn.saga)
    if missing_shares(turn.saga, turn.now) or missing_seats(turn.saga):
        resplit(turn)  # a card's reservation has ended meanwhile
    elif verdict == "allow":
        reprice(turn)
    elif verdict == "deny":
        unwind(turn, NOT_MADE)


def screened(turn: Turn, look: Screen, outcome: LookOutcome) -> None:
    """Take in a verdict, if it is about what is to be paid now."""
    if not wants_screening(turn.saga) or look.cards != cards_of(turn.saga):
        return
    if not isinstance(outcome, Screened):
        turn.back_off(SCREEN)
        return
    turn.settled(SCREEN)
    turn.judge(Screening(cards=look.cards, found=outcome))
    if outcome.verdict == "review":
        turn.set_deadline("review", turn.now + REVIEW_AFTER)


def review_ran_out(turn: Turn) -> None:
    """Nobody has said a word; in CAPTURE_REPAIR another card may be waited for by now."""
    if turn.saga.state == "READY":
        unwind(turn, "The booking could not be made in time. Nobody pays.")
    elif is_in_review(turn.saga):
        unwind(turn, NOT_TAKEN)


def allow(turn: Turn, operator: str) -> None:
    """An operator lets it go on. Raises `Rejected` where nobody waits for that."""
    if not is_in_review(turn.saga):
        raise Rejected("conflict", "No review of this booking is open.")
    say_by_hand(turn, "allow", operator)


def say_by_hand(turn: Turn, verdict: Verdict, operator: str) -> None:
    """An operator's word in place of an open review; elsewhere it is none."""
    screening = turn.saga.screening
    if screening is not None and is_in_review(turn.saga):
        found = replace(screening.found, verdict=verdict)
        turn.judge(replace(screening, found=found, by=operator))


def screen_again(turn: Turn) -> None:
    """An open review is forgotten: the screener is asked once more."""
    if is_in_review(turn.saga):
        turn.update(screening=None)
