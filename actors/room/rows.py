"""Between the machine's events and the log's rows: each event is encoded once, here."""

from typing import Final

import msgspec

from actors.room.decisions import Decision
from actors.room.memory import Memory, MessageState, key_of
from actors.room.state import Member, RoomEvent, RoomState, Seat
from core.ports.message_log import (
    Append,
    EventKind,
    LogRow,
    MembershipChange,
    PersonaChange,
    Redaction,
    RoomPatch,
)
from protocol.chat import (
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageReacted,
)
from protocol.codec import encode
from protocol.room import RoomChanged

_KINDS: Final[dict[type[RoomEvent], EventKind]] = {
    MessagePosted: EventKind.MESSAGE,
    MessageEdited: EventKind.EDITED,
    MessageDeleted: EventKind.DELETED,
    MessageReacted: EventKind.REACTED,
    MessagePinned: EventKind.PINNED,
    RoomChanged: EventKind.ROOM,
}


def append_of(
    event: RoomEvent, decision: Decision, *, room: RoomState, memory: Memory, fence: int
) -> Append:
    """What `decision`, of which `event` is the first, adds to the log of `room` as it stands before."""
    personas = _personas(event, room)
    return Append(
        tenant_id=room.tenant_id,
        room_id=room.id,
        fence=fence,
        rows=tuple(_row(event, memory) for event in decision.events),
        memberships=_memberships(event, decision, room),
        personas=personas,
        patch=_patch(event, is_first=bool(personas) and not room.had_personas),
        redactions=() if decision.redacts is None else _redactions(decision.redacts),
    )


def _row(event: RoomEvent, memory: Memory) -> LogRow:
    body, kind = encode(event), _KINDS[type(event)]
    match event:
        case MessagePosted():
            return LogRow(
                seq=event.seq,
                sent_at=event.sent_at,
                kind=kind,
                sender_id=event.sender.id,
                body=body,
                client_id=key_of(event),
                message_id=event.message_id,
            )
        case RoomChanged():
            target_seq = None
        case _:
            target = memory.message(event.message_id)
            target_seq = None if target is None else target.blank.seq
    return LogRow(
        seq=event.seq,
        sent_at=event.sent_at,
        kind=kind,
        sender_id=event.by,
        body=body,
        target_seq=target_seq,
    )


def _memberships(
    event: RoomEvent, decision: Decision, room: RoomState
) -> tuple[MembershipChange, ...]:
    if not isinstance(event, RoomChanged):
        return ()
    after = room.memberships_after(event, decision.names)
    return tuple(_membership(room, user_id, member) for user_id, member in after.items())


def _membership(room: RoomState, user_id: str, member: Member | None) -> MembershipChange:
    known = member or room.members.get(user_id)
    return MembershipChange(
        user_id=user_id,
        role="member" if known is None else known.role,
        state=None if member is None else member.state,
        from_seq=1 if known is None else known.from_seq,
    )


def _personas(event: RoomEvent, room: RoomState) -> tuple[PersonaChange, ...]:
    if not isinstance(event, RoomChanged):
        return ()
    return tuple(
        _persona(persona_id, seat or room.personas.get(persona_id), is_gone=seat is None)
        for persona_id, seat in room.seats_after(event).items()
    )


def _persona(persona_id: str, seat: Seat | None, *, is_gone: bool) -> PersonaChange:
    return PersonaChange(
        persona_id=persona_id,
        owner_id="" if seat is None else seat.owner_id,
        name="" if seat is None else seat.name,
        from_seq=None if seat is None or is_gone else seat.from_seq,
    )


def _patch(event: RoomEvent, *, is_first: bool) -> RoomPatch | None:
    if is_first:
        return RoomPatch(had_personas=True)
    if not isinstance(event, RoomChanged) or event.change != "updated":
        return None
    settings = None if event.settings is None else msgspec.json.encode(event.settings)
    return RoomPatch(title=event.title, settings=settings)


def _redactions(state: MessageState) -> tuple[Redaction, ...]:
    """The message and every edit of it, as they look without their text."""
    blank = state.blank
    edits = (
        MessageEdited(
            room_id=blank.room_id,
            epoch=blank.epoch,
            seq=seq,
            sent_at=sent_at,
            message_id=blank.message_id,
            by=blank.sender.id,
            content="",
        )
        for seq, sent_at in state.edits
    )
    return (
        Redaction(seq=blank.seq, sent_at=blank.sent_at, body=encode(blank)),
        *(Redaction(seq=edit.seq, sent_at=edit.sent_at, body=encode(edit)) for edit in edits),
    )
