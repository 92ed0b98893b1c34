"""Bookings as one participant sees them: opening, approving, deciding, and what has happened."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta
from msgspec.msgpack import encode
from msgspec.structs import asdict

from core.identity import Permission
from core.ports.bookings import BookingEventRow, BookingSummary
from core.texts import translate
from gateways.http.checked import TOO_LONG
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.rooms import MAX_PAGE, Page, client_id
from gateways.http.routes import API, Body, Call, Nothing, Reply, Route, View, json_reply
from protocol.booking import (
    BOOKING,
    DESK,
    ApproveBooking,
    BookingAnswered,
    BookingUpdated,
    BookingView,
    CancelBooking,
    CreateBooking,
    DecideBooking,
    DeclineBooking,
    GetBooking,
    NameTraveller,
    Share,
    TravellerSpec,
)
from protocol.frames import Answer, Command, Money
from protocol.ids import ClientId, Date, Id
from protocol.limits import MAX_FREE_BYTES
from protocol.wrong_values import WRONG_TYPE


class NewBooking(Body, frozen=True):
    """As the command `booking.create`. Without `client_id` it follows from the Idempotency-Key."""

    quote_id: Id
    participants: Annotated[list[Id], Meta(min_length=1, max_length=50)]
    travellers: Annotated[list[TravellerSpec], Meta(min_length=1, max_length=50)]
    room_id: Id | None = None
    split: Literal["equal"] | Annotated[list[Share], Meta(max_length=50)] = "equal"
    client_id: ClientId | None = None


class Approval(Body, frozen=True):
    """As the command `booking.approve`."""

    payment_method: Annotated[str, Meta(max_length=255)]
    client_id: ClientId | None = None


class Choice(Body, frozen=True):
    """As the command `booking.decide`."""

    question_id: Id
    option_id: Id


class NamedTraveller(Body, frozen=True):
    """As the command `booking.traveller`."""

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


class OneBooking(View, frozen=True):
    """A booking as this participant sees it."""

    booking: BookingView


class ParticipantItem(View, frozen=True):
    """What somebody pays, and how that stands."""

    user_id: str
    amount: Money
    state: str


class BookingItem(View, frozen=True):
    """A booking in one's list."""

    booking_id: str
    room_id: str | None
    organiser_id: str
    status: str
    step: str
    version: int
    total: Money
    created_at: int
    changed_at: int
    participants: list[ParticipantItem]


class BookingItems(View, frozen=True):
    """Newest first. `next_cursor` None: this was all."""

    items: list[BookingItem]
    next_cursor: str | None


class Happened(View, frozen=True):
    """One thing that happened to a booking, in the reader's language."""

    version: int
    at: int
    status: str
    step: str
    note: str


class Timeline(View, frozen=True):
    """Oldest first. `next_cursor` None: this was all."""

    items: list[Happened]
    next_cursor: str | None


class Since(Body, frozen=True):
    """Which part of a timeline: `cursor` is the last answer's `nextCursor`, a version."""

    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 50
    cursor: Annotated[int, Meta(ge=0, le=2**53)] = 0


async def list_bookings(call: Call) -> Reply:
    """Those one takes part in or organises."""
    who, page = call.of(), call.query
    found = await call.ports.bookings.of_user(
        who.tenant_id, who.user_id, before=page.cursor, limit=page.limit + 1
    )
    shown = found[: page.limit]
    cursor = shown[-1].booking_id if len(found) > page.limit else None
    items = [item_of(one, call.locale) for one in shown]
    return json_reply(BookingItems(items=items, next_cursor=cursor))


async def create_booking(call: Call) -> Reply:
    """Open a booking on a quote."""
    body, who = call.body, call.of()
    command = CreateBooking(
        quote_id=body.quote_id,
        room_id=body.room_id,
        participants=body.participants,
        travellers=body.travellers,
        split=body.split,
        client_id=(body.client_id or client_id(call)).lower(),
    )
    answer = await call.ports.ref(DESK.at(who.user_id)).ask(command, principal=who)
    return json_reply(OneBooking(booking=_booking(answer)), 202)


async def read_booking(call: Call) -> Reply:
    """A booking that one takes part in."""
    return await _asked(call, GetBooking(booking_id=call.path["id"]), 200)


async def read_timeline(call: Call) -> Reply:
    """What has happened to a booking."""
    who, page, booking_id = call.of(), call.query, call.path["id"]
    await _asked(call, GetBooking(booking_id=booking_id), 200)
    rows = await call.ports.bookings.events(
        who.tenant_id, booking_id, after=page.cursor, limit=page.limit + 1
    )
    shown = rows[: page.limit]
    worded = await call.ports.tellings.worded(who.tenant_id, who.user_id, shown)
    items = [
        _happened(row, told) for row, told in zip(shown, worded, strict=True) if told is not None
    ]
    cursor = str(shown[-1].version) if len(rows) > page.limit else None
    return json_reply(Timeline(items=items, next_cursor=cursor))


async def approve(call: Call) -> Reply:
    """Authorise one's share; how that ends is told by `booking.update`."""
    command = ApproveBooking(
        booking_id=call.path["id"],
        payment_method=call.body.payment_method,
        client_id=(call.body.client_id or client_id(call)).lower(),
    )
    return await _asked(call, command)


async def decline(call: Call) -> Reply:
    """Say no to one's share."""
    return await _asked(call, DeclineBooking(booking_id=call.path["id"]))


async def choose(call: Call) -> Reply:
    """Answer a question."""
    command = DecideBooking(
        booking_id=call.path["id"],
        question_id=call.body.question_id,
        option_id=call.body.option_id,
    )
    return await _asked(call, command)


async def cancel(call: Call) -> Reply:
    """Call it off."""
    return await _asked(call, CancelBooking(booking_id=call.path["id"]))


async def name_traveller(call: Call) -> Reply:
    """Say who travels."""
    body: NamedTraveller = call.body
    if body.document is not None:
        _demand_fit(body.document)
    return await _asked(call, NameTraveller(booking_id=call.path["id"], **asdict(body)))


def _demand_fit(document: dict[str, Any]) -> None:
    """Raises `InvalidFields` for what no frame could hold: JSON has longer texts and larger numbers."""
    try:
        if len(encode(document)) <= MAX_FREE_BYTES:
            return
        wrong = FieldProblem("document", TOO_LONG, {"limit": MAX_FREE_BYTES})
    except OverflowError:
        wrong = FieldProblem("document", WRONG_TYPE)
    raise InvalidFields([wrong])


async def _asked(call: Call, command: Command, status: int = 202) -> Reply:
    """The booking itself judges who may: to all others it does not exist."""
    ref = call.ports.ref(BOOKING.at(call.path["id"]))
    answer = await ref.ask(command, principal=call.of())
    return json_reply(OneBooking(booking=_booking(answer)), status)


def _booking(answer: Answer) -> BookingView:
    if not isinstance(answer, BookingAnswered):
        raise TypeError(f"expected a booking, got {type(answer).__name__}")
    return answer.booking


def item_of(row: BookingSummary, locale: str) -> BookingItem:
    """A row of somebody's list, in the language of `locale`."""
    return BookingItem(
        booking_id=row.booking_id,
        room_id=row.room_id,
        organiser_id=row.creator_id,
        status=row.status,
        step=translate(row.step, locale),
        version=row.version,
        total=row.total,
        created_at=row.created_at,
        changed_at=row.changed_at,
        participants=[
            ParticipantItem(user_id=one.user_id, amount=one.amount, state=one.state)
            for one in row.participants
        ],
    )


def _happened(row: BookingEventRow, told: BookingUpdated) -> Happened:
    return Happened(
        version=row.version,
        at=row.at,
        status=told.status,
        step=told.step,
        note=told.note or "",
    )


_ONE: Final = f"{API}/bookings/{{id}}"


def _change(word: str, name: str, summary: str, handle: Any, body: type[Body] = Nothing) -> Route:
    """A route that changes one booking."""
    return Route(
        method="POST",
        path=f"{_ONE}/{word}",
        name=name,
        summary=summary,
        handle=handle,
        access=Permission.BOOK_TRAVEL,
        body=body,
        answer=OneBooking,
        status=202,
        errors=("not_found", "conflict", "forbidden", "overloaded", "unavailable"),
        # Travellers' data leave no trace in keys, not even a hash; naming one again is harmless.
        keeps_answer=word != "travellers",
    )


ROUTES: Final = (
    Route(
        method="GET",
        path=f"{API}/bookings",
        name="listBookings",
        summary="One's bookings, newest first",
        handle=list_bookings,
        access=Permission.BOOK_TRAVEL,
        query=Page,
        answer=BookingItems,
    ),
    Route(
        method="POST",
        path=f"{API}/bookings",
        name="createBooking",
        summary="Open a booking on a quote",
        handle=create_booking,
        access=Permission.BOOK_TRAVEL,
        body=NewBooking,
        answer=OneBooking,
        status=202,
        errors=("not_found", "conflict", "overloaded", "unavailable"),
        keeps_answer=True,
    ),
    Route(
        method="GET",
        path=_ONE,
        name="readBooking",
        summary="A booking one takes part in",
        handle=read_booking,
        access=Permission.BOOK_TRAVEL,
        answer=OneBooking,
        errors=("not_found", "overloaded"),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/timeline",
        name="readTimeline",
        summary="What has happened to a booking, oldest first",
        handle=read_timeline,
        access=Permission.BOOK_TRAVEL,
        query=Since,
        answer=Timeline,
        errors=("not_found", "overloaded"),
    ),
    _change("approve", "approveBooking", "Authorise one's share", approve, Approval),
    _change("decline", "declineBooking", "Say no to one's share", decline),
    _change("decide", "decideBooking", "Answer a booking's question", choose, Choice),
    _change("cancel", "cancelBooking", "Call a booking off", cancel),
    _change("travellers", "nameTraveller", "Say who travels", name_traveller, NamedTraveller),
)
