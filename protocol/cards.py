"""What a message may show beside its text (§5): the part that every kind of card has."""

from typing import Annotated, Final, Literal

from msgspec import Meta

from protocol.frames import Money, Value
from protocol.ids import Millis
from protocol.travel import (
    Country,
    Details,
    FlightDetails,
    GeoPoint,
    HotelDetails,
    Iata,
    MonthClimate,
    Offer,
    Place,
    PlaceKind,
)

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


class PlaceCard(Card, frozen=True, kw_only=True):
    """What `place` adds. `id` is the place's own; `title` is in the reader's language. `airports`: those
    that serve it; `climate`: twelve months or none; `price_level`: 1 (cheap) to 5; `km`: how far it is
    from where was asked about. What is not known is left out or empty."""

    place_kind: PlaceKind
    country: Country
    at: GeoPoint
    time_zone: str
    iata: Iata | None = None
    airports: tuple[Iata, ...] = ()
    currency: str | None = None
    climate: tuple[MonthClimate, ...] = ()
    price_level: Annotated[int, Meta(ge=1, le=5)] | None = None
    population: int | None = None
    tags: tuple[str, ...] = ()
    about: str = ""
    km: float | None = None


class BookingCard(Card, frozen=True, kw_only=True):
    """What `booking` adds. `id` is the booking's own, `price` its total; `version`: the highest wins.
    `participants`: `userId` and `state`."""

    status: str
    step: str
    version: int
    deadline: Millis | None = None
    participants: list[dict[str, str]]


class PollChoice(Value, frozen=True, kw_only=True, omit_defaults=False):
    """An option that can be voted for: its id on the board, and how many have."""

    id: str
    title: str
    votes: int


class PollCard(Card, frozen=True, kw_only=True):
    """What `poll` adds. `id` is the poll's own on the room's board, `expires_at` its deadline; `version`: the
    board's, the highest wins; `winner`: an option's id, of a closed poll that has one."""

    version: int
    is_closed: bool
    options: list[PollChoice]
    quorum: int | None = None
    winner: str | None = None


def place_card(place: Place, language: str, km: float | None = None) -> PlaceCard:
    """A place as it is shown to who reads this language (BCP 47)."""
    return PlaceCard(
        kind="place",
        id=place.id,
        title=place.names.get(language.partition("-")[0], place.names["en"]),
        place_kind=place.kind,
        country=place.country,
        at=place.at,
        time_zone=place.time_zone,
        iata=place.iata,
        airports=place.airports,
        currency=place.currency,
        climate=place.climate,
        price_level=place.price_level,
        population=place.population,
        tags=place.tags,
        about=place.about,
        km=km,
    )


def offer_card(offer: Offer) -> OfferCard:
    """An offer as it is shown."""
    source, details = offer.source, offer.source.details
    return OfferCard(
        kind="flight.offer" if isinstance(details, FlightDetails) else "hotel.offer",
        id=offer.id,
        title=title_of(details),
        offer_id=offer.id,
        price=source.total,
        expires_at=source.expires_at,
        supplier=source.supplier,
        can_hold=source.can_hold,
        is_stale=offer.is_stale,
        details=details,
    )


def title_of(details: Details) -> str:
    """The hotel's name, or from where to where."""
    if isinstance(details, HotelDetails):
        return details.name
    ways = [way.segments for way in details.itineraries if way.segments]
    ends = [f"{segments[0].origin} → {segments[-1].destination}" for segments in ways]
    return ", ".join(ends)
