"""What happens to Amadeus' orders out of band, by the control port: issuing, and the feed of PNRs.

`POST /_sandbox/orders/{id or locator}/issue` is the consolidator who tickets, `…/change` and `…/airline-cancel` are
the airline (`airlines`); `GET
/_sandbox/pnrs?remark=TEXT` is the queue in which a lost order is found again; `GET
/_sandbox/rooms?request=TEXT` lists what hotels were sent, which nobody can ask Amadeus for.
"""

import msgspec

from gateways.sandbox import faults
from gateways.sandbox.airlines import gone, minutes_of, not_minutes
from gateways.sandbox.amadeus_options import options, set_options
from gateways.sandbox.amadeus_orders import (
    DUE,
    ORDERS,
    by_id_or_locator,
    cancel,
    change_schedule,
)
from gateways.sandbox.amadeus_stays import ORDERS as ROOM_ORDERS
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.faults import next_number


def control(request: Request, setting: Setting) -> Response | None:
    """None: the request is not about Amadeus."""
    match request.method, request.path.removeprefix("/_sandbox/").split("/"):
        case "POST", ["orders", name, "issue"]:
            order = by_id_or_locator(setting, name)
            return None if order is None else _issued(order, setting)
        case "POST", ["orders", name, ("change" | "airline-cancel") as what]:
            order = by_id_or_locator(setting, name)
            return None if order is None else _by_airline(what, order, request, setting)
        case "GET", ["pnrs"]:
            return _pnrs(request.value("remark") or "", setting)
        case "GET", ["rooms"]:
            return _rooms(request.value("request") or "", setting)
        case "GET", ["amadeus", "options"]:
            return Response.of_json(200, msgspec.to_builtins(options(setting.records)))
        case "POST", ["amadeus", "options"]:
            try:
                found = set_options(setting.records, _posted(request))
            except ValueError as error:
                return Response.of_json(400, {"detail": str(error)})
            return Response.of_json(200, msgspec.to_builtins(found))
        case _:
            return None


class NotIssued(Exception):
    """Why nothing can be issued. `code`: one word."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def issue(order: Json, setting: Setting) -> Json:
    """The order with its tickets. Idempotent: issued twice is issued once. Raises `NotIssued`."""
    if order["status"] == "ticketed":
        return order
    for refusal in faults.only(setting.faults, faults.TicketRefuse):
        raise NotIssued("ticketing_refused", refusal.reason)
    if order["status"] == "cancelled":
        raise NotIssued("cancelled", "The order is cancelled: nothing can be issued.")
    if order["dueKey"] is not None:
        setting.records.delete(DUE, order["dueKey"])
    data = {**order["data"], "tickets": _tickets(order["data"], setting)}
    order = {**order, "status": "ticketed", "dueKey": None, "data": data}
    setting.records.put(ORDERS, order["id"], order)
    return order


def remarks_of(order: Json) -> list[str]:
    """What may be searched for: remarks, then addresses of contacts."""
    data = order["data"]
    remarks = data.get("remarks", {}).get("general", [])
    addresses = [each.get("emailAddress", "") for each in data["contacts"]]
    return [each["text"] for each in remarks] + addresses


def _issued(order: Json, setting: Setting) -> Response:
    try:
        return Response.of_json(200, {"data": issue(order, setting)["data"]})
    except NotIssued as refusal:
        return Response.of_json(409, {"detail": refusal.detail})


def _by_airline(what: str, order: Json, request: Request, setting: Setting) -> Response:
    if order["status"] == "cancelled":
        return gone()
    if what == "airline-cancel":
        cancel(order, setting, by_airline=True)
        return Response.of_json(
            200, {"data": (by_id_or_locator(setting, order["id"]) or order)["data"]}
        )
    by = minutes_of(request)
    if by is None:
        return not_minutes()
    return Response.of_json(200, {"data": change_schedule(order, by, setting)["data"]})


def _tickets(data: Json, setting: Setting) -> list[Json]:
    segments = [
        segment["id"]
        for offer in data["flightOffers"]
        for itinerary in offer["itineraries"]
        for segment in itinerary["segments"]
    ]
    return [
        {
            "documentType": "ETICKET",
            "documentNumber": f"999-{2_400_000_000 + next_number(setting.records, 'tickets')}",
            "documentStatus": "ISSUED",
            "travelerId": traveler["id"],
            "segmentIds": segments,
        }
        for traveler in data["travelers"]
    ]


def _pnrs(remark: str, setting: Setting) -> Response:
    """Those one of whose remarks or contact addresses has this text; oldest first."""
    lag = max((each.ms for each in faults.only(setting.faults, faults.FeedLag)), default=0)
    seen_until = setting.now.wall - lag
    orders = [
        order
        for _, order in setting.records.scan(ORDERS)
        if order["createdWall"] <= seen_until and any(remark in text for text in remarks_of(order))
    ]
    orders.sort(key=lambda order: (order["createdWall"], order["locator"]))
    return Response.of_json(
        200,
        {
            "data": [
                {
                    "id": order["id"],
                    "locator": order["locator"],
                    "status": order["status"],
                    "createdAt": order["createdBusiness"],
                    "remarks": remarks_of(order),
                }
                for order in orders
            ]
        },
    )


def _rooms(wanted: str, setting: Setting) -> Response:
    """Orders with this text in a special request; as they are kept, with the time of the wall."""
    found = []
    for order_id, order in setting.records.scan(ROOM_ORDERS):
        requests = [
            room.get("specialRequest", "")
            for booking in order["data"]["hotelBookings"]
            for room in booking["roomAssociations"]
        ]
        if any(wanted in text for text in requests):
            room = {"id": order_id, "locator": order["locator"], "requests": requests}
            found.append({**room, "createdWall": order["createdWall"]})
    return Response.of_json(200, {"data": found})


def _posted(request: Request) -> object:
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        return None
