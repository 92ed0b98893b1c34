"""Where trip boards are kept: a log of changes with a snapshot per room, and secret calendar addresses.

A change is one transaction. It checks the shard's fence (of the room's id) and the version; whoever
holds an old one changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from core.errors import Rejected
from core.ports.durable_timers import TimerChange

MAX_KEPT: Final = 2_000
"""Changes of a room that are kept: as far back a repeated client id is recognised."""

MAX_BOOKED: Final = 100


class StalePlan(Rejected):
    """Somebody else owns the shard, or has written since: nothing was stored. Load again."""

    def __init__(self) -> None:
        super().__init__("unavailable", "This cannot be answered right now. Please try again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """One applied call. `body`: its operations as rebased, MessagePack. `client_id` None: the board did
    it by itself."""

    version: int
    by: str
    client_id: str | None
    at: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """A change to be stored; the stored version is its own minus one. `snapshot`: the board after it,
    now and then."""

    tenant_id: int
    room_id: str
    fence: int
    change: PlanChange
    snapshot: bytes | None = None
    timers: Sequence[TimerChange] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """`changes`: all since the snapshot (which is that of `snapshot_version`; None: of the empty board)."""

    version: int
    snapshot: bytes | None
    snapshot_version: int
    changes: Sequence[PlanChange]


class Plans(Protocol):
    """Everything raises `Unavailable` when the store is away; then it may or may not have happened."""

    async def load(self, tenant_id: int, room_id: str) -> StoredPlan | None:
        """None: nothing was ever changed there."""

    async def commit(self, step: PlanStep) -> None:
        """All of it or nothing. Raises `StalePlan`; also for a client id that its sender has used here.
        Changes more than `MAX_KEPT` versions old go."""

    async def by_client_id(
        self, tenant_id: int, room_id: str, by: str, client_id: str
    ) -> PlanChange | None: ...

    async def changes(
        self, tenant_id: int, room_id: str, *, after: int, limit: int
    ) -> Sequence[PlanChange]:
        """Ascending by version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarAddress:
    """Whose calendar of which room an address shows."""

    tenant_id: int
    room_id: str
    user_id: str


class Calendars(Protocol):
    """Secret addresses, one per member and room. Only their hashes are stored."""

    async def share(self, address: CalendarAddress, *, at: int) -> str:
        """A new secret; the one before it ends."""

    async def end(self, address: CalendarAddress) -> bool:
        """Whether there was one."""

    async def find(self, secret: str) -> CalendarAddress | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedPart:
    """A flight or a stay that is booked. `starts`, `ends`: local to the place, a day (`2027-05-14`) or a
    moment (`2027-05-14T08:10:00`); a stay ends on the day on which one leaves."""

    booking_id: str
    part_id: str
    title: str
    starts: str
    ends: str
    where: str = ""


class Itinerary(Protocol):
    """What somebody has booked in a room."""

    async def booked(self, tenant_id: int, room_id: str, user_id: str) -> Sequence[BookedPart]:
        """By when it starts; of bookings one takes part in or organises, at most `MAX_BOOKED` of the newest.
        Raises `Unavailable`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedShare:
    """What somebody has paid for a booking and not got back; minor units."""

    booking_id: str
    currency: str
    user_id: str
    amount: int


class CapturedShares(Protocol):
    """The ledger, read only."""

    async def captured(
        self, tenant_id: int, room_id: str, booking_ids: Sequence[str]
    ) -> Sequence[CapturedShare]:
        """Of those of the bookings that are the room's, by booking, currency and user; zeros are left
        out."""

    async def is_of(self, tenant_id: int, room_id: str, booking_id: str, user_id: str) -> bool:
        """Whether the booking is the room's, and that user takes part in it or organises it."""
