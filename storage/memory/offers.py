"""The `Offers` port in memory."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from core.ports.clock import Clock
from core.ports.offers import KEPT_FOR, MAX_QUOTES, DailyLow, shares
from protocol.travel import Offer, Query

A_DAY: Final = 86_400_000


class MemoryOffers:
    """Those stored longest ago stand first, and go first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offers: OrderedDict[tuple[int, str], tuple[int, Offer]] = OrderedDict()

    async def add(self, tenant_id: int, user_id: str | None, offers: Sequence[Offer]) -> None:
        now = self._clock.now_ms()
        self._forget(now)
        for offer in offers:
            self._offers[tenant_id, offer.id] = now, offer

    async def get(self, tenant_id: int, offer_id: str) -> Offer | None:
        stored = self._offers.get((tenant_id, offer_id))
        return None if stored is None else stored[1]

    async def replace(self, tenant_id: int, offer: Offer) -> bool:
        key = tenant_id, offer.id
        if key not in self._offers:
            return False
        self._offers[key] = self._clock.now_ms(), offer
        self._offers.move_to_end(key)
        return True

    async def daily_lows(self, tenant_id: int, query: Query) -> Sequence[DailyLow]:
        oldest = self._clock.now_ms() - KEPT_FOR * 1_000
        found = [
            offer
            for (tenant, _), (stored_at, offer) in self._offers.items()
            if tenant == tenant_id
            and stored_at > oldest
            and replace(offer.query, party=query.party) == query
        ]
        days: dict[tuple[int, str], tuple[float, set[int]]] = {}
        for offer in found[-MAX_QUOTES:]:
            total, heard_at = offer.source.total, offer.source.fetched_at
            key = heard_at // A_DAY, total.currency
            low, heard = days.get(key, (float("inf"), set()))
            days[key] = min(low, total.amount / shares(offer.query)), heard | {heard_at}
        return [
            DailyLow(day=day, currency=currency, low=low, quotes=len(heard))
            for (day, currency), (low, heard) in sorted(days.items())
        ]

    def _forget(self, now: int) -> None:
        while self._offers:
            key, (stored_at, _) = next(iter(self._offers.items()))
            if now - stored_at <= KEPT_FOR * 1_000:
                return
            del self._offers[key]
