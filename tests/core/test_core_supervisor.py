"""The static tree: order, restart types, intensity, escalation."""

import random
from collections.abc import Callable

import pytest
import trio
import trio.testing

from core.errors import EscalatedError
from core.restart_policy import Restart, RestartPolicy
from core.supervisor import ChildSpec, Supervisor

POLICY = RestartPolicy(intensity=2, period=60, backoff_first=1, backoff_most=8)


class Stand:
    """Children that note what happens to them, and the supervisor above them."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.specs: list[ChildSpec] = []

    def child(
        self,
        name: str,
        life: Callable[[int], float | Exception | None] = lambda n: float("inf"),
        *,
        policy: RestartPolicy = POLICY,
        restart: Restart = Restart.PERMANENT,
        farewell: float = 0,
        shutdown_after: float = 5.0,
    ) -> None:
        """`life(n)`: how long the n-th life lasts, an exception to crash with after 1 s, or None."""
        lives = 0

        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            nonlocal lives
            lives += 1
            self.seen.append(f"{name} starts")
            task_status.started()
            outcome = life(lives)
            try:
                if isinstance(outcome, Exception):
                    await trio.sleep(1)
                    raise outcome
                await trio.sleep(outcome or 0)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(farewell)
                self.seen.append(f"{name} ends")

        policy = RestartPolicy(
            restart=restart,
            intensity=policy.intensity,
            period=policy.period,
            backoff_first=policy.backoff_first,
            backoff_most=policy.backoff_most,
        )
        self.specs.append(
            ChildSpec(name=name, run=run, restart=policy, shutdown_after=shutdown_after)
        )

    def supervisor(self) -> Supervisor:
        return Supervisor("top", self.specs, chance=random.Random(1))


async def run_for(supervisor: Supervisor, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await supervisor.run()


async def test_children_start_in_order_and_stop_in_reverse(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stand = Stand()
    for name in "abc":
        stand.child(name, farewell=1)
    await run_for(stand.supervisor(), 10)
    assert stand.seen == [*(f"{n} starts" for n in "abc"), *(f"{n} ends" for n in "cba")]


async def test_a_child_starts_only_after_the_one_before_has_started(
    autojump_clock: trio.testing.MockClock,
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
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        seen.append("all are ready")
        assert supervisor.statistics()["running"] == 2
        nursery.cancel_scope.cancel()
    assert seen == ["slow is ready", "next", "all are ready"]


async def test_a_crash_restarts_that_child_alone(autojump_clock: trio.testing.MockClock) -> None:
    stand = Stand()
    stand.child("a")
    stand.child("b", lambda n: ValueError() if n == 1 else float("inf"))
    stand.child("c")
    supervisor = stand.supervisor()
    await run_for(supervisor, 10)
    assert stand.seen[:5] == ["a starts", "b starts", "c starts", "b ends", "b starts"]
    assert stand.seen.count("a starts") == stand.seen.count("c starts") == 1
    statistics = supervisor.statistics()
    assert (statistics["crashes"], statistics["restarts"], statistics["restarts_b"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("restart", "after_an_end", "after_a_crash"),
    [(Restart.PERMANENT, 2, 2), (Restart.TRANSIENT, 1, 2), (Restart.TEMPORARY, 1, 1)],
)
async def test_the_restart_type_decides_who_lives_again(
    restart: Restart,
    after_an_end: int,
    after_a_crash: int,
    autojump_clock: trio.testing.MockClock,
) -> None:
    stand = Stand()
    stand.child("ends", lambda n: 1 if n == 1 else float("inf"), restart=restart)
    stand.child("crashes", lambda n: ValueError() if n == 1 else float("inf"), restart=restart)
    await run_for(stand.supervisor(), 10)
    assert stand.seen.count("ends starts") == after_an_end
    assert stand.seen.count("crashes starts") == after_a_crash


async def test_too_many_crashes_escalate_after_an_ordered_stop(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stand = Stand()
    stand.child("a")
    stand.child("b", lambda n: ValueError())
    stand.child("c")
    with pytest.raises(EscalatedError, match="top: b"):
        await stand.supervisor().run()
    assert stand.seen.count("b starts") == 3
    assert stand.seen[-2:] == ["c ends", "a ends"]


async def test_crashes_outside_the_period_do_not_add_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stand = Stand()
    policy = RestartPolicy(intensity=1, period=3, backoff_first=5, backoff_most=5)
    stand.child("a", lambda n: ValueError(), policy=policy)
    await run_for(stand.supervisor(), 100)
    assert stand.seen.count("a starts") > 10


async def test_a_first_start_that_fails_ends_it_with_the_childs_own_error(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def fail(*, task_status: trio.TaskStatus[None]) -> None:
        raise OSError("the port is in use")

    stand = Stand()
    stand.child("a")
    stand.specs.append(ChildSpec(name="b", run=fail))
    stand.child("c")
    with pytest.raises(OSError, match="in use"):
        await stand.supervisor().run()
    assert stand.seen == ["a starts", "a ends"]


async def test_a_first_start_that_hangs_can_be_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def hang(*, task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep_forever()

    stand = Stand()
    stand.child("a")
    stand.specs.append(ChildSpec(name="b", run=hang))
    await run_for(stand.supervisor(), 3)
    assert stand.seen == ["a starts", "a ends"]


async def test_a_child_that_does_not_stop_holds_the_others_up_only_for_its_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stand = Stand()
    stand.child("a")
    stand.child("b", farewell=60, shutdown_after=2)
    began = trio.current_time()
    await run_for(stand.supervisor(), 10)
    assert stand.seen == ["a starts", "b starts", "a ends", "b ends"]
    assert trio.current_time() - began == pytest.approx(70)


async def test_a_stop_during_the_backoff_does_not_wait_for_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stand = Stand()
    policy = RestartPolicy(backoff_first=1_000, backoff_most=1_000)
    stand.child("a", lambda n: ValueError(), policy=policy)
    began = trio.current_time()
    await run_for(stand.supervisor(), 10)
    assert trio.current_time() - began == pytest.approx(10)
    assert stand.seen == ["a starts", "a ends"]


async def test_a_supervisor_leaves_no_task_behind(autojump_clock: trio.testing.MockClock) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    stand = Stand()
    for name in "abc":
        stand.child(name, lambda n: ValueError() if n < 3 else float("inf"))
    await run_for(stand.supervisor(), 30)
    assert trio.lowlevel.current_statistics().tasks_living == before
