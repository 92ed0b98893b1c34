"""Messages that no model should answer, by narrow rules of their own, and what people wrote to say.

Their words stand in `fixed/LANGUAGE.txt`: a key in brackets, then the text, whose line breaks are
spaces.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from actors.persona.fixed_words import RULES, Notice, Spoken, Topic
from actors.persona.hints import MOST_READ, beginning, folded

MODEL: Final = "people"
"""What `ai.model` says of them."""

VERSION: Final = "1"
MOST_OF_END: Final = 400
"""Characters of a long message's end that are looked at beside its beginning."""

FOLDER: Final = Path(__file__).with_name("fixed")


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedText:
    """`language`: that of the rule which applied."""

    topic: Topic
    language: Spoken
    text: str


def _texts(language: str) -> dict[str, str]:
    source = (FOLDER / f"{language}.txt").read_text("utf-8")
    parts = re.split(r"^\[(\w+)\]$", source, flags=re.MULTILINE)[1:]
    return {key: " ".join(text.split()) for key, text in zip(parts[::2], parts[1::2], strict=True)}


TEXTS: Final = {language: _texts(language) for language in get_args(Spoken)}
"""Language → topic or notice → text."""


def _rule(language: Spoken, expression: str) -> re.Pattern[str]:
    if language == "ar":  # no case, and prefixes that are written together with the word
        return re.compile("|".join(re.escape(folded(word)) for word in expression.split("|")))
    return re.compile(rf"\b(?:{expression})\b")


_RULES: Final = [
    (topic, language, _rule(language, expression))
    for topic, rules in RULES.items()
    for language, expression in rules.items()
]


def fixed_text(message: str) -> FixedText | None:
    """The text for a message that is about one of these; what is dangerous comes first. Of a long one both ends are
    read: who is in need may say so last."""
    plain = beginning(message)
    if len(message) > MOST_READ:
        plain = f"{plain} … {beginning(message[-MOST_OF_END:])}"
    for topic, language, rule in _RULES:
        if rule.search(plain):
            return FixedText(topic=topic, language=language, text=TEXTS[language][topic])
    return None


def notice(which: Notice, locale: str) -> str:
    """A sentence on ourselves, in the language of a BCP 47 tag, else in English."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return TEXTS.get(language, TEXTS["en"])[which]


def spoken_in(message: str) -> Spoken | None:
    """A language that its letters tell; None: they do not."""
    return "ar" if any("\u0600" <= letter <= "\u06ff" for letter in message) else None
