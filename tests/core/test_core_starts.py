"""Starts that fail: what is kept, who is told, and how long it waits before it tries again."""

from typing import Any

import pytest
import trio
import trio.testing
from core_stage import Player, a_stage, crash

from core.errors import Overloaded, Rejected, Unavailable
from core.restart_policy import RestartPolicy
from storage.memory.crash_records import MemoryCrashRecords


async def test_a_start_that_succeeded_ends_the_waits_for_those_that_failed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    starts: list[float] = []
    is_away = True

    async def fail(player: Player) -> None:
        starts.append(trio.current_time())
        if is_away:
            raise Unavailable

    policy = RestartPolicy(backoff_first=1, backoff_most=60)
    async with a_stage(restart=policy) as stage:
        stage.on_start = fail
        stage.ref().tell_nowait("kept")
        await trio.sleep(40)
        is_away = False
        await stage.ref().ask("alive", timeout=100)
        is_away = True
        starts.clear()
        stage.ref().tell_nowait(crash)
        stage.ref().tell_nowait("kept")
        await trio.sleep(4)
        assert len(starts) >= 2  # after the crash, and after one refusal


async def test_a_start_that_is_unavailable_fails_the_asks_and_keeps_the_tells(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail(player: Player) -> None:
        if len(stage.players) < 4:
            raise Unavailable("The database is away.")

    async with a_stage() as stage:
        stage.on_start = fail
        stage.ref().tell_nowait("kept")
        with pytest.raises(Unavailable) as caught:
            await stage.ref().ask("failed")
        assert caught.value.text == "The database is away."
        await trio.sleep(5)
        assert stage.words() == ["started"] * 4 + ["kept"]
        assert stage.count("crashes") == 0


@pytest.mark.parametrize(
    "refusal",
    [
        Overloaded(),
        Rejected("rate_limited", "Not so fast."),
        Rejected("conflict", "x", temporary=True),
    ],
)
async def test_every_refusal_for_now_keeps_the_tells(
    refusal: Rejected, autojump_clock: trio.testing.MockClock
) -> None:
    async def fail(player: Player) -> None:
        if len(stage.players) < 3:
            raise refusal

    async with a_stage() as stage:
        stage.on_start = fail
        stage.ref().tell_nowait("kept")
        with pytest.raises(Rejected) as caught:
            await stage.ref().ask("failed")
        assert caught.value.code == refusal.code
        await trio.sleep(5)
        assert stage.words() == ["started"] * 3 + ["kept"]


async def test_whoever_crashed_comes_back_though_its_start_finds_others_busy(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail(player: Player) -> None:
        if len(stage.players) == 2:
            raise Overloaded

    async with a_stage() as stage:
        stage.on_start = fail
        stage.ref().tell_nowait(crash)
        await trio.sleep(5)
        assert stage.words() == ["started"] * 3


async def test_a_start_that_is_unavailable_ends_when_nothing_is_queued(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail(player: Player) -> None:
        raise Unavailable

    async with a_stage() as stage:
        stage.on_start = fail
        with pytest.raises(Unavailable):
            await stage.ref().ask("failed")
        await trio.sleep(60)
        assert len(stage.players) == 1
        assert stage.count("active") == 0


async def test_whoever_crashed_comes_back_though_nobody_speaks_to_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What it had begun is for its successor to end; a drain does not wait for that."""
    is_away = False

    async def fail(player: Player) -> None:
        if is_away:
            raise Unavailable

    async with a_stage() as stage:
        stage.on_start = fail
        await stage.ref().ask("hello")
        is_away = True
        stage.ref().tell_nowait(crash)
        await trio.sleep(60)
        assert stage.count("active") == 1
        is_away = False
        await trio.sleep(10)
        assert stage.words()[-1] == "started"
        count = len(stage.players)
        await trio.sleep(60)
        assert len(stage.players) == count

        is_away = True
        stage.ref().tell_nowait(crash)
        await trio.sleep(60)
        began = trio.current_time()
    assert trio.current_time() - began < 1


async def test_whoever_came_back_and_rested_need_not_come_back_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    is_away = False

    async def fail(player: Player) -> None:
        if is_away:
            raise Unavailable

    async def linger(player: Player) -> None:
        await trio.sleep(1)

    async with a_stage(idle_after=300) as stage:
        stage.on_start, stage.on_stop = fail, linger
        stage.ref().tell_nowait(crash)
        await trio.sleep(300.5)
        assert stage.words()[-1] == "stopping"
        is_away = True
        with pytest.raises(Unavailable):
            await stage.ref().ask("held until the next start, which fails")
        await trio.sleep(60)
        assert stage.count("active") == 0


async def test_a_start_that_is_refused_answers_everybody_and_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def refuse(player: Player) -> None:
        raise Rejected("not_found", "There is no such room.")

    async with a_stage() as stage:
        stage.on_start = refuse
        stage.ref().tell_nowait("dropped")
        with pytest.raises(Rejected) as caught:
            await stage.ref().ask("hello")
        assert caught.value.code == "not_found"
        await trio.testing.wait_all_tasks_blocked()
        assert stage.count("active") == 0
        assert stage.count("dead_not_started") == 2


async def test_who_cannot_even_be_made_has_crashed(autojump_clock: trio.testing.MockClock) -> None:
    class Unmade(Player):
        def __init__(self, key: str, stage: Any) -> None:
            raise ValueError

    records = MemoryCrashRecords()
    policy = RestartPolicy(intensity=2)
    async with a_stage(player=Unmade, crash_records=records, restart=policy) as stage:
        with pytest.raises(Unavailable):
            await stage.ref().ask("never")
        assert stage.count("crashes") == len(records.records) == 3
        assert {record.state for record in records.records} == {None}


async def test_a_start_that_crashes_is_tried_again(autojump_clock: trio.testing.MockClock) -> None:
    async def fail_once(player: Player) -> None:
        if len(stage.players) == 1:
            raise ValueError

    async with a_stage() as stage:
        stage.on_start = fail_once
        await stage.ref().ask("kept through it")
        assert stage.words() == ["started", "started", "kept through it"]
