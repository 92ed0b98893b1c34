"""Collections as Amadeus pages them: `meta.count`, and links that the SDK can follow."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlencode

from gateways.sandbox.amadeus_params import Params
from gateways.sandbox.exchange import Json, Request

PAGE: Final = 10
MOST_PER_PAGE: Final = 1_000


def paged(request: Request, items: Sequence[Json], *, default: int = PAGE) -> Json:
    """`page[limit]` of the items from `page[offset]` on, with `self`, and `next`, `previous`, `first`,
    `last` where there are any."""
    params = Params(request)
    limit = params.count("page[limit]", low=1, high=MOST_PER_PAGE, default=default)
    offset = params.count("page[offset]", low=0, high=10_000_000, default=0)
    links = {"self": f"{request.base}{request.target}"}
    last = max(0, (len(items) - 1) // limit * limit)
    steps = {"first": 0, "previous": max(0, offset - limit), "next": offset + limit, "last": last}
    for name, start in steps.items():
        is_there = {"previous": offset > 0, "next": offset + limit < len(items)}.get(name, last > 0)
        if is_there:
            links[name] = _link(request, limit, start)
    return {
        "meta": {"count": len(items), "links": links},
        "data": list(items[offset : offset + limit]),
    }


def whole(request: Request, items: Sequence[Json]) -> Json:
    """All of them."""
    return {
        "meta": {"count": len(items), "links": {"self": f"{request.base}{request.target}"}},
        "data": list(items),
    }


def _link(request: Request, limit: int, offset: int) -> str:
    rest = [(key, value) for key, value in request.query if not key.startswith("page[")]
    pages = [("page[limit]", str(limit)), ("page[offset]", str(offset))]
    return f"{request.base}{request.path}?{urlencode([*rest, *pages], quote_via=quote)}"
