"""Answers to open questions, and what follows from them (pure)."""

from actors.booking.moves import collect_again, go_on_without, let_go, repair, unwind
from actors.booking.pricing import ask_all
from actors.booking.questions import (
    ACCEPT,
    CANCEL,
    COVER,
    DROP,
    OTHERS,
    close,
    shares_of,
    take_answer,
)
from actors.booking.resplitting import apply_split, drop, options_for
from actors.booking.steps import Answer
from actors.booking.timing import RECONSENT_AFTER
from actors.booking.turn import Turn
from core.errors import Rejected


def answer(turn: Turn, command: Answer) -> bool:
    """False: it was given already. Raises `Rejected`."""
    saga = turn.saga
    people = {saga.organiser_id, *(share.user_id for share in saga.shares)}
    if command.user_id not in people:
        raise Rejected("not_found", "There is no such booking.")
    if not take_answer(turn, command.user_id, command.question_id, command.option_id):
        return False
    question = turn.saga.question
    if question is not None and question.kind == "resplit":
        # Somebody else may be missing by now: then the organiser is asked anew, and leaves nobody behind.
        is_outdated = question.options != options_for(turn.saga, turn.now)
        if command.option_id != DROP or not is_outdated:
            _decided(turn, command.option_id)
    elif question is not None and question.kind == "reconsent" and command.option_id == ACCEPT:
        turn.say("The new amounts are agreed to by {who_user}.", who_user=command.user_id)
    else:
        turn.say("An answer has come from {who_user}.", who_user=command.user_id)
    return True


def _decided(turn: Turn, option_id: str) -> None:
    """The organiser's word: pay it, ask the others, or call it off."""
    shares = dict(shares_of(turn.saga, option_id))
    close(turn)
    if option_id == CANCEL:
        turn.update(is_called_off=True)
        unwind(turn, "The organiser has called the trip off. Nobody pays.")
    elif option_id == COVER:
        apply_split(turn, shares)
        if turn.saga.state == "CAPTURE_REPAIR":
            repair(turn)
        else:
            collect_again(turn)
    elif option_id == DROP:
        drop(turn)
        if turn.saga.state == "CAPTURE_REPAIR":
            let_go(turn)
        else:
            go_on_without(turn)
    elif option_id == OTHERS:
        until = turn.now + RECONSENT_AFTER
        kept = {k: v for k, v in turn.saga.deadlines.items() if k == "collect"}
        turn.go("RECONSENT", deadlines={"reconsent": until, **kept})
        ask_all(turn, shares, turn.saga.total.amount, until, agreed=(turn.saga.organiser_id,))
        turn.say(
            "The others are asked to share what is missing until {until_at}.",
            until_at=until,
        )
