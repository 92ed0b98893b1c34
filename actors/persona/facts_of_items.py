"""Offers and places as words, for the placeholders of `protocol/wording.py`: pure, and only what a
record says.

What a supplier does not say is not claimed: it is left out. Names of others are cleaned and bounded
here, so that no phrase is cut in the middle of a figure later.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Final

from babel.dates import format_time

from actors.persona import facts
from actors.persona.figures import amount, clock, counted, day_of, duration, in_month, whole_number
from actors.persona.hints import Attribute
from actors.persona.phrases import Per, Phrases
from actors.persona.spoken import MAX_NAME, PHRASES, Atlas, Facts, name_of_country, name_of_place
from protocol.frames import Money
from protocol.money import exponent
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    HotelDetails,
    HotelQuery,
    Itinerary,
    Offer,
    Place,
    SupplierOffer,
)
from protocol.understanding import Language
from protocol.wording import MAX_LISTED, cleaned

MAX_ROOM: Final = 90
MOST_SAID_OF_PLACE: Final = 3
LOW_PRICES: Final = 2
HIGH_PRICES: Final = 4
SEVERAL: Final = 2
MOST_COUNTED: Final = 9
"""Seats: Amadeus says 9 for whatever is more."""


def facts_of_offers(
    offers: Sequence[Offer], language: Language, *, atlas: Atlas, per: Per | None = None
) -> Facts:
    """`offer.N.name`, `.price` and, where anything is known, `.detail` of the first three. `per`: how
    the budget was said; a price is then told that way too."""
    facts: Facts = {}
    for number, offer in enumerate(offers[:MAX_LISTED], 1):
        facts[f"offer.{number}.name"] = name_of_offer(offer, language, atlas=atlas)
        facts[f"offer.{number}.price"] = price_of_offer(offer, language, per=per)
        if detail := detail_of_offer(offer, language):
            facts[f"offer.{number}.detail"] = detail
    return facts


def facts_of_places(
    places: Sequence[Place], language: Language, *, month: int | None = None
) -> Facts:
    """`place.N.name`, `.country` and, where anything is known, `.detail` of the first three. `month`
    1…12: of the journey, for the climate."""
    facts: Facts = {}
    for number, place in enumerate(places[:MAX_LISTED], 1):
        facts[f"place.{number}.name"] = name_of_place(place, language)
        facts[f"place.{number}.country"] = name_of_country(place.country, language)
        if detail := detail_of_place(place, language, month=month):
            facts[f"place.{number}.detail"] = detail
    return facts


def compared_offers(offers: Sequence[Offer], language: Language, *, atlas: Atlas) -> Facts:
    """For `compare`: each detail begins with the price."""
    facts = facts_of_offers(offers[:2], language, atlas=atlas)
    for number in range(1, min(2, len(offers)) + 1):
        known = facts.get(f"offer.{number}.detail")
        price = facts[f"offer.{number}.price"]
        facts[f"offer.{number}.detail"] = f"{price}, {known}" if known else price
    return facts


def compared_places(
    places: Sequence[Place],
    language: Language,
    *,
    month: int | None = None,
    attributes: Sequence[Attribute] = (),
) -> Facts:
    """For `compare`, which speaks of two `offer.N`: places in their stead. One of which nothing is
    known is told by its country."""
    facts: Facts = {}
    for number, place in enumerate(places[:2], 1):
        known = detail_of_place(place, language, month=month, attributes=attributes)
        facts[f"offer.{number}.name"] = name_of_place(place, language)
        facts[f"offer.{number}.detail"] = known or name_of_country(place.country, language)
    return facts


def name_of_offer(offer: Offer, language: Language, *, atlas: Atlas) -> str:
    """A hotel's name as it calls itself; a flight's route, stops and duration."""
    phrases, details = PHRASES[language], offer.source.details
    if isinstance(details, HotelDetails):
        return cleaned(details.name, MAX_NAME) or phrases.hotel.nameless
    name = f"{_route(offer, details, language, atlas)}{_way(details.itineraries[:1], phrases)}"
    back = _way(details.itineraries[1:2], phrases).removeprefix(", ")
    return phrases.flight.back.format(there=name, way=back) if back else name


def price_of_offer(offer: Offer, language: Language, *, per: Per | None = None) -> str:
    """For all of them and the whole stay, and the same per night or person if it is `per` these; an
    offer out of a cache says so."""
    phrases, source = PHRASES[language], offer.source
    price, details = amount(source.total, phrases), source.details
    if isinstance(details, HotelDetails):
        nights = counted(nights_of(details), phrases.nights)
        price = phrases.money.stay.format(price=price, nights=nights)
    if part := _part(source.total, per, _shares(offer, per), phrases):
        price = f"{price} ({part})"
    return phrases.money.last_seen.format(price=price) if offer.is_stale else price


def detail_of_offer(offer: Offer, language: Language) -> str | None:
    """What is said of it beside name and price."""
    phrases, details = PHRASES[language], offer.source.details
    wanted: tuple[Attribute, ...] = (
        ("stars", "board", "refund")
        if isinstance(details, HotelDetails)
        else ("times", "bags", "refund")
    )
    said = [_rooms(offer, phrases)]
    said += [_attribute(offer.source, attribute, phrases) for attribute in wanted]
    return ", ".join(text for text in said if text) or None


def detail(
    offer: Offer, attribute: Attribute, language: Language, *, per: Per | None = None
) -> str | None:
    """One thing that was asked about; None: the supplier does not say."""
    if attribute == "price":
        return price_of_offer(offer, language, per=per)
    phrases = PHRASES[language]
    rooms, said = _rooms(offer, phrases), _attribute(offer.source, attribute, phrases)
    if attribute == "people":
        return ", ".join(filter(None, (facts.party(offer.query.party, language), rooms)))
    if attribute == "room":
        return ", ".join(filter(None, (rooms, said))) or None
    return said


def detail_of_place(
    place: Place,
    language: Language,
    *,
    month: int | None = None,
    attributes: Sequence[Attribute] = (),
) -> str | None:
    """What the catalogue proves: prices first where they are asked for, the climate of the month, then what its tags
    mean."""
    phrases = PHRASES[language].place
    prices = _prices_of(place, language)
    climate = climate_of(place, month, language, rain=False)
    tags = [text for tag, text in phrases.tags.items() if tag in place.tags]
    said = [prices if "price" in attributes else None, climate, *tags]
    if prices != phrases.middling:
        said.append(prices)
    told = list(dict.fromkeys(text for text in said if text))
    return ", ".join(told[:MOST_SAID_OF_PLACE]) or None


def _prices_of(place: Place, language: Language) -> str | None:
    phrases, level = PHRASES[language].place, place.price_level
    if level is None:
        return None
    low, high = phrases.prices
    return low if level <= LOW_PRICES else high if level > HIGH_PRICES else phrases.middling


def climate_of(
    place: Place, month: int | None, language: Language, *, rain: bool = True
) -> str | None:
    """Mean temperature and rain of a month of an average year, to the degree and the millimetre; None:
    the catalogue does not know it."""
    if month is None or len(place.climate) < month:
        return None
    phrases, average = PHRASES[language], place.climate[month - 1]
    mean = phrases.place.mean.format(
        mean=whole_number(round(average.mean), phrases), when=in_month(month, phrases)
    )
    if not rain:
        return mean
    fallen = phrases.place.rain.format(rain=whole_number(round(average.rain), phrases))
    return f"{mean}, {fallen}"


def nights_of(details: HotelDetails) -> int:
    """Slept between check-in and check-out; at least one."""
    stay = date.fromisoformat(details.check_out) - date.fromisoformat(details.check_in)
    return max(1, stay.days)


def _rooms(offer: Offer, phrases: Phrases) -> str | None:
    """How many its price is for, where that is more than one."""
    if not isinstance(offer.query, HotelQuery) or offer.query.party.rooms < SEVERAL:
        return None
    return counted(offer.query.party.rooms, phrases.hotel.rooms)


def _attribute(source: SupplierOffer, attribute: Attribute, phrases: Phrases) -> str | None:
    details = source.details
    if isinstance(details, HotelDetails):
        return _of_hotel(details, attribute, phrases)
    return _of_flight(details, attribute, phrases)


def _of_hotel(details: HotelDetails, attribute: Attribute, phrases: Phrases) -> str | None:
    hotel = phrases.hotel
    match attribute:
        case "stars":
            return None if details.stars is None else counted(details.stars, hotel.stars)
        case "board":
            return hotel.boards.get(details.board or "")
        case "refund":
            return None if details.free_until is None else _free_until(details.free_until, phrases)
        case "room":
            room = cleaned(details.room, MAX_ROOM)
            return hotel.room.format(room=room) if room else None
        case "times" | "duration":
            start, end = (
                day_of(date.fromisoformat(day), phrases.day, with_year=False)
                for day in (details.check_in, details.check_out)
            )
            return hotel.stay.format(start=start, end=end)
        case "people" | "price" | "bags" | "stops" | "seats" | "surroundings" | "amenities":
            return None


def _of_flight(details: FlightDetails, attribute: Attribute, phrases: Phrases) -> str | None:
    flight = phrases.flight
    match attribute:
        case "bags":
            bags = details.checked_bags
            if bags is None:
                return None
            return counted(bags, flight.bags) if bags else flight.no_bags
        case "refund":
            if details.is_refundable is None:
                return None
            return flight.refund if details.is_refundable else flight.no_refund
        case "times":
            return _times(details.itineraries[0], phrases) if details.itineraries else None
        case "stops" | "duration":
            return _both_ways(details, phrases)
        case "seats":
            if details.seats is None:
                return None
            if details.seats >= MOST_COUNTED:
                return flight.many_seats.format(n=details.seats)
            return counted(details.seats, flight.seats)
        case "people" | "price" | "board" | "stars" | "room" | "surroundings" | "amenities":
            return None


def _route(offer: Offer, details: FlightDetails, language: Language, atlas: Atlas) -> str:
    """The cities searched for; where they are not known, the airports flown."""
    query = offer.query
    ends = (query.origin, query.destination) if isinstance(query, FlightQuery) else ("", "")
    flown = details.itineraries[0].segments if details.itineraries else ()
    airports = (flown[0].origin, flown[-1].destination) if flown else ("", "")
    names = [
        _named_code(code, airport, language, atlas)
        for code, airport in zip(ends, airports, strict=True)
    ]
    return " → ".join(names)


def _named_code(code: str, airport: str, language: Language, atlas: Atlas) -> str:
    place = atlas.get(code) or atlas.get(airport)
    return name_of_place(place, language) if place else code or airport


def _way(itineraries: Sequence[Itinerary], phrases: Phrases) -> str:
    """Stops and duration of one direction, each after a comma."""
    if not itineraries or not itineraries[0].segments:
        return ""
    flight, way = phrases.flight, itineraries[0]
    stops = len(way.segments) - 1
    text = f", {counted(stops, flight.stops) if stops else flight.direct}"
    return text if way.minutes is None else f"{text}, {duration(way.minutes, phrases)}"


def _both_ways(details: FlightDetails, phrases: Phrases) -> str | None:
    there = _way(details.itineraries[:1], phrases).removeprefix(", ")
    back = _way(details.itineraries[1:2], phrases).removeprefix(", ")
    if not there:
        return None
    return phrases.flight.back.format(there=there, way=back) if back else there


def _times(way: Itinerary, phrases: Phrases) -> str | None:
    if not way.segments:
        return None
    first, last = way.segments[0], way.segments[-1]
    said = [
        phrases.flight.departs.format(time=clock(first.departs, phrases)),
        phrases.flight.arrives.format(time=clock(last.arrives, phrases)),
    ]
    number = cleaned(f"{first.carrier} {first.number}", MAX_NAME)
    if len(way.segments) == 1 and first.number and number:
        said.insert(0, phrases.flight.number.format(number=number))
    return ", ".join(said)


def _free_until(at: int, phrases: Phrases) -> str:
    """In UTC, and saying so: the hotel's own zone is not in the record, and a day is not to be lost."""
    moment = datetime.fromtimestamp(at / 1_000, UTC)
    clock = time(moment.hour, moment.minute)
    return phrases.hotel.free_until.format(
        day=day_of(moment.date(), phrases.day, with_year=False),
        time=format_time(clock, "short", locale=phrases.day.locale),
    )


def _part(total: Money, per: Per | None, shares: int, phrases: Phrases) -> str | None:
    """A share of the total, rounded up to whole units where it has to be, and then "about"."""
    if per in (None, "total") or shares < SEVERAL:
        return None
    exact = total.amount % shares == 0
    unit = 10 ** exponent(total.currency)
    share = total.amount // shares if exact else -(-total.amount // (shares * unit)) * unit
    price = amount(Money(amount=share, currency=total.currency), phrases)
    price = price if exact else phrases.money.about.format(price=price)
    return phrases.money.per[per].format(price=price)


def _shares(offer: Offer, per: Per | None) -> int:
    details = offer.source.details
    persons = offer.query.party.adults + len(offer.query.party.children_ages)
    if per == "person":
        return persons
    nights = nights_of(details) if isinstance(details, HotelDetails) else 0
    return nights * persons if per == "person_night" else nights
