"""Durable timers in memory, with planned faults, for tests and the simulation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Final, TypeVar

import trio

from core.errors import Unavailable
from core.ports.durable_timers import (
    MAX_COUNTED,
    MAX_PUT_OFF_MS,
    MAX_TIMERS_PER_ACTOR,
    STUCK_FROM,
    ClaimedTimer,
    Outlook,
    SetTimer,
    TimerChange,
    too_many_timers,
)
from protocol.addresses import Address
from storage.durable_timers import tell_earliest
from storage.memory.leases import MemoryShards
from storage.sharding import shard_of

T = TypeVar("T")
Place = tuple[int, Address, str]


class Fault(Enum):
    """What befalls one call. LOST_BEFORE: nothing happened; LOST_AFTER: it happened, and the reply
    was lost. Both are `Unavailable` to the caller."""

    NONE = "none"
    LOST_BEFORE = "lost_before"
    LOST_AFTER = "lost_after"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """Asked with the method's name before each call; `takes`: seconds before it happens."""

    judge: Callable[[str], Fault] = lambda _: Fault.NONE
    takes: Callable[[str], float] = lambda _: 0.0

    async def cross(self, name: str, effect: Callable[[], T]) -> T:
        """The call of the method `name`, whose `effect` is atomic. Raises `Unavailable` where it is lost."""
        fault = self.judge(name)
        await trio.sleep(self.takes(name))
        if fault is Fault.LOST_BEFORE:
            raise Unavailable
        done = effect()
        if fault is Fault.LOST_AFTER:
            raise Unavailable
        return done


NO_FAULTS: Final = FaultPlan()


@dataclass(slots=True)
class TimerRow:
    timer: SetTimer
    generation: int
    wake_at: int
    attempts: int = 0


@dataclass(slots=True)
class TimerTable:
    """What survives every process. Shared by all nodes of a simulation. `shards` None: nobody is ever
    replaced."""

    shards: MemoryShards | None = None
    rows: dict[Place, TimerRow] = field(default_factory=dict)
    generations: "count[int]" = field(default_factory=lambda: count(1))


class MemoryDurableTimers:
    """Implements `DurableTimers` and `TimerSource`. `on_set` as in the real one."""

    def __init__(
        self,
        table: TimerTable | None = None,
        *,
        plan: FaultPlan = NO_FAULTS,
        on_set: Callable[[int], None] = lambda due_at: None,
    ) -> None:
        self.table = TimerTable() if table is None else table
        self._plan, self._on_set = plan, on_set

    async def apply(self, *changes: TimerChange) -> None:
        await self._plan.cross("apply", lambda: self.apply_now(changes))
        tell_earliest(changes, self._on_set)

    async def claim(
        self, shards: Mapping[int, int], *, now: int, until: int, most: int
    ) -> tuple[Sequence[ClaimedTimer], Outlook]:
        claimed: list[ClaimedTimer] = []
        outlook = Outlook()

        def take() -> None:
            nonlocal claimed, outlook
            known = self.table.shards
            owned = {
                shard
                for shard, fence in shards.items()
                if known is None or known.fence(shard) == fence
            }
            claimed = self._claim(owned, now, until, most)
            outlook = self._outlook(owned, now)

        await self._plan.cross("claim", take)
        return claimed, outlook

    async def finish(self, claimed: ClaimedTimer) -> None:
        place = _place(claimed.timer)

        def remove() -> None:
            row = self.table.rows.get(place)
            if row is not None and row.generation == claimed.generation:
                del self.table.rows[place]

        await self._plan.cross("finish", remove)

    async def put_off(self, claimed: ClaimedTimer, *, until: int) -> None:
        def move() -> None:
            row = self.table.rows.get(_place(claimed.timer))
            if row and (row.generation, row.attempts) == (claimed.generation, claimed.attempts):
                row.wake_at = max(row.timer.due_at, until)

        await self._plan.cross("put_off", move)

    def apply_now(self, changes: Sequence[TimerChange]) -> None:
        """For transactions of others: all of them or none."""
        rows = dict(self.table.rows)
        for change in changes:
            place = _place(change)
            rows.pop(place, None)
            if isinstance(change, SetTimer):
                if sum(other[:2] == place[:2] for other in rows) >= MAX_TIMERS_PER_ACTOR:
                    raise too_many_timers()
                rows[place] = TimerRow(change, next(self.table.generations), change.due_at)
        self.table.rows = rows

    def _claim(self, shards: set[int], now: int, until: int, most: int) -> list[ClaimedTimer]:
        for row in self._waiting(shards):
            if row.attempts > 0 and row.wake_at > max(row.timer.due_at, now + MAX_PUT_OFF_MS):
                row.wake_at = row.timer.due_at  # it was claimed under a clock that was ahead
        claimed = []
        free = [row for row in self._waiting(shards) if row.wake_at <= now]
        for row in free[:most]:
            row.wake_at, row.attempts = until, row.attempts + 1
            claimed.append(
                ClaimedTimer(timer=row.timer, generation=row.generation, attempts=row.attempts)
            )
        return claimed

    def _outlook(self, shards: set[int], now: int) -> Outlook:
        waiting = self._waiting(shards)[:MAX_COUNTED]
        due = [row.timer.due_at for row in waiting if row.timer.due_at <= now]
        return Outlook(
            armed=len(waiting),
            due=len(due),
            stuck=sum(row.attempts >= STUCK_FROM for row in waiting),
            oldest_due_at=min(due, default=None),
            next_at=waiting[0].wake_at if waiting else None,
        )

    def _waiting(self, shards: set[int]) -> list[TimerRow]:
        rows = [r for r in self.table.rows.values() if shard_of(r.timer.address.key) in shards]
        return sorted(rows, key=lambda row: row.wake_at)


def _place(change: TimerChange) -> Place:
    return change.tenant_id, change.address, change.name
