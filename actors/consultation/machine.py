"""Who is in a call, and for how long both were (pure)."""

from dataclasses import dataclass, field
from typing import Final

from protocol.user import ConsultationState

PLACES: Final = 2


@dataclass(slots=True)
class Meeting:
    """Who is there. `metered`: seconds that both were, but for those that were taken out; `at`:
    monotonic seconds, which only grow."""

    people: set[str] = field(default_factory=set)
    metered: float = 0.0
    _both_since: float | None = None

    def enter(self, user_id: str, at: float) -> None:
        self.people.add(user_id)
        if len(self.people) == PLACES and self._both_since is None:
            self._both_since = at

    def leave(self, user_id: str, at: float) -> None:
        self.people.discard(user_id)
        self._count(at)

    def state(self) -> ConsultationState:
        return ("booked", "waiting", "live")[len(self.people)]

    def seconds(self, at: float) -> float:
        """What has been metered until now."""
        return self.metered + (0.0 if self._both_since is None else at - self._both_since)

    def take(self, at: float) -> int:
        """Milliseconds to be stored; they are counted here no more."""
        self._count(at)
        taken = int(self.metered * 1_000)
        self.metered -= taken / 1_000
        return taken

    def _count(self, at: float) -> None:
        self.metered = self.seconds(at)
        self._both_since = at if len(self.people) == PLACES else None
