"""Write docs/voices.md: what each voice says for each act, in English, one example of each.

`python tools/write_voices.py` writes it anew; `--check` compares and ends with 1 when it is old.
"""

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "voices.md"
sys.path.insert(0, str(ROOT))

from inference.wording.filling import fill  # noqa: E402
from inference.wording.templates import VOICES, Templates  # noqa: E402
from protocol.wording import ACTS, REQUIRED, Act, Plan  # noqa: E402

FACTS: Final = {
    "user": "Ana",
    "destination": "Lisbon",
    "origin": "Rome",
    "dates": "from 12 to 14 February",
    "party": "for 2 adults and 2 children",
    "budget": "up to €150 a night",
    "wanted": "your dates",
    "reading.1": "a flight",
    "reading.2": "a hotel",
    "what": "the second hotel",
    "detail": "breakfast included",
    "climate": "12 °C on average in February, 86 mm of rain",
    "trend": "prices rose by 6 % within 14 days",
    "because": "the sea",
}
PLACES: Final = {
    "place.1.name": "Faro",
    "place.1.country": "Portugal",
    "place.1.detail": "by the sea",
    "place.2.name": "Cádiz",
    "place.2.country": "Spain",
}
HOTELS: Final = {
    "offer.1.name": "Casa Rosa",
    "offer.1.price": "€240 for 2 nights",
    "offer.1.detail": "4 stars",
    "offer.2.name": "Hotel Sol",
    "offer.2.price": "€180 for 2 nights",
    "offer.2.detail": "breakfast included",
}
FLIGHTS: Final = {
    "offer.1.name": "Rome → Lisbon, direct, 2 h 55",
    "offer.1.price": "€118",
    "offer.2.name": "Rome → Lisbon, 1 stop, 5 h 10",
    "offer.2.price": "€96",
}
ABOUT: Final[dict[Act, tuple[str, ...]]] = {
    "greet": ("user",),
    "open_places": ("dates",),
    "open_flights": ("origin", "dates"),
    "open_hotels": ("dates", "budget"),
    "show_places": ("because",),
    "show_flights": (),
    "show_hotels": ("because",),
    "nothing_found": ("destination", "dates"),
    "still_searching": ("destination",),
    "weather": ("dates",),
    "no_price_trend": ("destination",),
    "welcome_thanks": ("user",),
}
"""Facts beyond what an act requires, as they are there when it is said."""

HEAD: Final = """# Voices

What personas say when no model speaks for them: templates written by hand, in [inference/wording/templates](../inference/wording/templates), for 27 acts in eight voices and four languages (German with du, Spanish with tú, French with vous). Below, of each voice and act in English, one of several (at least six; three in the other languages) that the seed chooses from, with facts as they might be. Numbers, names, money and claims stand only in facts, which come from records: [protocol/wording.py](../protocol/wording.py) says what each placeholder holds, [filling.py](../inference/wording/filling.py) judges every text before it leaves, whoever wrote it.

This page is made by `python tools/write_voices.py`.
"""


def facts_of(act: Act) -> dict[str, str]:
    """What there is to say."""
    names = (*REQUIRED[act], *ABOUT.get(act, ()))
    facts = {name: FACTS[name] for name in names if name in FACTS}
    match act:
        case "show_places":
            return facts | PLACES
        case "show_flights":
            return facts | FLIGHTS
        case "show_hotels" | "compare":
            return facts | HOTELS
        case "confirm" | "not_yet":
            return {"what": "booking the second hotel"}
        case "noted":
            return {"what": "your dates"}
        case "stopped":
            return {"what": "the search"}
        case "learned":
            return {"because": "a lower price"}
        case _:
            return facts


def page() -> str:
    """The whole page; each voice with a seed of its own, so that not all begin alike."""
    templates = Templates.load()
    parts = [HEAD]
    for act in ACTS:
        rows = []
        for seed, voice in enumerate(VOICES):
            plan = Plan(act=act, voice=voice, language="en", facts=facts_of(act), seed=seed)
            rows.append(f"| {voice} | {fill(plan, templates.write(plan))} |")
        parts.append(f"## {act}\n\n| voice | example |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def main() -> int:
    if "--check" in sys.argv[1:]:
        is_new = PAGE.is_file() and PAGE.read_text("utf-8") == page()
        if not is_new:
            print("docs/voices.md is old: run python tools/write_voices.py", file=sys.stderr)
        return 0 if is_new else 1
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
