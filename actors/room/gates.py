"""Order for one connection's commands while one of them waits for a read; the others go on."""

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from core.envelope import Envelope
from core.errors import Overloaded

MAX_HELD: Final = 512


class Gates:
    """A gate per connection with a slow command; behind it its later commands queue.

    Past `MAX_HELD` held commands of all connections together, the next of who has his share of them is
    refused `overloaded`: the one answer that may overtake. Who has less is held, so that a connection
    which fills its line, and takes none of its answers, does not speak for the others. At most twice as
    many are held in all.
    """

    def __init__(self, *, max_held: int = MAX_HELD) -> None:
        self._held: dict[int, deque[Envelope[Any]]] = {}
        self._count = 0
        self._max_held = max_held

    def __len__(self) -> int:
        return len(self._held)

    def close(self, key: int) -> None:
        self._held.setdefault(key, deque())

    def is_closed(self, key: int) -> bool:
        return key in self._held

    def hold(self, key: int, envelope: Envelope[Any]) -> None:
        """Queue behind a closed gate. Raises `Overloaded`."""
        held = self._held[key]
        if self._count >= self._max_held and len(held) >= self._max_held // len(self._held):
            raise Overloaded()
        self._count += 1
        held.append(envelope)

    def open(self, key: int) -> Iterable[Envelope[Any]]:
        """Open the gate; what was held, in order."""
        held = self._held.pop(key, deque())
        self._count -= len(held)
        return held
