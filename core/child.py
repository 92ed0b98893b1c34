"""One child of a supervisor: how it is started and stopped, and its lives one after another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
import trio

from core.crash_record import describe
from core.restart_policy import Restart

log: Final = structlog.get_logger("core.supervisor")


class ChildTask(Protocol):
    """A child's life. It calls `task_status.started()` when those after it may rely on it; it is
    stopped by cancellation, and does in a shielded `finally` what must still be done."""

    async def __call__(self, *, task_status: trio.TaskStatus[None]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """How a child is started, restarted and stopped. Lives beside the child.

    `start_within`: seconds in which it must say that it has started; past them the start failed, and it
    is stopped. `shutdown_after`: seconds that the next one's stop, or the next start, waits for that.
    """

    name: str
    run: ChildTask
    restart: Restart = Restart.PERMANENT
    start_within: float = 60.0
    shutdown_after: float = 5.0


class Child:
    """A child in its supervisor's nursery, and what happened to it so far."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.crashes = 0
        self.restarts = 0
        self._life: Life | None = None
        self._turn = trio.Lock()

    @property
    def is_running(self) -> bool:
        return self._life is not None and not self._life.ended.is_set()

    def note_crash(self, crash: Exception) -> None:
        self.crashes += 1
        log.error("child crashed", child=self.spec.name, **describe(crash))

    async def start(
        self, number: int, nursery: trio.Nursery, on_end: "Callable[[Life], None]"
    ) -> Exception | None:
        """Begin a life and wait until it has started. Returns what kept it from that; then, too,
        `on_end` is called."""
        self._life = life = Life(self, number, self._turn, on_end)
        nursery.start_soon(life.run)
        with trio.move_on_after(self.spec.start_within + self.spec.shutdown_after):
            await life.begun.wait()
        if not life.begun.is_set():
            log.error("child does not stop", child=self.spec.name)
            life.give_up()
        return None if life.has_started else life.crash

    async def stop(self) -> None:
        """End the present life; wait for that, `shutdown_after` at most. Whatever ends a life that
        is being stopped is no crash that counts."""
        life = self._life
        if life is None:
            return
        life.dismiss(trio.current_time() + self.spec.shutdown_after)
        if life.ended.is_set():
            return
        with trio.move_on_at(life.stop_by) as patience:
            await life.ended.wait()
        if patience.cancelled_caught:
            log.error("child does not stop", child=self.spec.name)


class Life:
    """One task of a child, from its start to its end; its `task_status`.

    Cancelling what is around it does not touch it: only its supervisor stops it, in order.
    """

    def __init__(
        self, child: Child, number: int, turn: trio.Lock, on_end: Callable[["Life"], None]
    ) -> None:
        self.number = number
        self.begun = trio.Event()
        self.ended = trio.Event()
        self.has_started = False
        self.is_dismissed = False
        self.stop_by = float("inf")
        self.crash: Exception | None = None
        self._is_given_up = False
        self._child = child
        self._turn = turn
        self._on_end = on_end
        self._scope = trio.CancelScope(shield=True)

    def started(self, value: None = None) -> None:
        """Those after it may rely on it; unless its time is already over."""
        if self._scope.cancel_called:
            return
        self.has_started = True
        self._scope.deadline = float("inf")
        self.begun.set()

    def dismiss(self, stop_by: float) -> None:
        """It shall end. Told twice, it keeps the time it was first given."""
        self.is_dismissed = True
        self.stop_by = min(self.stop_by, stop_by)
        self._scope.cancel()

    def give_up(self) -> None:
        """It has not started in time, and does not end: its failure is told now, and its end, whenever
        that comes, is nobody's business but the next life's, which waits for it."""
        self._is_given_up = True
        self.stop_by = trio.current_time()
        self.crash = _no_start(self._child.spec.name, in_time=False)
        self._on_end(self)

    async def run(self) -> None:
        """Until it ends, by itself or dismissed. Raises no `Exception`."""
        spec = self._child.spec
        self._scope.deadline = trio.current_time() + spec.start_within
        try:
            # A life that does not stop when told delays the next one: there are never two.
            with self._scope:
                async with self._turn:
                    await spec.run(task_status=self)
            if not (self.has_started or self.is_dismissed or self._is_given_up):
                raise _no_start(spec.name, in_time=not self._scope.cancelled_caught)
            if spec.restart is Restart.PERMANENT and not self.is_dismissed:
                log.warning("child ended", child=spec.name)
        except Exception as crash:
            self.crash = self.crash or crash
            # Who started it hears of a start that failed, and knows whether that is an error.
            if self.has_started or self.is_dismissed:
                self._child.note_crash(crash)
        finally:
            self.ended.set()
            self.begun.set()
            if not (self.is_dismissed or self._is_given_up):
                self._on_end(self)


def _no_start(name: str, *, in_time: bool) -> Exception:
    if in_time:
        return RuntimeError(f"{name} ended before it had started")
    return trio.TooSlowError(f"{name} did not start in time")
