"""The trip board (§6): the contract's types. Its commands answer `unavailable` until built."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from protocol.frames import Event, RoomCommand, Value
from protocol.ids import ClientId, Id, Seq

PlanItemKind = Literal["day", "stop", "option", "poll", "packing", "budget", "expense"]


class PlanOp(Value, frozen=True, kw_only=True):
    """One operation on the board."""

    op: Literal["add", "set", "move", "remove", "vote", "close"]
    id: Id
    kind: PlanItemKind | None = None
    after: Id | None = None
    fields: dict[str, Any] | None = None


class OpenPlan(RoomCommand, frozen=True, kw_only=True, tag="plan.open"):
    """Read the board, or what changed since a version."""

    after: Seq | None = None


class ApplyPlan(RoomCommand, frozen=True, kw_only=True, tag="plan.apply"):
    """Change the board: all operations or none."""

    version: Seq
    ops: Annotated[list[PlanOp], Meta(min_length=1, max_length=200)]
    client_id: ClientId


class PlanChanged(Event, frozen=True, kw_only=True, tag="plan.changed"):
    """The board has a new version (dense)."""

    room_id: str
    version: int
    ops: list[PlanOp]
    by: str
