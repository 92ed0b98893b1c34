"""What must outlive a crashed room in this process: the fence it wrote under, the last it published."""

from dataclasses import dataclass


@dataclass(slots=True)
class Trace:
    """One active room. `published`: the last event its live connections were sent."""

    fence: int
    published: int


class Traces:
    """Active rooms by id; a room that stops in order leaves none. Bounded by the active rooms.

    A trace found at activation means that the last one crashed: it may have appends in flight that
    still appear under its fence, and events that are durable and were published to nobody.
    """

    def __init__(self) -> None:
        self._traces: dict[str, Trace] = {}

    def find(self, room_id: str) -> Trace | None:
        return self._traces.get(room_id)

    def begin(self, room_id: str, *, fence: int, published: int) -> Trace:
        trace = self._traces[room_id] = Trace(fence, published)
        return trace

    def end(self, room_id: str) -> None:
        self._traces.pop(room_id, None)

    def statistics(self) -> dict[str, int | float]:
        return {"rooms": len(self._traces)}
