"""Nodes over one table of durable timers, on virtual time, and a kind of actor that is woken by them."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from core.actor import Actor, ActorSpec
from core.durable_timers import DurableTimerService
from core.envelope import Envelope
from core.ids import ProcessIds
from core.ports.durable_timers import CancelTimer, SetTimer, TimerDue
from core.system import ActorSystem
from protocol.addresses import Kind
from protocol.frames import Done
from storage.memory.durable_timers import NO_FAULTS, FaultPlan, MemoryDurableTimers, TimerTable
from storage.memory.leases import MemoryLeases, MemoryShards

SLEEPER = Kind("sleeper")
T0 = 1_800_000_000_000
SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000

Behaviour = Callable[["Sleeper", TimerDue], Awaitable[None]]
"""What an actor does when woken. Returning: it answers; what it raises is its answer or its crash."""


class JumpingClock:
    """Wall time that moves with trio's, which begins at 0, and jumps when told."""

    def __init__(self) -> None:
        self.offset_ms = 0

    def now_ms(self) -> int:
        return T0 + self.offset_ms + round(trio.current_time() * 1_000)

    def monotonic(self) -> float:
        return trio.current_time()

    def jump(self, ms: int) -> None:
        self.offset_ms += ms


@dataclass
class Woken:
    """One time that an actor was told."""

    key: str
    name: str
    due_at: int
    payload: bytes | None
    at_ms: int
    at: float


async def answer(actor: "Sleeper", due: TimerDue) -> None:
    """The good behaviour."""


@dataclass
class World:
    """What survives every node, and what its actors saw."""

    clock: JumpingClock = field(default_factory=JumpingClock)
    shards: MemoryShards = field(default_factory=MemoryShards)
    table: TimerTable = field(init=False)
    woken: list[Woken] = field(default_factory=list)
    behave: Behaviour = answer
    idle_after: float = 60.0

    def __post_init__(self) -> None:
        self.table = TimerTable(shards=self.shards)

    def timer(self, name: str = "poll", at: int = 0, key: str = "a", **more: Any) -> SetTimer:
        """`at`: milliseconds after T0."""
        address = SLEEPER.at(key)
        return SetTimer(tenant_id=1, address=address, name=name, due_at=T0 + at, **more)

    def cancel(self, name: str = "poll", key: str = "a") -> CancelTimer:
        return CancelTimer(tenant_id=1, address=SLEEPER.at(key), name=name)

    def names(self) -> list[str]:
        return [each.name for each in self.woken]

    def times(self) -> list[int]:
        """When somebody was woken, in milliseconds after T0."""
        return [each.at_ms - T0 for each in self.woken]

    def rows(self) -> int:
        return len(self.table.rows)


class Sleeper(Actor[Any]):
    """Writes down when it was woken, and behaves as its world says."""

    def __init__(self, key: str, world: World) -> None:
        self.key, self.world = key, world
        self.is_full = False

    async def handle(self, envelope: Envelope[Any]) -> None:
        due, world = envelope.message, self.world
        if isinstance(due, TimerDue):
            world.woken.append(
                Woken(
                    self.key,
                    due.name,
                    due.due_at,
                    due.payload,
                    world.clock.now_ms(),
                    trio.current_time(),
                )
            )
            await world.behave(self, due)
        else:
            await due(self)
        envelope.answer(Done())

    def is_saturated(self) -> bool:
        return self.is_full


class Node:
    """One process: its actors, its leases, its service."""

    def __init__(
        self,
        world: World,
        *,
        name: str = "node",
        plan: FaultPlan = NO_FAULTS,
        seed: int = 1,
        service: type[DurableTimerService] = DurableTimerService,
        source: type[MemoryDurableTimers] = MemoryDurableTimers,
    ) -> None:
        chance = random.Random(seed)
        self.system = ActorSystem(chance=chance, ids=ProcessIds(world.clock, chance))
        self.system.register(
            ActorSpec(
                kind=SLEEPER,
                make=lambda key: Sleeper(key, world),
                idle_after=world.idle_after,
            )
        )
        self.leases = MemoryLeases(world.shards, node=name)
        self.timers = source(world.table, plan=plan, on_set=self._timer_set)
        self.service = service(
            self.timers,
            leases=self.leases,
            ref=self.system.ref,
            clock=world.clock,
            chance=chance,
        )

    def _timer_set(self, due_at: int) -> None:
        self.service.nudge(due_at)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.system.run)
            nursery.start_soon(self.service.run)
            task_status.started()

    def figure(self, name: str) -> float:
        return self.service.statistics()[name]


@asynccontextmanager
async def running(world: World, **how: Any) -> AsyncIterator[Node]:
    """A node around a block; its end is a kill."""
    node = Node(world, **how)
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        yield node
        nursery.cancel_scope.cancel()
