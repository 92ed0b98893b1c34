"""Our hotel searches as Amadeus', and its rooms as ours: pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Final

import msgspec
from msgspec import Raw

from gateways.partners import amadeus_wire as wire
from gateways.partners.amadeus_flights import GOOD_FOR_MS, INFANT_UNDER, MAX_TOKEN_BYTES, NAME
from protocol.frames import Money
from protocol.money import money
from protocol.travel import HotelDetails, HotelQuery, Party, SupplierOffer

HOTELS_AT_ONCE: Final = 20
MOST_PER_ROOM: Final = 9
MOST_ROOMS: Final = 9
_OFFER_ID: Final = re.compile(r"[A-Z0-9]{1,100}")
_HOTEL_ID: Final = re.compile(r"[A-Z0-9]{8}")
_offer: Final = msgspec.json.Decoder(wire.HotelOffer)


def guests_per_room(party: Party) -> int:
    """In the fullest room. Amadeus knows only adults: a child counts as one, because it needs a bed;
    under two it does not."""
    guests = party.adults + sum(1 for age in party.children_ages if age >= INFANT_UNDER)
    return -(-guests // party.rooms)


def batches(hotels: Iterable[wire.ListedHotel], most: int) -> Iterator[Sequence[str]]:
    """Ids of the first `most`, as many together as may be asked about at once."""
    ids = [one.hotel_id for one in hotels if _HOTEL_ID.fullmatch(one.hotel_id)]
    ids = list(dict.fromkeys(ids))[:most]
    for start in range(0, len(ids), HOTELS_AT_ONCE):
        yield ids[start : start + HOTELS_AT_ONCE]


def rooms_search(query: HotelQuery, hotel_ids: Sequence[str], *, currency: str) -> dict[str, str]:
    """The parameters of `GET /v3/shopping/hotel-offers`: the best rate of each hotel."""
    return {
        "hotelIds": ",".join(hotel_ids),
        "adults": str(guests_per_room(query.party)),
        "checkInDate": query.check_in,
        "checkOutDate": query.check_out,
        "roomQuantity": str(query.party.rooms),
        "currency": currency,
        "bestRateOnly": "true",
    }


def offer_id(token: Raw) -> str | None:
    """Of what `room_offer` made; None when it could not stand in a path."""
    try:
        found = _offer.decode(token).id
    except msgspec.MsgspecError:
        return None
    return found if _OFFER_ID.fullmatch(found) else None


def room_offer(hotel: wire.Hotel, raw: Raw, party: Party, fetched_at: int) -> SupplierOffer:
    """One offer of a hotel, for all rooms. Raises `ValueError`, as `flight_offer` does."""
    token = bytes(raw)
    if len(token) > MAX_TOKEN_BYTES:
        raise ValueError(f"an offer of {len(token)} bytes")
    offer = _offer.decode(token)
    for day in (offer.check_in_date, offer.check_out_date):
        date.fromisoformat(day)  # that it has the form of one is not enough for who counts nights
    return SupplierOffer(
        supplier=NAME,
        token=Raw(token),
        total=_total(offer.price, party.rooms),
        fetched_at=fetched_at,
        expires_at=fetched_at + GOOD_FOR_MS,
        can_hold=False,
        details=HotelDetails(
            hotel_id=hotel.hotel_id,
            name=hotel.name,
            at=hotel.at,
            check_in=offer.check_in_date,
            check_out=offer.check_out_date,
            room=offer.room.description.text or offer.room.type_estimated.category,
            board=offer.board_type,
            stars=int(hotel.rating) if hotel.rating in ("1", "2", "3", "4", "5") else None,
            free_until=_free_until(offer.policies, fetched_at),
        ),
    )


def _total(price: wire.HotelPrice, rooms: int) -> Money:
    one = money(price.selling_total or price.total or "", price.currency)
    if one.amount < 0:
        raise ValueError("a price below nothing")
    return Money(amount=one.amount * rooms, currency=one.currency)


def _free_until(policies: wire.Policies, now: int) -> int | None:
    """The first deadline, if it is still to come and says in which zone it is."""
    cancellations = (policies.cancellation, *policies.cancellations)
    moments = [_moment(one.deadline) for one in cancellations if one and one.deadline]
    if not moments or None in moments:
        return None
    first = min(moment for moment in moments if moment is not None)
    return first if first > now else None


def _moment(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else round(moment.timestamp() * 1_000)
