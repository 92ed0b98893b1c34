"""The `MessageSearch` port in memory: reads the log itself, so it needs no outbox."""

import re
from collections.abc import Iterator, Sequence

from core.message_view import view_message
from core.ports.message_log import EventKind
from core.ports.repositories import FoundMessage
from protocol.chat import MessageView
from storage.memory.rooms import MemoryRooms
from storage.memory.stored_log import StoredRoom


class MemorySearch:
    """Finds messages that contain every word of the query, whatever their case."""

    def __init__(self, rooms: MemoryRooms) -> None:
        self._rooms = rooms

    async def find(
        self,
        tenant_id: int,
        user_id: str,
        *,
        query: str,
        room_id: str | None,
        from_user: str | None,
        before: int | None,
        limit: int,
    ) -> Sequence[FoundMessage]:
        wanted = _words(query)
        hits = [
            (message.sent_at, message.room_id, message.seq, message.message_id)
            for found_id, room in self._rooms.stored_of(tenant_id, user_id)
            if room_id is None or found_id == room_id
            for message in _readable(room, user_id)
            if wanted
            and wanted <= _words(message.content)
            and (from_user is None or message.sender.id == from_user)
            and (before is None or message.sent_at < before)
        ]
        hits.sort(key=lambda hit: (-hit[0], hit[1], -hit[2]))
        return [
            FoundMessage(room_id=room, seq=seq, message_id=message_id)
            for _, room, seq, message_id in hits[:limit]
        ]


def _readable(room: StoredRoom, user_id: str) -> Iterator[MessageView]:
    """The messages as they stand, from the user's first seq on."""
    first = max(room.members[user_id].from_seq, room.first)
    for seq, row in room.rows.items():
        if row.kind is EventKind.MESSAGE and seq >= first:
            changes = [room.rows[at] for at in sorted(room.rows) if room.rows[at].target_seq == seq]
            yield view_message(row, changes, viewer=user_id)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
