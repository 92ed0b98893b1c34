"""Questions about what was shown already, for which nothing is looked up (pure)."""

from typing import Final

from actors.persona.decisions import Heard
from actors.persona.dialogue import Dialogue, Item, seeking_of
from actors.persona.flying import DAY, Window, minute_of
from actors.persona.hints import Hints
from actors.persona.picking import focused, picked
from protocol.travel import FlightDetails, Place
from protocol.understanding import Intent, PartySaid

SEARCHES_OFFERS: Final = frozenset[Intent]({"search_flight", "search_hotel"})


def is_of_what_was_shown(before: Dialogue, heard: Heard) -> bool:
    """Whether it asks which it was, or for how many the price is, of what lies there: whatever it was read as, nothing
    is searched for that."""
    table, hints, slots = before.table, heard.hints, heard.understanding.slots
    if (
        table is None
        or heard.is_aside
        or hints.twists
        or heard.understanding.intent in SEARCHES_OFFERS
    ):
        return False
    if slots.destination or slots.origin or slots.dates or slots.budget:
        return False
    is_of_kind = all(seeking_of(kind) == table.kind for kind in hints.kinds)
    if hints.is_again and slots.party is None:
        return is_of_kind
    return hints.is_of_price and table.kind != "places" and _is_for(table.items[0], slots.party)


def _is_for(item: Item, party: PartySaid | None) -> bool:
    """Whether it is priced for just those; None: for whom it is was not said."""
    if party is None or isinstance(item, Place):
        return party is None
    priced = item.query.party
    said = (party.adults or 0) + (party.children or 0)
    return said == priced.adults + len(priced.children_ages)


def shifted(dialogue: Dialogue, hints: Hints, text: str) -> Window | None:
    """When to leave instead, where another time of the day is wanted than that of the flight that was talked of, or
    of the first. None: that is not wanted, or no flight lies there."""
    table = dialogue.table
    if table is None or hints.shift is None:
        return None
    item = (*picked(table, hints, text), *focused(dialogue), *table.items)[0]
    if isinstance(item, Place) or not isinstance(item.source.details, FlightDetails):
        return None
    at = minute_of(item.source.details)
    if at is None:
        return None
    span = (at + 1, DAY) if hints.shift == "later" else (0, at - 1)
    return Window(way=0, end="departs", span=span)
