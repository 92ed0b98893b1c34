"""What there is to see and do, from a seed: a few sights and activities in each city."""

from dataclasses import dataclass
from typing import Final

from gateways.sandbox.cities import City
from gateways.sandbox.draw import between, draw, letters, pick, share
from gateways.sandbox.geodesy import offset

CATEGORIES: Final = ("SIGHTS", "NIGHTLIFE", "RESTAURANT", "SHOPPING")
_SIGHTS: Final = {
    "SIGHTS": (
        ("Old Town Museum", "museum"),
        ("Cathedral Hill", "church"),
        ("City Garden", "park"),
    ),
    "NIGHTLIFE": (("Blue Lantern Bar", "bar"), ("Harbour Jazz Cellar", "music")),
    "RESTAURANT": (("Market Table", "restaurant"), ("The Olive Yard", "restaurant")),
    "SHOPPING": (("Arcade of Crafts", "market"), ("Linen Street", "shopping")),
}
_ACTIVITIES: Final = (
    ("Old town walk", "Two hours on foot with a guide.", 1_600),
    ("Market and cooking class", "Shop, cook and eat together.", 7_900),
    ("Sunset boat trip", "Ninety minutes on the water.", 4_500),
    ("Bicycle tour", "Half a day by bicycle, helmet included.", 3_800),
    ("Museum without the queue", "Timed entrance and an audio guide.", 2_400),
    ("Day trip to the hills", "A small bus, a village and lunch.", 8_900),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    id: str
    name: str
    category: str
    tags: tuple[str, ...]
    rank: int
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """`cents` of a euro, for one person."""

    id: str
    name: str
    text: str
    rating: str
    cents: int
    latitude: float
    longitude: float


def sights(seed: str, city: City) -> tuple[Sight, ...]:
    """By rank, best first."""
    found = []
    for category, names in _SIGHTS.items():
        for n, (name, tag) in enumerate(names):
            it = (seed, "sight", city.code, category, n)
            latitude, longitude = _near(city, *it)
            found.append(
                Sight(
                    id=letters(10, "0123456789ABCDEF", *it, "id"),
                    name=f"{name} {city.name}",
                    category=category,
                    tags=(tag, category.lower()),
                    rank=between(1, 100, *it, "rank"),
                    latitude=latitude,
                    longitude=longitude,
                )
            )
    return tuple(sorted(found, key=lambda each: (each.rank, each.id)))


def activities(seed: str, city: City) -> tuple[Activity, ...]:
    """In no order that means anything."""
    found = []
    for n, (name, text, cents) in enumerate(_ACTIVITIES):
        it = (seed, "activity", city.code, n)
        latitude, longitude = _near(city, *it)
        found.append(
            Activity(
                id=str(1_000_000 + draw(*it, "id") % 9_000_000),
                name=f"{name}, {city.name}",
                text=text,
                rating=pick(("3.8", "4.1", "4.5", "4.7", "4.9"), *it, "rating"),
                cents=round(cents * (0.6 + city.level * 0.15) / 100) * 100,
                latitude=latitude,
                longitude=longitude,
            )
        )
    return tuple(found)


def _near(city: City, *it: object) -> tuple[float, float]:
    return offset(
        city.latitude, city.longitude, km=4 * share(*it, "km") ** 2, turn=share(*it, "turn")
    )
