"""Whether a booking looks like fraud: who says so, from what, and where it is kept.

A verdict is never shown to those it is about: its reasons are for operators and the audit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from protocol.fraud import Screened, Verdict
from protocol.ids import Millis

__all__ = [
    "BookingFacts",
    "Histories",
    "PastScreening",
    "PayerFacts",
    "PayerHistory",
    "Screened",
    "Screener",
    "ScreeningRow",
    "Screenings",
    "Verdict",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerHistory:
    """What is known of somebody who pays, before the booking that is looked at. Counts of the last 24 hours
    (`_day`) and 30 days (`_month`); `declines` are methods that were refused, `methods` different ones that were tried, `completed` all
    bookings that ended well. `registered_at` is on the wall clock."""

    registered_at: Millis
    bookings_day: int = 0
    bookings_month: int = 0
    declines_day: int = 0
    declines_month: int = 0
    methods_day: int = 0
    completed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerFacts:
    """One share that is to be paid: minor units, attempts and refusals within this booking, and different
    methods that were tried in it."""

    user_id: str
    amount: int
    attempts: int
    declines: int
    methods: int
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingFacts:
    """What a booking is, as far as a screener may know it: no name, no card, no text.

    `now`, `created_at`, `departs_at` in milliseconds of business time; `total` in minor units of
    `currency`. `rounds`: how often its price was asked for."""

    booking_id: str
    now: Millis
    created_at: Millis
    departs_at: Millis | None
    currency: str
    total: int
    payers: tuple[PayerFacts, ...]
    travellers: int
    participants: int
    has_flight: bool
    stays: int
    is_one_way: bool
    rounds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningRow:
    """A verdict as it is kept with the step that took it in. `by`: the operator whose word it is; empty: a
    screener's. `at`: wall clock."""

    at: Millis
    verdict: Verdict
    reasons: Sequence[str]
    score: float | None
    model: str
    features: Sequence[float]
    by: str = ""


class Screener(Protocol):
    async def screen(self, facts: BookingFacts, histories: Mapping[str, PayerHistory]) -> Screened:
        """Within a second. Rules alone while the model is away or young; never raises but for
        cancellation. `histories` by user id; who is missing has none."""


class Histories(Protocol):
    """Read only. Raises `Unavailable`."""

    async def of(
        self, tenant_id: int, user_ids: Sequence[str], *, before: str, now: Millis
    ) -> Mapping[str, PayerHistory]:
        """By user id, without the booking `before`. `now`: wall clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastScreening:
    """What a fit learns from: the features of a booking's last screening. `ended_well`: the booking was
    completed or called off by its people; None: it has not ended. Refused ones are not among them."""

    at: Millis
    features: Sequence[float]
    verdict: Verdict
    ended_well: bool | None


class Screenings(Protocol):
    """Read only. Raises `Unavailable`."""

    async def bookings(self, tenant_id: int) -> int:
        """How many bookings were ever screened, up to 500."""

    async def recent(self, tenant_id: int, *, limit: int) -> Sequence[PastScreening]:
        """One of each booking, the newest first."""
