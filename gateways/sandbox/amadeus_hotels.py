"""Hotel List v1: which hotels there are, in a city, round a point, or by their ids."""

from typing import Final

from gateways.sandbox.amadeus_errors import answered, refused
from gateways.sandbox.amadeus_lists import whole
from gateways.sandbox.amadeus_params import Params
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.geodesy import KM_PER_DEGREE, KM_PER_MILE, km_between
from gateways.sandbox.hotels import AMENITIES, Hotel

MAX_BY_ID: Final = 99
HOTEL_ID: Final = "[A-Z0-9]{8}"
_SOURCES: Final = ("BEDBANK", "DIRECTCHAIN", "ALL")


def by_city(request: Request, setting: Setting) -> Response:
    """`GET /v1/reference-data/locations/hotels/by-city`."""
    params = Params(request)
    code = params.iata("cityCode")
    city = setting.world.at_city(code)
    if city is None:
        raise refused(1157, f"no city {code}", parameter="cityCode")
    return _answer(request, _round(params, city.latitude, city.longitude, setting), 895)


def by_geocode(request: Request, setting: Setting) -> Response:
    """`GET /v1/reference-data/locations/hotels/by-geocode`."""
    params = Params(request)
    latitude = params.number("latitude", low=-90, high=90)
    longitude = params.number("longitude", low=-180, high=180)
    return _answer(request, _round(params, latitude, longitude, setting), 11126)


def by_hotels(request: Request, setting: Setting) -> Response:
    """`GET /v1/reference-data/locations/hotels/by-hotels`."""
    params = Params(request)
    names = params.listed("hotelIds", pattern=HOTEL_ID, most=MAX_BY_ID)
    if not names:
        params.needed("hotelIds")
    hotels = [setting.world.hotel(each) for each in dict.fromkeys(names)]
    found = [_hotel(each) for each in hotels if each is not None]
    if not found:
        raise refused(3237, "none of these hotels", parameter="hotelIds")
    return _answer(request, found, 11126)


def _answer(request: Request, found: list[Json], code_if_none: int) -> Response:
    if not found:
        raise refused(code_if_none, "no hotel fits", status=400)
    return answered(whole(request, found))


def _round(params: Params, latitude: float, longitude: float, setting: Setting) -> list[Json]:
    unit = params.choice("radiusUnit", ("KM", "MILE"), "KM") or "KM"
    per_km = 1.0 if unit == "KM" else 1 / KM_PER_MILE
    radius = params.count("radius", low=1, high=300, default=5)
    chains = params.listed("chainCodes", pattern="[A-Z0-9]{2}")
    amenities = params.listed("amenities", pattern="[A-Z_ -]{2,40}")
    ratings = params.listed("ratings", pattern="[1-5]", most=4)
    params.choice("hotelSource", _SOURCES)
    if unknown := [each for each in amenities if each not in AMENITIES]:
        raise refused(572, f"no amenity {unknown[0]}", parameter="amenities")
    found = []
    highest = radius / per_km / KM_PER_DEGREE
    for hotel in setting.world.all_hotels:
        if abs(hotel.latitude - latitude) > highest:
            continue  # too far north or south: no need to know how far
        distance = per_km * km_between(latitude, longitude, hotel.latitude, hotel.longitude)
        if (
            distance <= radius
            and (not chains or hotel.chain in chains)
            and set(amenities) <= set(hotel.amenities)
            and (not ratings or str(hotel.rating) in ratings)
        ):
            found.append((distance, hotel.id, hotel))
    return [
        _hotel(hotel) | {"distance": {"value": round(distance, 2), "unit": unit}}
        for distance, _, hotel in sorted(found, key=lambda each: each[:2])
    ]


def _hotel(hotel: Hotel) -> Json:
    return {
        "chainCode": hotel.chain,
        "iataCode": hotel.city.code,
        "dupeId": hotel.dupe_id,
        "name": hotel.name,
        "hotelId": hotel.id,
        "geoCode": {"latitude": hotel.latitude, "longitude": hotel.longitude},
        "address": {"countryCode": hotel.city.country},
        "rating": hotel.rating,
        "amenities": list(hotel.amenities),
        "lastUpdate": "2026-01-05T10:00:00",
    }
