"""What people wrote for personas to say: one file per language and voice, in `templates/`.

A file has rules (`= name: one way|another`) and, below `@ act`, the ways to put it, a line each; `//`
begins a comment. How patterns are written is `grammar`. Apostrophes and the spaces that French puts
before signs are set here.
"""

import itertools
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, get_args

from inference.wording.filling import WordingError
from inference.wording.grammar import GrammarError, Pattern, expanded, is_sayable, parsed, slots_of
from protocol.persona import Voice
from protocol.understanding import Language
from protocol.wording import ACTS, Act, Plan

FOLDER: Final = Path(__file__).with_name("templates")
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
VOICES: Final[tuple[Voice, ...]] = get_args(Voice)

_GLAD: Final[tuple[Act, ...]] = (
    *("ask", "open_places", "open_flights", "open_hotels", "show_places", "show_flights"),
    *("show_hotels", "weather", "detail"),
)
_SAD: Final[tuple[Act, ...]] = (
    *("ask", "ask_again", "nothing_found", "still_searching", "not_yet", "unknown_detail"),
    *("open_places", "open_flights", "open_hotels", "out_of_scope"),
)
MOODY: Final[Mapping[str, tuple[Act, ...]]] = {"glad": _GLAD, "sad": _SAD}
"""Acts that a rule of the mood's name goes before; the others have their mood in them."""

_FRENCH_SPACE: Final = re.compile(r"(?:^| )(?=[?!;:»])|(?<=«) ")


@dataclass(frozen=True, slots=True)
class Speech:
    """One voice in one language."""

    rules: Mapping[str, Pattern]
    acts: Mapping[Act, tuple[Pattern, ...]]


class Templates:
    """All voices in all languages. `version`: changes with any word of them."""

    def __init__(self, speeches: Mapping[tuple[Language, Voice], Speech], version: str) -> None:
        self._speeches = speeches
        self.version = version

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Templates":
        """Reads and judges all files. Raises `GrammarError`: a file is missing or wrong; where."""
        digest, speeches = sha256(), {}
        for language in LANGUAGES:
            for voice in VOICES:
                path = folder / language / f"{voice}.txt"
                try:
                    source = path.read_text("utf-8")
                    speeches[language, voice] = speech(source, language)
                except (OSError, GrammarError) as error:
                    raise GrammarError(f"{path.parent.name}/{path.name}: {error}") from error
                digest.update(source.encode())
        return cls(speeches, digest.hexdigest()[:12])

    def write(self, plan: Plan) -> str:
        """Words for the plan, with placeholders; the same ones for the same plan. Raises
        `WordingError` when a fact that its act requires is missing."""
        spoken = self._speeches[plan.language, plan.voice]
        seed = f"{plan.seed}/{plan.act}/{plan.voice}/{plan.language}"
        dice = random.Random(seed)  # noqa: S311 - words, not secrets
        patterns = [
            one for one in spoken.acts[plan.act] if is_sayable(one, spoken.rules, plan.facts)
        ]
        if not patterns:
            raise WordingError(f"no template for {plan.act} with these facts")
        text = expanded(dice.choice(patterns), spoken.rules, plan.facts, dice.randrange)
        if plan.act not in MOODY.get(plan.mood, ()):
            return text
        mood = expanded(spoken.rules[plan.mood], spoken.rules, plan.facts, dice.randrange)
        return f"{mood} {text}"

    def speech_of(self, language: Language, voice: Voice) -> Speech:
        """For tests and tables."""
        return self._speeches[language, voice]


def speech(source: str, language: Language) -> Speech:
    """A file's. Raises `GrammarError` with the line."""
    rules: dict[str, Pattern] = {}
    acts: dict[str, list[Pattern]] = {}
    act = ""
    for number, line in enumerate(source.splitlines(), 1):
        text = line.strip()
        try:
            match text[:2]:
                case "" | "//":
                    pass
                case "= ":
                    name, _, ways = text[2:].partition(": ")
                    rules[name] = parsed(_typeset(ways, language))
                case "@ ":
                    act = text[2:]
                case _:
                    acts.setdefault(act, []).append(parsed(_typeset(text, language)))
        except GrammarError as error:
            raise GrammarError(f"line {number}: {error}") from None
    for pattern in itertools.chain(rules.values(), *acts.values()):
        slots_of(pattern, rules)
    if missing := {*ACTS, *MOODY} - {*acts, *(MOODY.keys() & rules)}:
        raise GrammarError(f"nothing for {', '.join(sorted(missing))}")
    if unknown := acts.keys() - set(ACTS):
        raise GrammarError(f"no such act: {', '.join(sorted(unknown))}")
    return Speech(rules, {act: tuple(acts[act]) for act in ACTS})


def _typeset(text: str, language: Language) -> str:
    text = text.replace("'", "’")
    return _FRENCH_SPACE.sub("\u202f", text) if language == "fr" else text
