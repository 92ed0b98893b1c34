"""What the `fields` of a trip board's items hold, kind by kind (docs/protocol.md).

Names that a kind does not know are left out. What the server alone writes (`votes`, `closed`, `winner`)
is not here.
"""

from typing import Annotated, Final

from msgspec import Meta

from protocol.frames import Money, Value
from protocol.ids import Date, Id, Millis
from protocol.plan import PlanItemKind

Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S", examples=["Old town"])]
Note = Annotated[str, Meta(max_length=2_000)]
TimeOfDay = Annotated[
    str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](?!\n)$", examples=["09:30"])
]
"""Local to the place: `09:30`."""

MAX_SHARERS: Final = 50


class DayItem(Value, frozen=True, kw_only=True):
    """A day of the trip. The stops below it, up to the next day, are that day's."""

    title: Title
    date: Date | None = None
    note: Note | None = None


class StopItem(Value, frozen=True, kw_only=True):
    """Something to see or do."""

    title: Title
    starts_at: TimeOfDay | None = None
    ends_at: TimeOfDay | None = None
    place_id: Id | None = None
    address: Annotated[str, Meta(max_length=300)] | None = None
    note: Note | None = None


class OptionItem(Value, frozen=True, kw_only=True):
    """An idea; with `poll_id` one that can be voted for. `offer_ids`: what would be quoted."""

    title: Title
    poll_id: Id | None = None
    offer_ids: Annotated[list[Id], Meta(min_length=1, max_length=10)] | None = None
    price: Money | None = None
    note: Note | None = None


class PollItem(Value, frozen=True, kw_only=True):
    """A question. `quorum`: with fewer votes nothing wins. `deadline`: when it closes by itself."""

    title: Title
    quorum: Annotated[int, Meta(ge=1, le=5_000)] | None = None
    deadline: Millis | None = None


class PackingItem(Value, frozen=True, kw_only=True):
    """Something to bring."""

    title: Title
    count: Annotated[int, Meta(ge=1, le=999)] | None = None
    assigned_to: Id | None = None
    is_packed: bool | None = None


class BudgetItem(Value, frozen=True, kw_only=True):
    """How much something may cost, all together."""

    title: Title
    amount: Money
    note: Note | None = None


class Sharer(Value, frozen=True, kw_only=True):
    """Who bears how much of an expense: `weight` of the sum of all weights."""

    user_id: Id
    weight: Annotated[int, Meta(ge=1, le=1_000)] = 1


class ExpenseItem(Value, frozen=True, kw_only=True):
    """Money that somebody spent for several: either `amount` and `paid_by` (left out: who adds it), or a
    `booking_id` of the room, of which the ledger knows who paid what. `shared_by` left out: everybody
    who has joined the room."""

    title: Title
    amount: Money | None = None
    paid_by: Id | None = None
    booking_id: Id | None = None
    shared_by: Annotated[list[Id | Sharer], Meta(min_length=1, max_length=MAX_SHARERS)] | None = (
        None
    )
    note: Note | None = None


ItemFields = DayItem | StopItem | OptionItem | PollItem | PackingItem | BudgetItem | ExpenseItem

FIELDS_OF: Final[dict[PlanItemKind, type[ItemFields]]] = {
    "day": DayItem,
    "stop": StopItem,
    "option": OptionItem,
    "poll": PollItem,
    "packing": PackingItem,
    "budget": BudgetItem,
    "expense": ExpenseItem,
}
