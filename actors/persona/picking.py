"""Which of the items on the table somebody means (pure)."""

from typing import Final

from actors.persona.dialogue import Dialogue, Item, Table, identity_of
from actors.persona.hints import Hints, Pick, beginning, folded
from protocol.travel import HotelDetails, HotelQuery, Offer, Place
from protocol.understanding import PlaceMention

NAMES_FROM: Final = 4
"""Letters of a word of a name that tells an item from the others."""


def picked(table: Table | None, hints: Hints, text: str) -> tuple[Item, ...]:
    """By its number, as the cheapest or the dearest, or by a word of its name that no other item has; in the order of
    the message, numbers first, none twice. Empty: none is meant that lies there."""
    if table is None:
        return ()
    numbered = [_numbered(table.items, pick) for pick in hints.picks]
    found = [item for item in numbered if item is not None] + _named(table.items, text)
    return tuple({identity_of(item): item for item in found}.values())


def turned_down(dialogue: Dialogue, hints: Hints) -> tuple[Item, ...]:
    """By its number, or as the one that was talked of last."""
    table = dialogue.table
    if table is None:
        return ()
    numbered = [_numbered(table.items, pick) for pick in hints.refused]
    found = [item for item in numbered if item is not None]
    found += [item for item in _named(table.items, hints.refused_words) if item not in found]
    return (*found, *(focused(dialogue) if hints.is_not_this else ()))


def picks_another(dialogue: Dialogue, hints: Hints, text: str, identity: str | None) -> bool:
    """Whether one that lies there is picked, and it is not that one."""
    found = picked(dialogue.table, hints, text)
    return len(found) == 1 and identity is not None and identity_of(found[0]) != identity


def at_of(table: Table | None, identity: str | None) -> int | None:
    """Where on the table that one lies, from 0."""
    if table is None or identity is None:
        return None
    for at, item in enumerate(table.items):
        if identity_of(item) == identity:
            return at
    return None


def focused(dialogue: Dialogue) -> tuple[Item, ...]:
    """The one that was talked of last, where it still lies there."""
    table, focus = dialogue.table, dialogue.focus
    at = at_of(table, focus.item if focus is not None else None)
    return () if table is None or at is None else (table.items[at],)


def place_of(item: Item) -> PlaceMention | None:
    """Where it is, as if that had been said, a room by its city's code; None: it is no place and has none."""
    if isinstance(item, Place):
        return PlaceMention(name=item.names.get("en", item.id), place_id=item.id)
    query = item.query
    return (
        PlaceMention(name=query.city, place_id=query.city)
        if isinstance(query, HotelQuery)
        else None
    )


def _numbered(items: tuple[Item, ...], pick: Pick) -> Item | None:
    if pick == "last":
        return items[-1]
    if isinstance(pick, int):
        return items[pick] if pick < len(items) else None
    offers = [item for item in items if isinstance(item, Offer)]
    utmost = min if pick == "cheapest" else max
    return utmost(offers, key=lambda offer: offer.source.total.amount, default=None)


def _named(items: tuple[Item, ...], text: str) -> list[Item]:
    said = set(_words(beginning(text)))
    names = [set(_words(folded(_name(item)))) for item in items]
    return [
        item
        for at, item in enumerate(items)
        if said & (names[at].difference(*(names[:at] + names[at + 1 :])))
    ]


def _words(plain: str) -> list[str]:
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    return [word for word in words if len(word) >= NAMES_FROM]


def _name(item: Item) -> str:
    if isinstance(item, Place):
        return " ".join(item.names.values())
    details = item.source.details
    return details.name if isinstance(details, HotelDetails) else ""
