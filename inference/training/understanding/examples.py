"""Training examples: phrasings filled, messed up, and put into settings. Seeded: the same call, the same
examples.

A third is chatter between people; the other intents share the rest evenly. Files are split into
`FOLDS`, so that what is measured while training is said by people who were not trained on: whoever wrote a line wrote
others like it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Final, Literal, cast

from inference.training.understanding.messing import messed
from inference.training.understanding.phrasings import (
    Filling,
    Fillings,
    Phrasing,
    Piece,
    filled,
    fillings_of,
    phrasings_of,
)
from inference.training.understanding.places import place_fillings
from inference.understanding.cues import NAMES
from protocol.understanding import INTENTS, Intent, Language, Question, Setting, Shown, SlotName

FOLDS: Final = 4
CHATTER: Final = 1 / 3
_QUESTIONS: Final[Sequence[Question]] = (
    "destination",
    "origin",
    "dates",
    "budget",
    "party",
    "which",
)
_TALKED_OVER: Final[Sequence[Question]] = (
    *_QUESTIONS,
    "confirm_book",
    "confirm_pay",
    "confirm_cancel",
)
_LASTS: Final = ("persona", "human", "nobody")
_SHOWN: Final[Sequence[Shown]] = ("places", "flights", "hotels", "activities")
_PERSONA_FIRST: Final = ("{}, ", "{} ", "@{} ", "hey {} ", "hi {}, ", "{}: ")
_PERSONA_LAST: Final = (" {}", ", {}", " @{}", " {}?")
_GREETED: Final[Sequence[Intent]] = ("greet", "thanks", "smalltalk")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start`…`end` of a text are this slot; `name`: a place's English name."""

    start: int
    end: int
    slot: SlotName
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """`is_meant`: for a persona (the head `addressed`); `setting.addressed` is what can be seen of that.
    `spans` is empty for chatter, whose slots nobody asks for. `phrasing`: its number."""

    text: str
    language: Language
    setting: Setting
    intent: Intent
    is_meant: bool
    spans: tuple[Span, ...]
    phrasing: int


Part = Literal["all", "train", "held"]


def examples(
    language: Language, count: int, *, seed: int = 0, part: Part = "all", fold: int = 0
) -> Iterator[Example]:
    """So many, in random order. `part`: of all files, or without a fold's, or of these alone."""
    chance = Random(f"{language} {seed} {part} {fold}")  # noqa: S311
    by_intent = _by_intent(language, part, fold)
    fillings = _fillings(language)
    others = [intent for intent in INTENTS if intent != "human_chatter"]
    turns: dict[Intent, list[Phrasing]] = {}
    for _ in range(count):
        intent = "human_chatter" if chance.random() < CHATTER else chance.choice(others)
        # Each phrasing has its turn before one comes twice.
        if not turns.get(intent):
            turns[intent] = chance.sample(by_intent[intent], len(by_intent[intent]))
        yield _example(turns[intent].pop(), language, fillings, by_intent, chance)


def _example(
    phrasing: Phrasing,
    language: Language,
    fillings: Fillings,
    by_intent: dict[Intent, list[Phrasing]],
    chance: Random,
) -> Example:
    setting = _setting(phrasing, chance)
    pieces = filled(phrasing.text, fillings, chance)
    is_meant = phrasing.intent != "human_chatter"
    if is_meant and phrasing.intent not in _GREETED and chance.random() < 0.07:
        before = chance.choice(by_intent[chance.choice(_GREETED)])
        join = chance.choice((", ", ". ", "! ", " "))
        pieces = [*filled(before.text, fillings, chance), Piece(join), *pieces]
    pieces = messed(pieces, language, chance)
    if is_meant and setting.addressed and chance.random() < 0.7:
        pieces = _named(pieces, chance.choice(fillings["persona"]).text, chance)
    text = "".join(piece.text for piece in pieces)
    return Example(
        text=text.strip(),
        language=language,
        setting=setting,
        intent=phrasing.intent,
        is_meant=is_meant,
        spans=tuple(_spans(pieces, len(text) - len(text.lstrip()))) if is_meant else (),
        phrasing=phrasing.number,
    )


def _named(pieces: list[Piece], persona: str, chance: Random) -> list[Piece]:
    name = persona.lower() if chance.random() < 0.4 else persona
    if chance.random() < 0.8:
        return [Piece(chance.choice(_PERSONA_FIRST).format(name)), *pieces]
    return [*pieces, Piece(chance.choice(_PERSONA_LAST).format(name))]


def _spans(pieces: list[Piece], shift: int) -> Iterator[Span]:
    at = -shift
    for piece in pieces:
        if piece.slot is not None:
            yield Span(max(at, 0), at + len(piece.text), piece.slot, piece.name)
        at += len(piece.text)


def _setting(phrasing: Phrasing, chance: Random) -> Setting:
    """One that the phrasing is said in; what it leaves open is drawn alike for every intent, so that
    nothing but what matters can be learned from it."""
    allowed = phrasing.allowed
    is_chatter = phrasing.intent == "human_chatter"
    shown: Shown | None = None
    if chance.random() < (0.6 if is_chatter else 0.4):
        shown = chance.choice(_SHOWN)
    asked: Question | None = None
    if chance.random() < (0.25 if is_chatter else 0.1):
        # People talk over what they were asked; who answers otherwise than asked is rarer.
        asked = chance.choice(_TALKED_OVER if is_chatter else _QUESTIONS)
    if "shown" in allowed:
        shown = cast(Shown | None, chance.choice(allowed["shown"]))
    if "asked" in allowed:
        asked = cast(Question | None, chance.choice(allowed["asked"]))
    elif asked is not None and asked.startswith(("which", "confirm")) and shown is None:
        shown = chance.choice(_SHOWN)
    is_group = is_chatter or chance.random() < (0.9 if "people" in allowed else 0.6)
    people = 1
    if is_group:
        # Where two are, the persona is asked more often than where many are, who talk to one another.
        people = 2 if chance.random() < (0.2 if is_chatter else 0.4) else chance.randint(3, 6)
    addressed = chance.random() < (0.0 if is_chatter else 0.28 if people > 1 else 0.2)
    if "addressed" in allowed:
        addressed = allowed["addressed"] == ("yes",)
    return Setting(
        people=people,
        addressed=addressed,
        asked=asked,
        shown=shown,
        last=_last(asked is not None or shown is not None, is_chatter, chance),
    )


def _last(is_open: bool, is_chatter: bool, chance: Random) -> Any:
    """Who spoke before. The shares are those that the development half has, in round figures."""
    shares = {
        (True, True): (50, 48, 2),
        (True, False): (68, 30, 2),
        (False, True): (6, 90, 4),
        (False, False): (28, 64, 8),
    }
    return chance.choices(_LASTS, shares[is_open, is_chatter])[0]


@cache
def _fillings(language: Language) -> Fillings:
    names = [Filling(name.capitalize()) for name in sorted(NAMES)]
    return {**fillings_of(language), **place_fillings(language), "name": names}


@cache
def _by_intent(language: Language, part: Part, fold: int) -> dict[Intent, list[Phrasing]]:
    found: dict[Intent, list[Phrasing]] = {intent: [] for intent in INTENTS}
    for phrasing in phrasings_of(language):
        is_held = phrasing.file % FOLDS == fold
        if part == "all" or is_held == (part == "held"):
            found[phrasing.intent].append(phrasing)
    return found
