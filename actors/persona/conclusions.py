"""What is said once an errand is over (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from actors.persona.dialogue import Item, Table, kind_of
from actors.persona.errands import Errand, Findings
from actors.persona.hint_words import LIKES
from actors.persona.line import Line
from protocol.travel import FlightDetails, HotelQuery, Offer, Place
from protocol.wording import MAX_LISTED, Act

OF_TOWNS: Final = ("tags.", "climate", "distance")
"""Features that are the same for all that lies in one town."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A segment (None: the opening has said it all), and what it shows, by rank."""

    line: Line | None
    shown: tuple[Item, ...] = ()


def conclude(errand: Errand, findings: Findings) -> Answer:
    """The answer, from what was found before the deadline. Nothing that is not in the findings or in
    the errand itself can be said by it."""
    line = replace(errand.line("nothing_found"), places=findings.places, origin=findings.origin)
    match errand.purpose:
        case "show":
            return _shown(errand, findings, line)
        case "detail":
            return _about_place(findings, line)
        case "compare":
            places = findings.places[:2]
            if len(places) < 2:
                return Answer(line=replace(line, act="ask_again"))
            return Answer(line=replace(line, act="compare", items=places), shown=places)
        case "weather":
            return _weather(findings, line)
        case "trend":
            act: Act = "no_price_trend" if findings.trend is None else "price_trend"
            return Answer(line=replace(line, act=act, trend=findings.trend))
        case "price":
            return _price(errand, findings, line)


def table_of(answer: Answer, message_id: str) -> Table | None:
    """What lies on the table after it; None: what lay there before."""
    kind = kind_of(answer.shown)
    if kind is None:
        return None
    because = answer.line.because if answer.line is not None else None
    return Table(kind=kind, items=answer.shown, message_id=message_id, because=because)


def _shown(errand: Errand, findings: Findings, line: Line) -> Answer:
    items: tuple[Item, ...] = findings.items[:MAX_LISTED]
    if not items and findings.least is not None and not findings.is_late:
        return _least(errand, findings.least, line)
    if not items and errand.with_stays:
        # Where nobody has a room, where to go is an answer still.
        items = findings.places[:MAX_LISTED]
    kind = kind_of(items)
    if kind is None:
        return Answer(line=replace(line, act="still_searching") if findings.is_late else line)
    acts: dict[str, Act] = {"flights": "show_flights", "hotels": "show_hotels"}
    act = acts.get(kind, "show_places")
    because = _telling(findings.because, items)
    if kind == "places" and not LIKES.keys().isdisjoint(errand.trip.like):
        because = None  # who asked for good food is not told that the sea decided
    line = replace(line, because=because, together=findings.together)
    return Answer(line=replace(line, act=act, items=items), shown=items)


def _least(errand: Errand, offer: Offer, line: Line) -> Answer:
    """Nothing is cheap enough: what there is for the least. What lies on the table already stays there as it is."""
    is_flight = isinstance(offer.source.details, FlightDetails)
    act: Act = "show_flights" if is_flight else "show_hotels"
    line = replace(line, act=act, items=(offer,), budget=None, is_least=True)
    is_on_table = offer.source.total == errand.below
    return Answer(line=line, shown=() if is_on_table else (offer,))


def _telling(because: str | None, items: Sequence[Item]) -> str | None:
    """What is true of a town speaks for no flight or room where all go to the same one."""
    towns = {
        item.id
        if isinstance(item, Place)
        else item.query.city
        if isinstance(item.query, HotelQuery)
        else item.query.destination
        for item in items
    }
    is_of_town = because is not None and because.startswith(OF_TOWNS)
    return None if is_of_town and len(towns) == 1 else because


def _about_place(findings: Findings, line: Line) -> Answer:
    if not findings.places:
        return Answer(line=replace(line, act="unknown_detail"))
    place = findings.places[:1]
    return Answer(line=replace(line, act="detail", items=place), shown=place)


def _weather(findings: Findings, line: Line) -> Answer:
    place = next(iter(findings.places), None)
    if place is None or not _has_climate(place, line.month):
        return Answer(line=replace(line, act="unknown_detail"))
    return Answer(line=replace(line, act="weather", places=(place,)))


def _has_climate(place: Place, month: int | None) -> bool:
    return month is not None and len(place.climate) >= month


def _price(errand: Errand, findings: Findings, line: Line) -> Answer:
    """Only a price that moved is news."""
    repriced = findings.repriced
    shown = errand.items[0] if errand.items else None
    if repriced is None or not isinstance(shown, Offer):
        return Answer(line=None)
    if repriced.source.total == shown.source.total:
        return Answer(line=None)
    news = replace(line, act="detail", items=(shown,), attributes=("price",), repriced=repriced)
    return Answer(line=news)
