"""Everything one connection sends, in order and bounded."""

from collections import deque
from enum import Enum
from itertools import islice
from typing import Final

from core.ports.fanout import FrameLane
from gateways.client.wire import Buffer, Wire

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
        "_send",
        "_wire",
        "backlog",
    )

    def __init__(self, wire: Wire, most: int = MAX_BACKLOG) -> None:
        self._most = most
        self._wire = wire
        self._send = wire.send
        self._queue: deque[Buffer] | None = None
        self._is_partial = False
        self._replayed = 0
        self.backlog = 0
        """Unsent bytes."""
        self._progressed = False

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
        self._queue.append(data)
        self.backlog += len(data)
        if is_replay:
            self._replayed += len(data)

    def write(self, data: bytes) -> Flow:
        """Send at once when nothing waits, else queue. The fan-out's inner loop."""
        if self._queue is not None:
            self.put(data)
            return Flow.SENT  # whoever made the queue sees to its flush
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return Flow.BROKEN
        if sent == len(data):
            return Flow.SENT
        self._is_partial = sent > 0
        self.put(memoryview(data)[sent:] if sent else data)
        return Flow.WAITING

    def flush(self) -> Flow:
        """Send what is queued until it is gone or the wire is full."""
        while (queue := self._queue) is not None:
            parts = list(islice(queue, PARTS_PER_CALL))
            try:
                sent = self._send(parts[0]) if len(parts) == 1 else self._wire.send_many(parts)
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
