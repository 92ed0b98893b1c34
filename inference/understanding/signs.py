"""Signs of whom a message is for: what kinds of words it has, how it begins and ends, whom it calls, and what
the rules saw in it.

Coarser than n-grams on purpose: a phrasing that was never seen still says "you", owes somebody, or asks for a room.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from inference.understanding.cues import cues_in
from inference.understanding.folding import blanked, fold
from inference.understanding.intents import Mark, setting_features
from inference.understanding.word_lists import COMMON, WORDS, WORDS_OF_WHOM
from protocol.understanding import Setting

MAX_WORDS: Final = 60
PERSONA: Final = "PERSONA"
"""What a persona's name is replaced by: whatever it is called, it is the one that is called."""

_WORD: Final = re.compile(r"@?[^\W_]+")
_PERSONAS: Final = WORDS["what personas are called"]
_LAUGHS: Final = re.compile(
    r"\b(?:lol|lmao|ha(?:ha)+h?|je(?:je)+|ja(?:ja)+j?|hi(?:hi)+|mdr+|ptdr+|xd+)\b|[😂🤣💀]"
)
_STRETCHED: Final = re.compile(r"([a-z])\1\1|[!?]{2}")


def without_persona(text: str, setting: Setting) -> str:
    """The text with blanks for a persona's name, as long as it was: a name tells no language, and is no
    place."""
    called = persona_in(text, setting, is_sure=True)
    return text if called is None else blanked(text, *called)


def persona_in(text: str, setting: Setting, *, is_sure: bool = False) -> tuple[int, int] | None:
    """The characters that name a persona. By the names of those in the room; where these are not known
    and one is addressed: what is called with an @, or is called as personas are, or (unless one `is_sure`) stands
    first or last and is no common word."""
    folded = fold(text)
    for name in filter(None, setting.names):
        if found := re.search(rf"@?(?<!\w){re.escape(fold(name))}(?!\w)", folded):
            return found.span()
    if not setting.addressed or setting.names:
        return None
    words = list(_WORD.finditer(folded))[:MAX_WORDS]
    for word in words:
        if word[0][0] == "@":
            return word.span()
    for word in words:
        if word[0] in _PERSONAS:
            return word.span()
    if is_sure:
        return None
    for word in (*words[:2], *words[-1:]):
        if len(word[0]) > 2 and word[0].isalpha() and word[0] not in COMMON:
            return word.span()
    return None


def signs_in(text: str, setting: Setting, marks: Sequence[Mark] = ()) -> list[str]:
    """Names of what is the case, without the setting."""
    folded = fold(text)
    persona = persona_in(text, setting)
    found = list(cues_in(text))
    words = [match[0] for match in _WORD.finditer(folded.replace("'", ""))][:MAX_WORDS]
    for kind, members in WORDS_OF_WHOM.items():
        if any(word in members for word in words):
            found.append(kind)
    found += _called(folded, persona)
    # Whom it is said to is told by its first words, without greetings and a persona's name.
    rest = folded if persona is None else folded[: persona[0]] + " " + folded[persona[1] :]
    opening = [word for word in _WORD.findall(rest.replace("'", "")) if word not in _OPENERS][:2]
    found += _begins(opening)
    found += _sees(marks)
    if "?" in text:
        found.append("asks")
    if _LAUGHS.search(folded):
        found.append("laughs")
    if _STRETCHED.search(folded):
        found.append("stretched")
    size = len(words)
    found.append(
        "short" if size <= 3 else "brief" if size <= 7 else "some" if size <= 14 else "long"
    )
    return found


def signs_with_setting(text: str, setting: Setting, marks: Sequence[Mark] = ()) -> Iterator[str]:
    """Signs alone, two together, and each with who is there and what goes on."""
    found = signs_in(text, setting, marks)
    people, named, asked, shown, last = setting_features(setting)
    alone = "alone" if people == "alone" else "together"
    for sign in found:
        yield f"+ {sign}"
        yield f"+ {sign} {alone} {named}"
        yield f"+ {sign} {people} {last}"
        yield f"+ {sign} {shown}"
        yield f"+ {sign} {asked}"
    for one, two in combinations(found, 2):
        yield f"+ {one} + {two}"


_OPENERS: Final = WORDS["openers"]


def _begins(opening: Sequence[str]) -> Iterator[str]:
    if not opening:
        yield "begins nothing"
        return
    for kind, members in WORDS_OF_WHOM.items():
        if opening[0] in members:
            yield f"begins {kind}"
            if len(opening) > 1:
                for then, others in WORDS_OF_WHOM.items():
                    if opening[1] in others:
                        yield f"begins {kind}, {then}"


def _called(folded: str, persona: tuple[int, int] | None) -> Iterator[str]:
    """Where the persona's name stands, and whether it is spoken to or of."""
    at = {match.start() for match in re.finditer(r"(?<!\w)@\w", folded)}
    if at - ({persona[0]} if persona else set()):
        yield "calls another"
    if persona is None:
        return
    before = [w for w in _WORD.findall(folded[: persona[0]]) if w not in _OPENERS]
    after = _WORD.findall(folded[persona[1] :])
    if not before:
        yield "persona first"
    elif not after:
        yield "persona last"
    else:
        yield "persona inside"
    if after and after[0] in WORDS["what is said of somebody"]:
        yield "persona is said to"
    if before and before[-1] in WORDS["before somebody spoken of"]:
        yield "persona spoken of"
    if folded[persona[1] : persona[1] + 1] in {",", ":", "!"} or folded[persona[0]] == "@":
        yield "persona called"


def _sees(marks: Sequence[Mark]) -> Iterator[str]:
    kinds = {"place" if m.slot in {"destination", "origin"} else m.slot for m in marks}
    for kind in sorted(kinds):
        yield f"sees {kind}"
    yield f"sees {min(len(marks), 3)}"
