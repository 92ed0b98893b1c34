"""What a call makes of the board, on top of everybody else's (pure; docs/protocol-v1.md §6 "Plans").

`set` and `move` of an item that was changed since the caller's version, or removed, are a conflict.
Everything else is rebased: it finds its place again, or has nothing left to do. What could not have
been done at the caller's own version is a conflict too.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from actors.plan.board import MAX_BOARD_BYTES, MAX_ITEMS, Board, Item
from actors.plan.fields import MISSING, WRONG, added, changed, wrong
from core.errors import Rejected
from protocol.plan import PlanOp

MAX_REBASED_BYTES: Final = 65_536
"""Of one call's operations, once what they leave out is filled in."""

_AHEAD: Final = "The board has no such version yet."
_CHANGED: Final = "Somebody has changed this since. Look at the board and try again."
_NOT_THERE: Final = "This is not on the board any more."
_TAKEN: Final = "Something on the board has this id already."
_CLOSED: Final = "This poll is closed."
_NO_POLL: Final = "This is no poll."
_ITSELF: Final = "An item cannot stand after itself."
_FULL: Final = "The board is full: at most {limit} items and {bytes} bytes."
_LONG: Final = "These changes are too long for one call."


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the machine cannot know: who calls, who has joined, what time it is (business, ms)."""

    by: str
    people: Collection[str]
    now: int


def rebase(board: Board, version: int, ops: list[PlanOp], given: Given) -> list[PlanOp]:
    """The operations as they take effect on `board`, which stays as it is. Raises `Rejected`: then none
    of them does."""
    call = Call(board, version, given)
    for place, op in enumerate(ops):
        call.take(op, f"ops[{place}]")
    return call.taken()


def overdue(board: Board, now: int) -> list[PlanOp]:
    """Closes every poll whose deadline has come."""
    return [
        closing(board, id)
        for id, item in board.items.items()
        if item.kind == "poll" and not item.closed and item.fields.get("deadline", now + 1) <= now
    ]


def next_deadline(board: Board) -> int | None:
    """The first deadline of an open poll."""
    return min(
        (
            item.fields["deadline"]
            for item in board.items.values()
            if item.kind == "poll" and not item.closed and "deadline" in item.fields
        ),
        default=None,
    )


def closing(board: Board, poll_id: str) -> PlanOp:
    """Fixes the winner: most votes; of several, what stands highest on the board. With fewer votes than
    the quorum, or none, nothing wins."""
    poll = board.items[poll_id]
    options = board.options_of(poll_id)
    counts = Counter(poll.fields.get("votes", {}).values())
    votes = sum(counts[option] for option in options)
    winner = max(options, key=lambda option: counts[option], default=None)
    is_valid = votes >= max(1, poll.fields.get("quorum", 1))
    return PlanOp(op="close", id=poll_id, fields={"winner": winner} if is_valid else {})


class Call:
    """Operations tried on a copy, one after another; see `rebase`."""

    def __init__(self, board: Board, version: int, given: Given) -> None:
        if version > board.version:
            raise wrong("version", _AHEAD)
        self._was, self._base, self._given = board, version, given
        self._draft = board.copy()
        self.ops: list[PlanOp] = []

    def take(self, op: PlanOp, at: str) -> None:
        match op.op:
            case "add":
                self._add(op, at)
            case "set":
                self._set(op, at)
            case "move":
                self._move(op, at)
            case "remove":
                self._remove(op, at)
            case "vote":
                self._vote(op, at)
            case "close":
                self._close(op, at)

    def taken(self) -> list[PlanOp]:
        """All of them. Raises `Rejected` for a board that has grown too large, and for too much at once."""
        draft, was = self._draft, self._was
        size = draft.size
        if (len(draft.order) > MAX_ITEMS and len(draft.order) > len(was.order)) or (
            size > MAX_BOARD_BYTES and size > was.size
        ):
            params = {"limit": MAX_ITEMS, "bytes": MAX_BOARD_BYTES}
            raise Rejected("too_large", _FULL, fields=[("ops", _FULL)], params=params)
        if len(msgspec.msgpack.encode(self.ops)) > MAX_REBASED_BYTES:
            raise Rejected("too_large", _LONG, fields=[("ops", _LONG)])
        return self.ops

    def _put(self, op: PlanOp) -> None:
        self._draft.apply_one(self._was.version + 1, op)
        self.ops.append(op)

    def _add(self, op: PlanOp, at: str) -> None:
        if op.kind is None:
            raise wrong(f"{at}.kind", MISSING)
        if op.id in self._draft.items:
            raise _conflict(f"{at}.id", _TAKEN)
        given = self._given
        fields = added(
            op.kind,
            op.fields or {},
            f"{at}.fields",
            by=given.by,
            people=given.people,
            now=given.now,
        )
        if op.kind == "option" and "pollId" in fields:
            poll = self._poll(fields["pollId"], f"{at}.fields.pollId")
            if poll is None:
                del fields["pollId"]
        order = self._draft.order
        last = order[-1] if order else None
        after = last if op.after is None else self._place(op.after)
        self._put(PlanOp(op="add", id=op.id, kind=op.kind, after=after, fields=fields))

    def _set(self, op: PlanOp, at: str) -> None:
        item = self._unchanged(op, at)
        if item.closed or self._is_decided(item):
            raise _conflict(f"{at}.id", _CLOSED)
        given = self._given
        fields = changed(
            item.kind,
            item.fields,
            op.fields or {},
            f"{at}.fields",
            people=given.people,
            now=given.now,
        )
        self._put(PlanOp(op="set", id=op.id, fields=fields))

    def _move(self, op: PlanOp, at: str) -> None:
        self._unchanged(op, at)
        if op.after == op.id:
            raise wrong(f"{at}.after", _ITSELF)
        after = None if op.after is None else self._place(op.after)
        if after == op.id:
            # What it should stand after is gone, and it stands there already.
            after = self._draft.before(op.id)
        self._put(PlanOp(op="move", id=op.id, after=after))

    def _remove(self, op: PlanOp, at: str) -> None:
        item = self._draft.items.get(op.id)
        if item is None:
            return
        if self._is_decided(item):
            poll = self._draft.items[item.fields["pollId"]]
            if poll.closed <= self._base:
                raise _conflict(f"{at}.id", _CLOSED)
            return
        for id in (*(self._draft.options_of(op.id) if item.kind == "poll" else ()), op.id):
            self._put(PlanOp(op="remove", id=id, after=self._draft.before(id)))

    def _vote(self, op: PlanOp, at: str) -> None:
        poll = self._poll(op.id, f"{at}.id")
        if poll is None:
            return
        said = op.fields or {}
        if "optionId" not in said:
            raise wrong(f"{at}.fields.optionId", MISSING)
        option_id = said["optionId"]
        if option_id is not None:
            if not isinstance(option_id, str):
                raise wrong(f"{at}.fields.optionId", WRONG)
            if option_id not in self._draft.options_of(op.id):
                if not self._has_gone_since(option_id):
                    raise _conflict(f"{at}.fields.optionId", _NOT_THERE)
                return
        fields: dict[str, Any] = {"by": self._given.by, "optionId": option_id}
        self._put(PlanOp(op="vote", id=op.id, fields=fields))

    def _close(self, op: PlanOp, at: str) -> None:
        item = self._draft.items.get(op.id)
        if item is not None and item.closed:
            return
        if self._poll(op.id, f"{at}.id") is not None:
            self._put(closing(self._draft, op.id))

    def _unchanged(self, op: PlanOp, at: str) -> Item:
        """The item of a `set` or `move`. Raises `Rejected`."""
        item = self._draft.items.get(op.id)
        if item is None:
            raise _conflict(f"{at}.id", _NOT_THERE)
        if self._base < item.changed <= self._was.version:
            raise _conflict(f"{at}.id", _CHANGED)
        return item

    def _poll(self, poll_id: str, at: str) -> Item | None:
        """An open poll; None: it was closed or removed since. Raises `Rejected`: before, or it is none."""
        item = self._draft.items.get(poll_id)
        if item is None:
            if self._has_gone_since(poll_id):
                return None
            raise _conflict(at, _NOT_THERE)
        if item.kind != "poll":
            raise wrong(at, _NO_POLL)
        if not item.closed:
            return item
        if item.closed <= self._base:
            raise _conflict(at, _CLOSED)
        return None

    def _is_decided(self, item: Item) -> bool:
        """An option of a closed poll: what was voted for stays what it was."""
        poll = self._draft.items.get(item.fields.get("pollId", ""))
        return item.kind == "option" and poll is not None and bool(poll.closed)

    def _has_gone_since(self, id: str) -> bool:
        gone = self._draft.gone.get(id)
        return gone is not None and gone.version > self._base

    def _place(self, after: str) -> str | None:
        """After which item it stands now; where that one is gone, after what that one stood after. Where
        nobody remembers: at the end."""
        anchor: str | None = after
        while anchor is not None and anchor not in self._draft.items:
            gone = self._draft.gone.get(anchor)
            if gone is None:
                return self._draft.order[-1] if self._draft.order else None
            # This ends: when it went, what it stood after was there, and went later if at all.
            anchor = gone.after
        return anchor


def _conflict(path: str, text: str) -> Rejected:
    return Rejected("conflict", text, fields=[(path, text)])
