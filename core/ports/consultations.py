"""Appointments with professionals: times that they open, and who booked them. Scoped by tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from core.identity import PERMISSIONS, Permission, Role

ADVISERS: Final = frozenset(
    role for role in Role if Permission.MANAGE_CONSULTATIONS in PERMISSIONS[role]
)
"""Whose times can be booked: who loses the role is not to be found any more. What was booked stands."""

MAX_AHEAD: Final = 50
"""Times of one professional that are to come, booked or not. With `MAX_BOOKED` fewer than an actor may have
timers: each participant is reminded by one."""

MAX_BOOKED: Final = 10
"""Of one traveller, to come."""

REMIND_BEFORE: Final = 15 * 60_000
"""Milliseconds."""

KEPT_FOR: Final = 731 * 86_400.0
"""After the end: 24 months, in seconds."""

TOPIC: Final = "consultation.changed"
"""Of the outbox. The key is a consultation's id; `first` is a place in `CHANGES`, counted from 1."""

CHANGES: Final[tuple[Literal["booked", "cancelled"], ...]] = ("booked", "cancelled")

State = Literal["open", "booked", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consultation:
    """A time of a professional's, in business time (ms). `open`: nobody has booked it, and there is no
    `traveller_id`. `cancelled_by` one of the two, and `note` why. `metered_ms`: for so long both were in the call.
    `reopens`: whether its time can be booked by others when its traveller cancels."""

    id: str
    professional_id: str
    traveller_id: str | None = None
    cancelled_by: str | None = None
    starts_at: int
    ends_at: int
    state: State = "open"
    about: str = ""
    note: str = ""
    tags: Sequence[str] = ()
    metered_ms: int = 0
    reopens: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedTimes:
    """Open times that start from `start` on and (None: whenever) before `end`, with all of the `tags`."""

    start: int
    end: int | None = None
    professional_id: str | None = None
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelling:
    """Who cancels and why. `again`: the id of the time that may come in its place."""

    user_id: str
    note: str
    again: str


Place = tuple[int, str]
"""Where a list goes on: start and id of the last one."""


class Consultations(Protocol):
    """Nobody is booked for two at once, whoever asks at the same moment; each change is one transaction,
    with the reminders of both and an outbox row of `TOPIC` for what both are to be told."""

    async def open(self, tenant_id: int, new: Consultation, *, now: int) -> Consultation:
        """Harmless to repeat with the same id. Raises `Rejected("conflict")` where the professional has a
        time already, or more than `MAX_AHEAD`."""

    async def close(self, tenant_id: int, professional_id: str, *, start: int, end: int) -> int:
        """Take the open ones out that start in [start, end); how many. What is booked stays, and is not
        open again when its traveller cancels."""

    async def find(
        self, tenant_id: int, wanted: WantedTimes, *, after: Place | None, limit: int
    ) -> Sequence[Consultation]:
        """Open ones of who may advise, by start and id, after `after`."""

    async def book(
        self, tenant_id: int, id: str, traveller_id: str, *, about: str, now: int
    ) -> Consultation:
        """Who has booked it already finds it so. Raises `Rejected`: `not_found` unless it can be seen by
        `find`, `forbidden` for one's own, `conflict` where it was booked or has begun, where one of both has
        another at that time, or the traveller has `MAX_BOOKED`."""

    async def cancel(self, tenant_id: int, id: str, by: Cancelling, *, now: int) -> Consultation:
        """By its traveller before it begins: then its time is open again, as a new one with the id
        `by.again`, unless it was closed. By its professional before it ends. Harmless to repeat. Raises `Rejected`: `not_found` to others,
        `conflict` when it is too late."""

    async def meter(self, tenant_id: int, id: str, ms: int) -> None:
        """Add the time that both were in the call. Not idempotent."""

    async def get(self, tenant_id: int, id: str) -> Consultation | None: ...

    async def of_user(
        self, tenant_id: int, user_id: str, *, start: int, after: Place | None, limit: int
    ) -> Sequence[Consultation]:
        """Booked and cancelled ones on either side that end after `start`, by start and id."""
