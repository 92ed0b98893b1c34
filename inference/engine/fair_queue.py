"""Requests that wait for a slot: rooms take turns, and a room's own come in their order."""

from collections import OrderedDict, deque
from typing import Final

from core.errors import Overloaded
from inference.engine.request import Request

MAX_QUEUED: Final = 64
MAX_QUEUED_PER_ROOM: Final = 8
"""So that one room cannot fill the queue for the others."""


class FairQueue:
    """Bounded in all and per room; a full one refuses. Not safe between threads by itself."""

    def __init__(self) -> None:
        self._rooms: OrderedDict[str, deque[Request]] = OrderedDict()
        """In the order of their turns; none is empty."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def ahead_of(self, room_id: str) -> int:
        """How many would be taken before a new request of that room."""
        own = self._rooms.get(room_id)
        rounds = len(own) if own is not None else 0
        ahead, comes_before = rounds, True
        for room, waiting in self._rooms.items():
            if waiting is own:
                comes_before = False
            elif room != room_id:
                ahead += min(len(waiting), rounds + comes_before)
        return ahead

    def put_nowait(self, request: Request) -> None:
        """Raises `Overloaded`: nothing was queued."""
        own = self._rooms.get(request.room_id)
        if self._count >= MAX_QUEUED or len(own or ()) >= MAX_QUEUED_PER_ROOM:
            raise Overloaded
        if own is None:
            own = self._rooms[request.room_id] = deque()
        own.append(request)
        self._count += 1

    def take(self) -> Request | None:
        """The next one; its room's turn comes again after all others."""
        if not self._rooms:
            return None
        room, waiting = next(iter(self._rooms.items()))
        request = waiting.popleft()
        self._count -= 1
        if waiting:
            self._rooms.move_to_end(room)
        else:
            del self._rooms[room]
        return request

    def remove(self, request: Request) -> bool:
        """Whether it was still waiting."""
        own = self._rooms.get(request.room_id)
        if own is None or request not in own:
            return False
        own.remove(request)
        self._count -= 1
        if not own:
            del self._rooms[request.room_id]
        return True
