"""The sandbox's consolidator: who issues the tickets of Amadeus' orders, and keeps the queue of all of them.

A service of its own, with an API of its own, as an agency would buy it: `POST /v1/releases`, `GET
/v1/records`. Pure. Source: APIS §4.4, §10.4, §10.9. Honoured faults beside those of the transport:
`ticket_refuse`, `feed_lag`, `pnr_autocancel_now`, `token_revoke`. Any key is good but `wrong`.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from gateways.sandbox import amadeus_orders, faults
from gateways.sandbox.amadeus_desk import NotIssued, issue, remarks_of
from gateways.sandbox.duffel_replies import moment
from gateways.sandbox.exchange import Json, Request, Response, Setting

LARGEST_PAGE: Final = 200
_KEY: Final = re.compile(r"Bearer (\S+)")
_CURSOR: Final = re.compile(r"[0-9]{1,12}")
_MESSAGES: Final[dict[str, tuple[int, str]]] = {
    "unauthorized": (401, "The key is not known."),
    "invalid": (400, "The request cannot be read."),
    "not_found": (404, "There is no such order."),
    "cancelled": (409, "The order is cancelled."),
    "ticketing_refused": (409, "The carrier refuses to ticket."),
    "too_many_requests": (429, "Slow down."),
    "internal": (500, "Something went wrong."),
}


class ConsolidatorMachine:
    """`Machine`. Its records are Amadeus' orders."""

    name = "consolidator"

    def handle(self, request: Request, setting: Setting) -> Response:
        try:
            return _route(request, setting)
        except _Refused as refused:
            return _said(*refused.args)

    def settle(self, setting: Setting) -> None:
        """Orders that nobody issued in time are gone before anybody asks for them."""
        amadeus_orders.settle(setting)

    def control(self, request: Request, setting: Setting) -> Response | None:
        return None

    def refusal(self, status: int, errors: list[Json] | None) -> Response:
        if errors is not None:
            return Response.of_json(status, {"errors": errors})
        code = next((code for code, (said, _) in _MESSAGES.items() if said == status), "internal")
        return Response.of_json(status, {"error": {"code": code, "message": _MESSAGES[code][1]}})


class _Refused(Exception):
    """Code, and words for people if there are better ones than usual."""


def _said(code: str, message: str | None = None) -> Response:
    status, usual = _MESSAGES[code]
    return Response.of_json(status, {"error": {"code": code, "message": message or usual}})


def _route(request: Request, setting: Setting) -> Response:
    offered = _KEY.fullmatch(request.headers.get("authorization", ""))
    is_revoked = bool(faults.only(setting.faults, faults.TokenRevoke))
    if offered is None or offered[1] == "wrong" or is_revoked:
        raise _Refused("unauthorized")
    match request.method, request.path:
        case "POST", "/v1/releases":
            return _release(request, setting)
        case "GET", "/v1/records":
            remark = request.value("remark")
            return _queue(request, setting) if remark is None else _found(remark, setting)
    raise _Refused("not_found", "There is no such path.")


def _release(request: Request, setting: Setting) -> Response:
    """200 with the order's record; twice is once."""
    try:
        posted: Any = msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        posted = None
    order_id, reference = (
        posted.get(name) if isinstance(posted, dict) else None for name in ("orderId", "reference")
    )
    if not isinstance(order_id, str) or not isinstance(reference, str) or not reference:
        raise _Refused("invalid")
    order = setting.records.get(amadeus_orders.ORDERS, order_id)
    if order is None:
        raise _Refused("not_found")
    try:
        return Response.of_json(200, {"data": _record(issue(order, setting))})
    except NotIssued as refusal:
        raise _Refused(refusal.code, refusal.detail) from None


def _queue(request: Request, setting: Setting) -> Response:
    """As orders were made, `limit` (100) from after the cursor `since`. `next`: the cursor after them."""
    since, limit = request.value("since") or "0", request.value("limit") or "100"
    if not _CURSOR.fullmatch(since) or not _CURSOR.fullmatch(limit):
        raise _Refused("invalid")
    most = max(1, min(LARGEST_PAGE, int(limit)))
    shown, complete_until = _seen(setting)
    rest = [order for order in shown if order["number"] > int(since)]
    page = rest[:most]
    if len(rest) > most:
        complete_until = min(complete_until, rest[most]["createdBusiness"])
    last = page[-1]["number"] if page else int(since)
    return _answered(page, complete_until, str(last) if last else None)


def _found(remark: str, setting: Setting) -> Response:
    shown, complete_until = _seen(setting)
    matching = [order for order in shown if any(remark in text for text in remarks_of(order))]
    return _answered(matching, complete_until, None)


def _answered(orders: list[Json], complete_until: int, after: str | None) -> Response:
    data = [_record(order) for order in orders]
    meta: Json = {"completeUntil": moment(complete_until), "next": after}
    return Response.of_json(200, {"data": data, "meta": meta})


def _seen(setting: Setting) -> tuple[list[Json], int]:
    """Orders that the queue has taken in, in sequence, and until when (business time) it has all of them:
    the queue lags by the wall's clock, and business time may have leapt meanwhile."""
    lag = max((each.ms for each in faults.only(setting.faults, faults.FeedLag)), default=0)
    orders = sorted(_numbered(setting), key=lambda order: order["number"])
    until = setting.now.wall - lag
    shown = [order for order in orders if order["createdWall"] <= until]
    hidden = [order["createdBusiness"] for order in orders if order["createdWall"] > until]
    return shown, min([setting.now.business - lag, *hidden])


def _numbered(setting: Setting) -> Iterator[Json]:
    """Those of an older file have no number: they come first, as they were made."""
    for _, order in setting.records.scan(amadeus_orders.ORDERS):
        yield order if "number" in order else {**order, "number": 0}


def _record(order: Json) -> Json:
    data = order["data"]
    price = [offer["price"] for offer in data["flightOffers"]]
    due = order["dueKey"]
    return {
        "orderId": order["id"],
        "locator": order["locator"],
        "status": order["status"],
        "createdAt": moment(order["createdBusiness"]),
        "cancelsAt": None if due is None else moment(int(due.partition(".")[0])),
        "remarks": remarks_of(order),
        "price": {"total": price[0]["grandTotal"], "currency": price[0]["currency"]},
        "travelerIds": [each["id"] for each in data["travelers"]],
        "tickets": [
            {
                "number": each["documentNumber"],
                "status": each["documentStatus"],
                "travelerId": each["travelerId"],
            }
            for each in data.get("tickets", [])
        ],
    }
