"""What a mood is read from beside the encoder's direction, which knows English alone: words that tell it in four
languages, whether a no stands before them, and marks (pure)."""

from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from inference.understanding.folding import words_of

Sign = Literal["+", "-"]

WORDS: Final = Path(__file__).with_name("words.txt")
SHORTEST_BEGINNING: Final = 4
REACH: Final = 3
"""Words that a no reaches."""

MOST: Final = 2.0
"""Of anything that is counted."""

FEATURES: Final = ("glad", "bad", "glad after no", "bad after no", "no", "!", "?")

Floats = NDArray[np.float32]


@cache
def _lists() -> tuple[dict[str, Sign], dict[str, Sign], frozenset[str]]:
    """Whole words, and beginnings; what says no."""
    whole: dict[str, Sign] = {}
    beginnings: dict[str, Sign] = {}
    noes: set[str] = set()
    for line in WORDS.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        sign, _language, *words = line.split()
        if sign == "!":
            noes.update(words)
            continue
        told: Sign = "+" if sign == "+" else "-"
        for word in words:
            into = beginnings if word.endswith("*") else whole
            into[word.rstrip("*")] = told
    return whole, beginnings, frozenset(noes)


def sign_of(word: str) -> Sign | None:
    """Of a folded word; the longest beginning counts."""
    whole, beginnings, _ = _lists()
    if word in whole:
        return whole[word]
    for length in range(len(word), SHORTEST_BEGINNING - 1, -1):
        if word[:length] in beginnings:
            return beginnings[word[:length]]
    return None


def features_of(text: str) -> Floats:
    """[7], as `FEATURES` names them."""
    found = dict.fromkeys(FEATURES, 0.0)
    words, noes = words_of(text), _lists()[2]
    for at, word in enumerate(words):
        sign = sign_of(word)
        if sign is not None:
            is_denied = not noes.isdisjoint(words[max(0, at - REACH) : at])
            found[("glad" if sign == "+" else "bad") + (" after no" if is_denied else "")] += 1
        found["no"] += word in noes
    found["!"], found["?"] = float("!" in text), float("?" in text)
    return np.minimum(np.array(list(found.values()), np.float32), MOST)
