"""Our hotel orders as Amadeus' (Hotel Booking v2), and theirs as ours: pure.

Source: APIS §3.9. Rooms are booked at once, with the platform's own card, and that is all: there is no
reading, no cancelling and no finding. Ids of such orders are marked by us, because flights' have a reader.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from core.ports.vault import DeskCard
from gateways.partners import amadeus_wire as wire
from gateways.partners.amadeus_flights import NAME
from gateways.partners.amadeus_settings import AmadeusSettings
from gateways.partners.people import digits, latin
from protocol.frames import Money
from protocol.money import money
from protocol.travel import OrderState, SupplierOffer, Traveller

MARK: Final = "hotel:"
MAX_REQUEST: Final = 120
_TITLES: Final = {"female": "MS", "male": "MR"}
_GONE: Final = frozenset({"CANCELLED", "DENIED", "DELETED"})
_offer: Final = msgspec.json.Decoder(wire.HotelOffer).decode
_ordered: Final = msgspec.json.Decoder(wire.HotelOrderAnswer).decode


def is_stay(order_id: str) -> bool:
    """Whether an order is for a hotel."""
    return order_id.startswith(MARK)


def stay_body(
    offer: SupplierOffer,
    travellers: Sequence[Traveller],
    reference: str,
    card: DeskCard,
    of: AmadeusSettings,
) -> str:
    """The body of `POST /v2/booking/hotel-orders`; it holds the card's number. One association books all
    rooms of the offer; as many guests are named as sleep in one. Raises `ValueError`."""
    if not 0 < len(reference) <= MAX_REQUEST:
        raise ValueError("a reference that is too long for a request")
    wanted = _offer(bytes(offer.token))
    named = sorted(
        (one for one in travellers if one.kind != "infant"), key=lambda one: one.kind != "adult"
    )[: wanted.guests.adults]
    if not named:
        raise ValueError("nobody to book for")
    association = {
        "guestReferences": [{"guestReference": str(n)} for n in range(1, len(named) + 1)],
        "hotelOfferId": wanted.id,
        "specialRequest": reference,
    }
    info = {
        "vendorCode": card.vendor,
        "cardNumber": card.number,
        "expiryDate": card.expires,
        "holderName": card.holder,
    }
    data: dict[str, Any] = {
        "type": "hotel-order",
        "guests": [_guest(n, one) for n, one in enumerate(named, 1)],
        "travelAgent": {"contact": {"email": of.agency_email}},
        "roomAssociations": [association],
        "payment": {"method": "CREDIT_CARD", "paymentCard": {"paymentCardInfo": info}},
        "arrivalInformation": {},
    }
    return msgspec.json.encode({"data": data}).decode()


def stay_state(answer: bytes) -> OrderState:
    """Raises `ValueError` for an answer that cannot be read."""
    order = _ordered(answer).data
    if not order.id:
        raise ValueError("an order without an id")
    return OrderState(
        supplier=NAME,
        order_id=f"{MARK}{order.id}",
        status=_status(order),
        locator=next((one.reference for one in order.associated_records), None),
        reference=next(
            (
                room.special_request
                for booking in order.hotel_bookings
                for room in booking.room_associations
                if room.special_request
            ),
            None,
        ),
        total=_total(order),
    )


def _guest(tid: int, one: Traveller) -> dict[str, Any]:
    found: dict[str, Any] = {
        "tid": tid,
        "firstName": latin(one.given_name),
        "lastName": latin(one.family_name),
        "email": one.email,
    }
    if one.gender in _TITLES:
        found["title"] = _TITLES[one.gender]
    if one.phone and digits(one.phone):
        found["phone"] = f"+{digits(one.phone)}"
    return found


def _status(order: wire.HotelOrder) -> Any:
    states = {one.booking_status for one in order.hotel_bookings}
    if states and states <= _GONE:
        return "cancelled"
    return "confirmed" if states == {"CONFIRMED"} else "pending"


def _total(order: wire.HotelOrder) -> Money | None:
    """Prices are of one room."""
    amount, currencies = 0, set()
    for booking in order.hotel_bookings:
        if booking.hotel_offer is None:
            return None
        price = booking.hotel_offer.price
        try:
            one = money(price.selling_total or price.total or "", price.currency)
        except ValueError:
            return None
        amount += one.amount * booking.hotel_offer.room_quantity
        currencies.add(one.currency)
    return Money(amount=amount, currency=currencies.pop()) if len(currencies) == 1 else None
