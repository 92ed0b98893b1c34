"""Duffel's JSON (API version v2), as far as we read it. Source: duffel.com/docs/api, its JavaScript
client's types, and recorded answers of its test mode.

Fields that are not named here are ignored; an object that lacks what we need is refused by the decoder.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Raw, Struct

from protocol.ids import Currency
from protocol.travel import Iata, LocalTime

OfferId = Annotated[str, Meta(pattern=r"^off_[0-9A-Za-z_]{1,60}(?!\n)$")]
OfferRequestId = Annotated[str, Meta(pattern=r"^orq_[0-9A-Za-z_]{1,60}(?!\n)$")]
Moment = Annotated[datetime, Meta(tz=True)]
Word = Annotated[str, Meta(max_length=64)]


class Wire(Struct, frozen=True, gc=False):
    """A part of an answer, and never of a cycle: garbage collection does not look at it."""


class Airline(Wire, frozen=True):
    """Some have no IATA code."""

    name: Annotated[str, Meta(max_length=200)] = ""
    iata_code: Annotated[str, Meta(max_length=3)] | None = None


class Airport(Wire, frozen=True):
    iata_code: Iata


class Baggage(Wire, frozen=True):
    type: Word
    quantity: Annotated[int, Meta(ge=0, le=99)] = 0


class SegmentPassenger(Wire, frozen=True):
    """What one passenger has on one flight."""

    passenger_id: Word | None = None
    cabin_class: Word | None = None
    fare_basis_code: Word | None = None
    baggages: Annotated[list[Baggage], Meta(max_length=20)] = []


class Segment(Wire, frozen=True):
    origin: Airport
    destination: Airport
    departing_at: LocalTime
    arriving_at: LocalTime
    marketing_carrier: Airline
    marketing_carrier_flight_number: Annotated[str, Meta(max_length=8)]
    passengers: Annotated[list[SegmentPassenger], Meta(max_length=20)] = []


class Slice(Wire, frozen=True):
    """One direction. `duration`: ISO 8601, sometimes null."""

    segments: Annotated[list[Segment], Meta(min_length=1, max_length=8)]
    duration: Word | None = None


class Condition(Wire, frozen=True):
    """`allowed` null: not known."""

    allowed: bool | None = None


class Conditions(Wire, frozen=True):
    refund_before_departure: Condition | None = None


class PaymentRequirements(Wire, frozen=True):
    requires_instant_payment: bool = True


class Passenger(Wire, frozen=True):
    """Has a `type`, an `age`, or both."""

    id: Word
    type: Word | None = None
    age: int | None = None


class Offer(Wire, frozen=True):
    """Amounts are decimal texts, for all passengers, taxes included."""

    id: OfferId
    total_amount: Annotated[str, Meta(max_length=32)]
    total_currency: Currency
    expires_at: Moment
    slices: Annotated[list[Slice], Meta(min_length=1, max_length=6)]
    passengers: Annotated[list[Passenger], Meta(min_length=1, max_length=20)]
    conditions: Conditions | None = None
    payment_requirements: PaymentRequirements | None = None


class OfferToken(Wire, frozen=True):
    """What we need again of an offer that we kept."""

    id: OfferId


class OfferRequest(Wire, frozen=True):
    id: OfferRequestId


class OfferRequestAnswer(Wire, frozen=True):
    data: OfferRequest


class OfferAnswer(Wire, frozen=True):
    data: Raw


class OffersAnswer(Wire, frozen=True):
    data: list[Raw]


class Fault(Wire, frozen=True):
    """One error. `code` is a number in some answers of a gateway before the API."""

    type: str = ""
    code: str | int = ""
    title: str = ""
    message: str = ""


class RequestMeta(Wire, frozen=True):
    request_id: str = ""


class FaultAnswer(Wire, frozen=True):
    errors: Annotated[list[Fault], Meta(min_length=1)]
    meta: RequestMeta = RequestMeta()


OrderId = Annotated[str, Meta(pattern=r"^ord_[0-9A-Za-z_]{1,60}(?!\n)$")]
CancellationId = Annotated[str, Meta(pattern=r"^ore_[0-9A-Za-z_]{1,60}(?!\n)$")]


class PaymentStatus(Wire, frozen=True):
    """A held order that was let go neither awaits payment nor is cancelled."""

    awaiting_payment: bool = False
    payment_required_by: Moment | None = None
    paid_at: Moment | None = None


class OrderDocument(Wire, frozen=True):
    unique_identifier: str = ""
    type: str = ""
    passenger_ids: list[str] = []


class OrderPassenger(Wire, frozen=True):
    id: Word


class AirlineChange(Wire, frozen=True):
    """A change of the airline's own. `travel_agent_ticket`: somebody at Duffel is at it already."""

    id: Word
    action_taken: Word | None = None
    available_actions: list[Word] = []
    created_at: Moment | None = None
    travel_agent_ticket: object = None


class OrderRefund(Wire, frozen=True):
    """What a cancellation gives back. `refund_amount` null: the airline does not say."""

    order_id: str = ""
    confirmed_at: Moment | None = None
    refund_amount: str | None = None
    refund_currency: Currency | None = None
    refund_to: Word | None = None


class Order(Wire, frozen=True):
    """What is not there yet of an order that is still being made has its default. `slices` are read apart:
    flights that we do not understand keep nobody from reading the order."""

    id: OrderId
    type: str = ""
    booking_reference: str | None = None
    metadata: dict[str, str] | None = None
    total_amount: Annotated[str, Meta(max_length=32)] | None = None
    total_currency: Currency | None = None
    created_at: Moment | None = None
    cancelled_at: Moment | None = None
    payment_status: PaymentStatus | None = None
    documents: list[OrderDocument] | None = None
    passengers: list[OrderPassenger] = []
    slices: Raw = Raw(b"null")
    airline_initiated_changes: list[AirlineChange] | None = None
    cancellation: OrderRefund | None = None


class OrderMark(Wire, frozen=True):
    """What we need of an order to know whether it is ours."""

    metadata: dict[str, object] | None = None
    created_at: Moment | None = None


class OrderAnswer(Wire, frozen=True):
    data: Order


class PageMeta(Wire, frozen=True):
    after: str | None = None


class OrdersAnswer(Wire, frozen=True):
    data: list[Raw]
    meta: PageMeta = PageMeta()


class Payment(Wire, frozen=True):
    status: str = ""
    failure_reason: str | None = None


class PaymentAnswer(Wire, frozen=True):
    data: Payment


class Cancellation(OrderRefund, frozen=True, kw_only=True):
    id: CancellationId
    expires_at: Moment | None = None


class CancellationAnswer(Wire, frozen=True):
    data: Cancellation


class CancellationsAnswer(Wire, frozen=True):
    data: list[OrderRefund]


class OfferTerms(Wire, frozen=True):
    """What we need again of an offer to order it."""

    id: OfferId
    passengers: Annotated[list[Passenger], Meta(min_length=1, max_length=20)]
    supported_passenger_identity_document_types: list[str] = []


class Webhook(Wire, frozen=True):
    """`secret`: only of one that was made just now."""

    id: Word
    url: str = ""
    events: list[str] = []
    active: bool = True
    secret: str | None = None


class WebhookAnswer(Wire, frozen=True):
    data: Webhook


class WebhooksAnswer(Wire, frozen=True):
    data: list[Webhook]


class EventObject(Wire, frozen=True):
    """What an event is about: an order, or something of an order."""

    id: str | None = None
    order_id: str | None = None
    metadata: dict[str, object] | None = None


class EventData(Wire, frozen=True):
    object: EventObject | None = None


class Event(Wire, frozen=True):
    id: Annotated[str, Meta(min_length=1)]
    type: str
    data: EventData | None = None
