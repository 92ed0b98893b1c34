"""A server's tree: what ends it, and what is run again in place."""

import random

import pytest
import trio
from trio.testing import MockClock

from commands.children import endless, escalating, every, jobs_supervisor, server_supervisor
from core.errors import EscalatedError
from core.supervisor import Supervisor


class Tree:
    """Two parts and two jobs in a server's shape. `crash(name)` has one crash."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._crashes: dict[str, trio.Event] = {}
        chance = random.Random(1)
        jobs = [endless("outbox", self._job("outbox")), every("keys", 300, self._job("keys"))]
        self.jobs = jobs_supervisor(jobs, chance=chance)
        parts = [
            escalating("leases", self._part("leases")),
            self.jobs.spec(),
            escalating("http", self._part("http")),
        ]
        self.server: Supervisor = server_supervisor(parts, chance=chance)

    def crash(self, name: str) -> None:
        self._crashes[name].set()

    def _job(self, name: str):
        async def run() -> None:
            self._crashes[name] = trio.Event()
            self.seen.append(f"{name} runs")
            try:
                await self._crashes[name].wait()
                raise ValueError
            finally:
                self.seen.append(f"{name} ends")

        return run

    def _part(self, name: str):
        job = self._job(name)

        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            task_status.started()
            await job()

        return run


async def test_a_job_has_as_long_to_stop_as_it_needs(autojump_clock: MockClock) -> None:
    stopped: list[str] = []

    def stops_within(name: str, seconds: float):
        async def run() -> None:
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(seconds)
                stopped.append(name)

        return run

    jobs = [
        endless("outbox", stops_within("outbox", 0.0)),
        endless("travel", stops_within("travel", 6.0), shutdown_after=7.0),
    ]
    async with trio.open_nursery() as nursery:
        await nursery.start(jobs_supervisor(jobs, chance=random.Random(1)).run)
        nursery.cancel_scope.cancel()
    assert stopped == ["travel", "outbox"]


async def expect_end(tree: Tree, words: str) -> None:
    with pytest.raises(EscalatedError, match=words):
        await tree.server.run()


@pytest.mark.parametrize(("part", "path"), [("leases", "server: leases"), ("http", "server: http")])
async def test_the_crash_of_a_part_ends_the_server_in_reverse_order(
    part: str, path: str, autojump_clock: MockClock
) -> None:
    tree = Tree()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect_end, tree, f"^{path} crashed too often$")
        await trio.sleep(1)
        tree.crash(part)
    others = {"leases": ["http", "outbox"], "http": ["outbox", "leases"]}[part]
    assert tree.seen[3:] == [f"{name} ends" for name in [part, *others]]


async def test_a_job_that_crashes_is_run_again_and_nothing_else_notices(
    autojump_clock: MockClock,
) -> None:
    tree = Tree()
    async with trio.open_nursery() as nursery:
        await nursery.start(tree.server.run)
        for _ in range(10):
            await trio.sleep(6)
            tree.crash("outbox")
        await trio.sleep(6)
        assert tree.seen.count("outbox runs") == 11
        assert "leases ends" not in tree.seen
        assert tree.jobs.statistics()["restarts_outbox"] == 10
        nursery.cancel_scope.cancel()


async def test_a_job_that_cannot_be_kept_ends_the_server(autojump_clock: MockClock) -> None:
    tree = Tree()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect_end, tree, "^server: jobs: outbox crashed too often$")
        while "leases ends" not in tree.seen:
            await trio.sleep(0.5)
            tree.crash("outbox")
    assert tree.seen.count("outbox runs") == 11
