"""Orders of the sandbox's Duffel: held or paid at once, paid later, let go.

A held order keeps its seats until `payment_required_by` and its price for two days. The balance from
which it is paid has no end.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from gateways.sandbox.draw import letters
from gateways.sandbox.duffel_effects import write
from gateways.sandbox.duffel_offers import Found
from gateways.sandbox.duffel_replies import Fault, Refusal, moment, new_id, number_between, refused
from gateways.sandbox.duffel_search import Passenger
from gateways.sandbox.duffel_shapes import (
    CURRENCY,
    PAY_WITHIN_MS,
    PRICE_KEPT_MS,
    airline,
    cents,
    conditions,
    slices,
)
from gateways.sandbox.exchange import Json, Request, Setting
from gateways.sandbox.faults import PnrAutocancelNow, TicketRefuse, only
from gateways.sandbox.stock import give_back_seats, take_seats
from protocol.money import minor_units

ORDERS: Final = "duffel.order"
HELD: Final = "duffel.held"
BOOKED: Final = "duffel.booked"
MOST_METADATA: Final = 50
LARGEST_PAGE: Final = 200
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_REQUIRED: Final = ("given_name", "family_name", "born_on", "gender", "title", "email")
_ALLOWED: Final = {"gender": ("m", "f"), "title": ("mr", "ms", "mrs", "miss", "dr")}


def selected_offer(data: Json) -> str:
    """The one offer that an order is made of."""
    offers = data.get("selected_offers")
    if not isinstance(offers, list) or len(offers) != 1 or not isinstance(offers[0], str):
        raise refused("validation_length", "/selected_offers")
    return offers[0]


def create(data: Json, found: Found, setting: Setting) -> Json:
    """The order that exists now, held or paid. Takes the seats."""
    faults = [*_wrong(data, found)]
    if faults:
        raise Refusal(*faults)
    if setting.records.get(BOOKED, found.search.id) is not None:
        raise refused("offer_request_already_booked")
    is_hold = data["type"] == "hold"
    if not is_hold:
        _check_payment(data["payments"][0], found.total, "/payments/0")
        _check_ticketing(setting)
    required_by = found.search.created + PAY_WITHIN_MS
    kept = _made(data, found, setting)
    if not is_hold:
        kept["documents"] = _tickets(kept, setting)
        write(setting, "paid", found.total, kept)
    flights = [flight for way in found.ways for flight in way]
    sold: Json = {
        "flights": [flight.key for flight in flights],
        "class": found.fare.fare_class,
        "seats": found.search.seats,
        "cents": found.total,
        "requiredBy": required_by,
        "isRefundable": found.fare.is_refundable,
    }
    for flight in flights:
        take_seats(setting.records, flight, found.fare.fare_class, found.search.seats)
    setting.records.put(BOOKED, found.search.id, {"order": kept["id"]})
    keep({"order": kept, "sold": sold}, setting)
    return kept


def _made(data: Json, found: Found, setting: Setting) -> Json:
    """Duffel's JSON of an order that nobody has a ticket of."""
    is_hold, created = data["type"] == "hold", found.search.created
    order_id, now = new_id("ord", setting), setting.now.business
    return {
        "id": order_id,
        "offer_id": found.id,
        "live_mode": False,
        "type": data["type"],
        "content": "managed",
        "booking_reference": letters(6, _LETTERS, setting.world.seed, order_id),
        "metadata": data.get("metadata") or {},
        "created_at": moment(now),
        "synced_at": moment(now),
        "cancelled_at": None,
        "owner": airline(found.ways[0][0].service.carrier),
        "base_amount": cents(found.base),
        "base_currency": CURRENCY,
        "tax_amount": cents(found.taxes),
        "tax_currency": CURRENCY,
        "total_amount": cents(found.total),
        "total_currency": CURRENCY,
        "conditions": conditions(found.fare),
        "payment_status": {
            "awaiting_payment": is_hold,
            "payment_required_by": moment(created + PAY_WITHIN_MS) if is_hold else None,
            "price_guarantee_expires_at": (moment(created + PRICE_KEPT_MS) if is_hold else None),
            "paid_at": None if is_hold else moment(now),
        },
        "available_actions": ["cancel", "update"],
        "services": [],
        "documents": [],
        "passengers": [_booked(each) for each in data["passengers"]],
        "slices": slices(found, setting.world),
        "airline_initiated_changes": [],
        "cancellation": None,
    }


def shown(order_id: str, setting: Setting) -> Json:
    order: Json = known(order_id, setting)["order"]
    return order


def matching(request: Request, setting: Setting) -> tuple[list[Json], str | None]:
    """A page, newest first, and where the next one begins. Duffel filters by what the airline calls an
    order, not by our metadata. Raises `Refusal`."""
    wanted = {
        "booking_reference": request.value("booking_reference"),
        "offer_id": request.value("offer_id"),
    }
    awaiting, after = request.value("awaiting_payment"), request.value("after")
    if after is not None and setting.records.get(ORDERS, after) is None:
        raise refused("validation_format", "/after")
    found = [
        kept["order"]
        for order_id, kept in setting.records.scan(ORDERS)
        if (after is None or order_id < after)
        and all(value in (None, kept["order"][name]) for name, value in wanted.items())
        and awaiting in (None, str(kept["order"]["payment_status"]["awaiting_payment"]).lower())
    ]
    limit = page_of(request)
    page = found[::-1][:limit]
    return page, page[-1]["id"] if len(found) > limit else None


def page_of(request: Request) -> int:
    """How many of a list are asked for; 50 unless it says. Raises `Refusal`."""
    return number_between(1, LARGEST_PAGE, request.value("limit") or "50", "/limit")


def of_name(name: str, setting: Setting) -> Json | None:
    """For the control port: by id, or by what the airline calls it; one that is not cancelled comes first."""
    found = [
        kept
        for _, kept in setting.records.scan(ORDERS)
        if name in (kept["order"]["id"], kept["order"]["booking_reference"])
    ]
    return min(found, key=lambda kept: kept["order"]["cancelled_at"] is not None, default=None)


def with_metadata(value: str | None, setting: Setting) -> list[Json]:
    """For the control port: orders one of whose metadata has this value."""
    return [
        kept["order"]
        for _, kept in setting.records.scan(ORDERS)
        if value is None or value in kept["order"]["metadata"].values()
    ]


def pay(data: Json, setting: Setting) -> Json:
    """A held order becomes a paid one, and gets its tickets."""
    kept = known(_text(data.get("order_id"), "/order_id"), setting)
    order, now = kept["order"], setting.now.business
    if order["cancelled_at"] is not None:
        raise refused("already_cancelled")
    if order["type"] != "hold":
        raise refused("order_type_not_eligible_for_payment", "/order_id")
    if order["payment_status"]["paid_at"] is not None:
        raise refused("already_paid")
    if not order["payment_status"]["awaiting_payment"]:
        raise refused("past_payment_required_by_date")
    payment = data.get("payment")
    if not isinstance(payment, dict):
        raise refused("validation_required", "/payment")
    _check_payment(payment, kept["sold"]["cents"], "/payment")
    _check_ticketing(setting)
    setting.records.delete(HELD, _held_key(kept))
    order["payment_status"] = {
        "awaiting_payment": False,
        "payment_required_by": None,
        "price_guarantee_expires_at": None,
        "paid_at": moment(now),
    }
    order["documents"] = _tickets(order, setting)
    write(setting, "paid", kept["sold"]["cents"], order)
    keep(kept, setting)
    return {
        "id": new_id("pay", setting),
        "type": "balance",
        "amount": order["total_amount"],
        "currency": order["total_currency"],
        "status": "succeeded",
        "failure_reason": None,
        "live_mode": False,
        "created_at": moment(now),
    }


def release_due(setting: Setting) -> None:
    """Held orders whose time is over lose their seats: neither paid nor awaiting payment, and, as
    with Duffel, not "cancelled"."""
    now_at_once = only(setting.faults, PnrAutocancelNow)
    due: list[str] = []
    for key, kept in setting.records.scan(HELD):
        order = known(kept["order"], setting)["order"]
        forced = any(each.locator in (None, order["booking_reference"]) for each in now_at_once)
        if forced or int(key.partition(".")[0]) <= setting.now.business:
            due.append(kept["order"])
        elif not now_at_once:
            break
    for order_id in due:
        let_go(known(order_id, setting), setting)


def let_go(kept: Json, setting: Setting) -> None:
    """Its seats are free, nobody awaits a payment, and nothing can be done to it any more."""
    order, sold = kept["order"], kept["sold"]
    for flight_key in sold["flights"]:
        give_back_seats(setting.records, flight_key, sold["class"], sold["seats"])
    setting.records.delete(HELD, _held_key(kept))
    order["payment_status"] = {
        **order["payment_status"],
        "awaiting_payment": False,
        "payment_required_by": None,
    }
    order["available_actions"] = ["update"]
    keep(kept, setting)


def keep(kept: Json, setting: Setting) -> None:
    """The order as it is now."""
    order = kept["order"]
    setting.records.put(ORDERS, order["id"], kept)
    if order["payment_status"]["awaiting_payment"]:
        setting.records.put(HELD, _held_key(kept), {"order": order["id"]})


def _held_key(kept: Json) -> str:
    return f"{kept['sold']['requiredBy']:015}.{kept['order']['id']}"


def known(order_id: str, setting: Setting) -> Json:
    """What is kept of it: `order` is Duffel's JSON, `sold` what it took. Raises `Refusal`."""
    kept = setting.records.get(ORDERS, order_id)
    if kept is None:
        raise refused("not_found")
    return kept


def check_cancellable(order: Json) -> None:
    """Raises `Refusal`."""
    if order["cancelled_at"] is not None:
        raise refused("already_cancelled")
    if "cancel" not in order["available_actions"]:
        raise refused("order_not_cancellable")


def _check_ticketing(setting: Setting) -> None:
    if only(setting.faults, TicketRefuse):
        raise refused("order_not_created")


def _check_payment(payment: Json, total: int, at: str) -> None:
    if payment.get("type") != "balance":
        raise refused("validation_inclusion", f"{at}/type")
    if payment.get("currency") != CURRENCY:
        raise refused("payment_currency_does_not_match_order_currency", f"{at}/currency")
    try:
        amount = minor_units(_text(payment.get("amount"), f"{at}/amount"), CURRENCY)
    except ValueError:
        raise refused("validation_format", f"{at}/amount") from None
    if amount != total:
        raise refused("payment_amount_does_not_match_order_amount", f"{at}/amount")


def _tickets(order: Json, setting: Setting) -> list[Json]:
    return [
        {
            "type": "electronic_ticket",
            "unique_identifier": letters(13, "0123456789", setting.world.seed, order["id"], place),
            "passenger_ids": [each["id"]],
        }
        for place, each in enumerate(order["passengers"])
    ]


def _booked(posted: Json) -> Json:
    """What an order repeats of a passenger."""
    names = ("id", "given_name", "family_name", "born_on", "gender", "title", "email")
    return {name: posted[name] for name in names} | {
        "phone_number": posted.get("phone_number"),
        "infant_passenger_id": posted.get("infant_passenger_id"),
        "loyalty_programme_accounts": [],
        "user_id": None,
    }


def _wrong(data: Json, found: Found) -> Iterator[Fault]:
    if data.get("type") not in ("instant", "hold"):
        yield Fault("validation_inclusion", "/type")
    payments = data.get("payments") or []
    needed = 1 if data.get("type") == "instant" else 0
    if not isinstance(payments, list) or len(payments) != needed:
        yield Fault("validation_length", "/payments")
    elif needed and not isinstance(payments[0], dict):
        yield Fault("validation_type", "/payments/0")
    metadata = data.get("metadata") or {}
    if not isinstance(metadata, dict) or len(metadata) > MOST_METADATA:
        yield Fault("validation_length", "/metadata")
    elif not all(isinstance(value, str) for value in metadata.values()):
        yield Fault("validation_type", "/metadata")
    yield from _wrong_passengers(data.get("passengers"), found)


def _wrong_passengers(posted: Any, found: Found) -> Iterator[Fault]:
    expected = {each.id: each for each in found.search.passengers}
    if not isinstance(posted, list) or not all(isinstance(each, dict) for each in posted):
        yield Fault("validation_type", "/passengers")
        return
    if sorted(str(each.get("id")) for each in posted) != sorted(expected):
        yield Fault("validation_inclusion", "/passengers")
        return
    last = found.ways[-1][-1].day
    for index, each in enumerate(posted):
        yield from _wrong_passenger(each, expected[each["id"]], last, f"/passengers/{index}")
    infants = sorted(each.id for each in expected.values() if each.kind == "infant")
    held = sorted(
        str(each["infant_passenger_id"]) for each in posted if each.get("infant_passenger_id")
    )
    if infants != held:
        yield Fault("validation_inclusion", "/passengers/0/infant_passenger_id")


def _wrong_passenger(posted: Json, expected: Passenger, last: date, at: str) -> Iterator[Fault]:
    for name in _REQUIRED:
        if not isinstance(posted.get(name), str) or not posted[name].strip():
            yield Fault("validation_required", f"{at}/{name}")
    for name, allowed in _ALLOWED.items():
        if isinstance(posted.get(name), str) and posted[name] not in allowed:
            yield Fault("validation_inclusion", f"{at}/{name}")
    if posted.get("phone_number") and not re.fullmatch(
        r"\+[1-9][0-9]{6,14}", str(posted["phone_number"])
    ):
        yield Fault("validation_format", f"{at}/phone_number")
    born = posted.get("born_on")
    if isinstance(born, str) and born.strip() and not _fits(born, expected, last):
        yield Fault("validation_format", f"{at}/born_on")


def _fits(born: str, expected: Passenger, last: date) -> bool:
    """Whether somebody born then has, on the last flight, the age that was searched for."""
    try:
        day = date.fromisoformat(born)
    except ValueError:
        return False
    age = last.year - day.year - ((last.month, last.day) < (day.month, day.day))
    if expected.age is not None:
        return age == expected.age
    low, high = {"adult": (12, 130), "child": (2, 17), "infant": (0, 1)}[expected.kind]
    return low <= age <= high


def _text(value: object, at: str) -> str:
    if not isinstance(value, str):
        raise refused("validation_required", at)
    return value
