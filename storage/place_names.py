"""How names of places are compared: folded, cut into three-letter pieces, and ranked.

The pieces are those of PostgreSQL's pg_trgm, which the embedded server does not have.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zlib import crc32

from core.mistakes import mistakes_in

MAX_WORDS: Final = 8
"""Of a query; what follows is not looked at."""

EXACT, BEGINS, WORDS, MISSPELT = range(4)
"""How well a name answers a query, best first."""

_LETTERS: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
    | {"ة": "ه", "ى": "ي", "ـ": None, "'": None, "’": None, "‘": None, "ʻ": None, "`": None}
)
_WORD: Final = re.compile(r"\w+")

Pieces = frozenset[int]
Rank = tuple[int, int]
"""A class (`EXACT` …) and within it the number of mistakes: the smaller, the better."""


def fold(text: str) -> str:
    """Lower case, no accents, words with one space between: "Saint-Étienne" → "saint etienne"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(_WORD.findall(unicodedata.normalize("NFC", bare).translate(_LETTERS)))


def folded_names(names: Iterable[str]) -> list[str]:
    """Each fold once, in order; nothing empty."""
    return [name for name in dict.fromkeys(map(fold, names)) if name]


def pieces_of(folded: Iterable[str]) -> Pieces:
    """What a place is found by: the pieces of all words of all its names."""
    words = {word for name in folded for word in name.split()}
    return frozenset(piece for word in words for piece in _pieces(f"  {word} "))


def wanted(query: str) -> list[Pieces]:
    """Per word of a folded query: the pieces that whatever begins with that word has."""
    return [_pieces(f"  {word}") for word in query.split()[:MAX_WORDS]]


def wanted_loosely(query: str) -> list[list[Pieces]]:
    """Per word of a folded query: alternatives, one of which a word with a small mistake still has.

    A mistake spoils one of the parts that the word is cut into, or two where letters change places.
    """
    return [[_pieces(part) for part in _parts(word)] for word in query.split()[:MAX_WORDS]]


def rank(query: str, folded: Iterable[str], *, loosely: bool = False) -> Rank | None:
    """How well the best of these names answers the folded query; None: none does. `loosely`: small
    mistakes are forgiven."""
    words = query.split()[:MAX_WORDS]
    ranks = (_rank(query, words, name, loosely=loosely) for name in folded)
    return min((found for found in ranks if found is not None), default=None)


def _rank(query: str, words: Sequence[str], name: str, *, loosely: bool) -> Rank | None:
    if name == query:
        return EXACT, 0
    if name.startswith(query):
        return BEGINS, 0
    mistakes, rest = 0, name.split()
    for word in words:
        own = next((own for own in rest if own.startswith(word)), None)
        if own is None and loosely and rest:
            fewest, own = min((_mistakes(word, own), own) for own in rest)
            mistakes += fewest
            own = own if fewest <= _allowed(word) else None
        if own is None:
            return None
        rest.remove(own)
    return (MISSPELT, mistakes) if mistakes else (WORDS, 0)


def _allowed(word: str) -> int:
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


def _mistakes(word: str, own: str) -> int:
    """Letters to change, add, leave out or swap with their neighbour until `own` begins with `word`,
    but for more than are allowed."""
    allowed = _allowed(word)
    if len(own) < len(word) - allowed or not any(part in f"  {own}" for part in _parts(word)):
        return allowed + 1
    return min(mistakes_in(word, own[: len(word) + allowed]))


@lru_cache(maxsize=64)
def _parts(word: str) -> list[str]:
    """What a word is cut into, one of which its mistakes leave whole."""
    text, allowed = f"  {word}", _allowed(word)
    count = min(len(text) // 3, allowed + 2) if allowed else 1
    cuts = [len(text) * part // count for part in range(count + 1)]
    return [text[start:end] for start, end in pairwise(cuts)]


def _pieces(text: str) -> Pieces:
    return frozenset(crc32(text[at : at + 3].encode()) - 0x80000000 for at in range(len(text) - 2))
