"""What can be travelled to and booked: places, searches and offers, as they cross ports and the wire.

Days are those of the place (`YYYY-MM-DD`), times of departure and arrival local and without a zone
(`YYYY-MM-DDThh:mm:ss`), as suppliers give them. Money is in minor units.
"""

import math
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Raw

from protocol.frames import Money, Value
from protocol.ids import Date, Id, Millis

Iata = Annotated[str, Meta(pattern=r"^[A-Z]{3}(?!\n)$", examples=["LIS"])]
"""A city's or an airport's code."""

Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}(?!\n)$", examples=["PT"])]
"""ISO 3166-1 alpha-2."""

LocalTime = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?!\n)$")]
Cabin = Literal["economy", "premium_economy", "business", "first"]
OfferKind = Literal["flight", "hotel"]
EARTH_KM: Final = 6371.0

PlaceKind = Literal["destination", "city", "airport"]
SupplierName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{1,31}(?!\n)$")]


class GeoPoint(Value, frozen=True, kw_only=True):
    """Degrees, WGS 84."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]

    def km_to(self, other: "GeoPoint") -> float:
        """Along the surface of a sphere of 6,371 km (haversine)."""
        up, down = math.radians(self.latitude), math.radians(other.latitude)
        turn = math.radians(other.longitude - self.longitude)
        half = (
            math.sin((down - up) / 2) ** 2 + math.cos(up) * math.cos(down) * math.sin(turn / 2) ** 2
        )
        return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


class MonthClimate(Value, frozen=True, kw_only=True):
    """One month of an average year: mean air temperature in °C, precipitation in mm."""

    mean: float
    rain: float


TAGS: Final = frozenset(
    (
        *("capital", "metropolis", "big_city", "small_town", "coast", "warm_coast", "mountains"),
        *("highland", "warm_winter", "cold_winter", "cool_summer", "dry", "rainy"),
    )
)
"""What a destination may be tagged with; data/SOURCES.md has the rules."""


class Place(Value, frozen=True, kw_only=True):
    """A destination, a city or an airport.

    `names` by language (BCP 47; always "en"). `iata`: the city code, or the airport's own; `airports`:
    those that serve it. `price_level` 1 (cheap) to 5. `about`: sentences that state only what a
    column proves. What is not known is None or empty.
    """

    id: Id
    kind: PlaceKind
    names: dict[str, str]
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


class Party(Value, frozen=True, kw_only=True):
    """Who travels. Infants are children under two (on a lap in a plane)."""

    adults: Annotated[int, Meta(ge=1, le=50)]
    children_ages: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=17)], ...], Meta(max_length=50)
    ] = ()
    rooms: Annotated[int, Meta(ge=1, le=50)] = 1


class FlightQuery(Value, frozen=True, kw_only=True, tag="flight", tag_field="kind"):
    """There, and back on `return_on` if that is given."""

    origin: Iata
    destination: Iata
    depart_on: Date
    return_on: Date | None = None
    party: Party
    cabin: Cabin = "economy"


class HotelQuery(Value, frozen=True, kw_only=True, tag="hotel", tag_field="kind"):
    """Rooms in a city, from `check_in` to `check_out` (the night of which is not slept)."""

    city: Iata
    check_in: Date
    check_out: Date
    party: Party


Query = FlightQuery | HotelQuery


class Segment(Value, frozen=True, kw_only=True):
    """One flight of an itinerary."""

    carrier: str
    number: str
    origin: Iata
    destination: Iata
    departs: LocalTime
    arrives: LocalTime
    cabin: Cabin | None = None
    fare_class: str | None = None


class Itinerary(Value, frozen=True, kw_only=True):
    """One direction, in order of flight; `minutes` from door to door of the planes."""

    segments: tuple[Segment, ...]
    minutes: int | None = None


class FlightDetails(Value, frozen=True, kw_only=True, tag="flight", tag_field="kind"):
    """`seats`: how many may still be sold, as far as the supplier says (Amadeus: at most 9)."""

    itineraries: tuple[Itinerary, ...]
    seats: int | None = None
    checked_bags: int | None = None
    is_refundable: bool | None = None


class HotelDetails(Value, frozen=True, kw_only=True, tag="hotel", tag_field="kind"):
    """`free_until`: until when a cancellation costs nothing; None: not known, or it always costs."""

    hotel_id: str
    name: str
    at: GeoPoint | None = None
    check_in: Date
    check_out: Date
    room: str = ""
    board: str | None = None
    stars: int | None = None
    free_until: Millis | None = None


Details = FlightDetails | HotelDetails


class SupplierOffer(Value, frozen=True, kw_only=True):
    """An offer as one supplier made it.

    `token` is the supplier's JSON, verbatim: to Amadeus it is the offer itself. `total` is for the
    whole party and stay, every fee included. `expires_at`: the supplier's time, or 20 minutes after
    `fetched_at`. `can_hold`: whether `hold` would be more than a booking.
    """

    supplier: SupplierName
    token: Raw
    total: Money
    fetched_at: Millis
    expires_at: Millis
    can_hold: bool
    details: Details


class Offer(Value, frozen=True, kw_only=True):
    """An offer that was shown: a row. `source` is the cheapest of those that are the same flights or
    the same room, `others` the rest. `is_stale`: from a cache, to look at; pricing fetches it anew."""

    id: Id
    query: Query
    source: SupplierOffer
    others: tuple[SupplierOffer, ...] = ()
    is_stale: bool = False


class Traveller(Value, frozen=True, kw_only=True):
    """Who sits in the seat. Never in an event, a log or a stored offer. `document` is read for `type`
    (`passport`, `identity_card`), `number`, `expiresOn` (a day), `issuingCountry` and `nationality` (two
    letters each); one that lacks some of that is not sent to a supplier."""

    id: Id
    kind: Literal["adult", "child", "infant"]
    given_name: str
    family_name: str
    born_on: Date
    gender: Literal["female", "male", "unspecified", "undisclosed"]
    email: str
    phone: str | None = None
    with_adult: Id | None = None
    document: dict[str, Any] | None = None


class Ticket(Value, frozen=True, kw_only=True):
    """A document that was issued. `traveller_id` as the supplier numbers them."""

    number: str
    traveller_id: str
    is_valid: bool = True


class OrderState(Value, frozen=True, kw_only=True):
    """An order as the supplier has it now. `locator`: the airline's or hotel's reference, six letters
    of a PNR. `hold_until`: when the supplier lets an unpaid one go. `reference`: ours.

    `itineraries`: the flights as they will be flown now; empty: the supplier does not say. `change_id`: a
    change of the supplier's own that waits to be accepted by `Inventory.accept_change`. `returned`: what it
    gives back of one that was cancelled, if it says so."""

    supplier: SupplierName
    order_id: str
    status: Literal["pending", "held", "confirmed", "ticketed", "cancelled"]
    locator: str | None = None
    reference: str | None = None
    total: Money | None = None
    hold_until: Millis | None = None
    tickets: tuple[Ticket, ...] = ()
    itineraries: tuple[Itinerary, ...] = ()
    change_id: str | None = None
    returned: Money | None = None
