"""What a supervisor does when a child ends: OTP's rules as a pure machine.

The rules are those of erlang.org, "Supervisor Behaviour", and, where that page is silent, of OTP's
`supervisor.erl`. Two things are ours: the wait before a restart (OTP has none), and that a supervisor
which gives up has crashed, whereas OTP's ends with `shutdown`, which a transient spec would take for a
normal end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.restart_policy import Restart, RestartIntensity


class Strategy(StrEnum):
    """Who is stopped and started again with a child that crashed."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


@dataclass(frozen=True, slots=True)
class Decision:
    """Stop these children, in this order; or stop all, because it crashed too often."""

    stop: Sequence[int] = ()
    escalates: bool = False


LEAVE: Final = Decision()


class RestartRules:
    """One life of a supervisor. Children are numbered in start order; times are seconds.

    Bounded by the number of children and the intensity.
    """

    def __init__(
        self, restarts: Sequence[Restart], strategy: Strategy, intensity: RestartIntensity
    ) -> None:
        self._restarts = restarts
        self._strategy = strategy
        self._intensity = intensity
        self._recent: list[tuple[float, int]] = []
        self._due: dict[int, float] = {}
        self._gone: set[int] = set()

    @property
    def next_due(self) -> float:
        """When a restart is due; infinity while none is."""
        return min(self._due.values(), default=float("inf"))

    def ended(self, child: int, *, crashed: bool, now: float, jitter: float) -> Decision:
        """A started child ended by itself. `jitter` in [0, 1) spreads the restart."""
        restart = self._restarts[child]
        if restart is Restart.PERMANENT or (crashed and restart is Restart.TRANSIENT):
            return self._restart(child, now, jitter)
        return LEAVE

    def failed_to_start(self, child: int, *, now: float, jitter: float) -> Decision:
        """A restart came to nothing: that is another attempt, whatever the child's type."""
        return self._restart(child, now, jitter)

    def take_due(self) -> Sequence[int]:
        """Who is to be started now, in start order: with the child whose restart is due first, its
        group. As in OTP that includes transient siblings which had ended normally."""
        child = min(self._due, key=lambda child: self._due[child])
        del self._due[child]
        return [member for member in self._group(child) if member not in self._gone]

    def _restart(self, child: int, now: float, jitter: float) -> Decision:
        policy = self._intensity
        self._recent = [one for one in self._recent if policy.counts(one[0], now)]
        self._recent.append((now, child))
        if len(self._recent) > policy.intensity:
            return Decision(escalates=True)
        group = self._group(child)
        self._gone.update(one for one in group if self._restarts[one] is Restart.TEMPORARY)
        # A restart that was waiting inside the group comes with it.
        self._due = {other: at for other, at in self._due.items() if other not in group}
        own = sum(other == child for _, other in self._recent)
        self._due[child] = now + policy.delay(own, jitter)
        return Decision(stop=[one for one in reversed(group) if one != child])

    def _group(self, child: int) -> range:
        match self._strategy:
            case Strategy.ONE_FOR_ONE:
                return range(child, child + 1)
            case Strategy.REST_FOR_ONE:
                return range(child, len(self._restarts))
            case Strategy.ONE_FOR_ALL:
                return range(len(self._restarts))
