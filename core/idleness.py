"""Who has nothing to do, and since when: what passivation and eviction go by."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from core.timers import Alarm, Timers

if TYPE_CHECKING:
    from core.incarnation import Incarnation

_MOST_LOOKED_AT: Final = 64
_LOOK_ON_AFTER: Final = 0.01


class _Kindred:
    """The idle incarnations of one kind, longest idle first."""

    __slots__ = ("alarm", "idle", "idle_after")

    def __init__(self, idle_after: float) -> None:
        self.idle: OrderedDict[Incarnation, float] = OrderedDict()
        self.idle_after = idle_after
        self.alarm: Alarm | None = None


class Idleness:
    """Asks an incarnation to go when it was idle for its kind's time. One alarm per kind.

    `on_idle`: somebody became idle, or there is reason to call `take_oldest` once more.
    """

    def __init__(self, timers: Timers, *, on_idle: Callable[[], None]) -> None:
        self._timers = timers
        self._on_idle = on_idle
        self._kinds: dict[str, _Kindred] = {}
        self._next_look: Alarm | None = None

    def add(self, incarnation: "Incarnation") -> None:
        """It waits for a message from now on."""
        spec = incarnation.spec
        kindred = self._kinds.get(spec.kind)
        if kindred is None:
            kindred = self._kinds[spec.kind] = _Kindred(spec.idle_after)
        kindred.idle[incarnation] = trio.current_time()
        if kindred.alarm is None:
            self._set_alarm(kindred)
        self._on_idle()

    def discard(self, incarnation: "Incarnation") -> None:
        """It has something to do again, or is gone."""
        self._kinds[incarnation.spec.kind].idle.pop(incarnation, None)

    def take_oldest(self) -> "Incarnation | None":
        """The longest idle that may go: the caller asks it to. None: there is none, or it is looked
        for on in a moment, behind so many that are held."""
        for _ in range(_MOST_LOOKED_AT):
            heads = [kindred.idle for kindred in self._kinds.values() if kindred.idle]
            if not heads:
                return None
            idle = min(heads, key=lambda order: next(iter(order.values())))
            incarnation, _ = idle.popitem(last=False)
            if _seems_free(incarnation):
                return incarnation
            # Idle but not free: looked at again after all the others.
            idle[incarnation] = trio.current_time()
        if self._next_look is None or not self._next_look.is_armed:
            self._next_look = self._timers.call_at(
                trio.current_time() + _LOOK_ON_AFTER, self._on_idle
            )
        return None

    def statistics(self) -> Mapping[str, int | float]:
        return {"idle": sum(len(kindred.idle) for kindred in self._kinds.values())}

    def _set_alarm(self, kindred: _Kindred) -> None:
        first = next(iter(kindred.idle.values()))
        kindred.alarm = self._timers.call_at(
            first + kindred.idle_after, partial(self._expire, kindred)
        )

    def _expire(self, kindred: _Kindred) -> None:
        now = trio.current_time()
        for _ in range(len(kindred.idle)):
            incarnation, since = next(iter(kindred.idle.items()))
            if since + kindred.idle_after > now:
                break
            del kindred.idle[incarnation]
            if _seems_free(incarnation):
                incarnation.ask_to_go()
            else:
                kindred.idle[incarnation] = now
        kindred.alarm = None
        if kindred.idle:
            self._set_alarm(kindred)


def _seems_free(incarnation: "Incarnation") -> bool:
    try:
        return incarnation.may_rest()
    except Exception:
        # `has_work` is the actor's code: asked again in its own task, where it may crash.
        return True
