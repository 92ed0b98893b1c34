"""Hotels from a seed: which there are in a city, their rooms, and what a night costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from gateways.sandbox.cities import City
from gateways.sandbox.draw import between, draw, pick, share
from gateways.sandbox.fares import drift, season
from gateways.sandbox.geodesy import km_between, offset

CHAINS: Final = {"ZZ": "ZEPHYR", "YX": "YARROW", "QY": "QUAYSIDE", "XZ": "CROSSLINE"}
AMENITIES: Final = (
    "WIFI",
    "SWIMMING_POOL",
    "SPA",
    "FITNESS_CENTER",
    "RESTAURANT",
    "PARKING",
    "PETS_ALLOWED",
    "AIR_CONDITIONING",
)
_NAMES: Final = ("PALACE", "GARDEN", "CENTRAL", "HARBOUR", "TERRACE", "STATION", "PARK", "COURT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A kind of room. `sleeps`: adults. `times`: its price in parts of the standard room."""

    code: str
    category: str
    beds: int
    bed_type: str
    text: str
    sleeps: int
    times: float
    is_refundable: bool
    policy: str


ROOMS: Final = (
    Room(
        code="A1K",
        category="STANDARD_ROOM",
        beds=1,
        bed_type="KING",
        text="STANDARD ROOM",
        sleeps=2,
        times=1.0,
        is_refundable=True,
        policy="guarantee",
    ),
    Room(
        code="B2T",
        category="SUPERIOR_ROOM",
        beds=2,
        bed_type="TWIN",
        text="SUPERIOR TWIN ROOM",
        sleeps=3,
        times=1.35,
        is_refundable=True,
        policy="deposit",
    ),
    Room(
        code="S1K",
        category="SUITE",
        beds=2,
        bed_type="KING",
        text="SUITE WITH SOFA BED, PREPAID",
        sleeps=4,
        times=2.1,
        is_refundable=False,
        policy="prepay",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hotel:
    """`id`: chain, city and number, eight characters. `km` from the city's centre."""

    id: str
    chain: str
    dupe_id: int
    name: str
    city: City
    latitude: float
    longitude: float
    km: float
    rating: int
    amenities: tuple[str, ...]


def hotels(seed: str, city: City) -> tuple[Hotel, ...]:
    """8 to 24, nearest to the centre first."""
    count = 6 + city.size * 2 + draw(seed, "hotels", city.code) % 9
    found = [_hotel(seed, city, number) for number in range(1, count + 1)]
    return tuple(sorted(found, key=lambda each: (each.km, each.id)))


def rooms_free(seed: str, hotel: Hotel, room: Room, night: date) -> int:
    """How many the sandbox sells in all for that night, before the first order: 0 to 6."""
    return max(0, between(-1, 6, seed, "rooms", hotel.id, room.code, night))


def night_cents(seed: str, hotel: Hotel, room: Room, night: date, now: int) -> int:
    """Cents of a euro for one room; `now` is business time in milliseconds."""
    cents = (
        (2_800 + hotel.city.level * 1_500)
        * (0.45 + hotel.rating * 0.3)
        * (0.85 + 0.3 * share(seed, "rate", hotel.id))
        * (1.15 if night.weekday() in (4, 5) else 1.0)
        * season(night)
        * room.times
        * drift(seed, hotel.id, now)
    )
    return round(cents / 100) * 100


def nights(check_in: date, check_out: date) -> Sequence[date]:
    """The nights slept."""
    return [check_in + timedelta(days=n) for n in range((check_out - check_in).days)]


def _hotel(seed: str, city: City, number: int) -> Hotel:
    it = (seed, "hotel", city.code, number)
    chain = pick(tuple(CHAINS), *it, "chain")
    latitude, longitude = offset(
        city.latitude,
        city.longitude,
        km=0.2 + 5.5 * share(*it, "km") ** 2,
        turn=share(*it, "turn"),
    )
    return Hotel(
        id=f"{chain}{city.code}{number:03}",
        chain=chain,
        dupe_id=700_000_000 + draw(*it) % 99_999_999,
        name=f"{CHAINS[chain]} {pick(_NAMES, *it, 'name')} {city.name.upper()} {number}",
        city=city,
        latitude=latitude,
        longitude=longitude,
        km=round(km_between(city.latitude, city.longitude, latitude, longitude), 2),
        rating=between(2, 5, *it, "rating"),
        amenities=tuple(a for a in AMENITIES if share(*it, a) < 0.55),
    )
