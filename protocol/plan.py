"""The trip board (§6): the contract's types, and what is asked of a board inside the server."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from protocol.addresses import Kind
from protocol.frames import Answer, Event, Money, RoomCommand, Value
from protocol.ids import ClientId, Id, Seq
from protocol.limits import MAX_FREE_BYTES

PLAN: Final = Kind("plan")
"""A room's trip board; keyed by the room's id."""

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


# Inside the server.


class FindWinner(Value, frozen=True, kw_only=True):
    """desk → board, for a principal who has joined: what has won that poll. Answered by `WinnerFound`."""

    poll_id: Id


class WinnerFound(Answer, kw_only=True, tag="ok"):
    """`offer_ids`: what the winning option would be."""

    option_id: str
    offer_ids: list[str]


class SettleUp(Value, frozen=True, kw_only=True):
    """HTTP → board, for a principal who has joined: who owes whom. Answered by `SettledUp`."""


class Transfer(Value, frozen=True, kw_only=True):
    """What `sender_id` should give to `receiver_id`, more than nothing."""

    sender_id: str
    receiver_id: str
    amount: Money


class PersonBalance(Value, frozen=True, kw_only=True):
    """`paid` for all, `share` of all; `balance`: paid − share: positive gets money back. Minor units."""

    user_id: str
    paid: int
    share: int
    balance: int


class CurrencySettlement(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One currency's accounts. `is_fewest`: proven that no fewer transfers would do; otherwise each
    settles somebody for good, which is at most one less than there are people."""

    currency: str
    total: int
    balances: list[PersonBalance]
    transfers: list[Transfer]
    is_fewest: bool


class SettledUp(Answer, kw_only=True, tag="ok"):
    """By currency. `unknown`: expenses whose booking has not captured anything yet."""

    version: int
    settlements: list[CurrencySettlement]
    unknown: list[str]


class ReadItinerary(Value, frozen=True, kw_only=True):
    """HTTP → board: its items, if `user_id` has (still) joined the room. Answered by `PlanOpened`."""

    user_id: Id
