"""Phrasings as they are written down, and how one becomes a text.

A file has sections. `## intent key=value …` (keys: asked, shown, addressed, people=group: mostly said there; several values by comma, null for
none) names the intent and setting of the lines below it; ` ;; key=value` at the end of a line narrows it for
that line. In a line `(a|b|)` chooses, `{name}` is filled from the section of that name of the language's
fillings, and `{2-9}` is a number. What stands before the first section is a note.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, cast, get_args

from protocol.understanding import Intent, Language, SlotName

LANGUAGES: Final = get_args(Language)
HERE: Final = Path(__file__).parent

_TOKEN: Final = re.compile(r"\(([^()]*\|[^()]*)\)|\{([^{}]+)\}")
_RANGE: Final = re.compile(r"(\d+)-(\d+)")

SLOT_OF: Final[Mapping[str, SlotName]] = {
    "to": "destination",
    "to2": "destination",
    "region": "destination",
    "from": "origin",
    "when": "dates",
    "day": "dates",
    "month": "dates",
    "nights": "dates",
    "budget": "budget",
    "money": "budget",
    "party": "party",
}
"""What a filling is, when it stands in a phrasing itself."""


@dataclass(frozen=True, slots=True)
class Phrasing:
    """`allowed`: values of the setting that it is said in; what is not named may be anything.
    `number`, `file`: within its language."""

    intent: Intent
    text: str
    allowed: Mapping[str, tuple[str | None, ...]]
    number: int
    file: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a text. `name`: the English name of a place."""

    text: str
    slot: SlotName | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Filling:
    """What stands for a slot; `name` as in `Piece`."""

    text: str
    name: str | None = None


Fillings = Mapping[str, Sequence[Filling]]


def phrasings_of(language: Language) -> list[Phrasing]:
    """All of a language, in its files' order: each author has one (`en.txt`, `en_2.txt`, …)."""
    found: list[Phrasing] = []
    files = (HERE / "phrasings").glob(f"{language}*.txt")
    for at, file in enumerate(sorted(files, key=lambda one: (len(one.name), one.name))):
        for head, line in _lines(file):
            intent, _, keys = head.partition(" ")
            text, _, narrowed = line.partition(" ;; ")
            allowed = _settings(keys) | _settings(narrowed)
            found.append(Phrasing(cast(Intent, intent), text, allowed, len(found), at))
    return found


def fillings_of(language: Language) -> dict[str, list[Filling]]:
    """What was written down; places come from elsewhere."""
    found: dict[str, list[Filling]] = {}
    for head, line in _lines(HERE / "fillings" / f"{language}.txt"):
        found.setdefault(head, []).append(Filling(line))
    return found


def filled(text: str, fillings: Fillings, chance: Random) -> list[Piece]:
    """A phrasing's text in pieces. A filling is one piece, whatever it is made of."""
    pieces, at = [], 0
    for token in _TOKEN.finditer(text):
        pieces.append(Piece(text[at : token.start()]))
        at = token.end()
        choices, slot = token.groups()
        if choices is not None:
            pieces += filled(chance.choice(choices.split("|")), fillings, chance)
        elif limits := _RANGE.fullmatch(slot):
            pieces.append(Piece(str(chance.randint(int(limits[1]), int(limits[2])))))
        else:
            filling = chance.choice(fillings[slot])
            inner = "".join(piece.text for piece in filled(filling.text, fillings, chance))
            pieces.append(Piece(inner.strip(), SLOT_OF.get(slot), filling.name))
    pieces.append(Piece(text[at:]))
    return [piece for piece in pieces if piece.text]


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    head = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("## "):
            head = line[3:].strip()
        elif head and line.strip():
            yield head, line.strip()


def _settings(keys: str) -> dict[str, tuple[str | None, ...]]:
    pairs = (pair.split("=") for pair in keys.split())
    return {
        key: tuple(None if value == "null" else value for value in values.split(","))
        for key, values in pairs
    }
