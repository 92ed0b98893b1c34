"""What a persona says, before it is put into words: acts, and the facts that stand in for placeholders.

Whoever words an act (a model or a template) writes placeholders, never facts: the server fills them
from its own records, so that no number, name or claim is ever made up.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta

from protocol.frames import Value
from protocol.persona import Voice
from protocol.understanding import Language

Act = Literal[
    "greet",
    "ask",
    "open_places",
    "open_flights",
    "open_hotels",
    "show_places",
    "show_flights",
    "show_hotels",
    "nothing_found",
    "still_searching",
    "compare",
    "detail",
    "unknown_detail",
    "weather",
    "price_trend",
    "no_price_trend",
    "clarify",
    "ask_again",
    "confirm",
    "not_yet",
    "noted",
    "learned",
    "welcome_thanks",
    "sorry",
    "smalltalk",
    "out_of_scope",
    "stopped",
]
ACTS: Final[tuple[Act, ...]] = get_args(Act)

MAX_LISTED: Final = 3
"""Offers or places named in one answer, `offer.1.…` to `offer.3.…`."""

_LISTED: Final = tuple(
    f"{kind}.{place}.{field}"
    for kind, fields in (
        ("offer", ("name", "price", "detail")),
        ("place", ("name", "country", "detail")),
    )
    for place in range(1, MAX_LISTED + 1)
    for field in fields
)
_SHOWN: Final[dict[Act, str]] = {
    "show_places": "place.",
    "show_flights": "offer.",
    "show_hotels": "offer.",
}
PLACEHOLDERS: Final = (
    *("user", "persona", "destination", "origin", "dates", "party", "budget", "count"),
    *("wanted", "reading.1", "reading.2", "what", "detail", "climate", "trend", "because"),
    *_LISTED,
)
"""What each stands for, and the grammar that its value keeps, so that words around it need no agreement
(values come in the reader's language and are whole phrases, claims included):

- `user`, `persona`, `destination`, `origin`, `place.N.name`, `offer.N.name`: names, without article or
  preposition; alternatives are joined ("Rome or Lisbon"). A flight's name is its route.
- `place.N.country`: a name; `place.N.detail`, `offer.N.detail`, `detail`, `climate`: what is known of it,
  for after a colon or between commas ("4 stars, breakfast").
- `offer.N.price`: an amount and what it is for ("€240 for 2 nights").
- `dates`, `party`, `budget`: phrases with their own preposition ("from 12 to 14 February", "for 2
  adults and 1 child", "up to €150 a night").
- `count`: number and noun ("3 hotels"). `wanted`: the missing slot as a noun phrase ("your dates").
- `reading.1`, `reading.2`: what may have been meant, as noun phrases ("a flight", "a hotel").
- `what`: the thing an act is about, as a noun phrase ("the second hotel", "the booking").
- `trend`: a clause ("prices rose by 6 % in 14 days"), for after a colon.
- `because`: the reason of a choice, as a noun phrase ("the price", "the sea nearby").

Noun phrases are in the nominative, and German and Spanish ones look the same as an object where the
language allows it. In a text a placeholder is written `{offer.1.name}`."""

REQUIRED: Final[dict[Act, tuple[str, ...]]] = {
    "greet": (),
    "ask": ("wanted",),
    "open_places": (),
    "open_flights": ("destination",),
    "open_hotels": ("destination",),
    "show_places": ("place.1.name",),
    "show_flights": ("offer.1.name", "offer.1.price"),
    "show_hotels": ("offer.1.name", "offer.1.price"),
    "nothing_found": (),
    "still_searching": (),
    "compare": ("offer.1.name", "offer.1.detail", "offer.2.name", "offer.2.detail"),
    "detail": ("what", "detail"),
    "unknown_detail": ("what",),
    "weather": ("destination", "climate"),
    "price_trend": ("trend",),
    "no_price_trend": (),
    "clarify": ("reading.1", "reading.2"),
    "ask_again": (),
    "confirm": ("what",),
    "not_yet": ("what",),
    "noted": ("what",),
    "learned": ("because",),
    "welcome_thanks": (),
    "sorry": (),
    "smalltalk": (),
    "out_of_scope": (),
    "stopped": ("what",),
}
"""What each act must say, in this order, at the least. With more offers or places in the facts, all of
those that are there are named."""

MAX_VALUE: Final = 200
"""Characters of one value."""

MARKUP: Final = re.compile(r"[<>{}\[\]*_`~|\\#^]|://")
"""What any markup, address or template is made of."""

_NO_BREAKS: Final = "\u00a0\u202f"
_GAPS: Final = re.compile(r" {2,}")
_PILED: Final = 2
"""Combining marks on one letter; more is no name but a drawing."""

_UNSEEN: Final = re.compile("[\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Marks that only say how what is before them is drawn, if at all."""


def cleaned(value: str, at_most: int = MAX_VALUE) -> str:
    """A name or a text of others as it may stand in a sentence of ours: one line, without control, bidi,
    unassigned, private and unseen characters, without what any markup would read, and not longer than
    `at_most` characters (cut with "…"). What was nothing else is empty."""
    kept: list[str] = []
    piled = 0
    for character in unicodedata.normalize("NFC", "".join(_seen(value))):
        piled = piled + 1 if unicodedata.category(character)[0] == "M" else 0
        if piled <= _PILED:
            kept.append(character)
    # Only now: what nobody sees may part "://", and an accent's normal form is "`".
    text = _GAPS.sub(" ", MARKUP.sub(" ", "".join(kept))).strip()
    return text if len(text) <= at_most else f"{text[: at_most - 1].rstrip()}…"


def _seen(value: str) -> Iterator[str]:
    for character in value:
        category = unicodedata.category(character)
        if category[0] == "Z" or character in "\t\n\r\v\f\x85":
            yield character if character in _NO_BREAKS else " "
        elif category[0] != "C" and not _UNSEEN.match(character):
            yield character


MAX_PASSAGES: Final = 4
MAX_PASSAGE: Final = 500
"""Characters of one, its placeholders unfilled."""

QUOTED: Final = ("user", "persona")
"""The placeholders that a passage may hold."""

MAX_REMEMBERED: Final = 8
MAX_MEMORY: Final = 200
"""Characters of one memory."""

MAX_HEARD: Final = 12
MAX_UTTERED: Final = 300
"""Characters of one line of what was said before."""

MAX_HEARD_BYTES: Final = 2_400
"""UTF-8, of all lines together."""

Speaker = Literal["asker", "other", "self", "persona"]


class Uttered(Value, frozen=True, kw_only=True):
    """One line of what was said before. `by`: the person who is answered, another one, the persona that
    speaks, or another persona; names are not told."""

    by: Speaker
    text: str


Tier = Literal["generated", "retrieved", "template"]
Mood = Literal["plain", "glad", "sad"]


class Plan(Value, frozen=True, kw_only=True):
    """One segment to be worded. `facts`: placeholder → its value in `language`; what is not in it may
    not be said. `seed`: the same plan and seed give the same words.

    `passages`: what the persona's card says to just this, best first, in whatever language its author
    writes; unjudged, it may hold what may not be said. `card_first`: it was written for this very moment
    (a greeting, an entry whose key was said), and goes before the words of who has not read the card.
    `character`: who the persona is, in its owner's words, as they came: for a prompt that has room for
    it, as data; never said. `remembered`, `heard`: likewise, what the persona may use here of its memories, and
    what was said before, oldest first, as it came; `heard` ends with what is answered.
    """

    act: Act
    voice: Voice
    language: Language
    facts: dict[str, str]
    mood: Mood = "plain"
    seed: Annotated[int, Meta(ge=0, le=2**53)] = 0
    passages: tuple[str, ...] = ()
    card_first: bool = False
    character: str = ""
    remembered: tuple[str, ...] = ()
    heard: tuple[Uttered, ...] = ()

    def demanded(self) -> tuple[str, ...]:
        """The placeholders that the words must hold, in order: the act's, with every listed offer
        and place that is there. Raises `KeyError` when a required fact is missing."""
        required = REQUIRED[self.act]
        missing = [name for name in required if name not in self.facts]
        if missing:
            raise KeyError(missing[0])
        listed = [
            name
            for name in _LISTED
            if name in self.facts
            and name not in required
            and name.startswith(_SHOWN.get(self.act, "-"))
            and not name.endswith((".detail", ".country"))
        ]
        return (*required, *listed)
