"""Monitors: who is told when somebody else is gone, as `erlang:monitor/2` has it.

A monitor watches one instance, as a process is watched there: the reference survives a restart, the
monitor does not. Whoever goes on watching asks again when `Down` has come.
"""

from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import trio

from core.envelope import AnyEnvelope, Envelope, Lane
from core.errors import Overloaded
from protocol.addresses import Address
from protocol.frames import Value

if TYPE_CHECKING:
    from core.incarnation import Incarnation

_RING_AGAIN_AFTER: Final = 0.05


class Ending(StrEnum):
    """Why a watched instance is gone."""

    CRASHED = "crashed"
    GAVE_UP = "gave_up"
    """It crashed once more than its restart intensity allows, and rests."""
    PASSIVATED = "passivated"
    REFUSED = "refused"
    """Its `started` said no."""
    SHUT_DOWN = "shut_down"
    """The system drains, or was cancelled."""
    NOPROC = "noproc"
    """It was not active when the monitor was set; nobody was woken."""


class Down(Value, frozen=True, kw_only=True):
    """The watched instance is gone. On the control lane, once per monitor, in the order the monitors
    were set.

    `monitor`: the `Monitor.id`. `will_restart`: a successor follows by itself, under the same
    reference. `reference`: of the crash, as the log has it.
    """

    monitor: int
    address: Address
    reason: Ending
    will_restart: bool = False
    reference: str | None = None


class Monitor:
    """What `Context.monitor` gives. It dies with the instance that set it."""

    __slots__ = ("_monitors", "_watcher", "address", "id")

    def __init__(
        self, monitors: "Monitors", watcher: "Incarnation", address: Address, number: int
    ) -> None:
        self._monitors = monitors
        self._watcher = watcher
        self.address = address
        self.id = number

    def cancel(self) -> None:
        """`demonitor(Ref, [flush])`: no `Down` of it is handled after this, not even one that is
        queued already. Cancelling twice does nothing."""
        self._monitors.cancel(self._watcher, self)


class _Watch:
    """What one instance watches, and the `Down`s that found its mailbox full."""

    __slots__ = ("monitors", "pending")

    def __init__(self) -> None:
        self.monitors: dict[int, Monitor] = {}
        self.pending: deque[AnyEnvelope] = deque()


class Monitors:
    """Every monitor of one system: at most `most_each` per instance and `most` in all.

    `is_active`: whether there is somebody to watch under a name.
    """

    def __init__(
        self,
        *,
        is_active: Callable[[Address], bool],
        most: int = 262_144,
        most_each: int = 1_024,
    ) -> None:
        self._is_active = is_active
        self._most = most
        self._most_each = most_each
        self._watches: dict[Incarnation, _Watch] = {}
        self._watched: dict[Address, dict[int, Incarnation]] = {}
        self._ringing: dict[Incarnation, None] = {}
        self._has_pending = trio.Event()
        self._armed = self._last = self._downs = 0

    def watch(self, watcher: "Incarnation", address: Address) -> Monitor:
        """Set a monitor. Raises `Overloaded` when there are too many; nothing was set."""
        watch = self._watches.get(watcher) or _Watch()
        if self._armed >= self._most or len(watch.monitors) + len(watch.pending) >= self._most_each:
            raise Overloaded
        self._watches[watcher] = watch
        self._last += 1
        monitor = Monitor(self, watcher, address, self._last)
        if self._is_active(address):
            self._armed += 1
            watch.monitors[monitor.id] = monitor
            self._watched.setdefault(address, {})[monitor.id] = watcher
        else:
            self._tell(watcher, Down(monitor=monitor.id, address=address, reason=Ending.NOPROC))
        return monitor

    def cancel(self, watcher: "Incarnation", monitor: Monitor) -> None:
        watch = self._watches.get(watcher)
        if watch is None:
            return
        if watch.monitors.pop(monitor.id, None) is not None:
            self._unwatch(monitor)
            return

        def is_its_own(envelope: AnyEnvelope) -> bool:
            return type(envelope.message) is Down and envelope.message.monitor == monitor.id

        watcher.mailbox.withdraw(is_its_own)
        watch.pending = deque(each for each in watch.pending if not is_its_own(each))

    def ended(
        self,
        address: Address,
        reason: Ending,
        *,
        will_restart: bool = False,
        reference: str | None = None,
    ) -> None:
        """An instance is gone: all its monitors are spent."""
        for number, watcher in self._watched.pop(address, {}).items():
            self._armed -= 1
            del self._watches[watcher].monitors[number]
            self._tell(
                watcher,
                Down(
                    monitor=number,
                    address=address,
                    reason=reason,
                    will_restart=will_restart,
                    reference=reference,
                ),
            )

    def forget(self, watcher: "Incarnation") -> None:
        """The instance that watched is gone: its successor is told nothing that it did not ask."""
        watch = self._watches.pop(watcher, None)
        if watch is None:
            return
        self._ringing.pop(watcher, None)
        for monitor in watch.monitors.values():
            self._unwatch(monitor)
        watcher.mailbox.withdraw(lambda envelope: type(envelope.message) is Down)

    def owes(self, watcher: "Incarnation") -> bool:
        """Whether a `Down` still waits for its place in that mailbox."""
        watch = self._watches.get(watcher)
        return watch is not None and bool(watch.pending)

    async def run(self) -> None:
        """Bring what found a full mailbox, until cancelled: a `Down` is never lost."""
        while True:
            await self._has_pending.wait()
            while self._ringing:
                await trio.sleep(_RING_AGAIN_AFTER)
                for watcher in list(self._ringing):
                    self._bring_pending(watcher)
            self._has_pending = trio.Event()

    def statistics(self) -> Mapping[str, int | float]:
        """Set now, waiting for a place now, and told since the start."""
        return {
            "armed": self._armed,
            "pending": sum(len(self._watches[watcher].pending) for watcher in self._ringing),
            "downs": self._downs,
        }

    def _tell(self, watcher: "Incarnation", down: Down) -> None:
        self._watches[watcher].pending.append(Envelope(down, lane=Lane.CONTROL))
        self._bring_pending(watcher)

    def _bring_pending(self, watcher: "Incarnation") -> None:
        """Those that waited longer come first, whatever room there is."""
        pending = self._watches[watcher].pending
        while pending:
            try:
                watcher.mailbox.put_nowait(pending[0])
            except Overloaded:
                self._ringing[watcher] = None
                self._has_pending.set()
                return
            pending.popleft()
            self._downs += 1
        self._ringing.pop(watcher, None)

    def _unwatch(self, monitor: Monitor) -> None:
        self._armed -= 1
        watchers = self._watched[monitor.address]
        del watchers[monitor.id]
        if not watchers:
            del self._watched[monitor.address]
