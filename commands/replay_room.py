"""A room put back to where a crash record saw it: its members, its head, its newest messages."""

from typing import Any, Final

import msgspec

from commands.replay_world import ReplayWorld
from core.ports.message_log import EventKind, LogRow, MembershipChange, PersonaChange
from core.ports.repositories import NewRoom
from protocol.chat import MessagePosted, Sender
from protocol.codec import encode

MAX_ROWS: Final = 64


class _Member(msgspec.Struct, kw_only=True):
    user_id: str
    name: str
    role: str
    state: str
    from_seq: int
    read_seq: int


class _Seat(msgspec.Struct, kw_only=True):
    persona_id: str
    owner_id: str
    name: str
    from_seq: int


class _Message(msgspec.Struct, kw_only=True):
    seq: int
    sent_at: int
    message_id: str
    sender_id: str
    client_id: str | None
    is_deleted: bool


class _Room(msgspec.Struct, kw_only=True):
    """As `actors.room.snapshot` writes it; what else is there is for reading alone."""

    tenant_id: int
    kind: str
    title: str
    settings: dict[str, Any]
    history: str
    epoch: str
    created_at: int
    first: int
    head: int
    sent_at: int
    members: list[_Member]
    messages: list[_Message]
    had_personas: bool = False
    personas: list[_Seat] = []


async def restore_room(world: ReplayWorld, room_id: str, state: Any) -> None:
    """Raises `msgspec.ValidationError` when the state is not that of a room."""
    room = msgspec.convert(state, _Room)
    for member in room.members:
        world.add_user(member.user_id, member.name)
    owners = [member.user_id for member in room.members if member.role == "owner"]
    everybody = [member.user_id for member in room.members]
    await world.rooms.create(
        NewRoom(
            id=room_id,
            tenant_id=room.tenant_id,
            kind=room.kind,
            title=room.title,
            history=room.history,
            creator_id=(owners or everybody or [""])[0],
            client_id="",
            direct_key=None,
            epoch=room.epoch,
            created_at=room.created_at,
            invited=(),
            created=b"",
        )
    )
    stored = world.stored.room(room.tenant_id, room_id)
    stored.settings = msgspec.json.encode(room.settings)
    stored.members = {
        member.user_id: MembershipChange(
            user_id=member.user_id, role=member.role, state=member.state, from_seq=member.from_seq
        )
        for member in room.members
    }
    stored.had_personas = room.had_personas
    stored.seat(
        [
            PersonaChange(
                persona_id=seat.persona_id,
                owner_id=seat.owner_id,
                name=seat.name,
                from_seq=seat.from_seq,
            )
            for seat in room.personas
        ]
    )
    stored.first = max(room.first, room.head - MAX_ROWS + 1)
    stored.rows = _rows(room, room_id, stored.first)
    stored.keys = {(row.sender_id, row.client_id) for row in stored.rows.values() if row.client_id}
    reads = {member.user_id: member.read_seq for member in room.members}
    await world.rooms.advance_read(room.tenant_id, room_id, reads)


def _rows(room: _Room, room_id: str, first: int) -> dict[int, LogRow]:
    """The log is dense: what is not a remembered message is a placeholder of nobody's."""
    known = {message.seq: message for message in room.messages}
    return {
        seq: _row(room, room_id, known.get(seq) or _placeholder(room, seq))
        for seq in range(first, room.head + 1)
    }


def _placeholder(room: _Room, seq: int) -> _Message:
    return _Message(
        seq=seq,
        sent_at=room.created_at,
        message_id=f"placeholder-{seq}",
        sender_id="",
        client_id=None,
        is_deleted=True,
    )


def _row(room: _Room, room_id: str, message: _Message) -> LogRow:
    event = MessagePosted(
        room_id=room_id,
        epoch=room.epoch,
        seq=message.seq,
        sent_at=message.sent_at,
        message_id=message.message_id,
        sender=Sender(id=message.sender_id, kind="user", name="x"),
        content="" if message.is_deleted else "x",
        client_id=message.client_id,
    )
    return LogRow(
        seq=message.seq,
        sent_at=message.sent_at,
        kind=EventKind.MESSAGE,
        sender_id=message.sender_id,
        body=encode(event),
        client_id=message.client_id,
        message_id=message.message_id,
    )
