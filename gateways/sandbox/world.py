"""The world that all suppliers of the sandbox sell: same seed, same world, at any time.

Nothing here is stored and nothing changes: what was sold is kept apart (`stock`). A flight that a
client posts back is found again by carrier, number, airports and day.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Final

from gateways.sandbox.cities import CITIES, Airport, City
from gateways.sandbox.fares import Age, Fare, Price, price, seats
from gateways.sandbox.flights import Flight, Service, on, services
from gateways.sandbox.geodesy import km_between
from gateways.sandbox.hotels import Hotel, hotels

HUB_SIZE: Final = 5
_HUBS_TRIED: Final = 4
_CHANGE: Final = (60, 480)
"""Minutes between two flights: least and most."""

MAX_CONNECTIONS: Final = 24

Journey = tuple[Flight, ...]


class World:
    """Owns: the caches of its timetable, which forget.

    `city` and `airport` take IATA codes and give None for those that it does not know; `at_city`
    takes either.
    """

    def __init__(self, seed: str, cities: Sequence[City] = CITIES) -> None:
        self.seed = seed
        self.cities = tuple(cities)
        self._cities = {each.code: each for each in self.cities}
        self._airports = {a.code: a for each in self.cities for a in each.airports}
        self._hubs = tuple(each for each in self.cities if each.size >= HUB_SIZE)
        self._services = lru_cache(maxsize=8_192)(self._services_between)
        self._flights = lru_cache(maxsize=8_192)(self._flights_between)
        self._hotels = lru_cache(maxsize=512)(lambda city: hotels(self.seed, city))

    def city(self, code: str) -> City | None:
        return self._cities.get(code)

    def airport(self, code: str) -> Airport | None:
        return self._airports.get(code)

    def at_city(self, code: str) -> City | None:
        """The city with this code, else the one that the airport with this code serves."""
        if code in self._cities:
            return self._cities[code]
        airport = self._airports.get(code)
        return None if airport is None else self._cities[airport.city_code]

    def direct(self, origin: str, destination: str, day: date) -> tuple[Flight, ...]:
        """Flights that leave on that local day, earliest first. A code of a city means all its
        airports; a code that is both means the city."""
        start, end = self.at_city(origin), self.at_city(destination)
        if start is None or end is None:
            return ()
        return tuple(
            each
            for each in self._flights(start.code, end.code, day)
            if origin in (start.code, each.service.origin.code)
            and destination in (end.code, each.service.destination.code)
        )

    def journeys(
        self, origin: str, destination: str, day: date, *, most_stops: int = 1
    ) -> tuple[Journey, ...]:
        """Ways to get there: direct ones first, then with one change, shortest first."""
        direct = tuple((each,) for each in self.direct(origin, destination, day))
        if most_stops == 0:
            return direct
        changing = sorted(
            self._changing(origin, destination, day),
            key=lambda legs: (legs[-1].arrives_at - legs[0].departs_at, legs[0].key, legs[-1].key),
        )
        return direct + tuple(changing[:MAX_CONNECTIONS])

    def flight(
        self, carrier: str, number: str, origin: str, destination: str, day: date
    ) -> Flight | None:
        """The flight that a posted segment means; airports, not cities. None: there is none."""
        return next(
            (
                each
                for each in self.direct(origin, destination, day)
                if (each.service.carrier, each.service.number) == (carrier, number)
                and each.service.origin.code == origin
                and each.service.destination.code == destination
            ),
            None,
        )

    def capacity(self, flight: Flight, fare_class: str) -> int:
        """Seats of that class before the first order."""
        return seats(self.seed, flight, fare_class)

    def price(
        self,
        legs: Sequence[tuple[Flight, Fare]],
        now: int,
        *,
        age: Age = "adult",
        percent: float = 0,
    ) -> Price:
        """See `fares.price`."""
        return price(self.seed, legs, now, age=age, percent=percent)

    def hotels(self, city: City) -> tuple[Hotel, ...]:
        """Nearest to the centre first."""
        return self._hotels(city)

    @cached_property
    def all_hotels(self) -> tuple[Hotel, ...]:
        """Of all cities, in their order."""
        return tuple(hotel for city in self.cities for hotel in self._hotels(city))

    def hotel(self, hotel_id: str) -> Hotel | None:
        """By its eight characters."""
        city = self._cities.get(hotel_id[2:5])
        found = () if city is None else self._hotels(city)
        return next((each for each in found if each.id == hotel_id), None)

    def _changing(self, origin: str, destination: str, day: date) -> Iterator[Journey]:
        start, end = self.at_city(origin), self.at_city(destination)
        if start is None or end is None or start.code == end.code:
            return
        for hub in self._hubs_between(start, end):
            for first in self.direct(origin, hub.code, day):
                arrived = first.arrives.date()
                onward = [
                    second
                    for offset in (0, 1)
                    for second in self.direct(
                        hub.code, destination, arrived + timedelta(days=offset)
                    )
                    if _can_change(first, second)
                ]
                if onward:
                    yield (first, onward[0])

    def _hubs_between(self, start: City, end: City) -> Sequence[City]:
        straight = _km(start, end)
        ways = sorted(
            (_km(start, hub) + _km(hub, end), hub.code)
            for hub in self._hubs
            if hub.code not in (start.code, end.code)
        )
        return [
            self._cities[code]
            for way, code in ways[:_HUBS_TRIED]
            if way <= max(straight * 1.6, straight + 1_200)
        ]

    def _services_between(self, start: str, end: str) -> tuple[Service, ...]:
        return services(self.seed, self._cities[start], self._cities[end])

    def _flights_between(self, start: str, end: str, day: date) -> tuple[Flight, ...]:
        flights = (on(each, day) for each in self._services(start, end))
        return tuple(each for each in flights if each is not None)


def _can_change(first: Flight, second: Flight) -> bool:
    """The same airport, and time enough."""
    minutes = (second.departs_at - first.arrives_at) // 60_000
    same = first.service.destination.code == second.service.origin.code
    return same and _CHANGE[0] <= minutes <= _CHANGE[1]


def _km(a: City, b: City) -> float:
    return km_between(a.latitude, a.longitude, b.latitude, b.longitude)
