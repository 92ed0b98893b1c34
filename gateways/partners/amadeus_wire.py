"""Amadeus' answers, as far as we read them (Flight Offers Search v2 and Price v1, Flight Create Orders v1,
Hotel List v1, Search v3 and Booking v2). Amounts are text there; one that is a number is no amount."""

from msgspec import Raw, Struct, field

from protocol.ids import Currency, Date
from protocol.travel import GeoPoint, Iata, LocalTime


class Wire(Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """A part of an answer. What it does not name is ignored."""


class FlightPrice(Wire, frozen=True, kw_only=True):
    """For all travellers; `grand_total` has the fees in it."""

    currency: Currency
    total: str
    grand_total: str | None = None


class Stop(Wire, frozen=True, kw_only=True):
    iata_code: Iata
    at: LocalTime


class FlightSegment(Wire, frozen=True, kw_only=True):
    """`booking_status`: in an order."""

    id: str = ""
    booking_status: str = ""
    departure: Stop
    arrival: Stop
    carrier_code: str
    number: str


class FlightWay(Wire, frozen=True, kw_only=True):
    duration: str | None = None
    segments: tuple[FlightSegment, ...]


class Bags(Wire, frozen=True, kw_only=True):
    """By number, or by weight."""

    quantity: int | None = None
    weight: float | None = None


class FareDetails(Wire, frozen=True, kw_only=True):
    segment_id: str = ""
    cabin: str | None = None
    class_: str | None = field(name="class", default=None)
    included_checked_bags: Bags | None = None


class TravelerPricing(Wire, frozen=True, kw_only=True):
    traveler_id: str = ""
    traveler_type: str = ""
    associated_adult_id: str | None = None
    fare_details_by_segment: tuple[FareDetails, ...] = ()


class FlightOffer(Wire, frozen=True, kw_only=True):
    """One offer: its whole JSON is its only identity."""

    instant_ticketing_required: bool = False
    number_of_bookable_seats: int | None = None
    itineraries: tuple[FlightWay, ...] = ()
    price: FlightPrice
    traveler_pricings: tuple[TravelerPricing, ...] = ()


class FlightOffers(Wire, frozen=True, kw_only=True):
    data: list[Raw]


class PricedFlights(Wire, frozen=True, kw_only=True):
    flight_offers: list[Raw]


class Pricing(Wire, frozen=True, kw_only=True):
    data: PricedFlights


class ListedHotel(Wire, frozen=True, kw_only=True):
    hotel_id: str


class HotelList(Wire, frozen=True, kw_only=True):
    data: list[ListedHotel]


class Hotel(Wire, frozen=True, kw_only=True):
    hotel_id: str
    name: str = ""
    rating: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    @property
    def at(self) -> GeoPoint | None:
        if self.latitude is None or self.longitude is None:
            return None
        return GeoPoint(latitude=self.latitude, longitude=self.longitude)


class HotelOffers(Wire, frozen=True, kw_only=True):
    """One hotel, and what it has."""

    hotel: Hotel
    available: bool = True
    offers: list[Raw] = []


class HotelsFound(Wire, frozen=True, kw_only=True):
    data: list[HotelOffers]


class HotelPricing(Wire, frozen=True, kw_only=True):
    """By an offer's id `data` is one object, not a list."""

    data: HotelOffers


class HotelPrice(Wire, frozen=True, kw_only=True):
    """Of one room, for the stay; taxes are in it. `selling_total` adds margins and fees."""

    currency: Currency
    total: str | None = None
    selling_total: str | None = None


class Words(Wire, frozen=True, kw_only=True):
    text: str = ""


class RoomType(Wire, frozen=True, kw_only=True):
    category: str = ""


class Room(Wire, frozen=True, kw_only=True):
    description: Words = Words()
    type_estimated: RoomType = RoomType()


class Cancellation(Wire, frozen=True, kw_only=True):
    deadline: str | None = None


class Policies(Wire, frozen=True, kw_only=True):
    """Searches have one `cancellation`, orders have `cancellations`."""

    cancellation: Cancellation | None = None
    cancellations: tuple[Cancellation, ...] = ()


class Guests(Wire, frozen=True, kw_only=True):
    """In each room."""

    adults: int = 1


class HotelOffer(Wire, frozen=True, kw_only=True):
    id: str
    guests: Guests = Guests()
    check_in_date: Date
    check_out_date: Date
    board_type: str | None = None
    room: Room = Room()
    price: HotelPrice
    policies: Policies = Policies()


class Record(Wire, frozen=True, kw_only=True):
    """Whose name for an order this is: "GDS" is ours, a carrier's code the carrier's."""

    reference: str
    origin_system_code: str = ""


class OrderedSegment(Wire, frozen=True, kw_only=True):
    booking_status: str = "CONFIRMED"


class OrderedWay(Wire, frozen=True, kw_only=True):
    segments: tuple[OrderedSegment, ...] = ()


class OrderedOffer(Wire, frozen=True, kw_only=True):
    """What we need of it to know how the order stands; its flights are read as an offer's."""

    itineraries: tuple[OrderedWay, ...] = ()
    price: FlightPrice


class Remark(Wire, frozen=True, kw_only=True):
    sub_type: str = ""
    text: str = ""


class Remarks(Wire, frozen=True, kw_only=True):
    general: tuple[Remark, ...] = ()


class Agreement(Wire, frozen=True, kw_only=True):
    """`date_time`: a day, or a local moment."""

    option: str = ""
    date_time: str | None = None


class OrderTicket(Wire, frozen=True, kw_only=True):
    document_number: str
    document_status: str = ""
    traveler_id: str = ""


class OrderTraveler(Wire, frozen=True, kw_only=True):
    id: str


class Order(Wire, frozen=True, kw_only=True):
    """The specification spells the agreement in two ways."""

    id: str
    associated_records: tuple[Record, ...] = ()
    travelers: tuple[OrderTraveler, ...] = ()
    flight_offers: tuple[Raw, ...] = ()
    remarks: Remarks = Remarks()
    ticketing_agreement: Agreement | None = None
    ticketing_aggreement: Agreement | None = None
    tickets: tuple[OrderTicket, ...] = ()


class OrderAnswer(Wire, frozen=True, kw_only=True):
    data: Order


class RoomAssociation(Wire, frozen=True, kw_only=True):
    special_request: str | None = None


class BookedOffer(Wire, frozen=True, kw_only=True):
    room_quantity: int = 1
    price: HotelPrice


class HotelBooking(Wire, frozen=True, kw_only=True):
    booking_status: str = ""
    room_associations: tuple[RoomAssociation, ...] = ()
    hotel_offer: BookedOffer | None = None


class HotelOrder(Wire, frozen=True, kw_only=True):
    id: str
    hotel_bookings: tuple[HotelBooking, ...] = ()
    associated_records: tuple[Record, ...] = ()


class HotelOrderAnswer(Wire, frozen=True, kw_only=True):
    data: HotelOrder
