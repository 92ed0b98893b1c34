"""Questions about what was shown already, for which nothing is looked up (pure)."""

from typing import Final

from actors.persona.decisions import Heard
from actors.persona.dialogue import Dialogue, Item, seeking_of
from protocol.travel import Place
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
    is_asked = hints.per is not None or "people" in hints.attributes
    return is_asked and table.kind != "places" and _is_for(table.items[0], slots.party)


def _is_for(item: Item, party: PartySaid | None) -> bool:
    """Whether it is priced for just those; None: for whom it is was not said."""
    if party is None or isinstance(item, Place):
        return party is None
    priced = item.query.party
    said = (party.adults or 0) + (party.children or 0)
    return said == priced.adults + len(priced.children_ages)
