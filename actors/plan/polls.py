"""What a room is told of its board's polls (pure)."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from actors.plan.board import Board
from core.texts import sentence, translate
from protocol.cards import PollCard, PollChoice
from protocol.limits import MAX_CARDS
from protocol.plan import PlanOp

NOBODY: Final = "…"
_ASKED: Final = sentence("{who} asks: {title}")
_WON: Final = sentence("The poll “{title}” is closed: {winner} has won.")
_LOST: Final = sentence("The poll “{title}” is closed, and nothing has won.")
_SEVERAL: Final = sentence("Polls that have begun or ended: {count}")


def polls_in(ops: Sequence[PlanOp]) -> list[str]:
    """The polls that begin or end with these operations, as rebased; at most as many as one message has
    cards, the first of them."""
    found = [op.id for op in ops if op.op == "close" or (op.op == "add" and op.kind == "poll")]
    return list(dict.fromkeys(found))[:MAX_CARDS]


def polls_shown(board: Board, poll_ids: Sequence[str]) -> list[PollCard]:
    """Those that are (still) there."""
    return [card_of(board, id) for id in poll_ids if _is_poll(board, id)]


def card_of(board: Board, poll_id: str) -> PollCard:
    """A poll as it stands, its options in the board's order."""
    poll = board.items[poll_id]
    votes = Counter(poll.fields.get("votes", {}).values())
    return PollCard(
        kind="poll",
        id=poll_id,
        title=poll.fields["title"],
        expires_at=poll.fields.get("deadline"),
        version=board.version,
        is_closed=bool(poll.closed),
        options=[
            PollChoice(id=id, title=board.items[id].fields["title"], votes=votes[id])
            for id in board.options_of(poll_id)
        ],
        quorum=poll.fields.get("quorum"),
        winner=poll.fields.get("winner"),
    )


def said(polls: Sequence[PollCard], who: str, locale: str) -> str:
    """What the room reads above the cards. `who` has changed the board."""
    if len(polls) > 1:
        return translate(_SEVERAL, locale, {"count": len(polls)})
    [poll] = polls
    if not poll.is_closed:
        return translate(_ASKED, locale, {"who": who, "title": poll.title})
    winner = next((each.title for each in poll.options if each.id == poll.winner), None)
    if winner is None:
        return translate(_LOST, locale, {"title": poll.title})
    return translate(_WON, locale, {"title": poll.title, "winner": winner})


def _is_poll(board: Board, id: str) -> bool:
    return id in board.items and board.items[id].kind == "poll"
