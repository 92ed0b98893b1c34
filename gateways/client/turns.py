"""What one connection has sent to rooms in whose order another actor is still answering it."""

from collections import deque
from collections.abc import Callable
from typing import Final

from core.errors import Overloaded

MAX_HELD: Final = 256
"""Of one connection and room."""


class Turns:
    """Rooms in which another actor (their board, a session) has the turn, each with what was sent to it
    since, in order. False: none."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[str, deque[Callable[[], None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def hold(self, room_id: str, again: Callable[[], None]) -> bool:
        """Keep it until it is its turn; False: it is that already. Raises `Overloaded`."""
        held = self._held.get(room_id)
        if held is None:
            return False
        if len(held) >= MAX_HELD:
            raise Overloaded
        held.append(again)
        return True

    def take(self, room_id: str) -> None:
        """Another actor has the turn."""
        self._held.setdefault(room_id, deque())

    def over(self, room_id: str) -> None:
        """It has answered: what waits goes on, up to the next that takes the turn."""
        held = self._held.pop(room_id, deque())
        while held:
            held.popleft()()
            if room_id in self._held:
                self._held[room_id] = held
                return
