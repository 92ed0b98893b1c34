"""Offers and their parts in Duffel's JSON (v2), every key that clients know."""

from functools import lru_cache
from typing import Final

from gateways.sandbox.draw import letters
from gateways.sandbox.duffel_offers import Found, minutes
from gateways.sandbox.duffel_replies import ALPHABET, moment
from gateways.sandbox.duffel_search import TYPE_OF, Passenger, Search
from gateways.sandbox.exchange import Json
from gateways.sandbox.fares import Fare
from gateways.sandbox.flights import AIRCRAFT, CARRIERS, Flight
from gateways.sandbox.world import World
from protocol.frames import Money
from protocol.money import decimal_text

CURRENCY: Final = "EUR"
PAY_WITHIN_MS: Final = 72 * 3_600_000
PRICE_KEPT_MS: Final = 48 * 3_600_000
REFUND_PENALTY: Final = 4_000
"""Cents that a refund costs where the fare allows it."""

_KG_PER_KM: Final = 0.09


def cents(amount: int) -> str:
    """`"412.06"`."""
    return decimal_text(Money(amount=amount, currency=CURRENCY))


def offer(found: Found, world: World) -> Json:
    """No services are sold beside it."""
    search, created = found.search, found.search.created
    return {
        "id": found.id,
        "live_mode": False,
        "partial": False,
        "created_at": moment(created),
        "updated_at": moment(created),
        "expires_at": moment(search.expires),
        "base_amount": cents(found.base),
        "base_currency": CURRENCY,
        "tax_amount": cents(found.taxes),
        "tax_currency": CURRENCY,
        "total_amount": cents(found.total),
        "total_currency": CURRENCY,
        "total_emissions_kg": str(_emissions(found)),
        "owner": airline(found.ways[0][0].service.carrier),
        "conditions": conditions(found.fare),
        "payment_requirements": {
            "requires_instant_payment": False,
            "payment_required_by": moment(created + PAY_WITHIN_MS),
            "price_guarantee_expires_at": moment(created + PRICE_KEPT_MS),
        },
        "passenger_identity_documents_required": False,
        "supported_passenger_identity_document_types": [],
        "supported_loyalty_programmes": [],
        "available_services": None,
        "passengers": passengers(search),
        "slices": slices(found, world),
    }


def offer_request(search: Search, world: World) -> Json:
    """Without its offers."""
    return {
        "id": search.id,
        "live_mode": False,
        "created_at": moment(search.created),
        "cabin_class": search.cabin,
        "client_key": None,
        "passengers": passengers(search),
        "slices": [
            {
                "origin_type": _type(world, origin),
                "destination_type": _type(world, destination),
                "origin": place(world, origin),
                "destination": place(world, destination),
                "departure_date": day.isoformat(),
            }
            for origin, destination, day in search.slices
        ],
    }


def passengers(search: Search) -> list[Json]:
    return [
        {
            "id": each.id,
            "type": TYPE_OF[each.kind],
            "age": each.age,
            "given_name": None,
            "family_name": None,
            "loyalty_programme_accounts": [],
        }
        for each in search.passengers
    ]


def slices(found: Found, world: World) -> list[Json]:
    """Those of an offer, and of the order made of it."""
    change = {"change_before_departure": conditions(found.fare)["change_before_departure"]}
    return [
        {
            "id": f"sli_{letters(22, ALPHABET, found.id, 'slice', index)}",
            "origin_type": "airport",
            "destination_type": "airport",
            "origin": place(world, way[0].service.origin.code, is_airport=True),
            "destination": place(world, way[-1].service.destination.code, is_airport=True),
            "duration": duration(minutes(way)),
            "fare_brand_name": found.fare.brand.title(),
            "conditions": change,
            "segments": [
                _segment(flight, found, world, f"{index}.{leg}") for leg, flight in enumerate(way)
            ],
        }
        for index, way in enumerate(found.ways)
    ]


@lru_cache(maxsize=64)
def airline(code: str) -> Json:
    """To be written, not to be changed."""
    return {
        "id": f"arl_{letters(22, ALPHABET, 'airline', code)}",
        "iata_code": code,
        "name": CARRIERS[code].title(),
        "logo_symbol_url": None,
        "logo_lockup_url": None,
        "conditions_of_carriage_url": None,
    }


def conditions(fare: Fare) -> Json:
    """Changes are not sold."""
    no: Json = {"allowed": False, "penalty_amount": None, "penalty_currency": None}
    yes = {
        "allowed": True,
        "penalty_amount": cents(REFUND_PENALTY),
        "penalty_currency": CURRENCY,
    }
    return {
        "refund_before_departure": yes if fare.is_refundable else no,
        "change_before_departure": no,
    }


@lru_cache(maxsize=2_048)
def place(world: World, code: str, *, is_airport: bool = False) -> Json:
    """A city, if that is what the code means first, else an airport; to be written, not to be changed.
    Raises `KeyError` for a code that the world does not have."""
    city, airport = world.at_city(code), world.airport(code)
    if city is None:
        raise KeyError(code)
    here: Json = {
        "iata_city_code": city.code,
        "iata_country_code": city.country,
        "time_zone": city.time_zone,
        "city_name": city.name,
    }
    its_city = {
        "id": f"cit_{city.code.lower()}_{city.country.lower()}",
        "name": city.name,
        "iata_code": city.code,
        "iata_country_code": city.country,
    }
    if airport is not None and (is_airport or code != city.code):
        return {
            **here,
            "type": "airport",
            "id": f"arp_{airport.code.lower()}_{city.country.lower()}",
            "name": airport.name,
            "iata_code": airport.code,
            "icao_code": None,
            "latitude": airport.latitude,
            "longitude": airport.longitude,
            "city": its_city,
            "airports": None,
        }
    return {
        **here,
        **its_city,
        "type": "city",
        "icao_code": None,
        "latitude": None,
        "longitude": None,
        "city": None,
        "airports": [place(world, each.code, is_airport=True) for each in city.airports],
    }


def duration(total: int) -> str:
    """`PT02H26M`, `P1DT00H05M`."""
    days, rest = divmod(total, 1_440)
    hours, left = divmod(rest, 60)
    return f"P{f'{days}D' if days else ''}T{hours:02}H{left:02}M"


def _type(world: World, code: str) -> str:
    return "city" if world.city(code) is not None else "airport"


def _segment(flight: Flight, found: Found, world: World, index: str) -> Json:
    service = flight.service
    number = service.number.zfill(4)
    return {
        "id": f"seg_{letters(22, ALPHABET, found.id, 'segment', index)}",
        "origin": place(world, service.origin.code, is_airport=True),
        "destination": place(world, service.destination.code, is_airport=True),
        "origin_terminal": service.terminals[0],
        "destination_terminal": service.terminals[1],
        "departing_at": flight.departs.isoformat(),
        "arriving_at": flight.arrives.isoformat(),
        "duration": duration(service.minutes),
        "distance": str(service.km),
        "stops": [],
        "aircraft": _aircraft(service.aircraft),
        "marketing_carrier": airline(service.carrier),
        "marketing_carrier_flight_number": number,
        "operating_carrier": airline(service.carrier),
        "operating_carrier_flight_number": number,
        "passengers": [_on_board(each, found.fare) for each in found.search.passengers],
    }


@lru_cache(maxsize=64)
def _aircraft(code: str) -> Json:
    return {
        "id": f"arc_{letters(22, ALPHABET, 'aircraft', code)}",
        "iata_code": code,
        "name": AIRCRAFT[code].title(),
    }


def _on_board(passenger: Passenger, fare: Fare) -> Json:
    checked = 0 if passenger.kind == "infant" else fare.bags
    return {
        "passenger_id": passenger.id,
        "cabin_class": fare.cabin.lower(),
        "cabin_class_marketing_name": fare.brand.title(),
        "fare_basis_code": fare.basis,
        "cabin": {"name": fare.cabin.lower(), "marketing_name": fare.brand.title()},
        "baggages": [
            {"type": "checked", "quantity": checked},
            {"type": "carry_on", "quantity": 1},
        ],
    }


def _emissions(found: Found) -> int:
    km = sum(flight.service.km for way in found.ways for flight in way)
    return round(km * _KG_PER_KM * found.search.seats)
