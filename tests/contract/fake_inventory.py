"""A supplier in memory, as honest as the port asks: for what needs one and has no use for a network."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Literal

import trio
from msgspec import Raw
from no_orders import NoOrders

from core.errors import Rejected, Unavailable
from core.ports.clock import Clock
from core.ports.inventory import Capabilities, Priced
from protocol.frames import Money
from protocol.suppliers import Refused
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    Itinerary,
    OfferKind,
    Party,
    Query,
    Segment,
    SupplierOffer,
)

Mood = Literal["well", "hanging", "gone"]
FARES = ((9_900, False), (14_500, True), (31_250, True))
"""Cents for an adult one way, and whether money comes back."""


class FakeInventory(NoOrders):
    """Implements `core.ports.inventory.Inventory`: three flights a day from everywhere to everywhere,
    but to QQQ, where nobody flies. `percent` moves prices; `is_sold_out`: nothing can be had any more."""

    name = "fake"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.mood: Mood = "well"
        self.percent = 0
        self.is_sold_out = False

    def capabilities(self, kind: OfferKind) -> Capabilities | None:
        if kind == "hotel":
            return None
        return Capabilities(
            hold="hard", cancel="policy", issue="by_supplier", finds_by_reference=True
        )

    async def search(self, query: Query) -> Sequence[SupplierOffer]:
        await self._answer()
        if not isinstance(query, FlightQuery):
            return ()
        travellers = query.party.adults + len(query.party.children_ages)
        today = self._clock.now_ms() // 86_400_000
        if "QQQ" in (query.origin, query.destination) or travellers > 9 or _day(query) < today:
            raise Rejected("bad_request", "Nobody sells that.")
        return [self._offer(number, query) for number in range(len(FARES))]

    async def reprice(self, offer: SupplierOffer, query: Query) -> Priced | Refused:
        await self._answer()
        number = _number(offer)
        if number is None or not isinstance(query, FlightQuery):
            return Refused(kind="invalid", detail="not one of mine")
        if self.is_sold_out:
            return Refused(kind="sold_out", detail="gone")
        now = self._offer(number, query)
        return Priced(offer=now, previous=None if now.total == offer.total else offer.total)

    async def _answer(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.mood == "hanging":
            await trio.sleep_forever()
        if self.mood == "gone":
            raise Unavailable

    def _offer(self, number: int, query: FlightQuery) -> SupplierOffer:
        now = self._clock.now_ms()
        each, is_refundable = FARES[number]
        ways = [(query.origin, query.destination, query.depart_on)]
        if query.return_on is not None:
            ways.append((query.destination, query.origin, query.return_on))
        amount = each * len(ways) * _parts(query.party) // 4
        return SupplierOffer(
            supplier=self.name,
            token=Raw(json.dumps({"number": number}).encode()),
            total=Money(amount=amount * (100 + self.percent) // 100, currency="EUR"),
            fetched_at=now,
            expires_at=now + 1_200_000,
            can_hold=True,
            details=FlightDetails(
                itineraries=tuple(_way(number, *way, query) for way in ways),
                seats=9,
                checked_bags=number,
                is_refundable=is_refundable,
            ),
        )


def _parts(party: Party) -> int:
    """Quarters of an adult's fare: a child pays three, an infant nothing."""
    return 4 * party.adults + 3 * sum(age >= 2 for age in party.children_ages)


def _way(number: int, origin: str, end: str, day: str, query: FlightQuery) -> Itinerary:
    segment = Segment(
        carrier="QF",
        number=str(100 + number),
        origin=origin,
        destination=end,
        departs=f"{day}T0{7 + number}:00:00",
        arrives=f"{day}T1{number}:30:00",
        cabin=query.cabin,
    )
    return Itinerary(segments=(segment,), minutes=210)


def _day(query: FlightQuery) -> int:
    return (date.fromisoformat(query.depart_on) - date(1970, 1, 1)).days


def _number(offer: SupplierOffer) -> int | None:
    try:
        number = json.loads(bytes(offer.token))["number"]
    except (ValueError, KeyError, TypeError):
        return None
    return number if isinstance(number, int) and 0 <= number < len(FARES) else None
