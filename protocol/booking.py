"""Group bookings (§6): the contract's types, and who answers for them."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from protocol.addresses import Kind
from protocol.frames import Answer, Command, Event, Money, Value
from protocol.ids import ClientId, Date, Id, Millis
from protocol.limits import MAX_FREE_BYTES
from protocol.travel import OfferKind

BOOKING: Final = Kind("booking")
"""One per booking, keyed by its id."""

DESK: Final = Kind("desk")
"""One per user, keyed by their id: quotes trips and opens bookings."""

TravellerType = Literal["adult", "child", "infant"]
BookingStatus = Literal[
    "collecting", "action_needed", "booking", "booked", "cancelling", "cancelled", "manual"
]
OperatorAction = Literal["retry", "compensate", "settle", "allow", "returned"]
ParticipantState = Literal[
    "invited",
    "accepted",
    "action_required",
    "authorized",
    "capturing",
    "captured",
    "declined",
    "expired",
    "voiding",
    "voided",
    "part_refunded",
    "refunded",
    "refund_failed",
]


class TravellerSpec(Value, frozen=True, kw_only=True):
    """A seat to fill: who travels is told later by whoever pays."""

    id: Id
    payer_id: Id
    type: TravellerType


class Share(Value, frozen=True, kw_only=True):
    """What one participant pays."""

    user_id: Id
    amount: Money


class QuoteTrip(Command, frozen=True, kw_only=True, tag="booking.quote"):
    """Re-price offers (or a poll's winner) for a party."""

    offer_ids: Annotated[list[Id], Meta(max_length=20)] | None = None
    poll_id: Id | None = None
    room_id: Id | None = None
    rooms: Annotated[int, Meta(ge=1, le=50)] | None = None
    adults: Annotated[int, Meta(ge=1, le=50)]
    children_ages: (
        Annotated[list[Annotated[int, Meta(ge=0, le=17)]], Meta(max_length=50)] | None
    ) = None
    cabin: Annotated[str, Meta(max_length=32)] | None = None


class CreateBooking(Command, frozen=True, kw_only=True, tag="booking.create"):
    """Open a booking on a quote. Children and infants among `travellers` are listed in the order in which
    their ages were quoted."""

    quote_id: Id
    room_id: Id | None = None
    participants: Annotated[list[Id], Meta(min_length=1, max_length=50)]
    travellers: Annotated[list[TravellerSpec], Meta(min_length=1, max_length=50)]
    split: Literal["equal"] | Annotated[list[Share], Meta(max_length=50)]
    client_id: ClientId


class NameTraveller(Command, frozen=True, kw_only=True, tag="booking.traveller"):
    """Say who travels. Appears in no event and in no log."""

    booking_id: Id
    traveller_id: Id
    given_name: Annotated[str, Meta(min_length=1, max_length=64)]
    family_name: Annotated[str, Meta(min_length=1, max_length=64)]
    born_on: Date
    gender: Annotated[str, Meta(max_length=16)]
    email: Annotated[str, Meta(max_length=254)]
    phone: Annotated[str, Meta(max_length=32)] | None = None
    document: (
        Annotated[dict[str, Any], Meta(extra_json_schema={"x-max-bytes": MAX_FREE_BYTES})] | None
    ) = None


class ApproveBooking(Command, frozen=True, kw_only=True, tag="booking.approve"):
    """Authorise one's share; one `client_id` is one attempt."""

    booking_id: Id
    payment_method: Annotated[str, Meta(max_length=255)]
    client_id: ClientId


class DeclineBooking(Command, frozen=True, kw_only=True, tag="booking.decline"):
    """Say no to one's share."""

    booking_id: Id


class DecideBooking(Command, frozen=True, kw_only=True, tag="booking.decide"):
    """Answer a question of the booking."""

    booking_id: Id
    question_id: Id
    option_id: Id


class CancelBooking(Command, frozen=True, kw_only=True, tag="booking.cancel"):
    """Call the booking off (organiser)."""

    booking_id: Id


class GetBooking(Command, frozen=True, kw_only=True, tag="booking.get"):
    """Read a booking."""

    booking_id: Id


class ParticipantView(Value, frozen=True, kw_only=True):
    """A participant's share and where it stands. `refunded`: what of it has come back by now."""

    user_id: str
    amount: Money
    state: ParticipantState
    refunded: Money | None = None


class TravellerView(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A seat; `complete` once its traveller is named."""

    id: str
    payer_id: str
    type: TravellerType
    complete: bool


class QuestionOption(Value, frozen=True, kw_only=True):
    """One way to answer a question."""

    id: str
    text: str
    shares: list[Share] | None = None


class Question(Value, frozen=True, kw_only=True):
    """What the booking needs to know before it goes on. `answered`: those of `to` who have."""

    id: str
    kind: Literal["resplit", "reconsent", "supplier_change", "refund"]
    options: list[QuestionOption]
    to: list[str]
    expires_at: int
    answered: tuple[str, ...] = ()


class PaymentAction(Value, frozen=True, kw_only=True):
    """What the payer must do at the payment provider."""

    kind: Literal["redirect", "card"]
    url: str | None = None
    client_secret: str | None = None
    expires_at: Millis


class ItineraryItem(Value, frozen=True, kw_only=True):
    """What was bought, once it was. `locator`: the airline's or hotel's reference; `tickets`: numbers of
    the valid ones. `details`: as of the offer's card."""

    part_id: str
    kind: OfferKind
    title: str
    supplier: str
    locator: str | None = None
    tickets: list[str]
    details: dict[str, Any]


class BookingView(Value, frozen=True, kw_only=True):
    """A booking in its present state; the higher `version` wins. `itinerary` once it is booked."""

    booking_id: str
    room_id: str | None = None
    version: int
    status: BookingStatus
    step: str
    participants: list[ParticipantView]
    travellers: list[TravellerView]
    total: Money
    deadline: int | None = None
    question: Question | None = None
    action: PaymentAction | None = None
    itinerary: list[ItineraryItem] | None = None


class QuoteItem(Value, frozen=True, kw_only=True):
    """One thing that is quoted. `part_id`: `f` for the flight, `h1`, `h2`, … for stays. A flight for more
    than are booked at once is several, `f`, `f2`, …, each for so many `travellers`. `total` is for
    the whole party (of a part: for these) and stay, `previous` what was shown before, where that was another. `can_hold`: it
    can be held unpaid, which a flight for more than one payer must. `details`: as of the offer's card."""

    part_id: str
    offer_id: str
    kind: OfferKind
    title: str
    supplier: str
    total: Money
    previous: Money | None = None
    expires_at: Millis
    can_hold: bool
    details: dict[str, Any]
    travellers: int | None = None


class QuoteView(Value, frozen=True, kw_only=True):
    """A quote, as an error `price_changed` carries it."""

    quote_id: str
    items: list[QuoteItem]
    total: Money
    expires_at: Millis


class QuoteAnswered(Answer, kw_only=True, tag="ok"):
    """What the trip costs now, as it was shown."""

    quote_id: str
    items: list[QuoteItem]
    total: Money
    expires_at: Millis


class BookingAnswered(Answer, kw_only=True, tag="ok"):
    """The decision is durable; this is the booking after it."""

    booking: BookingView


class BookingUpdated(Event, frozen=True, kw_only=True, tag="booking.update"):
    """A booking in its present state; the higher `version` wins. `itinerary` once it is booked."""

    booking_id: str
    room_id: str | None = None
    version: int
    status: BookingStatus
    step: str
    participants: list[ParticipantView]
    travellers: list[TravellerView]
    total: Money
    deadline: int | None = None
    question: Question | None = None
    action: PaymentAction | None = None
    itinerary: list[ItineraryItem] | None = None
    note: str | None = None
    inbox: int


# Between actors; never on the wire.


class WakeBooking(Value, frozen=True, kw_only=True):
    """A booking was opened, or something of it changed elsewhere: look. `payment_id`, `order_id`: what
    changed, if somebody said so."""

    payment_id: str | None = None
    order_id: str | None = None


class ReplaceBooking(Value, frozen=True, kw_only=True):
    """The booking `by`, which was opened in the place of a part of this one, is booked, or never will be."""

    by: str
    is_booked: bool


class OperateBooking(Value, frozen=True, kw_only=True):
    """An operator's word. "settle": the rest was done by hand, `note` says what; "allow": what waits for a
    review may go on; "returned": the supplier of what was given up returns `amount` for it, `part_id` where there are
    several such parts. `operator` is for the record."""

    operator: str
    action: OperatorAction
    note: str = ""
    part_id: str = ""
    amount: Money | None = None
