"""Our flight searches as Amadeus', and its flight offers as ours: pure."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from gateways.partners import amadeus_wire as wire
from gateways.partners.durations import minutes, shown
from protocol.frames import Money
from protocol.money import money
from protocol.travel import (
    Cabin,
    FlightDetails,
    FlightQuery,
    Itinerary,
    Party,
    Segment,
    SupplierOffer,
)

NAME: Final = "amadeus"
GOOD_FOR_MS: Final = 1_200_000
"""Amadeus says nowhere how long an offer holds: 20 minutes of our own."""

MAX_TOKEN_BYTES: Final = 262_144
MOST_SEATED: Final = 9
CHILD_UNDER: Final = 12
INFANT_UNDER: Final = 2

_CABINS: Final[dict[str, Cabin]] = {
    "ECONOMY": "economy",
    "PREMIUM_ECONOMY": "premium_economy",
    "BUSINESS": "business",
    "FIRST": "first",
}
_offer: Final = msgspec.json.Decoder(wire.FlightOffer)


def travelers(party: Party) -> list[dict[str, str]]:
    """As Amadeus counts them: from 12 an adult, under 2 an infant, on an adult's lap as long as there
    are laps."""
    ages = party.children_ages
    adults = party.adults + sum(1 for age in ages if age >= CHILD_UNDER)
    children = sum(1 for age in ages if INFANT_UNDER <= age < CHILD_UNDER)
    infants = len(ages) - children - (adults - party.adults)
    held = min(infants, party.adults)
    kinds = (
        ["ADULT"] * adults
        + ["CHILD"] * children
        + ["SEATED_INFANT"] * (infants - held)
        + ["HELD_INFANT"] * held
    )
    found = [{"id": str(n), "travelerType": kind} for n, kind in enumerate(kinds, 1)]
    for lap, infant in enumerate(found[len(found) - held :], 1):
        infant["associatedAdultId"] = str(lap)
    return found


def seated(party: Party) -> int:
    """How many seats they take."""
    return sum(1 for each in travelers(party) if each["travelerType"] != "HELD_INFANT")


def plain_search(query: FlightQuery, *, currency: str, most: int) -> dict[str, str] | None:
    """The parameters of `GET /v2/shopping/flight-offers`; None when the search takes more words than
    it has, and has to be posted."""
    if query.party.children_ages or query.cabin != "economy":
        return None
    params = {
        "originLocationCode": query.origin,
        "destinationLocationCode": query.destination,
        "departureDate": query.depart_on,
        "adults": str(query.party.adults),
        "travelClass": "ECONOMY",
        "currencyCode": currency,
        "max": str(most),
    }
    return params | ({"returnDate": query.return_on} if query.return_on else {})


def posted_search(query: FlightQuery, *, currency: str, most: int) -> dict[str, Any]:
    """The body of `POST /v2/shopping/flight-offers`."""
    ways = [(query.origin, query.destination, query.depart_on)]
    if query.return_on is not None:
        ways.append((query.destination, query.origin, query.return_on))
    ids = [str(n) for n in range(1, len(ways) + 1)]
    return {
        "currencyCode": currency,
        "originDestinations": [
            {
                "id": way_id,
                "originLocationCode": origin,
                "destinationLocationCode": destination,
                "departureDateTimeRange": {"date": day},
            }
            for way_id, (origin, destination, day) in zip(ids, ways, strict=True)
        ],
        "travelers": [{**each, "fareOptions": ["STANDARD"]} for each in travelers(query.party)],
        "sources": ["GDS"],
        "searchCriteria": {
            "maxFlightOffers": most,
            "flightFilters": {
                "cabinRestrictions": [
                    {
                        "cabin": query.cabin.upper(),
                        "coverage": "MOST_SEGMENTS",
                        "originDestinationIds": ids,
                    }
                ]
            },
        },
    }


def pricing_body(token: Raw) -> str:
    """The body of `POST /v1/shopping/flight-offers/pricing`: the offer byte for byte."""
    offer = bytes(token).decode()
    return f'{{"data":{{"type":"flight-offers-pricing","flightOffers":[{offer}]}}}}'


def flight_offer(raw: Raw, fetched_at: int) -> SupplierOffer:
    """One offer of an answer. Raises `ValueError` for one that cannot be shown or sold as it stands:
    something missing, an amount that is not exact, a time that no clock shows, more bytes than we keep."""
    token = bytes(raw)
    if len(token) > MAX_TOKEN_BYTES:
        raise ValueError(f"an offer of {len(token)} bytes")
    offer = _offer.decode(token)
    return SupplierOffer(
        supplier=NAME,
        token=Raw(token),
        total=_total(offer.price),
        fetched_at=fetched_at,
        expires_at=fetched_at + GOOD_FOR_MS,
        can_hold=not offer.instant_ticketing_required,
        details=FlightDetails(
            itineraries=itineraries(offer),
            seats=offer.number_of_bookable_seats,
            checked_bags=min(_bags(offer), default=None),
        ),
    )


def itineraries(offer: wire.FlightOffer) -> tuple[Itinerary, ...]:
    """Of an offer, or of the one that an order was made of. Raises `ValueError` for times that no clock shows."""
    fares = _fares(offer)
    return tuple(
        Itinerary(
            segments=tuple(_segment(one, fares.get(one.id)) for one in way.segments),
            minutes=minutes(way.duration),
        )
        for way in offer.itineraries
    )


def priced_offer(raw: Raw, fetched_at: int, before: SupplierOffer) -> SupplierOffer:
    """As `flight_offer`, for an answer about `before`; what it leaves out is as it was."""
    now, was = flight_offer(raw, fetched_at), before.details
    details = now.details
    if isinstance(details, FlightDetails) and isinstance(was, FlightDetails):
        details = replace(
            details,
            itineraries=details.itineraries or was.itineraries,
            seats=was.seats if details.seats is None else details.seats,
            checked_bags=was.checked_bags if details.checked_bags is None else details.checked_bags,
        )
    return replace(now, details=details)


def _total(price: wire.FlightPrice) -> Money:
    total = money(price.grand_total or price.total, price.currency)
    if total.amount < 0:
        raise ValueError("a price below nothing")
    return total


def _fares(offer: wire.FlightOffer) -> dict[str, wire.FareDetails]:
    """The first traveller's, by segment."""
    first = offer.traveler_pricings[0] if offer.traveler_pricings else wire.TravelerPricing()
    return {one.segment_id: one for one in first.fare_details_by_segment}


def _segment(one: wire.FlightSegment, fare: wire.FareDetails | None) -> Segment:
    return Segment(
        carrier=one.carrier_code,
        number=one.number,
        origin=one.departure.iata_code,
        destination=one.arrival.iata_code,
        departs=shown(one.departure.at),
        arrives=shown(one.arrival.at),
        cabin=_CABINS.get(fare.cabin or "") if fare else None,
        fare_class=fare.class_ if fare else None,
    )


def _bags(offer: wire.FlightOffer) -> Iterator[int]:
    """What each traveller with a seat may check in on each flight, where it is said. An allowance by
    weight is one bag."""
    for traveler in offer.traveler_pricings:
        if traveler.traveler_type == "HELD_INFANT":
            continue
        for fare in traveler.fare_details_by_segment:
            bags = fare.included_checked_bags
            if bags is not None:
                yield int(bool(bags.weight)) if bags.quantity is None else bags.quantity
