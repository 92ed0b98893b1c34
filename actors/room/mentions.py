"""Who is meant by `@Name`: people and personas of one room (pure)."""

from collections.abc import Iterable
from typing import Final
from unicodedata import normalize

from protocol.limits import MAX_MENTIONS

MAX_SIGNS: Final = 32
"""`@`s that are looked at in one text."""


class Names:
    """The names of a room, and how long they are by their first letter: thousands may begin with the
    same one. A name that two share is nobody's."""

    def __init__(self, named: Iterable[tuple[str, str]]) -> None:
        """`named`: (id, name)."""
        ids: dict[str, str | None] = {}
        for id, name in named:
            folded = _folded(name)
            if folded:
                ids[folded] = None if folded in ids else id
        lengths: dict[str, set[int]] = {}
        for name in ids:
            lengths.setdefault(name[0], set()).add(len(name))
        self._ids = ids
        self._lengths = {letter: sorted(of, reverse=True) for letter, of in lengths.items()}

    def in_text(self, text: str) -> list[str]:
        """Ids, in the order named, each once; at most ten."""
        if "@" not in text:
            return []
        text = _folded(text)
        found: dict[str, None] = {}
        at = -1
        for _ in range(MAX_SIGNS):
            at = text.find("@", at + 1)
            if at < 0:
                break
            # What stands behind a letter is an address, not a call.
            named = None if at and text[at - 1].isalnum() else self._named_at(text, at + 1)
            if named is not None:
                found[named] = None
        return list(found)[:MAX_MENTIONS]

    def _named_at(self, text: str, start: int) -> str | None:
        """By the longest name that stands there whole."""
        for length in self._lengths.get(text[start : start + 1], ()):
            end = start + length
            is_whole = end >= len(text) or not (text[end].isalnum() or text[end] == "_")
            if is_whole and text[start:end] in self._ids:
                return self._ids[text[start:end]]
        return None


def _folded(text: str) -> str:
    return normalize("NFC", text.casefold()).strip()
