"""Activities and points of interest: round a point, in a square, and one by its id."""

from collections.abc import Callable
from typing import Final, TypeVar

from gateways.sandbox.amadeus_errors import answered, refused
from gateways.sandbox.amadeus_lists import paged, whole
from gateways.sandbox.amadeus_params import Params
from gateways.sandbox.cities import City
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.geodesy import km_between
from gateways.sandbox.money import text
from gateways.sandbox.sights import CATEGORIES, Activity, Sight, activities, sights

MAX_RADIUS: Final = 20
_ACTIVITIES: Final = "/v1/shopping/activities"
_POIS: Final = "/v1/reference-data/locations/pois"

T = TypeVar("T", Activity, Sight)
Within = Callable[[float, float], bool]


def activities_near(request: Request, setting: Setting) -> Response:
    """`GET /v1/shopping/activities`."""
    return _activities(request, setting, _round(Params(request)))


def activities_in_square(request: Request, setting: Setting) -> Response:
    """`GET /v1/shopping/activities/by-square`."""
    return _activities(request, setting, _square(Params(request)))


def activity(request: Request, setting: Setting, name: str) -> Response:
    """`GET /v1/shopping/activities/{id}`."""
    for city in setting.world.cities:
        for each in activities(setting.world.seed, city):
            if each.id == name:
                return answered({"data": _activity(request, each, city)})
    raise refused(1797, "no such activity", status=404)


def pois_near(request: Request, setting: Setting) -> Response:
    """`GET /v1/reference-data/locations/pois`."""
    return _pois(request, setting, _round(Params(request)))


def pois_in_square(request: Request, setting: Setting) -> Response:
    """`GET /v1/reference-data/locations/pois/by-square`."""
    return _pois(request, setting, _square(Params(request)))


def poi(request: Request, setting: Setting, name: str) -> Response:
    """`GET /v1/reference-data/locations/pois/{id}`."""
    for city in setting.world.cities:
        for each in sights(setting.world.seed, city):
            if each.id == name:
                return answered({"data": _poi(request, each)})
    raise refused(1797, "no such point of interest", status=404)


def _activities(request: Request, setting: Setting, within: Within) -> Response:
    found = _found(setting, within, activities)
    return answered(whole(request, [_activity(request, each, city) for each, city in found]))


def _pois(request: Request, setting: Setting, within: Within) -> Response:
    wanted = Params(request).listed("categories", pattern="|".join(CATEGORIES))
    found = [
        _poi(request, each)
        for each, _ in _found(setting, within, sights)
        if not wanted or each.category in wanted
    ]
    found.sort(key=lambda each: int(each["rank"]))
    return answered(paged(request, found))


def _found(
    setting: Setting, within: Within, of: Callable[[str, City], tuple[T, ...]]
) -> list[tuple[T, City]]:
    return [
        (each, city)
        for city in setting.world.cities
        for each in of(setting.world.seed, city)
        if within(each.latitude, each.longitude)
    ]


def _round(params: Params) -> Within:
    latitude = params.number("latitude", low=-90, high=90)
    longitude = params.number("longitude", low=-180, high=180)
    radius = params.count("radius", low=0, high=MAX_RADIUS, default=1)
    return lambda lat, lon: km_between(latitude, longitude, lat, lon) <= radius


def _square(params: Params) -> Within:
    north, south = (params.number(name, low=-90, high=90) for name in ("north", "south"))
    west, east = (params.number(name, low=-180, high=180) for name in ("west", "east"))
    if north < south or east < west:
        raise refused(2668, "north lies above south, east behind west", parameter="north")
    return lambda lat, lon: south <= lat <= north and west <= lon <= east


def _activity(request: Request, found: Activity, city: City) -> Json:
    return {
        "id": found.id,
        "type": "activity",
        "self": {"href": f"{request.base}{_ACTIVITIES}/{found.id}", "methods": ["GET"]},
        "name": found.name,
        "shortDescription": found.text,
        "geoCode": {"latitude": str(found.latitude), "longitude": str(found.longitude)},
        "rating": found.rating,
        "pictures": [f"https://pictures.example.test/{city.code}/{found.id}.jpg"],
        "bookingLink": f"https://activities.example.test/book/{found.id}",
        "price": {"currencyCode": "EUR", "amount": text(found.cents, "EUR")},
    }


def _poi(request: Request, found: Sight) -> Json:
    return {
        "type": "location",
        "subType": "POINT_OF_INTEREST",
        "id": found.id,
        "self": {"href": f"{request.base}{_POIS}/{found.id}", "methods": ["GET"]},
        "geoCode": {"latitude": found.latitude, "longitude": found.longitude},
        "name": found.name,
        "category": found.category,
        "rank": found.rank,
        "tags": list(found.tags),
    }
