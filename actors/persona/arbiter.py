"""Who of a room's personas answers, if any (pure). One prompt has at most one answer."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from actors.persona.dialogue import Dialogue
from actors.persona.hints import Hints, folded
from protocol.persona import Voice
from protocol.room import Speaking
from protocol.understanding import MEANT_FROM, Slots

OPEN_FOR: Final = 600_000
"""Milliseconds after a persona's last word in which it is still talked with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A persona in a room."""

    id: str
    owner_id: str
    name: str = ""
    style: Voice = "explorer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A room's personas in the order in which they came, and how they share the floor. `people`: joined
    members. `last`: who spoke last, for `roundRobin`."""

    speaking: Speaking
    seats: tuple[Seat, ...]
    people: frozenset[str]
    last: str | None = None

    def speakers(self) -> tuple[Seat, ...]:
        """Those that may speak at all: a persona whose owner is gone does not."""
        if self.speaking == "silent":
            return ()
        return tuple(seat for seat in self.seats if seat.owner_id in self.people)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What may be meant for one of them. `named`: personas and people whom the message names, in order;
    `replied_to`: the persona whose message it answers. `addressed`: how likely it is meant for a
    persona, by its reading; None: it was not read, and only names count. `is_idle`: thanks, small talk or what nobody
    understands, which asks nothing and follows no persona's word. `called`: the persona whose name begins or
    ends it without an @; `is_hailed`: a comma after it shows that it is spoken to. `talking`: the persona that the asker is in talk with, `asking`: the one whose
    question is open, `showing`: the one that showed to somebody else what it speaks of. `active`: the asker's own choice; `is_switched`: made since anybody talked with
    them. `is_next`: the message before it was a persona's."""

    asker_id: str
    named: tuple[str, ...] = ()
    replied_to: str | None = None
    addressed: float | None = None
    is_idle: bool = False
    called: str | None = None
    is_hailed: bool = False
    talking: str | None = None
    asking: str | None = None
    showing: str | None = None
    active: str | None = None
    is_switched: bool = False
    is_next: bool = False
    slots: Slots | None = None
    hints: Hints | None = None


def named(floor: Floor, call: Call) -> str | None:
    """The persona that is called by name, or replied to."""
    speakers = {seat.id for seat in floor.speakers()}
    for persona_id in call.named:
        if persona_id in speakers:
            return persona_id
    return call.replied_to if call.replied_to in speakers else None


_GREETING: Final = r"(?:hi|hey|hello|ok|okay|hallo|hola|salut|so|and)(?P<signs>\W+)"
_GREETED: Final = re.compile(_GREETING)
_AROUND: Final = " ,.!?¿¡"
_END: Final = 200
"""Characters at either end of a text, where a name of a hundred bytes stands if it calls somebody."""


MOST_NAMES: Final = 16_384
"""People's, whose words are remembered."""

_ASKED: Final = (
    r"(?:(?:can|could|would|will|shall|should) (?:you|u|we|i)|please|pls|show|find|give me|any|what|which|where|when|how"
    r"|do (?:you|u|we)|is there|are there|kannst du|konnen wir|kann ich|gibt es|was|welche[rs]?|wo|wohin|wann|wie|bitte|zeig|such"
    r"|puedes|podemos|puedo|busca|muestra\w*|que|cual|donde|cuando|cuanto|hay|peux[- ]tu|tu peux|on peut|peut[- ]on|cherche"
    r"|montre|trouve|quel(?:le)?s?|ou|quand|combien|y a[- ]t[- ]il|il y a|est[- ]ce)\b"
)
"""How a question or a wish begins, right after the name of who is asked."""


def hailed(floor: Floor, text: str, people: Iterable[str]) -> bool:
    """Whether a text begins with the name of a persona, its own alone, and a comma, or what is asked of it: "Nova, where
    to?". `people`: what the others there are called, one of whom may be spoken to by it."""
    names = {folded(seat.name) for seat in floor.speakers()} - {""}
    any_of = "|".join(map(re.escape, names))
    after = rf"(?:\s?[,:!]| {_ASKED})"
    begins = re.match(rf"(?:{_GREETING})?(?P<name>{any_of}){after}", folded(text[:_END]))
    if not names or begins is None:
        return False
    return all(begins["name"] not in _words(name) for name in people)


def called(floor: Floor, text: str) -> str | None:
    """The persona whose name, its own alone, begins or ends a text: who is spoken to, where it is meant for a
    persona at all."""
    said = text.strip(_AROUND)
    begins, ends = folded(said[:_END]).strip(_AROUND), folded(said[-_END:]).strip(_AROUND)
    names = [folded(seat.name).strip(_AROUND) for seat in floor.speakers()]
    for seat, name in zip(floor.speakers(), names, strict=True):
        is_own = name and names.count(name) == 1
        if is_own and (_begins(begins, name) or _ends(ends, name)):
            return seat.id
    return None


def _begins(text: str, name: str) -> bool:
    """Itself, or after a greeting and signs, of which some may be the name's."""
    greeting = _GREETED.match(text)
    after = () if greeting is None else range(greeting.start("signs") + 1, greeting.end() + 1)
    return any(
        text.startswith(name, at) and not _goes_on(text, at + len(name)) for at in (0, *after)
    )


def _ends(text: str, name: str) -> bool:
    return text.endswith(name) and not _goes_on(text, len(text) - len(name))


def _goes_on(text: str, at: int) -> bool:
    """Whether a word goes on here."""
    return re.fullmatch(r"\w\w", text[max(0, at - 1) : at + 1]) is not None


_HELLO: Final = r"(?:hi|hey|hello|hallo|hola|salut|yo)"
_NAME: Final = r"[\w'-]+"
_HAILS: Final = re.compile(
    rf"(?:{_HELLO} (?P<greeted>{_NAME})\s?[,:!]?|(?:{_GREETING})?(?P<called>{_NAME})\s?[,:!])\s*(?P<next>{_NAME})?"
)
_HAILED_LAST: Final = re.compile(rf",\s?({_NAME})\W*$")
_LISTS: Final = frozenset(("and", "und", "y", "et"))


def person_hailed(floor: Floor, text: str, people: Mapping[str, str]) -> str | None:
    """The person to whom a text says that it is for them: "hey Ben, where to?", "where to, Ben?". `people`: the others
    there, id → name, of whom no persona is called alike. Who is listed with others is spoken of."""
    begins, ends = folded(text[:_END]), folded(text[-_END:])
    hails, last = _HAILS.match(begins), _HAILED_LAST.search(ends)
    if hails is None and last is None:
        return None
    first = {words[0]: id for id, name in people.items() if (words := _words(name))}
    for seat in floor.seats:
        for word in folded(seat.name).split():
            first.pop(word, None)
    if hails is not None and hails["next"] not in _LISTS | first.keys():
        found = first.get(hails["greeted"] or hails["called"])
        if found is not None:
            return found
    return None if last is None else first.get(last[1])


@lru_cache(maxsize=MOST_NAMES)
def _words(name: str) -> tuple[str, ...]:
    """Of a person's name, folded: a message in a room of five thousand is compared with all of theirs."""
    return tuple(folded(name).split())


def may_be_meant(floor: Floor, call: Call) -> bool:
    """Whether it is worth reading: somebody may speak, and not only people are named."""
    if named(floor, call) is not None:
        return True
    if floor.speaking == "mention" or not floor.speakers():
        return False
    others = floor.people - {call.asker_id}
    return not others.intersection(call.named)


def chosen(floor: Floor, call: Call) -> str | None:
    """Who answers. By name or reply, whatever the rule of the room; else, for what is meant for a
    persona: who is called; by `roundRobin` the one whose question is open, then the next after the last; by
    `auto` the one that the asker talks with, or whose list they speak of, the asker's own choice (first, where it is newer), then the one whose
    style fits best."""
    speaker = named(floor, call)
    if speaker is not None:
        return speaker
    speakers = floor.speakers()
    if not may_be_meant(floor, call) or not _is_meant(floor, call):
        return None
    ids = [seat.id for seat in speakers]
    if call.called in ids:
        return call.called
    if floor.speaking == "roundRobin":
        return call.asking if call.asking in ids else _next(floor, ids)
    talk = (call.asking, call.talking, call.showing)
    for preferred in (call.active, *talk) if call.is_switched else (*talk, call.active):
        if preferred in ids:
            return preferred
    return max(speakers, key=lambda seat: (_fit(seat, call), seat.owner_id == call.asker_id)).id


def depends_on_choice(floor: Floor, call: Call) -> bool:
    """Whether `chosen` would look at `call.active`."""
    ids = {seat.id for seat in floor.speakers()}
    is_settled = named(floor, call) is not None or call.called in ids
    return floor.speaking == "auto" and len(ids) > 1 and not is_settled


def talk_of(dialogues: Sequence[tuple[str, Dialogue]], now: int) -> tuple[str | None, str | None]:
    """Of (persona, dialogue) pairs of one asker: whom he talks with, and whose question is open; both
    the latest."""
    recent = sorted(
        (pair for pair in dialogues if pair[1].spoke_at and now - pair[1].spoke_at <= OPEN_FOR),
        key=lambda pair: pair[1].spoke_at,
    )
    asking = [persona_id for persona_id, dialogue in recent if dialogue.asked is not None]
    return (recent[-1][0] if recent else None), (asking[-1] if asking else None)


def _is_meant(floor: Floor, call: Call) -> bool:
    """Who is alone with personas talks with them; so does who turns what one of them showed just before, in no other
    words, whatever a model makes of so few. Thanks and goodbyes among people are for them: a persona that nobody
    has called, and with whom the asker is not in talk, has nothing to be thanked for."""
    if call.addressed is None:
        return False
    if floor.people <= {call.asker_id} or call.is_hailed:
        return True
    is_of_one = call.talking is not None or call.showing is not None
    if call.is_next and is_of_one and call.hints is not None and call.hints.is_terse:
        return True
    if call.is_idle and not (call.called or call.talking or call.asking):
        return False
    return call.addressed >= MEANT_FROM


def _next(floor: Floor, ids: list[str]) -> str:
    """In the order of seats; who left meanwhile still marks the place."""
    order = [seat.id for seat in floor.seats]
    at = order.index(floor.last) if floor.last in order else -1
    rest = order[at + 1 :] + order[: at + 1]
    return next(persona_id for persona_id in rest if persona_id in ids)


def _fit(seat: Seat, call: Call) -> int:
    """How much of the message asks for this style."""
    slots, hints = call.slots, call.hints
    fits = 2 * (hints is not None and seat.style in hints.styles)
    if slots is not None:
        fits += seat.style == "family" and bool(slots.party and slots.party.children)
        fits += seat.style == "budget" and slots.budget is not None
    if hints is not None:
        fits += seat.style == "adventure" and "mountains" in hints.wishes
        fits += seat.style == "culture" and "city" in hints.wishes
        fits += seat.style == "local" and "quiet" in hints.wishes
        fits += seat.style == "budget" and "cheaper" in hints.twists
        fits += seat.style == "luxury" and "better" in hints.twists
    return fits
