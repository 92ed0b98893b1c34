"""Our searches as Duffel's, and Duffel's offers as ours: pure."""

from typing import Final

import msgspec
from msgspec import Raw

from gateways.partners import duffel_wire as wire
from gateways.partners.durations import minutes, shown
from protocol.money import money
from protocol.travel import Cabin, FlightDetails, FlightQuery, Itinerary, Segment, SupplierOffer

NAME: Final = "duffel"
MAX_TOKEN_BYTES: Final = 262_144

_CABINS: Final[dict[str, Cabin]] = {
    "economy": "economy",
    "premium_economy": "premium_economy",
    "business": "business",
    "first": "first",
}
_INFANT: Final = "infant_without_seat"
_offer: Final = msgspec.json.Decoder(wire.Offer)


def offer_request(query: FlightQuery) -> bytes:
    """The body of `POST /air/offer_requests`. Children go by their age, from which each airline takes
    what it calls a child or an infant."""
    ways = [(query.origin, query.destination, query.depart_on)]
    if query.return_on is not None:
        ways.append((query.destination, query.origin, query.return_on))
    adults: list[dict[str, object]] = [{"type": "adult"} for _ in range(query.party.adults)]
    children: list[dict[str, object]] = [{"age": age} for age in query.party.children_ages]
    data = {
        "slices": [
            {"origin": origin, "destination": destination, "departure_date": day}
            for origin, destination, day in ways
        ],
        "passengers": adults + children,
        "cabin_class": query.cabin,
    }
    return msgspec.json.encode({"data": data})


def supplier_offer(raw: Raw, fetched_at: int) -> SupplierOffer:
    """One element of Duffel's `data`. Raises `ValueError` for one that cannot be shown or sold as it
    stands: something missing, an amount that is not exact, more bytes than we keep."""
    token = bytes(raw)
    if len(token) > MAX_TOKEN_BYTES:
        raise ValueError(f"an offer of {len(token)} bytes")
    try:
        offer = _offer.decode(token)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    payment = offer.payment_requirements
    return SupplierOffer(
        supplier=NAME,
        token=Raw(token),
        total=money(offer.total_amount, offer.total_currency),
        fetched_at=fetched_at,
        expires_at=round(offer.expires_at.timestamp() * 1_000),
        can_hold=payment is not None and not payment.requires_instant_payment,
        details=FlightDetails(
            itineraries=tuple(itinerary(one) for one in offer.slices),
            checked_bags=_checked_bags(offer),
            is_refundable=_is_refundable(offer.conditions),
        ),
    )


def itinerary(way: wire.Slice) -> Itinerary:
    """Of an offer, or of the order made of it. Raises `ValueError` for times that no clock shows."""
    return Itinerary(
        segments=tuple(_segment(one) for one in way.segments), minutes=minutes(way.duration)
    )


def _segment(one: wire.Segment) -> Segment:
    first = one.passengers[0] if one.passengers else wire.SegmentPassenger()
    return Segment(
        carrier=one.marketing_carrier.iata_code or one.marketing_carrier.name,
        number=one.marketing_carrier_flight_number,
        origin=one.origin.iata_code,
        destination=one.destination.iata_code,
        departs=shown(one.departing_at),
        arrives=shown(one.arriving_at),
        cabin=_CABINS.get(first.cabin_class or ""),
        fare_class=first.fare_basis_code,
    )


def _checked_bags(offer: wire.Offer) -> int | None:
    """What everybody with a seat may check in on every flight; None when nothing is said."""
    on_laps = {one.id for one in offer.passengers if one.type == _INFANT}
    counts = [
        sum(bag.quantity for bag in passenger.baggages if bag.type == "checked")
        for way in offer.slices
        for segment in way.segments
        for passenger in segment.passengers
        if passenger.passenger_id not in on_laps
    ]
    return min(counts, default=None)


def _is_refundable(conditions: wire.Conditions | None) -> bool | None:
    if conditions is None or conditions.refund_before_departure is None:
        return None
    return conditions.refund_before_departure.allowed
