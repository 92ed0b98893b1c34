"""Passivation: idle, asked for, or evicted; a tell at any point of the handshake is never lost."""

import gc
import weakref
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing
from core_stage import Player, Stage, a_stage, wait_for

from core.envelope import Lane
from core.errors import Overloaded, Unavailable
from protocol.frames import Done


async def go(player: Player, envelope: Any) -> None:
    player.context.passivate_soon()


async def rest(stage: Stage) -> None:
    """Long enough for anything to become idle."""
    await trio.sleep(1_000)


async def test_an_idle_actor_goes_after_its_time_and_wakes_anew(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage(idle_after=300) as stage:
        await stage.ref().ask("one")
        await trio.sleep(299)
        assert stage.count("active") == 1
        await trio.sleep(2)
        assert stage.count("active") == 0
        await stage.ref().ask("two")
        assert stage.words() == ["started", "one", "stopping", "stopped", "started", "two"]
        assert stage.count("passivations") == 1
        await trio.sleep(301)
        assert stage.count("passivations") == 2


async def test_every_message_starts_the_idle_time_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage(idle_after=300) as stage:
        for _ in range(10):
            await stage.ref().ask("ping")
            await trio.sleep(200)
        assert len(stage.players) == 1
        await trio.sleep(101)
        assert stage.count("active") == 0


async def test_passivate_soon_does_not_wait_for_the_idle_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        began = trio.current_time()
        stage.ref().tell_nowait(go)
        stage.ref().tell_nowait("but first what is queued")
        await trio.testing.wait_all_tasks_blocked()
        assert stage.words() == ["started", "but first what is queued", "stopping", "stopped"]
        assert trio.current_time() == began


@pytest.mark.parametrize("lane", Lane)
async def test_mail_in_any_lane_holds_passivation_back(
    lane: Lane, autojump_clock: trio.testing.MockClock
) -> None:
    async with a_stage(lanes={str: lane}) as stage:
        stage.ref().tell_nowait(go)
        stage.ref().tell_nowait("but first what is queued")
        assert stage.count("queued") == 2
        await trio.testing.wait_all_tasks_blocked()
        assert stage.words() == ["started", "but first what is queued", "stopping", "stopped"]


@pytest.mark.parametrize("lane", Lane)
async def test_mail_in_any_lane_that_comes_during_the_last_word_starts_the_next_activation(
    lane: Lane, autojump_clock: trio.testing.MockClock
) -> None:
    async def linger(player: Player) -> None:
        await trio.sleep(1)

    async with a_stage(lanes={str: lane}) as stage:
        stage.on_stop = linger
        stage.ref().tell_nowait(go)
        await trio.testing.wait_all_tasks_blocked()
        stage.ref().tell_nowait("held")
        await trio.sleep(2)
        assert stage.words() == ["started", "stopping", "stopped", "started", "held"]


async def test_a_child_task_holds_passivation_back(autojump_clock: trio.testing.MockClock) -> None:
    async def work(player: Player, envelope: Any) -> None:
        player.context.start_soon(trio.sleep, 50)
        player.context.passivate_soon()

    async with a_stage() as stage:
        await stage.ref().ask(work)
        await trio.sleep(49)
        assert stage.count("active") == 1
        await trio.sleep(2)
        assert stage.count("active") == 0


async def test_an_armed_timer_holds_passivation_back_until_it_fired(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def arm(player: Player, envelope: Any) -> None:
        player.context.after(1_000, "ring")
        player.context.passivate_soon()

    async with a_stage(idle_after=300) as stage:
        await stage.ref().ask(arm)
        await trio.sleep(999)
        assert stage.count("active") == 1
        await trio.sleep(2)
        assert stage.words() == ["started", "ring", "stopping", "stopped"]


async def test_a_cancelled_timer_neither_fires_nor_holds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def arm(player: Player, envelope: Any) -> None:
        timer = player.context.after(10, "ring")
        player.context.passivate_soon()
        player.context.start_soon(cancel_later, timer)

    async def cancel_later(timer: Any) -> None:
        await trio.sleep(1)
        timer.cancel()
        timer.cancel()

    async with a_stage() as stage:
        await stage.ref().ask(arm)
        await trio.sleep(2)
        assert stage.words() == ["started", "stopping", "stopped"]


async def test_cancelling_a_timer_that_fired_does_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def arm(player: Player, envelope: Any) -> None:
        player.kept.append(player.context.after(1, "ring"))

    async def cancel(player: Player, envelope: Any) -> None:
        player.kept.pop().cancel()

    async with a_stage() as stage:
        await stage.ref().ask(arm)
        await trio.sleep(2)
        await stage.ref().ask(cancel)
        assert stage.words() == ["started", "ring"]


async def test_a_timers_message_comes_before_the_queue(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def arm(player: Player, envelope: Any) -> None:
        player.context.after(1, "ring")

    async with a_stage() as stage:
        await stage.ref().ask(arm)
        stage.ref().tell_nowait(wait_for(2))
        stage.ref().tell_nowait("queued before the timer fired")
        await stage.ref().ask("last")
        assert stage.words() == ["started", "ring", "queued before the timer fired", "last"]


async def test_a_timer_that_finds_the_mailbox_full_comes_later(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def arm(player: Player, envelope: Any) -> None:
        player.context.after(1, "ring")

    async with a_stage(mailbox_limit=2, control_reserve=0, lanes={int: Lane.CONTROL}) as stage:
        await stage.ref().ask(arm)
        stage.ref().tell_nowait(wait_for(2))
        await trio.testing.wait_all_tasks_blocked()
        stage.ref().tell_nowait("one")
        stage.ref().tell_nowait("two")
        await trio.sleep(3)
        assert stage.words() == ["started", "one", "two", "ring"]


async def test_work_in_flight_holds_passivation_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def begin(player: Player, envelope: Any) -> None:
        player.is_working = True

    async def end(player: Player, envelope: Any) -> None:
        player.is_working = False

    async with a_stage(idle_after=300) as stage:
        await stage.ref().ask(begin)
        await rest(stage)
        assert stage.count("active") == 1
        await stage.ref().ask(end)
        await rest(stage)
        assert stage.count("active") == 0


async def test_a_saturated_actor_takes_control_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fill(player: Player, envelope: Any) -> None:
        player.is_full = True

    class Relieve:
        async def __call__(self, player: Player, envelope: Any) -> None:
            player.say("relieved")
            player.is_full = False

    async with a_stage(lanes={Relieve: Lane.CONTROL}) as stage:
        await stage.ref().ask(fill)
        stage.ref().tell_nowait("normal")
        await rest(stage)
        assert stage.words() == ["started"]
        stage.ref().tell_nowait(Relieve())
        await trio.testing.wait_all_tasks_blocked()
        assert stage.words() == ["started", "relieved", "normal"]


async def test_a_tell_during_the_last_word_starts_the_next_activation(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def tell_oneself(player: Player) -> None:
        if len(stage.players) == 1:
            stage.ref().tell_nowait("held")
            await trio.sleep(1)
            stage.ref().tell_nowait("held too")

    async with a_stage() as stage:
        stage.on_stop = tell_oneself
        stage.ref().tell_nowait(go)
        await trio.sleep(2)
        assert stage.words() == ["started", "stopping", "stopped", "started", "held", "held too"]


async def test_who_is_owed_an_answer_by_an_actor_that_goes_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def keep(player: Player, envelope: Any) -> object:
        player.context.passivate_soon()
        return "never"

    async def linger(player: Player) -> None:
        await trio.sleep(1)

    async def tell_later() -> None:
        await trio.sleep(0.5)
        stage.ref().tell_nowait("held: another instance follows")

    async with a_stage() as stage, trio.open_nursery() as nursery:
        stage.on_stop = linger
        began = trio.current_time()
        nursery.start_soon(tell_later)
        with pytest.raises(Unavailable):
            await stage.ref().ask(keep)
        assert trio.current_time() == began + 1


async def test_what_is_held_during_the_handshake_is_bounded(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def linger(player: Player) -> None:
        await trio.sleep(1)

    async with a_stage(mailbox_limit=3, control_reserve=1) as stage:
        stage.on_stop = linger
        stage.ref().tell_nowait(go)
        await trio.testing.wait_all_tasks_blocked()
        stage.ref().tell_nowait("one")
        stage.ref().tell_nowait("two")
        with pytest.raises(Overloaded):
            stage.ref().tell_nowait("three")
        await trio.sleep(2)
        assert stage.words()[-3:] == ["started", "one", "two"]


@pytest.mark.parametrize("after", range(30))
async def test_a_tell_at_any_point_of_the_handshake_is_handled_once(
    after: int, autojump_clock: trio.testing.MockClock
) -> None:
    async def dawdle(player: Player) -> None:
        for _ in range(5):
            await trio.lowlevel.checkpoint()

    async with a_stage() as stage:
        stage.on_start = stage.on_stop = dawdle
        stage.ref().tell_nowait(go)
        for _ in range(after):
            await trio.lowlevel.checkpoint()
        assert await stage.ref().ask("here") == Done()
    words = stage.words()
    assert words.count("here") == 1
    # Never by a dying instance: between a `stopping` and the next `started` nothing is handled.
    for stopping, what_follows in pairwise(words):
        if stopping == "stopping":
            assert what_follows == "stopped"
        if stopping == "stopped":
            assert what_follows == "started"


async def test_who_went_is_freed_at_once_and_leaves_no_cycle_to_the_collector(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage(idle_after=300) as stage:
        await stage.ref().ask("hello")
        gc.collect()
        gc.disable()
        try:
            player = weakref.ref(stage.players.pop())
            assert player() is not None
            await rest(stage)
            assert stage.count("active") == 0
            assert player() is None
        finally:
            gc.enable()


async def test_a_last_word_that_takes_too_long_is_cut(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def linger(player: Player) -> None:
        await trio.sleep_forever()

    async with a_stage(shutdown_after=3) as stage:
        stage.on_stop = linger
        stage.ref().tell_nowait(go)
        await trio.sleep(4)
        assert stage.count("active") == 0
        assert stage.count("crashes") == 0


async def test_a_crash_in_the_last_word_wakes_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail(player: Player) -> None:
        raise ValueError

    async with a_stage() as stage:
        stage.on_stop = fail
        stage.ref().tell_nowait(go)
        await trio.sleep(60)
        assert stage.count("crashes") == 1
        assert stage.words() == ["started", "stopping"]
        assert stage.count("active") == 0
        stage.on_stop = None
        await stage.ref().ask("alive")


async def test_the_bound_evicts_the_oldest_idle_first(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage(max_active=3) as stage:
        for key in "abc":
            await stage.ref(key).ask("hello")
            await trio.sleep(1)
        await stage.ref("a").ask("still needed")
        await trio.sleep(1)
        await stage.ref("d").ask("hello")
        assert stage.words("b")[-1] == "stopped"
        assert stage.count("active") == 3
        assert stage.count("evictions") == 1
        await stage.ref("e").ask("hello")
        assert stage.words("c")[-1] == "stopped"
        assert stage.words("a")[-1] == "still needed"


async def test_a_new_actor_waits_while_all_are_busy(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage(max_active=2, max_waiting=1) as stage:
        stage.ref("a").tell_nowait(wait_for(5))
        stage.ref("b").tell_nowait(wait_for(3))
        await trio.testing.wait_all_tasks_blocked()
        stage.ref("c").tell_nowait("hello")
        with pytest.raises(Overloaded):
            stage.ref("d").tell_nowait("hello")
        await trio.sleep(2)
        assert stage.words("c") == []
        await trio.sleep(2)
        assert stage.words("c") == ["started", "hello"]
        assert stage.words("b")[-1] == "stopped"


async def test_never_more_than_the_bound_are_active(
    autojump_clock: trio.testing.MockClock,
) -> None:
    most = 0.0

    async def look(player: Player) -> None:
        nonlocal most
        most = max(most, stage.count("active"))
        await trio.sleep(0.01)

    async with a_stage(max_active=5) as stage:
        stage.on_start = stage.on_stop = look
        async with trio.open_nursery() as nursery:
            for n in range(100):
                nursery.start_soon(stage.ref(str(n % 40)).ask, "hello")
        assert most == 5
        handled = [word for _, word in stage.seen if word == "hello"]
        assert len(handled) == 100


async def test_an_idle_actor_that_is_held_is_not_evicted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def arm(player: Player, envelope: Any) -> None:
        player.context.after(10_000, "ring")

    async with a_stage(max_active=2, idle_after=300) as stage:
        await stage.ref("held").ask(arm)
        await trio.sleep(1)
        await stage.ref("free").ask("hello")
        await trio.sleep(1)
        await stage.ref("new").ask("hello")
        assert "stopping" not in stage.words("held")
        assert stage.words("free")[-1] == "stopped"


async def test_who_gets_mail_when_it_was_to_be_evicted_stays_and_the_next_oldest_goes_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage(max_active=2) as stage:
        for key in "ab":
            await stage.ref(key).ask("hello")
            await trio.sleep(1)
        stage.ref("c").tell_nowait("hello")
        stage.ref("a").tell_nowait(wait_for(60))
        await trio.testing.wait_all_tasks_blocked()
        assert stage.words("b")[-1] == "stopped"
        assert stage.words("c") == ["started", "hello"]
        await trio.sleep(100)
        assert stage.words("a") == ["started", "hello"]
        assert stage.count("evictions") == 1


async def test_who_gets_mail_while_it_is_evicted_lives_on_and_the_next_oldest_goes_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def linger(player: Player) -> None:
        if player.key == "a":
            await trio.sleep(1)

    async with a_stage(max_active=2) as stage:
        stage.on_stop = linger
        for key in "ab":
            await stage.ref(key).ask("hello")
            await trio.sleep(1)
        stage.ref("c").tell_nowait("hello")
        await trio.testing.wait_all_tasks_blocked()
        stage.ref("a").tell_nowait(wait_for(60))
        await trio.sleep(2)
        assert stage.words("a") == ["started", "hello", "stopping", "stopped", "started"]
        assert stage.words("b")[-1] == "stopped"
        assert stage.words("c") == ["started", "hello"]


async def test_who_is_free_is_found_behind_any_number_of_those_that_are_held(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def arm(player: Player, envelope: Any) -> None:
        player.context.after(10_000, "ring")

    async with a_stage(max_active=1_001, idle_after=5_000) as stage:
        for number in range(1_000):
            await stage.ref(str(number)).ask(arm)
        await stage.ref("free").ask("hello")
        began = trio.current_time()
        await stage.ref("new").ask("hello")
        assert trio.current_time() - began < 1
        assert stage.words("free")[-1] == "stopped"
        assert stage.count("evictions") == 1


async def test_who_was_held_and_becomes_free_makes_room_for_whoever_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def work(player: Player, envelope: Any) -> None:
        player.context.start_soon(trio.sleep, 5)

    async with a_stage(max_active=1, idle_after=300) as stage:
        await stage.ref("busy").ask(work)
        stage.ref("new").tell_nowait("hello")
        for _ in range(40):
            await stage.ref("busy").ask("ping")
            await trio.sleep(0.1)
        assert stage.words("new") == []
        assert stage.count("timers_armed") == 2  # the kind's idle alarm, and the next look
        await trio.sleep(2)
        assert stage.words("busy")[-1] == "stopped"
        assert stage.words("new") == ["started", "hello"]


async def test_who_is_held_keeps_nobody_else_awake(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def arm(player: Player, envelope: Any) -> None:
        player.context.after(10_000, "ring")

    async with a_stage(idle_after=300) as stage:
        await stage.ref("held").ask(arm)
        await stage.ref("free").ask("hello")
        await trio.sleep(301)
        assert stage.words("free")[-1] == "stopped"
        assert stage.count("active") == 1


async def test_who_was_held_past_its_idle_time_goes_after_another(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def work(player: Player, envelope: Any) -> None:
        player.context.start_soon(trio.sleep, 301)

    async with a_stage(idle_after=300) as stage:
        await stage.ref().ask(work)
        await trio.sleep(599)
        assert stage.count("active") == stage.count("idle") == 1
        await trio.sleep(2)
        assert stage.count("active") == 0


async def test_a_claim_of_work_that_crashes_is_the_actors_crash(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Broken(Player):
        def has_work(self) -> bool:
            raise ValueError

    async def break_it(player: Player, envelope: Any) -> None:
        player.__class__ = Broken

    async with a_stage(idle_after=300) as stage:
        await stage.ref().ask(break_it)
        await rest(stage)
        assert stage.count("crashes") == 1
        await stage.ref().ask("alive")
