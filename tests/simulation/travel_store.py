"""The offers' store as the search has it in the simulation, and the clock of both."""

from collections.abc import Sequence
from dataclasses import dataclass

import trio
from travel_ledger import CALL, Composed, Ledger
from travel_weather import TravelWeather

from core.errors import Unavailable
from protocol.travel import Offer
from storage.memory.offers import MemoryOffers


@dataclass(frozen=True, slots=True)
class VirtualClock:
    """Wall time that moves with trio's, from `start` (milliseconds)."""

    start: int

    def now_ms(self) -> int:
        return self.start + int(trio.current_time() * 1_000)

    def monotonic(self) -> float:
        return trio.current_time()


class WatchedOffers:
    """The offers' port as the search has it: calls take time and fail, before their effect or after;
    the ledger knows of each."""

    def __init__(self, clock: VirtualClock, weather: TravelWeather, ledger: Ledger) -> None:
        self._clock, self._weather, self._ledger = clock, weather, ledger
        self._offers = MemoryOffers(clock)

    async def add(self, tenant_id: int, user_id: str | None, offers: Sequence[Offer]) -> None:
        number, now = self._ledger.number(), self._clock.now_ms()
        composed = Composed(number=number, now=now)
        self._ledger.composed.update((offer.id, composed) for offer in offers)
        await self._pass_time()
        await self._offers.add(tenant_id, user_id, offers)
        for offer in offers:
            self._ledger.note_row(offer)
        await self._pass_time()

    async def get(self, tenant_id: int, offer_id: str) -> Offer | None:
        await self._pass_time()
        row = await self._offers.get(tenant_id, offer_id)
        call = CALL.get()
        if call is not None:
            call.row = row
        await self._pass_time()
        return row

    async def replace(self, tenant_id: int, offer: Offer) -> bool:
        await self._pass_time()
        is_there = await self._offers.replace(tenant_id, offer)
        if is_there:
            self._ledger.note_row(offer)
        await self._pass_time()
        return is_there

    async def _pass_time(self) -> None:
        try:
            await self._weather.call_of_the_store()
        except Unavailable:
            call = CALL.get()
            if call is not None:
                call.is_store_down = True
            raise
