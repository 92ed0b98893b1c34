"""Places that personas speak of: found by what was said of them, or by what was wished."""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

import trio

from actors.persona.errands import Errand, city_of, suits
from actors.persona.facts_of_items import LOW_PRICES
from actors.persona.hints import Wish, folded
from actors.persona.regions import countries_of
from core.ports.catalogue import Catalogue
from core.ports.inference import PlacesByMeaning
from protocol.travel import GeoPoint, Iata, Place
from protocol.understanding import PlaceMention

MOST_KEPT: Final = 4_096
KEPT_FOR: Final = 3_600.0
MOST_DESTINATIONS: Final = 2_000
MOST_WISHED: Final = 24
MOST_MEANT: Final = 12
ENOUGH_MEANT: Final = 3
"""From so many on nothing else is listed beside them."""

MOST_ALIKE: Final = 200
"""Places that are looked at for being like what was said, before those that do not suit are left out."""

MEANT_WITHIN: Final = 0.1
"""Seconds; it takes four milliseconds unless much is read."""

CODE_LETTERS: Final = 3
"""Of a city's code, which is all that an offer says of where it is."""

NEAR_KM: Final = 1_500.0
IDEAL, IDEAL_COLD = 23.0, -4.0
"""°C of a month's mean."""


def _is_cheap(place: Place) -> bool:
    return place.price_level is not None and place.price_level <= LOW_PRICES


def pleasantness(place: Place, wishes: Sequence[Wish], month: int | None) -> float:
    """What speaks for a place where nothing is known of tastes: weather in which people like to be out
    (or real cold, where that is wished), the sea, low prices, size. In no unit."""
    ideal = IDEAL_COLD if "cold" in wishes else IDEAL
    months = place.climate if month is None else place.climate[month - 1 : month]
    weather = max((-abs(one.mean - ideal) / 5 - one.rain / 80 for one in months), default=-3.0)
    sea = 0.5 if "coast" in place.tags else 0.0
    prices = (3 - (place.price_level or 3)) * 0.1
    return weather + sea + prices + min(math.log10(max(place.population or 1, 1)), 5.5) * 0.1


class PlaceBook:
    """The catalogue, with what was asked of it lately kept at hand.

    Owns: its memory of at most `MOST_KEPT` answers (`atlas`: the places among them, by id and city
    code), one list of destinations, and where no rooms were had, both for an hour. Borrows: the catalogue and the meanings of its places. One for all
    rooms.
    """

    def __init__(self, catalogue: Catalogue, meanings: PlacesByMeaning) -> None:
        self._catalogue, self._meanings = catalogue, meanings
        self._kept: OrderedDict[str, Place | None] = OrderedDict()
        self._unsold: OrderedDict[Iata, float] = OrderedDict()
        self.atlas: dict[str, Place] = {}
        self._destinations: Sequence[Place] = ()
        self._pleasant: dict[tuple[bool, int | None], Mapping[str, float]] = {}
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
            if place is None and len(mention.place_id) == CODE_LETTERS:
                place = await self.by_iata(mention.place_id)
            return [] if place is None else [place]
        if mention.country is not None:
            everywhere = await self.destinations()
            found = [place for place in everywhere if place.country == mention.country]
            return sorted(found, key=lambda place: -(place.population or 0))
        return await self._searched(mention.name)

    async def wished(self, errand: Errand, origin: GeoPoint | None) -> list[Place]:
        """Destinations that are as they were wished. Those that are like the words said, where these say
        enough; after them, or without them: near ones first where it is known from where, then those
        that are pleasant in that month, and by turns large ones, which more suppliers sell. Where rooms
        are wanted, not those where lately there were none."""
        mentions = errand.trip.destination
        countries = {mention.country for mention in mentions if mention.country}
        countries |= {country for mention in mentions for country in countries_of(mention)}
        wishes = errand.trip.wishes
        found = [
            place
            for place in await self.destinations()
            if suits(place, wishes, errand.month)
            and (not countries or place.country in countries)
            and f"place:{place.id}" not in errand.not_these
            and ("cheaper" not in errand.twists or errand.with_stays or _is_cheap(place))
            and (not errand.with_stays or self._may_sell(city_of(place)))
        ]

        scores = self._pleasantness(wishes, errand.month)
        meant = await self._meant(errand.trip.like, found)
        if len(meant) >= ENOUGH_MEANT and not errand.with_stays:
            return meant

        far = {
            place.id: 0 if origin is None else int(origin.km_to(place.at) // NEAR_KM)
            for place in found
        }
        pleasant = sorted(found, key=lambda place: (far[place.id], -scores[place.id], place.id))
        large = sorted(found, key=lambda place: (far[place.id], -(place.population or 0), place.id))
        by_turns = chain.from_iterable(zip(pleasant, large, strict=True))
        return list({place.id: place for place in (*meant, *by_turns)}.values())[:MOST_WISHED]

    def _pleasantness(self, wishes: Sequence[Wish], month: int | None) -> Mapping[str, float]:
        """Of all destinations, by id: some milliseconds, so kept as long as these are."""
        key = "cold" in wishes, month
        if key not in self._pleasant:
            self._pleasant[key] = {
                place.id: pleasantness(place, wishes, month) for place in self._destinations
            }
        return self._pleasant[key]

    async def _meant(self, like: Sequence[str], found: Sequence[Place]) -> list[Place]:
        """Of these, the most alike first; none where all words say too little, or it takes too long."""
        alike: Sequence[tuple[str, float]] = ()
        with trio.move_on_after(MEANT_WITHIN):
            for text in like:
                alike = await self._meanings.nearest(text, limit=MOST_ALIKE, is_beyond_tags=True)
                if alike:
                    break
        by_id = {place.id: place for place in found}
        return [by_id[one] for one, _ in alike if one in by_id][:MOST_MEANT]

    def note_unsold(self, city: Iata) -> None:
        """There was no room there, at any price."""
        self._unsold[city] = trio.current_time()
        while len(self._unsold) > MOST_KEPT:
            self._unsold.popitem(last=False)

    def _may_sell(self, city: Iata | None) -> bool:
        if city is None:
            return False
        since = self._unsold.get(city)
        return since is None or trio.current_time() - since > KEPT_FOR

    async def destinations(self) -> Sequence[Place]:
        """All of them, as they were within the hour."""
        now = trio.current_time()
        if now - self._read_at > KEPT_FOR:
            self._destinations = await self._catalogue.destinations(limit=MOST_DESTINATIONS)
            self._pleasant.clear()
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
