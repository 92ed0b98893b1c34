"""One task that reads every connection."""

import selectors
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import trio

from gateways.client.wire import Wire

RECEIVE_BYTES: Final = 8_192
"""Read from one connection in one round: some forty commands, or a flood of the smallest frames for
about two milliseconds."""

EVENTS_PER_STEP: Final = 128
STEP_WITHIN: Final = 0.002
"""Seconds of the loop that a step takes, plus one connection's turn."""

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE


class Watched(Protocol):
    """What has a socket in the hub."""

    @property
    def wire(self) -> Wire:
        """Its socket."""

    def ready(self, events: int, buffer: bytearray, now: float) -> None:
        """The socket is readable or writable (`events`: `READ | WRITE`). Raises nothing. `buffer` is
        lent for the call; `now` is trio's time."""


class Hub:
    """Waits for all sockets at once: the poller is itself a file descriptor that trio waits on.

    `end_of_tick` runs after each step of a round: what the step produced leaves together. In a round
    each ready connection has one turn, so that a flood takes no more of the loop than anybody else.
    Owns: the poller. Borrows: the connections. A connection must be removed before its wire closes,
    or a reused descriptor would speak for the wrong one.
    """

    def __init__(self, end_of_tick: Callable[[], None]) -> None:
        self._end_of_tick = end_of_tick
        self._selector = selectors.DefaultSelector()
        self._buffer = bytearray(RECEIVE_BYTES)

    def watch(self, watched: Watched, events: int) -> None:
        """Watch for `events` (`READ | WRITE`; 0: nothing) from now on."""
        fileno = watched.wire.fileno()
        if fileno in self._selector.get_map():
            if events:
                self._selector.modify(fileno, events, watched)
            else:
                self._selector.unregister(fileno)
        elif events:
            self._selector.register(fileno, events, watched)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await trio.lowlevel.wait_readable(self._selector.fileno())
            ready = deque(self._selector.select(0))
            while ready:
                self._step(ready)
                self._end_of_tick()
                if ready:
                    await trio.lowlevel.checkpoint()

    def _step(self, ready: deque[tuple[selectors.SelectorKey, int]]) -> None:
        now, enough = trio.current_time(), time.perf_counter() + STEP_WITHIN
        for _ in range(min(EVENTS_PER_STEP, len(ready))):
            key, events = ready.popleft()
            watched: Watched = key.data
            watched.ready(events, self._buffer, now)
            if time.perf_counter() >= enough:
                break

    def close(self) -> None:
        """Let the poller go. Nothing may be watched any more."""
        trio.lowlevel.notify_closing(self._selector.fileno())
        self._selector.close()
