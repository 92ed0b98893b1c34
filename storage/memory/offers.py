"""The `Offers` port in memory."""

from collections import OrderedDict
from collections.abc import Sequence

from core.ports.clock import Clock
from core.ports.offers import KEPT_FOR
from protocol.travel import Offer


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

    def _forget(self, now: int) -> None:
        while self._offers:
            key, (stored_at, _) = next(iter(self._offers.items()))
            if now - stored_at <= KEPT_FOR * 1_000:
                return
            del self._offers[key]
