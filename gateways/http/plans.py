"""Trip boards over HTTP: reading one, settling up, and its calendar by a secret address."""

from typing import Final

from core.errors import Rejected
from core.identity import Permission
from core.ports.plans import CalendarAddress
from gateways.http.calendar_text import calendar_text, entries_of
from gateways.http.routes import API, Call, Reply, Route, View, json_reply
from protocol.frames import Answer
from protocol.plan import (
    PLAN,
    CurrencySettlement,
    OpenPlan,
    PlanItem,
    PlanOpened,
    ReadItinerary,
    SettledUp,
    SettleUp,
)

CALENDAR: Final = "text/calendar"


class OnePlan(View, frozen=True):
    """A room's board, in its order."""

    version: int
    items: list[PlanItem]


class Settlement(View, frozen=True):
    """Who owes whom, by currency. `unknown`: ids of expenses whose booking has captured nothing."""

    version: int
    settlements: list[CurrencySettlement]
    unknown: list[str]


class CalendarShared(View, frozen=True):
    """Where a calendar reads the itinerary. Whoever knows the address can, until it is revoked."""

    url: str


class CalendarEnded(View, frozen=True):
    """`ended`: there was an address; it shows nothing any more."""

    ended: bool


async def read_plan(call: Call) -> Reply:
    """The board, for who has joined."""
    opened = await _opened(call)
    return json_reply(OnePlan(version=opened.version, items=opened.items or []))


async def read_settlement(call: Call) -> Reply:
    """Who gives whom how much, so that all are even."""
    answer = await call.ports.ref(PLAN.at(call.path["id"])).ask(SettleUp(), principal=call.of())
    if not isinstance(answer, SettledUp):
        raise TypeError(f"expected a settlement, got {type(answer).__name__}")
    return json_reply(
        Settlement(version=answer.version, settlements=answer.settlements, unknown=answer.unknown)
    )


async def share_calendar(call: Call) -> Reply:
    """A new secret address; the one before it ends."""
    await _opened(call)
    secret = await call.ports.calendars.share(_address(call), at=call.ports.clock.now_ms())
    url = f"{call.ports.public_url()}/calendar/{secret}.ics"
    return json_reply(CalendarShared(url=url), 201)


async def end_calendar(call: Call) -> Reply:
    """Revoke it. Also who has left the room may; where nothing is revoked, the board judges."""
    ended = await call.ports.calendars.end(_address(call))
    if not ended:
        await _opened(call)
    return json_reply(CalendarEnded(ended=ended))


async def read_calendar(call: Call) -> Reply:
    """What the holder of the address sees. Who has left the room shows nobody anything."""
    ports = call.ports
    address = await ports.calendars.find(call.path["secret"])
    if address is None:
        raise _nothing()
    plan = ports.ref(PLAN.at(address.room_id))
    try:
        opened = _plan(await plan.ask(ReadItinerary(user_id=address.user_id)))
    except Rejected as refusal:
        raise (_nothing() if refusal.code == "not_found" else refusal) from None
    booked = await ports.booked.booked(address.tenant_id, address.room_id, address.user_id)
    room = await ports.rooms.load(address.tenant_id, address.room_id)
    text = calendar_text(
        room.title if room is not None and room.title else "Caravan",
        address.room_id,
        entries_of(opened.items or [], booked),
        now=ports.clock.now_ms(),
    )
    return Reply(status=200, body=text.encode(), media_type=f"{CALENDAR}; charset=utf-8")


async def _opened(call: Call) -> PlanOpened:
    """The board judges who may: to all others there is no room."""
    room_id = call.path["id"]
    ref = call.ports.ref(PLAN.at(room_id))
    return _plan(await ref.ask(OpenPlan(room_id=room_id), principal=call.of()))


def _plan(answer: Answer) -> PlanOpened:
    if not isinstance(answer, PlanOpened):
        raise TypeError(f"expected a board, got {type(answer).__name__}")
    return answer


def _address(call: Call) -> CalendarAddress:
    who = call.of()
    return CalendarAddress(tenant_id=who.tenant_id, room_id=call.path["id"], user_id=who.user_id)


def _nothing() -> Rejected:
    return Rejected("not_found", "This address does not exist.")


_ROOM: Final = f"{API}/chat/rooms/{{id}}"
_ERRORS: Final = ("not_found", "overloaded", "unavailable")

ROUTES: Final = (
    Route(
        method="GET",
        path=f"{_ROOM}/plan",
        name="readPlan",
        summary="A room's trip board, for who has joined",
        handle=read_plan,
        access=Permission.CHAT,
        answer=OnePlan,
        errors=_ERRORS,
    ),
    Route(
        method="GET",
        path=f"{_ROOM}/settlement",
        name="readSettlement",
        summary="Who owes whom, by the board's expenses and what bookings have captured",
        handle=read_settlement,
        access=Permission.CHAT,
        answer=Settlement,
        errors=_ERRORS,
    ),
    Route(
        method="POST",
        path=f"{_ROOM}/calendar",
        name="shareCalendar",
        summary="Make a secret address by which a calendar reads the itinerary",
        handle=share_calendar,
        access=Permission.CHAT,
        answer=CalendarShared,
        status=201,
        errors=_ERRORS,
    ),
    Route(
        method="DELETE",
        path=f"{_ROOM}/calendar",
        name="endCalendar",
        summary="Revoke one's secret address",
        handle=end_calendar,
        access=Permission.CHAT,
        answer=CalendarEnded,
        errors=_ERRORS,
    ),
    Route(
        method="GET",
        path="/calendar/{secret}.ics",
        name="readCalendar",
        summary="An itinerary as iCalendar (RFC 5545), for who knows the address",
        handle=read_calendar,
        access="public",
        errors=_ERRORS,
        media_type=CALENDAR,
    ),
)
