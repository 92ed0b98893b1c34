"""Offers that were shown: what a quote refers to, and what was agreed to if it is disputed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from protocol.travel import FlightQuery, Offer, Query

KEPT_FOR: Final = 30 * 86_400.0
"""Seconds, from when an offer was shown or last priced."""


class Offers(Protocol):
    """Kept for `KEPT_FOR`, whether they were quoted or not."""

    async def add(self, tenant_id: int, user_id: str | None, offers: Sequence[Offer]) -> None:
        """Keep what is about to be shown; all of them or none. `user_id`: who searched."""

    async def get(self, tenant_id: int, offer_id: str) -> Offer | None:
        """By id, expired or not."""

    async def replace(self, tenant_id: int, offer: Offer) -> bool:
        """After a new price: the same id with another source; False when there is no such offer."""


MAX_QUOTES: Final = 20_000
"""Offers of one journey that are looked at for its prices, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyLow:
    """The least that a journey was offered for on one day. `day`: of UTC, since the epoch; `low`: minor
    units per person, of rooms per room; `quotes`: how often suppliers were heard that day."""

    day: int
    currency: str
    low: float
    quotes: int


class Quotes(Protocol):
    """What journeys cost on the days of the last `KEPT_FOR`, from offers that were shown. What came from a
    cache counts once, on the day on which the supplier was heard."""

    async def daily_lows(self, tenant_id: int, query: Query) -> Sequence[DailyLow]:
        """Of the same journey (ends, days, cabin) for whatever party; by day, then by currency."""


def shares(query: Query) -> int:
    """Among how many a total is divided in `DailyLow.low`."""
    party = query.party
    if isinstance(query, FlightQuery):
        return party.adults + len(party.children_ages)
    return party.rooms
