"""The static tree: infrastructure that starts in order, lives on after a crash, stops in reverse."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import trio

from core.child import Child, ChildSpec, ChildTask, Life
from core.errors import EscalatedError
from core.ports.clock import Chance
from core.restart_policy import Restart, RestartIntensity
from core.restart_rules import Decision, RestartRules, Strategy

__all__ = ["ChildSpec", "ChildTask", "Strategy", "Supervisor"]

DEFAULT: Final = RestartIntensity()


class Supervisor:
    """OTP's supervisor (erlang.org, "Supervisor Behaviour"): keeps its children as the strategy and
    their restart types say, one decision at a time, in the order in which they ended.

    A child that cannot start the first time ends it with the child's own error; more restarts than
    its intensity allows, counted over all children, end it with `EscalatedError`. Either way, and
    when cancelled at any point, the children stop in reverse order and no task stays.

    Owns: its children's tasks. Borrows: chance. `run` may be run again after it has ended, so that a
    supervisor can be another one's child (`spec`): to its parent, an escalation is a crash.
    """

    def __init__(
        self,
        name: str,
        children: Sequence[ChildSpec],
        *,
        chance: Chance,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: RestartIntensity = DEFAULT,
    ) -> None:
        self._name = name
        self._children = [Child(spec) for spec in children]
        self._strategy = strategy
        self._intensity = intensity
        self._chance = chance

    def spec(self, restart: Restart = Restart.PERMANENT) -> ChildSpec:
        """It as a child, with time for each of its children to start and to stop."""
        specs = [child.spec for child in self._children]
        return ChildSpec(
            name=self._name,
            run=self.run,
            restart=restart,
            start_within=sum(spec.start_within + spec.shutdown_after for spec in specs) + 1.0,
            shutdown_after=sum(spec.shutdown_after for spec in specs) + 1.0,
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start all in order, then keep them until cancelled. Raises what ended it."""
        types = [child.spec.restart for child in self._children]
        rules = RestartRules(types, self._strategy, self._intensity)
        async with trio.open_nursery() as nursery:
            watch = _Watch(self._name, self._children, rules, self._chance, nursery)
            failure = await watch.keep(task_status)
        raise failure

    def statistics(self) -> Mapping[str, int | float]:
        """Totals since it was made, and restarts by child (a sibling's crash may cause one, too)."""
        return {
            "children": len(self._children),
            "running": sum(child.is_running for child in self._children),
            "crashes": sum(child.crashes for child in self._children),
            "restarts": sum(child.restarts for child in self._children),
            **{f"restarts_{child.spec.name}": child.restarts for child in self._children},
        }


class _Watch:
    """One life of a supervisor: performs what the rules decide."""

    def __init__(
        self,
        name: str,
        children: Sequence[Child],
        rules: RestartRules,
        chance: Chance,
        nursery: trio.Nursery,
    ) -> None:
        self._name = name
        self._children = children
        self._rules = rules
        self._chance = chance
        self._nursery = nursery
        # A child starts only after every end was judged, so each has at most one end in here.
        self._tell_end, self._ends = trio.open_memory_channel[Life](len(children))

    async def keep(self, task_status: trio.TaskStatus[None]) -> Exception:
        """Returns what ended it, once all have been stopped."""
        try:
            failure = await self._start_all()
            if failure is None:
                task_status.started()
                failure = await self._watch()
        finally:
            with trio.CancelScope(shield=True):
                await self._stop(reversed(range(len(self._children))))
        return failure

    async def _start_all(self) -> Exception | None:
        for number in range(len(self._children)):
            failure = await self._start(number)
            if failure is not None:
                return failure
        return None

    async def _watch(self) -> EscalatedError:
        while True:
            life = await self._next_end()
            if life is None:
                await self._start_due()
            elif not life.is_dismissed:
                decision = self._judge(life)
                if decision.escalates:
                    return self._escalated_by(life)
                await self._stop(decision.stop)

    async def _next_end(self) -> Life | None:
        """In the order in which they came. None: a restart is due, and no end is left to judge."""
        try:
            return self._ends.receive_nowait()
        except trio.WouldBlock:
            with trio.move_on_at(self._rules.next_due):
                return await self._ends.receive()
        return None

    def _judge(self, life: Life) -> Decision:
        now, jitter = trio.current_time(), self._chance.random()
        if life.crash is None or life.has_started:
            crashed = life.crash is not None
            return self._rules.ended(life.number, crashed=crashed, now=now, jitter=jitter)
        self._children[life.number].note_crash(life.crash)
        return self._rules.failed_to_start(life.number, now=now, jitter=jitter)

    async def _start_due(self) -> None:
        """A group whose member cannot start is not started further: that end is judged like others,
        after those that came before it."""
        for number in self._rules.take_due():
            self._children[number].restarts += 1
            if await self._start(number) is not None:
                return

    async def _start(self, number: int) -> Exception | None:
        return await self._children[number].start(number, self._nursery, self._tell_end.send_nowait)

    async def _stop(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            await self._children[number].stop()

    def _escalated_by(self, life: Life) -> EscalatedError:
        crash = life.crash
        child = self._children[life.number].spec.name
        path = str(crash) if isinstance(crash, EscalatedError) else f"{child} crashed too often"
        escalated = EscalatedError(f"{self._name}: {path}")
        escalated.__cause__ = crash
        return escalated
