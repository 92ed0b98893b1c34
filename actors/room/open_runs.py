"""Answers under way: what a room knows of a run until its message is durable (pure).

It outlives a crash of its room, in the room's trace: what was streamed is nowhere else.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from core.errors import Overloaded, Rejected
from protocol.chat import AiOrigin
from protocol.ids import UUID7_PATTERN
from protocol.limits import MAX_CONTENT_BYTES
from protocol.persona import OpenRun, StreamRun

MAX_OPEN: Final = 2
MAX_CLOSED: Final = 64
"""Runs that were closed and whose `CloseRun` may come again."""

Reason = Literal["done", "cancelled", "failed"]
_UUID7: Final = re.compile(UUID7_PATTERN)


@dataclass(slots=True, kw_only=True)
class UnderWay:
    """One open run. `text`: all that was streamed, in UTF-8; `sent`: how many bytes of it the live
    connections got, and `is_announced`: whether they know of the run at all. `closing`: why it will
    have ended when its message is durable. `heard_at`: when its persona last said something."""

    opened: OpenRun
    name: str
    heard_at: float
    text: bytearray = field(default_factory=bytearray)
    ai: AiOrigin | None = None
    sent: int = 0
    is_announced: bool = False
    closing: Reason | None = None


class OpenRuns:
    """Two at most are open; of those that were closed the newest 64 are remembered."""

    def __init__(self) -> None:
        self._open: dict[str, UnderWay] = {}
        self._closed: OrderedDict[str, int | None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[UnderWay]:
        return iter(list(self._open.values()))

    def get(self, run_id: str) -> UnderWay | None:
        return self._open.get(run_id)

    def was_closed(self, run_id: str) -> bool:
        return run_id in self._closed

    def seq_of(self, run_id: str) -> int | None:
        """Of a closed run's message; None: it has none."""
        return self._closed.get(run_id)

    def open(self, command: OpenRun, name: str, now: float) -> None:
        """Raises `Overloaded`, and `Rejected` for ids that no message can have."""
        if command.run_id in self._open or command.run_id in self._closed:
            return
        if not _UUID7.match(command.message_id):
            raise Rejected("bad_request", "A field has a wrong value.")
        if len(self._open) >= MAX_OPEN:
            raise Overloaded
        self._open[command.run_id] = UnderWay(opened=command, name=name, heard_at=now)

    def stream(self, command: StreamRun, now: float) -> UnderWay | None:
        """Take more text in. None: it does not follow on what is here, and changed nothing."""
        run = self._open.get(command.run_id)
        if run is None or run.closing is not None or command.offset != len(run.text):
            return None
        more = _encoded(command.text)
        if not more or len(run.text) + len(more) > MAX_CONTENT_BYTES:
            return None
        run.text += more
        run.ai = command.ai or run.ai
        run.heard_at = now
        return run

    def close(self, run_id: str, seq: int | None) -> None:
        """It is over, and stays so."""
        del self._open[run_id]
        self._closed[run_id] = seq
        if len(self._closed) > MAX_CLOSED:
            self._closed.popitem(last=False)


def _encoded(text: str) -> bytes:
    """Nothing where it is no text: half a surrogate pair has no UTF-8."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return b""
