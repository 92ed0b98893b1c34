"""A room's commands between their decision and their answer: one queue, in the order decided."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from actors.room.state import RoomEvent
from core.envelope import Envelope
from core.errors import Rejected
from core.ports.message_log import Append, Outcome
from protocol.frames import Answer

MAX_IN_FLIGHT: Final = 256
MAX_ENTRIES: Final = 512
"""In flight or waiting behind what is: refusals, repeats and reads need no place in the log."""

Landing = Callable[[], None]
"""What a child task found, to be dealt with in the room's own turn."""

Job = Callable[[], Awaitable[Landing]]
"""A read that a command waits for, run as a child task."""

Turn = Callable[[], Job | None]
"""What a command does when everything decided before it is durable: answer, or go reading."""


@dataclass(slots=True, eq=False, kw_only=True)
class Entry:
    """One command on its way. `key` names its connection. With an `append` it waits for the log;
    with a `turn` it keeps its connection's gate closed until it is done. `is_page`: it has a place
    among all rooms' pages, and none among this room's reads."""

    envelope: Envelope[Any]
    key: int
    answer: Answer | Rejected | None = None
    events: tuple[RoomEvent, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    append: Append | None = None
    turn: Turn | None = None
    outcome: Outcome | None = None
    is_page: bool = False

    @property
    def is_durable(self) -> bool:
        return self.append is None or self.outcome is Outcome.STORED

    @property
    def is_waiting(self) -> bool:
        return self.append is not None and self.outcome is None


class Pipeline:
    """FIFO, so that every answer leaves in the order decided, refusals included.

    Once an append failed, nothing behind it is settled: all of it will be decided anew.
    """

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._in_flight = 0
        self._has_failed = False

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def in_flight(self) -> int:
        """Events that the log has not answered for yet, or whose answer was not dealt with."""
        return self._in_flight

    @property
    def is_full(self) -> bool:
        return self._in_flight >= MAX_IN_FLIGHT or len(self._entries) >= MAX_ENTRIES

    @property
    def has_failed(self) -> bool:
        return self._has_failed

    def push(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._in_flight += entry.append is not None

    def conclude(self, entry: Entry, outcome: Outcome) -> None:
        """The log's word about one entry."""
        entry.outcome = outcome
        self._has_failed |= outcome is not Outcome.STORED

    def take_settled(self) -> Entry | None:
        """Take the first entry out if it is durable."""
        if not self._entries or not self._entries[0].is_durable:
            return None
        return self._pop()

    def first_failed(self) -> Entry | None:
        """The entry that broke the prefix, once the log has answered for all that is in flight."""
        if not self._has_failed or any(entry.is_waiting for entry in self._entries):
            return None
        return next(entry for entry in self._entries if not entry.is_durable)

    def take_all(self) -> list[Entry]:
        """Take everything out; nothing has failed any more."""
        entries = list(self._entries)
        self._entries.clear()
        self._in_flight = 0
        self._has_failed = False
        return entries

    def _pop(self) -> Entry:
        entry = self._entries.popleft()
        self._in_flight -= entry.append is not None
        return entry
