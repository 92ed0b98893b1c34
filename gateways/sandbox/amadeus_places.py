"""Reference data: locations, cities, and places that somebody may like."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateways.sandbox.amadeus_errors import answered, refused
from gateways.sandbox.amadeus_lists import paged, whole
from gateways.sandbox.amadeus_params import Params
from gateways.sandbox.cities import Airport, City
from gateways.sandbox.draw import share
from gateways.sandbox.exchange import Json, Request, Response, Setting

MAX_RECOMMENDED: Final = 10
_LOCATIONS: Final = "/v1/reference-data/locations"
_COUNTRY: Final = "[A-Z]{2}"
_KEYWORD: Final = r"[A-Za-z0-9 ./:'()\"-]{1,50}"


def locations(request: Request, setting: Setting) -> Response:
    """`GET /v1/reference-data/locations`."""
    params = Params(request)
    kinds = params.listed("subType", pattern="AIRPORT|CITY")
    if not kinds:
        params.needed("subType")
    keyword = params.needed("keyword", pattern=_KEYWORD, example="PAR").upper()
    country = params.text("countryCode", pattern=_COUNTRY)
    is_light = params.choice("view", ("FULL", "LIGHT"), "FULL") == "LIGHT"
    params.choice("sort", ("analytics.travelers.score",))
    found = [
        _location(request, city, airport, setting, is_light=is_light)
        for city, airport in _all(setting)
        if ("CITY" if airport is None else "AIRPORT") in kinds
        and country in (None, city.country)
        and _begins(keyword, city, airport)
    ]
    found.sort(key=lambda each: -int(each.get("analytics", _NO_SCORE)["travelers"]["score"]))
    return answered(paged(request, found))


def location(request: Request, setting: Setting, name: str) -> Response:
    """`GET /v1/reference-data/locations/{id}`: `A` or `C` and the code."""
    for city, airport in _all(setting):
        if name == _id(city, airport):
            shown = _location(request, city, airport, setting, is_light=False)
            links = {"self": f"{request.base}{request.target}"}
            return answered({"meta": {"links": links}, "data": shown})
    raise refused(1797, f"no location {name[:10]}", status=404)


def cities(request: Request, setting: Setting) -> Response:
    """`GET /v1/reference-data/locations/cities`."""
    params = Params(request)
    keyword = params.needed("keyword", example="Paris").upper()
    if not 2 <= len(keyword) <= 10:
        raise refused(2781, "2 to 10 characters", parameter="keyword")
    country = params.text("countryCode", pattern=_COUNTRY)
    most = params.count("max", low=1, high=20, default=20)
    include = params.listed("include", pattern="AIRPORTS")
    found = [
        city
        for city in setting.world.cities
        if country in (None, city.country) and city.name.upper().startswith(keyword)
    ][:most]
    payload = whole(request, [_city(city, with_airports=bool(include)) for city in found])
    if include and found:
        airports = {each.code: _included(each) for city in found for each in city.airports}
        payload["included"] = {"airports": airports}
    return answered(payload)


def recommended(request: Request, setting: Setting) -> Response:
    """`GET /v1/reference-data/recommended-locations`."""
    params = Params(request)
    codes = params.listed("cityCodes", pattern="[A-Z]{3}", most=10)
    if not codes:
        params.needed("cityCodes")
    traveler = params.text("travelerCountryCode", pattern=_COUNTRY) or "FR"
    countries = params.listed("destinationCountryCodes", pattern=_COUNTRY)
    known = [city for code in codes if (city := setting.world.city(code)) is not None]
    if not known:
        raise refused(1797, "no such city", status=404, parameter="cityCodes")
    found = [
        _recommended(city, _relevance(city, known, traveler, setting))
        for city in setting.world.cities
        if city not in known and (not countries or city.country in countries)
    ]
    found.sort(key=lambda each: -float(each["relevance"]))
    return answered(whole(request, found[:MAX_RECOMMENDED]))


_NO_SCORE: Final[Json] = {"travelers": {"score": 0}}


def _all(setting: Setting) -> Iterator[tuple[City, Airport | None]]:
    for city in setting.world.cities:
        yield city, None
        for airport in city.airports:
            yield city, airport


def _begins(keyword: str, city: City, airport: Airport | None) -> bool:
    words = [city.name, city.code] + ([airport.name, airport.code] if airport else [])
    return any(word.upper().startswith(keyword) for word in words)


def _id(city: City, airport: Airport | None) -> str:
    return f"C{city.code}" if airport is None else f"A{airport.code}"


def _location(
    request: Request,
    city: City,
    airport: Airport | None,
    setting: Setting,
    *,
    is_light: bool,
) -> Json:
    place = airport or city
    name = place.name.upper()
    found: Json = {
        "type": "location",
        "subType": "CITY" if airport is None else "AIRPORT",
        "name": name,
        "detailedName": f"{city.name.upper()}/{city.country}"
        + ("" if airport is None else f":{name}"),
        "id": _id(city, airport),
        "self": {
            "href": f"{request.base}{_LOCATIONS}/{_id(city, airport)}",
            "methods": ["GET"],
        },
        "iataCode": place.code,
        "address": {"cityName": city.name.upper(), "countryName": city.country_name.upper()},
    }
    if is_light:
        return found
    return found | {
        "timeZoneOffset": _offset(city, setting.now.moment),
        "geoCode": {"latitude": place.latitude, "longitude": place.longitude},
        "address": {
            "cityName": city.name.upper(),
            "cityCode": city.code,
            "countryName": city.country_name.upper(),
            "countryCode": city.country,
            "regionCode": city.region,
        },
        "analytics": {"travelers": {"score": city.size * 9 - (airport is not None)}},
    }


def _offset(city: City, moment: datetime) -> str:
    text = f"{moment.astimezone(UTC).astimezone(ZoneInfo(city.time_zone)):%z}"
    return f"{text[:3]}:{text[3:5]}"


def _city(city: City, *, with_airports: bool) -> Json:
    found: Json = {
        "type": "location",
        "subType": "city",
        "name": city.name.upper(),
        "iataCode": city.code,
        "address": {"countryCode": city.country},
        "geoCode": {"latitude": city.latitude, "longitude": city.longitude},
    }
    if with_airports:
        found["relationships"] = [
            {"id": each.code, "type": "Airport", "href": f"#/included/airports/{each.code}"}
            for each in city.airports
        ]
    return found


def _included(airport: Airport) -> Json:
    return {
        "type": "location",
        "subType": "airport",
        "name": airport.name.upper(),
        "iataCode": airport.code,
        "geoCode": {"latitude": airport.latitude, "longitude": airport.longitude},
    }


def _relevance(city: City, liked: list[City], traveler: str, setting: Setting) -> float:
    """Like those that are liked, in region and price; a little by chance."""
    near = sum(each.region == city.region for each in liked) / len(liked)
    price = sum(4 - abs(each.level - city.level) for each in liked) / (4 * len(liked))
    chance = share(setting.world.seed, "recommended", city.code, traveler)
    return round(0.35 * near + 0.3 * price + 0.1 * city.size / 5 + 0.25 * chance, 2)


def _recommended(city: City, relevance: float) -> Json:
    return {
        "type": "recommended-location",
        "subtype": "CITY",
        "name": city.name.upper(),
        "iataCode": city.code,
        "geoCode": {"longitude": city.longitude, "latitude": city.latitude},
        "relevance": relevance,
    }
