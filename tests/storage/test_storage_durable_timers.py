"""Durable timers over a real PostgreSQL: a killed process, and what looking costs."""

import subprocess
import sys
from pathlib import Path

import pytest
import timer_node
import trio
from postgres_for_tests import give_away, until
from timer_node import SLEEPER, LaterClock, a_node

from core.clock import SystemClock
from core.ports.durable_timers import Outlook, SetTimer, TimerDue
from storage.postgres import durable_timers
from storage.postgres.durable_timers import PostgresDurableTimers
from storage.postgres.pool import Connection, Database
from storage.sharding import SHARDS


@pytest.mark.parametrize("stage", ["claim", "finish"])
async def test_a_timer_outlives_the_process_that_was_killed_while_it_delivered(
    database: Database, dsn: str, stage: str
) -> None:
    timers = PostgresDurableTimers(database)
    due_at = SystemClock().now_ms()
    await timers.apply(
        SetTimer(tenant_id=1, address=SLEEPER.at("a"), name="payment", due_at=due_at)
    )
    await kill_at(dsn, stage)
    assert await database.call(count_rows) == 1
    woken: list[TimerDue] = []
    async with a_node(database, timers, LaterClock(), woken) as service:
        await until(lambda: service.statistics()["fired"] == 1, within=10)
        await until(lambda: service.statistics()["in_flight"] == 0, within=10)
    assert woken == [TimerDue(name="payment", due_at=due_at)]
    assert await database.call(count_rows) == 0


async def kill_at(dsn: str, stage: str) -> None:
    """Run a node until it has got as far as `stage`; then kill -9."""
    process = await trio.lowlevel.open_process(
        [sys.executable, str(Path(timer_node.__file__)), dsn, stage], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        with trio.fail_after(20):
            said = b""
            while said != f"{stage}\n".encode():
                part = await process.stdout.receive_some()
                assert part, "it ended by itself"
                said += part
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await process.stdout.aclose()


async def count_rows(connection: Connection) -> int:
    count: int = await connection.fetchval("SELECT count(*) FROM durable_timer")
    return count


async def test_looking_reads_the_index_and_not_the_far_future(database: Database) -> None:
    await database.call(fill, 50_000)
    plan = await database.call(explain_claim)
    assert "durable_timer_wake" in plan
    assert "Seq Scan" not in plan


async def test_a_claim_takes_no_more_than_it_may_whatever_the_plan(database: Database) -> None:
    await database.call(fill, 200)
    assert await database.call(claim_by_nested_loops) == 10


async def test_who_was_replaced_and_has_not_noticed_claims_nothing(database: Database) -> None:
    await database.call(fill, 1)
    timers, shards = PostgresDurableTimers(database), dict.fromkeys(range(SHARDS), 0)
    shards[1] = await database.call(give_away, 1)
    at = {"now": 2 * 10**12, "until": 2 * 10**12 + 15_000, "most": 10}
    claimed, outlook = await timers.claim({**shards, 1: 0}, **at)
    assert (claimed, outlook) == ([], Outlook())
    [_], _ = await timers.claim(shards, **at)


async def claim_by_nested_loops(connection: Connection) -> int:
    async with connection.transaction():
        for plan in ("hashjoin", "mergejoin", "hashagg", "sort", "material"):
            await connection.execute(f"SET LOCAL enable_{plan} = off")
        rows = await connection.fetch(
            durable_timers._CLAIM, list(range(1024)), 2 * 10**12, 2 * 10**12 + 15_000, 10
        )
    return len(rows)


async def fill(connection: Connection, rows: int) -> None:
    await connection.execute(
        """INSERT INTO durable_timer (due_at, wake_at, tenant_id, shard, kind, key, name)
           SELECT 10^12 + n, 10^12 + n, 1, n % 1024, 'k', n::text, 'n'
             FROM generate_series(1, $1) AS n""",
        rows,
    )
    await connection.execute("ANALYZE durable_timer")


async def explain_claim(connection: Connection) -> str:
    rows = await connection.fetch(
        "EXPLAIN " + durable_timers._CLAIM, list(range(1024)), 10**12, 10**12 + 15_000, 64
    )
    return "\n".join(row[0] for row in rows)
