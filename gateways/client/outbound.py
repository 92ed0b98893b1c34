"""Everything one connection sends, in order and bounded."""

from collections import deque
from enum import Enum
from itertools import islice
from typing import Final

from core.ports.fanout import FrameLane
from gateways.client.wire import Buffer, Send, Wire

MAX_BACKLOG: Final = 1_048_576
REPLAY_FACTOR: Final = 4
DRAINED: Final = 65_536
PARTS_PER_CALL: Final = 64

LANE_BACKLOG: Final[dict[FrameLane, int]] = {
    FrameLane.STREAM: 524_288,
    FrameLane.EPHEMERAL: 262_144,
}
"""Bytes of backlog past which a frame of that lane is dropped; the other lanes never are."""


class Flow(Enum):
    """How sending went."""

    SENT = 1
    WAITING = 2
    BROKEN = 3


class Outbound:
    """One ordered queue in front of a wire. An empty queue is no object: most are empty.

    Owns: the unsent bytes. Borrows: the wire.
    """

    __slots__ = (
        "_is_partial",
        "_most",
        "_progressed",
        "_queue",
        "_replayed",
        "_when_empty",
        "_wire",
        "backlog",
        "direct",
    )

    def __init__(self, wire: Wire, most: int = MAX_BACKLOG) -> None:
        self._most = most
        self._wire = wire
        self._queue: deque[Buffer] | None = None
        self._is_partial = False
        self._replayed = 0
        self.backlog = 0
        """Unsent bytes."""
        self._progressed = False
        self._when_empty: Send | None = wire.send
        self.direct: Send | None = wire.send
        """The wire's `send` while nothing waits, else None: to `put` behind what waits. A broadcast
        has no time to ask. Whoever calls it sees to it that `keep` gets what the wire did not take."""

    @property
    def is_empty(self) -> bool:
        return self._queue is None

    @property
    def is_low(self) -> bool:
        """Whether little enough is unsent to send more of a replay."""
        return self.backlog <= DRAINED

    @property
    def is_overdue(self) -> bool:
        """Whether the peer takes less than it is sent. A replay's bytes do not count, but they have
        their own bound, so that nothing grows without one."""
        return self.backlog > self._most and (
            self.backlog - self._replayed > self._most or self.backlog > REPLAY_FACTOR * self._most
        )

    def admits(self, lane: FrameLane) -> bool:
        """Whether a frame of this lane would be kept now."""
        return self.backlog <= LANE_BACKLOG.get(lane, self.backlog)

    def put(self, data: Buffer, *, is_replay: bool = False) -> None:
        """Queue without sending: whoever puts also sees to `flush`."""
        if self._queue is None:
            self._queue = deque()
            self.direct = None
        self._queue.append(data)
        self.backlog += len(data)
        if is_replay:
            self._replayed += len(data)

    def keep(self, data: bytes, sent: int) -> None:
        """Queue the rest of what was sent directly, of which the wire took `sent` bytes."""
        self._is_partial = sent > 0
        self.put(memoryview(data)[sent:] if sent else data)

    def end(self) -> None:
        """Nothing goes out directly any more; what is queued still leaves by `flush`."""
        self._when_empty = self.direct = None

    def flush(self) -> Flow:
        """Send what is queued until it is gone or the wire is full."""
        while (queue := self._queue) is not None:
            parts = list(islice(queue, PARTS_PER_CALL))
            try:
                sent = self._wire.send(parts[0]) if len(parts) == 1 else self._wire.send_many(parts)
            except BlockingIOError:
                return Flow.WAITING
            except OSError:
                return Flow.BROKEN
            self._took(queue, sent)
        return Flow.SENT

    def take_progress(self) -> bool:
        """Whether bytes of the queue left since the last call."""
        progressed, self._progressed = self._progressed, False
        return progressed

    def abandon(self) -> None:
        """Forget what no byte of was sent: the peer will ask for it again."""
        if self._queue is None:
            return
        started = self._queue[0] if self._is_partial else None
        self.clear()
        if started is not None:
            self._is_partial = True
            self.put(started)

    def clear(self) -> None:
        """Forget everything."""
        self._queue, self._is_partial = None, False
        self.direct = self._when_empty
        self.backlog = self._replayed = 0

    def _took(self, queue: deque[Buffer], sent: int) -> None:
        self._progressed = self._progressed or sent > 0
        self.backlog -= sent
        # A replay is sent into a drained queue, so its bytes are the first to leave.
        self._replayed = max(0, self._replayed - sent)
        while sent and sent >= len(queue[0]):
            sent -= len(queue.popleft())
            self._is_partial = False
        if sent:
            queue[0] = memoryview(queue[0])[sent:]
            self._is_partial = True
        if not queue:
            self._queue = None
            self.direct = self._when_empty
