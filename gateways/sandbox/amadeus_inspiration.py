"""Where to and when, for how little; and what a journey is for."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final
from urllib.parse import urlencode

from gateways.sandbox.amadeus_errors import answered, refused
from gateways.sandbox.amadeus_lists import whole
from gateways.sandbox.amadeus_params import Params, parsed_day
from gateways.sandbox.draw import share
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.fares import FARES
from gateways.sandbox.money import text

CURRENCY: Final = "EUR"
MAX_DESTINATIONS: Final = 50
_AHEAD: Final = 180
_SPREAD: Final = 11
"""Days between two that are looked at, unless a span is given."""

_DAYS: Final = r"\d{4}-\d{2}-\d{2}(,\d{4}-\d{2}-\d{2})?"
_DURATION: Final = r"\d{1,2}(,\d{1,2})?"


def destinations(request: Request, setting: Setting) -> Response:
    """`GET /v1/shopping/flight-destinations`: the cheapest day to each."""
    params = Params(request)
    origin = params.iata("origin")
    params.choice("viewBy", ("COUNTRY", "DATE", "DESTINATION", "DURATION", "WEEK"))
    trips = _trips(params, setting)
    found = []
    for city in setting.world.cities:
        offers = list(_offers(origin, city.code, trips, setting))
        if offers:
            found.append(min(offers))
    return _answer(request, "flight-destination", origin, found, setting)


def dates(request: Request, setting: Setting) -> Response:
    """`GET /v1/shopping/flight-dates`: the price of each day to one destination."""
    params = Params(request)
    origin, destination = params.iata("origin"), params.iata("destination")
    params.choice("viewBy", ("DATE", "DURATION", "WEEK"))
    found = list(_offers(origin, destination, _trips(params, setting), setting))
    return _answer(request, "flight-date", origin, found, setting)


def trip_purpose(request: Request, setting: Setting) -> Response:
    """`GET /v1/travel/predictions/trip-purpose`."""
    params = Params(request)
    origin, destination = params.iata("originLocationCode"), params.iata("destinationLocationCode")
    today = setting.now.today
    leave, back = (params.needed_day(name, today) for name in ("departureDate", "returnDate"))
    if back < leave:
        raise refused(2668, "returnDate is before departureDate", parameter="returnDate")
    params.text("searchDate", pattern=r"\d{4}-\d{2}-\d{2}")
    nights = (back - leave).days
    sleeps_weekend = any((leave + timedelta(days=n)).weekday() == 5 for n in range(nights))
    chance = share(setting.world.seed, "purpose", origin, destination, leave)
    is_business = not sleeps_weekend and nights <= 3
    return answered(
        {
            "data": {
                "id": f"{origin}{destination}{leave:%Y%m%d}",
                "type": "prediction",
                "subType": "trip-purpose",
                "result": "BUSINESS" if is_business else "LEISURE",
                "probability": f"{0.7 + 0.29 * chance:.2f}",
            },
            "meta": {"links": {"self": f"{request.base}{request.target}"}},
        }
    )


Trip = tuple[date, date | None]
Found = tuple[int, date, date | None, str]
"""Cents, leaving, coming back, to where."""


def _trips(params: Params, setting: Setting) -> list[Trip]:
    today = setting.now.today
    span = params.text("departureDate", pattern=_DAYS, example=str(today))
    if span is None:
        days = [today + timedelta(days=n) for n in range(7, _AHEAD, _SPREAD)]
    else:
        ends = [parsed_day(each) for each in span.split(",")]
        first, last = ends[0], ends[-1]
        if first is None or last is None or first < today or last < first:
            raise refused(425, "Date/Time is in the past or invalid", parameter="departureDate")
        length = min((last - first).days, _AHEAD)
        days = [first + timedelta(days=n) for n in range(length + 1)]
    lengths = params.text("duration", pattern=_DURATION, example="1,15")
    if params.flag("oneWay"):
        if lengths is not None:
            raise refused(2668, "duration and oneWay exclude each other", parameter="duration")
        return [(day, None) for day in days]
    low, high = _lengths(lengths)
    return [(day, day + timedelta(days=low + n % (high - low + 1))) for n, day in enumerate(days)]


def _lengths(text_: str | None) -> tuple[int, int]:
    if text_ is None:
        return 3, 7
    ends = [int(each) for each in text_.split(",")]
    if not 1 <= ends[0] <= ends[-1] <= 15:
        raise refused(477, "1 to 15 days", parameter="duration", example="2,8")
    return ends[0], ends[-1]


def _offers(origin: str, destination: str, trips: list[Trip], setting: Setting) -> Iterator[Found]:
    for leave, back in trips:
        out = _cheapest(origin, destination, leave, setting)
        home = 0 if back is None else _cheapest(destination, origin, back, setting)
        if out is not None and home is not None:
            yield out + home, leave, back, destination


def _cheapest(origin: str, destination: str, day: date, setting: Setting) -> int | None:
    """Cached prices: direct flights in the cheapest fare, seats or not."""
    flights = setting.world.direct(origin, destination, day)
    now = setting.now.business
    return min(
        (setting.world.price([(each, FARES[0])], now).total for each in flights), default=None
    )


def _answer(
    request: Request, kind: str, origin: str, found: list[Found], setting: Setting
) -> Response:
    params = Params(request)
    most = params.integer("maxPrice", low=1, high=1_000_000)
    params.flag("nonStop")
    kept = sorted(each for each in found if most is None or each[0] <= most * 100)
    if not kept:
        raise refused(6003, "nothing is cached for this query", status=404)
    payload = whole(
        request, [_item(request, kind, origin, each) for each in kept[:MAX_DESTINATIONS]]
    )
    payload["meta"]["currency"] = CURRENCY
    codes = {origin, *(each[3] for each in kept)}
    named = {code: setting.world.at_city(code) for code in sorted(codes)}
    payload["dictionaries"] = {
        "currencies": {CURRENCY: "EURO"},
        "locations": {
            code: {"subType": "CITY", "detailedName": city.name.upper()}
            for code, city in named.items()
            if city is not None
        },
    }
    return answered(payload)


def _item(request: Request, kind: str, origin: str, found: Found) -> Json:
    cents, leave, back, destination = found
    item: Json = {
        "type": kind,
        "origin": origin,
        "destination": destination,
        "departureDate": str(leave),
    }
    query = {
        "originLocationCode": origin,
        "destinationLocationCode": destination,
        "departureDate": str(leave),
    }
    if back is not None:
        item["returnDate"] = query["returnDate"] = str(back)
    dates_query = urlencode({"origin": origin, "destination": destination})
    offers_query = urlencode({**query, "adults": "1"})
    links = {"flightOffers": f"{request.base}/v2/shopping/flight-offers?{offers_query}"}
    if kind == "flight-destination":
        links["flightDates"] = f"{request.base}/v1/shopping/flight-dates?{dates_query}"
    else:
        links["flightDestinations"] = (
            f"{request.base}/v1/shopping/flight-destinations?origin={origin}"
        )
    return item | {"price": {"total": text(cents, CURRENCY)}, "links": links}
