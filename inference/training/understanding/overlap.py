"""Whether something written to train on shares four words in a row with the messages that judge.

Words are folded; stop words, places, dates, numbers and amounts are skipped, so that two sentences that differ
only in these count as one. `python -m inference.training.understanding.overlap` checks all phrasings.
"""

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from typing import Final

from inference.training.understanding.held_out import HALVES, messages
from inference.training.understanding.phrasings import (
    LANGUAGES,
    Filling,
    filled,
    fillings_of,
    phrasings_of,
)
from inference.training.understanding.places import catalogue
from inference.understanding.folding import words_of
from inference.understanding.regions import countries, regions
from protocol.understanding import Language

IN_A_ROW: Final = 4

Run = tuple[str, ...]

SKIPPED: Final = frozenset(
    word
    for line in Path(__file__).with_name("skipped.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
    for word in line.split()
)


def runs_of(text: str) -> set[Run]:
    """The words that count, four in a row."""
    words = [
        word
        for word in _without_places(words_of(text))
        if word not in SKIPPED and not any(letter.isdigit() for letter in word)
    ]
    return {tuple(words[at : at + IN_A_ROW]) for at in range(len(words) - IN_A_ROW + 1)}


@cache
def held_out_runs() -> frozenset[Run]:
    """Of both halves. Nobody sees of the locked one more than that something overlaps."""
    texts = (
        message.text
        for half, language in product(HALVES, LANGUAGES)
        for message in messages(half, language)
    )
    return frozenset(run for text in texts for run in runs_of(text))


def overlapping(
    texts: Iterable[str], runs: frozenset[Run] | None = None
) -> Iterator[tuple[str, Run]]:
    """Those texts that may not be trained on, each with the words it shares."""
    forbidden = held_out_runs() if runs is None else runs
    for text in texts:
        shared = runs_of(text) & forbidden
        if shared:
            yield text, min(shared)


def variants(language: Language, *, each: int = 12, seed: int = 7) -> Iterator[str]:
    """Every phrasing in several of its forms; slots that are skipped anyhow are left empty."""
    chance = Random(seed)  # noqa: S311
    fillings = dict(fillings_of(language))
    fillings |= {slot: [Filling("")] for slot in ("to", "to2", "from", "region", "name", "persona")}
    for phrasing in phrasings_of(language):
        forms = {
            "".join(piece.text for piece in filled(phrasing.text, fillings, chance))
            for _ in range(each if "(" in phrasing.text or "{" in phrasing.text else 1)
        }
        yield from sorted(forms)


@cache
def _places() -> dict[str, list[Run]]:
    """First word → names that begin with it, the longest first."""
    wide = (name for region in (*countries(), *regions()) for name in region.names)
    near = (
        name
        for entry in catalogue()
        if entry.place.kind == "destination" or (entry.place.population or 0) > 300_000
        for language, name in entry.place.names.items()
        if language != "ar"
    )
    by_word: dict[str, list[Run]] = {}
    for run in {tuple(words_of(name)) for name in (*wide, *near)}:
        if (
            run
            and len(" ".join(run)) > 3
            and run not in {("nice",), ("bath",), ("split",), ("most",)}
        ):
            by_word.setdefault(run[0], []).append(run)
    return {word: sorted(runs, key=len, reverse=True) for word, runs in by_word.items()}


def _without_places(words: list[str]) -> Iterator[str]:
    at = 0
    while at < len(words):
        for run in _places().get(words[at], ()):
            if tuple(words[at : at + len(run)]) == run:
                at += len(run)
                break
        else:
            yield words[at]
            at += 1


def main() -> int:
    """0: nothing overlaps."""
    found = [
        (language, text, shared)
        for language in LANGUAGES
        for text, shared in overlapping(variants(language))
    ]
    for language, text, shared in found:
        print(f"{language}: {text!r} shares {' '.join(shared)!r}")
    print(f"{len(found)} overlap")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
