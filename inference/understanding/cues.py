"""Signs of whom a message is for: people call each other by name, and speak of one another."""

from typing import Final

from inference.understanding.folding import words_of
from inference.understanding.word_lists import WORDS, words_in

_EVERYBODY: Final = WORDS["to everybody"]
_DEAR: Final = WORDS["to dear ones"]


NAMES: Final = words_in("first_names.txt")


def cues_in(text: str) -> tuple[str, ...]:
    """Names of what is the case, in the order in which it is looked for."""
    words = words_of(text)[:60]
    if not words:
        return ()
    found = []
    if any(word in NAMES for word in words):
        found.append("names somebody")
    if words[0] in NAMES or (len(words) > 1 and words[1] in NAMES and len(words[0]) <= 5):
        found.append("names first")
    if words[-1] in NAMES:
        found.append("names last")
    if any(word in _EVERYBODY for word in words):
        found.append("to everybody")
    if words[0] in _DEAR or words[-1] in _DEAR:
        found.append("to dear ones")
    return tuple(found)
