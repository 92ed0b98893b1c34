"""One topic: its connections, and what was published since the last tick."""

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from core.ports.fanout import FrameLane

if TYPE_CHECKING:
    from gateways.client.connection import Connection

Frames = list[tuple[bytes, FrameLane]]

FEW: Final = 4
"""Members that a tuple keeps in a third of a dictionary's bytes: a login's and a user's topics, of which
there are as many as connections, have one or two."""


class Batch:
    """WebSocket frames of one topic, joined once for everybody who gets all of them."""

    __slots__ = ("_data", "_frames")

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._data = frames[0][0] if len(frames) == 1 else b"".join(data for data, _ in frames)

    def write_to(self, connections: "Iterable[Connection]") -> None:
        """Send the whole batch to each, now where nothing waits, else behind what does.

        No call but the socket's `send` in between: each would cost a fiftieth of it.
        """
        data, size = self._data, len(self._data)
        for connection in connections:
            send = connection.outbound.direct
            if send is None:
                self._queue_to(connection)
                continue
            try:
                sent = send(data)
            except BlockingIOError:
                sent = 0
            except Exception as error:
                connection.not_sent(error)
                continue
            if sent != size:
                connection.sent_partly(data, sent)

    def _queue_to(self, connection: "Connection") -> None:
        if any(lane >= FrameLane.STREAM for _, lane in self._frames):
            put(self._frames, connection)
        else:
            connection.put_nowait(self._data, FrameLane.DURABLE)

    def rest_to(self, connection: "Connection", start: int) -> None:
        """Queue the frames from `start` on."""
        put(self._frames[start:], connection)


def put(frames: Sequence[tuple[bytes, FrameLane]], connection: "Connection") -> None:
    """Queue frames one by one: a full backlog drops some lanes and keeps others."""
    for data, lane in frames:
        connection.put_nowait(data, lane)


class Broadcast:
    """A batch under way to those who were members when it began, each from its own place."""

    __slots__ = ("_batch", "_left")

    def __init__(self, frames: Frames, left: "dict[Connection, int]") -> None:
        self._batch = Batch(frames)
        self._left = left

    def step(self, most: int) -> bool:
        """Send to at most `most` connections; whether that was the last of them."""
        connections = list(islice(self._left, most))
        starts = list(map(self._left.pop, connections))
        if any(starts):
            for connection, start in zip(connections, starts, strict=True):
                if start:
                    self._batch.rest_to(connection, start)
            connections = [c for c, start in zip(connections, starts, strict=True) if not start]
        self._batch.write_to(connections)
        return not self._left

    def serve(self, connection: "Connection") -> None:
        """Send to one connection out of turn, unless it was served."""
        start = self._left.pop(connection, None)
        if start == 0:
            self._batch.write_to((connection,))
        elif start is not None:
            self._batch.rest_to(connection, start)


class Topic:
    """Members and the frames they have not been sent.

    Frames reach each member in the order published. A member's *place* is how many of the pending
    frames are none of its business: those published before it came, and those it was sent early.
    Sending never changes `members`: a connection that breaks on the way leaves later.
    """

    __slots__ = ("_broadcast", "_pending", "_places", "members", "name", "pending_bytes")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: Collection[Connection] = ()
        self.pending_bytes = 0
        self._pending: Frames | None = None
        self._places: dict[Connection, int] | None = None
        self._broadcast: Broadcast | None = None

    @property
    def is_settled(self) -> bool:
        """Whether every member was sent everything."""
        return self._pending is None and self._broadcast is None

    def publish(self, data: bytes, lane: FrameLane) -> None:
        """Keep a WebSocket frame for the end of the tick."""
        if self._pending is None:
            self._pending = []
        self._pending.append((data, lane))
        self.pending_bytes += len(data)

    def add(self, connection: "Connection") -> None:
        """A new member, who gets what is published from here on."""
        members = self.members
        if isinstance(members, dict):
            members[connection] = None
        elif len(members) < FEW:
            self.members = (*members, connection)
        else:
            self.members = dict.fromkeys((*members, connection))
        self._place(connection)

    def discard(self, connection: "Connection") -> None:
        """No member any more, after being sent what was published until here."""
        self.catch_up(connection)
        if isinstance(self.members, dict):
            self.members.pop(connection, None)
        else:
            self.members = tuple(one for one in self.members if one is not connection)
        if self._places is not None:
            self._places.pop(connection, None)

    def catch_up(self, connection: "Connection") -> None:
        """Queue for one member what it has not been sent, ahead of the others."""
        if self._broadcast is not None:
            self._broadcast.serve(connection)
        if self._pending is not None:
            start = self._places.get(connection, 0) if self._places is not None else 0
            put(self._pending[start:], connection)
            self._place(connection)

    def step(self, most: int) -> bool:
        """Send pending frames to at most `most` members; whether the topic is settled now."""
        if self._broadcast is None and self._pending is not None:
            self._begin(most)
        if self._broadcast is not None and self._broadcast.step(most):
            self._broadcast = None
        return self.is_settled

    def _begin(self, most: int) -> None:
        frames, places = self._pending or [], self._places
        self._pending, self._places, self.pending_bytes = None, None, 0
        if places is None and len(self.members) <= most:
            Batch(frames).write_to(self.members)
            return
        left = dict.fromkeys(self.members, 0)
        left.update(places or {})
        self._broadcast = Broadcast(frames, left)

    def _place(self, connection: "Connection") -> None:
        if self._pending is not None:
            if self._places is None:
                self._places = {}
            self._places[connection] = len(self._pending)
