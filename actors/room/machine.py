"""A room's decisions: who may do what, under which seq, and what a repeat is answered (pure).

`decide` changes nothing; it refuses by `Rejected`. Who may what (docs/protocol-v1.md §4):

- To whoever is no member the room is `not_found`.
- An *invited* member may look (view, history, read pointer, mute), accept by joining, decline by
  leaving. Everything else is `forbidden` until then.
- A *joined* member may post, react, pin, invite; edits and deletes what is his own.
- The *owner* removes members, changes title and settings, deletes anybody's message. When he leaves,
  ownership passes on (`RoomState`).
- Who takes which *persona* in and out: see `seating`.
- In a *direct* room nobody owns anything: nobody is invited, removed or leaves, it has no title, each
  deletes his own messages, and both may change the settings.
"""

from typing import Final

from actors.room import membership, seating
from actors.room.decisions import Decision, Given, KnowKey, KnowMessage, Need
from actors.room.memory import Mark, Memory, MessageState, Stored, digest
from actors.room.rules import checked_content, checked_emoji, demand_joined, unknown
from actors.room.state import Member, RoomState
from core.errors import Rejected
from core.identity import Permission, Principal, authorize
from protocol.chat import (
    DeleteMessage,
    EditMessage,
    MessageAccepted,
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageReacted,
    PinMessage,
    PostMessage,
    ReactToMessage,
    Sender,
)
from protocol.frames import Done
from protocol.persona import SetRoomPersona
from protocol.room import (
    AwaitTurn,
    ConfirmReader,
    InviteToRoom,
    JoinRoom,
    LeaveRoom,
    RemoveFromRoom,
    Sequenced,
    UpdateRoom,
)

MAX_EDITS: Final = 100
MAX_EMOJIS: Final = 50
"""Distinct emojis that one message ever carries."""

LogCommand = (
    PostMessage
    | AwaitTurn
    | EditMessage
    | DeleteMessage
    | ReactToMessage
    | PinMessage
    | JoinRoom
    | LeaveRoom
    | InviteToRoom
    | RemoveFromRoom
    | UpdateRoom
    | SetRoomPersona
    | ConfirmReader
)
"""The commands that may add an event to the log, or need it to be judged."""


def decide(
    room: RoomState, memory: Memory, command: LogCommand, principal: Principal, given: Given
) -> Decision | Need:
    """Judge a command by the decided fold. Raises `Rejected`; changes nothing."""
    authorize(principal, Permission.CHAT)
    if principal.tenant_id != room.tenant_id:
        raise unknown()
    match command:
        case PostMessage():
            return _post(room, memory, command, principal, given)
        case AwaitTurn(client_id=client_id):
            demand_joined(room, principal.user_id)
            repeat = client_id and _repeat(memory, client_id, principal, given)
            return repeat or Decision(answer=Done())
        case EditMessage() | DeleteMessage() | ReactToMessage() | PinMessage():
            return _change(room, memory, command, principal, given)
        case ConfirmReader():
            return _confirm(room, memory, command, principal, given)
        case SetRoomPersona():
            return seating.decide(room, memory, command, principal, given)
        case _:
            return membership.decide(room, memory, command, principal, given)


def _post(
    room: RoomState, memory: Memory, command: PostMessage, principal: Principal, given: Given
) -> Decision | Need:
    member = demand_joined(room, principal.user_id)
    client_id = command.client_id.lower()
    repeat = _repeat(memory, client_id, principal, given)
    if repeat is not None:
        return repeat
    content = checked_content(command.content)
    if command.reply_to is not None:
        target = _target(room, memory, command.reply_to, member, given, field="replyTo")
        if isinstance(target, KnowMessage):
            return target
    event = MessagePosted(
        room_id=room.id,
        epoch=room.epoch,
        seq=room.head + 1,
        sent_at=max(given.now, room.sent_at),
        message_id=given.new_id,
        sender=Sender(id=principal.user_id, kind="user", name=principal.name),
        content=content,
        client_id=client_id,
        reply_to=command.reply_to,
        attachments=command.attachments or None,
    )
    return Decision(
        event=event, answer=accepted(Stored(event.seq, event.message_id, event.sent_at))
    )


def _repeat(
    memory: Memory, client_id: str, principal: Principal, given: Given
) -> Decision | KnowKey | None:
    """The first `ok` to a message of this clientId, whatever its content now; None: it is new."""
    stored = memory.stored(principal.user_id, client_id)
    if stored is not None:
        return Decision(answer=accepted(stored))
    if not given.key_is_new and memory.may_have_forgotten(principal.user_id, client_id, given.now):
        return KnowKey(principal.user_id, client_id)
    return None


def accepted(stored: Stored) -> MessageAccepted:
    """The `ok` of a message, first or repeated."""
    return MessageAccepted(seq=stored.seq, message_id=stored.message_id, sent_at=stored.sent_at)


def _target(
    room: RoomState,
    memory: Memory,
    message_id: str,
    member: Member,
    given: Given,
    *,
    field: str = "messageId",
) -> MessageState | KnowMessage:
    """The message that a command names, if this member may see it."""
    state = memory.message(message_id)
    if state is None and message_id not in given.missing:
        return KnowMessage(message_id)
    if state is None or state.blank.seq < room.first_readable(member):
        sentence = "There is no such message here."
        raise Rejected("not_found", sentence, fields=[(field, sentence)])
    return state


def _confirm(
    room: RoomState, memory: Memory, command: ConfirmReader, principal: Principal, given: Given
) -> Decision | Need:
    member = demand_joined(room, principal.user_id)
    if command.message_id is not None:
        state = _target(room, memory, command.message_id, member, given)
        if isinstance(state, KnowMessage):
            return state
        _demand_present(state)
    return Decision(answer=Done())


def _change(
    room: RoomState,
    memory: Memory,
    command: EditMessage | DeleteMessage | ReactToMessage | PinMessage,
    principal: Principal,
    given: Given,
) -> Decision | Need:
    member = demand_joined(room, principal.user_id)
    state = _target(room, memory, command.message_id, member, given)
    if isinstance(state, KnowMessage):
        return state
    match command:
        case EditMessage():
            return _edit(room, state, command, principal, given)
        case DeleteMessage():
            return _delete(room, state, command, principal, given)
        case ReactToMessage():
            return _react(room, state, command, principal, given)
        case _:
            return _pin(room, state, command, principal, given)


def _edit(
    room: RoomState, state: MessageState, command: EditMessage, principal: Principal, given: Given
) -> Decision:
    if state.blank.sender.id != principal.user_id:
        raise Rejected("forbidden", "Only the author can edit a message.")
    content = checked_content(command.content)
    _demand_present(state)
    if digest(content) == state.digest:
        return Decision(answer=Sequenced(seq=state.content_seq))
    if len(state.edits) >= MAX_EDITS:
        raise Rejected("conflict", "This message was edited too often.")
    event = MessageEdited(
        room_id=room.id,
        epoch=room.epoch,
        seq=room.head + 1,
        sent_at=max(given.now, room.sent_at),
        message_id=command.message_id,
        by=principal.user_id,
        content=content,
    )
    return Decision(event=event, answer=Sequenced(seq=event.seq))


def _delete(
    room: RoomState,
    state: MessageState,
    command: DeleteMessage,
    principal: Principal,
    given: Given,
) -> Decision:
    is_owner = room.members[principal.user_id].role == "owner" and room.kind == "group"
    if state.blank.sender.id != principal.user_id and not is_owner:
        raise Rejected("forbidden", "Only the author and the room's owner can delete a message.")
    if state.deleted_seq is not None:
        return Decision(answer=Sequenced(seq=state.deleted_seq))
    event = MessageDeleted(
        room_id=room.id,
        epoch=room.epoch,
        seq=room.head + 1,
        sent_at=max(given.now, room.sent_at),
        message_id=command.message_id,
        by=principal.user_id,
    )
    return Decision(event=event, answer=Sequenced(seq=event.seq), redacts=state)


def _react(
    room: RoomState,
    state: MessageState,
    command: ReactToMessage,
    principal: Principal,
    given: Given,
) -> Decision:
    emoji = checked_emoji(command.emoji)
    _demand_present(state)
    mark = state.reactions.get(emoji, {}).get(principal.user_id, Mark(False, state.blank.seq))
    if mark.active == command.active:
        return Decision(answer=Sequenced(seq=mark.seq))
    if emoji not in state.reactions and len(state.reactions) >= MAX_EMOJIS:
        raise Rejected("conflict", "This message has too many different reactions.")
    event = MessageReacted(
        room_id=room.id,
        epoch=room.epoch,
        seq=room.head + 1,
        sent_at=max(given.now, room.sent_at),
        message_id=command.message_id,
        by=principal.user_id,
        emoji=emoji,
        active=command.active,
    )
    return Decision(event=event, answer=Sequenced(seq=event.seq))


def _pin(
    room: RoomState, state: MessageState, command: PinMessage, principal: Principal, given: Given
) -> Decision:
    _demand_present(state)
    mark = state.pin or Mark(False, state.blank.seq)
    if mark.active == command.active:
        return Decision(answer=Sequenced(seq=mark.seq))
    event = MessagePinned(
        room_id=room.id,
        epoch=room.epoch,
        seq=room.head + 1,
        sent_at=max(given.now, room.sent_at),
        message_id=command.message_id,
        by=principal.user_id,
        active=command.active,
    )
    return Decision(event=event, answer=Sequenced(seq=event.seq))


def _demand_present(state: MessageState) -> None:
    if state.deleted_seq is not None:
        raise Rejected("conflict", "This message was deleted.")
