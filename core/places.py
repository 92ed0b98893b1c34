"""How many actors may be active at once, and who makes room for whom."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from core.errors import Overloaded

if TYPE_CHECKING:
    from core.activation import Activation
    from core.incarnation import Incarnation
    from protocol.addresses import Address


class Places:
    """At most `most` activations run. Over that, a new one waits (at most `most_waiting` do) while
    the actor that has been idle longest passivates in its favour."""

    def __init__(
        self,
        *,
        most: int,
        most_waiting: int,
        launch: Callable[["Activation"], None],
        take_oldest: Callable[[], "Incarnation | None"],
    ) -> None:
        self._most = most
        self._most_waiting = most_waiting
        self._launch = launch
        self._take_oldest = take_oldest
        self._active = 0
        self._evictions = 0
        self._waiting: deque[Activation] = deque()
        self._departing: set[Address] = set()

    def require(self) -> None:
        """Raises `Overloaded` when one more activation could not even wait."""
        if self._active >= self._most and len(self._waiting) >= self._most_waiting:
            raise Overloaded

    def admit(self, activation: "Activation") -> None:
        """Launch it now or as soon as there is room."""
        if self._active < self._most:
            self._active += 1
            self._launch(activation)
        else:
            self._waiting.append(activation)
            self.make_room()

    def leave(self, address: "Address") -> None:
        """An activation ended: its place goes to the one that waited longest."""
        if address in self._departing:
            self._departing.remove(address)
            self._evictions += 1
        self._active -= 1
        if self._waiting:
            self.admit(self._waiting.popleft())

    def make_room(self) -> None:
        """One idle actor goes for each activation that waits."""
        while len(self._waiting) > len(self._departing):
            oldest = self._take_oldest()
            if oldest is None:
                return
            self._departing.add(oldest.address)
            oldest.ask_to_go()

    def stays(self, address: "Address") -> None:
        """It makes no room after all, something came up: if it was asked to, another is."""
        if address in self._departing:
            self._departing.remove(address)
            self.make_room()

    def take_waiting(self) -> list["Activation"]:
        """Nobody will be launched any more; those who waited."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def statistics(self) -> Mapping[str, int | float]:
        return {
            "active": self._active,
            "waiting": len(self._waiting),
            "evictions": self._evictions,
        }
