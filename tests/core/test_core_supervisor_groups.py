"""The three strategies, and supervisors above supervisors: one rule of OTP's per test."""

import random

import pytest
import trio
from supervision_stage import FOREVER, NoStart, Stage, ends, first, run_for, starts
from trio.testing import MockClock

from core.errors import EscalatedError
from core.restart_policy import Restart, RestartIntensity
from core.supervisor import ChildSpec, Strategy, Supervisor

GROUPS = pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])


async def test_one_for_one_restarts_the_child_that_crashed_and_no_other(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    stage.child("a")
    stage.child("b", first(ValueError()))
    stage.child("c")
    supervisor = stage.supervisor()
    await run_for(supervisor, 10)
    assert stage.seen == [*starts("abc"), *ends("b"), *starts("b"), *ends("cba")]
    statistics = supervisor.statistics()
    assert (statistics["crashes"], statistics["restarts"], statistics["restarts_b"]) == (1, 1, 1)


async def test_one_for_all_stops_all_others_in_reverse_then_starts_all_in_order(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    for name in "abcd":
        stage.child(name, first(ValueError()) if name == "b" else lambda n: FOREVER, farewell=0.1)
    supervisor = stage.supervisor(Strategy.ONE_FOR_ALL)
    await run_for(supervisor, 10)
    assert stage.seen == [*starts("abcd"), *ends("bdca"), *starts("abcd"), *ends("dcba")]
    assert supervisor.statistics()["restarts"] == 4


async def test_rest_for_one_stops_and_starts_those_after_the_one_that_crashed(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    for name in "abcd":
        stage.child(name, first(ValueError()) if name == "b" else lambda n: FOREVER, farewell=0.1)
    await run_for(stage.supervisor(Strategy.REST_FOR_ONE), 10)
    assert stage.seen == [*starts("abcd"), *ends("bdc"), *starts("bcd"), *ends("dcba")]


@GROUPS
async def test_a_temporary_child_stopped_by_a_siblings_crash_stays_away(
    strategy: Strategy, autojump_clock: MockClock
) -> None:
    stage = Stage()
    stage.child("a", first(ValueError()))
    stage.child("b", restart=Restart.TEMPORARY)
    stage.child("c")
    await run_for(stage.supervisor(strategy), 10)
    assert stage.seen == [*starts("abc"), *ends("acb"), *starts("ac"), *ends("ca")]


@pytest.mark.parametrize("strategy", Strategy)
async def test_a_temporary_childs_own_crash_concerns_nobody(
    strategy: Strategy, autojump_clock: MockClock
) -> None:
    stage = Stage()
    stage.child("a")
    stage.child("b", first(ValueError()), restart=Restart.TEMPORARY)
    stage.child("c")
    await run_for(stage.supervisor(strategy, intensity=RestartIntensity(intensity=0)), 10)
    assert stage.seen == [*starts("abc"), *ends("b"), *ends("ca")]


@pytest.mark.parametrize("strategy", Strategy)
async def test_a_transient_childs_normal_end_concerns_nobody(
    strategy: Strategy, autojump_clock: MockClock
) -> None:
    stage = Stage()
    stage.child("a")
    stage.child("b", first(1), restart=Restart.TRANSIENT)
    stage.child("c")
    await run_for(stage.supervisor(strategy, intensity=RestartIntensity(intensity=0)), 10)
    assert stage.seen == [*starts("abc"), *ends("b"), *ends("ca")]


async def test_one_for_one_leaves_a_transient_child_ended_when_a_sibling_crashes(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    stage.child("a", lambda n: FOREVER if n > 1 else ValueError())
    stage.child("b", first(0.5), restart=Restart.TRANSIENT)
    await run_for(stage.supervisor(), 10)
    assert stage.starts_of("b") == 1


@GROUPS
async def test_a_group_is_started_whole_with_transient_children_that_had_ended(
    strategy: Strategy, autojump_clock: MockClock
) -> None:
    """OTP keeps the spec of a transient child that ended; `start_children` starts every spec."""
    stage = Stage()
    stage.child("a", first(ValueError()))
    stage.child("b", first(0.5), restart=Restart.TRANSIENT)
    await run_for(stage.supervisor(strategy), 10)
    assert stage.seen == [*starts("ab"), *ends("ba"), *starts("ab"), *ends("ba")]


@GROUPS
async def test_a_group_counts_as_one_restart(strategy: Strategy, autojump_clock: MockClock) -> None:
    stage = Stage()
    stage.child("a", lambda n: ValueError() if n < 3 else FOREVER)
    for name in "bcdef":
        stage.child(name)
    await run_for(stage.supervisor(strategy), 30)
    assert stage.starts_of("f") == 3


async def test_the_crash_of_a_child_that_is_being_stopped_does_not_count(
    autojump_clock: MockClock,
) -> None:
    async def sore(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("disturbed")

    stage = Stage()
    stage.child("a", first(ValueError()))
    stage.specs += [ChildSpec(name=f"sore {n}", run=sore) for n in range(5)]
    once = RestartIntensity(intensity=1, period=60)
    await run_for(stage.supervisor(Strategy.ONE_FOR_ALL, intensity=once), 10)
    assert stage.starts_of("a") == 2


@GROUPS
async def test_a_crash_at_the_same_moment_as_a_siblings_is_part_of_its_restart(
    strategy: Strategy, autojump_clock: MockClock
) -> None:
    stage = Stage()
    for name in "abc":
        stage.child(name, first(ValueError()), farewell=0)
    patient = RestartIntensity(intensity=3, period=60)
    await run_for(stage.supervisor(strategy, intensity=patient), 10)
    assert [stage.starts_of(name) for name in "abc"] == [2, 2, 2]
    assert stage.seen[-6:] == [*starts("abc"), *ends("cba")]


async def test_an_earlier_childs_crash_takes_the_waiting_restart_of_a_later_one_along(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    stage.child("a", first(1.5))
    stage.child("b", first(ValueError()))
    slow = RestartIntensity(intensity=2, period=60, backoff_first=8, backoff_most=8)
    await run_for(stage.supervisor(Strategy.REST_FOR_ONE, intensity=slow), 30)
    assert stage.seen == [*starts("ab"), *ends("ba"), *starts("ab"), *ends("ba")]


async def test_a_failed_start_inside_one_for_all_stops_and_starts_the_whole_again(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    lives = [FOREVER, NoStart(), FOREVER]
    stage.child("a", first(ValueError()))
    stage.child("b", lambda n: lives[n - 1])
    stage.child("c")
    await run_for(stage.supervisor(Strategy.ONE_FOR_ALL), 20)
    again = ["a starts", "b fails", "a ends", *starts("abc"), *ends("cba")]
    assert stage.seen == [*starts("abc"), *ends("acb"), *again]


async def test_a_failed_start_inside_rest_for_one_goes_on_from_there(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    lives = [FOREVER, NoStart(), FOREVER]
    stage.child("a", first(ValueError()))
    stage.child("b", lambda n: lives[n - 1])
    stage.child("c")
    await run_for(stage.supervisor(Strategy.REST_FOR_ONE), 20)
    again = ["a starts", "b fails", *starts("bc"), *ends("cba")]
    assert stage.seen == [*starts("abc"), *ends("acb"), *again]


async def test_a_new_life_waits_until_the_old_one_is_over(autojump_clock: MockClock) -> None:
    stage = Stage()
    stage.child("a", first(ValueError()))
    stage.child("stubborn", farewell=20, shutdown_after=1)
    await run_for(stage.supervisor(Strategy.ONE_FOR_ALL), 40)
    at = stage.seen.index
    assert stage.seen[at("stubborn ends") + 1] == "stubborn starts"


async def test_a_start_that_neither_succeeds_nor_ends_keeps_no_sibling_from_its_restart(
    autojump_clock: MockClock,
) -> None:
    lives = 0

    async def stubborn(*, task_status: trio.TaskStatus[None]) -> None:
        nonlocal lives
        lives += 1
        if lives == 1:
            task_status.started()
            await trio.sleep(1)
            raise ValueError
        if lives == 2:
            with trio.CancelScope(shield=True):
                await trio.sleep(100)
        task_status.started()
        await trio.sleep_forever()

    stage, often = Stage(), RestartIntensity(intensity=99, period=1_000)
    stage.specs.append(ChildSpec(name="a", run=stubborn, start_within=2, shutdown_after=1))
    stage.child("b", lambda n: 5.0)
    supervisor = stage.supervisor(intensity=often)
    await run_for(supervisor, 50)
    assert stage.starts_of("b") >= 5
    # Then it is over, and a life that waited for it begins: there are never two.
    lives, stage.seen = 0, []
    await run_for(supervisor, 150)
    assert lives == 3


async def test_a_first_start_that_neither_succeeds_nor_ends_stops_the_others_in_time(
    autojump_clock: MockClock,
) -> None:
    async def stubborn(*, task_status: trio.TaskStatus[None]) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(100)

    stage, began = Stage(), trio.current_time()
    ended: list[float] = []

    async def first(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time() - began)

    stage.specs.append(ChildSpec(name="a", run=first))
    stage.specs.append(ChildSpec(name="b", run=stubborn, start_within=2, shutdown_after=1))
    with pytest.raises(trio.TooSlowError, match="b did not start"):
        await stage.supervisor().run()
    assert ended == [pytest.approx(3)]


async def test_an_escalation_is_a_crash_to_the_supervisor_above(autojump_clock: MockClock) -> None:
    inner, outer = Stage(), Stage()
    inner.child("x", lambda n: ValueError() if n < 4 else FOREVER)
    inner.child("y")
    below = inner.supervisor(name="below")
    outer.child("a")
    outer.specs.append(below.spec(Restart.TRANSIENT))
    outer.child("z")
    supervisor = outer.supervisor(Strategy.REST_FOR_ONE)
    await run_for(supervisor, 60)
    assert outer.seen == [*starts("az"), *ends("z"), *starts("z"), *ends("za")]
    # Three lives are one too many for `below`; its second one begins with an empty count.
    assert inner.starts_of("x") == 4
    assert inner.starts_of("y") == 2
    assert supervisor.statistics()["restarts_below"] == 1


async def test_an_escalation_through_all_levels_names_its_path_and_stops_all_in_order(
    autojump_clock: MockClock,
) -> None:
    inner, outer = Stage(), Stage()
    inner.child("x", farewell=1)
    crash = ValueError()
    inner.child("y", lambda n: crash)
    outer.child("a", farewell=1)
    outer.specs.append(inner.supervisor(name="below").spec())
    none = RestartIntensity(intensity=0)
    outer.seen = inner.seen
    with pytest.raises(EscalatedError, match=r"^top: below: y crashed too often$") as caught:
        await outer.supervisor(intensity=none).run()
    assert inner.seen[-2:] == ends("xa")
    # What an operator is told goes by the crash behind it all (commands.troubles).
    below = caught.value.__cause__
    assert isinstance(below, EscalatedError)
    assert below.__cause__ is crash


async def test_a_temporary_child_lives_again_with_a_new_life_of_its_supervisor(
    autojump_clock: MockClock,
) -> None:
    inner, outer = Stage(), Stage()
    inner.child("t", first(1), restart=Restart.TEMPORARY)
    outer.child("a", first(5))
    outer.specs.append(inner.supervisor(name="below").spec())
    await run_for(outer.supervisor(Strategy.ONE_FOR_ALL), 20)
    assert inner.starts_of("t") == 2


async def test_a_supervisor_gives_its_child_supervisors_time_for_all_their_children(
    autojump_clock: MockClock,
) -> None:
    stage = Stage()
    for name in "abc":
        stage.child(name, farewell=4)
    inner = stage.supervisor(name="below")
    outer = Supervisor("top", [inner.spec()], chance=random.Random(1))
    await run_for(outer, 10)
    assert stage.seen == [*starts("abc"), *ends("cba")]
    assert outer.statistics()["running"] == 0
    assert inner.spec().start_within > sum(child.start_within for child in stage.specs)
