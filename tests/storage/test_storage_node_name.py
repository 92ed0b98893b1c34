"""Two servers with one name on one database, as processes of their own: one of them may not run."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import lease_node
import trio

from storage.postgres.pool import Connection, Database
from storage.sharding import SHARDS

ALL = str(SHARDS)
EXPIRE = "UPDATE node SET expires_at = clock_timestamp() - interval '1s' WHERE NOT dead"


class Process:
    """One node."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._said = b""

    async def line(self, within: float = 10.0) -> str:
        """What it says next."""
        assert self._process.stdout is not None
        with trio.fail_after(within):
            while b"\n" not in self._said:
                part = await self._process.stdout.receive_some()
                assert part, "it said no more"
                self._said += part
        line, _, self._said = self._said.partition(b"\n")
        return line.decode()

    async def status(self) -> int:
        with trio.fail_after(10):
            return await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    async def kill(self) -> None:
        self._process.kill()
        with trio.CancelScope(shield=True):
            await self._process.wait()
            if self._process.stdout is not None:
                await self._process.stdout.aclose()


@asynccontextmanager
async def a_node(dsn: str, name: str = "node-1") -> AsyncIterator[Process]:
    process = Process(
        await trio.lowlevel.open_process(
            [sys.executable, str(Path(lease_node.__file__)), dsn, name], stdout=subprocess.PIPE
        )
    )
    try:
        yield process
    finally:
        await process.kill()


async def execute(connection: Connection, sql: str) -> None:
    await connection.execute(sql)


async def fences(connection: Connection) -> list[tuple[int, int]]:
    rows = await connection.fetch("SELECT DISTINCT incarnation, fence FROM shard_owner")
    return [tuple(row) for row in rows]


async def test_a_second_node_of_a_name_is_refused_and_the_first_keeps_what_it_has(
    database: Database, dsn: str
) -> None:
    async with a_node(dsn) as first:
        assert await first.line() == ALL
        held = await database.call(fences)
        async with a_node(dsn) as second:
            said = await second.line()
            assert '"node-1"' in said
            assert "CARAVAN_NODE_ID" in said
            assert await second.status() == 2
        assert first.is_running
        assert await database.call(fences) == held


async def test_who_was_killed_is_back_at_once_under_its_name(dsn: str) -> None:
    for _ in range(3):
        async with a_node(dsn) as node:
            assert await node.line() == ALL
            began = trio.current_time()
            await node.kill()
            async with a_node(dsn) as again:
                assert await again.line() == ALL
                # Python's own start is in it; a lease lasts for ten seconds.
                assert trio.current_time() - began < 3.0


async def test_who_was_frozen_past_its_lease_is_replaced_and_ends_when_it_thaws(
    database: Database, dsn: str
) -> None:
    async with a_node(dsn) as frozen:
        assert await frozen.line() == ALL
        frozen.send(signal.SIGSTOP)
        await database.call(execute, EXPIRE)
        async with a_node(dsn) as new:
            assert await new.line() == ALL
            held = await database.call(fences)
            frozen.send(signal.SIGCONT)
            assert '"node-1"' in await frozen.line()
            assert await frozen.status() == 2
            assert new.is_running
            assert await database.call(fences) == held


async def test_a_connection_that_broke_costs_a_node_neither_name_nor_shards(
    database: Database, dsn: str
) -> None:
    async with a_node(dsn) as node:
        assert await node.line() == ALL
        held = await database.call(fences)
        await database.call(
            execute,
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted",
        )
        async with a_node(dsn, "node-2") as other:
            assert await other.line() == "0"
            with trio.fail_after(10):
                while not await database.call(both_hold_their_names):
                    await trio.sleep(0.05)
        assert node.is_running
        assert await database.call(fences) == held


async def both_hold_their_names(connection: Connection) -> bool:
    count: int = await connection.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    )
    return count == 2
