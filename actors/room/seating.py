"""Decisions about which personas sit in a room (pure; see `machine`).

- A joined member takes his own personas in, and nobody else's. One that sits there already is taken in
  anew under the name that it has by now, where that is another; else nothing happens.
- Out goes one by its owner or the room's owner, in a direct room by either member.
- When its owner leaves or is removed it goes with him (`RoomState.seats_after`).
- The first that ever comes is announced, in the same append: people must know that they talk to an AI.
"""

from actors.room.decisions import Decision, Given, KnowPersona, Need
from actors.room.memory import Memory
from actors.room.rules import demand_joined
from actors.room.state import RoomState
from core.errors import Rejected
from core.identity import Principal
from protocol.chat import SYSTEM, MessagePosted
from protocol.persona import MAX_ROOM_PERSONAS, SetRoomPersona
from protocol.room import PersonaView, RoomChanged, Sequenced


def decide(
    room: RoomState, memory: Memory, command: SetRoomPersona, principal: Principal, given: Given
) -> Decision | Need:
    if command.active:
        return _take_in(room, command, principal, given)
    return _take_out(room, memory, command, principal, given)


def _take_in(
    room: RoomState, command: SetRoomPersona, principal: Principal, given: Given
) -> Decision | Need:
    demand_joined(room, principal.user_id)
    seat = room.personas.get(command.persona_id)
    if seat is not None and seat.owner_id != principal.user_id:
        raise _no_persona()
    if given.personas is None:
        return KnowPersona(command.persona_id, principal.name, principal.locale)
    persona = given.personas.get(command.persona_id)
    if seat is not None and (persona is None or persona.name == seat.name):
        return Decision(answer=Sequenced(seq=seat.from_seq))
    if persona is None or persona.owner_id != principal.user_id:
        raise _no_persona()
    if seat is None and len(room.personas) >= MAX_ROOM_PERSONAS:
        raise Rejected(
            "conflict",
            "At most {limit} personas sit in a room. Take one out first.",
            params={"limit": MAX_ROOM_PERSONAS},
        )
    event = _changed(room, command, principal, given, persona)
    then = None if room.had_personas else _announcement(event, given)
    return Decision(event=event, then=then, answer=Sequenced(seq=event.seq))


def _take_out(
    room: RoomState, memory: Memory, command: SetRoomPersona, principal: Principal, given: Given
) -> Decision:
    member = demand_joined(room, principal.user_id)
    seat = room.personas.get(command.persona_id)
    if seat is None:
        gone = memory.departure(command.persona_id)
        if gone is None:
            raise _no_persona()
        return Decision(answer=Sequenced(seq=gone))
    is_owner = principal.user_id == seat.owner_id or member.role == "owner"
    if not is_owner and room.kind == "group":
        raise Rejected("forbidden", "Only its owner and the room's owner can take a persona out.")
    event = _changed(room, command, principal, given, None)
    return Decision(event=event, answer=Sequenced(seq=event.seq))


def _changed(
    room: RoomState,
    command: SetRoomPersona,
    principal: Principal,
    given: Given,
    persona: PersonaView | None,
) -> RoomChanged:
    return RoomChanged(
        room_id=room.id,
        epoch=room.epoch,
        seq=room.head + 1,
        sent_at=max(given.now, room.sent_at),
        by=principal.user_id,
        change="persona",
        persona_id=command.persona_id,
        persona=persona,
        active=command.active,
    )


def _announcement(event: RoomChanged, given: Given) -> MessagePosted:
    return MessagePosted(
        room_id=event.room_id,
        epoch=event.epoch,
        seq=event.seq + 1,
        sent_at=event.sent_at,
        message_id=given.new_id,
        sender=SYSTEM,
        content=given.announcement,
    )


def _no_persona() -> Rejected:
    sentence = "There is no such persona."
    return Rejected("not_found", sentence, fields=[("personaId", sentence)])
