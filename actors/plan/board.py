"""The board: what its operations, as rebased, have made of it (pure).

`apply` is all that a client needs to follow: the same operations make the same board everywhere.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from protocol.frames import Value
from protocol.plan import PlanItem, PlanItemKind, PlanOp

MAX_ITEMS: Final = 500
MAX_BOARD_BYTES: Final = 160 * 1_024
"""As MessagePack: a board is told in one frame."""

MAX_GONE: Final = 1_000
"""Removed items whose place is remembered."""

_PACK: Final = msgspec.msgpack.Encoder()


class Item(Value, frozen=True, kw_only=True):
    """`changed`: by which version last; votes do not count. `closed`: a poll's; 0: it is open. `size`:
    in bytes, about."""

    kind: PlanItemKind
    fields: dict[str, Any]
    changed: int
    size: int
    closed: int = 0


class Gone(Value, frozen=True, kw_only=True):
    """Removed by `version`; it stood after `after` (None: in front)."""

    version: int
    after: str | None = None


class Stored(Value, frozen=True, kw_only=True):
    """A board as it is kept: `items` in order."""

    version: int
    items: list[tuple[str, Item]]
    gone: list[tuple[str, Gone]]


class Board:
    """One version of it. `order`: ids, as people see them."""

    def __init__(
        self, version: int, order: list[str], items: dict[str, Item], gone: dict[str, Gone]
    ) -> None:
        self.version, self.order, self.items, self.gone = version, order, items, gone

    @classmethod
    def empty(cls) -> "Board":
        """Before the first change."""
        return cls(0, [], {}, {})

    @classmethod
    def unpacked(cls, snapshot: bytes) -> "Board":
        """Raises `msgspec.DecodeError` for what another version stored."""
        stored = msgspec.msgpack.decode(snapshot, type=Stored)
        return cls(
            stored.version, [id for id, _ in stored.items], dict(stored.items), dict(stored.gone)
        )

    def packed(self) -> bytes:
        items = [(id, self.items[id]) for id in self.order]
        stored = Stored(version=self.version, items=items, gone=list(self.gone.items()))
        return msgspec.msgpack.encode(stored)

    def copy(self) -> "Board":
        """To try something on: items are values, and shared."""
        return Board(self.version, self.order[:], dict(self.items), dict(self.gone))

    @property
    def size(self) -> int:
        """In bytes, about."""
        return sum(item.size for item in self.items.values())

    def shown(self) -> list[PlanItem]:
        """As clients see it."""
        return [
            PlanItem(id=id, kind=self.items[id].kind, fields=self.items[id].fields)
            for id in self.order
        ]

    def before(self, id: str) -> str | None:
        """What stands in front of an item; None: it is the first."""
        place = self.order.index(id)
        return self.order[place - 1] if place else None

    def options_of(self, poll_id: str) -> list[str]:
        """In the order of the board."""
        return [
            id
            for id in self.order
            if self.items[id].kind == "option" and self.items[id].fields.get("pollId") == poll_id
        ]

    def apply(self, version: int, ops: Iterable[PlanOp]) -> None:
        """A change, as rebased: it fits."""
        for op in ops:
            self.apply_one(version, op)
        self.version = version

    def apply_one(self, version: int, op: PlanOp) -> None:
        fields = op.fields or {}
        match op.op:
            case "add":
                if op.kind is None:
                    raise TypeError("an item is added with its kind")
                self.items[op.id] = _item(op.id, op.kind, fields, version)
                self.gone.pop(op.id, None)
                self._insert(op.id, op.after)
            case "set":
                self._put(op.id, _merged(self.items[op.id].fields, fields), changed=version)
            case "move":
                self.order.remove(op.id)
                self._insert(op.id, op.after)
                self._put(op.id, self.items[op.id].fields, changed=version)
            case "remove":
                self._remove(version, op)
            case "vote":
                poll = self.items[op.id]
                votes = _merged(poll.fields.get("votes", {}), {fields["by"]: fields["optionId"]})
                self._put(op.id, poll.fields | {"votes": votes}, changed=poll.changed)
            case "close":
                outcome = {"closed": True, "winner": fields.get("winner")}
                merged = _merged(self.items[op.id].fields, outcome)
                self._put(op.id, merged, changed=version, closed=version)

    def _insert(self, id: str, after: str | None) -> None:
        self.order.insert(0 if after is None else self.order.index(after) + 1, id)

    def _put(self, id: str, fields: dict[str, Any], *, changed: int, closed: int = 0) -> None:
        was = self.items[id]
        self.items[id] = _item(id, was.kind, fields, changed, closed or was.closed)

    def _remove(self, version: int, op: PlanOp) -> None:
        gone = self.items.pop(op.id)
        self.order.remove(op.id)
        self.gone.pop(op.id, None)
        self.gone[op.id] = Gone(version=version, after=op.after)
        while len(self.gone) > MAX_GONE:
            del self.gone[next(iter(self.gone))]
        poll = self.items.get(gone.fields.get("pollId", "")) if gone.kind == "option" else None
        if poll is not None and op.id in poll.fields.get("votes", {}).values():
            votes = {by: id for by, id in poll.fields["votes"].items() if id != op.id}
            self._put(gone.fields["pollId"], poll.fields | {"votes": votes}, changed=poll.changed)


def _merged(fields: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """None takes a name out."""
    return {name: value for name, value in (fields | new).items() if value is not None}


def _item(
    id: str, kind: PlanItemKind, fields: dict[str, Any], changed: int, closed: int = 0
) -> Item:
    size = len(_PACK.encode(fields)) + len(id) + 32
    return Item(kind=kind, fields=fields, changed=changed, size=size, closed=closed)
