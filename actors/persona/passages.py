"""What a character card has to say to something that was said: its greetings, the answers of its
examples, the entries of its lorebook (pure).

All of it is somebody's text. Nothing in it is executed: regular expressions are not tried, macros not
expanded but for the names of the two who talk, and what holds any other markup is left out whole.

Sources: the character card specifications, versions 2 and 3 (`character_book`, `mes_example`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any, Final

from actors.persona.hints import MOST_READ, beginning, folded
from protocol.persona import Persona
from protocol.wording import MARKUP, MAX_PASSAGE, MAX_PASSAGES, Act, cleaned

TALK: Final = frozenset[Act]({"smalltalk", "out_of_scope", "welcome_thanks", "ask_again"})
"""Acts beside a greeting that a passage may stand for: they name no fact that it would have to hold."""

MOST_ENTRIES: Final = 500
MOST_KEYS: Final = 16
LONGEST_KEY: Final = 60
MOST_OF_KEYS: Final = 8_000
"""Characters of keys of a whole book that are looked for, in its order: a few milliseconds at the most, in
which nothing else runs."""

MOST_EXAMPLES: Final = 50
MOST_LOOKED_AT: Final = 16_384
"""Characters of the examples."""

MOST_OF_A_PASSAGE: Final = 1_200
"""Characters of which one is made."""

MOST_TRIED: Final = 2 * MAX_PASSAGES
"""Texts of which passages are made, for what was said once."""

MOST_OF_A_FIELD: Final = 600

ALIKE_FROM: Final = 0.5
"""From which an example's question is the one that was asked: twice the weight of the words in common by
that of both. A word weighs by its length, as frequent ones are short."""

_STEM: Final = 5
_NAMES: Final = re.compile(r"\{\{\s*(?:(user)|char)\s*\}\}|<(?:(user)|bot|char)>", re.I)
_STARRED: Final = re.compile(r"\*{1,3}([^*]{1,300})\*{1,3}")
_NO_WORD: Final = re.compile(r"[\W_]+")
_LONE_WORD: Final = re.compile(r"[^\W\d_]+")
_DECORATOR: Final = re.compile(r"^@@.*$", re.M)
_SENTENCE_END: Final = re.compile(r"[.!?…][\"”’»)]*(?=\s)")
_START: Final = re.compile(r"<start>", re.I)
_TURN: Final = re.compile(r"^\s*(?:\{\{\s*(user|char)\s*\}\}|<(user|bot|char)>)\s*:", re.I)


@dataclass(frozen=True, slots=True)
class Passages:
    """As a `Plan` carries them."""

    texts: tuple[str, ...] = ()
    come_first: bool = False


NO_PASSAGES: Final = Passages()


def passages_of(
    persona: Persona, act: Act, *, said: str, has_spoken: bool, seed: int = 0
) -> Passages:
    """What the card says when this act answers what was `said`. `has_spoken`: to the same person, so
    that a greeting need not be the first one."""
    if act == "greet":
        greetings = _greetings(persona)
        if has_spoken and greetings:
            at = seed % len(greetings)
            greetings = greetings[at:] + greetings[:at]
        return Passages(_spoken(greetings), come_first=bool(greetings))
    if act not in TALK or not persona.card:
        return NO_PASSAGES
    data, text = _data(persona.card), said[:MOST_READ]
    lore = _spoken(_lore(data, text))
    example = _spoken(_example(data, text, persona.name))
    return Passages((*lore, *example)[:MAX_PASSAGES], come_first=bool(lore))


def character_of(persona: Persona) -> str:
    """Who it is, in its owner's words; the beginning of each field."""
    data = _data(persona.card) if persona.card else {}
    said = [persona.about, *(data.get(field) for field in ("personality", "scenario"))]
    parts = [text[:MOST_OF_A_FIELD].strip() for text in said if isinstance(text, str)]
    return "\n".join(part for part in parts if part)


def spoken(text: str) -> str | None:
    """One passage as it may stand in a plan: one line, with our placeholders, in our bounds. Stage
    directions between asterisks are left out. None: nothing is left, or it holds other markup."""
    text = _STARRED.sub(_unstarred, _DECORATOR.sub("", text[:MOST_OF_A_PASSAGE]))
    said, at = "", 0
    for name in _NAMES.finditer(text):
        said += _inner(text[at : name.start()]) + ("{user}" if any(name.groups()) else "{persona}")
        at = name.end()
        if len(said) > 2 * MAX_PASSAGE:
            break
    else:
        said += _inner(text[at:])
    if _holds_markup(text):
        return None
    return _within_bounds(said.strip()) or None


def _spoken(texts: Iterable[str]) -> tuple[str, ...]:
    found = (spoken(text) for text in islice(texts, MOST_TRIED))
    return tuple(dict.fromkeys(one for one in found if one))[:MAX_PASSAGES]


def _unstarred(starred: re.Match[str]) -> str:
    """A word that was stressed is a word still; anything else tells what somebody does."""
    before = starred.string[: starred.start()]
    is_stressed = before[-1:] == " " and before[-2:-1].isalpha()
    return starred[1] if is_stressed and _LONE_WORD.fullmatch(starred[1]) else " "


def _holds_markup(text: str) -> bool:
    return MARKUP.search(_NAMES.sub(" ", text)) is not None


def _inner(part: str) -> str:
    """Cleaned, with the spaces at its ends."""
    return cleaned(f"x{part}x", len(part) + 2)[1:-1]


def _within_bounds(text: str) -> str:
    """Up to the end of a sentence."""
    if len(text) <= MAX_PASSAGE:
        return text
    ends = [end.end() for end in _SENTENCE_END.finditer(text[: MAX_PASSAGE + 1])]
    return text[: ends[-1]] if ends else ""


def _data(card: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where its fields are: version 1 has them at the top."""
    data = card.get("data")
    return data if isinstance(data, dict) else card


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _greetings(persona: Persona) -> list[str]:
    """The persona's own is the card's first one, as its owner has it now."""
    alternates = _data(persona.card).get("alternate_greetings") if persona.card else None
    others = _texts(alternates[:MOST_TRIED]) if isinstance(alternates, list) else []
    return [text for text in (persona.greeting, *others) if text.strip()]


def _lore(data: Mapping[str, Any], said: str) -> list[str]:
    """Entries of which a key occurs in what was said: the longest key first, then in the book's order."""
    book = data.get("character_book")
    entries = book.get("entries") if isinstance(book, dict) else None
    listed = entries[:MOST_ENTRIES] if isinstance(entries, list) else []
    as_it_is, plain = _padded(said), _padded(folded(said, MOST_READ))
    found: list[tuple[int, float, str]] = []
    left = MOST_OF_KEYS
    for entry in listed:
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str):
            continue
        left -= sum(map(len, (*_keys(entry, "keys"), *_keys(entry, "secondary_keys"))))
        if left < 0:
            break
        length = _key_said(entry, as_it_is, plain)
        if length:
            order = entry.get("insertion_order")
            found.append(
                (-length, order if isinstance(order, int | float) else 0, entry["content"])
            )
    return [content for _, _, content in sorted(found, key=lambda one: one[:2])]


def _key_said(entry: Mapping[str, Any], as_it_is: str, plain: str) -> int:
    """The length of the longest key that occurs; 0: the entry has nothing to say to this."""
    if entry.get("enabled") is False or entry.get("use_regex"):
        return 0
    is_exact = entry.get("case_sensitive") is True

    def longest(field: str) -> int:
        said = 0
        for key in _keys(entry, field):
            padded = _padded(key if is_exact else folded(key))
            if padded.strip() and padded in (as_it_is if is_exact else plain):
                said = max(said, len(padded))
        return said

    is_selective = entry.get("selective") is True and bool(entry.get("secondary_keys"))
    if is_selective and not longest("secondary_keys"):
        return 0
    return longest("keys")


def _keys(entry: Mapping[str, Any], field: str) -> list[str]:
    """Those that are looked for: no regular expressions, which some write between slashes."""
    keys = entry.get(field)
    listed = _texts(keys[:MOST_KEYS]) if isinstance(keys, list) else []
    return [key for key in listed if 0 < len(key) <= LONGEST_KEY and not key.startswith("/")]


def _padded(text: str) -> str:
    """Its words with a space around each, so that a key is found as words alone."""
    return f" {_NO_WORD.sub(' ', text).strip()} "


def _example(data: Mapping[str, Any], said: str, name: str) -> list[str]:
    """The answer to the question that is most like what was said."""
    source = data.get("mes_example")
    asked = _weights(said)
    best, answers = ALIKE_FROM, list[str]()
    if not isinstance(source, str) or not asked:
        return answers
    for count, (question, answer) in enumerate(_exchanges(source[:MOST_LOOKED_AT], name)):
        if count >= MOST_EXAMPLES:
            break
        likeness = _likeness(asked, _weights(question))
        if likeness > best or (likeness == best and not answers):
            best, answers = likeness, [answer]
    return answers


def _exchanges(source: str, name: str) -> Iterator[tuple[str, str]]:
    """Each question with the answer right after it."""
    for block in _START.split(source):
        turns: list[tuple[bool, str]] = []
        for line in block.splitlines():
            turn = _TURN.match(line)
            if turn is not None:
                is_user = "user" in {(one or "").lower() for one in turn.groups()}
                turns.append((is_user, line[turn.end() :]))
            elif name and line.lstrip().startswith(f"{name}:"):
                turns.append((False, line.partition(":")[2]))
            elif turns:
                turns[-1] = (turns[-1][0], f"{turns[-1][1]}\n{line}")
        for (is_asked, question), (is_next_asked, answer) in pairwise(turns):
            if is_asked and not is_next_asked:
                yield question, answer


def _weights(text: str) -> dict[str, int]:
    words = _padded(beginning(_NAMES.sub(" ", text[:MOST_READ]))).split()
    return {word[:_STEM]: max(1, len(word) - 2) for word in words}


def _likeness(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """0 to 1."""
    total = sum(one.values()) + sum(other.values())
    shared = sum(one[stem] + other[stem] for stem in one.keys() & other.keys())
    return shared / total if total else 0.0
