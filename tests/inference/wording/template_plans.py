"""Facts for every placeholder in every language, and plans over all subsets of what is optional."""

import itertools
from collections.abc import Iterator

from inference.wording.grammar import slots_of
from inference.wording.templates import LANGUAGES, VOICES, Speech
from protocol.wording import PLACEHOLDERS, REQUIRED, Act

FACTS: dict[str, str] = dict.fromkeys(PLACEHOLDERS, "")
FACTS |= {
    "user": "Ana",
    "persona": "Nova",
    "destination": "Lisbon",
    "origin": "Oslo",
    "dates": "from 12 to 14 February",
    "party": "for 2 people",
    "budget": "up to €150 a night",
    "count": "3 hotels",
    "wanted": "your dates",
    "reading.1": "a flight",
    "reading.2": "a hotel",
    "what": "the second hotel",
    "detail": "4 stars, breakfast included",
    "climate": "17 °C on average in February, 80 mm of rain",
    "trend": "prices rose by 6 % within 14 days",
    "because": "the price",
}
for number in (1, 2, 3):
    FACTS |= {
        f"offer.{number}.name": f"Casa {number}",
        f"offer.{number}.price": f"€{number}40 for 2 nights",
        f"offer.{number}.detail": "4 stars",
        f"place.{number}.name": f"Faro {number}",
        f"place.{number}.country": "Portugal",
        f"place.{number}.detail": "by the sea",
    }

SPEECHES = [(language, voice) for language in LANGUAGES for voice in VOICES]
MOST_OF_ONE = 4_096


def required(act: Act) -> dict[str, str]:
    return {name: FACTS[name] for name in REQUIRED[act]}


def optional(act: Act, spoken: Speech) -> list[tuple[str, ...]]:
    """What the act's templates may say beyond what is required: placeholders that come together."""
    may: set[str] = set()
    for pattern in spoken.acts[act]:
        may |= slots_of(pattern, spoken.rules)
    alone = [(name,) for name in sorted(may) if ".n." not in name and name not in REQUIRED[act]]
    if any(name.startswith("offer.n") for name in may):
        alone += [(f"offer.{n}.name", f"offer.{n}.price") for n in (2, 3)]
        alone += [(f"offer.{n}.detail",) for n in (1, 2, 3)]
    if any(name.startswith("place.n") for name in may):
        alone += [(f"place.{n}.name", f"place.{n}.country") for n in (2, 3)]
        alone += [(f"place.{n}.detail",) for n in (1, 2, 3)]
    return alone


def all_facts(act: Act, spoken: Speech) -> Iterator[dict[str, str]]:
    """The act's required facts with every subset of the optional ones; the third item never comes
    without the second."""
    groups = optional(act, spoken)
    assert 2 ** len(groups) <= MOST_OF_ONE
    for chosen in itertools.product((False, True), repeat=len(groups)):
        more = [
            name for group, is_in in zip(groups, chosen, strict=True) if is_in for name in group
        ]
        facts = required(act) | {name: FACTS[name] for name in more}
        for kind in ("offer", "place"):
            if f"{kind}.3.name" in facts and f"{kind}.2.name" not in facts:
                break
        else:
            yield facts
