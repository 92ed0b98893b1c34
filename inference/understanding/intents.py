"""What a model of intents is, whoever makes it: n-grams or heads on the sentence encoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, get_args

from protocol.understanding import INTENTS, Intent, Language, Question, Setting, Shown, SlotName

QUESTIONS: Final[tuple[Question, ...]] = get_args(Question)
SHOWN: Final[tuple[Shown, ...]] = get_args(Shown)
LASTS: Final = ("persona", "human", "nobody")


@dataclass(frozen=True, slots=True)
class Mark:
    """Characters `start`…`end` of a text say this slot; the rules found that."""

    start: int
    end: int
    slot: SlotName


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities: `intents` in the order of INTENTS, summing to one; `addressed` of being meant for a
    persona at all. The reader takes the mean of its log odds and those against human_chatter
    (dialogue.in_setting): who calibrates a model calibrates that."""

    intents: tuple[float, ...]
    addressed: float

    def of(self, intent: Intent) -> float:
        return self.intents[INTENTS.index(intent)]


class IntentModel(Protocol):
    """Weights that read. Called in one worker thread, never two calls at a time; the n-grams also in the
    loop, beside that, for what would come too late."""

    @property
    def name(self) -> Literal["encoder", "ngrams"]:
        """As `Understanding.reader` says it."""

    @property
    def version(self) -> str:
        """Of the weights."""

    @property
    def languages(self) -> frozenset[Language]:
        """Those that it is good enough for; another reader is asked about the rest."""

    def scores(self, text: str, setting: Setting, *, marks: Sequence[Mark] = ()) -> Scores:
        """Never raises for any text."""


def setting_features(setting: Setting) -> tuple[str, ...]:
    """What a setting is, as names of what is the case."""
    return (
        "alone" if setting.people == 1 else "pair" if setting.people == 2 else "group",
        "named" if setting.addressed else "unnamed",
        f"asked {setting.asked}",
        f"shown {setting.shown}",
        f"last {setting.last}",
    )


SETTING_FEATURES: Final = (
    *("alone", "pair", "group", "named", "unnamed"),
    *(f"asked {question}" for question in (None, *QUESTIONS)),
    *(f"shown {shown}" for shown in (None, *SHOWN)),
    *(f"last {last}" for last in LASTS),
)


def setting_vector(setting: Setting) -> list[float]:
    """Ones and noughts in the order of SETTING_FEATURES."""
    features = setting_features(setting)
    return [float(name in features) for name in SETTING_FEATURES]
