"""What facts are made of in one language: words, not grammar. Written by people.

A `{n}` is a number in digits; what comes in two forms is (one, many): English, German, Spanish and French
know no third.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from actors.persona.line import Together
from protocol.understanding import Intent, Question, Shown

Counted = tuple[str, str]
Season = Literal["spring", "summer", "autumn", "winter"]
Holiday = Literal["christmas", "new-year", "easter"]
Per = Literal["night", "person", "person_night", "total"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPhrases:
    """When, each with its preposition. `locale`: Babel's, for months, days and times. `first`: the
    first of a month; `day` and `with_year` are its CLDR patterns."""

    locale: str
    day: str
    with_year: str
    first: str
    on: str
    until: str
    between: str
    between_in_month: str
    in_month: str
    in_season: Mapping[Season, str]
    at_holiday: Mapping[Holiday, str]
    lasting: str
    year: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightPhrases:
    """`direct`: without a change of planes, as far as flight numbers say. `many_seats`: where the supplier
    counts no further."""

    direct: str
    stops: Counted
    duration: str
    minutes: str
    back: str
    number: str
    departs: str
    arrives: str
    no_bags: str
    bags: Counted
    refund: str
    no_refund: str
    seats: Counted
    many_seats: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HotelPhrases:
    """`boards` by the codes that suppliers use. `untold`: a sentence on what no record says."""

    stars: Counted
    rooms: Counted
    boards: Mapping[str, str]
    free_until: str
    room: str
    stay: str
    nameless: str
    untold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyPhrases:
    """`locale`: Babel's, for amounts. `least`: of what nothing costs less than. `unheld`: a sentence, for a budget in another currency than these."""

    locale: str
    stay: str
    per: Mapping[Per, str]
    about: str
    last_seen: str
    up_to: str
    least: str
    unheld: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyPhrases:
    """`ages`: said where children's ages were not, and one was taken; `ages_taken`: a sentence of the same."""

    with_preposition: str
    adults: Counted
    children: Counted
    persons: Counted
    ages: str
    ages_taken: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacePhrases:
    """`tags`: what the catalogue's mean, those worth saying, the most telling first. `prices`: low and high ones, worth
    saying too; `middling`: those between, said where prices are asked for."""

    tags: Mapping[str, str]
    mean: str
    rain: str
    prices: tuple[str, str]
    middling: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPhrases:
    """Clauses on prices over some days."""

    rose: str
    fell: str
    same: str
    days: Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """One language. `either_before_o`: Spanish has another "or" before that sound. `items`: the first,
    the second … of what was shown; `item_beyond`: further down; `items_as_object`: where an object looks
    otherwise. `doing`: an intent as a thing to confirm or not to be able to do, `doing_it` with what."""

    either: str
    either_before_o: str
    both: str
    day: DayPhrases
    flight: FlightPhrases
    hotel: HotelPhrases
    money: MoneyPhrases
    party: PartyPhrases
    place: PlacePhrases
    trend: TrendPhrases
    nights: Counted
    counted: Mapping[Shown, Counted]
    items: Mapping[Shown, tuple[str, ...]]
    items_as_object: Mapping[Shown, tuple[str, ...]]
    item_beyond: Mapping[Shown, str]
    wanted: Mapping[Question, str]
    readings: Mapping[Intent, str]
    doing: Mapping[Intent, str]
    doing_it: Mapping[Intent, str]
    stopped: Mapping[Literal["search", "answer"], str]
    because: Mapping[str, str]
    together: Mapping[Together, str]
    chosen: str
    instead: Mapping[str, str]
    something_else: str
