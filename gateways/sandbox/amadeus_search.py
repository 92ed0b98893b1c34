"""Flight Offers Search v2: what there is for a query, cheapest first."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Final

from gateways.sandbox import fares
from gateways.sandbox.amadeus_errors import answered
from gateways.sandbox.amadeus_offers import (
    Bound,
    Offered,
    costs,
    dictionaries,
    seats,
    total,
    written,
)
from gateways.sandbox.amadeus_params import Params, posted
from gateways.sandbox.amadeus_query import MAX_OFFERS, Criteria, Way, from_body, from_query
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.world import Journey
from protocol.money import exponent

_KEPT_PER_BOUND: Final = 24


def search_get(request: Request, setting: Setting) -> Response:
    """`GET /v2/shopping/flight-offers`."""
    return _answer(request, from_query(Params(request), setting), setting)


def search_post(request: Request, setting: Setting) -> Response:
    """`POST /v2/shopping/flight-offers`, with or without `X-HTTP-Method-Override`."""
    return _answer(request, from_body(posted(request), setting), setting)


def found_offers(criteria: Criteria, setting: Setting) -> list[Offered]:
    """Cheapest first; only what has seats for all."""
    partial: list[tuple[Bound, ...]] = [()]
    for way in criteria.ways:
        bounds = _bounds(way, criteria, setting)
        joined = [
            (*before, bound)
            for before in partial
            for bound in bounds
            if not before or before[-1][-1][0].arrives_at < bound[0][0].departs_at
        ]
        partial = joined[: MAX_OFFERS * 2]
    offers = [
        Offered(bounds=each, payers=criteria.payers, currency=criteria.currency) for each in partial
    ]
    # What an offer costs is the sum of its directions, of which a few dozen make hundreds of pairs.
    known: dict[int, int] = {}
    for one in offers:
        for bound in one.bounds:
            if id(bound) not in known:
                known[id(bound)] = total(costs(replace(one, bounds=(bound,)), setting))
    prices = [(sum(known[id(bound)] for bound in one.bounds), n) for n, one in enumerate(offers)]
    most = None if criteria.max_price is None else criteria.max_price * len(criteria.payers)
    unit = 10 ** exponent(criteria.currency)
    return [offers[n] for price, n in sorted(prices) if most is None or price <= most * unit][
        : criteria.most
    ]


def _answer(request: Request, criteria: Criteria, setting: Setting) -> Response:
    offers = found_offers(criteria, setting)
    numbers = count(1)
    data = [
        written(each, setting, rank=str(rank), segment_ids=numbers)
        for rank, each in enumerate(offers, 1)
    ]
    meta: Json = {"count": len(data)}
    if request.method == "GET":
        meta["links"] = {"self": f"{request.base}{request.target}"}
    payload: Json = {"meta": meta, "data": data}
    if data:
        payload["dictionaries"] = dictionaries(offers, setting)
    return answered(payload)


def _bounds(way: Way, criteria: Criteria, setting: Setting) -> list[Bound]:
    """The cheapest so many ways to fly it, each in one brand."""
    seated = sum(1 for each in criteria.payers if each.age != "infant")
    found = [
        bound
        for day in way.days
        for journey in setting.world.journeys(
            way.origin, way.destination, day, most_stops=criteria.most_stops
        )
        if way.earliest <= journey[0].departs.time() <= way.latest and _may_fly(journey, criteria)
        for bound in _in_fares(journey, way.cabin, seated, setting)
    ]
    now = setting.now.business
    priced = sorted((setting.world.price(each, now).total, n) for n, each in enumerate(found))
    return [
        found[n] for _, n in priced[: _KEPT_PER_BOUND if len(criteria.ways) > 1 else MAX_OFFERS]
    ]


def _in_fares(
    journey: Journey, cabin: str | None, seated: int, setting: Setting
) -> Iterator[Bound]:
    """One brand on all its flights: a cabin that one of them has not is not sold on the others."""
    for each in fares.FARES:
        if each.cabin == (cabin or "ECONOMY") and all(
            each in fares.fares(flight) and seats(setting, flight, each.fare_class) >= seated
            for flight in journey
        ):
            yield tuple((flight, each) for flight in journey)


def _may_fly(journey: Journey, criteria: Criteria) -> bool:
    carriers = {flight.service.carrier for flight in journey}
    return not carriers & criteria.excluded and (
        not criteria.included or carriers <= criteria.included
    )
