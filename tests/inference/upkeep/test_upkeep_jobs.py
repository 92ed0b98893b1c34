"""Runs are due at a quiet hour, done by one process, and a row whatever becomes of them."""

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from upkeep_world import TENANT, World

from core.errors import Unavailable
from core.ports.models import AGAIN_AFTER, GONE_AFTER, MOST_TRIES, ModelRun
from inference.upkeep.jobs import STOPPED, TOO_LONG, Result
from inference.upkeep.schedule import DAY_MS, HOUR_MS, OPEN_FOR_MS, due_at

SUNDAY_AT_THREE = 1_789_873_200_000


async def works() -> Result:
    return Result(why="fitted", figures={"people": 3.0})


async def rows(world: World) -> list[ModelRun]:
    return list(await world.models.runs(TENANT, "daily", limit=9))


@given(now=st.integers(0, 2**42), hour=st.integers(0, 23))
def test_the_daily_run_is_due_once_a_day_for_a_few_hours(now: int, hour: int) -> None:
    due = due_at("daily", now=now, quiet_hour=hour)
    if due is None:
        assert (now - hour * HOUR_MS) % DAY_MS >= OPEN_FOR_MS
    else:
        assert due % DAY_MS == hour * HOUR_MS
        assert 0 <= now - due < OPEN_FOR_MS


@given(now=st.integers(0, 2**42), hour=st.integers(0, 23))
def test_the_weekly_run_is_due_on_sundays_with_the_daily_one(now: int, hour: int) -> None:
    daily = due_at("daily", now=now, quiet_hour=hour)
    weekly = due_at("weekly", now=now, quiet_hour=hour)
    is_sunday = daily is not None and (daily // DAY_MS - SUNDAY_AT_THREE // DAY_MS) % 7 == 0
    assert weekly == (daily if is_sunday else None)


@given(now=st.integers(0, 2**42), hour=st.integers(0, 23))
def test_the_hourly_run_is_due_every_hour_whatever_the_quiet_one(now: int, hour: int) -> None:
    due = due_at("hourly", now=now, quiet_hour=hour)
    assert due is not None
    assert due % HOUR_MS == 0
    assert 0 <= now - due < HOUR_MS


def test_a_quiet_hour_may_end_after_midnight() -> None:
    eleven = SUNDAY_AT_THREE + 20 * HOUR_MS
    assert due_at("weekly", now=eleven + 2 * HOUR_MS, quiet_hour=23) == eleven


async def test_a_run_that_is_done_is_a_row_and_not_done_again(autojump_clock: object) -> None:
    world = World()
    run = await world.runner(works).turn()
    assert run is not None
    assert await world.runner(works, node="n2").turn() is None
    (row,) = await rows(world)
    assert (row.outcome, row.why, row.figures, row.node) == ("done", "fitted", {"people": 3}, "n1")
    assert (row.due_at, row.ended_at) == (SUNDAY_AT_THREE, world.clock.now_ms())


async def test_at_another_hour_nothing_is_done(autojump_clock: object) -> None:
    world = World()
    assert await world.runner(works, quiet_hour=4).turn() is None
    assert await rows(world) == []


async def test_what_is_skipped_says_why(autojump_clock: object) -> None:
    world = World()

    async def skips() -> Result:
        return Result(outcome="skipped", why="3 people")

    await world.runner(skips).turn()
    assert await world.runner(works).turn() is None
    assert [(row.outcome, row.why) for row in await rows(world)] == [("skipped", "3 people")]


async def test_of_all_nodes_that_look_at_once_one_does_it(autojump_clock: object) -> None:
    world, done = World(), []

    async def slow() -> Result:
        await trio.sleep(100)
        done.append(trio.current_time())
        return Result()

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(world.runner(slow, node=f"n{number}").turn)
    assert len(done) == len(await rows(world)) == 1


async def test_what_breaks_is_tried_again_but_not_for_ever(autojump_clock: object) -> None:
    world = World()

    async def breaks() -> Result:
        raise LookupError("with a secret")

    with capture_logs() as logs:
        for _ in range(2 * MOST_TRIES):
            await world.runner(breaks).turn()
            await trio.sleep(AGAIN_AFTER)
    found = [(row.outcome, row.why) for row in await rows(world)]
    assert found == [("failed", "it broke: LookupError")] * MOST_TRIES
    assert [log["event"] for log in logs].count("models.run_failed") == MOST_TRIES


async def test_what_takes_too_long_is_given_up(autojump_clock: object) -> None:
    world = World()
    await world.runner(trio.sleep_forever, within=50).turn()
    assert trio.current_time() == pytest.approx(50, abs=1e-6)
    assert [(row.outcome, row.why) for row in await rows(world)] == [("failed", TOO_LONG)]


async def test_a_server_that_stops_says_so_and_another_begins_anew(autojump_clock: object) -> None:
    world = World()
    with trio.move_on_after(30):
        await world.runner(trio.sleep_forever).turn()
    assert [(row.outcome, row.why) for row in await rows(world)] == [("failed", STOPPED)]
    await trio.sleep(AGAIN_AFTER)
    await world.runner(works, node="n2").turn()
    assert [row.outcome for row in await rows(world)] == ["done", "failed"]


async def test_a_run_lives_for_as_long_as_it_works(autojump_clock: object) -> None:
    world = World()

    async def slow() -> Result:
        await trio.sleep(5 * GONE_AFTER)
        return Result()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.runner(slow, within=10**6).turn)
        await trio.sleep(4 * GONE_AFTER)
        assert await world.runner(works, node="n2").turn() is None
    assert [row.outcome for row in await rows(world)] == ["done"]


async def test_one_that_was_given_up_stops_and_changes_nothing(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    beat = world.models.beat

    async def unheard(*given: Any, **fields: Any) -> bool:
        if trio.current_time() < 2 * GONE_AFTER:
            raise Unavailable
        return await beat(*given, **fields)

    monkeypatch.setattr(world.models, "beat", unheard)
    with trio.fail_after(4 * GONE_AFTER):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.runner(trio.sleep_forever, within=10**6).turn)
            await trio.sleep(1.5 * GONE_AFTER)
            await world.runner(works, node="n2").turn()
    assert [(row.outcome, row.node) for row in await rows(world)] == [("failed", "n1")]


async def test_a_database_that_is_away_at_the_end_costs_the_row(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()

    async def away(*given: Any, **fields: Any) -> bool:
        raise Unavailable

    monkeypatch.setattr(world.models, "end", away)
    assert await world.runner(works).turn() is not None
    assert [row.outcome for row in await rows(world)] == ["open"]
