"""What the sandbox's Duffel offers: derived from the search whenever it is asked, never stored.

An offer is a journey per slice in one fare, and its number is its place among all that the search could
have: the world's timetable decides it, so it stays the same while seats and prices move.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Final

from gateways.sandbox.duffel_replies import number
from gateways.sandbox.duffel_search import Search
from gateways.sandbox.exchange import Setting
from gateways.sandbox.fares import FARES, Fare, fares
from gateways.sandbox.faults import PriceDrift, SellOut, only
from gateways.sandbox.flights import Flight
from gateways.sandbox.stock import seats_left
from gateways.sandbox.world import Journey

_MOST_WAYS: Final = (24, 12, 4, 3)
"""Journeys that are sold of each slice, by how many slices there are: all their combinations are
offers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One offer as it is now. `base` and `taxes` in cents, for everybody."""

    id: str
    search: Search
    ways: tuple[Journey, ...]
    fare: Fare
    base: int
    taxes: int
    is_available: bool

    @property
    def total(self) -> int:
        return self.base + self.taxes

    @property
    def minutes(self) -> int:
        return sum(minutes(way) for way in self.ways)


def all_offers(search: Search, setting: Setting) -> list[Found]:
    """What can be had, cheapest first."""
    shelf = _Shelf(search, setting)
    offers = (shelf.take(number) for number in range(shelf.size))
    return sorted(
        (each for each in offers if each is not None and each.is_available),
        key=lambda each: (each.total, each.id),
    )


def one_offer(search: Search, offer_id: str, setting: Setting) -> Found | None:
    """By its id, whether it can be had or not; None: there never was such an offer."""
    shelf = _Shelf(search, setting)
    place = number(offer_id.rpartition("_")[2])
    if place is None or place >= shelf.size or offer_id != shelf.id_of(place):
        return None
    return shelf.take(place)


def search_id_of(offer_id: str) -> str:
    """The offer request that an id belongs to, if it is one of an offer."""
    return f"orq_{offer_id.removeprefix('off_').partition('_')[0]}"


@dataclass(frozen=True, slots=True)
class _Part:
    """One journey in one fare, for everybody."""

    base: int
    taxes: int
    is_available: bool


class _Shelf:
    """All that one search could have, now. Prices a journey once, in however many offers it is."""

    def __init__(self, search: Search, setting: Setting) -> None:
        self._search, self._setting = search, setting
        most = _MOST_WAYS[len(search.slices) - 1]
        self._ways = tuple(
            setting.world.journeys(origin, end, day, most_stops=search.most_stops)[:most]
            for origin, end, day in search.slices
        )
        self._parts: dict[tuple[int, int, int], _Part | None] = {}
        self.size = prod(len(each) for each in self._ways) * len(FARES)

    def id_of(self, place: int) -> str:
        return f"off_{self._search.id.removeprefix('orq_')}_{place}"

    def take(self, place: int) -> Found | None:
        """None: that fare is not sold on these flights, or is of another cabin, or the second slice
        begins before the first ends."""
        rest, fare = divmod(place, len(FARES))
        chosen: list[int] = []
        for each in reversed(self._ways):
            rest, index = divmod(rest, len(each))
            chosen.insert(0, index)
        ways = tuple(each[index] for each, index in zip(self._ways, chosen, strict=True))
        if not all(a[-1].arrives_at < b[0].departs_at for a, b in pairwise(ways)):
            return None
        parts: list[_Part] = []
        for slice_index, way_index in enumerate(chosen):
            part = self._part(slice_index, way_index, fare)
            if part is None:
                return None
            parts.append(part)
        return Found(
            id=self.id_of(place),
            search=self._search,
            ways=ways,
            fare=FARES[fare],
            base=sum(each.base for each in parts),
            taxes=sum(each.taxes for each in parts),
            is_available=all(each.is_available for each in parts),
        )

    def _part(self, slice_index: int, way_index: int, fare_index: int) -> _Part | None:
        key = slice_index, way_index, fare_index
        if key not in self._parts:
            way, fare = self._ways[slice_index][way_index], FARES[fare_index]
            wanted = self._search.cabin in (None, fare.cabin.lower())
            is_sold = wanted and all(fare in fares(flight) for flight in way)
            self._parts[key] = self._priced(way, fare) if is_sold else None
        return self._parts[key]

    def _priced(self, way: Journey, fare: Fare) -> _Part:
        setting = self._setting
        percent = sum(each.percent for each in only(setting.faults, PriceDrift))
        legs = [(flight, fare) for flight in way]
        base = taxes = 0
        for kind in ("adult", "child", "infant"):
            count = sum(each.kind == kind for each in self._search.passengers)
            if count:
                price = setting.world.price(legs, setting.now.business, age=kind, percent=percent)
                base += count * price.base
                taxes += count * (price.total - price.base)
        is_available = all(self._is_free(flight, fare) for flight in way)
        return _Part(base, taxes, is_available)

    def _is_free(self, flight: Flight, fare: Fare) -> bool:
        setting = self._setting
        if flight.departs_at <= setting.now.business:
            return False
        if any(
            flight.key.startswith(each.flight) and each.fare_class in (None, fare.fare_class)
            for each in only(setting.faults, SellOut)
        ):
            return False
        left = seats_left(setting.world, setting.records, flight, fare.fare_class)
        return left >= self._search.seats


def minutes(way: Journey) -> int:
    """From the first gate to the last."""
    return (way[-1].arrives_at - way[0].departs_at) // 60_000
