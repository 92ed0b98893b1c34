"""One task that reads every connection."""

import selectors
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from gateways.client.channel import Channel

RECEIVE_BYTES: Final = 65_536
EVENTS_PER_STEP: Final = 128
READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE


class Hub:
    """Waits for all sockets at once: the poller is itself a file descriptor that trio waits on.

    `end_of_tick` runs after each round: what the round produced leaves together.
    Owns: the poller. Borrows: the connections. A connection must be removed before its wire closes,
    or a reused descriptor would speak for the wrong one.
    """

    def __init__(self, end_of_tick: Callable[[], None]) -> None:
        self._end_of_tick = end_of_tick
        self._selector = selectors.DefaultSelector()
        self._buffer = bytearray(RECEIVE_BYTES)

    def watch(self, connection: "Channel", events: int) -> None:
        """Watch for `events` (`READ | WRITE`; 0: nothing) from now on."""
        fileno = connection.wire.fileno()
        if fileno in self._selector.get_map():
            if events:
                self._selector.modify(fileno, events, connection)
            else:
                self._selector.unregister(fileno)
        elif events:
            self._selector.register(fileno, events, connection)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await trio.lowlevel.wait_readable(self._selector.fileno())
            ready = self._selector.select(0)
            for start in range(0, len(ready), EVENTS_PER_STEP):
                if start:
                    await trio.lowlevel.checkpoint()
                now = trio.current_time()
                for key, events in ready[start : start + EVENTS_PER_STEP]:
                    connection: Channel = key.data
                    connection.ready(events, self._buffer, now)
                self._end_of_tick()

    def close(self) -> None:
        """Let the poller go. Nothing may be watched any more."""
        trio.lowlevel.notify_closing(self._selector.fileno())
        self._selector.close()
