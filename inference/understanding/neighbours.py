"""Whether a message is in a language beside the four: Italian, Dutch, Portuguese or Polish, which would else be read as
the one of the four that is nearest.

Two different words that none of the four shares, and more of them than the nearest of the four has of its own; instead of the
second a letter that only this language has. What is said in fewer words tells too little, and is read as before.
"""

from collections.abc import Iterator
from typing import Final

from inference.understanding.folding import WORD
from inference.understanding.language import HERE, is_of_some, most_own

NEIGHBOURS: Final = HERE / "neighbour_words.txt"
_LETTERS: Final = {"it": "", "nl": "", "pt": "ãõ", "pl": "ąęłńśźż"}
_LEAST: Final = 2
_MAX_WORDS: Final = 30


def _read() -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    for line in NEIGHBOURS.read_text("utf-8").splitlines():
        language, _, words = line.partition(": ")
        if language in _LETTERS:
            own = frozenset(word for word in words.split() if not is_of_some(word))
            yield own, frozenset(_LETTERS[language])


_NEIGHBOURS: Final = tuple(_read())


def is_of_neighbour(text: str) -> bool:
    """Whether it is surely in one of them. Linear in the text, of which thirty words are read."""
    words = set(WORD.findall(text.lower())[:_MAX_WORDS])
    most = 0
    for own, letters in _NEIGHBOURS:
        known = words & own
        if known and letters:
            known |= {word for word in words if not letters.isdisjoint(word)}
        most = max(most, len(known))
    return most >= _LEAST and most > most_own(words)
