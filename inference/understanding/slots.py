"""All that a message says of where, when, how much and who, by rules alone."""

from collections.abc import Iterable
from datetime import date

from inference.understanding.dates import dates_in
from inference.understanding.folding import fold
from inference.understanding.gazetteer import Gazetteer
from inference.understanding.money import budget_in
from inference.understanding.party import party_in
from inference.understanding.places import Mention, mentions_in
from protocol.understanding import Language, PlaceMention, Setting, Slots

MAX_LETTERS = 1_000
"""Of a message that are looked at."""


def slots_in(
    text: str, setting: Setting, *, language: Language, gazetteer: Gazetteer
) -> tuple[Slots, list[Mention]]:
    """The slots, and the places with where they stand in the text, for whoever knows their roles better."""
    text = text[:MAX_LETTERS]
    folded = fold(text)
    asked = setting.asked
    dates, taken = dates_in(
        folded, today=date.fromisoformat(setting.today), language=language, asked=asked == "dates"
    )
    budget, money = budget_in(folded, taken, asked=asked == "budget")
    taken = taken + money
    party = party_in(folded, taken, language=language, asked=asked == "party")
    mentions = mentions_in(text, folded, gazetteer, language=language, asked=asked, taken=taken)
    slots = Slots(
        destination=_once(mention for mention in mentions if mention.role == "destination"),
        origin=_once(mention for mention in mentions if mention.role == "origin"),
        dates=dates,
        budget=budget,
        party=party,
    )
    return slots, mentions


def _once(mentions: Iterable[Mention]) -> tuple[PlaceMention, ...]:
    return tuple({mention.place.name: mention.place for mention in mentions}.values())
