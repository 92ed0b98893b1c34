"""From a text with placeholders to one with facts, piece by piece: pure.

Whoever words a plan (templates, a model) writes `{offer.1.price}` where a fact belongs. Nothing leaves
here before it is complete and judged: half a placeholder or half a word is held back. What may not be
said raises, whoever wrote it.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from inference.wording.claims import is_forbidden_character, is_forbidden_word
from protocol.wording import PLACEHOLDERS, Plan, cleaned

MAX_HELD: Final = 64
"""Characters of a word or placeholder, at most."""

_LETTER: Final = r"[^\W\d_\u0300]|[\u0300-\u036f]"
_TOKEN: Final = re.compile(
    rf"\{{(?P<slot>[^{{}}]*)\}}|(?P<word>(?:{_LETTER})+(?:[-'’‑](?:{_LETTER})+)*)|(?P<gap>[ ,]+)|(?P<rest>.)",
    re.S,
)
_UNFINISHED: Final = re.compile(rf"(?:\{{[^{{}}]*|(?:{_LETTER})+(?:[-'’‑](?:{_LETTER})*)*)\Z")
_OPENING: Final = frozenset('¿¡«"“„‘(- \u00a0\u202f')
_ENDING: Final = frozenset(".!?…\n")
LISTED: Final = re.compile(r"(?P<kind>offer|place)\.(?P<number>\d)\.(?P<field>\w+)")
_NAMES: Final = re.compile(
    r"user|persona|destination|origin|(?:offer|place)\.\d\.(?:name|country|price)"
)
"""What begins as its bearer writes it; other values begin with a capital where a sentence does."""


class WordingError(ValueError):
    """A text that may not be said. The message names what is wrong with it, without facts."""


_Token = tuple[str, str]
"""Its kind (`slot`, `word`, `gap` or `rest`) and its text."""


class _Judge:
    """What is wrong with a text, token by token: the order of what is demanded, what belongs to whom,
    and what may stand only in values."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        try:
            self._demanded = list(plan.demanded())
        except KeyError as missing:
            raise WordingError(f"no fact for {missing.args[0]}") from None
        self._said = 0
        self._named: dict[str, str] = {}

    def fault_of(self, token: _Token) -> str | None:
        kind, text = token
        match kind:
            case "gap":
                return None
            case "word":
                is_wrong = is_forbidden_word(text, self._plan.language)
            case "slot":
                return self._fault_of_slot(text[1:-1])
            case _ if text in "{}":
                return f"a lone {text!r}"
            case _:
                # A mark that no word took in stands on one, and would hide it from the judge.
                is_wrong = (
                    is_forbidden_character(text)
                    or unicodedata.category(text)[0] == "M"
                    or not (text.isprintable() or text in "\n\u00a0\u202f")
                )
        return f"{text!r} outside a value" if is_wrong else None

    def faults_at_end(self) -> Iterator[str]:
        for name in self._demanded[self._said :]:
            yield f"{name} is not said"

    def _fault_of_slot(self, name: str) -> str | None:
        if name not in PLACEHOLDERS:
            return f"no placeholder {name[:MAX_HELD]!r}"
        if not self._plan.facts.get(name):
            return f"no fact for {name}"
        if self._said < len(self._demanded) and name == self._demanded[self._said]:
            self._said += 1
        elif name in self._demanded[self._said :]:
            return f"{name} before its turn"
        listed = LISTED.fullmatch(name)
        if listed is None:
            return None
        if listed["field"] == "name":
            self._named[listed["kind"]] = listed["number"]
        elif self._named.get(listed["kind"]) != listed["number"]:
            return f"{name} said of another"
        return None


class Filler:
    """Fills one text. `take` pieces as they come, then `end`; each gives what is complete by then.

    Raises `WordingError`: nothing of what was held back then leaves. Values are cleaned and bounded
    here, whoever made them.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = _with_clean_facts(plan)
        self._judge = _Judge(self._plan)
        self._held = ""
        self._begins = True
        self._has_stop = False

    def take(self, piece: str) -> str:
        text = self._held + piece
        unfinished = _UNFINISHED.search(text, max(0, len(text) - MAX_HELD - 1))
        at = unfinished.start() if unfinished else len(text)
        self._held = text[at:]
        if len(self._held) > MAX_HELD:
            raise WordingError("a word or placeholder without an end")
        return "".join(map(self._filled, _tokens(text[:at])))

    def end(self) -> str:
        """What was held back; raises when something demanded was not said."""
        rest, self._held = self._held, ""
        filled = "".join(map(self._filled, _tokens(rest)))
        for fault in self._judge.faults_at_end():
            raise WordingError(fault)
        return filled

    def _filled(self, token: _Token) -> str:
        if fault := self._judge.fault_of(token):
            raise WordingError(fault)
        kind, text = token
        if kind == "slot":
            return self._value(text[1:-1])
        if text == "." and self._has_stop:
            self._has_stop, self._begins = False, True
            return ""
        self._has_stop = False
        if text in _ENDING:
            self._begins = True
        elif text.strip() and text not in _OPENING:
            self._begins = False
        return text

    def _value(self, name: str) -> str:
        value = self._plan.facts[name]
        if self._begins and not _NAMES.fullmatch(name):
            value = value[0].upper() + value[1:]
        self._begins, self._has_stop = False, value.endswith(".")
        return value


def fill(plan: Plan, delexicalised: str) -> str:
    """All of a text at once. Raises as `Filler` does."""
    filler = Filler(plan)
    return filler.take(delexicalised) + filler.end()


def check(plan: Plan, delexicalised: str) -> tuple[str, ...]:
    """Everything that is wrong with a text for this plan, in order; empty: it may be said."""
    try:
        judge = _Judge(_with_clean_facts(plan))
    except WordingError as error:
        return (str(error),)
    faults = [fault for token in _tokens(delexicalised) if (fault := judge.fault_of(token))]
    return (*faults, *judge.faults_at_end())


def words_in(delexicalised: str) -> Iterator[str]:
    """The words beside placeholders."""
    return (text for kind, text in _tokens(delexicalised) if kind == "word")


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        yield match.lastgroup or "rest", match[0]


def _with_clean_facts(plan: Plan) -> Plan:
    clean = {name: text for name, value in plan.facts.items() if (text := cleaned(value))}
    return replace(plan, facts=clean)
