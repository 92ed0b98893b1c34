"""The few routes whose bodies are larger than words need, and how many of them are here at once.

Quart takes a body in before anybody has asked who sends it, so the limit must be known as the request
begins: only those for which there is a place may be large. A place is kept until the answer.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from quart_trio.wrappers import TrioRequest

from core.errors import Overloaded
from core.identity import Principal
from gateways.http.routes import ALIAS, API, Route

MAX_AT_ONCE: Final = 8
MAX_OF_A_USER: Final = 2

_LIMIT: Final = "caravan.max_body"
_VARIABLE: Final = re.compile(r"\{[^}]*\}")

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class SizedRequest(TrioRequest):
    """A request whose body's limit is its route's, where it has a place."""

    def __init__(self, *parts: Any, **named: Any) -> None:
        limit = named["scope"].get(_LIMIT, named["max_content_length"])
        super().__init__(*parts, **named | {"max_content_length": limit})


class LargeBodies:
    """Owns: the places, some for routes that cannot do without, as many for those that seldom need one.
    `around` gives one to a request that comes while there is one; the others' bodies are cut off at the
    ordinary limit."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._limits = {
            (route.method, _VARIABLE.sub("{}", path)): (route.max_body, route.needs_place)
            for route in routes
            if route.max_body is not None
            for path in (route.path, ALIAS + route.path.removeprefix(API))
        }
        self._taken: Counter[bool] = Counter()
        self._of_users: Counter[str] = Counter()

    def around(self, app: Asgi) -> Asgi:
        """The application, with places for those that need one."""

        async def asgi(scope: Any, receive: Any, send: Any) -> None:
            limit, needs_place = self._limit_of(scope)
            if limit is None or self._taken[needs_place] >= MAX_AT_ONCE:
                await app(scope, receive, send)
                return
            self._taken[needs_place] += 1
            try:
                await app({**scope, _LIMIT: limit}, receive, send)
            finally:
                self._taken[needs_place] -= 1

        return asgi

    def _limit_of(self, scope: Any) -> tuple[int | None, bool]:
        """With whether its route needs a place. A path may end in one variable part."""
        if scope["type"] != "http":
            return None, False
        method, path = scope["method"], scope["path"].rstrip("/")
        of_all = self._limits.get((method, path.rpartition("/")[0] + "/{}"), (None, False))
        return self._limits.get((method, path), of_all)

    @contextmanager
    def admitted(self, route: Route, request: Any, principal: Principal | None) -> Iterator[None]:
        """Around reading and answering. Raises `Overloaded` for a large body without a place, or when
        its user has as many under way as one may; of those that need a place."""
        if route.max_body is None or not route.needs_place:
            yield
            return
        who = principal.user_id if principal else ""
        if _LIMIT not in request.scope or self._of_users[who] >= MAX_OF_A_USER:
            raise Overloaded
        self._of_users[who] += 1
        try:
            yield
        finally:
            self._of_users[who] -= 1
            if not self._of_users[who]:
                del self._of_users[who]

    def statistics(self) -> dict[str, int]:
        return {"large_bodies": self._taken.total(), "large_bodies_limit": MAX_AT_ONCE}
