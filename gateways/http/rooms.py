"""Rooms as one member sees them. Messages are read over the socket."""

import hashlib
import re
import uuid
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, field

from core.identity import Permission
from core.ports.repositories import MemberRecord, RoomSummary
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply
from protocol.frames import Answer
from protocol.ids import UUID7_PATTERN, ClientId, Id
from protocol.limits import MAX_INVITES
from protocol.room import ROOM, CreateRoom, HistoryFor, RoomAnswered, RoomKind, RoomView, ViewRoom
from protocol.user import USER

MAX_PAGE: Final = 100


class Page(Body, frozen=True):
    """Which part of a list: `cursor` is the last answer's `nextCursor`, the id of its last item."""

    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 50
    cursor: Annotated[str, Meta(pattern=UUID7_PATTERN)] | None = None


class RoomItem(View, frozen=True):
    """A room in one's list. `unread` counts to 999; `last` is the newest readable `chat.message`."""

    id: str
    kind: str
    title: str
    role: str
    state: str
    head: int
    read: int
    unread: int
    muted_until: int | None
    last: dict[str, Any] | None
    created_at: int


class RoomItems(View, frozen=True):
    """Newest room first. `next_cursor` None: this was all."""

    items: list[RoomItem]
    next_cursor: str | None


class MemberItem(View, frozen=True):
    """A member of a room."""

    id: str
    name: str
    role: str
    state: str


class MemberItems(View, frozen=True):
    """Ascending by id. `next_cursor` None: this was all."""

    items: list[MemberItem]
    next_cursor: str | None


class NewRoom(Body, frozen=True):
    """As the command `room.create`. Without `client_id` it follows from the Idempotency-Key."""

    kind: RoomKind
    title: str | None = None
    members: Annotated[list[Id], Meta(max_length=MAX_INVITES)] = field(default_factory=list)
    personas: Annotated[list[Id], Meta(max_length=10)] = field(default_factory=list)
    history: HistoryFor = "invited"
    client_id: ClientId | None = None


class OneRoom(View, frozen=True):
    """A room as its member sees it (§4)."""

    room: RoomView


async def list_rooms(call: Call) -> Reply:
    """One's rooms, invitations included."""
    who, page = call.of(), call.query
    found = await call.ports.rooms.of_user(
        who.tenant_id, who.user_id, before=page.cursor, limit=page.limit + 1
    )
    shown = found[: page.limit]
    cursor = shown[-1].id if len(found) > page.limit else None
    return json_reply(RoomItems(items=[_item(room) for room in shown], next_cursor=cursor))


async def create_room(call: Call) -> Reply:
    """Make a room, or find the one room of a direct pair."""
    body: NewRoom = call.body
    command = CreateRoom(
        kind=body.kind,
        client_id=(body.client_id or client_id(call)).lower(),
        title=body.title,
        members=body.members,
        personas=body.personas,
        history=body.history,
    )
    who = call.of()
    answer = await call.ports.ref(USER.at(who.user_id)).ask(command, principal=who)
    return json_reply(OneRoom(room=_room(answer)), 201)


async def read_room(call: Call) -> Reply:
    """A room one is a member of."""
    return json_reply(OneRoom(room=await _view(call)))


async def list_members(call: Call) -> Reply:
    """The members of a room, for its members."""
    await _view(call)
    page: Page = call.query
    found = await call.ports.rooms.members(
        call.of().tenant_id, call.path["id"], after_user=page.cursor, limit=page.limit + 1
    )
    shown = found[: page.limit]
    cursor = shown[-1].user_id if len(found) > page.limit else None
    return json_reply(MemberItems(items=[_member(member) for member in shown], next_cursor=cursor))


async def _view(call: Call) -> RoomView:
    """The room itself judges who may look: to all others it does not exist."""
    ref = call.ports.ref(ROOM.at(call.path["id"]))
    return _room(await ref.ask(ViewRoom(), principal=call.of()))


def _room(answer: Answer) -> RoomView:
    if not isinstance(answer, RoomAnswered):
        raise TypeError(f"expected a room, got {type(answer).__name__}")
    return answer.room


def _item(room: RoomSummary) -> RoomItem:
    return RoomItem(
        id=room.id,
        kind=room.kind,
        title=room.title,
        role=room.role,
        state=room.state,
        head=room.head,
        read=room.read,
        unread=room.unread,
        muted_until=room.muted_until,
        last=_last(room),
        created_at=room.created_at,
    )


def _last(room: RoomSummary) -> dict[str, Any] | None:
    """The newest message in its present text (a deleted one's is empty in the log itself)."""
    if room.last_body is None:
        return None
    last: dict[str, Any] = msgspec.msgpack.decode(room.last_body)
    if room.last_edit is not None and last["content"]:
        edit = msgspec.msgpack.decode(room.last_edit)
        last |= {"content": edit["content"], "edited": edit["sentAt"]}
    return last


def _member(member: MemberRecord) -> MemberItem:
    return MemberItem(id=member.user_id, name=member.name, role=member.role, state=member.state)


def client_id(call: Call) -> str:
    """The same key makes the same room, also when the first answer was never stored: a key that is
    no UUIDv7 becomes one."""
    if call.key is None:
        return call.ports.ids.uuid7()
    if re.match(UUID7_PATTERN, call.key):
        return call.key
    bits = int.from_bytes(hashlib.sha256(call.key.encode()).digest()[:16])
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)
    return str(uuid.UUID(int=bits))


ROUTES: Final = (
    Route(
        method="GET",
        path=f"{API}/chat/rooms",
        name="listRooms",
        summary="One's rooms, invitations included, newest first",
        handle=list_rooms,
        access=Permission.CHAT,
        query=Page,
        answer=RoomItems,
    ),
    Route(
        method="POST",
        path=f"{API}/chat/rooms",
        name="createRoom",
        summary="Make a room, or find the one room of a direct pair",
        handle=create_room,
        access=Permission.CHAT,
        body=NewRoom,
        answer=OneRoom,
        status=201,
        errors=("not_found", "conflict", "overloaded"),
        keeps_answer=True,
    ),
    Route(
        method="GET",
        path=f"{API}/chat/rooms/{{id}}",
        name="readRoom",
        summary="A room one is a member of",
        handle=read_room,
        access=Permission.CHAT,
        answer=OneRoom,
        errors=("not_found", "overloaded"),
    ),
    Route(
        method="GET",
        path=f"{API}/chat/rooms/{{id}}/members",
        name="listMembers",
        summary="The members of a room, for its members",
        handle=list_members,
        access=Permission.CHAT,
        query=Page,
        answer=MemberItems,
        errors=("not_found", "overloaded"),
    ),
)
