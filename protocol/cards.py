"""What a message may show beside its text (§5): the part that every kind of card has."""

from typing import Final, Literal

from msgspec import Meta

from protocol.frames import Money, Value
from protocol.ids import Millis
from protocol.travel import Details, FlightDetails, HotelDetails, Offer

CardKind = Literal["hotel.offer", "flight.offer", "place", "poll", "booking"]

CARDS: Final = Meta(extra_json_schema={"items": {"$ref": "#/components/schemas/Card"}})
"""Messages hold cards as open maps: a typed one would lose, on its way through a store, the keys
that a kind adds."""


class Card(Value, frozen=True, kw_only=True):
    """`id` is unique in its message. `offer_id` and `price` where it can be quoted, `expires_at`
    where that ends. A kind adds its own keys."""

    kind: CardKind
    id: str
    title: str
    offer_id: str | None = None
    price: Money | None = None
    expires_at: Millis | None = None


class OfferCard(Card, frozen=True, kw_only=True):
    """What `flight.offer` and `hotel.offer` add. `price` is for the whole party and stay; `is_stale`:
    from an earlier search, to look at: pricing asks anew; `can_hold`: it can be held unpaid."""

    supplier: str
    can_hold: bool
    is_stale: bool = False
    details: Details


def offer_card(offer: Offer) -> OfferCard:
    """An offer as it is shown."""
    source, details = offer.source, offer.source.details
    return OfferCard(
        kind="flight.offer" if isinstance(details, FlightDetails) else "hotel.offer",
        id=offer.id,
        title=_title(details),
        offer_id=offer.id,
        price=source.total,
        expires_at=source.expires_at,
        supplier=source.supplier,
        can_hold=source.can_hold,
        is_stale=offer.is_stale,
        details=details,
    )


def _title(details: Details) -> str:
    if isinstance(details, HotelDetails):
        return details.name
    ways = [way.segments for way in details.itineraries if way.segments]
    ends = [f"{segments[0].origin} → {segments[-1].destination}" for segments in ways]
    return ", ".join(ends)
