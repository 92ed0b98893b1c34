"""Hotel Booking v2: rooms are booked, and that is all: no reading, no cancelling, as in Self-Service."""

import base64
import re
from typing import Any, Final

from gateways.sandbox.amadeus_errors import answered, refused
from gateways.sandbox.amadeus_params import member, posted
from gateways.sandbox.amadeus_rooms import (
    Stay,
    at_todays_price,
    described,
    free,
    is_expired,
    offer,
    unpacked,
)
from gateways.sandbox.draw import between, letters
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.faults import next_number
from gateways.sandbox.money import amount
from gateways.sandbox.stock import take_rooms

ORDERS: Final = "amadeus.hotelOrders"
MAX_ROOMS: Final = 9
_CARD: Final = re.compile(r"\d{12,19}")
_EXPIRY: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z '.-]{0,55}")


def book(request: Request, setting: Setting) -> Response:
    """`POST /v2/booking/hotel-orders`: 201, or nothing is changed."""
    data = member(posted(request), "data", dict, "")
    if member(data, "type", str, "/data") != "hotel-order":
        raise refused(477, "must be hotel-order", pointer="/data/type")
    guests = _guests(data)
    contact = member(
        member(data, "travelAgent", dict, "/data"), "contact", dict, "/data/travelAgent"
    )
    member(contact, "email", str, "/data/travelAgent/contact")
    card = _card(data, setting)
    rooms = member(data, "roomAssociations", list, "/data")
    if len(rooms) > MAX_ROOMS:
        raise refused(10661, f"at most {MAX_ROOMS} rooms", pointer="/data/roomAssociations")
    stays = [
        _stay(each, guests, setting, f"/data/roomAssociations[{n}]") for n, each in enumerate(rooms)
    ]
    for n, stay in enumerate(stays):
        same = sum(s.quantity for s in stays if (s.hotel, s.room) == (stay.hotel, stay.room))
        if free(stay, setting) < same:
            raise refused(
                3664,
                "no room of this kind is left",
                pointer=f"/data/roomAssociations[{n}]/hotelOfferId",
            )
    return answered(_booked(request, data, stays, card, setting), status=201)


def _guests(data: Json) -> set[str]:
    tids = set()
    for n, each in enumerate(member(data, "guests", list, "/data")):
        at = f"/data/guests[{n}]"
        tids.add(str(member(each, "tid", int, at)))
        for part in ("firstName", "lastName"):
            if part in each and _NAME.fullmatch(str(each[part])) is None:
                raise refused(477, "letters of the Latin alphabet", pointer=f"{at}/{part}")
    return tids


def _card(data: Json, setting: Setting) -> Json:
    """The payment, its number masked: it is kept nowhere else."""
    at = "/data/payment"
    payment = member(data, "payment", dict, "/data")
    if member(payment, "method", str, at) != "CREDIT_CARD":
        raise refused(477, "must be CREDIT_CARD", pointer=f"{at}/method")
    card = member(payment, "paymentCard", dict, at)
    info = member(card, "paymentCardInfo", dict, f"{at}/paymentCard")
    here = f"{at}/paymentCard/paymentCardInfo"
    number = member(info, "cardNumber", str, here)
    if _CARD.fullmatch(number) is None:
        raise refused(1304, "no card number", pointer=f"{here}/cardNumber")
    expiry = member(info, "expiryDate", str, here)
    if _EXPIRY.fullmatch(expiry) is None or expiry < f"{setting.now.today:%Y-%m}":
        raise refused(1304, "the card has expired", pointer=f"{here}/expiryDate")
    member(info, "vendorCode", str, here)
    masked = number[:6] + "X" * (len(number) - 10) + number[-4:]
    return {
        "method": "CREDIT_CARD",
        "paymentCard": {
            "paymentCardInfo": {
                "vendorCode": info["vendorCode"],
                "cardNumber": masked,
                "expiryDate": expiry,
                "holderName": info.get("holderName", ""),
            }
        },
    }


def _stay(association: Any, guests: set[str], setting: Setting, at: str) -> Stay:
    name = member(association, "hotelOfferId", str, at)
    references = member(association, "guestReferences", list, at)
    for n, each in enumerate(references):
        here = f"{at}/guestReferences[{n}]"
        if str(member(each, "guestReference", str, here)) not in guests:
            raise refused(33555, "no such guest", pointer=f"{here}/guestReference")
    stay = unpacked(name, setting)
    if stay is None:
        raise refused(36801, "no offer has this id", pointer=f"{at}/hotelOfferId")
    if is_expired(stay, setting):
        raise refused(38420, "the offer has expired", pointer=f"{at}/hotelOfferId")
    if len(references) > stay.adults:
        raise refused(3843, f"the offer is for {stay.adults}", pointer=f"{at}/guestReferences")
    today = at_todays_price(stay, setting)
    if today.units != stay.units:
        raise refused(
            37200,
            f"Current total price ({amount(today.units, stay.currency)}) is different from "
            f"request one ({amount(stay.units, stay.currency)})",
            pointer=f"{at}/hotelOfferId",
        )
    return stay


def _booked(request: Request, data: Json, stays: list[Stay], card: Json, setting: Setting) -> Json:
    number = next_number(setting.records, ORDERS)
    locator = letters(
        6, "BCDFGHJKLMNPQRSTVWXYZ23456789", setting.world.seed, "hotel-locator", number
    )
    order_id = base64.b64encode(f"{locator}/{setting.now.today}".encode()).decode()
    bookings = [
        _booking(request, association, stay, setting, f"{locator}.{n}") | {"payment": card}
        for n, (association, stay) in enumerate(
            zip(data["roomAssociations"], stays, strict=True), 1
        )
    ]
    for stay in stays:
        take_rooms(setting.records, stay.hotel, stay.room, stay.nights, stay.quantity)
    found: Json = {
        "type": "hotel-order",
        "id": order_id,
        "hotelBookings": bookings,
        "guests": [{**each, "id": n} for n, each in enumerate(data["guests"], 1)],
        "associatedRecords": [{"reference": locator, "originSystemCode": "GDS"}],
        "self": f"{request.base}/v2/booking/hotel-orders/{order_id}",
    }
    setting.records.put(
        ORDERS,
        order_id,
        {"locator": locator, "createdWall": setting.now.wall, "data": found},
    )
    return {"data": found}


def _booking(request: Request, association: Json, stay: Stay, setting: Setting, name: str) -> Json:
    shown = offer(request, stay, setting)
    policies = shown["policies"]
    return {
        "type": "hotel-booking",
        "id": base64.b64encode(name.encode()).decode(),
        "bookingStatus": "CONFIRMED",
        "hotelProviderInformation": [
            {
                "hotelProviderCode": stay.hotel.chain,
                "confirmationNumber": str(between(10_000_000, 99_999_999, name)),
            }
        ],
        "roomAssociations": [association],
        "hotelOffer": {
            **{key: shown[key] for key in ("id", "checkInDate", "checkOutDate", "guests", "room")},
            "rateCode": shown["rateCode"],
            "roomQuantity": stay.quantity,
            "price": {**shown["price"], "sellingTotal": shown["price"]["total"]},
            "policies": {
                "cancellations": [policies["cancellation"]],
                "paymentType": policies["paymentType"].upper(),
            },
        },
        "hotel": {
            **{key: described(stay.hotel)[key] for key in ("hotelId", "chainCode", "name")},
            "self": f"{request.base}/v1/reference-data/locations/hotels/by-hotels"
            f"?hotelIds={stay.hotel.id}",
        },
    }
