"""What must outlive a crashed room in this process: the fence it wrote under, the last it published,
what its personas were saying."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from actors.room.open_runs import OpenRuns
from protocol.persona import RunEnded

TOLD_FOR: Final = 1_800.0
"""Seconds, as long as a session lives."""
MAX_FAILED_ROOMS: Final = 1_000
MAX_FAILED_RUNS: Final = 16


@dataclass(slots=True)
class Trace:
    """One active room. `published`: the last event its live connections were sent."""

    fence: int
    published: int
    runs: OpenRuns = field(default_factory=OpenRuns)


class FailedRuns:
    """Runs that ended with an earlier server: whoever saw them begin comes back within half an hour and
    is told. The newest 1,000 rooms, 16 runs each."""

    def __init__(self) -> None:
        self._rooms: OrderedDict[str, tuple[float, list[RunEnded]]] = OrderedDict()

    def note(self, room_id: str, ended: Sequence[RunEnded], now: float) -> None:
        if ended:
            self._rooms[room_id] = (now + TOLD_FOR, list(ended[-MAX_FAILED_RUNS:]))
            self._rooms.move_to_end(room_id)
            if len(self._rooms) > MAX_FAILED_ROOMS:
                self._rooms.popitem(last=False)

    def of(self, room_id: str, now: float) -> Sequence[RunEnded]:
        """What is to be told in this room at the time `now` (monotonic)."""
        until, ended = self._rooms.get(room_id, (0.0, []))
        if ended and until <= now:
            del self._rooms[room_id]
            return ()
        return ended

    def forget(self, room_id: str, run_id: str) -> None:
        """It was opened after all."""
        until, ended = self._rooms.get(room_id, (0.0, []))
        if ended:
            self._rooms[room_id] = (until, [one for one in ended if one.run_id != run_id])

    def __len__(self) -> int:
        return len(self._rooms)


class Traces:
    """Active rooms by id; a room that stops in order leaves none. Bounded by the active rooms.

    A trace found at activation means that the last one crashed: it may have appends in flight that
    still appear under its fence, events that are durable and were published to nobody, and open runs.
    `failed` and `counts` are those of all rooms.
    """

    def __init__(self) -> None:
        self._traces: dict[str, Trace] = {}
        self.failed = FailedRuns()
        self.counts: Counter[str] = Counter(deltas_dropped=0, prompts_dropped=0, news_dropped=0)

    def find(self, room_id: str) -> Trace | None:
        return self._traces.get(room_id)

    def begin(self, room_id: str, trace: Trace) -> None:
        self._traces[room_id] = trace

    def end(self, room_id: str) -> None:
        self._traces.pop(room_id, None)

    def statistics(self) -> dict[str, int | float]:
        return {
            "rooms": len(self._traces),
            "open_runs": sum(len(trace.runs) for trace in self._traces.values()),
            "failed_runs_rooms": len(self.failed),
            **self.counts,
        }
