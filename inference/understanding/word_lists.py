"""Lists of words in files, where they read better than in code."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent


def words_in(name: str) -> frozenset[str]:
    """All words of a file of words; lines that begin with # are notes."""
    return frozenset(word for line in _lines(name) for word in line.split())


def _lines(name: str) -> Iterator[str]:
    for line in (HERE / name).read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def _named() -> dict[str, frozenset[str]]:
    lists: dict[str, set[str]] = {}
    name = ""
    for line in _lines("words.txt"):
        if line.startswith(" "):
            lists.setdefault(name, set()).update(line.split())
        else:
            name = line.rstrip().removesuffix(":")
    return {name: frozenset(words) for name, words in lists.items()}


WORDS: Final = _named()
"""The lists of words.txt by name."""

WORDS_OF_WHOM: Final = {
    name.removeprefix("whom "): words for name, words in WORDS.items() if name.startswith("whom ")
}
"""Kinds of words that tell whom a message is for."""

COMMON: Final = words_in("common_words.txt")
"""Frequent words of four languages: a place of such a name is believed only after a cue, and none is a slip
of one."""
