"""From a line to a plan: which facts an act may be worded with (pure).

An act that lacks a fact it must name becomes one that needs none: nothing is made up to fill it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from actors.persona import facts, facts_of_items
from actors.persona.dialogue import kind_of
from actors.persona.errands import ASSUMED_AGE
from actors.persona.hints import Attribute
from actors.persona.line import Line, Subject
from actors.persona.passages import NO_PASSAGES, Passages
from actors.persona.spoken import PHRASES, Atlas, Facts, name_of_place
from protocol.parties import components
from protocol.persona import Voice
from protocol.travel import FlightQuery, HotelQuery, Offer, Place
from protocol.understanding import ALWAYS_CONFIRMED, Language, PlaceMention, Question
from protocol.wording import REQUIRED, Act, Plan, Uttered, cleaned

OF_PLACES: Final = frozenset[Attribute]({"price", "surroundings"})
"""What may be asked of a town; the rest is asked of rooms and flights."""

NAMED_AT_MOST: Final = 60
"""Characters of a hotel's name with its city."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How and to whom it is said. `user`: the asker's name; `persona`: its own. `seed`: the same line,
    manner and seed give the same plan. `passages`: what its card says itself, by the act;
    `character`: what it says of who it is. `remembered`, `heard`: what may be used of its memories and of
    what was said before, as it stands when a segment begins."""

    voice: Voice
    language: Language
    user: str
    persona: str
    today: date
    seed: int = 0
    passages: Callable[[Act], Passages] = lambda _: NO_PASSAGES
    character: str = ""
    remembered: Callable[[], tuple[str, ...]] = tuple
    heard: Callable[[], tuple[Uttered, ...]] = tuple


_INSTEAD: Final[dict[Act, Act]] = {
    "detail": "unknown_detail",
    "weather": "unknown_detail",
    "price_trend": "no_price_trend",
    "compare": "ask_again",
    "unknown_detail": "ask_again",
    "show_places": "nothing_found",
    "show_flights": "nothing_found",
    "show_hotels": "nothing_found",
    "open_flights": "open_places",
    "open_hotels": "open_places",
    "noted": "smalltalk",
}


def plan_of(line: Line, manner: Manner, atlas: Atlas) -> Plan:
    """`atlas`: places that may be named, by id and code."""
    known = _Facts(line, manner, atlas).all()
    act = line.act
    while any(name not in known for name in REQUIRED[act]):
        act = _INSTEAD.get(act, "ask_again")
    passages = manner.passages(act)
    return Plan(
        act=act,
        voice=manner.voice,
        language=manner.language,
        facts=known,
        mood=line.mood,
        seed=manner.seed,
        passages=passages.texts,
        card_first=passages.come_first,
        character=manner.character,
        remembered=manner.remembered(),
        heard=manner.heard(),
    )


class _Facts:
    """The values for one line."""

    def __init__(self, line: Line, manner: Manner, atlas: Atlas) -> None:
        self._line, self._manner, self._atlas = line, manner, atlas
        self._language = manner.language

    def all(self) -> Facts:
        line, language = self._line, self._language
        said: dict[str, str | None] = {
            "user": facts.called(self._manner.user),
            "persona": facts.called(self._manner.persona),
            **self._journey(),
            "wanted": facts.wanted(line.wanted, language) if line.wanted else None,
            "what": self._what(),
            "detail": self._detail(),
            "because": self._because(),
        }
        if line.readings is not None:
            first, second = line.readings
            said["reading.1"] = facts.reading(first, language)
            said["reading.2"] = facts.reading(second, language)
        if line.trend is not None:
            said["trend"] = facts.trend(line.trend.change, line.trend.days, language)
        if line.act == "weather" and line.places:
            said["climate"] = facts_of_items.climate_of(line.places[0], line.month, language)
        known = {name: value for name, value in said.items() if value}
        return known | self._listed()

    # Where, when, who, how much.

    def _journey(self) -> dict[str, str | None]:
        line = self._line
        origins = line.trip.origin if line.trip is not None else ()
        return {
            "destination": self._destination(),
            "origin": self._named((line.origin,) if line.origin else (), origins),
            "dates": self._dates(),
            "party": self._party(),
            "budget": self._budget(),
        }

    def _destination(self) -> str | None:
        """Those that were said, as they were found; a place that we chose is no destination of theirs."""
        line = self._line
        said = line.trip.destination if line.trip is not None else ()
        if line.act == "weather":
            return self._named(line.places[:1], said)
        return self._named(line.places if said else (), said)

    def _named(self, found: Sequence[Place], said: Sequence[PlaceMention]) -> str | None:
        by_id = {mention.place_id: mention for mention in said}
        mentions = [
            by_id.get(place.id) or PlaceMention(name=place.id, place_id=place.id) for place in found
        ] or said
        atlas = {**self._atlas, **{place.id: place for place in found}}
        return facts.places_said(mentions, self._language, atlas=atlas)

    def _dates(self) -> str | None:
        line, today = self._line, self._manner.today
        if line.stay is not None:
            is_one_way = line.stay.is_lone and self._is_about_flights()
            end = None if is_one_way else line.stay.end
            return facts.days(line.stay.start, end, self._language, today=today)
        if line.trip is not None and line.trip.dates is not None:
            return facts.dates_said(line.trip.dates, self._language, today=today)
        return None

    def _is_about_flights(self) -> bool:
        line = self._line
        if line.items and isinstance(line.items[0], Offer):
            return isinstance(line.items[0].query, FlightQuery)
        return line.trip is not None and line.trip.seeking == "flights"

    def _party(self) -> str | None:
        line = self._line
        if line.party is not None:
            party = line.party
            if line.items and self._is_about_flights():
                party, *_ = components(party) or (party,)  # those whom the prices are for
            assumed = ASSUMED_AGE if line.ages_assumed else None
            return facts.party(party, self._language, assumed_age=assumed)
        if line.trip is not None and line.trip.party is not None:
            return facts.party_said(line.trip.party, self._language)
        return None

    def _budget(self) -> str | None:
        """Not where it could not be held against the prices shown, which are in another currency."""
        budget = self._line.budget
        offers = [item for item in self._line.items if isinstance(item, Offer)]
        currencies = {offer.source.total.currency for offer in offers}
        if budget is None or (budget.currency and currencies - {budget.currency}):
            return None
        return facts.budget_said(budget, self._language)

    # What it is about.

    def _what(self) -> str | None:
        line, subject, language = self._line, self._line.subject, self._language
        match line.act:
            case "noted":
                return self._noted()
            case "stopped":
                if subject is None or subject.intent not in ALWAYS_CONFIRMED:
                    return facts.stopped("search", language)
                return self._doing(subject)
            case "detail" | "unknown_detail" | "weather":
                return self._thing(subject)
            case _:
                return self._doing(subject) if subject is not None else None

    def _doing(self, subject: Subject) -> str | None:
        if subject.intent is None:
            return None
        return facts.doing(subject.intent, self._language, number=subject.at, shown=subject.kind)

    def _thing(self, subject: Subject | None) -> str | None:
        """An item by its number, a place by its name."""
        line, language = self._line, self._language
        if subject is not None and subject.at is not None and subject.kind is not None:
            return facts.item(subject.at, subject.kind, language)
        if line.items and isinstance(line.items[0], Place):
            return name_of_place(line.items[0], language)
        if line.act == "weather" or not (line.places or self._destination()):
            return facts.doing("weather", language) if line.act == "weather" else None
        return self._destination() or name_of_place(line.places[0], language)

    def _noted(self) -> str | None:
        trip = self._line.trip
        slots: tuple[Question, ...] = ("dates", "party", "budget", "origin", "destination")
        for slot in slots:
            if trip is not None and getattr(trip, slot):
                return facts.wanted(slot, self._language)
        return None

    def _detail(self) -> str | None:
        line, language = self._line, self._language
        if line.act != "detail" or not line.items:
            return None
        item = line.repriced or line.items[0]
        if line.because is not None and (why := self._because()) is not None:
            return PHRASES[language].chosen.format(reason=why)
        if isinstance(item, Place):
            is_of_rooms = bool(line.attributes) and not set(line.attributes) & OF_PLACES
            detail = facts_of_items.detail_of_place(
                item, language, month=line.month, attributes=line.attributes
            )
            return None if is_of_rooms else detail
        if not line.attributes:
            return facts_of_items.detail_of_offer(item, language)
        said = [
            facts_of_items.detail(item, attribute, language, per=line.per)
            for attribute in line.attributes
        ]
        return ", ".join(dict.fromkeys(text for text in said if text)) or None

    def _because(self) -> str | None:
        line = self._line
        if line.act == "learned":
            return facts.instead(line.because, self._language)
        return facts.because(line.because, self._language, together=line.together)

    # What is listed.

    def _listed(self) -> Facts:
        line, language = self._line, self._language
        offers = [item for item in line.items if isinstance(item, Offer)]
        places = [item for item in line.items if isinstance(item, Place)]
        if line.act == "compare":
            if len(places) >= 2:
                return facts_of_items.compared_places(
                    places, language, month=line.month, attributes=line.attributes
                )
            return facts_of_items.compared_offers(offers, language, atlas=self._atlas)
        if not line.act.startswith("show_"):
            return {}
        kind = kind_of(line.items)
        listed = facts_of_items.facts_of_places(places, language, month=line.month)
        per = line.per or (line.budget.per if line.budget is not None else None)
        listed |= facts_of_items.facts_of_offers(offers, language, atlas=self._atlas, per=per)
        self._add_cities(listed, offers)
        if line.is_least:
            told = (listed.get("offer.1.detail"), PHRASES[language].money.least)
            listed["offer.1.detail"] = ", ".join(filter(None, told))
        if kind is not None:
            listed["count"] = facts.count_of(len(line.items), kind, language)
        return listed

    def _add_cities(self, listed: Facts, offers: Sequence[Offer]) -> None:
        """Where hotels of several cities, of one that nobody named, or of one near by are shown, each says its own."""
        cities = [_city(offer) for offer in offers]
        is_there = self._destination() is not None and all(one.iata for one in self._line.places)
        if len(set(cities)) < 2 and is_there:
            return
        for number, city in enumerate(cities, 1):
            place = self._atlas.get(city or "")
            key = f"offer.{number}.name"
            if place is not None and key in listed:
                named = f"{listed[key]}, {name_of_place(place, self._language)}"
                listed[key] = cleaned(named, NAMED_AT_MOST)


def _city(offer: Offer) -> str | None:
    return offer.query.city if isinstance(offer.query, HotelQuery) else None
