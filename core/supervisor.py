"""The static tree: infrastructure that starts in order, lives on after a crash, stops in reverse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
import trio

from core.crash_record import describe
from core.errors import EscalatedError
from core.ports.clock import Chance
from core.restart_policy import Restart, RestartPolicy

log: Final = structlog.get_logger("core.supervisor")


class ChildTask(Protocol):
    """A child's life. It calls `task_status.started()` when those after it may rely on it; it is
    stopped by cancellation, and does in a shielded `finally` what must still be done."""

    async def __call__(self, *, task_status: trio.TaskStatus[None]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """How a child is started, restarted and stopped. Lives beside the child.

    `shutdown_after`: seconds that the next one's stop waits for this one's.
    """

    name: str
    run: ChildTask
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    shutdown_after: float = 5.0


class Supervisor:
    """One-for-one: a crash restarts the child that crashed and no other.

    A child that cannot start the first time ends the supervisor with the child's own error; one that
    crashes more often than its policy allows ends it with `EscalatedError`. Either way, and when
    cancelled, the children stop in reverse order.
    """

    def __init__(self, name: str, children: Sequence[ChildSpec], *, chance: Chance) -> None:
        self._name = name
        self._children = [_Child(spec, chance, self._escalate) for spec in children]
        self._escalated = trio.Event()
        self._error: EscalatedError | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start all in order, then keep them until cancelled. Raises what ended it."""
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            try:
                failure = await self._start(nursery)
                if failure is None:
                    task_status.started()
                    await self._escalated.wait()
            finally:
                with trio.CancelScope(shield=True):
                    await self._stop()
        ended_by = failure or self._error
        if ended_by is not None:
            raise ended_by

    def statistics(self) -> Mapping[str, int | float]:
        """Totals, and restarts by child."""
        return {
            "children": len(self._children),
            "running": sum(child.is_running for child in self._children),
            "crashes": sum(child.crashes for child in self._children),
            "restarts": sum(child.restarts for child in self._children),
            **{f"restarts_{child.spec.name}": child.restarts for child in self._children},
        }

    async def _start(self, nursery: trio.Nursery) -> Exception | None:
        for child in self._children:
            try:
                await nursery.start(child.keep)
            except Exception as error:
                return error
            child.scope.shield = True
        return None

    async def _stop(self) -> None:
        for child in reversed(self._children):
            if not child.is_kept:
                continue
            child.stop()
            with trio.move_on_after(child.spec.shutdown_after) as patience:
                await child.ended.wait()
            if patience.cancelled_caught:
                log.error("child does not stop", supervisor=self._name, child=child.spec.name)

    def _escalate(self, child: str) -> None:
        self._error = EscalatedError(f"{self._name}: {child} crashed too often")
        self._escalated.set()


class _Child:
    """One child and the task that keeps it."""

    def __init__(self, spec: ChildSpec, chance: Chance, escalate: "_Escalate") -> None:
        self.spec = spec
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        self.is_kept = False
        self.is_running = False
        self.crashes = 0
        self.restarts = 0
        self._chance = chance
        self._escalate = escalate
        self._restarted_at: list[float] = []

    async def keep(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Run the child, again and again as its policy says."""
        status = _FirstStart(self, task_status)
        try:
            with self.scope:
                while await self._run_once(status) and await self._back_off():
                    pass
        finally:
            self.ended.set()

    def stop(self) -> None:
        self.scope.cancel()

    async def _run_once(self, status: "_FirstStart") -> bool:
        """Whether the child should live again."""
        self.is_running = True
        try:
            await self.spec.run(task_status=status)
        except Exception as crash:
            if not self.is_kept:
                raise
            self.crashes += 1
            log.error("child crashed", child=self.spec.name, **describe(crash))
            return self.spec.restart.restart is not Restart.TEMPORARY
        finally:
            self.is_running = False
        return self.spec.restart.restart is Restart.PERMANENT

    async def _back_off(self) -> bool:
        """Wait before the restart. False: too many, it escalated."""
        policy, now = self.spec.restart, trio.current_time()
        self._restarted_at = [at for at in self._restarted_at if now - at < policy.period] + [now]
        if len(self._restarted_at) > policy.intensity:
            self._escalate(self.spec.name)
            return False
        await trio.sleep(policy.delay(len(self._restarted_at), self._chance.random()))
        self.restarts += 1
        return True


class _Escalate(Protocol):
    def __call__(self, child: str) -> None: ...


class _FirstStart:
    """Passes on that a child has started, the first time."""

    def __init__(self, child: _Child, task_status: trio.TaskStatus[None]) -> None:
        self._child = child
        self._task_status = task_status

    def started(self, value: None = None) -> None:
        if not self._child.is_kept:
            self._child.is_kept = True
            self._task_status.started()
