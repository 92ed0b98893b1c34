"""One slip in a long word of those that hints hang on: a letter too many, too few, another, or two of them swapped (pure).

The first letter is right, as it nearly always is; other words are left as they are.
"""

import re
from collections.abc import Iterator
from typing import Final

LONG: Final = frozenset(
    [
        "cheaper",
        "cheapest",
        "breakfast",
        "another",
        "second",
        "business",
        "luggage",
        "baggage",
        "earlier",
        "quicker",
        "fruhstuck",
        "desayuno",
    ]
)
"""Folded. None that is inflected, nor next to another word that people say of journeys."""

LEAST: Final = 5
_WORD: Final = re.compile(rf"[a-z]{{{LEAST},}}")
_ANY: Final = "?"


def _slips(word: str) -> Iterator[str]:
    """With a letter left out, with two swapped, and with any letter at one place."""
    for at in range(1, len(word)):
        yield word[:at] + word[at + 1 :]
        yield word[:at] + _ANY + word[at + 1 :]
        if at + 1 < len(word):
            yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]


_MEANT: Final = {slip: word for word in sorted(LONG) for slip in _slips(word) if slip not in LONG}


def mended(plain: str) -> str:
    """A folded text with what is meant in place of slips. Linear in it."""
    return _WORD.sub(lambda match: _meant(match[0]), plain)


def _meant(word: str) -> str:
    if word in LONG or word.removesuffix("s") in LONG:
        return word
    if word in _MEANT:
        return _MEANT[word]
    for at in range(1, len(word)):
        if (less := word[:at] + word[at + 1 :]) in LONG:
            return less
        if (some := word[:at] + _ANY + word[at + 1 :]) in _MEANT:
            return _MEANT[some]
    return word
