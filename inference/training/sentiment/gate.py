"""The gate: `python -m inference.training.sentiment.gate`. Macro F1 on the held-out half, at least 0.70 over all and
0.65 in each language; 0 when passed, 1 when not, 2 when that half is not the one that was committed.

The control answers what the message beside it was labelled: who passes with that is judged by nothing.
"""

import sys
from collections.abc import Sequence
from typing import Final

from inference.encoder.encoder import load_encoder
from inference.sentiment.head import MOODS, Mood, load_mood_head
from inference.training.sentiment.messages import LANGUAGES, Labelled, digests, labelled
from inference.training.where import models_folder

HELD_OUT: Final = {
    "en": "1fefb4a453ab9581adfd21955e6535395f1f1afec17f11457d30e88a12a92797",
    "de": "7df90974633eec4ceecc77a6c7785856317890c6aa911a4e0a582ebdd68b9d99",
    "es": "b69266c18e71a3962b39d4975a1e84cc142d3687d35f8dc3cbafab2b5707a784",
    "fr": "b52c605bd7f6884f2f0851d85694d493f5daea5f1412251b69e2a5be554e7de8",
}
LEAST: Final = 0.70
LEAST_OF_A_LANGUAGE: Final = 0.65


def macro_f1(said: Sequence[Mood], right: Sequence[Mood]) -> float:
    """The mean over the three moods."""
    total = 0.0
    for mood in MOODS:
        hits = sum(one == other == mood for one, other in zip(said, right, strict=True))
        both = said.count(mood) + right.count(mood)
        total += 2 * hits / both if both else 1.0
    return total / len(MOODS)


def figures_of(said: Sequence[Mood], found: Sequence[Labelled]) -> dict[str, float]:
    """By language, and "all"."""
    figures = {"all": macro_f1(list(said), [one.mood for one in found])}
    for language in LANGUAGES:
        pairs = [
            (mood, one.mood)
            for mood, one in zip(said, found, strict=True)
            if one.language == language
        ]
        figures[language] = macro_f1([mood for mood, _ in pairs], [right for _, right in pairs])
    return figures


def is_passed(figures: dict[str, float]) -> bool:
    return figures["all"] >= LEAST and min(figures.values()) >= LEAST_OF_A_LANGUAGE


def main() -> int:
    if digests("held_out") != HELD_OUT:
        print("refused: the held-out half is not what was committed", file=sys.stderr)
        return 2
    head = load_mood_head(load_encoder(models_folder() / "encoder"))
    found = labelled("held_out")
    figures = figures_of([head.mood_of(one.text) for one in found], found)
    control = figures_of([one.mood for one in (*found[40:], *found[:40])], found)
    for name, values in (("head", figures), ("control", control)):
        print(name.ljust(8) + "  ".join(f"{key} {value:.3f}" for key, value in values.items()))
    passed = is_passed(figures) and not is_passed(control)
    print("passed" if passed else "failed")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
