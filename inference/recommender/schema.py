"""The features of places and offers: their names, in the order in which a tower reads them (pure).

A number that is not known is 0, and its flag is 1. Meanings never change under one `SCHEMA`: stored
features are read again by later towers.
"""

from collections.abc import Mapping
from typing import Final

SCHEMA: Final = 1

TAGS: Final = (
    "coast",
    "warm_coast",
    "mountains",
    "highland",
    "capital",
    "metropolis",
    "big_city",
    "small_town",
    "warm_winter",
    "cool_summer",
    "cold_winter",
    "dry",
    "rainy",
)
"""Those of the catalogue."""

KINDS: Final = ("kind.place", "kind.hotel", "kind.flight")

NUMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "climate": ("climate.warmth", "climate.rain"),
    "price": ("price.level", "price.budget", "price.peers"),
    "distance": ("distance",),
    "stops": ("stops",),
    "duration": ("duration",),
    "stars": ("stars",),
    "board": ("board",),
    "refundable": ("refundable",),
    "bags": ("bags",),
    "size": ("size",),
}
"""What is called by one name, and the numbers that it consists of.

`climate.warmth`: (mean °C of the month − 20)/10, without a month the year's; `climate.rain`: its mm/100,
at most 3. `price.level`: (1…5 − 3)/2. `price.budget`: ln(cost ÷ budget) within ±1.5; `price.peers`:
ln(cost ÷ median of its kind and currency among the candidates) within ±1.5. `distance`: ln(1 + km/1000)
from home, − 1. `stops`: the most of any one way, at most 2, − ½. `duration`: ln(minutes of a way ÷ 240)
within ±1.5. `stars`: (stars − 3)/2. `board`: 0 none, ⅓ breakfast, ⅔ half, 1 more. `refundable`: 0 or 1.
`bags`: checked ones, at most 2. `size`: log10(inhabitants) − 5, within ±2.
"""

TAGS_UNKNOWN: Final = "tags.unknown"


def _names() -> tuple[str, ...]:
    numbers = [name for names in NUMBERS.values() for name in names]
    return (
        *KINDS,
        *(f"tags.{tag}" for tag in TAGS),
        TAGS_UNKNOWN,
        *(spelled for name in numbers for spelled in (name, f"{name}.unknown")),
    )


FEATURES: Final = _names()
"""Of a vector, in order."""

AT: Final[Mapping[str, int]] = {name: at for at, name in enumerate(FEATURES)}

REASONS: Final = (*(f"tags.{tag}" for tag in TAGS), *(name for name in NUMBERS if name != "size"))
"""What may be given as the reason for an item; size says itself by the tags of towns and cities."""


def unknown() -> list[float]:
    """The vector of an item of which nothing is known, not even its kind."""
    return [1.0 if name.endswith(".unknown") else 0.0 for name in FEATURES]


def parts_of(reason: str) -> tuple[int, ...]:
    """Places in a vector of the numbers that a reason consists of, without their flags."""
    if reason in NUMBERS:
        return tuple(AT[name] for name in NUMBERS[reason])
    return (AT[reason],)
