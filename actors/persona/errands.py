"""What is to be looked up for an answer, and what came of it (pure): trips become queries, offers are
sifted by what was said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

from actors.persona.dialogue import Item, Seeking, Trip, likeness_of
from actors.persona.flying import ANYHOW, Flying, flies_so
from actors.persona.hints import Attribute, Twist, Wish
from actors.persona.line import Line, Subject, Together, Trend
from actors.persona.when import Stay
from protocol.frames import Money
from protocol.money import exponent
from protocol.parties import components
from protocol.travel import (
    Cabin,
    FlightDetails,
    FlightQuery,
    HotelDetails,
    HotelQuery,
    Iata,
    Offer,
    Party,
    Place,
    Query,
)
from protocol.understanding import Budget, PartySaid, PlaceMention
from protocol.wording import Act

Tool = Literal["places", "search_offers", "recommend", "weather", "price_trend", "reprice"]
Purpose = Literal["show", "detail", "compare", "weather", "trend", "price"]

ASSUMED_AGE: Final = 8
"""Of children whose age nobody said; the words say so."""

MOST_CHILDREN: Final = 9
MOST_ADULTS: Final = 9
ONE_NIGHT_AT_MOST: Final = 500
"""A hotel budget without "a night" or "in all" is one of a night up to here."""

ALONE: Final = Party(adults=1)
WARM_FROM, COLD_TO, DRY_TO = 18.0, 5.0, 40.0
"""°C of a month's mean, °C, mm of rain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What stands in for what was not said. Empty where others read: see `memory.py`."""

    home: Iata | None = None
    origin: tuple[PlaceMention, ...] = ()
    party: PartySaid | None = None
    budget: Budget | None = None
    budget_for: Seeking | None = None
    cabin: Cabin | None = None

    def budget_of(self, seeking: Seeking) -> Budget | None:
        return self.budget if self.budget_for == seeking else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One thing to look up, with at most three tools, in their order. `seeking`: what offers or places;
    `with_stays`: rooms in the places that are found. `asks_ages`: the answer says that ages of children were made up; `is_beyond_records`: that no record tells some of what was wished. `not_these`: likenesses that are out. `below`: what
    it must cost less than. `items`: what it is about, of what lies on the table."""

    tools: tuple[Tool, ...]
    purpose: Purpose
    trip: Trip
    seeking: Seeking | None = None
    stay: Stay | None = None
    with_stays: bool = False
    party: Party = ALONE
    is_party_known: bool = False
    ages_assumed: bool = False
    asks_ages: bool = False
    is_beyond_records: bool = False
    budget: Budget | None = None
    home: Iata | None = None
    cabin: Cabin | None = None
    flying: Flying = ANYHOW
    twists: tuple[Twist, ...] = ()
    not_these: frozenset[str] = frozenset()
    below: Money | None = None
    items: tuple[Item, ...] = ()
    subject: Subject | None = None
    attributes: tuple[Attribute, ...] = ()
    month: int | None = None

    def line(self, act: Act) -> Line:
        """What may be said of it, whatever came of it."""
        return Line(
            act=act,
            trip=self.trip,
            stay=self.stay,
            party=self.party if self.is_party_known else None,
            ages_assumed=self.ages_assumed,
            asks_ages=self.asks_ages,
            is_beyond_records=self.is_beyond_records,
            budget=self.budget,
            subject=self.subject,
            attributes=self.attributes,
            month=self.month,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What came of an errand before its deadline. `places`: those that were named, or the best;
    `items`: best first, sifted already; `because`: the feature that spoke most for the first;
    `together`: by which rule they were ranked for several people. `least`: where nothing is cheap enough, what costs
    least of what fits otherwise.
    `is_late`: somebody has not answered yet, or could not be asked."""

    places: tuple[Place, ...] = ()
    origin: Place | None = None
    items: tuple[Item, ...] = ()
    because: str | None = None
    together: Together | None = None
    is_late: bool = False
    trend: Trend | None = None
    repriced: Offer | None = None
    least: Offer | None = None


def party_of(
    said: PartySaid | None, default: PartySaid | None, rooms_said: int | None = None
) -> tuple[Party, bool]:
    """Who travels, and whether ages of children were made up: one adult, or one in each room that was said, unless
    something was. Nobody's room is empty."""
    who = said or default or PartySaid(adults=rooms_said or 1)
    adults = min(max(who.adults or 1, 1), MOST_ADULTS)
    children = min(max(who.children or 0, 0), MOST_CHILDREN)
    rooms = max(-(-adults // 2), -(-(adults + children) // 4), min(rooms_said or 1, adults))
    known = who.ages[:children]
    ages = (*known, *(ASSUMED_AGE,) * (children - len(known)))
    return Party(adults=adults, children_ages=ages, rooms=rooms), children > len(known)


def queries(errand: Errand, places: Sequence[Place], origin: Place | None) -> list[Query]:
    """One per place, as far as suppliers know it; none without days."""
    stay = errand.stay
    if stay is None:
        return []
    cities = dict.fromkeys(city for place in places if (city := city_of(place)) is not None)
    start, end = stay.start.isoformat(), stay.end.isoformat()
    if errand.seeking != "flights":
        return [
            HotelQuery(city=city, check_in=start, check_out=end, party=errand.party)
            for city in cities
        ]
    home = city_of(origin) if origin is not None else None
    if home is None:
        return []
    # Of more than are booked at once the largest part: offers say for whom they are, a quote is for all.
    flying, *_ = components(errand.party) or (errand.party,)
    return [
        FlightQuery(
            origin=home,
            destination=city,
            depart_on=start,
            return_on=None if stay.is_lone else end,
            party=Party(adults=flying.adults, children_ages=flying.children_ages),
            cabin=errand.cabin or "economy",
        )
        for city in cities
        if city != home
    ]


def city_of(place: Place) -> Iata | None:
    """The code that suppliers know it by: its own, else that of an airport which serves it."""
    return place.iata or (place.airports[0] if place.airports else None)


def sifted(errand: Errand, offers: Sequence[Offer]) -> list[Offer]:
    """Those that may be shown, in their order: none that was turned down, within what is to be spent,
    and as the wish for another search says."""
    fits = [
        offer
        for offer in offers
        if likeness_of(offer) not in errand.not_these
        and is_within(errand.budget, offer)
        and _is_below(errand.below, offer)
        and _flies_so(errand.flying, offer)
        and ("direct" not in errand.twists or is_direct(offer))
        and ("breakfast" not in errand.twists or has_breakfast(offer))
    ]
    if "shorter" in errand.twists:
        fits.sort(key=minutes_of)
    return fits


def least(errand: Errand, offers: Sequence[Offer]) -> Offer | None:
    """The cheapest of those that may be shown but for what they cost; None: there is none, or others were wanted than
    the cheapest, which was seen."""
    if "others" in errand.twists:
        return None
    fits = sifted(replace(errand, budget=None, below=None), offers)
    return min(fits, key=lambda offer: offer.source.total.amount, default=None)


def is_within(budget: Budget | None, offer: Offer) -> bool:
    """Whether it costs at most that. What is said in another currency than the offer's judges nothing:
    there are no rates here."""
    total, party = offer.source.total, offer.query.party
    if budget is None or budget.currency not in (None, total.currency):
        return True
    details = offer.source.details
    shares = 1
    if isinstance(details, HotelDetails):
        nights = max((_day(details.check_out) - _day(details.check_in)).days, 1)
        is_nightly = budget.per is None and budget.amount <= ONE_NIGHT_AT_MOST
        if is_nightly or budget.per in ("night", "person_night"):
            shares = nights
    if budget.per in ("person", "person_night"):
        shares *= party.adults + len(party.children_ages)
    most = budget.amount * float(10 ** exponent(total.currency)) * shares
    return total.amount <= most


def is_direct(offer: Offer) -> bool:
    details = offer.source.details
    return not isinstance(details, FlightDetails) or all(
        len(way.segments) <= 1 for way in details.itineraries
    )


def _flies_so(wanted: Flying, offer: Offer) -> bool:
    details = offer.source.details
    return not isinstance(details, FlightDetails) or flies_so(wanted, details)


def has_breakfast(offer: Offer) -> bool:
    """What does not say has none."""
    details = offer.source.details
    return not isinstance(details, HotelDetails) or details.board not in (None, "ROOM_ONLY")


def minutes_of(offer: Offer) -> int:
    """Of all its flights; what does not say comes last."""
    details = offer.source.details
    if not isinstance(details, FlightDetails):
        return 0
    known = [way.minutes for way in details.itineraries if way.minutes is not None]
    return sum(known) if len(known) == len(details.itineraries) else 10**6


def suits(place: Place, wishes: Sequence[Wish], month: int | None) -> bool:
    """Whether the catalogue proves that a place is as it was wished, in that month (1…12) where the
    weather is concerned; without a month the warmest or coldest of the year counts."""
    return all(_suits(place, wish, month) for wish in wishes)


def _suits(place: Place, wish: Wish, month: int | None) -> bool:
    tags = set(place.tags)
    months = place.climate if month is None else place.climate[month - 1 : month]
    match wish:
        case "warm":
            return any(one.mean >= WARM_FROM for one in months)
        case "cold":
            return any(one.mean <= COLD_TO for one in months)
        case "dry":
            return any(one.rain <= DRY_TO for one in months)
        case "beach":
            return bool(tags & {"coast", "warm_coast"})
        case "mountains":
            return bool(tags & {"mountains", "highland"})
        case "city":
            return bool(tags & {"big_city", "metropolis", "capital"})
        case "quiet":
            return "small_town" in tags


def _is_below(most: Money | None, offer: Offer) -> bool:
    total = offer.source.total
    return most is None or most.currency != total.currency or total.amount < most.amount


def _day(text: str) -> date:
    return date.fromisoformat(text)
