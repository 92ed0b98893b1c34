"""Decisions about who belongs to a room and what it is called (pure; see `machine`)."""

from msgspec import UNSET
from msgspec.structs import asdict, replace

from actors.room.decisions import Decision, Given, KnowUsers, Need
from actors.room.memory import Memory
from actors.room.rules import checked_title, demand_group, demand_joined, demand_member, unknown
from actors.room.state import RoomState
from core.errors import Rejected
from core.identity import Principal
from protocol.limits import MAX_MEMBERS
from protocol.room import (
    Change,
    InviteToRoom,
    JoinRoom,
    LeaveRoom,
    RemoveFromRoom,
    RoomChanged,
    Sequenced,
    Settings,
    SettingsPatch,
    UpdateRoom,
)


def decide(
    room: RoomState,
    memory: Memory,
    command: JoinRoom | LeaveRoom | InviteToRoom | RemoveFromRoom | UpdateRoom,
    principal: Principal,
    given: Given,
) -> Decision | Need:
    match command:
        case JoinRoom():
            return _join(room, principal, given)
        case LeaveRoom():
            return _leave(room, memory, principal, given)
        case InviteToRoom():
            return _invite(room, command, principal, given)
        case RemoveFromRoom():
            return _remove(room, memory, command, principal, given)
        case _:
            return _update(room, command, principal, given)


def _changed(
    room: RoomState,
    given: Given,
    by: str,
    change: Change,
    *,
    user_ids: list[str] | None = None,
    title: str | None = None,
    settings: Settings | None = None,
) -> RoomChanged:
    return RoomChanged(
        room_id=room.id,
        epoch=room.epoch,
        seq=room.head + 1,
        sent_at=max(given.now, room.sent_at),
        by=by,
        change=change,
        user_ids=user_ids,
        title=title,
        settings=settings,
    )


def _join(room: RoomState, principal: Principal, given: Given) -> Decision:
    """Accepts an invitation. The answer is the room as it is when the client enters it."""
    member = demand_member(room, principal.user_id)
    if member.state == "joined":
        return Decision()
    event = _changed(room, given, principal.user_id, "joined")
    return Decision(event=event, names={principal.user_id: principal.name})


def _leave(room: RoomState, memory: Memory, principal: Principal, given: Given) -> Decision:
    if principal.user_id not in room.members:
        left = memory.departure(principal.user_id)
        if left is None:
            raise unknown()
        return Decision(answer=Sequenced(seq=left))
    demand_group(room, "A direct room cannot be left. You can mute it.")
    event = _changed(room, given, principal.user_id, "left")
    return Decision(event=event, answer=Sequenced(seq=event.seq))


def _invite(
    room: RoomState, command: InviteToRoom, principal: Principal, given: Given
) -> Decision | Need:
    demand_joined(room, principal.user_id)
    demand_group(room, "Nobody can be invited to a direct room.")
    newcomers = [id for id in dict.fromkeys(command.user_ids) if id not in room.members]
    if not newcomers:
        return Decision(answer=Sequenced(seq=_invited_at(room, command.user_ids)))
    if given.names is None:
        # Members too: one of them may have left by the time the names are known.
        return KnowUsers(tuple(dict.fromkeys(command.user_ids)))
    for place, user_id in enumerate(command.user_ids):
        if user_id in newcomers and user_id not in given.names:
            sentence = "There is no such user."
            raise Rejected("not_found", sentence, fields=[(f"userIds[{place}]", sentence)])
    if len(room.members) + len(newcomers) > MAX_MEMBERS:
        raise Rejected(
            "conflict", "A room has at most {limit} members.", params={"limit": MAX_MEMBERS}
        )
    event = _changed(room, given, principal.user_id, "invited", user_ids=newcomers)
    names = {user_id: given.names[user_id] for user_id in newcomers}
    return Decision(event=event, answer=Sequenced(seq=event.seq), names=names)


def _invited_at(room: RoomState, user_ids: list[str]) -> int:
    """The newest of the events by which they came: what the first invitation was answered with (in
    a room whose history is open to all, its first event)."""
    return max(room.members[user_id].from_seq for user_id in user_ids)


def _remove(
    room: RoomState, memory: Memory, command: RemoveFromRoom, principal: Principal, given: Given
) -> Decision:
    member = demand_joined(room, principal.user_id)
    demand_group(room, "Nobody can be removed from a direct room.")
    if member.role != "owner":
        raise Rejected("forbidden", "Only the room's owner can remove a member.")
    if command.user_id == principal.user_id:
        raise Rejected("conflict", "You cannot remove yourself. You can leave the room.")
    if command.user_id not in room.members:
        gone = memory.departure(command.user_id)
        if gone is None:
            sentence = "This user is not a member."
            raise Rejected("not_found", sentence, fields=[("userId", sentence)])
        return Decision(answer=Sequenced(seq=gone))
    event = _changed(room, given, principal.user_id, "removed", user_ids=[command.user_id])
    return Decision(event=event, answer=Sequenced(seq=event.seq))


def _update(room: RoomState, command: UpdateRoom, principal: Principal, given: Given) -> Decision:
    member = demand_joined(room, principal.user_id)
    if room.kind == "group" and member.role != "owner":
        raise Rejected("forbidden", "Only the room's owner can change its title and settings.")
    if command.title is not None:
        demand_group(room, "A direct room has no title.")
        checked_title(command.title)
    settings = _patched(room.settings, command.settings)
    title = command.title if command.title != room.title else None
    if title is None and settings == room.settings:
        return Decision(answer=Sequenced(seq=room.updated_seq))
    event = _changed(
        room,
        given,
        principal.user_id,
        "updated",
        title=title,
        settings=settings if settings != room.settings else None,
    )
    return Decision(event=event, answer=Sequenced(seq=event.seq))


def _patched(settings: Settings, patch: SettingsPatch | None) -> Settings:
    if patch is None:
        return settings
    given = {name: value for name, value in asdict(patch).items() if value is not UNSET}
    return replace(settings, **given)
