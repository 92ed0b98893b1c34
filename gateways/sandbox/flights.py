"""A timetable from a seed: which flights there are between two cities, on which day and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateways.sandbox.cities import Airport, City
from gateways.sandbox.draw import between, draw, pick, share
from gateways.sandbox.geodesy import km_between

CARRIERS: Final = {
    "YY": "SANDBOX AIR",
    "ZZ": "ZEPHYR AIRWAYS",
    "XX": "CROSSLINE",
    "X0": "SKERRY AIR",
}
"""Fictitious, every one."""

AIRCRAFT: Final = {
    "32N": "AIRBUS A320NEO",
    "223": "AIRBUS A220-300",
    "7M8": "BOEING 737 MAX 8",
    "359": "AIRBUS A350-900",
    "789": "BOEING 787-9",
}
LONG_HAUL_KM: Final = 4_500
NEAREST_KM: Final = 150
FARTHEST_KM: Final = 15_000
_MOST_PER_DAY: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A line of the timetable: flown on those `weekdays` (0 is Monday), `leaves` minutes after local
    midnight, `minutes` from gate to gate."""

    carrier: str
    number: str
    origin: Airport
    destination: Airport
    origin_zone: str
    destination_zone: str
    leaves: int
    minutes: int
    km: int
    weekdays: frozenset[int]
    aircraft: str
    terminals: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One service on one day. `key` names it for ever: carrier, number, airports, local day of
    departure. `departs` and `arrives` are local and naive; `departs_at`, `arrives_at` milliseconds
    since 1970, UTC."""

    service: Service
    day: date
    departs: datetime
    arrives: datetime
    departs_at: int
    arrives_at: int
    key: str


def services(seed: str, origin: City, destination: City) -> tuple[Service, ...]:
    """All lines from one city to the other, earliest first; empty where nobody flies."""
    if origin.code == destination.code:
        return ()
    return tuple(
        sorted(
            _services(seed, origin, destination),
            key=lambda each: (each.leaves, each.carrier, each.number),
        )
    )


def on(service: Service, day: date) -> Flight | None:
    """None: it does not fly that day."""
    if day.weekday() not in service.weekdays:
        return None
    midnight = datetime.combine(day, time(), ZoneInfo(service.origin_zone))
    left = (midnight + timedelta(minutes=service.leaves)).astimezone(UTC)
    came = left + timedelta(minutes=service.minutes)
    return Flight(
        service=service,
        day=day,
        departs=left.astimezone(ZoneInfo(service.origin_zone)).replace(tzinfo=None),
        arrives=came.astimezone(ZoneInfo(service.destination_zone)).replace(tzinfo=None),
        departs_at=_millis(left),
        arrives_at=_millis(came),
        key=(
            f"{service.carrier}{service.number}.{service.origin.code}{service.destination.code}"
            f".{day:%Y%m%d}"
        ),
    )


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)


def _services(seed: str, origin: City, destination: City) -> Iterator[Service]:
    km = km_between(origin.latitude, origin.longitude, destination.latitude, destination.longitude)
    pair = (seed, "service", origin.code, destination.code)
    number = between(100, 8_900, *pair, "number")
    count = _per_day(km, origin.size, destination.size, share(*pair, "count"))
    for index in range(count):
        it = (*pair, index)
        start, end = _airport(origin, *it, "from"), _airport(destination, *it, "to")
        way = km_between(start.latitude, start.longitude, end.latitude, end.longitude)
        is_far = way > LONG_HAUL_KM
        daily = count > 1 or draw(*it, "daily") % 2
        resting = frozenset() if daily else frozenset({draw(*it, "rest") % 7})
        yield Service(
            carrier=pick(tuple(CARRIERS), *it, "carrier"),
            number=str(number + index * 2),
            origin=start,
            destination=end,
            origin_zone=origin.time_zone,
            destination_zone=destination.time_zone,
            leaves=_leaves(index, count, draw(*it, "leaves")),
            minutes=round((35 + way / 13.6) / 5) * 5,
            km=round(way),
            weekdays=frozenset(range(7)) - resting,
            aircraft=pick(("359", "789") if is_far else ("32N", "223", "7M8"), *it, "aircraft"),
            terminals=(str(1 + draw(*it, "out") % 2), str(1 + draw(*it, "in") % 2)),
        )


def _per_day(km: float, size_a: int, size_b: int, chance: float) -> int:
    small, large = sorted((size_a, size_b))
    if not NEAREST_KM <= km <= FARTHEST_KM or large < 3:
        return 0
    if km <= LONG_HAUL_KM:
        return max(1, min(_MOST_PER_DAY, round((small + large) * (0.35 + chance * 0.3))))
    if km <= 9_500:
        return 1 + (small + large >= 9) if large == 5 or small >= 4 else 0
    return 1 if large == 5 and small >= 3 else 0


def _leaves(index: int, count: int, chance: int) -> int:
    """The day from 6 to 22 o'clock in `count` equal parts, one flight somewhere in each."""
    part = 16 * 60 // count // 5
    return 6 * 60 + (index * part + chance % part) * 5


def _airport(city: City, *parts: object) -> Airport:
    return city.airports[0] if share(*parts) < 0.6 else pick(city.airports, *parts, "other")
