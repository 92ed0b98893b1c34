"""Flight Create Orders and Flight Order Management v1: orders made, read and deleted.

An order is a record: Amadeus' JSON, what it took from the stock, and when it cancels itself.
"""

import base64
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from gateways.sandbox import faults
from gateways.sandbox.amadeus_errors import answered, refused
from gateways.sandbox.amadeus_offers import Offered, dictionaries, priced
from gateways.sandbox.amadeus_options import options
from gateways.sandbox.amadeus_order_checks import (
    Agreement,
    check_remarks,
    checked_agreement,
    demand_price,
    demand_seats,
)
from gateways.sandbox.amadeus_params import member, posted
from gateways.sandbox.amadeus_pricing import posted_offers
from gateways.sandbox.amadeus_travelers import checked_travelers
from gateways.sandbox.draw import letters
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.faults import next_number
from gateways.sandbox.stock import give_back_seats, take_seats

ORDERS: Final = "amadeus.orders"
DUE: Final = "amadeus.due"
OFFICE: Final = "SBX1A0001"
_LOCATOR_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXYZ23456789"


def create(request: Request, setting: Setting) -> Response:
    """`POST /v1/booking/flight-orders`: 201, or nothing is changed."""
    data = member(posted(request), "data", dict, "")
    if member(data, "type", str, "/data") != "flight-order":
        raise refused(477, "must be flight-order", pointer="/data/type")
    if "formOfPayments" in data:
        raise refused(477, "formOfPayments cannot be sent", pointer="/data/formOfPayments")
    offers = posted_offers(data, setting)
    travelers = checked_travelers(data, [offered for _, offered in offers])
    check_remarks(data.get("remarks"))
    agreement = checked_agreement(data.get("ticketingAgreement"), setting)
    demand_seats([offered for _, offered in offers], setting)
    for n, (each, offered) in enumerate(offers):
        demand_price(each, offered, setting, f"/data/flightOffers[{n}]/price")
    wanted = _Wanted(data=data, offers=offers, travelers=travelers, agreement=agreement)
    order = _kept(wanted, setting)
    return answered(_shown(order, request), status=201)


def show(request: Request, setting: Setting, order_id: str) -> Response:
    """`GET /v1/booking/flight-orders/{id}`."""
    order = _found(setting, order_id)
    for change in faults.only(setting.faults, faults.ScheduleChange):
        order = change_schedule(order, change.minutes, setting)
    return answered(_shown(order, request))


def delete(_: Request, setting: Setting, order_id: str) -> Response:
    """`DELETE /v1/booking/flight-orders/{id}`: 204; 400 once it is ticketed; 404 when it is gone."""
    order = _found(setting, order_id)
    if order["status"] == "cancelled":
        raise _unknown()
    if order["status"] == "ticketed":
        code = options(setting.records).ticketed_delete_code
        raise refused(code, "The order is ticketed and cannot be cancelled online")
    cancel(order, setting)
    return Response(status=204)


def settle(setting: Setting) -> None:
    """Cancel what is due on the business clock, and what a rule says."""
    for key, due in list(_due(setting)):
        order = setting.records.get(ORDERS, due["order"])
        if order is not None and order["status"] == "live":
            cancel(order, setting)
        setting.records.delete(DUE, key)


def change_schedule(order: Json, minutes: int, setting: Setting) -> Json:
    """The airline moves all its flights, for good: whoever reads the order sees it. The order."""
    moved = _moved(order, timedelta(minutes=minutes))
    setting.records.put(ORDERS, moved["id"], moved)
    return moved


def cancel(order: Json, setting: Setting, *, by_airline: bool = False) -> None:
    """Seats back, segments cancelled, timer gone. What an airline cancelled, ticketed or not, can still be
    read, whatever the options say."""
    for flight_key, fare_class, number in order["sold"]:
        give_back_seats(setting.records, flight_key, fare_class, number)
    if order["dueKey"] is not None:
        setting.records.delete(DUE, order["dueKey"])
    cancelled = _with_segments(order, lambda each: {**each, "bookingStatus": "CANCELLED"})
    gone: Json = {**cancelled, "status": "cancelled", "sold": [], "dueKey": None}
    if by_airline:
        gone["cancelledBy"] = "airline"
    setting.records.put(ORDERS, order["id"], gone)


def order_id_of(locator: str) -> str:
    """The published samples' scheme, percent-encoded as Amadeus gives it."""
    return quote(base64.b64encode(zlib.compress(f"/G/{locator}".encode())), safe="")


def by_id_or_locator(setting: Setting, name: str) -> Json | None:
    """For the control port."""
    return setting.records.get(ORDERS, name) or setting.records.get(ORDERS, order_id_of(name))


def _due(setting: Setting) -> list[tuple[str, Json]]:
    now = f"{setting.now.business:015}"
    forced = faults.only(setting.faults, faults.PnrAutocancelNow)
    found = []
    for key, due in setting.records.scan(DUE):
        if key > now and not forced:
            break
        if key <= now or any(each.locator in (None, due["locator"]) for each in forced):
            found.append((key, due))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A body that was found right."""

    data: Json
    offers: list[tuple[Json, Offered]]
    travelers: list[Json]
    agreement: Agreement


def _kept(wanted: _Wanted, setting: Setting) -> Json:
    number = next_number(setting.records, ORDERS)
    locator = _locator(setting, number)
    order_id = order_id_of(locator)
    sold = Counter[tuple[str, str]]()
    for _, offered in wanted.offers:
        for flight, fare in offered.legs:
            take_seats(setting.records, flight, fare.fare_class, offered.seated)
            sold[flight.key, fare.fare_class] += offered.seated
    due_key = None
    if wanted.agreement.option == "DELAY_TO_CANCEL" and wanted.agreement.day is not None:
        due_key = f"{round(wanted.agreement.day.timestamp() * 1_000):015}.{number:09}"
        setting.records.put(DUE, due_key, {"order": order_id, "locator": locator})
    order: Json = {
        "id": order_id,
        "locator": locator,
        "number": number,
        "status": "live",
        "createdWall": setting.now.wall,
        "createdBusiness": setting.now.business,
        "dueKey": due_key,
        "sold": [[key, letter, count] for (key, letter), count in sold.items()],
        "data": _data(wanted, setting, locator),
        "dictionaries": dictionaries([offered for _, offered in wanted.offers], setting),
    }
    setting.records.put(ORDERS, order_id, order)
    return order


def _data(wanted: _Wanted, setting: Setting, locator: str) -> Json:
    data = wanted.data
    found: Json = {
        "type": "flight-order",
        "id": order_id_of(locator),
        "queuingOfficeId": data.get("queuingOfficeId", OFFICE),
        "associatedRecords": _associated(wanted, setting, locator),
        "travelers": wanted.travelers,
        "flightOffers": [
            _confirmed(priced(offer, offered, setting)) for offer, offered in wanted.offers
        ],
        "contacts": data.get("contacts", []),
    }
    if "remarks" in data:
        found["remarks"] = data["remarks"]
    if wanted.agreement.option is not None:
        found["ticketingAgreement"] = {"option": wanted.agreement.option}
    if wanted.agreement.day is not None:
        found["ticketingAgreement"]["dateTime"] = f"{wanted.agreement.day:%Y-%m-%d}"
        queue = {"number": "0", "category": "0"}
        found["automatedProcess"] = [
            {"code": "DELAYED", "queue": queue, "officeId": found["queuingOfficeId"]}
        ]
    return found


def _associated(wanted: _Wanted, setting: Setting, locator: str) -> list[Json]:
    """Our locator for each offer, then each carrier's own."""
    created = setting.now.moment.strftime("%Y-%m-%dT%H:%M:%S.000")
    ours: list[Json] = []
    theirs: list[Json] = []
    for n, (offer, offered) in enumerate(wanted.offers):
        carrier, name = offered.legs[0][0].service.carrier, str(offer.get("id", "1"))
        reference = letters(6, _LOCATOR_LETTERS, setting.world.seed, locator, carrier, n)
        ours.append(
            {
                "reference": locator,
                "creationDate": created,
                "originSystemCode": "GDS",
                "flightOfferId": name,
            }
        )
        theirs.append({"reference": reference, "originSystemCode": carrier, "flightOfferId": name})
    return ours + theirs


def live_order(setting: Setting, order_id: str) -> Json | None:
    """None: there is none, or it is cancelled."""
    order = setting.records.get(ORDERS, order_id)
    return None if order is None or order["status"] == "cancelled" else order


def _confirmed(offer: Json) -> Json:
    status = {"bookingStatus": "CONFIRMED", "segmentType": "ACTIVE", "isFlown": False}
    return {**offer, "itineraries": _mapped(offer["itineraries"], lambda each: {**each, **status})}


def _mapped(itineraries: list[Json], change: Callable[[Json], Json]) -> list[Json]:
    return [
        {**each, "segments": [change(segment) for segment in each["segments"]]}
        for each in itineraries
    ]


def _with_segments(order: Json, change: Callable[[Json], Json]) -> Json:
    offers = [
        {**offer, "itineraries": _mapped(offer["itineraries"], change)}
        for offer in order["data"]["flightOffers"]
    ]
    return {**order, "data": {**order["data"], "flightOffers": offers}}


def _moved(order: Json, by: timedelta) -> Json:
    def change(segment: Json) -> Json:
        ends = {
            end: {
                **segment[end],
                "at": (datetime.fromisoformat(segment[end]["at"]) + by).isoformat(),
            }
            for end in ("departure", "arrival")
        }
        return {**segment, **ends}

    return _with_segments(order, change)


def _locator(setting: Setting, number: int) -> str:
    """Never used before, and its id has no slash, which careless servers decode."""
    for attempt in range(100):
        found = letters(6, _LOCATOR_LETTERS, setting.world.seed, "locator", number, attempt)
        order_id = order_id_of(found)
        if "%2F" not in order_id and setting.records.get(ORDERS, order_id) is None:
            return found
    raise refused(141, "no locator is left", status=500)


def _found(setting: Setting, order_id: str) -> Json:
    order = setting.records.get(ORDERS, order_id)
    if order is None:
        raise _unknown()
    is_shown = "cancelledBy" in order or options(setting.records).cancelled_orders == 200
    if order["status"] == "cancelled" and not is_shown:
        raise _unknown()
    return order


def _unknown() -> Exception:
    return refused(1797, "No order with this id", status=404)


def _shown(order: Json, request: Request) -> Json:
    link = f"{request.base}/v1/booking/flight-orders/{order['id']}"
    return {
        "meta": {"count": 1, "links": {"self": link}},
        "data": order["data"],
        "dictionaries": order["dictionaries"],
    }
