"""Read pointers: durable before they are answered, one write in flight; and their receipts."""

from collections.abc import Mapping
from typing import Final

import trio

from actors.room.messages import RECEIPTS_DUE, After
from actors.room.ports import RoomPorts
from actors.room.state import RoomState
from core.ports.fanout import FrameLane
from protocol.chat import ReadMarked
from protocol.codec import encode
from protocol.limits import MAX_RECEIPT_MEMBERS

RECEIPTS_EVERY: Final = 1.0


class Pointers:
    """How far each member has read, and who was one since the room woke: he may be back, and what is
    stored does not go backward. Bounded by them."""

    def __init__(self, ports: RoomPorts, room: RoomState, reads: Mapping[str, int]) -> None:
        self._ports = ports
        self._room = room
        self._reads = dict(reads)
        self._pending: dict[str, int] = {}
        self._writing = trio.Lock()

    def of(self, user_id: str) -> int:
        return self._reads.get(user_id, 0)

    async def advance(self, user_id: str, seq: int) -> None:
        """Move a pointer forward; durable when this returns. Raises as the repository does.

        Whoever finds a write in flight waits for it, and the next write takes all that waited.
        """
        self._pending[user_id] = max(seq, self._pending.get(user_id, 0))
        async with self._writing:
            batch, self._pending = self._pending, {}
            if batch:
                await self._write(batch)

    async def _write(self, batch: dict[str, int]) -> None:
        is_written = False
        try:
            await self._ports.rooms.advance_read(self._room.tenant_id, self._room.id, batch)
            is_written = True
        finally:
            if not is_written:
                # Others of this batch still wait for the lock: the next of them writes it again.
                for user_id, seq in batch.items():
                    self._pending[user_id] = max(seq, self._pending.get(user_id, 0))
        for user_id, seq in batch.items():
            self._reads[user_id] = max(seq, self._reads.get(user_id, 0))


class Receipts:
    """Announces moved pointers, at most one per second and user, in rooms of up to 100 members.

    `after(seconds, RECEIPTS_DUE)` brings the room a turn in which to call `announce`.
    """

    def __init__(self, ports: RoomPorts, room: RoomState, after: After) -> None:
        self._ports = ports
        self._room = room
        self._after = after
        self._is_armed = False
        self._due: dict[str, int] = {}

    def add(self, user_id: str, seq: int) -> None:
        if self._room.settings.receipts and len(self._room.members) <= MAX_RECEIPT_MEMBERS:
            self._due[user_id] = max(seq, self._due.get(user_id, 0))
            if not self._is_armed:
                self.announce()

    def announce(self) -> None:
        """Tell what is due; the next time in a second."""
        due, self._due = self._due, {}
        self._is_armed = bool(due)
        if due:
            self._after(RECEIPTS_EVERY, RECEIPTS_DUE)
        for user_id, seq in due.items():
            frame = encode(ReadMarked(room_id=self._room.id, user_id=user_id, seq=seq))
            self._ports.fanout.publish_nowait(f"room:{self._room.id}", frame, FrameLane.EPHEMERAL)
