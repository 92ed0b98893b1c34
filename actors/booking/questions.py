"""What the booking needs to know before it goes on: asking, answering, running out (pure)."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from msgspec.structs import replace

from actors.booking.state import Asked, Option, Saga
from actors.booking.turn import MOST_REMEMBERED, Turn
from core.errors import Rejected

COVER: Final = "cover"
OTHERS: Final = "others"
DROP: Final = "drop"
CANCEL: Final = "cancel"
ACCEPT: Final = "accept"
REFUSE: Final = "refuse"
AGREE: Final = "agree"
KEEP: Final = "keep"
REBOOK: Final = "rebook"
REFUND: Final = "refund"


def ask(
    turn: Turn,
    kind: Literal["resplit", "reconsent", "supplier_change", "refund"],
    options: Sequence[Option],
    to: Sequence[str],
    *,
    expires_at: int,
    answers: Mapping[str, str] | None = None,
    part_id: str = "",
) -> None:
    """Put a question; the one that was open is closed."""
    close(turn)
    number = turn.saga.questions + 1
    question = Asked(
        id=f"q{number}",
        kind=kind,
        options=tuple(options),
        to=tuple(to),
        expires_at=expires_at,
        answers=dict(answers or {}),
        part_id=part_id,
    )
    turn.update(question=question, questions=number)


def close(turn: Turn) -> None:
    """There is no open question any more."""
    question = turn.saga.question
    if question is not None:
        closed = (*turn.saga.closed_questions, question.id)[-MOST_REMEMBERED:]
        answers = {**turn.saga.closed_answers, question.id: question.answers}
        kept = {id: given for id, given in answers.items() if id in closed and given}
        turn.update(question=None, closed_questions=closed, closed_answers=kept)


def take_answer(turn: Turn, user_id: str, question_id: str, option_id: str) -> bool:
    """Record it; False: it was given already. Raises `Rejected`."""
    question = turn.saga.question
    if question is None or question.id != question_id:
        if turn.saga.closed_answers.get(question_id, {}).get(user_id) == option_id:
            return False  # its `ok` was lost
        if question_id in turn.saga.closed_questions:
            raise Rejected("conflict", "This question is closed.")
        raise Rejected("not_found", "There is no such question.")
    if user_id not in question.to:
        raise Rejected("forbidden", "This question is for somebody else.")
    if option_id not in {option.id for option in question.options}:
        text = "There is no such answer."
        raise Rejected("bad_request", text, fields=(("optionId", text),))
    given = question.answers.get(user_id)
    if given is not None and given != option_id:
        raise Rejected("conflict", "You have answered this already.")
    if given is not None:
        return False
    answers = {**question.answers, user_id: option_id}
    turn.update(question=replace(question, answers=answers))
    return True


def is_agreed(question: Asked) -> bool:
    """Whether all who were asked accept."""
    return all(question.answers.get(user_id) == ACCEPT for user_id in question.to)


def shares_of(saga: Saga, option_id: str) -> Mapping[str, int]:
    """What an option of the open question would have everybody pay."""
    question = saga.question
    if question is None:
        return {}
    option = next((option for option in question.options if option.id == option_id), None)
    return option.shares or {} if option else {}
