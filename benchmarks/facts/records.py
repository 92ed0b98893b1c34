"""What is true in one situation: the records that were found, and what was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from babel import Locale

from actors.persona.dialogue import Item
from actors.persona.line import Line
from actors.persona.phrases_en import ENGLISH
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    HotelDetails,
    HotelQuery,
    Itinerary,
    Offer,
    Place,
)
from protocol.understanding import PlaceMention

MOST_NAMED = 3
_TERRITORIES = Locale.parse("en_GB").territories


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`atlas`: places by id and code, for names of those that were mentioned or flown to."""

    line: Line
    user: str
    persona: str
    today: date
    atlas: dict[str, Place]

    @property
    def items(self) -> tuple[Item, ...]:
        """Those that the text may be about, in their order."""
        line = self.line
        if line.act == "weather":
            return line.places[:1]
        if line.repriced is not None:
            return (line.repriced,)
        return line.items[:MOST_NAMED]

    @property
    def kind(self) -> str:
        first = self.line.items[0] if self.line.items else None
        if isinstance(first, Place):
            return "places"
        is_flight = first is not None and isinstance(first.source.details, FlightDetails)
        return "flights" if is_flight else "hotels"

    @property
    def must_be_named(self) -> int:
        """How many of the items have to be."""
        line = self.line
        if line.act.startswith("show_"):
            return len(self.items)
        return 2 if line.act == "compare" and len(self.items) > 1 else 0

    def names_of(self, item: Item) -> Sequence[str]:
        """How it may be called."""
        if isinstance(item, Place):
            return (item.names["en"],)
        details = item.source.details
        if isinstance(details, HotelDetails):
            city = item.query.city if isinstance(item.query, HotelQuery) else ""
            place = self.atlas.get(city)
            with_city = (f"{details.name}, {place.names['en']}",) if place else ()
            return (*with_city, details.name)
        return (self._flight_name(item, details),)

    def _flight_name(self, offer: Offer, details: FlightDetails) -> str:
        query = offer.query
        assert isinstance(query, FlightQuery)
        ends = [self.atlas[code].names["en"] for code in (query.origin, query.destination)]
        ways = [_way(way) for way in details.itineraries]
        there = f"{ends[0]} → {ends[1]}, {ways[0]}"
        return f"{there} (back: {ways[1]})" if len(ways) > 1 else there

    # What was said.

    @property
    def spoken_names(self) -> list[str]:
        """Longest first: one may be a part of another."""
        line = self.line
        trip = line.trip
        mentions = (*trip.destination, *trip.origin) if trip is not None else ()
        names = [self._mentioned(mention) for mention in mentions]
        names += [place.names["en"] for place in line.places]
        names += [line.origin.names["en"]] if line.origin is not None else []
        return sorted({*names, self.user, self.persona} - {""}, key=len, reverse=True)

    def _mentioned(self, mention: PlaceMention) -> str:
        place = self.atlas.get(mention.place_id or "")
        if place is not None:
            return place.names["en"]
        return _TERRITORIES[mention.country] if mention.country else mention.name

    @property
    def true_phrases(self) -> list[str]:
        """Fixed phrases that this situation makes true, longest first."""
        line = self.line
        found: list[str] = []
        if line.because is not None:
            table = ENGLISH.instead if line.act == "learned" else ENGLISH.because
            found.append(table.get(line.because, ENGLISH.something_else))
        elif line.act == "learned":
            found.append(ENGLISH.something_else)
        if line.wanted is not None:
            found.append(ENGLISH.wanted[line.wanted])
        found += [ENGLISH.readings[intent] for intent in line.readings or ()]
        if (subject := line.subject) is not None:
            kind, at, intent = subject.kind, subject.at, subject.intent
            if kind is not None and at is not None:
                named = ENGLISH.items[kind]
                number = at + 1
                beyond = ENGLISH.item_beyond[kind].format(n=number)
                item = named[at] if at < len(named) else beyond
                found.append(item)
                if intent in ENGLISH.doing_it:
                    found.append(ENGLISH.doing_it[intent].format(item=item))
            if intent is not None:
                found.append(ENGLISH.doing.get(intent, ENGLISH.readings[intent]))
        if line.act == "stopped":
            found += ENGLISH.stopped.values()
        if line.act == "noted" and line.trip is not None:
            found += [
                ENGLISH.wanted[slot]
                for slot in ("dates", "party", "budget", "origin", "destination")
                if getattr(line.trip, slot)
            ]
        return sorted(found, key=len, reverse=True)

    @property
    def parties(self) -> set[tuple[int, int]]:
        """Adults and children, as they were said or searched for."""
        line, found = self.line, set[tuple[int, int]]()
        if line.party is not None:
            found.add((line.party.adults, len(line.party.children_ages)))
        elif line.trip is not None and line.trip.party is not None:
            said = line.trip.party
            found.add((said.adults or 0, said.children or 0))
        return found

    @property
    def ages(self) -> set[int]:
        party = self.line.party
        return set(party.children_ages) if party is not None and self.line.ages_assumed else set()

    # When.

    @property
    def periods(self) -> set[tuple[date, date]]:
        found: set[tuple[date, date]] = set()
        if (stay := self.line.stay) is not None:
            found.add((stay.start, stay.end))
        dates = self.line.trip.dates if self.line.trip is not None else None
        if dates is not None and dates.from_ and dates.to:
            found.add((date.fromisoformat(dates.from_), date.fromisoformat(dates.to)))
        return found

    @property
    def days(self) -> set[date]:
        dates = self.line.trip.dates if self.line.trip is not None else None
        said = (dates.from_, dates.to) if dates is not None else ()
        return {day for period in self.periods for day in period} | {
            date.fromisoformat(day) for day in said if day
        }

    @property
    def months(self) -> set[int]:
        dates = self.line.trip.dates if self.line.trip is not None else None
        said = {int(dates.month[5:])} if dates is not None and dates.month else set()
        return said | ({self.line.month} if self.line.month else set())

    @property
    def said_nights(self) -> int | None:
        dates = self.line.trip.dates if self.line.trip is not None else None
        return dates.nights if dates is not None else None


def _way(way: Itinerary) -> str:
    stops = len(way.segments) - 1
    said = "direct" if not stops else "1 stop" if stops == 1 else f"{stops} stops"
    if way.minutes is None:
        return said
    hours, rest = divmod(way.minutes, 60)
    return f"{said}, {hours} h {rest:02}" if hours else f"{said}, {rest} min"


def own_phrases(item: Item) -> Sequence[str]:
    """What is true of it word for word."""
    if isinstance(item, Place):
        return (_TERRITORIES[item.country],)
    details = item.source.details
    return (f"room: {details.room}",) if isinstance(details, HotelDetails) and details.room else ()
