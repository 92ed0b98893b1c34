"""The Quart application: the table of routes, and what every answer carries."""

import re
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Final

import structlog
from quart import Response, g, has_request_context, request
from quart.routing import QuartMap, QuartRule
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from core.errors import Rejected
from core.telemetry import bind_request, clear_request
from core.texts import first_spoken
from gateways.http import (
    admin_bookings,
    auth,
    bookings,
    consultations,
    health,
    inbox,
    info,
    listings,
    marketplace,
    models,
    models_page,
    offers,
    persona_cards,
    persona_memories,
    persona_runs,
    personas,
    places,
    plans,
    quotes,
    recommendations,
    rooms,
    users,
    webhooks,
)
from gateways.http.bodies import BODY_WITHIN, MAX_BODY_BYTES
from gateways.http.gate import Gate
from gateways.http.large_bodies import LargeBodies, SizedRequest
from gateways.http.openapi import openapi_route
from gateways.http.ports import HttpPorts
from gateways.http.problems import incident, problem
from gateways.http.routes import ALIAS, API, Reply, Route

DECLARED: Final = (
    *auth.ROUTES,
    *users.ROUTES,
    *rooms.ROUTES,
    *inbox.ROUTES,
    *places.ROUTES,
    *offers.ROUTES,
    *quotes.ROUTES,
    *bookings.ROUTES,
    *plans.ROUTES,
    *admin_bookings.ROUTES,
    *recommendations.ROUTES,
    *personas.ROUTES,
    *persona_runs.ROUTES,
    *persona_memories.ROUTES,
    *persona_cards.ROUTES,
    *marketplace.ROUTES,
    *listings.ROUTES,
    *consultations.ROUTES,
    *models.ROUTES,
    *models_page.ROUTES,
    *webhooks.ROUTES,
    *info.ROUTES,
    *health.ROUTES,
)
GATE: Final = "caravan.gate"

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_SECURITY: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

View = Callable[..., Awaitable[Response]]

log = structlog.get_logger("caravan.http")


def create_app(ports: HttpPorts, *, body_within: float = BODY_WITHIN) -> QuartTrio:
    """The application. `app.extensions[GATE].statistics()` are its numbers. `body_within`: seconds in
    which a request's body must be here."""
    app = QuartTrio("caravan", static_folder=None)
    app.config.update(
        BODY_TIMEOUT=None,  # `bodies.read_raw` has the deadline
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        RESPONSE_TIMEOUT=60,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.url_map = _addresses()
    large = LargeBodies(DECLARED)
    app.request_class = SizedRequest
    app.asgi_app = large.around(app.asgi_app)  # type: ignore[assignment,method-assign]
    gate = app.extensions[GATE] = Gate(ports, large, body_within)
    _frame(app, ports)
    for route in (*DECLARED, openapi_route(DECLARED, ports.version)):
        app.view_functions[route.name] = _view(gate, route)
    return app


@cache
def _addresses() -> QuartMap:
    """What each address is called, made once: werkzeug takes half a millisecond to compile a rule."""
    # No path has two spellings: werkzeug would redirect `a//b`, to whatever host the request names.
    addresses = QuartMap(merge_slashes=False)
    for one in (*DECLARED, openapi_route(DECLARED, "")):
        for spelling in _paths(one.path):
            rule = spelling.replace("{", "<").replace("}", ">")
            addresses.add(
                QuartRule(rule, methods=[one.method], endpoint=one.name, strict_slashes=False)
            )
    return addresses


def _paths(path: str) -> list[str]:
    """`/api/…` is the newest version's other name."""
    return [path, ALIAS + path.removeprefix(API)] if path.startswith(API) else [path]


def _view(gate: Gate, route: Route) -> View:
    async def view(**path: str) -> Response:
        return _response(await gate.answer(route, request, path))

    return view


def _frame(app: QuartTrio, ports: HttpPorts) -> None:
    """What every answer has, that of an unknown path too."""

    @app.before_request
    async def begin() -> None:
        sent = request.headers.get("X-Request-Id", "")
        request_id = sent if _REQUEST_ID.match(sent) else ports.ids.uuid7()
        g.request_id = request_id
        clear_request()
        bind_request(request_id)

    @app.after_request
    async def finish(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        for name, value in _SECURITY.items():
            response.headers.setdefault(name, value)
        if request.scheme == "https":
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response

    @app.errorhandler(HTTPException)
    async def strayed(error: HTTPException) -> Response:
        return _response(problem(_refusal(error), _locale()))

    @app.errorhandler(Exception)
    async def crashed(error: Exception) -> Response:
        reference = ports.ids.uuid7()
        log.error("http crash", reference=reference, exc_info=error)
        return _response(incident(reference))


def _refusal(error: HTTPException) -> Rejected:
    """What Quart itself refuses, in the contract's words: a method that a path does not have is a
    call that does not exist."""
    if error.code in (404, 405):
        return Rejected("not_found", "This address does not exist.")
    return Rejected("bad_request", "The request cannot be understood.")


def _locale() -> str:

    if not has_request_context():  # somebody tries a WebSocket here
        return "en"
    return first_spoken(request.accept_languages.values())


def _response(reply: Reply) -> Response:
    response = Response(reply.body, status=reply.status, content_type=reply.media_type)
    response.headers.update(reply.headers)
    return response
