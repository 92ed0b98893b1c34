"""Plans as the policy makes them, drawn at random, for a corpus: which facts are there, not what they say."""

import random
from typing import Final

from protocol.persona import Voice
from protocol.wording import MAX_LISTED, REQUIRED, Act, Mood, Plan

JOURNEY: Final = ("destination", "origin", "dates", "party", "budget")

WEIGHTS: Final[dict[Act, float]] = {
    **dict.fromkeys(("show_places", "show_flights", "show_hotels"), 8.0),
    **dict.fromkeys(("open_places", "open_flights", "open_hotels"), 8.0),
    **dict.fromkeys(("ask", "compare", "detail", "nothing_found", "weather"), 4.0),
    **dict.fromkeys(("still_searching", "unknown_detail", "price_trend", "no_price_trend"), 3.0),
    **dict.fromkeys(("clarify", "confirm", "not_yet", "noted", "learned", "greet"), 3.0),
    **dict.fromkeys(("ask_again", "welcome_thanks", "sorry", "smalltalk"), 2.0),
    **dict.fromkeys(("out_of_scope", "stopped"), 2.0),
}
"""How often each act is drawn, beside the others."""

_LISTS: Final[dict[Act, str]] = {
    "show_places": "place",
    "show_flights": "offer",
    "show_hotels": "offer",
    "compare": "offer",
}
_FIELDS: Final = {"place": ("country", "detail"), "offer": ("price", "detail")}
_SHOWN: Final[tuple[Act, ...]] = ("show_places", "show_flights", "show_hotels")
_BECAUSE: Final[tuple[Act, ...]] = (*_SHOWN, "learned")
_BESIDE: Final = ("wanted", "what", "because", "climate", "count")
"""Facts of the dialogue that a plan may have although its act has no use for them."""


def drawn(dice: random.Random, voice: Voice, act: Act | None = None) -> Plan:
    """A plan in English whose facts are there by chance, as often as they are in conversations."""
    if act is None:
        act = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    there = set(REQUIRED[act])
    there |= {name for name in ("user", "persona") if dice.random() < 0.95}
    there |= {name for name in JOURNEY if dice.random() < 0.5}
    if act in _BECAUSE and dice.random() < 0.6:
        there.add("because")
    there |= {name for name in _BESIDE if dice.random() < 0.04}
    if act in _SHOWN and dice.random() < 0.95:
        there.add("count")
    if act in _LISTS:
        there |= _listed(dice, act)
    moods: tuple[Mood, ...] = ("plain", "plain", "plain", "glad", "sad")
    return Plan(
        act=act,
        voice=voice,
        language="en",
        facts=dict.fromkeys(sorted(there), "x"),
        mood=dice.choice(moods),
        seed=dice.randrange(2**53),
    )


def belongs(act: Act, name: str) -> bool:
    """Whether plans of that act have a fact of that name other than by chance."""
    kind, _, rest = name.partition(".")
    return (
        name in (*JOURNEY, "user", "persona", *REQUIRED[act])
        or (bool(rest) and kind == _LISTS.get(act))
        or (name == "because" and act in _BECAUSE)
        or (name == "count" and act in _SHOWN)
    )


def _listed(dice: random.Random, act: Act) -> set[str]:
    kind = _LISTS[act]
    count = 2 if act == "compare" else dice.choice((1, 2, 3, 3, 3))
    found: set[str] = set()
    for number in range(1, min(count, MAX_LISTED) + 1):
        found.add(f"{kind}.{number}.name")
        for field in _FIELDS[kind]:
            if (kind == "offer" and field == "price") or dice.random() < 0.8:
                found.add(f"{kind}.{number}.{field}")
    return found
