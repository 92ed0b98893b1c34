"""What the sandbox sells and for how much, from what an offer shows and the world alone.

Not by way of any wire format: a total that was lost or added on the way is another here.
"""

from datetime import date, datetime
from typing import Final

from travel_sandbox import Moment

from gateways.sandbox.amadeus_rooms import CITY_TAX_CENTS
from gateways.sandbox.fares import Age, Fare, fare
from gateways.sandbox.flights import Flight
from gateways.sandbox.hotels import ROOMS, night_cents, nights
from gateways.sandbox.world import World
from protocol.travel import FlightDetails, HotelDetails, Party, Segment, SupplierOffer

ADULT_FROM: Final = 12
SEATED_FROM: Final = 2


def total(world: World, offer: SupplierOffer, party: Party, moment: Moment) -> int:
    """Cents of a euro for the whole party and stay, at that moment. Raises `LookupError` for flights
    or rooms that there are not."""
    details = offer.details
    if isinstance(details, FlightDetails):
        return _fares(world, details, party, moment)
    return _stay(world, details, party, moment)


def flown(world: World, segment: Segment) -> tuple[Flight, Fare]:
    """The flight and the fare that are meant. Duffel fills numbers up to four digits, and gives the
    basis of a fare, which begins with its class. Raises `LookupError`."""
    day = datetime.fromisoformat(segment.departs).date()
    number = segment.number.lstrip("0")
    flight = world.flight(segment.carrier, number, segment.origin, segment.destination, day)
    found = None if flight is None else fare(flight, (segment.fare_class or "?")[0])
    if flight is None or found is None:
        raise LookupError(f"nobody flies {segment}")
    return flight, found


def _fares(world: World, details: FlightDetails, party: Party, moment: Moment) -> int:
    """Each way has a price of its own."""
    cents = 0
    for itinerary in details.itineraries:
        legs = [flown(world, segment) for segment in itinerary.segments]
        for age, count in _by_age(party).items():
            price = world.price(legs, moment.business, age=age, percent=moment.percent)
            cents += count * price.total
    return cents


def _by_age(party: Party) -> dict[Age, int]:
    """Who is under two and finds no lap pays as a child."""
    ages = party.children_ages
    adults = party.adults + sum(age >= ADULT_FROM for age in ages)
    infants = min(party.adults, sum(age < SEATED_FROM for age in ages))
    children = party.adults + len(ages) - adults - infants
    return {"adult": adults, "child": children, "infant": infants}


def _stay(world: World, details: HotelDetails, party: Party, moment: Moment) -> int:
    hotel = world.hotel(details.hotel_id)
    room = next((each for each in ROOMS if each.text == details.room), None)
    if hotel is None or room is None:
        raise LookupError(f"there is no {details.room} in {details.hotel_id}")
    slept = nights(date.fromisoformat(details.check_in), date.fromisoformat(details.check_out))
    cents = sum(
        round(
            night_cents(world.seed, hotel, room, night, moment.business)
            * (1 + moment.percent / 100)
        )
        for night in slept
    )
    guests = -(-party.adults // party.rooms)
    return (cents + CITY_TAX_CENTS * guests * len(slept)) * party.rooms
