"""Consultations: times that professionals open, and who books and cancels them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final

from msgspec import Meta, field

from core.errors import Rejected
from core.identity import Permission
from core.ports.consultations import Cancelling, Consultation, WantedTimes
from core.ports.repositories import User
from core.texts import sentence
from gateways.http.checked import Tags, checked_text, normal_tags, tag_problems
from gateways.http.cursors import cursor_of, cursor_pattern, place_of
from gateways.http.marketplace import Seller
from gateways.http.personas import new_id
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.rooms import MAX_PAGE
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply
from protocol.ids import Id

PATH: Final = f"{API}/consultations"
TIMES: Final = f"{PATH}/times"
ONE: Final = f"{PATH}/{{id}}"

MAX_TEXT_BYTES: Final = 1_000
FARTHEST: Final = 180 * 86_400_000
LOOK_BACK: Final = 86_400_000
"""What began so long ago is still in one's list, unless it is asked otherwise."""

_NOT_AHEAD: Final = sentence("This is a time to come, at most 180 days from now.")
_NO_SPAN: Final = sentence("The end comes after the beginning.")

Time = Annotated[int, Meta(ge=0, le=2**53)]
Cursor = Annotated[str, Meta(pattern=cursor_pattern(16))]


class OpenTime(View, frozen=True):
    """A time that can be booked, ms since the epoch. `tags`: what may be talked of, places, languages."""

    id: str
    starts_at: int
    ends_at: int
    tags: list[str]
    professional: Seller


class OpenTimes(View, frozen=True):
    """The next one first. `next_cursor` None: this was all."""

    items: list[OpenTime]
    next_cursor: str | None


class OneTime(View, frozen=True):
    """The answer to what opens one."""

    time: OpenTime


class BookedTime(OpenTime, frozen=True):
    """A consultation as both sides see it. `state`: `booked` or `cancelled`, `cancelled_by` one of the
    two (`note`: why). `about`: what the traveller wants to know. `meter_seconds`: for so long both were in
    the call."""

    state: str
    meter_seconds: int
    traveller: Seller
    about: str
    cancelled_by: str | None
    note: str


class BookedTimes(View, frozen=True):
    """The next one first. `next_cursor` None: this was all."""

    items: list[BookedTime]
    next_cursor: str | None


class OneConsultation(View, frozen=True):
    """The answer to what books, shows or cancels one."""

    consultation: BookedTime


class TimesClosed(View, frozen=True):
    """How many were taken out."""

    closed: int


class NewTime(Body, frozen=True):
    """A time at which one can be consulted."""

    starts_at: Time
    minutes: Annotated[int, Meta(ge=10, le=240)]
    tags: Tags = field(default_factory=list)


class Span(Body, frozen=True):
    """From a moment on, and before another."""

    start: Time = field(name="from")
    end: Time = field(name="to")


class FindTimes(Body, frozen=True):
    """Which times: that start from `from` on (unless said: from now on) and before `to`; of this
    professional; with all of these `tags` (with commas between)."""

    start: Time | None = field(name="from", default=None)
    end: Time | None = field(name="to", default=None)
    professional_id: Id | None = None
    tags: Annotated[str, Meta(max_length=500, examples=["portugal,de"])] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 50
    cursor: Cursor | None = None


class FindOwn(Body, frozen=True):
    """Which of one's own: that end after `from` (unless said: a day ago)."""

    start: Time | None = field(name="from", default=None)
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 50
    cursor: Cursor | None = None


class BookTime(Body, frozen=True):
    """Which one, and what one wants to know."""

    time_id: Id
    about: str = ""


class Cancel(Body, frozen=True):
    """Why; the other side reads it."""

    may_be_empty: ClassVar[bool] = True
    note: str = ""


async def open_time(call: Call) -> Reply:
    """Let others book a time of one's own."""
    body, now = call.body, call.ports.business.business_ms()
    is_ahead = now < body.starts_at <= now + FARTHEST
    wrong = [] if is_ahead else [FieldProblem("startsAt", _NOT_AHEAD)]
    wrong += tag_problems(body.tags)
    if wrong:
        raise InvalidFields(wrong)
    new = Consultation(
        id=new_id(call, "time"),
        professional_id=call.of().user_id,
        starts_at=body.starts_at,
        ends_at=body.starts_at + body.minutes * 60_000,
        tags=normal_tags(body.tags),
    )
    opened = await call.ports.consultations.open(call.of().tenant_id, new, now=now)
    [shown_one] = _times([opened], await _names(call, [opened]))
    return json_reply(OneTime(time=shown_one), 201)


async def close_times(call: Call) -> Reply:
    """Take one's open times of a span out: what is booked stays."""
    span, who = call.query, call.of()
    if span.end <= span.start:
        raise InvalidFields([FieldProblem("to", _NO_SPAN)])
    closed = await call.ports.consultations.close(
        who.tenant_id, who.user_id, start=span.start, end=span.end
    )
    return json_reply(TimesClosed(closed=closed))


async def find_times(call: Call) -> Reply:
    """Times of professionals that can be booked."""
    query, now = call.query, call.ports.business.business_ms()
    wanted = WantedTimes(
        start=max(now + 1, query.start or 0),
        end=query.end,
        professional_id=query.professional_id,
        tags=normal_tags(query.tags.split(",")),
    )
    found = await call.ports.consultations.find(
        call.of().tenant_id, wanted, after=place_of(query.cursor), limit=query.limit + 1
    )
    page, more = _page(found, query.limit)
    return json_reply(OpenTimes(items=_times(page, await _names(call, page)), next_cursor=more))


async def book_time(call: Call) -> Reply:
    """Book a time of a professional's."""
    who = call.of()
    booked = await call.ports.consultations.book(
        who.tenant_id,
        call.body.time_id,
        who.user_id,
        about=checked_text("about", call.body.about, MAX_TEXT_BYTES),
        now=call.ports.business.business_ms(),
    )
    return await _reply(call, booked, 201)


async def list_consultations(call: Call) -> Reply:
    """One's own, on either side."""
    query, who = call.query, call.of()
    start = call.ports.business.business_ms() - LOOK_BACK if query.start is None else query.start
    found = await call.ports.consultations.of_user(
        *(who.tenant_id, who.user_id),
        start=start,
        after=place_of(query.cursor),
        limit=query.limit + 1,
    )
    page, more = _page(found, query.limit)
    names = await _names(call, page)
    return json_reply(BookedTimes(items=[_view(one, names) for one in page], next_cursor=more))


async def read_consultation(call: Call) -> Reply:
    """One of one's own, on either side."""
    who = call.of()
    found = await call.ports.consultations.get(who.tenant_id, call.path["id"])
    if found is None or found.state == "open" or who.user_id not in _people(found):
        raise Rejected("not_found", "There is no such consultation.")
    return await _reply(call, found)


async def cancel_consultation(call: Call) -> Reply:
    """Call it off, and say why."""
    cancelled = await call.ports.consultations.cancel(
        call.of().tenant_id,
        call.path["id"],
        Cancelling(
            user_id=call.of().user_id,
            note=checked_text("note", call.body.note, MAX_TEXT_BYTES),
            again=call.ports.ids.uuid7(),
        ),
        now=call.ports.business.business_ms(),
    )
    return await _reply(call, cancelled)


async def _reply(call: Call, one: Consultation, status: int = 200) -> Reply:
    names = await _names(call, [one])
    return json_reply(OneConsultation(consultation=_view(one, names)), status)


async def _names(call: Call, shown_ones: Sequence[Consultation]) -> Mapping[str, User]:
    wanted = {user_id for one in shown_ones for user_id in _people(one)}
    return await call.ports.users.many(call.of().tenant_id, sorted(wanted))


def _people(one: Consultation) -> list[str]:
    return [id for id in (one.professional_id, one.traveller_id) if id is not None]


def _times(found: Sequence[Consultation], names: Mapping[str, User]) -> list[OpenTime]:
    return [
        OpenTime(
            id=one.id,
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            tags=list(one.tags),
            professional=_person(one.professional_id, names),
        )
        for one in found
    ]


def _view(one: Consultation, names: Mapping[str, User]) -> BookedTime:
    return BookedTime(
        id=one.id,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        tags=list(one.tags),
        professional=_person(one.professional_id, names),
        state=one.state,
        meter_seconds=one.metered_ms // 1_000,
        traveller=_person(one.traveller_id or "", names),
        about=one.about,
        cancelled_by=one.cancelled_by,
        note=one.note,
    )


def _person(user_id: str, names: Mapping[str, User]) -> Seller:
    user = names.get(user_id)
    return Seller(
        id=user_id,
        handle="" if user is None else user.handle,
        name="" if user is None else user.name,
    )


def _page(found: Sequence[Consultation], limit: int) -> tuple[Sequence[Consultation], str | None]:
    page = found[:limit]
    return page, cursor_of(page[-1].starts_at, page[-1].id) if len(found) > limit else None


ROUTES: Final = (
    Route(
        method="POST",
        path=TIMES,
        name="openTime",
        summary="Let others book a time of one's own",
        handle=open_time,
        access=Permission.MANAGE_CONSULTATIONS,
        body=NewTime,
        answer=OneTime,
        status=201,
        errors=("conflict",),
        keeps_answer=True,
    ),
    Route(
        method="DELETE",
        path=TIMES,
        name="closeTimes",
        summary="Take one's open times of a span out: what is booked stays",
        handle=close_times,
        access=Permission.MANAGE_CONSULTATIONS,
        query=Span,
        answer=TimesClosed,
        keeps_answer=True,
    ),
    Route(
        method="GET",
        path=TIMES,
        name="findTimes",
        summary="Times of professionals that can be booked, the next one first",
        handle=find_times,
        access="login",
        query=FindTimes,
        answer=OpenTimes,
    ),
    Route(
        method="POST",
        path=PATH,
        name="bookConsultation",
        summary="Book a time of a professional's",
        handle=book_time,
        access=Permission.BOOK_TRAVEL,
        body=BookTime,
        answer=OneConsultation,
        status=201,
        errors=("not_found", "conflict"),
        keeps_answer=True,
    ),
    Route(
        method="GET",
        path=PATH,
        name="listConsultations",
        summary="One's consultations on either side, the next one first",
        handle=list_consultations,
        access="login",
        query=FindOwn,
        answer=BookedTimes,
    ),
    Route(
        method="GET",
        path=ONE,
        name="readConsultation",
        summary="One of one's consultations",
        handle=read_consultation,
        access="login",
        answer=OneConsultation,
        errors=("not_found",),
    ),
    Route(
        method="POST",
        path=f"{ONE}/cancel",
        name="cancelConsultation",
        summary="Call a consultation off",
        handle=cancel_consultation,
        access="login",
        body=Cancel,
        answer=OneConsultation,
        errors=("not_found", "conflict"),
        keeps_answer=True,
    ),
)
