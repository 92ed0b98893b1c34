"""Words as they are compared: lower case, no accents."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

WORD: Final = re.compile(r"[^\W_]+")
_SPECIAL: Final = {
    "ł": "l",
    "ø": "o",
    "đ": "d",
    "ð": "d",
    "ı": "i",
    "æ": "a",
    "œ": "o",
    "þ": "t",
} | {
    "ß": "s",
    "’": "'",
    "‘": "'",
    "`": "'",
    "´": "'",
    "–": "-",
    "—": "-",
    "→": ">",
    "\u00a0": " ",
    "\u202f": " ",
}


def fold(text: str) -> str:
    """Lower case, no accents, letter for letter: as long as `text`, so that places in it stay."""
    return text.lower() if text.isascii() else "".join(map(_fold_letter, text))


@lru_cache(maxsize=4_096)
def _fold_letter(letter: str) -> str:
    lower = letter.lower()
    base = unicodedata.normalize("NFD", lower if len(lower) == 1 else letter)[0]
    return _SPECIAL.get(base, base)


def words_of(text: str) -> list[str]:
    """The folded words; an apostrophe inside one is dropped ("what's" → "whats")."""
    return WORD.findall(fold(text).replace("'", ""))


def blanked(text: str, start: int, end: int) -> str:
    """The text with blanks for these characters, as long as it was, so that places in it stay."""
    return text[:start] + " " * (end - start) + text[end:]


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text: folded, and where it stands. `is_capital`: begins with a capital letter."""

    word: str
    start: int
    end: int
    is_capital: bool


def tokens_of(text: str, folded: str) -> list[Token]:
    """`folded`: the text's own fold."""
    return [
        Token(match[0], match.start(), match.end(), text[match.start()].isupper())
        for match in WORD.finditer(folded)
    ]
