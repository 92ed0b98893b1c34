"""Situations as the policy could be in them, drawn at random: lines with records, and the plans made of them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from msgspec import Raw

from actors.persona.dialogue import Item, Trip
from actors.persona.line import Line, Subject, Trend
from actors.persona.phrases_en import ENGLISH
from actors.persona.plans import Manner, plan_of
from actors.persona.when import Stay, when
from benchmarks.facts.records import Record
from inference.training.chat.plans import WEIGHTS
from inference.wording.compact import MOODS, VOICES
from protocol.frames import Money
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    HotelDetails,
    HotelQuery,
    Itinerary,
    Offer,
    Party,
    Place,
    Query,
    Segment,
    SupplierOffer,
)
from protocol.understanding import Budget, Dates, PartySaid, PlaceMention
from protocol.wording import Act, Plan

TODAY = date(2026, 11, 24)
MADE = 1_795_500_000_000
PEOPLE = ("Ana", "Jo", "Zoë", "Müller", "Ngozi", "李雷", "Jean-Luc", "O’Hara", "Ada")
PERSONAS = ("Nova", "Luxa", "Rio", "Captain Blue")
HOTELS = (
    "Casa",
    "Hotel",
    "Villa",
    "Pension",
    "Residencia",
    "Hôtel de",
    "The Old",
    "Best Western",
)
HOTEL_NAMES = (
    "Alba",
    "Branca",
    "21",
    "Bellavista",
    "Five Stars",
    "Krone",
    "l’Étoile",
    "Miramar",
    "Sol & Mar",
    "Breakfast Club",
    "Tivoli",
    "Zentrum",
)
CURRENCIES = ("EUR", "EUR", "EUR", "GBP", "USD", "CHF", "JPY")
ATTRIBUTES: dict[str, tuple[Any, ...]] = {
    "hotels": ("price", "board", "refund", "stars", "room", "times"),
    "flights": ("price", "bags", "refund", "duration", "stops", "times", "seats"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A plan as the server made it, and the record that it was made of."""

    plan: Plan
    record: Record


class World:
    """Draws situations. `places`: destinations of the catalogue that have a code."""

    def __init__(self, places: list[Place], seed: int) -> None:
        self._places = places
        self._dice = random.Random(seed)
        self._atlas = {place.id: place for place in places}
        self._atlas |= {place.iata: place for place in places if place.iata}

    def situations(self) -> Iterator[Situation]:
        """Without an end."""
        while True:
            line = self._line(self._dice.choices([*WEIGHTS], [*WEIGHTS.values()])[0])
            manner = Manner(
                voice=self._dice.choice(VOICES),
                language="en",
                user=self._dice.choice(PEOPLE),
                persona=self._dice.choice(PERSONAS),
                today=TODAY,
                seed=self._dice.randrange(2**53),
            )
            yield Situation(
                plan=plan_of(line, manner, self._atlas),
                record=Record(
                    line=line,
                    user=manner.user,
                    persona=manner.persona,
                    today=TODAY,
                    atlas=self._atlas,
                ),
            )

    def another(self, item: Item) -> Item:
        """Of the same kind, with other facts: what a wrong list of offers would hold."""
        if isinstance(item, Place):
            return self._dice.choice([one for one in self._places if one is not item])
        if isinstance(item.query, HotelQuery):
            return self._hotels(1, item.query.city, None)[0]
        query = item.query
        return self._flights(1, self._atlas[query.origin], self._atlas[query.destination], None)[0]

    # A line.

    def _line(self, act: Act) -> Line:
        dice = self._dice
        destination, origin = dice.sample(self._places, 2)
        dates = self._dates() if dice.random() < 0.6 else None
        stay = when(dates, TODAY)
        kind = dice.choice(("hotels", "flights", "places"))
        if act.endswith(("_flights", "_hotels", "_places")):
            kind = act.rpartition("_")[2]
        party, said, is_assumed = self._party()
        items = self._items(act, kind, destination, origin, stay, party)
        currency = self._currency(items)
        mentioned = self._mentions(destination) if dice.random() < 0.8 else ()
        trip = Trip(
            seeking=kind,  # type: ignore[arg-type]
            destination=mentioned,
            origin=(PlaceMention(name="x", place_id=origin.id),) if dice.random() < 0.4 else (),
            dates=dates,
            budget=self._budget(currency) if dice.random() < 0.5 else None,
            party=said,
        )
        climates = stay.start.month if stay is not None else dice.randint(1, 12)
        subject = self._subject(act, kind)
        return Line(
            act=act,
            trip=trip if dice.random() < 0.95 else None,
            stay=stay if dice.random() < 0.8 else None,
            party=party if dice.random() < 0.5 else None,
            ages_assumed=is_assumed,
            budget=trip.budget,
            items=items,
            places=(destination,) if dice.random() < 0.9 or act == "weather" else (),
            origin=origin if dice.random() < 0.2 else None,
            wanted=dice.choice([*ENGLISH.wanted]) if act == "ask" else None,
            readings=tuple(dice.sample([*ENGLISH.readings], 2)) if act == "clarify" else None,  # type: ignore[arg-type]
            subject=subject,
            attributes=self._attributes(act, kind),
            month=climates,
            trend=self._trend() if act == "price_trend" else None,
            because=self._because(act),
            repriced=self._repriced(act, items),
            mood=dice.choice(MOODS),
        )

    def _items(
        self,
        act: Act,
        kind: str,
        destination: Place,
        origin: Place,
        stay: Stay | None,
        party: Party,
    ) -> tuple[Item, ...]:
        dice = self._dice
        if not act.startswith("show_") and act not in ("compare", "detail"):
            return ()
        count = 2 if act == "compare" else 1 if act == "detail" else dice.randint(1, 3)
        if kind == "places":
            return tuple(dice.sample(self._places, count))
        if kind == "hotels":
            return self._hotels(count, destination.iata or "", stay, party)
        return self._flights(count, origin, destination, stay, party)

    def _mentions(self, destination: Place) -> tuple[PlaceMention, ...]:
        others = self._dice.sample(self._places, self._dice.choice((0, 0, 0, 1, 2)))
        found = [PlaceMention(name="x", place_id=place.id) for place in (destination, *others)]
        if self._dice.random() < 0.1:
            return (PlaceMention(name="x", country=destination.country),)
        return tuple(found)

    def _dates(self) -> Dates:
        dice = self._dice
        start = TODAY + timedelta(days=dice.randint(3, 330))
        nights = dice.choice((None, 1, 2, 5, 14))
        match dice.randrange(6):
            case 0:
                return Dates(from_=start.isoformat(), nights=nights)
            case 1 | 2:
                end = start + timedelta(days=dice.randint(1, 20))
                return Dates(from_=start.isoformat(), to=end.isoformat())
            case 3:
                return Dates(month=f"{start:%Y-%m}", nights=nights)
            case 4:
                return Dates(season=f"2027-{dice.choice(('spring', 'summer', 'autumn'))}")
            case _:
                return Dates(holiday=f"{dice.choice(('easter', 'christmas'))}-2027")

    def _party(self) -> tuple[Party, PartySaid | None, bool]:
        dice = self._dice
        adults, children = dice.randint(1, 4), dice.choice((0, 0, 1, 2))
        is_assumed = dice.random() < 0.5
        ages = (8,) * children if is_assumed else (4, 11)[:children]
        said = PartySaid(adults=adults, children=children or None) if dice.random() < 0.5 else None
        return Party(adults=adults, children_ages=ages), said, is_assumed

    def _budget(self, currency: str) -> Budget:
        return Budget(
            amount=self._dice.choice((80, 150, 999.5, 1_200)) if currency != "JPY" else 20_000,
            currency=self._dice.choice((currency, None)),
            per=self._dice.choice(("night", "person", "total", None)),
        )

    def _subject(self, act: Act, kind: str) -> Subject | None:
        dice = self._dice
        if act in ("detail", "unknown_detail") and kind != "places":
            return Subject(at=dice.randint(0, 4), kind=kind)  # type: ignore[arg-type]
        if act in ("confirm", "not_yet", "stopped"):
            intent = dice.choice(("book", "pay", "cancel", "plan_add"))
            at = dice.choice((None, 0, 1, 2, 4))
            return Subject(intent=intent, at=at, kind=None if at is None else kind)  # type: ignore[arg-type]
        return None

    def _attributes(self, act: Act, kind: str) -> tuple[Any, ...]:
        if act != "detail" or kind == "places" or self._dice.random() < 0.3:
            return ()
        return tuple(self._dice.sample(ATTRIBUTES[kind], self._dice.randint(1, 2)))

    def _trend(self) -> Trend:
        return Trend(
            change=self._dice.choice((0.0, 0.004, 0.06, -0.126, 0.31)),
            days=self._dice.choice((7, 14, 30)),
        )

    def _because(self, act: Act) -> str | None:
        if act != "learned" and not act.startswith("show_"):
            return None
        return self._dice.choice((None, *ENGLISH.because))

    def _repriced(self, act: Act, items: tuple[Item, ...]) -> Offer | None:
        item = items[0] if items else None
        if act != "detail" or not isinstance(item, Offer) or self._dice.random() < 0.7:
            return None
        other = self.another(item)
        return other if isinstance(other, Offer) else None

    # Records.

    def _hotels(
        self, count: int, city: str, stay: Stay | None, party: Party | None = None
    ) -> tuple[Offer, ...]:
        dice, currency = self._dice, self._dice.choice(CURRENCIES)
        start = stay.start if stay is not None else TODAY + timedelta(days=40)
        nights = stay.nights if stay is not None else dice.randint(1, 9)
        end = start + timedelta(days=max(1, nights))
        names = dice.sample([f"{one} {two}" for one in HOTELS for two in HOTEL_NAMES], count)
        query = HotelQuery(
            city=city,
            check_in=start.isoformat(),
            check_out=end.isoformat(),
            party=party or Party(adults=2),
        )
        return tuple(
            self._offer(
                f"hotel-{number}",
                query,
                currency,
                HotelDetails(
                    hotel_id=f"H{number}",
                    name=name,
                    check_in=query.check_in,
                    check_out=query.check_out,
                    room=dice.choice(("", "Double room", "Junior Suite King")),
                    board=dice.choice((None, *ENGLISH.hotel.boards)),
                    stars=dice.choice((None, 1, 2, 3, 4, 5)),
                    free_until=dice.choice(
                        (
                            None,
                            MADE + dice.randrange(60) * 86_400_000 + dice.randrange(86_400) * 1000,
                        )
                    ),
                ),
            )
            for number, name in enumerate(names)
        )

    def _flights(
        self,
        count: int,
        origin: Place,
        destination: Place,
        stay: Stay | None,
        party: Party | None = None,
    ) -> tuple[Offer, ...]:
        dice, currency = self._dice, self._dice.choice(CURRENCIES)
        start = stay.start if stay is not None else TODAY + timedelta(days=40)
        query = FlightQuery(
            origin=origin.iata or "",
            destination=destination.iata or "",
            depart_on=start.isoformat(),
            party=party or Party(adults=2),
        )
        lengths = dice.sample(range(55, 1_400), count)
        return tuple(
            self._offer(
                f"flight-{number}",
                query,
                currency,
                FlightDetails(
                    itineraries=tuple(
                        self._way(query, start, minutes + 7 * back)
                        for back in range(dice.choice((1, 2)))
                    ),
                    seats=dice.choice((None, 1, 4, 9)),
                    checked_bags=dice.choice((None, 0, 1, 2)),
                    is_refundable=dice.choice((None, True, False)),
                ),
            )
            for number, minutes in enumerate(lengths)
        )

    def _way(self, query: FlightQuery, start: date, minutes: int) -> Itinerary:
        legs = self._dice.choice((1, 1, 2, 3))
        return Itinerary(
            minutes=minutes,
            segments=tuple(
                Segment(
                    carrier=self._dice.choice(("LH", "U2", "ZZ")),
                    number=f"{self._dice.randint(10, 9_999)}",
                    origin=query.origin,
                    destination=query.destination,
                    departs=f"{start}T{self._dice.randint(0, 11):02}:{self._dice.randint(0, 59):02}:00",
                    arrives=f"{start}T{self._dice.randint(12, 23):02}:{self._dice.randint(0, 59):02}:00",
                )
                for _ in range(legs)
            ),
        )

    def _offer(self, offer_id: str, query: Query, currency: str, details: Any) -> Offer:
        dice = self._dice
        amount = dice.choice((dice.randint(40, 3_000) * 100, dice.randint(4_000, 300_000)))
        if currency == "JPY":
            amount = dice.randint(4_000, 300_000)
        source = SupplierOffer(
            supplier="amadeus",
            token=Raw(b"{}"),
            total=Money(amount=amount, currency=currency),
            fetched_at=MADE,
            expires_at=MADE + 1_200_000,
            can_hold=False,
            details=details,
        )
        return Offer(id=offer_id, query=query, source=source, is_stale=dice.random() < 0.1)

    def _currency(self, items: tuple[Item, ...]) -> str:
        first = items[0] if items else None
        return first.source.total.currency if isinstance(first, Offer) else "EUR"
