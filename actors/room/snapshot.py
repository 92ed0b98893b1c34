"""A room as a crash record keeps it: enough to judge commands again, no word that anybody wrote."""

from typing import Any, Final

import msgspec

from actors.room.memory import Memory
from actors.room.pointers import Pointers
from actors.room.state import RoomState
from core.crash_shapes import shaped

MAX_MEMBERS: Final = 256
MAX_MESSAGES: Final = 64


def snapshot(room: RoomState, memory: Memory, pointers: Pointers) -> dict[str, Any]:
    """`members` and `messages` are the first and the newest of them; `member_count` is all."""
    return {
        "tenant_id": room.tenant_id,
        "kind": room.kind,
        "title": shaped(room.title),
        "settings": msgspec.to_builtins(room.settings),
        "history": room.history,
        "epoch": room.epoch,
        "created_at": room.created_at,
        "first": room.first,
        "head": room.head,
        "sent_at": room.sent_at,
        "member_count": len(room.members),
        "members": [
            {
                "user_id": user_id,
                "name": shaped(member.name),
                "role": member.role,
                "state": member.state,
                "from_seq": member.from_seq,
                "read_seq": pointers.of(user_id),
            }
            for user_id, member in list(room.members.items())[:MAX_MEMBERS]
        ],
        "had_personas": room.had_personas,
        "personas": [
            {
                "persona_id": persona_id,
                "owner_id": seat.owner_id,
                "name": shaped(seat.name),
                "from_seq": seat.from_seq,
            }
            for persona_id, seat in room.personas.items()
        ],
        "messages": [
            {
                "seq": state.blank.seq,
                "sent_at": state.blank.sent_at,
                "message_id": state.blank.message_id,
                "sender_id": state.blank.sender.id,
                "client_id": state.blank.client_id,
                "is_deleted": state.deleted_seq is not None,
            }
            for state in memory.newest(MAX_MESSAGES)
        ],
    }
