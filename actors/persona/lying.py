"""What a persona showed to one person lies there for all who read the room (pure): whoever speaks of it means it."""

from dataclasses import dataclass, replace
from typing import Final

from actors.persona.dialogue import NOTHING_SAID, Dialogue, Said, Seeking, Table
from actors.persona.errands import ALONE
from actors.persona.hints import NO_HINTS, Hints
from actors.persona.picking import place_of
from protocol.travel import FlightQuery, HotelQuery, Offer, Party
from protocol.understanding import Dates, Intent, PartySaid, PlaceMention, Slots, Understanding

OF_WHAT_LIES_THERE: Final = frozenset[Intent]({"ask_detail", "compare", "weather", "price_trend"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """What a persona showed last. `asker_id`, `asked_in`: who asked for it, and the message."""

    persona_id: str
    asker_id: str
    asked_in: str
    table: Table

    def rests_on(self, message_id: str) -> bool:
        return message_id in (self.asked_in, self.table.message_id)


def is_of_what_lies_there(reading: Understanding, hints: Hints) -> bool:
    """A place that is named is spoken of by its name. A change says what is to be another, and who books one says
    which: people book tables, too. A search of no place is there."""
    match reading.intent:
        case "refine":
            return reading.slots != NOTHING_SAID or hints != NO_HINTS
        case "book" | "plan_add":
            return bool(hints.picks)
        case "search_hotel" | "search_activity" if not reading.slots.destination:
            return True  # "and hotels, 12 to 15 August?"
        case intent:
            return intent in OF_WHAT_LIES_THERE and not reading.slots.destination


def may_point(hints: Hints, *, follows: str) -> bool:
    """Whether a message may speak of it: right below it, or by a number."""
    return follows == "persona" or bool(hints.picks)


def sharing(dialogue: Dialogue, lying: Lying) -> Dialogue:
    """Of who was shown nothing of their own and seeks nothing: what lies there, and what it was searched by, as far as
    the offers tell that themselves. What else its asker said is theirs."""
    if dialogue.table is not None or dialogue.trip.seeking is not None:
        return dialogue
    said = (_searched(lying), *dialogue.said)
    return replace(pointing(dialogue, lying), said=said)


def pointing(dialogue: Dialogue, lying: Lying) -> Dialogue:
    """What lies there on top of what was shown before; the search stays what it was. Who was asked something is in talk
    of that."""
    is_own = dialogue.table is not None and dialogue.table.message_id == lying.table.message_id
    if is_own or dialogue.asked is not None or dialogue.doubt is not None:
        return dialogue
    return dialogue.showing(replace(lying.table, because=None))


def _searched(lying: Lying) -> Said:
    seekings: dict[str, Seeking] = {"flights": "flights", "hotels": "hotels"}
    said = Said(message_id=lying.asked_in, seeking=seekings.get(lying.table.kind, "places"))
    offers = [item for item in lying.table.items if isinstance(item, Offer)]
    if not offers:
        return said
    match offers[0].query:
        case HotelQuery() as query:
            found = dict.fromkeys(place_of(offer) for offer in offers)
            slots = Slots(
                destination=tuple(place for place in found if place is not None),
                dates=Dates(from_=query.check_in, to=query.check_out),
                party=_said(query.party),
            )
            return replace(said, slots=slots)
        case FlightQuery() as query:
            slots = Slots(
                destination=(_at(query.destination),),
                origin=(_at(query.origin),),
                dates=Dates(from_=query.depart_on, to=query.return_on),
                party=_said(query.party),
            )
            is_one_way = query.return_on is None
            return replace(said, slots=slots, cabin=query.cabin, is_one_way=is_one_way)


def _at(code: str) -> PlaceMention:
    return PlaceMention(name=code, place_id=code)


def _said(party: Party) -> PartySaid | None:
    if party == ALONE:
        return None
    children = len(party.children_ages) or None
    return PartySaid(adults=party.adults, children=children, ages=party.children_ages)
