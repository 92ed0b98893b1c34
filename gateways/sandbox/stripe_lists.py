"""Lists with cursors and filters, and `expand` (APIS §6.2)."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from gateways.sandbox.exchange import Json
from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_objects import Call, Kept
from gateways.sandbox.stripe_replies import invalid, no_such

MAX_PAGE: Final = 100
MAX_EXPAND: Final = 20
_PAGING: Final = ("limit", "starting_after", "ending_before", "created")
_RANGE: Final = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_PREFIXES: Final = {
    "latest_charge": "ch",
    "charge": "ch",
    "payment_intent": "pi",
    "payment_method": "pm",
    "customer": "cus",
    "source_transaction": "ch",
    "transfer": "tr",
    "destination": "acct",
    "setup_intent": "seti",
}
"""What can be expanded, and what it names."""


def listed(call: Call, prefix: str, url: str, given: Json, filters: Sequence[str] = ()) -> Json:
    """One page, newest first. All of `filters` hold. Raises `StripeRefusal`."""
    params = Params(given, (*_PAGING, *filters))
    wanted = {each: params.text(each) for each in filters if each in params}
    kept = _matching(call, prefix, wanted, params)
    return paged(call, prefix, url, params, kept)


def limit_of(params: Params) -> int:
    """Raises `StripeRefusal`."""
    limit = params.integer("limit")
    if limit is not None and not 1 <= limit <= MAX_PAGE:
        raise invalid(
            f"Limit must be between 1 and {MAX_PAGE}.", "limit", "parameter_invalid_integer"
        )
    return limit or 10


def paged(call: Call, prefix: str, url: str, params: Params, newest_first: Iterator[Kept]) -> Json:
    """The page that the cursors ask for. Raises `StripeRefusal`."""
    limit = limit_of(params)
    ending = params.text("ending_before")
    if ending:
        end = _number(call, prefix, ending, "ending_before")
        before: list[Kept] = []
        for each in newest_first:
            if each.number <= end:
                break
            before.append(each)
        page, more = before[-limit:], len(before) > limit
    else:
        page, more = [], False
        for each in newest_first:
            if len(page) == limit:
                more = True
                break
            page.append(each)
    return {
        "object": "list",
        "url": url,
        "has_more": more,
        "data": [each.object for each in page],
    }


def _matching(
    call: Call, prefix: str, wanted: Mapping[str, str | None], params: Params
) -> Iterator[Kept]:
    starting = params.text("starting_after")
    below = _number(call, prefix, starting, "starting_after") if starting else None
    is_created = created_in(params)
    first = next((name for name, value in wanted.items() if value), "")
    for kept in call.newest(prefix, first, wanted.get(first) or "", below=below):
        if is_created(kept.object["created"]) and all(
            kept.private.get(name, kept.object.get(name)) == value
            for name, value in wanted.items()
            if value
        ):
            yield kept


def created_in(params: Params) -> Callable[[int], bool]:
    """Whether a time lies in `created`: an exact one, or bounds. Raises `StripeRefusal`."""
    bounds: dict[str, int | None] = {}
    if isinstance(params.given.get("created"), dict):
        inner = params.inner("created", _RANGE)
        bounds = {name: inner.integer(name) for name in _RANGE}
    elif (exact := params.integer("created")) is not None:
        bounds = {"gte": exact, "lte": exact}
    held = [(_RANGE[name], value) for name, value in bounds.items() if value is not None]
    return lambda at: all(holds(at, value) for holds, value in held)


def wanted_expansions(given: Json) -> list[list[str]]:
    """The paths of `expand`. Raises `StripeRefusal`."""
    paths = Params({"expand": given.get("expand")}, ()).strings("expand") or []
    if len(paths) > MAX_EXPAND:
        raise invalid(f"At most {MAX_EXPAND} can be expanded.", "expand")
    found = [each.split(".") for each in paths]
    for each in found:
        if len(each) > 5:
            raise invalid("You cannot expand more than 4 levels of a property.", "expand")
        for name in each[1:] if each[0] == "data" else each:
            if name not in _PREFIXES:
                raise invalid(
                    f"This property cannot be expanded ({'.'.join(each)[:100]}).", "expand"
                )
    return found


def expanded(call: Call, shown: Json, paths: Sequence[Sequence[str]]) -> Json:
    """The objects in the place of their ids; what is given stays as it is."""
    for path in paths:
        shown = _expanded(call, shown, path)
    return shown


def _expanded(call: Call, shown: Any, path: Sequence[str]) -> Any:
    if not path or not isinstance(shown, dict):
        return shown
    name, rest = path[0], path[1:]
    if name == "data" and isinstance(shown.get("data"), list):
        return {**shown, "data": [_expanded(call, each, rest) for each in shown["data"]]}
    value = shown.get(name)
    if isinstance(value, str):
        kept = call.find(value, _PREFIXES[name])
        value = None if kept is None else kept.object
    if value is None:
        return shown
    return {**shown, name: _expanded(call, value, rest)}


def _number(call: Call, prefix: str, id_: str, param: str) -> int:
    kept = call.find(id_, prefix)
    if kept is None:
        raise no_such(prefix, id_[:100], param)
    return kept.number
