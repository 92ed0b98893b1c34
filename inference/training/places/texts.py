"""What the encoder reads of a destination: its name, and in plain words what the catalogue proves."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from babel.core import Locale

from inference.training.understanding.places import catalogue
from protocol.travel import Place

_TAGS: Final = {
    "coast": "by the sea",
    "warm_coast": "warm beaches for swimming",
    "mountains": "surrounded by mountains",
    "highland": "high up in the highlands",
    "capital": "a capital",
    "metropolis": "a huge metropolis",
    "big_city": "a big city",
    "small_town": "a quiet small town",
    "warm_winter": "warm in winter",
    "cool_summer": "cool summers",
    "cold_winter": "cold snowy winters",
    "dry": "dry desert climate",
    "rainy": "rainy and green",
}
_PRICES: Final = {
    1: "very cheap",
    2: "cheap",
    3: "moderately priced",
    4: "expensive",
    5: "very expensive",
}


@cache
def destinations() -> tuple[Place, ...]:
    """Of the catalogue, in its order."""
    return tuple(entry.place for entry in catalogue() if entry.place.kind == "destination")


def name_of(place: Place) -> str:
    """With its country."""
    return f"{place.names['en']}, {Locale('en').territories[place.country]}"


def description_of(place: Place) -> str:
    """In one line."""
    parts = [_TAGS[tag] for tag in place.tags]
    if place.price_level is not None:
        parts.append(_PRICES[place.price_level])
    return f"{name_of(place)}: {', '.join(parts)}."


def all_texts(places: Sequence[Place]) -> str:
    """What the directions depend on, besides the encoder."""
    return "\n".join(f"{place.id}\t{name_of(place)}\t{description_of(place)}" for place in places)
