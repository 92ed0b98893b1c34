"""The sandbox's Duffel (API v2, flights): searches, offers and orders, as a pure machine.

Its words for errors are the documented ones. Honoured faults beside those of the transport: `sell_out`,
`price_drift`, `ticket_refuse`, `pnr_autocancel_now`, `schedule_change`, `token_revoke`, `token_expire`. Any token that
begins with `duffel_test_` is good. Not here: services, seat maps, changes that we ask for, Stays.
"""

from dataclasses import replace
from typing import Final

from gateways.sandbox import duffel_cancellations as cancellations
from gateways.sandbox import duffel_changes as changes
from gateways.sandbox import duffel_orders as orders
from gateways.sandbox import duffel_webhooks as webhooks
from gateways.sandbox.airlines import gone, minutes_of, not_minutes
from gateways.sandbox.draw import draw
from gateways.sandbox.duffel_effects import listed
from gateways.sandbox.duffel_offers import Found, all_offers, one_offer, search_id_of
from gateways.sandbox.duffel_replies import (
    Refusal,
    http_date,
    new_id,
    number,
    number_between,
    of_data,
    of_faults,
    posted,
    refused,
    request_id,
    usual,
    zipped,
)
from gateways.sandbox.duffel_search import Search, from_record, read_search
from gateways.sandbox.duffel_shapes import offer, offer_request
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.faults import ScheduleChange, TokenExpire, TokenRevoke, only
from gateways.sandbox.records import Draft

SEARCHES: Final = "duffel.search"
KEPT_MS: Final = 24 * 3_600_000
"""How long after it has expired a search is known, in business time."""

MINUTE_MS: Final = 60_000
REQUESTS_PER_MINUTE: Final = 4_000
_SORTS: Final = ("total_amount", "-total_amount", "total_duration", "-total_duration")


class DuffelMachine:
    """`Machine`. The limits are of the whole account, per minute of the wall's time: Duffel's test
    mode says 4,000, and 30 searches, of itself; live ones are the account's."""

    name = "duffel"

    def __init__(self, *, searches_per_minute: int = 1_000) -> None:
        self._searches = searches_per_minute

    def handle(self, request: Request, setting: Setting) -> Response:
        known_as = request_id(setting)
        limit, used = self._used(request, setting)
        try:
            if used > limit:
                raise refused("rate_limit_exceeded")
            _check_headers(request, setting)
            response = _route(request, setting)
        except Refusal as refusal:
            response = of_faults(refusal.faults, known_as)
        next_minute = (setting.now.wall // MINUTE_MS + 1) * MINUTE_MS
        headers = (
            *response.headers,
            ("date", http_date(setting.now.wall)),
            ("x-request-id", known_as),
            ("ratelimit-limit", str(limit)),
            ("ratelimit-remaining", str(max(0, limit - used))),
            ("ratelimit-reset", http_date(next_minute)),
        )
        response = replace(response, headers=headers)
        wants_gzip = "gzip" in request.headers.get("accept-encoding", "")
        return zipped(response) if wants_gzip else response

    def settle(self, setting: Setting) -> None:
        orders.release_due(setting)
        for search_id, kept in setting.records.scan(SEARCHES):
            if from_record(search_id, kept).expires + KEPT_MS > setting.now.business:
                break
            setting.records.delete(SEARCHES, search_id)

    def control(self, request: Request, setting: Setting) -> Response | None:
        """GET `/_sandbox/duffel/orders?reference=…`: whose metadata has that value. GET
        `/_sandbox/duffel/effects`. POST `/_sandbox/orders/{id or locator}/change?minutes=…` and
        `…/airline-cancel`: what an airline does to one of Duffel's."""
        match request.method, request.path.removeprefix("/_sandbox/").split("/"):
            case "GET", ["duffel", "orders"]:
                return of_data(orders.with_metadata(request.value("reference"), setting))
            case "GET", ["duffel", "effects"]:
                return listed(request, setting.records)
            case "POST", ["orders", name, ("change" | "airline-cancel") as what]:
                kept = orders.of_name(name, setting)
                return None if kept is None else _by_airline(what, kept, request, setting)
        return None

    def refusal(self, status: int, errors: list[Json] | None) -> Response:
        return usual(status, errors)

    def _used(self, request: Request, setting: Setting) -> tuple[int, int]:
        """What the limit is, and the how manieth of this minute the request is."""
        is_search = (request.method, request.path) == ("POST", "/air/offer_requests")
        minute = setting.now.wall // MINUTE_MS
        used = _count(setting.volatile, "searches" if is_search else "requests", minute)
        return self._searches if is_search else REQUESTS_PER_MINUTE, used


def _by_airline(what: str, kept: Json, request: Request, setting: Setting) -> Response:
    if kept["order"]["available_actions"] == ["update"]:
        return gone()
    if what == "airline-cancel":
        return of_data(cancellations.by_airline(kept, setting))
    by = minutes_of(request)
    return of_data(changes.change_schedule(kept, by, setting)) if by else not_minutes()


def _count(volatile: Draft, what: str, minute: int) -> int:
    found = volatile.get("duffel.rate", what)
    used = 1 + (found["used"] if found is not None and found["minute"] == minute else 0)
    volatile.put("duffel.rate", what, {"minute": minute, "used": used})
    return used


def _check_headers(request: Request, setting: Setting) -> None:
    headers = request.headers
    authorization = headers.get("authorization")
    if authorization is None:
        raise refused("missing_authorization_header")
    scheme, _, token = authorization.partition(" ")
    if scheme != "Bearer" or not token:
        raise refused("invalid_authorization_header")
    if not token.startswith("duffel_test_"):
        raise refused("access_token_not_found")
    if any(isinstance(each, TokenExpire | TokenRevoke) for each in setting.faults):
        raise refused("expired_access_token")
    version = headers.get("duffel-version")
    if version != "v2":
        code = "unsupported_version" if version in ("v1", "beta") else "invalid_version_header"
        raise refused("missing_version_header" if version is None else code)
    accepted = headers.get("accept", "*/*")
    if not any(each in accepted for each in ("*/*", "application/*", "application/json")):
        raise refused("unsupported_format")
    if request.method == "POST" and request.body:
        media = headers.get("content-type")
        if media is None:
            raise refused("missing_content_type_header")
        if media.partition(";")[0].strip() != "application/json":
            raise refused("invalid_content_type_header")


def _route(request: Request, setting: Setting) -> Response:
    match request.method, request.path.removeprefix("/air/").split("/"):
        case "POST", ["offer_requests"]:
            return _search(request, setting)
        case "GET", ["offer_requests", search_id]:
            search = _kept(search_id, setting)
            return of_data(_with_offers(search, setting))
        case "GET", ["offers"]:
            return _list(request, setting)
        case "GET", ["offers", offer_id]:
            return of_data(offer(_available(offer_id, setting), setting.world))
        case "POST", ["orders"]:
            data = posted(request.body)
            found = _available(orders.selected_offer(data), setting)
            return of_data(orders.create(data, found, setting), 201)
        case "GET", ["orders"]:
            page, after = orders.matching(request, setting)
            meta: Json = {"limit": orders.page_of(request), "before": None, "after": after}
            return of_data(page, meta=meta)
        case "GET", ["orders", order_id]:
            for change in only(setting.faults, ScheduleChange):
                changes.change_schedule(orders.known(order_id, setting), change.minutes, setting)
            return of_data(orders.shown(order_id, setting))
        case "POST", ["payments"]:
            return of_data(orders.pay(posted(request.body), setting), 201)
        case _, ["order_cancellations" | "airline_initiated_changes" | "webhooks", *_]:
            return _afterwards(request, setting)
    raise refused("not_found")


def _afterwards(request: Request, setting: Setting) -> Response:
    """What may come after an order."""
    match request.method, request.path.removeprefix("/air/").split("/"):
        case "POST", ["order_cancellations"]:
            return of_data(cancellations.quote(posted(request.body), setting), 201)
        case "GET", ["order_cancellations"]:
            return _page(cancellations.listed(request, setting), request)
        case "GET", ["order_cancellations", id_]:
            return of_data(cancellations.shown(id_, setting))
        case "POST", ["order_cancellations", id_, "actions", "confirm"]:
            return of_data(cancellations.confirm(id_, setting))
        case "GET", ["airline_initiated_changes"]:
            return of_data(changes.listed(request.value("order_id"), setting))
        case "POST", ["airline_initiated_changes", id_, "actions", "accept"]:
            return of_data(changes.accept(id_, setting))
        case "POST", ["webhooks"]:
            return of_data(webhooks.create(posted(request.body), setting), 201)
        case "GET", ["webhooks"]:
            return _page(webhooks.listed(setting), request)
        case "PATCH", ["webhooks", id_]:
            return of_data(webhooks.update(id_, posted(request.body), setting))
        case "DELETE", ["webhooks", id_]:
            webhooks.delete(id_, setting)
            return Response(status=204)
    raise refused("not_found")


def _page(found: list[Json], request: Request) -> Response:
    meta: Json = {"limit": orders.page_of(request), "before": None, "after": None}
    return of_data(found, meta=meta)


def _search(request: Request, setting: Setting) -> Response:
    search = read_search(posted(request.body), new_id("orq", setting), setting)
    patience = request.value("supplier_timeout") or "20000"
    number_between(2_000, 60_000, patience, "/supplier_timeout")
    setting.records.put(SEARCHES, search.id, search.as_record())
    if request.value("return_offers") == "false":
        return of_data(offer_request(search, setting.world), 201)
    return of_data(_with_offers(search, setting), 201)


def _with_offers(search: Search, setting: Setting) -> Json:
    offers = [offer(each, setting.world) for each in all_offers(search, setting)]
    return {**offer_request(search, setting.world), "offers": offers}


def _list(request: Request, setting: Setting) -> Response:
    search = _kept(request.value("offer_request_id") or "", setting)
    limit, sort = orders.page_of(request), request.value("sort")
    if sort is not None and sort not in _SORTS:
        raise refused("validation_inclusion", "/sort")
    found = _sorted(all_offers(search, setting), sort)
    start = _start(request.value("after"), search)
    page = found[start : start + limit]
    more = start + len(page) < len(found)
    meta: Json = {
        "limit": limit,
        "before": None,
        "after": f"{search.id}.{start + len(page)}" if more else None,
    }
    return of_data([offer(each, setting.world) for each in page], meta=meta)


def _sorted(found: list[Found], sort: str | None) -> list[Found]:
    """Without a sort, "the results may be returned in any order"."""
    if sort is None:
        return sorted(found, key=lambda each: draw("order", each.id))
    by_time = sort.endswith("total_duration")
    return sorted(
        found,
        key=lambda each: (each.minutes if by_time else each.total, each.id),
        reverse=sort.startswith("-"),
    )


def _start(cursor: str | None, search: Search) -> int:
    if cursor is None:
        return 0
    of, _, place = cursor.rpartition(".")
    start = number(place)
    if of != search.id or start is None:
        raise refused("validation_format", "/after")
    return start


def _kept(search_id: str, setting: Setting) -> Search:
    kept = setting.records.get(SEARCHES, search_id)
    if kept is None:
        raise refused("not_found")
    return from_record(search_id, kept)


def _available(offer_id: str, setting: Setting) -> Found:
    """The offer, if an order could be made of it."""
    search = _kept(search_id_of(offer_id), setting)
    found = one_offer(search, offer_id, setting)
    if found is None:
        raise refused("not_found")
    if search.expires <= setting.now.business:
        raise refused("offer_expired")
    if not found.is_available:
        raise refused("offer_no_longer_available")
    return found
