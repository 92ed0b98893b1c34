"""The end of a system: what is queued is handled, everybody has a last word, nothing is left."""

from typing import Any

import pytest
import structlog.testing
import trio
import trio.testing
from core_stage import PLAYER, Player, Stage, a_stage, crash, wait_for

from core.actor import Actor, ActorSpec
from core.envelope import Lane
from core.errors import Unavailable
from protocol.addresses import Address


async def test_draining_handles_what_is_queued_and_lets_all_say_their_last_word(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        for key in "ab":
            stage.ref(key).tell_nowait(wait_for(2))
            stage.ref(key).tell_nowait("queued")
    for key in "ab":
        assert stage.words(key) == ["started", "queued", "stopping", "stopped"]
    assert stage.count("dead_shut_down") == 0
    assert stage.count("active") == 0


async def test_while_draining_the_outside_is_refused_and_actors_still_reach_each_other(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def ask_b_later(player: Player, envelope: Any) -> None:
        await trio.sleep(2)
        await player.context.ref_to(PLAYER.at("b")).ask("a late favour")

    async with a_stage(lanes={int: Lane.CONTROL}) as stage, trio.open_nursery() as nursery:
        stage.ref().tell_nowait(ask_b_later)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(stage.system.drain)
        await trio.sleep(1)
        with pytest.raises(Unavailable):
            await stage.ref().ask("from outside")
        await trio.sleep(2)
        assert stage.words("b") == ["started", "a late favour", "stopping", "stopped"]


async def test_what_began_can_end_by_the_control_lane_of_an_active_actor(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Committed:
        async def __call__(self, player: Player, envelope: Any) -> None:
            player.is_working = False
            player.say("committed")

    async def begin(player: Player, envelope: Any) -> None:
        player.is_working = True

    async with a_stage(lanes={Committed: Lane.CONTROL}) as stage, trio.open_nursery() as nursery:
        await stage.ref().ask(begin)
        nursery.start_soon(stage.system.drain)
        await trio.sleep(1)
        assert stage.count("active") == 1
        stage.ref().tell_nowait(Committed())
        with pytest.raises(Unavailable):
            stage.ref("another").tell_nowait(Committed())
        await trio.sleep(1)
    assert stage.words() == ["started", "committed", "stopping", "stopped"]


async def test_timers_and_child_tasks_do_not_hold_a_drain_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def prepare(player: Player, envelope: Any) -> None:
        player.context.after(1_000, "never")
        player.context.start_soon(trio.sleep_forever)

    async with a_stage() as stage:
        await stage.ref().ask(prepare)
        began = trio.current_time()
    assert trio.current_time() - began < 1
    assert stage.words() == ["started", "stopping", "stopped"]


async def test_past_the_deadline_the_turn_is_cut_and_whoever_waits_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    outcomes: list[str] = []

    async def ask(message: Any) -> None:
        with pytest.raises(Unavailable):
            await stage.ref().ask(message, timeout=60)
        outcomes.append("told")

    async with trio.open_nursery() as nursery:
        async with a_stage(drain_within=3) as stage:
            nursery.start_soon(ask, wait_for(50))
            nursery.start_soon(ask, wait_for(50))
            await trio.testing.wait_all_tasks_blocked()
            began = trio.current_time()
        assert trio.current_time() - began == pytest.approx(3)
    assert outcomes == ["told", "told"]
    assert stage.words() == ["started", "stopping", "stopped"]
    assert stage.count("dead_shut_down") == 1


async def test_who_has_not_begun_when_patience_ends_does_not_outlast_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    # Which of the two comes first is for the scheduler to say.
    for _ in range(20):
        began = trio.current_time()
        async with a_stage(drain_within=0) as stage:
            stage.ref().tell_nowait(wait_for(50))
        assert trio.current_time() == began
        assert stage.count("active") == stage.count("queued") == 0


async def test_a_timer_that_fires_during_the_last_word_wakes_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def prepare(player: Player, envelope: Any) -> None:
        player.context.after(1, "from the dead")

    async def linger(player: Player) -> None:
        await trio.sleep(2)

    async with a_stage() as stage:
        stage.on_stop = linger
        await stage.ref().ask(prepare)
    assert stage.words() == ["started", "stopping", "stopped"]
    assert stage.count("dead_shut_down") == 0


async def test_a_last_word_at_shutdown_has_its_bound(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def linger(player: Player) -> None:
        await trio.sleep_forever()

    async with a_stage(shutdown_after=2) as stage:
        stage.on_stop = linger
        await stage.ref().ask("hello")
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(2, abs=0.1)


async def test_who_keeps_a_drain_from_its_end_is_named(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def hold_on(player: Player, envelope: Any) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(60)

    with structlog.testing.capture_logs() as logs:
        async with a_stage(drain_within=1, shutdown_after=2) as stage:
            stage.ref("stubborn").tell_nowait(hold_on)
            await stage.ref("good").ask("hello")
            began = trio.current_time()
        assert trio.current_time() - began >= 59
    said = [(line["event"], line["actors"]) for line in logs]
    assert said == [("actors do not stop", [str(PLAYER.at("stubborn"))])]


async def test_an_actor_that_cannot_start_does_not_hold_a_drain_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail(player: Player) -> None:
        raise Unavailable

    async with a_stage(drain_within=3) as stage:
        stage.on_start = fail
        stage.ref().tell_nowait("never handled")
        await trio.sleep(1)
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(3)
    assert "stopping" not in stage.words()
    assert stage.count("dead_shut_down") == 1


async def test_those_who_wait_for_a_place_are_told(autojump_clock: trio.testing.MockClock) -> None:
    outcomes: list[str] = []

    async def ask() -> None:
        with pytest.raises(Unavailable):
            await stage.ref("b").ask("hello", timeout=60)
        outcomes.append("told")

    async with trio.open_nursery() as nursery, a_stage(max_active=1, drain_within=1) as stage:
        stage.ref("a").tell_nowait(wait_for(50))
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
    assert outcomes == ["told"]


async def test_a_drained_system_refuses_and_drains_twice(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        await stage.ref().ask("hello")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.system.drain)
            nursery.start_soon(stage.system.drain)
        with pytest.raises(Unavailable):
            await stage.ref().ask("too late")


async def test_a_cancelled_system_tells_whoever_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    outcomes: list[str] = []

    async def ask(stage: Any) -> None:
        try:
            await stage.ref().ask(wait_for(50), timeout=60)
        except Unavailable:
            outcomes.append("told")

    async with trio.open_nursery() as outer:
        with trio.CancelScope() as scope:
            async with a_stage() as stage:
                outer.start_soon(ask, stage)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
                await trio.lowlevel.checkpoint()
    assert outcomes == ["told"]
    assert stage.count("active") == 0


async def test_a_cancelled_system_refuses_whoever_comes_while_it_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    refused: list[int] = []

    async def knock(stage: Stage) -> None:
        for key in range(50):
            try:
                stage.ref(str(key)).tell_nowait("hello")
            except Unavailable:
                refused.append(key)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as outer:
        with trio.CancelScope() as scope:
            async with a_stage() as stage:
                outer.start_soon(knock, stage)
                scope.cancel()
                await trio.lowlevel.checkpoint()
    assert refused[-1] == 49
    assert stage.count("active") == stage.count("queued") == 0


async def test_an_actor_that_crashes_as_the_system_is_cancelled_ends_nothing_else(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def crash_in_the_end(player: Player, envelope: Any) -> None:
        player.context.start_soon(trio.sleep_forever)
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError

    with structlog.testing.capture_logs() as logs, trio.CancelScope() as scope:
        async with a_stage() as stage:
            stage.ref().tell_nowait(crash_in_the_end)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert [(entry["event"], entry["error"]) for entry in logs] == [("actor crashed", "ValueError")]
    assert stage.count("crashes") == 1
    assert stage.count("active") == 0


async def test_nothing_leaks(autojump_clock: trio.testing.MockClock) -> None:
    before = trio.lowlevel.current_statistics().tasks_living

    async def spawn(player: Player, envelope: Any) -> None:
        player.context.start_soon(trio.sleep, 1_000)
        player.context.after(1_000, "never")

    async with a_stage() as stage:
        for n in range(50):
            stage.ref(str(n)).tell_nowait(spawn)
            if n % 5 == 0:
                stage.ref(str(n)).tell_nowait(crash)
        await trio.sleep(1)
    assert trio.lowlevel.current_statistics().tasks_living == before
    for name in ("active", "idle", "waiting", "queued"):
        assert stage.count(name) == 0


async def test_an_unknown_kind_and_a_second_spec_are_errors_of_the_wiring(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        with pytest.raises(LookupError, match="'ghost'"):
            stage.system.ref(Address("ghost", "a"))
        with pytest.raises(ValueError, match="'player'"):
            stage.system.register(ActorSpec(kind=PLAYER, make=lambda key: Actor()))
