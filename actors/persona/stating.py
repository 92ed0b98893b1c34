"""What somebody's profile says of their taste, in the words of the recommender's features (pure)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from actors.persona.hints import folded

_INTERESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "tags.coast": (
        "beach",
        "beaches",
        "sea",
        "swimming",
        "surf",
        "surfing",
        "strand",
        "playa",
        "plage",
    ),
    "tags.mountains": (
        "mountains",
        "hiking",
        "climbing",
        "berge",
        "wandern",
        "montana",
        "randonnee",
    ),
    "tags.big_city": (
        "city",
        "cities",
        "museums",
        "nightlife",
        "shopping",
        "stadt",
        "ciudad",
        "ville",
    ),
    "tags.small_town": ("quiet", "nature", "villages", "ruhe", "natur", "tranquilo", "calme"),
    "tags.warm_winter": ("sun", "warm", "heat", "sonne", "sol", "soleil"),
    "tags.cold_winter": ("snow", "ski", "skiing", "schnee", "nieve", "neige"),
}
_BUDGETS: Final[Mapping[str, Mapping[str, float]]] = {
    "low": {"price.level": -1.0, "price.peers": -1.0},
    "high": {"stars": 0.5},
    "luxury": {"stars": 1.0, "price.peers": 0.5},
}


def stated_of(preferences: Mapping[str, Any] | None) -> dict[str, float]:
    """A feature's name → how much it is liked, -1 to 1. Dislikes win; what is no feature says nothing."""
    profile = preferences or {}
    stated = dict(_BUDGETS.get(str(profile.get("budget")), {}))
    stated |= dict.fromkeys(_features(profile.get("interests")), 1.0)
    stated |= dict.fromkeys(_features(profile.get("dislikes")), -1.0)
    return stated


def _features(tags: object) -> Iterable[str]:
    words = (
        {folded(tag) for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()
    )
    return [feature for feature, known in _INTERESTS.items() if words.intersection(known)]
