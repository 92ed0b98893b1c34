"""Joins of the client's own: of rooms that it believes to be in, whenever a socket does not say so."""

import random
from collections.abc import Callable
from typing import Final

import trio

from loadtest.pending import Pending, PendingCommands
from loadtest.positions import Positions
from loadtest.wire import Frame

JOIN_AGAIN_AFTER: Final = 0.5


class Rejoining:
    """Borrows: positions, commands, how one is sent, and `while_connected`, in which later joins wait: they end
    with their socket."""

    def __init__(
        self,
        positions: Positions,
        commands: PendingCommands,
        transmit: Callable[[Pending], None],
        rng: random.Random,
    ) -> None:
        self.while_connected: trio.Nursery | None = None
        self._positions, self._commands = positions, commands
        self._transmit, self._rng = transmit, rng

    def join(self, room_id: str, after: Frame | None) -> None:
        """Nobody waits for its answer: a session repeats it on no later socket."""
        frame = {"type": "room.join", "roomId": room_id, "after": after}
        self._transmit(self._commands.add(frame, awaited=False))

    def heal(self, room_id: str) -> None:
        """Join again after what was seen: at once, and ever later while that closes no gap."""
        position = self._positions[room_id]
        position.is_healing = True
        position.heals += 1
        if position.heals == 1:
            self.join(room_id, position.wire())
        else:
            self._soon(room_id, JOIN_AGAIN_AFTER * 2.0 ** min(position.heals - 2, 6))

    def refused(self, room_id: str, wait: float) -> None:
        """Our own join, which nobody else repeats, is tried again."""
        if self.while_connected is not None:
            self._positions[room_id].is_healing = True
            self._soon(room_id, wait)

    def _soon(self, room_id: str, wait: float) -> None:
        if self.while_connected is not None:
            self.while_connected.start_soon(self._join_later, room_id, wait)

    async def _join_later(self, room_id: str, wait: float) -> None:
        await trio.sleep(max(wait, JOIN_AGAIN_AFTER) * self._rng.uniform(1, 2))
        if room_id in self._positions:
            self.join(room_id, self._positions.after(room_id))
