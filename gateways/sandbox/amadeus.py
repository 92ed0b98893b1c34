"""The sandbox's Amadeus: Self-Service v1 to v3 as the official SDK speaks it, a pure machine."""

from collections.abc import Callable
from typing import Final

from gateways.sandbox import (
    amadeus_desk,
    amadeus_hotels,
    amadeus_inspiration,
    amadeus_orders,
    amadeus_places,
    amadeus_pricing,
    amadeus_rooms,
    amadeus_search,
    amadeus_seatmaps,
    amadeus_sights,
    amadeus_stays,
)
from gateways.sandbox.amadeus_access import admit, token_route
from gateways.sandbox.amadeus_errors import RefusalError, refusal, refused
from gateways.sandbox.exchange import Json, Request, Response, Setting

Route = Callable[[Request, Setting], Response]

_REFERENCE: Final = "/v1/reference-data"
_SHOPPING: Final = "/v1/shopping"

ROUTES: Final[dict[tuple[str, str], Route]] = {
    ("GET", f"{_REFERENCE}/locations"): amadeus_places.locations,
    ("GET", f"{_REFERENCE}/locations/cities"): amadeus_places.cities,
    ("GET", f"{_REFERENCE}/recommended-locations"): amadeus_places.recommended,
    ("GET", f"{_REFERENCE}/locations/hotels/by-city"): amadeus_hotels.by_city,
    ("GET", f"{_REFERENCE}/locations/hotels/by-geocode"): amadeus_hotels.by_geocode,
    ("GET", f"{_REFERENCE}/locations/hotels/by-hotels"): amadeus_hotels.by_hotels,
    ("GET", f"{_REFERENCE}/locations/pois"): amadeus_sights.pois_near,
    ("GET", f"{_REFERENCE}/locations/pois/by-square"): amadeus_sights.pois_in_square,
    ("GET", f"{_SHOPPING}/activities"): amadeus_sights.activities_near,
    ("GET", f"{_SHOPPING}/activities/by-square"): amadeus_sights.activities_in_square,
    ("GET", f"{_SHOPPING}/flight-destinations"): amadeus_inspiration.destinations,
    ("GET", f"{_SHOPPING}/flight-dates"): amadeus_inspiration.dates,
    ("GET", "/v1/travel/predictions/trip-purpose"): amadeus_inspiration.trip_purpose,
    ("GET", "/v2/shopping/flight-offers"): amadeus_search.search_get,
    ("POST", "/v2/shopping/flight-offers"): amadeus_search.search_post,
    ("POST", f"{_SHOPPING}/flight-offers/pricing"): amadeus_pricing.price,
    ("POST", "/v1/booking/flight-orders"): amadeus_orders.create,
    ("GET", f"{_SHOPPING}/seatmaps"): amadeus_seatmaps.of_order,
    ("POST", f"{_SHOPPING}/seatmaps"): amadeus_seatmaps.of_offers,
    ("GET", "/v3/shopping/hotel-offers"): amadeus_rooms.search,
    ("POST", "/v2/booking/hotel-orders"): amadeus_stays.book,
}

RouteOfOne = Callable[[Request, Setting, str], Response]

ROUTES_OF_ONE: Final[tuple[tuple[str, str, RouteOfOne], ...]] = (
    ("GET", "/v1/booking/flight-orders/", amadeus_orders.show),
    ("DELETE", "/v1/booking/flight-orders/", amadeus_orders.delete),
    ("GET", "/v3/shopping/hotel-offers/", amadeus_rooms.show),
    ("GET", f"{_SHOPPING}/activities/", amadeus_sights.activity),
    ("GET", f"{_REFERENCE}/locations/pois/", amadeus_sights.poi),
    ("GET", f"{_REFERENCE}/locations/", amadeus_places.location),
)
"""The rest of the raw path is the id; the first that fits counts."""


class AmadeusMachine:
    """`Machine` for Amadeus. Holds nothing: everything is in the setting."""

    name = "amadeus"

    def handle(self, request: Request, setting: Setting) -> Response:
        try:
            return token_route(request, setting) or _routed(request, setting)
        except RefusalError as error:
            return refusal(error.status, error.errors)

    def settle(self, setting: Setting) -> None:
        amadeus_orders.settle(setting)

    def control(self, request: Request, setting: Setting) -> Response | None:
        return amadeus_desk.control(request, setting)

    def refusal(self, status: int, errors: list[Json] | None) -> Response:
        return refusal(status, errors)


def _routed(request: Request, setting: Setting) -> Response:
    admit(request, setting)
    if route := ROUTES.get((request.method, request.path)):
        return route(request, setting)
    for method, prefix, route_of_one in ROUTES_OF_ONE:
        rest = request.path.removeprefix(prefix)
        if method == request.method and rest != request.path and rest:
            return route_of_one(request, setting, rest)
    raise refused(38196, "The targeted resource doesn't exist", status=404)
