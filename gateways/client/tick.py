"""The end of a tick: what was published and queued since the last one leaves together."""

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import trio

from gateways.client.topic import Topic

if TYPE_CHECKING:
    from gateways.client.channel import Channel
    from gateways.client.connection import Connection

MEMBERS_PER_STEP: Final = 128
"""Sends of one topic before another has its turn: about half a millisecond."""

FLUSH_WITHIN: Final = 0.001
"""Seconds of the loop that a flush takes, plus one step."""

MAX_PENDING_BYTES: Final = 262_144
"""A topic with more than this is sent at once, whatever its size."""


class Tick:
    """Collects and, at the end of the hub's round or in the next turn of the loop, sends.

    What actors publish in one turn of the loop is joined; nothing waits for a timer. So the window
    for joining is nothing while the loop keeps up, and as long as it is behind when it is not: what
    is published to a topic under way waits for the end of that and leaves in one piece. The order per
    connection is that of the calls: whoever is sent a frame directly is first sent what its topics
    have pending.

    `on_ended` is called once per connection that began to close, outside any sending loop.
    """

    def __init__(
        self,
        on_ended: "Callable[[Channel], None]",
        *,
        members_per_step: int = MEMBERS_PER_STEP,
        flush_within: float = FLUSH_WITHIN,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._on_ended = on_ended
        self._members_per_step = members_per_step
        self._flush_within = flush_within
        self._clock = clock
        self._unsettled: dict[Topic, None] = {}
        self._ready: deque[Topic] = deque()
        self._corked: list[Channel] = []
        self._ended: list[Channel] = []
        self._lot = trio.lowlevel.ParkingLot()

    @property
    def unsettled(self) -> int:
        """Topics with something to send."""
        return len(self._unsettled)

    def touch(self, topic: Topic) -> None:
        """The topic has something pending."""
        if topic not in self._unsettled:
            self._unsettled[topic] = None
            self._ready.append(topic)
            self._lot.unpark_all()
        elif topic.pending_bytes > MAX_PENDING_BYTES:
            self.settle(topic)

    def settle(self, topic: Topic) -> None:
        """Send a topic's frames to all its members now."""
        while not topic.step(len(topic.members) + 1):
            pass

    def cork(self, connection: "Channel") -> None:
        """The connection has queued bytes that nobody tried to send yet."""
        self._corked.append(connection)
        self._lot.unpark_all()

    def end(self, connection: "Channel") -> None:
        """The connection began to close: it leaves its topics when no sending loop runs."""
        self._ended.append(connection)
        self._lot.unpark_all()

    def catch_up(self, connection: "Connection") -> None:
        """Queue what the connection's topics have pending for it."""
        if self._unsettled and connection.topics:
            unsettled, topics = self._unsettled, connection.topics
            if len(topics) <= len(unsettled):
                behind = [topic for topic in topics if topic in unsettled]
            else:
                behind = [topic for topic in unsettled if connection in topic.members]
            for topic in behind:
                topic.catch_up(connection)

    def flush(self) -> None:
        """Send topics, a step of each in turn, until all is sent or a millisecond has passed; then
        every queue; then part with who is gone.

        What is left is sent in the loop's next turns, joined with what is published until then.
        """
        if self._ready:
            self._send_topics(self._clock() + self._flush_within)
        while self._corked:
            corked, self._corked = self._corked, []
            for connection in corked:
                _uncork(connection)
        while self._ended:
            ended, self._ended = self._ended, []
            for connection in ended:
                self._on_ended(connection)

    def _send_topics(self, enough: float) -> None:
        while self._ready:
            topic = self._ready.popleft()
            if topic.step(self._members_per_step):
                self._unsettled.pop(topic, None)
            else:
                self._ready.append(topic)
            if self._clock() >= enough:
                return

    async def run(self) -> None:
        """Flush whatever is left by others, until cancelled."""
        while True:
            if not (self._ready or self._corked or self._ended):
                await self._lot.park()
            self.flush()
            if self._ready:
                await trio.lowlevel.checkpoint()


def _uncork(connection: "Channel") -> None:
    try:
        connection.uncork()
    except Exception:
        connection.crashed()
