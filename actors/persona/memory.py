"""What a persona learns of whom, and what of it stands in for what was not said (pure).

The boundary between rooms is `core.ports.personas.Memories.usable`: what it does not return here is not
known here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar, get_args

import msgspec

from actors.persona import facts
from actors.persona.company import NOBODY, Company
from actors.persona.decisions import Heard
from actors.persona.dialogue import Said, Seeking
from actors.persona.errands import Defaults
from actors.persona.hints import Wish
from actors.persona.spoken import Atlas
from actors.persona.when import Moved
from core.ports.personas import MemoryItem, MemoryKind
from protocol.travel import Cabin
from protocol.understanding import Budget, PartySaid, PlaceMention, Slots
from protocol.wording import MAX_MEMORY, MAX_REMEMBERED

SAID_FOR: Final = 86_400_000
"""Milliseconds in which a trip is gone on with after a pause."""

PARTY, BUDGET, ORIGIN, SAID = "party", "budget", "origin", "said"
_V = TypeVar("_V")


class _Kept(msgspec.Struct, frozen=True):
    """A `Said` as it is stored."""

    slots: Slots
    seeking: Seeking | None = None
    wishes: tuple[Wish, ...] = ()
    company: Company = NOBODY
    moved: Moved | None = None


class _BudgetKept(msgspec.Struct, frozen=True):
    budget: Budget
    seeking: Seeking | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """One memory before it has an id."""

    kind: MemoryKind
    slot: str
    text: str
    value: Any
    expires_at: int | None = None


def learnings(heard: Heard, said: Said, seeking: Seeking | None, atlas: Atlas) -> list[Learning]:
    """What one message teaches: how somebody travels, as preferences, and what it said of the trip, so
    that a pause does not end it. `seeking`: what its budget is for."""
    slots, language = said.slots, heard.understanding.language
    found: list[Learning] = []
    if slots.party is not None:
        text = facts.party_said(slots.party, language)
        found += _preference(PARTY, text, slots.party)
    if slots.budget is not None:
        text = facts.budget_said(slots.budget, language)
        found += _preference(BUDGET, text, _BudgetKept(budget=slots.budget, seeking=seeking))
    if slots.origin:
        text = facts.places_said(slots.origin, language, atlas=atlas)
        found += _preference(ORIGIN, text, slots.origin)
    if not said.is_empty:
        kept = _Kept(
            slots=slots,
            seeking=said.seeking,
            wishes=said.wishes,
            company=said.company,
            moved=said.moved,
        )
        found.append(
            Learning(
                kind="episode",
                slot=f"{SAID}:{said.message_id}",
                text=_trip_text(heard, said, atlas),
                value=msgspec.to_builtins(kept),
                expires_at=SAID_FOR,
            )
        )
    return found


def defaults_of(
    items: Sequence[MemoryItem], asker_id: str, preferences: Mapping[str, Any] | None
) -> Defaults:
    """From usable memories, newest first, and (alone with the asker) the profile: what was said to the
    persona wins."""
    own = [item for item in items if item.about == asker_id]
    profile = preferences or {}
    party = _newest(own, PARTY, PartySaid)
    kept = _newest(own, BUDGET, _BudgetKept)
    size, home, cabin = (profile.get(name) for name in ("partySize", "homeAirport", "cabin"))
    if party is None and isinstance(size, int) and size > 0:
        party = PartySaid(adults=size)
    return Defaults(
        home=home if isinstance(home, str) and home else None,
        origin=_newest(own, ORIGIN, tuple[PlaceMention, ...]) or (),
        party=party,
        budget=kept.budget if kept is not None else None,
        budget_for=kept.seeking if kept is not None else None,
        cabin=next((one for one in get_args(Cabin) if one == cabin), None),
    )


@dataclass(frozen=True, slots=True)
class Remembered:
    """A memory in words. `source_message`: gone with it."""

    text: str
    source_message: str | None


def remembered(items: Iterable[MemoryItem], asker_id: str) -> tuple[Remembered, ...]:
    """Of usable memories, in their order, those that last: what was said of a trip is in the dialogue. Of nobody else in
    the room: their budget is not the asker's, who may never have read of it."""
    own = (item for item in items if item.about in (asker_id, None))
    lasting = (item for item in own if item.kind != "episode")
    return tuple(
        Remembered(item.text[:MAX_MEMORY], item.source_message)
        for item in islice(lasting, MAX_REMEMBERED)
    )


def said_before(
    items: Iterable[MemoryItem], asker_id: str, room_id: str | None
) -> tuple[Said, ...]:
    """What the asker said of the trip within the last day, oldest first. `room_id` None: alone."""
    kept = [
        (item, value)
        for item in items
        if item.about == asker_id
        and item.room_id == room_id
        and item.slot.startswith(f"{SAID}:")
        and item.source_message is not None
        and (value := _value(item, _Kept)) is not None
    ]
    kept.sort(key=lambda pair: (pair[0].created_at, pair[0].id))
    return tuple(
        Said(
            message_id=item.source_message or "",
            is_from_elsewhere=room_id is None,
            seeking=value.seeking,
            slots=value.slots,
            wishes=value.wishes,
            company=value.company,
            moved=value.moved,
        )
        for item, value in kept
    )


def _preference(slot: str, text: str | None, value: Any) -> list[Learning]:
    if text is None:
        return []
    return [Learning(kind="preference", slot=slot, text=text, value=msgspec.to_builtins(value))]


def _trip_text(heard: Heard, said: Said, atlas: Atlas) -> str:
    language = heard.understanding.language
    dates = said.slots.dates
    parts = [
        facts.reading(heard.understanding.intent, language),
        facts.places_said(said.slots.destination, language, atlas=atlas),
        facts.dates_said(dates, language, today=heard.today) if dates is not None else None,
    ]
    return ", ".join(part for part in parts if part)


def _newest(items: Sequence[MemoryItem], slot: str, kind: type[_V]) -> _V | None:
    for item in items:
        if item.slot == slot:
            value = _value(item, kind)
            if value is not None:
                return value
    return None


def _value(item: MemoryItem, kind: type[_V]) -> _V | None:
    """None for one that people have rewritten, or that an older server wrote otherwise."""
    if item.value is None:
        return None
    try:
        return msgspec.convert(item.value, kind)
    except msgspec.ValidationError:
        return None
