"""The trip board (§6): the contract's types. Its commands answer `unavailable` until built."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from protocol.frames import Answer, Event, RoomCommand, Value
from protocol.ids import ClientId, Id, Seq
from protocol.limits import MAX_FREE_BYTES

PlanItemKind = Literal["day", "stop", "option", "poll", "packing", "budget", "expense"]


class PlanOp(Value, frozen=True, kw_only=True):
    """One operation on the board."""

    op: Literal["add", "set", "move", "remove", "vote", "close"]
    id: Id
    kind: PlanItemKind | None = None
    after: Id | None = None
    fields: dict[str, Any] | None = None


class PlanItem(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One item of the board, as its operations left it; the list's order is the board's."""

    id: str
    kind: PlanItemKind
    fields: dict[str, Any]


class OpenPlan(RoomCommand, frozen=True, kw_only=True, tag="plan.open"):
    """Read the board, or what changed since a version."""

    after: Seq | None = None


class ApplyPlan(RoomCommand, frozen=True, kw_only=True, tag="plan.apply"):
    """Change the board: all operations or none."""

    version: Seq
    ops: Annotated[
        list[PlanOp],
        Meta(min_length=1, max_length=200, extra_json_schema={"x-max-bytes": MAX_FREE_BYTES}),
    ]
    client_id: ClientId


class PlanOpened(Answer, kw_only=True, tag="ok"):
    """The board: all its items, or the operations after the version asked for."""

    version: int
    items: list[PlanItem] | None = None
    ops: list[PlanOp] | None = None


class PlanApplied(Answer, kw_only=True, tag="ok"):
    """The operations as they took effect on top of everybody else's."""

    version: int
    ops: list[PlanOp]


class PlanChanged(Event, frozen=True, kw_only=True, tag="plan.changed"):
    """The board has a new version (dense)."""

    room_id: str
    version: int
    ops: list[PlanOp]
    by: str
