"""Timers: one heap, in order, cheap to cancel."""

import random
from typing import Any

import pytest
import trio
import trio.testing
from core_stage import Player, a_stage, wait_for

from core.errors import Overloaded
from core.timers import Timers


async def test_alarms_ring_in_the_order_of_time_then_of_setting(
    autojump_clock: trio.testing.MockClock,
) -> None:
    timers, rung = Timers(), list[tuple[str, float]]()
    began = trio.current_time()

    def ring(name: str) -> None:
        rung.append((name, trio.current_time() - began))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(timers.run)
        await trio.testing.wait_all_tasks_blocked()
        for name, after in [("late", 3), ("early", 1), ("twin 1", 2), ("twin 2", 2), ("now", 0)]:
            timers.call_at(began + after, lambda name=name: ring(name))  # type: ignore[misc]
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    assert rung == [("now", 0), ("early", 1), ("twin 1", 2), ("twin 2", 2), ("late", 3)]
    assert timers.statistics() == {"armed": 0, "rung": 5}


async def test_a_cancelled_alarm_does_not_ring(autojump_clock: trio.testing.MockClock) -> None:
    timers, rung = Timers(), list[int]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(timers.run)
        alarm = timers.call_at(trio.current_time() + 1, lambda: rung.append(1))
        alarm.cancel()
        alarm.cancel()
        assert timers.statistics()["armed"] == 0
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    assert rung == []


async def test_cancelled_alarms_do_not_pile_up(autojump_clock: trio.testing.MockClock) -> None:
    timers = Timers(limit=10)
    for _ in range(10_000):
        timers.call_at(1e9, lambda: None).cancel()
    assert len(timers._heap) < 200


async def test_of_many_set_and_cancelled_at_random_the_others_ring_in_order_and_are_counted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    chance, timers, rung = random.Random(1), Timers(), list[float]()
    alarms = [
        timers.call_at(at, lambda at=at: rung.append(at))  # type: ignore[misc]
        for at in (chance.uniform(1, 100) for _ in range(1_000))
    ]
    kept = chance.sample(alarms, 300)
    for alarm in alarms:
        if alarm not in kept:
            alarm.cancel()
            assert timers.statistics()["armed"] == sum(each.is_armed for each in alarms)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(timers.run)
        await trio.sleep(200)
        nursery.cancel_scope.cancel()
    assert rung == sorted(alarm.at for alarm in kept)
    assert timers.statistics() == {"armed": 0, "rung": 300}


async def test_alarms_are_bounded(autojump_clock: trio.testing.MockClock) -> None:
    timers = Timers(limit=2)
    for _ in range(2):
        timers.require()
        alarm = timers.call_at(1, lambda: None)
    with pytest.raises(Overloaded):
        timers.require()
    alarm.cancel()
    timers.require()


async def test_where_no_timer_can_be_armed_the_actor_is_told_and_others_become_idle_as_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def arm(player: Player, envelope: Any) -> None:
        player.context.after(1_000, "ring")

    async with a_stage(idle_after=300) as stage:
        stage.system._timers._limit = 1
        stage.ref("a").tell_nowait(arm)
        stage.ref("a").tell_nowait(wait_for(1))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Overloaded):
            await stage.ref("b").ask(arm)
        await trio.sleep(299)
        assert stage.count("active") == stage.count("idle") == 2
        await trio.sleep(2)
        assert stage.words("b") == ["started", "stopping", "stopped"]
        assert stage.count("crashes") == 0


async def test_many_at_once_let_others_run(autojump_clock: trio.testing.MockClock) -> None:
    timers, rung = Timers(), list[int]()
    for n in range(5_000):
        timers.call_at(trio.current_time() + 1, lambda n=n: rung.append(n))  # type: ignore[misc]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(timers.run)
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    assert rung == list(range(5_000))
