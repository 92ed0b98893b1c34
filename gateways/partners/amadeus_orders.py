"""Our flight orders as Amadeus' (Flight Create Orders v1, Order Management v1), and theirs as ours: pure.

Source: APIS §3.4, §3.5, §4.4. There is no idempotency and no search: an order carries our reference in a
remark and in a contact's address, and cancels itself unless it is issued in time.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from gateways.partners import amadeus_wire as wire
from gateways.partners.amadeus_flights import CHILD_UNDER, NAME, itineraries
from gateways.partners.amadeus_settings import AmadeusSettings
from gateways.partners.people import age_on, calling_code, digits, document, first_day, latin
from protocol.frames import Money
from protocol.money import money
from protocol.travel import Itinerary, OrderState, SupplierOffer, Ticket, Traveller

DELAY_DAYS: Final = 2
"""After so many days, at midnight, an order that nobody issued cancels itself. At least 24 hours."""

MAX_REMARK: Final = 199
_MAX_LOCAL_PART: Final = 64
_ORDER_ID: Final = re.compile(r"[A-Za-z0-9%_=.~-]{1,200}")
_PRICE_NOW: Final = re.compile(r"price \(([0-9]{1,12}(?:\.[0-9]{1,4})?)\) is different")
_HELD_INFANT: Final = "HELD_INFANT"
_INFANTS: Final = (_HELD_INFANT, "SEATED_INFANT")
_GONE: Final = frozenset({"CANCELLED", "DENIED"})
_VALID: Final = frozenset({"ISSUED", "ORIGINAL"})
_offer: Final = msgspec.json.Decoder(wire.FlightOffer).decode
_members: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_ordered_offer: Final = msgspec.json.Decoder(wire.OrderedOffer).decode
_ordered: Final = msgspec.json.Decoder(wire.OrderAnswer).decode


def order_body(
    offer: SupplierOffer, travellers: Sequence[Traveller], reference: str, of: AmadeusSettings
) -> str:
    """The body of `POST /v1/booking/flight-orders`: the priced offer byte for byte, but for the margin that
    says that no other price will do. Raises `ValueError`, in words for operators, when it cannot be made."""
    if not 0 < len(reference) <= MAX_REMARK:
        raise ValueError("a reference that is too long for a remark")
    remark = {"subType": "GENERAL_MISCELLANEOUS", "text": reference}
    agreement = {"option": "DELAY_TO_CANCEL", "delay": f"{DELAY_DAYS}D"}
    data: dict[str, Any] = {
        "type": "flight-order",
        "flightOffers": [_without_margin(offer.token)],
        "travelers": _travelers(offer, travellers),
        "remarks": {"general": [remark]},
        "ticketingAgreement": agreement,
        "contacts": [_contact(reference, of)],
    }
    return msgspec.json.encode({"data": data}).decode()


def is_order_id(order_id: str) -> bool:
    """Whether it could stand in a path: what is none was never given out."""
    return _ORDER_ID.fullmatch(order_id) is not None


def order_state(answer: bytes) -> OrderState:
    """Of an answer about one order. Raises `ValueError` for one that cannot be read.

    `hold_until` is midnight UTC of the day on which it cancels itself: the office's own is not told.
    """
    order = _ordered(answer).data
    if not is_order_id(order.id):
        raise ValueError("an order without an id that can be used")
    offers = [_ordered_offer(bytes(raw)) for raw in order.flight_offers]
    agreement, status = (
        order.ticketing_agreement or order.ticketing_aggreement,
        _status(order, offers),
    )
    return OrderState(
        supplier=NAME,
        order_id=order.id,
        status=status,
        locator=next(
            (one.reference for one in order.associated_records if one.origin_system_code == "GDS"),
            None,
        ),
        reference=next(
            (
                remark.text
                for remark in order.remarks.general
                if remark.sub_type == "GENERAL_MISCELLANEOUS"
            ),
            None,
        ),
        total=_total(offers),
        hold_until=_cancels_at(agreement) if status in ("pending", "held") else None,
        tickets=tuple(_ticket(one) for one in order.tickets),
        itineraries=() if status == "cancelled" else _itineraries(order.flight_offers),
    )


def price_now(detail: str, currency: str) -> Money | None:
    """The new total that a PRICE DISCREPANCY (37200) tells in its words, if it does."""
    found = _PRICE_NOW.search(detail)
    try:
        return None if found is None else money(found[1], currency)
    except ValueError:
        return None


def _without_margin(token: Raw) -> dict[str, Raw]:
    offer = _members(bytes(token))
    try:
        price = _members(bytes(offer["price"]))
    except (KeyError, msgspec.MsgspecError):
        raise ValueError("not an offer of Amadeus'") from None
    return {**offer, "price": Raw(msgspec.json.encode({**price, "margin": "0"}))}


def _travelers(offer: SupplierOffer, travellers: Sequence[Traveller]) -> list[dict[str, Any]]:
    priced = _offer(bytes(offer.token)).traveler_pricings
    day = first_day(offer)
    adults = [
        one
        for one in travellers
        if one.kind == "adult" or (one.kind == "child" and age_on(one.born_on, day) >= CHILD_UNDER)
    ]
    infants = sorted(
        (one for one in travellers if one.kind == "infant"), key=lambda one: one.with_adult is None
    )
    children = [one for one in travellers if one not in adults and one not in infants]
    found: dict[str, Traveller] = {}
    # Laps first: the offer says which adult's each is.
    for seat in sorted(priced, key=lambda seat: seat.traveler_type != _HELD_INFANT):
        if seat.traveler_type not in _INFANTS or not infants:
            continue
        infant = found[seat.traveler_id] = infants.pop(0)
        lap = next((one for one in adults if one.id == infant.with_adult), None)
        if lap is not None and seat.associated_adult_id and seat.associated_adult_id not in found:
            found[seat.associated_adult_id] = lap
            adults.remove(lap)
    for seat in priced:
        if seat.traveler_id not in found and seat.traveler_type not in _INFANTS:
            rest = children if seat.traveler_type == "CHILD" else adults
            if rest:
                found[seat.traveler_id] = rest.pop(0)
    if adults or children or infants or len(found) != len(priced):
        raise ValueError("the travellers are not those that the offer is for")
    return [_traveler(seat.traveler_id, found[seat.traveler_id]) for seat in priced]


def _traveler(traveler_id: str, one: Traveller) -> dict[str, Any]:
    contact: dict[str, Any] = {"emailAddress": one.email}
    phones = _phones(one.phone or "")
    found: dict[str, Any] = {
        "id": traveler_id,
        "dateOfBirth": one.born_on,
        "gender": one.gender.upper(),
        "name": {"firstName": latin(one.given_name), "lastName": latin(one.family_name)},
        "contact": contact | ({"phones": phones} if phones else {}),
    }
    paper = document(one)
    if paper is not None:
        found["documents"] = [
            {
                "documentType": "PASSPORT" if paper.is_passport else "IDENTITY_CARD",
                "number": paper.number,
                "expiryDate": paper.expires_on,
                "issuanceCountry": paper.issuing_country,
                "validityCountry": paper.issuing_country,
                "nationality": paper.nationality,
                "holder": True,
            }
        ]
    return found


def _phones(phone: str) -> list[dict[str, str]]:
    """Digits only, at most 15."""
    parts = calling_code(phone)
    if parts is not None:
        code, number = parts
        return [{"deviceType": "MOBILE", "countryCallingCode": code, "number": number}]
    return [{"deviceType": "MOBILE", "number": digits(phone)}] if digits(phone) else []


def _contact(reference: str, of: AmadeusSettings) -> dict[str, Any]:
    """The agency's, at an address by which mail about this order is known."""
    _, _, domain = of.agency_email.partition("@")
    local = f"pnr+{re.sub(r'[^A-Za-z0-9]+', '-', reference)}"[:_MAX_LOCAL_PART].rstrip("-")
    found: dict[str, Any] = {
        "addresseeName": {"firstName": "TRAVEL", "lastName": "DESK"},
        "companyName": "CARAVAN",
        "purpose": "STANDARD",
        "emailAddress": f"{local}@{domain}",
    }
    phones = [{**each, "deviceType": "LANDLINE"} for each in _phones(of.agency_phone or "")]
    return found | ({"phones": phones} if phones else {})


def _ticket(one: wire.OrderTicket) -> Ticket:
    return Ticket(
        number=one.document_number,
        traveller_id=one.traveler_id,
        is_valid=one.document_status in _VALID,
    )


def _itineraries(raws: Sequence[Raw]) -> tuple[Itinerary, ...]:
    """What is still to be flown. Of flights that cannot be read nothing is said: they keep nobody from
    reading the order."""
    try:
        ways = [way for raw in raws for way in _itineraries_of(raw)]
    except ValueError:  # msgspec's are ValueErrors
        return ()
    return tuple(way for way in ways if way.segments)


def _itineraries_of(raw: Raw) -> tuple[Itinerary, ...]:
    offer = _offer(bytes(raw))
    ways = [
        replace(way, segments=tuple(one for one in way.segments if one.booking_status not in _GONE))
        for way in offer.itineraries
    ]
    return itineraries(replace(offer, itineraries=tuple(ways)))


def _status(order: wire.Order, offers: Sequence[wire.OrderedOffer]) -> Any:
    states = [
        segment.booking_status
        for offer in offers
        for way in offer.itineraries
        for segment in way.segments
    ]
    if states and all(state in _GONE for state in states):
        return "cancelled"
    issued = {one.traveler_id for one in order.tickets if one.document_status in _VALID}
    if issued and issued >= {one.id for one in order.travelers}:
        return "ticketed"
    return "held" if all(state == "CONFIRMED" for state in states) else "pending"


def _total(offers: Sequence[wire.OrderedOffer]) -> Money | None:
    try:
        totals = [
            money(each.price.grand_total or each.price.total, each.price.currency)
            for each in offers
        ]
    except ValueError:
        return None
    if len({total.currency for total in totals}) != 1:
        return None
    return Money(amount=sum(total.amount for total in totals), currency=totals[0].currency)


def _cancels_at(agreement: wire.Agreement | None) -> int | None:
    if agreement is None or agreement.option != "DELAY_TO_CANCEL" or not agreement.date_time:
        return None
    try:
        moment = datetime.fromisoformat(agreement.date_time)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)
