"""The sandbox's Amadeus: Self-Service v1 to v3 as the official SDK speaks it, a pure machine."""

from collections.abc import Callable
from typing import Final

from gateways.sandbox import (
    amadeus_desk,
    amadeus_orders,
    amadeus_pricing,
    amadeus_search,
)
from gateways.sandbox.amadeus_access import admit, token_route
from gateways.sandbox.amadeus_errors import RefusalError, refusal, refused
from gateways.sandbox.exchange import Json, Request, Response, Setting

Route = Callable[[Request, Setting], Response]

ROUTES: Final[dict[tuple[str, str], Route]] = {
    ("GET", "/v2/shopping/flight-offers"): amadeus_search.search_get,
    ("POST", "/v2/shopping/flight-offers"): amadeus_search.search_post,
    ("POST", "/v1/shopping/flight-offers/pricing"): amadeus_pricing.price,
    ("POST", "/v1/booking/flight-orders"): amadeus_orders.create,
}
_ORDER: Final = "/v1/booking/flight-orders/"


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
    rest = request.path.removeprefix(_ORDER)
    if request.path.startswith(_ORDER) and rest:
        if request.method == "GET":
            return amadeus_orders.show(request, setting, rest)
        if request.method == "DELETE":
            return amadeus_orders.delete(setting, rest)
    raise refused(38196, "The targeted resource doesn't exist", status=404)
