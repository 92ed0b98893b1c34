"""Places that personas speak of: found by what was said of them, or by what was wished."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import trio

from actors.persona.errands import Errand, city_of, suits
from actors.persona.hints import folded
from core.ports.catalogue import Catalogue
from protocol.travel import GeoPoint, Iata, Place
from protocol.understanding import PlaceMention

MOST_KEPT: Final = 4_096
KEPT_FOR: Final = 3_600.0
MOST_DESTINATIONS: Final = 2_000
MOST_WISHED: Final = 20
NEAR_KM: Final = 1_500.0


class PlaceBook:
    """The catalogue, with what was asked of it lately kept at hand.

    Owns: its memory of at most `MOST_KEPT` answers (`atlas`: the places among them, by id and city
    code) and one list of destinations, for an hour. Borrows: the catalogue. One for all rooms.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._kept: OrderedDict[str, Place | None] = OrderedDict()
        self.atlas: dict[str, Place] = {}
        self._destinations: Sequence[Place] = ()
        self._read_at = -math.inf

    def statistics(self) -> dict[str, int | float]:
        return {"places": len(self._kept), "destinations": len(self._destinations)}

    async def place(self, place_id: str) -> Place | None:
        """By id."""
        if place_id not in self._kept:
            self._keep(place_id, await self._catalogue.place(place_id))
        return self._kept.get(place_id)

    async def by_iata(self, code: Iata) -> Place | None:
        if code not in self._kept:
            self._keep(code, await self._catalogue.by_iata(code))
        return self._kept.get(code)

    async def named(self, mention: PlaceMention) -> list[Place]:
        """The place that was meant, or the destinations of a country, large ones first; empty: the
        catalogue has nothing of that name."""
        if mention.place_id is not None:
            place = await self.place(mention.place_id)
            return [] if place is None else [place]
        if mention.country is not None:
            everywhere = await self.destinations()
            found = [place for place in everywhere if place.country == mention.country]
            return sorted(found, key=lambda place: -(place.population or 0))
        return await self._searched(mention.name)

    async def wished(self, errand: Errand, origin: GeoPoint | None) -> list[Place]:
        """Destinations that are as they were wished, and where rooms are wanted can be booked: near
        ones first where it is known from where, then those of low prices, then large ones."""
        countries = {mention.country for mention in errand.trip.destination if mention.country}
        wishes = errand.trip.wishes
        found = [
            place
            for place in await self.destinations()
            if suits(place, wishes, errand.month)
            and (not countries or place.country in countries)
            and f"place:{place.id}" not in errand.not_these
            and (not errand.with_stays or city_of(place) is not None)
        ]

        def worth(place: Place) -> tuple[int, int, int]:
            far = 0 if origin is None else int(origin.km_to(place.at) // NEAR_KM)
            return far, place.price_level or 3, -(place.population or 0)

        return sorted(found, key=worth)[:MOST_WISHED]

    async def destinations(self) -> Sequence[Place]:
        """All of them, as they were within the hour."""
        now = trio.current_time()
        if now - self._read_at > KEPT_FOR:
            self._destinations = await self._catalogue.destinations(limit=MOST_DESTINATIONS)
            # An empty catalogue is one that is not filled yet.
            self._read_at = now if self._destinations else -math.inf
        return self._destinations

    async def _searched(self, name: str) -> list[Place]:
        key = f"name:{folded(name)}"
        if key not in self._kept:
            found = await self._catalogue.search(name, limit=5)
            meant = [place for place in found if place.kind != "airport"] or list(found)
            self._keep(key, meant[0] if meant else None)
        place = self._kept.get(key)
        return [] if place is None else [place]

    def keep(self, place: Place) -> None:
        """One that will be spoken of."""
        self._keep(place.id, place)

    def _keep(self, key: str, place: Place | None) -> None:
        keys = [key]
        if place is not None and place.kind != "airport":
            keys += [code for code in (place.id, place.iata) if code and code not in self._kept]
        for name in keys:
            self._kept[name] = place
            if place is not None:
                self.atlas[name] = place
        while len(self._kept) > MOST_KEPT:
            oldest, _ = self._kept.popitem(last=False)
            self.atlas.pop(oldest, None)
