"""How a session tells its user what happens: by a call, or in a channel that holds up the socket."""

from collections import deque
from collections.abc import Callable
from typing import Final

import trio

from loadtest.wire import Frame

MAX_EVENTS: Final = 1_000


class Events:
    """Every event in its order. To `on_event`, which must not block, where there is one; else into
    `channel`: who does not read it stops the socket, as TCP would."""

    def __init__(self, on_event: Callable[[Frame], None] | None) -> None:
        self._on_event = on_event
        self._sender, self.channel = trio.open_memory_channel[Frame](MAX_EVENTS)
        self._beyond: deque[Frame] = deque()

    def deliver(self, event: Frame) -> None:
        """Never blocks: what the channel does not take now comes with the next, or by `has_room`."""
        if self._on_event is not None:
            self._on_event(event)
            return
        self._beyond.append(event)
        while self._beyond:
            try:
                self._sender.send_nowait(self._beyond[0])
            except trio.WouldBlock:
                return
            self._beyond.popleft()

    async def has_room(self) -> None:
        """Until what does not fit in `channel` has been read. One frame gives a handful at most."""
        while self._beyond:
            await self._sender.send(self._beyond[0])
            self._beyond.popleft()
