"""All that a message says of where, when, how much and who, by rules alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Final

from inference.understanding.dates import dates_in
from inference.understanding.folding import WORD, fold
from inference.understanding.gazetteer import Gazetteer
from inference.understanding.intents import Mark
from inference.understanding.money import budget_in
from inference.understanding.party import party_in
from inference.understanding.places import Mention, mentions_in
from protocol.understanding import Language, PlaceMention, Setting, Slots

MAX_LETTERS: Final = 1_000
"""Of a message that are looked at."""

LETTERS_OF_A_WORD: Final = 4
"""With what stands between it and the next, at least: a text of single letters takes no longer than one that people write."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """`slots`; `mentions`: the places with where they stand, for whoever knows their roles better;
    `marks`: the characters that say a slot."""

    slots: Slots
    mentions: tuple[Mention, ...]
    marks: tuple[Mark, ...]


def beginning(text: str, letters: int = MAX_LETTERS) -> str:
    """As much of a message as is looked at: a quarter as many words as letters."""
    text = text[:letters]
    beyond = next(islice(WORD.finditer(text), letters // LETTERS_OF_A_WORD, None), None)
    return text if beyond is None else text[: beyond.start()]


def marks_in(
    text: str, setting: Setting, *, language: Language, gazetteer: Gazetteer
) -> tuple[Mark, ...]:
    """Only those."""
    return recognised(text, setting, language=language, gazetteer=gazetteer).marks


def recognised(
    text: str, setting: Setting, *, language: Language, gazetteer: Gazetteer
) -> Recognised:
    """All that the rules see."""
    text = beginning(text)
    folded = fold(text)
    asked = setting.asked
    dates, days = dates_in(
        folded,
        today=date.fromisoformat(setting.today),
        language=language,
        asked=asked == "dates",
        around=date.fromisoformat(setting.around) if setting.around is not None else None,
    )
    budget, money = budget_in(folded, days, asked=asked == "budget")
    taken = days + money
    party = party_in(folded, taken, language=language, asked=asked == "party")
    mentions = mentions_in(text, folded, gazetteer, language=language, asked=asked, taken=taken)
    slots = Slots(
        destination=_once(mention for mention in mentions if mention.role == "destination"),
        origin=_once(mention for mention in mentions if mention.role == "origin"),
        dates=dates,
        budget=budget,
        party=party,
    )
    marks = (
        *(Mark(start, end, "dates") for start, end in days),
        *(Mark(start, end, "budget") for start, end in money),
        *(Mark(mention.start, mention.end, mention.role) for mention in mentions),
    )
    return Recognised(slots, tuple(mentions), tuple(sorted(marks, key=lambda mark: mark.start)))


def _once(mentions: Iterable[Mention]) -> tuple[PlaceMention, ...]:
    return tuple({mention.place.name: mention.place for mention in mentions}.values())
