"""What a room is told of its board's polls, and what has won one (pure)."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from actors.plan.board import Board
from core.errors import Rejected
from core.texts import sentence, translate
from protocol.cards import PollCard, PollChoice
from protocol.limits import MAX_CARDS
from protocol.plan import PlanOp, WinnerFound

NOBODY: Final = "…"
_ASKED: Final = sentence("{who} asks: {title}")
_WON: Final = sentence("The poll “{title}” is closed: {winner} has won.")
_LOST: Final = sentence("The poll “{title}” is closed, and nothing has won.")
_SEVERAL: Final = sentence("Polls that have begun or ended: {count}")

_NO_POLL: Final = sentence("There is no such poll here.")
_OPEN: Final = sentence("This poll is still open. Close it first.")
_NO_WINNER: Final = sentence("Nothing has won this poll.")
_NO_OFFER: Final = sentence("What has won this poll is no offer that can be quoted.")


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


def winner_of(board: Board, poll_id: str) -> WinnerFound:
    """What a closed poll has chosen. Raises `Rejected` where that is nothing that can be quoted."""
    poll = board.items.get(poll_id)
    if poll is None or poll.kind != "poll":
        raise Rejected("not_found", _NO_POLL, fields=[("pollId", _NO_POLL)])
    if not poll.closed:
        raise Rejected("conflict", _OPEN, fields=[("pollId", _OPEN)])
    winner = board.items.get(poll.fields.get("winner", ""))
    if winner is None:
        raise Rejected("conflict", _NO_WINNER, fields=[("pollId", _NO_WINNER)])
    offer_ids = winner.fields.get("offerIds")
    if not offer_ids:
        raise Rejected("conflict", _NO_OFFER, fields=[("pollId", _NO_OFFER)])
    return WinnerFound(option_id=poll.fields["winner"], offer_ids=offer_ids)


def _is_poll(board: Board, id: str) -> bool:
    return id in board.items and board.items[id].kind == "poll"
