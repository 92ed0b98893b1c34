"""How good readings are: counts by intent, slot and language, from understandings and what is right."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec.structs import replace

from inference.training.understanding.held_out import Message
from inference.training.understanding.places import gazetteer
from inference.understanding.folding import words_of
from protocol.understanding import MEANT_FROM, SlotName, Slots, Understanding

SLOTS: Final[tuple[SlotName, ...]] = ("destination", "origin", "dates", "budget", "party")


@dataclass(slots=True)
class Counts:
    """True and false positives, and what was missed."""

    hits: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def f1(self) -> float:
        both = 2 * self.hits + self.wrong + self.missed
        return 2 * self.hits / both if both else 1.0

    def add(self, said: Iterable[Any], right: Iterable[Any]) -> None:
        """Two sets of values."""
        one, other = set(said), set(right)
        self.hits += len(one & other)
        self.wrong += len(one - other)
        self.missed += len(other - one)


@dataclass(slots=True)
class Judgement:
    """Of one reader on some messages."""

    messages: int = 0
    intents: int = 0
    languages: int = 0
    chatter: int = 0
    chatter_answered: int = 0
    prompts: int = 0
    prompts_missed: int = 0
    slots: dict[SlotName, Counts] = field(
        default_factory=lambda: {slot: Counts() for slot in SLOTS}
    )
    confused: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, message: Message, language: str, reading: Understanding) -> None:
        """One more reading."""
        self.messages += 1
        self.intents += reading.intent == message.intent
        self.languages += reading.language == language
        if reading.intent != message.intent:
            self.confused[message.intent, reading.intent] += 1
        if message.to == "people":
            self.chatter += 1
            self.chatter_answered += is_answered(reading)
        else:
            self.prompts += 1
            self.prompts_missed += not is_answered(reading)
        said, right = values_said(reading.slots), values_right(message)
        for slot, counts in self.slots.items():
            counts.add(said[slot], right[slot])

    @property
    def micro(self) -> Counts:
        """Over all slots."""
        total = Counts()
        for counts in self.slots.values():
            total.hits += counts.hits
            total.wrong += counts.wrong
            total.missed += counts.missed
        return total

    def figures(self) -> Mapping[str, float]:
        """Shares, 0…1, and F1s."""
        return {
            "messages": self.messages,
            "intent": self.intents / max(self.messages, 1),
            "language": self.languages / max(self.messages, 1),
            "chatter_answered": self.chatter_answered / max(self.chatter, 1),
            "prompts_missed": self.prompts_missed / max(self.prompts, 1),
            "slot_f1": self.micro.f1,
            **{f"f1_{slot}": counts.f1 for slot, counts in self.slots.items()},
        }


def is_answered(reading: Understanding) -> bool:
    """Whether a persona would speak up."""
    return reading.intent != "human_chatter" and reading.addressed >= MEANT_FROM


def values_said(slots: Slots) -> dict[SlotName, list[Any]]:
    """What a reading says, comparable; names without accents and case."""
    return {
        "destination": [_name(mention.name) for mention in slots.destination],
        "origin": [_name(mention.name) for mention in slots.origin],
        # Which part of a month, and how old the children are, is not among what people wrote down as right.
        "dates": [replace(slots.dates, part=None)] if slots.dates else [],
        "budget": [slots.budget] if slots.budget else [],
        "party": [replace(slots.party, ages=())] if slots.party else [],
    }


def values_right(message: Message) -> dict[SlotName, list[Any]]:
    """What is right, likewise."""
    gold = message.slots
    return {
        "destination": [_name(name) for name in gold.destination],
        "origin": [_name(name) for name in gold.origin],
        "dates": [gold.dates] if gold.dates else [],
        "budget": [gold.budget] if gold.budget else [],
        "party": [gold.party] if gold.party else [],
    }


def _name(name: str) -> str:
    """Places that the catalogue knows by several spellings (Marrakesh, Marrakech) are one."""
    known = gazetteer().named(name)
    return " ".join(words_of(known.name if known else name))
