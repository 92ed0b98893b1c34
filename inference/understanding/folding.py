"""Words as they are compared: lower case, no accents."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

_LETTERS: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "’": "'"}
)
_WORD: Final = re.compile(r"[^\W_]+")


@lru_cache(maxsize=4_096)
def fold(text: str) -> str:
    """Lower case, no accents; spaces and marks stay: "Saint-Étienne" → "saint-etienne"."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", bare).translate(_LETTERS)


def words_of(text: str) -> list[str]:
    """The folded words; an apostrophe inside one is dropped ("what's" → "whats")."""
    return _WORD.findall(fold(text).replace("'", ""))
