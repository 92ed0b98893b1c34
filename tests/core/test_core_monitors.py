"""Monitors: `Down` comes once, in order, says why, and wakes nobody (`erlang:monitor/2`)."""

from typing import Any

import pytest
import trio
import trio.testing
from core_stage import Player, crash, wait_for
from monitor_stage import Watcher, a_watching_stage, cancel, leave, settle, told, watch

from core.errors import Rejected, Unavailable
from core.restart_policy import Restart, RestartPolicy

NEVER = 1e6


async def test_a_crash_is_told_once_with_its_reference_and_that_a_successor_follows(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        with pytest.raises(Rejected) as caught:
            await stage.ref("a").ask(crash)
        await stage.ref("a").ask("alive again")
        with pytest.raises(Rejected):
            await stage.ref("a").ask(crash)
        await settle()
        assert told(stage) == ["a crashed and comes back"]
        (down,) = stage.players[1].downs
        assert down.reference == caught.value.params["reference"]
        assert down.monitor == stage.players[1].monitors[0].id


async def test_whoever_asks_between_a_crash_and_the_restart_watches_the_successor(
    autojump_clock: trio.testing.MockClock,
) -> None:
    policy = RestartPolicy(backoff_first=10, backoff_most=10)
    async with a_watching_stage(restart=policy) as stage:
        stage.ref("a").tell_nowait(crash)
        await settle()
        await stage.ref("w").ask(watch("a"))
        await stage.ref("a").ask(leave, timeout=60)
        await settle()
        assert told(stage) == ["a passivated"]


async def test_the_crash_too_many_is_told_as_gave_up_and_a_resting_actor_as_noproc(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage(restart=RestartPolicy(intensity=0)) as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        stage.ref("a").tell_nowait(crash)
        await settle()
        await stage.ref("w").ask(watch("a"))
        await settle()
        assert told(stage) == ["a gave_up", "a noproc"]


async def test_a_temporary_actor_that_crashed_does_not_come_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage(restart=RestartPolicy(restart=Restart.TEMPORARY)) as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        stage.ref("a").tell_nowait(crash)
        await settle()
        assert told(stage) == ["a crashed"]


async def test_a_crash_in_the_last_word_is_told_as_a_crash(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail(player: Player) -> None:
        raise ValueError

    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        stage.on_stop = fail
        await stage.ref("a").ask(leave)
        await settle()
        stage.on_stop = None
        assert told(stage) == ["a crashed"]


async def test_passivation_is_told_and_whether_somebody_already_wakes_it_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def dawdle(player: Player) -> None:
        await trio.sleep(1)

    async with a_watching_stage(idle_after=NEVER) as stage:
        await stage.ref("w").ask("alive")
        for _ in range(2):
            await stage.ref("a").ask(leave)
            await settle()
            await stage.ref("a").ask("awake")
        await stage.ref("w").ask(watch("a"))
        await stage.ref("a").ask(leave)
        await settle()
        assert told(stage) == ["a passivated"]

        stage.on_stop = dawdle
        await stage.ref("a").ask("awake")
        await stage.ref("w").ask(watch("a"))
        await stage.ref("a").ask(leave)
        await settle()
        await stage.ref("a").ask("during the last word")
        await settle()
        stage.on_stop = None
        assert told(stage) == ["a passivated", "a passivated and comes back"]


@pytest.mark.parametrize(
    ("refusal", "word"),
    [(Rejected("not_found", "No."), "a refused"), (Unavailable(), "a refused and comes back")],
)
async def test_a_start_that_was_refused_is_told(
    refusal: Rejected, word: str, autojump_clock: trio.testing.MockClock
) -> None:
    async def refuse_once(player: Player) -> None:
        if player.key == "a" and sum(each.key == "a" for each in stage.players) == 1:
            await trio.sleep(1)
            raise refusal

    async with a_watching_stage() as stage:
        stage.on_start = refuse_once
        stage.ref("a").tell_nowait("wakes it")
        await stage.ref("w").ask(watch("a"))
        await trio.sleep(2)
        assert told(stage) == [word]


async def test_who_is_not_active_is_noproc_at_once_and_stays_asleep(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage() as stage:
        began = trio.current_time()
        await stage.ref("w").ask(watch("a"))
        await settle()
        assert told(stage) == ["a noproc"]
        assert trio.current_time() == began
        assert [player.key for player in stage.players] == ["w"]
        assert stage.count("monitors_armed") == 0


async def test_two_monitors_of_one_actor_are_told_apart_and_in_the_order_they_were_set(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage() as stage:
        for key in ("a", "b"):
            await stage.ref(key).ask("alive")
        await stage.ref("w").ask(watch("a", "b", "a"))
        await stage.ref("v").ask(watch("a"))
        stage.ref("a").tell_nowait(crash)
        await settle()
        watcher, other = (next(p for p in stage.players if p.key == key) for key in "wv")
        assert [down.monitor for down in watcher.downs] == [1, 3]
        assert [down.monitor for down in other.downs] == [4]


async def test_a_down_comes_before_what_is_queued(autojump_clock: trio.testing.MockClock) -> None:
    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a"))
        stage.ref("w").tell_nowait(wait_for(1))
        stage.ref("w").tell_nowait("queued")
        await settle()
        stage.ref("a").tell_nowait(crash)
        await trio.sleep(2)
        assert stage.words("w")[-2:] == ["a crashed and comes back", "queued"]


async def test_a_cancelled_monitor_tells_nothing_and_cancelling_twice_is_harmless(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a", "a"))
        await stage.ref("w").ask(cancel())
        await stage.ref("w").ask(cancel())
        stage.ref("a").tell_nowait(crash)
        await settle()
        watcher = stage.players[1]
        assert [down.monitor for down in watcher.downs] == [watcher.monitors[1].id]
        assert stage.count("monitors_armed") == 0


async def test_cancelling_flushes_a_down_that_is_queued_already_and_nothing_else(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def cancel_too_late(player: Player, envelope: Any) -> None:
        assert isinstance(player, Watcher)
        player.context.after(1, "a timer rang")
        stage.ref("a").tell_nowait(crash)
        await trio.sleep(5)
        assert stage.count("monitors_downs") == 2
        player.monitors[0].cancel()

    async with a_watching_stage() as stage:
        await stage.ref("a").ask("alive")
        await stage.ref("w").ask(watch("a", "a"))
        await stage.ref("w").ask(cancel_too_late)
        await settle()
        watcher = stage.players[1]
        assert [down.monitor for down in watcher.downs] == [watcher.monitors[1].id]
        assert "a timer rang" in stage.words("w")
        assert stage.count("dead_expired") == 0
