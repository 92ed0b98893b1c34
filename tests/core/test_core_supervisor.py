"""Any supervisor: order, restart types, intensity, escalation, and stops at every point."""

import itertools
import random

import pytest
import structlog.testing
import trio
from supervision_stage import FOREVER, NoStart, Stage, ends, first, run_for, starts
from trio.testing import MockClock

from core.errors import EscalatedError
from core.restart_policy import Restart, RestartIntensity
from core.supervisor import ChildSpec, Strategy, Supervisor


async def test_children_start_in_order_and_stop_in_reverse(autojump_clock: MockClock) -> None:
    stage = Stage()
    for name in "abc":
        stage.child(name, farewell=1)
    await run_for(stage.supervisor(), 10)
    assert stage.seen == [*starts("abc"), *ends("cba")]


async def test_a_child_starts_only_after_the_one_before_has_started(
    autojump_clock: MockClock,
) -> None:
    seen: list[str] = []

    async def slow(*, task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep(3)
        seen.append("slow is ready")
        task_status.started()
        await trio.sleep_forever()

    async def next_one(*, task_status: trio.TaskStatus[None]) -> None:
        seen.append("next")
        task_status.started()
        await trio.sleep_forever()

    specs = [ChildSpec(name="slow", run=slow), ChildSpec(name="next", run=next_one)]
    supervisor = Supervisor("top", specs, chance=random.Random(1))
    assert supervisor.statistics()["running"] == 0
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        seen.append("all are ready")
        assert supervisor.statistics()["running"] == 2
        nursery.cancel_scope.cancel()
    assert seen == ["slow is ready", "next", "all are ready"]


@pytest.mark.parametrize(
    ("restart", "after_an_end", "after_a_crash"),
    [(Restart.PERMANENT, 2, 2), (Restart.TRANSIENT, 1, 2), (Restart.TEMPORARY, 1, 1)],
)
async def test_the_restart_type_decides_who_lives_again(
    restart: Restart, after_an_end: int, after_a_crash: int, autojump_clock: MockClock
) -> None:
    stage = Stage()
    stage.child("ends", first(1), restart=restart)
    stage.child("crashes", first(ValueError()), restart=restart)
    await run_for(stage.supervisor(), 10)
    assert stage.starts_of("ends") == after_an_end
    assert stage.starts_of("crashes") == after_a_crash


async def test_too_many_restarts_escalate_after_an_ordered_stop(autojump_clock: MockClock) -> None:
    stage = Stage()
    stage.child("a")
    stage.child("b", lambda n: ValueError())
    stage.child("c")
    with pytest.raises(EscalatedError, match="top: b"):
        await stage.supervisor().run()
    assert stage.starts_of("b") == 3
    assert stage.seen[-2:] == ends("ca")


async def test_the_restarts_of_all_children_add_up(autojump_clock: MockClock) -> None:
    stage = Stage()
    for number, name in enumerate("abc"):
        stage.child(name, first(number + 0.5))
    with pytest.raises(EscalatedError, match="top: c"):
        await stage.supervisor().run()


async def test_normal_ends_of_permanent_children_count_like_crashes(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    stage.child("a", lambda n: 1.0)
    with pytest.raises(EscalatedError):
        await stage.supervisor().run()
    assert stage.starts_of("a") == 3


async def test_crashes_outside_the_period_do_not_add_up(autojump_clock: MockClock) -> None:
    stage = Stage()
    stage.child("a", lambda n: ValueError())
    rare = RestartIntensity(intensity=1, period=3, backoff_first=5, backoff_most=5)
    await run_for(stage.supervisor(intensity=rare), 100)
    assert stage.starts_of("a") > 10


async def test_with_no_intensity_the_first_crash_escalates(autojump_clock: MockClock) -> None:
    stage = Stage()
    stage.child("a", first(ValueError()), restart=Restart.TRANSIENT)
    with pytest.raises(EscalatedError):
        await stage.supervisor(intensity=RestartIntensity(intensity=0)).run()
    assert stage.starts_of("a") == 1


async def test_a_restart_waits_longer_each_time_and_only_for_its_own_child(
    autojump_clock: MockClock,
) -> None:
    stage, began = Stage(), trio.current_time()
    steps = RestartIntensity(intensity=9, period=100, backoff_first=4, backoff_most=8)
    stage.child("a", lambda n: ValueError() if n < 4 else FOREVER)
    stage.child("b", first(ValueError()))
    started: list[float] = []
    supervisor = stage.supervisor(intensity=steps)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_for, supervisor, 60)
        while trio.current_time() < began + 59:
            await trio.sleep(0.5)
            if stage.starts_of("a") > len(started):
                started.append(trio.current_time() - began)
            if stage.starts_of("b") == 2 and "b is back" not in stage.seen:
                stage.seen.append("b is back")
                assert trio.current_time() - began <= 1 + 4 + 0.5
    waits = [later - before - 1 for before, later in itertools.pairwise(started)]
    assert len(waits) == 3
    assert 2 <= waits[0] <= 4.5
    assert 4 <= waits[1] <= 8.5
    assert 4 <= waits[2] <= 8.5


async def test_a_first_start_that_fails_ends_it_with_the_childs_own_error(
    autojump_clock: MockClock,
) -> None:
    async def fail(*, task_status: trio.TaskStatus[None]) -> None:
        raise OSError("the port is in use")

    stage = Stage()
    stage.child("a")
    stage.specs.append(ChildSpec(name="b", run=fail))
    stage.child("c")
    with pytest.raises(OSError, match="in use"):
        await stage.supervisor().run()
    assert stage.seen == ["a starts", "a ends"]


async def test_a_child_that_ends_before_it_has_started_has_failed(
    autojump_clock: MockClock,
) -> None:
    async def forgets(*, task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep(1)

    supervisor = Supervisor("top", [ChildSpec(name="a", run=forgets)], chance=random.Random(1))
    with pytest.raises(RuntimeError, match="a ended before"):
        await supervisor.run()


async def test_a_start_that_takes_too_long_has_failed(autojump_clock: MockClock) -> None:
    async def hang(*, task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep_forever()

    stage, began = Stage(), trio.current_time()
    stage.child("a")
    stage.specs.append(ChildSpec(name="b", run=hang, start_within=7))
    with pytest.raises(trio.TooSlowError, match="b did not start"):
        await stage.supervisor().run()
    assert trio.current_time() - began == pytest.approx(7)
    assert stage.seen == ["a starts", "a ends"]


async def test_a_start_that_says_so_too_late_has_failed(autojump_clock: MockClock) -> None:
    async def late(*, task_status: trio.TaskStatus[None]) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(8)
        task_status.started()
        await trio.sleep_forever()

    specs = [ChildSpec(name="a", run=late, start_within=7)]
    with pytest.raises(trio.TooSlowError):
        await Supervisor("top", specs, chance=random.Random(1)).run()


async def test_a_first_start_that_hangs_can_be_cancelled(autojump_clock: MockClock) -> None:
    async def hang(*, task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep_forever()

    stage = Stage()
    stage.child("a")
    stage.specs.append(ChildSpec(name="b", run=hang))
    supervisor = stage.supervisor()
    await run_for(supervisor, 3)
    assert stage.seen == ["a starts", "a ends"]
    assert supervisor.statistics()["crashes"] == 0


async def test_a_restart_that_fails_counts_as_another_restart(autojump_clock: MockClock) -> None:
    stage = Stage()
    stage.child("a", first(ValueError(), NoStart()))
    supervisor = stage.supervisor()
    with pytest.raises(EscalatedError):
        await supervisor.run()
    assert stage.seen == ["a starts", "a ends", "a fails", "a fails"]
    assert supervisor.statistics()["crashes"] == 3


async def test_even_a_transient_child_is_tried_again_until_its_restart_succeeds(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    lives = [ValueError(), NoStart(), FOREVER]
    stage.child("a", lambda n: lives[n - 1], restart=Restart.TRANSIENT)
    await run_for(stage.supervisor(), 20)
    assert stage.seen == ["a starts", "a ends", "a fails", "a starts", "a ends"]


async def test_a_child_that_does_not_stop_holds_the_others_up_only_for_its_time(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    stage.child("a")
    stage.child("b", farewell=60, shutdown_after=2)
    began = trio.current_time()
    with structlog.testing.capture_logs() as logs:
        await run_for(stage.supervisor(), 10)
    assert stage.seen == [*starts("ab"), *ends("ab")]
    assert trio.current_time() - began == pytest.approx(70)
    assert [(entry["event"], entry["child"]) for entry in logs] == [("child does not stop", "b")]


async def test_a_stop_during_the_backoff_does_not_wait_for_it(autojump_clock: MockClock) -> None:
    stage = Stage()
    stage.child("a", lambda n: ValueError())
    slow = RestartIntensity(backoff_first=1_000, backoff_most=1_000)
    began = trio.current_time()
    await run_for(stage.supervisor(intensity=slow), 10)
    assert trio.current_time() - began == pytest.approx(10)
    assert stage.seen == ["a starts", "a ends"]


async def test_a_part_that_fails_while_it_is_stopped_does_not_fail_the_stop(
    autojump_clock: MockClock,
) -> None:
    async def fragile(*, task_status: trio.TaskStatus[None]) -> None:
        async def part() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise ValueError("too late to matter")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(part)
            nursery.start_soon(trio.sleep_forever)
            task_status.started()

    stage = Stage()
    stage.child("a")
    stage.specs.append(ChildSpec(name="fragile", run=fragile))
    supervisor = stage.supervisor()
    await run_for(supervisor, 3)
    assert stage.seen == ["a starts", "a ends"]
    assert supervisor.statistics()["crashes"] == 1


async def test_a_supervisor_leaves_no_task_behind(autojump_clock: MockClock) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    stage = Stage()
    for name in "abc":
        stage.child(name, lambda n: ValueError() if n < 3 else FOREVER)
    await run_for(stage.supervisor(intensity=RestartIntensity(intensity=9)), 30)
    assert trio.lowlevel.current_statistics().tasks_living == before


@pytest.mark.parametrize("strategy", Strategy)
async def test_cancelled_at_any_point_it_stops_in_reverse_order_and_leaves_no_task(
    strategy: Strategy, autojump_clock: MockClock
) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    for moment in range(1, 80):
        stage = Stage()
        stage.child("a", farewell=0.5)
        stage.child("b", lambda n: ValueError() if n < 4 else FOREVER, farewell=0.5)
        stage.child("c", farewell=0.5)
        often = RestartIntensity(intensity=9, period=60, backoff_first=1)
        await run_for(stage.supervisor(strategy, intensity=often), moment / 8 + 0.01)
        assert trio.lowlevel.current_statistics().tasks_living == before
        alive = stage.starts_of("a") + stage.starts_of("b") + stage.starts_of("c")
        assert alive == sum(word.endswith("ends") for word in stage.seen)
        last = [stage.seen[::-1].index(f"{name} ends") for name in "ac"]
        assert last[0] < last[1], f"a stopped before c when cancelled at {moment / 8}"


async def test_the_log_says_where_a_child_crashed_though_tasks_lay_between(
    autojump_clock: MockClock,
) -> None:
    async def fall(depth: int) -> None:
        if depth:
            await fall(depth - 1)
        raise LookupError("what somebody wrote")

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fall, 200)

    spec = ChildSpec(name="deep", run=run, restart=Restart.TEMPORARY)
    with structlog.testing.capture_logs() as logs:
        await run_for(Supervisor("top", [spec], chance=random.Random(1)), 10)
    (entry,) = logs
    assert (entry["event"], entry["child"]) == ("child crashed", "deep")
    assert (entry["error"], entry["causes"]) == ("ExceptionGroup", ["LookupError"])
    assert entry["place"].startswith("tests/core/test_core_supervisor.py:")
    assert entry["place"].endswith(" fall")
    assert len(entry["frames"]) == 64
    assert "what somebody wrote" not in str(entry)


async def test_a_permanent_child_that_ends_by_itself_is_news(autojump_clock: MockClock) -> None:
    stage = Stage()
    for restart in Restart:
        stage.child(restart.value, first(1), restart=restart)
    with structlog.testing.capture_logs() as logs:
        await run_for(stage.supervisor(), 10)
    assert [(entry["event"], entry["child"]) for entry in logs] == [("child ended", "permanent")]
