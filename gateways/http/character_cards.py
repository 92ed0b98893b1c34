"""Character cards, versions 1 to 3: what we take of one, and what we give back.

Pure. A card is kept whole, as JSON values, whatever else it says: what comes out is what came in,
but for the fields that its owner has changed since. Nothing in it is executed: its regular
expressions and templates are text to us.

Sources: github.com/malfoyslastname/character-card-spec-v2 (spec_v1.md, spec_v2.md) and
github.com/kwaroran/character-card-spec-v3 (SPEC_V3.md).
"""

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Final, get_args

import msgspec

from core.texts import sentence
from gateways.http.nesting import nests_deeper
from gateways.http.persona_texts import MAX_TEXT_BYTES, cut, name_of, shown
from protocol.persona import Persona, Voice

MAX_CARD_BYTES: Final = 4 * 2**20
MAX_DEPTH: Final = 64

MAX_LISTS: Final = 16_000
"""Brackets and braces, those in texts too: each may be a list or a map, which costs a microsecond to
decode, during which nothing else in the process runs. A lorebook of 2,000 entries has half of that."""

MAX_VALUES: Final = 100_000
"""Commas, likewise."""

MAX_LOOKED_AT: Final = 4 * MAX_TEXT_BYTES
"""Characters of a text in which what becomes ours is sought."""

PASSAGES_USE: Final = frozenset(
    {"name", "tags", "first_mes", "alternate_greetings", "mes_example", "character_book"}
)
"""Of a card, whatever words answers, templates or a model with either prompt: the name, the voice that its
tags speak of, and passages, which are found again and said as they are."""

CHAT_USES: Final = PASSAGES_USE | {"description", "personality", "scenario"}
"""Beside them, what a model with the chat prompt reads of who it is."""

VOICES: Final[tuple[Voice, ...]] = get_args(Voice)
_SPECS: Final[Mapping[Any, int]] = {"chara_card_v2": 2, "chara_card_v3": 3}

_WORDS_OF: Final[Mapping[Voice, str]] = {
    "adventure": "adventure adventurer hiking climbing sports survival action wild",
    "luxury": "luxury elegant noble rich wealthy aristocrat royal",
    "local": "local native neighbour neighbor village guide",
    "budget": "budget backpacker student frugal cheap",
    "family": "family mother father mom dad parent kids wholesome",
    "foodie": "foodie food cook cooking chef wine baker",
    "culture": "culture art history historian museum music literature scholar",
    "explorer": "explorer explore travel traveller traveler curious",
}
_VOICE_OF: Final = {word: voice for voice, words in _WORDS_OF.items() for word in words.split()}


class BadCard(ValueError):
    """What came is no card that we take. `text`: a sentence for whoever sent it."""

    def __init__(self, text: str, **params: object) -> None:
        super().__init__(text)
        self.text, self.params = text, params


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card as it came. `version`: 1, 2 or 3. `data`: the part of `whole` that has the fields."""

    version: int
    whole: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        return self.whole if self.version == 1 else self.whole["data"]

    def text(self, field: str) -> str:
        """Empty where the card says nothing, or something that is no text."""
        value = self.data.get(field)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What of a card becomes a persona's own, in our bounds."""

    name: str
    style: Voice
    about: str
    greeting: str


def read_card(raw: bytes) -> Card:
    """A card of its JSON. Raises `BadCard`."""
    if len(raw) > MAX_CARD_BYTES:
        raise BadCard(sentence("A card may have at most {limit} bytes."), limit=MAX_CARD_BYTES)
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    if raw.count(b"[") + raw.count(b"{") > MAX_LISTS or raw.count(b",") > MAX_VALUES:
        raise BadCard(sentence("This card has too many parts."))
    try:
        whole = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadCard(sentence("This card is not JSON.")) from None
    if not isinstance(whole, dict):
        raise _no_card()
    if nests_deeper(whole, MAX_DEPTH):
        raise BadCard(sentence("This card is nested too deeply."))
    return card_of(whole)


def card_of(whole: dict[str, Any]) -> Card:
    """A card of its values. Raises `BadCard`."""
    card = Card(version=_version(whole), whole=whole)
    if not _name(card):
        raise BadCard(sentence("This card has no name."))
    return card


def _version(whole: dict[str, Any]) -> int:
    spec = whole.get("spec")
    if spec is None and isinstance(whole.get("name"), str):
        return 1
    version = _SPECS.get(spec) if isinstance(spec, str) else None
    if version is None or not isinstance(whole.get("data"), dict):
        raise _no_card()
    return version


def _no_card() -> BadCard:
    return BadCard(sentence("This is no character card of version 1, 2 or 3."))


def taken(card: Card) -> Taken:
    """What becomes the persona's own."""
    return Taken(
        name=_name(card),
        style=_style(card),
        about=_text(card, "description"),
        greeting=_text(card, "first_mes"),
    )


def _name(card: Card) -> str:
    return name_of(card.text("name")[:MAX_LOOKED_AT])


def _text(card: Card, field: str) -> str:
    """Of its beginning: a search through megabytes is not interrupted."""
    return cut(shown(card.text(field)[:MAX_LOOKED_AT]), MAX_TEXT_BYTES)


def _style(card: Card) -> Voice:
    """The one that we wrote into it, else that of which its tags speak most."""
    extensions = card.data.get("extensions")
    own = extensions.get("caravan") if isinstance(extensions, dict) else None
    style = own.get("style") if isinstance(own, dict) else None
    if isinstance(style, str) and style in VOICES:
        return style
    tags = card.data.get("tags")
    said = [tag.lower() for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    votes = Counter(
        _VOICE_OF[word] for tag in said[:100] for word in tag.split() if word in _VOICE_OF
    )
    return votes.most_common(1)[0][0] if votes else "explorer"


def used(card: Card, fields: Set[str]) -> list[str]:
    """Those of the `fields` in which this card says anything, in its own order."""
    return [name for name, value in card.data.items() if name in fields and value not in _NOTHING]


_NOTHING: Final[tuple[Any, ...]] = ("", [], {}, None)


def given(persona: Persona) -> dict[str, Any]:
    """The card of a persona: the one that it came with, with what was changed since; else one of
    version 3."""
    if persona.card is None:
        return _fresh(persona)
    card = card_of(persona.card)
    was, changes = taken(card), dict[str, Any]()
    if persona.name != was.name:
        changes["name"] = persona.name
    if persona.about != was.about:
        changes["description"] = persona.about
    if persona.greeting != was.greeting:
        changes["first_mes"] = persona.greeting
    if persona.style != was.style:
        changes |= _styled(card.data, persona.style)
    if card.version == 1:
        return {**card.whole, **changes}
    return {**card.whole, "data": {**card.data, **changes}}


def _styled(data: Mapping[str, Any], style: Voice) -> dict[str, Any]:
    """Our own corner of the extensions; where those are no map, nothing of theirs is touched."""
    extensions = data.get("extensions", {})
    own = extensions.get("caravan", {}) if isinstance(extensions, dict) else None
    if not isinstance(own, dict):
        return {}
    return {"extensions": {**extensions, "caravan": {**own, "style": style}}}


def _fresh(persona: Persona) -> dict[str, Any]:
    return {
        "spec": "chara_card_v3",
        "spec_version": "3.0",
        "data": {
            "name": persona.name,
            "description": persona.about,
            "personality": "",
            "scenario": "",
            "first_mes": persona.greeting,
            "mes_example": "",
            "creator_notes": "",
            "system_prompt": "",
            "post_history_instructions": "",
            "alternate_greetings": [],
            "group_only_greetings": [],
            "tags": ["travel", persona.style],
            "creator": "",
            "character_version": str(persona.version),
            "extensions": {"caravan": {"style": persona.style}},
        },
    }


def as_version_2(whole: dict[str, Any]) -> dict[str, Any]:
    """A card of version 3 as readers of version 2 know it: its other fields are unknown keys."""
    return {**whole, "spec": "chara_card_v2", "spec_version": "2.0"}
