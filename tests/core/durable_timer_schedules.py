"""Random hours in the life of durable timers, and what must be true of them afterwards.

One seed: people set and cancel, actors crash, refuse or keep silent, calls to the database fail
before or after their effect, processes die, the wall clock jumps by a day. Then it is calm.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import trio
from timer_world import DAY, SECOND, T0, JumpingClock, Node, Sleeper, Woken, World
from virtual_time import StuckError, run_seeded

from core.durable_timers import ASK_WITHIN, BACKOFF_MOST, CLAIM_FOR, DurableTimerService
from core.errors import Rejected, Unavailable
from core.ports.durable_timers import MAX_PUT_OFF_MS, CancelTimer, SetTimer, TimerDue
from storage.memory.durable_timers import Fault, FaultPlan, MemoryDurableTimers, TimerTable

MINUTES = 30
CALM_FOR = MAX_PUT_OFF_MS / 1_000 + BACKOFF_MOST + CLAIM_FOR
"""Seconds: the longest that a claim under a wrong clock, and then a backoff, may keep one waiting."""
KEYS, NAMES = ("a", "b", "c"), ("poll", "payment")
Place = tuple[str, str]


@dataclass
class Change:
    """What somebody asked for. `mark` is a set's payload: which set it was that fired."""

    mark: bytes
    due_at: int | None
    ended: float = 0.0
    is_confirmed: bool = False


@dataclass
class Reading:
    """The wall clock's offset from then on."""

    at: float
    offset_ms: int


@dataclass
class History:
    changes: dict[Place, list[Change]] = field(default_factory=dict)
    claims: dict[bytes, list[float]] = field(default_factory=dict)
    woken: list[Woken] = field(default_factory=list)
    ended: dict[bytes, float] = field(default_factory=dict)
    """When an actor answered, or refused for good."""
    readings: list[Reading] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class Schedule:
    """Runs one seed. `service` and `source` may be broken ones."""

    def __init__(
        self,
        seed: int,
        service: type[DurableTimerService] = DurableTimerService,
        source: type[MemoryDurableTimers] = MemoryDurableTimers,
    ) -> None:
        self.chance = random.Random(seed)
        self.history = History()
        self.is_calm = self._is_stubborn = False
        self._failing = self.chance.choice([0.1, 0.3, 0.9])
        self._timers = MemoryDurableTimers(
            TimerTable(), plan=FaultPlan(judge=self._fault, takes=self._takes)
        )
        self._turns = {(key, name): trio.Lock() for key in KEYS for name in NAMES}
        self._moved: set[Place] = set()
        self._service, self._source = service, self._recording(source)
        self.world = World(clock=JumpingClock(), behave=self._behave, woken=self.history.woken)
        self._timers.table = self.world.table
        self.history.readings.append(Reading(0.0, 0))

    def _recording(self, source: type[MemoryDurableTimers]) -> type[MemoryDurableTimers]:
        history = self.history

        class Recording(source):  # type: ignore[misc, valid-type]
            def _claim(self, *args: Any) -> Any:
                claimed = super()._claim(*args)
                for each in claimed:
                    mark = each.timer.payload
                    history.claims.setdefault(mark, []).append(trio.current_time())
                return claimed

        return Recording

    async def run(self) -> History:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_a_node)
            async with trio.open_nursery() as people:
                for key in KEYS:
                    for name in NAMES:
                        people.start_soon(self._change_now_and_then, (key, name))
                people.start_soon(self._jump_now_and_then)
            await self._fail_while_the_clock_is_ahead()
            self.is_calm = True
            await trio.sleep(CALM_FOR + 60)
            self._judge_lost(self.world.clock.now_ms() - round(CALM_FOR * 1_000))
            self._jump(3 * DAY)  # now everything that is still set is due
            await trio.sleep(CALM_FOR + 60)
            self._judge_lost(self.world.clock.now_ms() - round(CALM_FOR * 1_000))
            nursery.cancel_scope.cancel()
        self._judge_sights()
        if self.world.rows():
            self.history.problems.append("forever: a timer that was answered is still there")
        return self.history

    # What happens.

    async def _fail_while_the_clock_is_ahead(self) -> None:
        for place in self._turns:
            await self._change(place, 0)
        self._is_stubborn = True
        self._jump(DAY)
        await trio.sleep(20)
        self._jump(-DAY)
        self._is_stubborn = False

    async def _keep_a_node(self) -> None:
        number = 0
        while True:
            number += 1
            plan = FaultPlan(judge=self._fault, takes=self._takes)
            node = Node(
                self.world,
                name=f"node {number}",
                plan=plan,
                seed=self.chance.getrandbits(32),
                service=self._service,
                source=self._source,
            )
            lasts = float("inf") if self.is_calm else self.chance.uniform(20, 600)
            with trio.move_on_after(lasts):
                await node.run()
            self.history.counts["kills"] += 1
            self.world.shards.free(f"node {number}")

    def _fault(self, name: str) -> Fault:
        if self.is_calm or self.chance.random() > 0.2:
            return Fault.NONE
        fault = self.chance.choice([Fault.LOST_BEFORE, Fault.LOST_AFTER])
        self.history.counts[f"{name} {fault.value}"] += 1
        return fault

    def _takes(self, name: str) -> float:
        return 0.0 if self.is_calm else self.chance.choice([0.0, 0.01, 1.0])

    async def _behave(self, actor: Sleeper, due: TimerDue) -> None:
        mood = "good"
        if not self.is_calm and self.chance.random() < self._failing:
            mood = self.chance.choice(["crashes", "refuses for now", "is slow", "refuses"])
            self.history.counts[mood] += 1
        mood = "refuses for now" if self._is_stubborn else mood
        if mood == "crashes":
            raise ValueError("a bug")
        if mood == "refuses for now":
            raise Unavailable
        if mood == "is slow":
            await trio.sleep(12.0)
        place = (actor.key, due.name)
        if self.is_calm and place not in self._moved:
            self._moved.add(place)  # while it is delivered, once
            await self._change(place, SECOND)
        assert due.payload is not None
        self.history.ended[due.payload] = trio.current_time()
        if mood == "refuses":
            raise Rejected("not_found", "There is no such room.")

    async def _change_now_and_then(self, place: Place) -> None:
        while trio.current_time() < MINUTES * 60:
            await trio.sleep(self.chance.choice([0.0, 1.0, 20.0, 200.0]))
            ahead = self.chance.choice([-SECOND, 0, SECOND, 60 * SECOND, DAY])
            await self._change(place, ahead if self.chance.random() < 0.7 else None)

    async def _change(self, place: Place, ahead: int | None) -> None:
        """Set it to so many milliseconds from now, or cancel it. One at a time for a place."""
        key, name = place
        async with self._turns[place]:
            changes = self.history.changes.setdefault(place, [])
            change = Change(f"{key}/{name}/{len(changes)}".encode(), None)
            asked: SetTimer | CancelTimer = self.world.cancel(name, key)
            if ahead is not None:
                change.due_at = self.world.clock.now_ms() + ahead
                asked = self.world.timer(name, change.due_at - T0, key, payload=change.mark)
            changes.append(change)
            try:
                await self._timers.apply(asked)
                change.is_confirmed = True
            except Unavailable:
                self.history.counts["unknown"] += 1
            change.ended = trio.current_time()
            self.history.counts["cancels" if ahead is None else "sets"] += 1

    async def _jump_now_and_then(self) -> None:
        while trio.current_time() < MINUTES * 60:
            await trio.sleep(self.chance.uniform(60, 900))
            self._jump(self.chance.choice([-DAY, DAY]))

    def _jump(self, ms: int) -> None:
        self.world.clock.jump(ms)
        self.history.counts["jumps"] += 1
        self.history.readings.append(Reading(trio.current_time(), self.world.clock.offset_ms))

    # What must be true.

    def _judge_lost(self, due_by: int) -> None:
        """Of what may be the last word about a timer, one was dealt with, if it has long been due."""
        for place, changes in self.history.changes.items():
            last = max((n for n, each in enumerate(changes) if each.is_confirmed), default=0)
            possible = changes[last:]
            if any(each.due_at is None or each.due_at > due_by for each in possible):
                continue
            if changes[last].is_confirmed and not any(
                each.mark in self.history.ended for each in possible
            ):
                self.history.problems.append(f"lost: {place}")

    def _judge_sights(self) -> None:
        changes = {each.mark: each for made in self.history.changes.values() for each in made}
        for woken in self.history.woken:
            assert woken.payload is not None
            change = changes[woken.payload]
            if self._latest_reading(woken.at) < woken.due_at:
                self.history.problems.append(f"early: {woken}")
            made = self.history.changes[(woken.key, woken.name)]
            later = [each for each in made[made.index(change) + 1 :] if each.is_confirmed]
            over_at = min((each.ended for each in later), default=float("inf"))
            claims = [c for c in self.history.claims[change.mark] if c <= min(over_at, woken.at)]
            if not claims or woken.at > claims[-1] + ASK_WITHIN:
                self.history.problems.append(f"after its end: {woken}")

    def _latest_reading(self, at: float) -> int:
        """The highest that the wall clock stood while this delivery can have been claimed."""
        best, end = 0, at
        for reading in reversed([each for each in self.history.readings if each.at <= at]):
            best = max(best, T0 + round(end * 1_000) + reading.offset_ms)
            if reading.at <= at - ASK_WITHIN:
                break
            end = reading.at
        return best


def run_schedule(seed: int, **broken: Any) -> History:
    """The history of one seed, with its problems."""
    schedule = Schedule(seed, **broken)
    try:
        return run_seeded(seed, schedule.run, longest=10 * 3_600)
    except (ExceptionGroup, StuckError) as stuck:
        schedule.history.problems.append(f"never ends: {stuck!r}")
        return schedule.history
