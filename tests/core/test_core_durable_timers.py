"""Durable timers wake actors: when, how often, and what may go wrong meanwhile. On virtual time."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import trio
from timer_world import DAY, HOUR, SECOND, SLEEPER, T0, Node, Sleeper, World, running
from trio.testing import MockClock

from core.durable_timers import (
    BACKOFF_FIRST,
    BACKOFF_MOST,
    BATCH,
    CLAIM_FOR,
    MAX_IN_FLIGHT,
    POLL_EVERY,
    REST_FOR,
)
from core.errors import Overloaded, Rejected, Unavailable
from core.ports.durable_timers import SetTimer, TimerDue
from protocol.addresses import Address
from storage.memory.durable_timers import Fault, FaultPlan, MemoryDurableTimers
from storage.sharding import shard_of

A = SLEEPER.at("a")


@pytest.fixture
def world() -> World:
    return World()


async def test_a_timer_wakes_a_passivated_actor_at_its_time(
    autojump_clock: MockClock, world: World
) -> None:
    async with running(world) as node:
        await node.timers.apply(world.timer(at=2 * HOUR, payload=b"\xc0"))
        await trio.sleep(2 * 3_600 - 1)
        assert not node.system.is_active(A)
        assert world.woken == []
        await trio.sleep(2)
        assert node.system.is_active(A)
        [woken] = world.woken
        assert (woken.key, woken.name, woken.due_at) == ("a", "poll", T0 + 2 * HOUR)
        assert woken.payload == b"\xc0"
        assert 2 * HOUR <= woken.at_ms - T0 <= 2 * HOUR + 50
        await trio.sleep(3_600)
        assert len(world.woken) == 1
        assert world.rows() == 0


async def test_passivation_does_not_wait_for_a_durable_timer(
    autojump_clock: MockClock, world: World
) -> None:
    async with running(world) as node:

        async def set_timer(actor: Sleeper) -> None:
            await node.timers.apply(world.timer("tomorrow", at=DAY))

        await node.system.ref(A).ask(set_timer)
        assert node.system.is_active(A)
        await trio.sleep(world.idle_after + 1)
        assert not node.system.is_active(A)
        assert world.rows() == 1


async def test_a_saturated_actor_is_woken_all_the_same(
    autojump_clock: MockClock, world: World
) -> None:
    async with running(world) as node:

        async def fill_up(actor: Sleeper) -> None:
            actor.is_full = True

        await node.system.ref(A).ask(fill_up)
        node.system.ref(A).tell_nowait(fill_up)
        await node.timers.apply(world.timer(at=SECOND))
        await trio.sleep(2)
        assert world.names() == ["poll"]


async def test_one_that_is_cancelled_or_moved_does_not_fire(
    autojump_clock: MockClock, world: World
) -> None:
    async with running(world) as node:
        await node.timers.apply(world.timer("gone", at=SECOND), world.timer("moved", at=SECOND))
        await node.timers.apply(world.cancel("gone"), world.timer("moved", at=10 * SECOND))
        await trio.sleep(60)
        assert world.names() == ["moved"]
        assert 10 * SECOND <= world.times()[0] <= 10 * SECOND + 50


async def test_one_set_anew_by_its_own_delivery_fires_again_at_the_new_time(
    autojump_clock: MockClock, world: World
) -> None:
    async with running(world) as node:

        async def once_more(actor: Sleeper, due: TimerDue) -> None:
            if len(world.woken) == 1:
                await node.timers.apply(world.timer(at=HOUR))

        world.behave = once_more
        await node.timers.apply(world.timer(at=0))
        await trio.sleep(2 * 3_600)
        assert [each.due_at for each in world.woken] == [T0, T0 + HOUR]
        assert world.rows() == 0


async def test_a_refusal_for_good_ends_a_timer(autojump_clock: MockClock, world: World) -> None:
    async def refuse(actor: Sleeper, due: TimerDue) -> None:
        raise Rejected("not_found", "There is no such room.")

    world.behave = refuse
    async with running(world) as node:
        await node.timers.apply(world.timer())
        await trio.sleep(3_600)
        assert len(world.woken) == 1
        assert world.rows() == 0
        assert (node.figure("refused"), node.figure("fired"), node.figure("failed")) == (1, 0, 0)


async def crash(actor: Sleeper, due: TimerDue) -> None:
    raise ValueError("a bug")


async def be_unavailable(actor: Sleeper, due: TimerDue) -> None:
    raise Unavailable


async def be_overloaded(actor: Sleeper, due: TimerDue) -> None:
    raise Overloaded


async def be_silent(actor: Sleeper, due: TimerDue) -> None:
    await trio.sleep(60)


@pytest.mark.parametrize("fail", [crash, be_unavailable, be_overloaded, be_silent])
async def test_whatever_is_no_answer_puts_a_timer_off_until_it_is_answered(
    autojump_clock: MockClock, world: World, fail: Callable[..., object]
) -> None:
    async def fail_thrice(actor: Sleeper, due: TimerDue) -> None:
        if len(world.woken) <= 3:
            await fail(actor, due)  # type: ignore[misc]

    world.behave = fail_thrice
    async with running(world) as node:
        await node.timers.apply(world.timer())
        await trio.sleep(600)
        assert len(world.woken) == 4
        assert world.rows() == 0
        assert node.figure("fired") == 1
        assert node.figure("failed") >= 3


async def test_retries_back_off_to_five_minutes_and_never_end(
    autojump_clock: MockClock, world: World
) -> None:
    world.behave = be_unavailable
    async with running(world) as node:
        await node.timers.apply(world.timer())
        await trio.sleep(6 * 3_600)
        gaps = [later - earlier for earlier, later in pairwise(world.times())]
        for attempt, gap in enumerate(gaps):
            most = min(5 * 60, 2.0**attempt) * 1_000
            assert most / 2 <= gap <= most + 50, (attempt, gap)
        assert gaps[-1] > 5 * 60 * 500
        assert (node.figure("stuck"), node.figure("armed"), node.figure("due")) == (1, 1, 1)
        assert node.figure("late_ms") == pytest.approx(6 * HOUR, rel=0.01)


async def test_what_failed_together_does_not_come_back_together(
    autojump_clock: MockClock, world: World
) -> None:
    world.behave = be_unavailable
    async with running(world) as node:
        await node.timers.apply(*(world.timer(key=f"{n}") for n in range(10)))
        await trio.sleep(2)
        first, again = world.times()[:10], world.times()[10:20]
        assert len(set(first)) == 1
        assert len(set(again)) > 5


async def test_what_has_failed_for_weeks_is_tried_as_often_as_ever(
    autojump_clock: MockClock, world: World
) -> None:
    world.behave = be_unavailable
    async with running(world) as node:
        await node.timers.apply(world.timer(at=SECOND))
        [row] = world.table.rows.values()
        row.attempts = 5_000
        await trio.sleep(1 + 2 * BACKOFF_MOST)
        first, second, *_ = world.times()
        assert BACKOFF_MOST / 2 * 1_000 <= second - first <= BACKOFF_MOST * 1_000 + 50
        assert node.figure("source_failed") == 0


async def test_a_timer_of_an_unknown_kind_is_kept(autojump_clock: MockClock, world: World) -> None:
    async with running(world) as node:
        stranger = Address("of-another-version", "a")
        await node.timers.apply(
            SetTimer(tenant_id=1, address=stranger, name="n", due_at=T0), world.timer("ours")
        )
        await trio.sleep(3_600)
        assert world.names() == ["ours"]
        assert world.rows() == node.figure("stuck") == 1


async def test_a_silent_actor_holds_no_other_up(autojump_clock: MockClock, world: World) -> None:
    async def behave(actor: Sleeper, due: TimerDue) -> None:
        if actor.key == "silent":
            await trio.sleep_forever()

    world.behave = behave
    async with running(world) as node:
        await node.timers.apply(world.timer("held", key="silent"), world.timer("free", at=SECOND))
        await trio.sleep(1.1)
        assert world.names() == ["held", "free"]
        assert node.figure("in_flight") == 1


async def test_not_even_many_silent_actors_with_all_their_timers_due_hold_another_up_for_long(
    autojump_clock: MockClock, world: World
) -> None:
    async def behave(actor: Sleeper, due: TimerDue) -> None:
        if actor.key.startswith("silent"):
            await trio.sleep_forever()

    world.behave = behave
    async with running(world) as node:
        for n in range(8):
            timers = (world.timer(f"{i}", key=f"silent {n}") for i in range(64))
            await node.timers.apply(*timers)
        due = [10 * 60 * SECOND + n * 7 * SECOND for n in range(30)]
        for at in due:
            await node.timers.apply(world.timer(f"{at}", at=at, key="free"))
        await trio.sleep(15 * 60)
        late = [each.at_ms - each.due_at for each in world.woken if each.key == "free"]
        assert len(late) == len(due)
        assert max(late) < 1_000
        assert node.figure("stuck") == 8 * 64


async def test_thousands_that_are_due_at_once_are_delivered_a_bounded_number_at_a_time(
    autojump_clock: MockClock,
    world: World,
) -> None:
    in_flight: list[float] = []

    async def slowly(actor: Sleeper, due: TimerDue) -> None:
        in_flight.append(node.figure("in_flight"))
        await trio.sleep(0.01)

    world.behave = slowly
    async with running(world) as node:
        for n in range(20):
            await node.timers.apply(*(world.timer(f"{i}", at=HOUR, key=f"{n}") for i in range(64)))
        await trio.sleep(3_660)
        assert len({(each.key, each.name) for each in world.woken}) == len(world.woken) == 1_280
        assert max(in_flight) == MAX_IN_FLIGHT
        assert not node.service._lines
        assert world.rows() == node.figure("armed") == node.figure("due") == 0


async def test_what_is_due_at_once_is_told_at_once_however_many_looks_that_takes(
    autojump_clock: MockClock, world: World
) -> None:
    async def slowly(actor: Sleeper, due: TimerDue) -> None:
        await trio.sleep(1)

    world.behave = slowly
    async with running(world) as node:
        await node.timers.apply(
            *(world.timer(at=HOUR, key=f"{n}") for n in range(MAX_IN_FLIGHT - BATCH))
        )
        await trio.sleep(3_601)
        times = [each.at for each in world.woken]
        assert len(times) == MAX_IN_FLIGHT - BATCH
        assert max(times) - min(times) < REST_FOR


async def test_the_first_that_ends_makes_room_for_who_waits_behind_the_most_at_once(
    autojump_clock: MockClock, world: World
) -> None:
    async def behave(actor: Sleeper, due: TimerDue) -> None:
        await trio.sleep(0.5 if actor.key == "quick" else 4)

    world.behave = behave
    async with running(world) as node:
        keys = ["quick", *(f"slow {n}" for n in range(MAX_IN_FLIGHT))]
        await node.timers.apply(*(world.timer(at=SECOND, key=key) for key in keys))
        await trio.sleep(1.4)
        assert len(world.woken) == MAX_IN_FLIGHT
        await trio.sleep(0.2)
        assert len(world.woken) == MAX_IN_FLIGHT + 1


async def test_a_timer_that_was_set_here_is_not_found_by_polling(
    autojump_clock: MockClock, world: World
) -> None:
    async with running(world) as node:
        await trio.sleep(1)
        await node.timers.apply(world.timer(at=1_500))
        await trio.sleep(0.4)
        await node.timers.apply(world.timer("past", at=-HOUR))
        await trio.sleep(0.6)
        assert world.names() == ["past", "poll"]


async def test_a_timer_that_another_set_is_found_by_polling(
    autojump_clock: MockClock, world: World
) -> None:
    async with running(world):
        await trio.sleep(0.1)
        await MemoryDurableTimers(world.table).apply(world.timer(at=200))
        await trio.sleep(POLL_EVERY)
        assert world.names() == ["poll"]


async def test_one_that_is_set_while_the_service_looks_is_not_overlooked(
    autojump_clock: MockClock, world: World
) -> None:
    class Interrupted(MemoryDurableTimers):
        async def claim(self, *args: Any, **kwargs: Any) -> Any:
            claimed, outlook = await super().claim(*args, **kwargs)
            if [each.timer.name for each in claimed] == ["first"]:
                await self.apply(world.timer("second", at=2 * SECOND, key="b"))
            return claimed, outlook

    async def linger(actor: Sleeper, due: TimerDue) -> None:
        if due.name == "first":  # its end would be a reason to look again
            await trio.sleep(8)

    world.behave = linger
    async with running(world, source=Interrupted) as node:
        await trio.sleep(0.1)
        await node.timers.apply(world.timer("first", at=SECOND))
        await trio.sleep(3)
        assert world.names() == ["first", "second"]


async def test_what_a_leap_makes_due_reaches_each_actor_in_the_order_of_its_times(
    autojump_clock: MockClock, world: World
) -> None:
    async def slowly(actor: Sleeper, due: TimerDue) -> None:
        await trio.sleep(0.05)

    world.behave = slowly
    async with running(world) as node:
        times = [(n * 7_919) % 61 * HOUR for n in range(1, 61)]
        for key in ("a", "b", "c"):
            await node.timers.apply(*(world.timer(f"{at}", at=at, key=key) for at in times))
        world.clock.jump(61 * HOUR)
        await trio.sleep(POLL_EVERY + 10)
        for key in ("a", "b", "c"):
            told = [each.due_at - T0 for each in world.woken if each.key == key]
            assert told == sorted(times)


async def test_an_actor_is_told_in_the_order_of_its_times_whatever_the_order_of_the_claims(
    autojump_clock: MockClock, world: World
) -> None:
    class Reversed(MemoryDurableTimers):
        async def claim(self, *args: Any, **kwargs: Any) -> Any:
            claimed, outlook = await super().claim(*args, **kwargs)
            return claimed[::-1], outlook

    async with running(world, source=Reversed) as node:
        times = [3, 1, 2, 1]
        await node.timers.apply(
            *(world.timer(f"{n}", at=at * SECOND) for n, at in enumerate(times))
        )
        world.clock.jump(HOUR)
        await trio.sleep(POLL_EVERY)
        assert world.names() == ["1", "3", "2", "0"]


async def test_what_is_being_told_is_not_told_again_because_time_leaps(
    autojump_clock: MockClock, world: World
) -> None:
    async def slowly(actor: Sleeper, due: TimerDue) -> None:
        await trio.sleep(4)

    world.behave = slowly
    async with running(world) as node:
        await node.timers.apply(world.timer("one"), world.timer("two"))
        await trio.sleep(2)
        world.clock.jump(DAY)
        node.service.nudge(0)
        await trio.sleep(60)
        assert world.names() == ["one", "two"]
        assert world.rows() == 0


async def test_who_waits_in_vain_behind_a_silent_timer_is_told_after_it(
    autojump_clock: MockClock, world: World
) -> None:
    async def behave(actor: Sleeper, due: TimerDue) -> None:
        if due.name == "silent" and len(world.woken) == 1:
            await trio.sleep(11)

    world.behave = behave
    async with running(world) as node:
        await node.timers.apply(world.timer("silent"), world.timer("next"))
        await trio.sleep(60)
        assert world.names() == ["silent", "next", "silent"]
        assert world.rows() == node.figure("in_flight") == 0


async def test_a_service_that_begins_again_tells_what_it_had_in_hand(
    autojump_clock: MockClock, world: World
) -> None:
    async def behave(actor: Sleeper, due: TimerDue) -> None:
        if len(world.woken) == 1:
            await trio.sleep(5)

    world.behave = behave
    node = Node(world)
    async with trio.open_nursery() as nursery:
        await nursery.start(node.system.run)
        await node.timers.apply(world.timer("one"), world.timer("two"))
        with trio.move_on_after(1):
            await node.service.run()
        nursery.start_soon(node.service.run)
        await trio.sleep(60)
        assert world.names() == ["one", "one", "two"]
        assert world.rows() == node.figure("in_flight") == 0
        nursery.cancel_scope.cancel()


class Counting(MemoryDurableTimers):
    claims = 0

    async def claim(self, *args: Any, **kwargs: Any) -> Any:
        type(self).claims += 1
        return await super().claim(*args, **kwargs)


async def test_nothing_to_do_costs_twelve_looks_a_minute_and_none_without_shards(
    autojump_clock: MockClock,
    world: World,
) -> None:
    Counting.claims = 0
    async with running(world, source=Counting) as node:
        await trio.sleep(602)  # between two looks
        assert Counting.claims <= 121
        before = Counting.claims
        for n in range(60):
            await node.timers.apply(world.timer(f"{n}", at=DAY))
        await trio.sleep(1)
        assert Counting.claims <= before + 1  # far away: no reason to look
        node.leases.lose()
        before = Counting.claims
        await trio.sleep(600)
        assert Counting.claims <= before + 1


async def test_a_node_wakes_only_whom_it_owns_and_the_heir_wakes_the_rest(
    autojump_clock: MockClock, world: World
) -> None:
    async with running(world, name="heir") as heir, running(world, name="owner") as owner:
        world.shards.take(shard_of("a"), "owner")
        heir.leases._fences.pop(shard_of("a"))
        owner.leases._fences[shard_of("a")] = world.shards.fence(shard_of("a"))
        await owner.timers.apply(world.timer(at=SECOND))
        await trio.sleep(10)
        assert world.names() == ["poll"]
        assert (owner.figure("fired"), heir.figure("fired")) == (1, 0)
        await owner.timers.apply(world.timer(at=HOUR))
        owner.leases.lose()
        world.shards.free("owner")
        heir.leases.take_free()
        await trio.sleep(3_700)
        assert (owner.figure("fired"), heir.figure("fired")) == (1, 1)


def lost(name: str, fault: Fault, times: int = 1) -> FaultPlan:
    """The first `times` calls of this name go wrong."""
    left = [fault] * times
    return FaultPlan(judge=lambda called: left.pop() if called == name and left else Fault.NONE)


async def test_a_claim_whose_reply_was_lost_runs_out_and_the_timer_fires(
    autojump_clock: MockClock, world: World
) -> None:
    async with running(world, plan=lost("claim", Fault.LOST_AFTER, 2)) as node:
        await MemoryDurableTimers(world.table).apply(world.timer())
        await trio.sleep(CLAIM_FOR + POLL_EVERY)
        assert world.names() == ["poll"]
        assert node.figure("source_failed") == 2


async def test_a_server_that_was_replaced_and_has_not_noticed_wakes_nobody(
    autojump_clock: MockClock, world: World
) -> None:
    """What its actors know is old: one that has nothing to do by it took the timer from who has."""
    async with running(world) as node:
        world.shards.take_all("its successor")
        await node.timers.apply(world.timer(at=SECOND))
        await trio.sleep(60)
        assert node.leases.owned_shards()
        assert world.woken == []
        assert world.rows() == 1


async def test_a_database_that_is_away_delays_and_loses_nothing(
    autojump_clock: MockClock, world: World
) -> None:
    async with running(world, plan=lost("claim", Fault.LOST_BEFORE, 100)) as node:
        await MemoryDurableTimers(world.table).apply(world.timer())
        await trio.sleep(60)
        assert node.figure("source_failed") <= 15
        await trio.sleep(100 * POLL_EVERY + 10)
        assert world.names() == ["poll"]


async def test_a_database_that_was_away_once_is_not_waited_for_longer_the_next_time(
    autojump_clock: MockClock, world: World
) -> None:
    claims: list[float] = []

    def judge(called: str) -> Fault:
        if called != "claim":
            return Fault.NONE
        claims.append(trio.current_time())
        return Fault.LOST_BEFORE if len(claims) < 7 or len(claims) == 8 else Fault.NONE

    async with running(world, plan=FaultPlan(judge=judge)):
        await trio.sleep(60)
        gaps = [later - earlier for earlier, later in pairwise(claims)]
        assert gaps[:6] == pytest.approx([BACKOFF_FIRST, 2, 4, POLL_EVERY, POLL_EVERY, POLL_EVERY])
        assert gaps[7] == pytest.approx(BACKOFF_FIRST)


async def test_who_has_lost_its_shards_counts_none_of_their_timers(
    autojump_clock: MockClock, world: World
) -> None:
    world.behave = be_unavailable
    async with running(world) as node:
        await node.timers.apply(world.timer(), world.timer("later", at=DAY))
        await trio.sleep(10)
        assert (node.figure("armed"), node.figure("due")) == (2, 1)
        node.leases.lose()
        await trio.sleep(BACKOFF_MOST)
        figures = [node.figure(name) for name in ("armed", "due", "stuck", "late_ms")]
        assert figures == [0, 0, 0, 0]


async def test_nothing_is_late_by_a_clock_that_went_back(
    autojump_clock: MockClock, world: World
) -> None:
    world.behave = be_unavailable
    async with running(world) as node:
        await node.timers.apply(world.timer(at=HOUR))
        world.clock.jump(DAY)
        await trio.sleep(POLL_EVERY + 1)
        assert node.figure("late_ms") > 22 * HOUR
        world.clock.jump(-DAY)
        assert node.figure("late_ms") == 0


async def test_an_answer_that_could_not_be_stored_means_twice_with_the_same_due_at(
    autojump_clock: MockClock,
    world: World,
) -> None:
    async with running(world, plan=lost("finish", Fault.LOST_BEFORE)) as node:
        await node.timers.apply(world.timer())
        await trio.sleep(60)
        assert [(each.name, each.due_at) for each in world.woken] == [("poll", T0)] * 2
        assert world.rows() == node.figure("in_flight") == 0


async def test_an_answer_that_was_stored_without_a_reply_means_once(
    autojump_clock: MockClock, world: World
) -> None:
    async with running(world, plan=lost("finish", Fault.LOST_AFTER)) as node:
        await node.timers.apply(world.timer())
        await trio.sleep(60)
        assert world.names() == ["poll"]


async def test_a_node_killed_between_delivery_and_removal_leaves_it_for_the_next(
    autojump_clock: MockClock,
    world: World,
) -> None:
    delivered = trio.Event()

    async def tell(actor: Sleeper, due: TimerDue) -> None:
        delivered.set()

    world.behave = tell
    never = FaultPlan(takes=lambda name: float("inf") if name == "finish" else 0.0)
    async with running(world, name="first", plan=never) as node:
        await node.timers.apply(world.timer())
        await delivered.wait()
    world.shards.free("first")
    async with running(world, name="second"):
        await trio.sleep(CLAIM_FOR + 1)
        assert world.names() == ["poll", "poll"]
        assert world.rows() == 0


async def test_a_claim_that_comes_back_too_late_is_delivered_by_the_next(
    autojump_clock: MockClock, world: World
) -> None:
    slow = iter([30.0])
    plan = FaultPlan(takes=lambda name: next(slow, 0.0) if name == "apply" else 0.0)

    class Late(MemoryDurableTimers):
        async def claim(self, *args: Any, **kwargs: Any) -> Any:
            claimed = await super().claim(*args, **kwargs)
            await trio.sleep(next(slow, 0.0))
            return claimed

    async with running(world, plan=plan, source=Late):
        await MemoryDurableTimers(world.table).apply(world.timer())
        await trio.sleep(29)
        await MemoryDurableTimers(world.table).apply(world.cancel())
        await trio.sleep(60)
        assert world.names() == []  # cancelled long after the claim, long before the delivery


@pytest.mark.parametrize("jump", [-DAY, DAY])
async def test_a_clock_that_jumps_loses_nothing_and_fires_by_what_it_says(
    autojump_clock: MockClock, world: World, jump: int
) -> None:
    async with running(world) as node:
        await node.timers.apply(world.timer("one", at=HOUR), world.timer("two", at=2 * HOUR))
        await trio.sleep(10)
        world.clock.jump(jump)
        await trio.sleep(POLL_EVERY + 1)
        assert sorted(world.names()) == (["one", "two"] if jump > 0 else [])
        await trio.sleep(7_200)
        world.clock.jump(-jump)
        await trio.sleep(POLL_EVERY)
        assert sorted(world.names()) == ["one", "two"]
        assert all(each.at_ms >= each.due_at for each in world.woken)


async def test_what_failed_while_the_clock_was_a_day_ahead_does_not_wait_for_that_day(
    autojump_clock: MockClock,
    world: World,
) -> None:
    world.behave = be_unavailable
    async with running(world) as node:
        await node.timers.apply(world.timer(at=SECOND))
        world.clock.jump(DAY)
        await trio.sleep(100)
        failed = len(world.woken)
        assert failed > 3
        world.clock.jump(-DAY)
        await trio.sleep(POLL_EVERY)
        assert len(world.woken) == failed + 1
