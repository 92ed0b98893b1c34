"""The newest encoded events of an active room, so that an ordinary resume touches no database."""

from collections import deque
from typing import Final

MAX_RING_EVENTS: Final = 256
MAX_RING_BYTES: Final = 262_144
"""Far below a connection's backlog limit, since a ring is sent in one go."""


class Ring:
    """Consecutive frames up to the applied head; past either bound the oldest goes."""

    def __init__(
        self, head: int, *, max_events: int = MAX_RING_EVENTS, max_bytes: int = MAX_RING_BYTES
    ) -> None:
        self._head = head
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._max_events = max_events
        self._max_bytes = max_bytes

    def append(self, seq: int, frame: bytes) -> None:
        """The next event; `seq` is the one after the last."""
        self._head = seq
        self._frames.append(frame)
        self._bytes += len(frame)
        while len(self._frames) > self._max_events or self._bytes > self._max_bytes:
            self._bytes -= len(self._frames.popleft())

    def covers(self, seq: int) -> bool:
        """Whether every event after `seq` is here."""
        return self._head - len(self._frames) <= seq <= self._head

    def after(self, seq: int) -> list[bytes] | None:
        """The frames of every event after `seq`, ascending; None when the ring does not reach."""
        if not self.covers(seq):
            return None
        frames = self._frames
        return [frames[place] for place in range(len(frames) - (self._head - seq), len(frames))]

    def forget_below(self, first: int) -> None:
        """Drop the frames of events before `first`."""
        while self._frames and self._head - len(self._frames) + 1 < first:
            self._bytes -= len(self._frames.popleft())

    def redact(self, seq: int, frame: bytes) -> None:
        """Replace an event's frame, if it is still here."""
        place = len(self._frames) - 1 - (self._head - seq)
        if 0 <= place < len(self._frames):
            self._bytes += len(frame) - len(self._frames[place])
            self._frames[place] = frame
