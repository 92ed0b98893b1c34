"""The connection that trio waits for itself, and what goes over it."""

import random
from collections.abc import AsyncIterator

import psycopg
import pytest
import trio
from log_worlds import TENANT, FixedClock, room, text, user

from core.errors import Unavailable
from core.ports.message_log import Append, LogRow, MembershipChange, Outcome
from storage.postgres import loop_connection
from storage.postgres.binary import (
    BYTEA,
    INT2,
    INT4,
    INT8,
    bigint,
    integers,
    strings,
    texts,
    uuids,
)
from storage.postgres.loop_connection import TRIED_AGAIN_AFTER, LoopConnection
from storage.postgres.message_log import PostgresMessageLog
from storage.postgres.pool import Connection, Database
from storage.postgres.shards import PostgresLeases

NOWHERE = "postgresql://postgres@/postgres?host=/nonexistent"


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[LoopConnection]:
    connection = LoopConnection(dsn, command_within=10)
    yield connection
    connection.close()


async def row(connection: Connection, sql: str) -> tuple[object, ...]:
    found = await connection.fetchrow(sql)
    assert found is not None
    return tuple(found)


async def test_arrays_arrive_as_they_are(connection: LoopConnection, database: Database) -> None:
    made = """CREATE TABLE arrived (number int8, i2 int2[], i4 int4[], i8 int8[], words text[],
                                    ids uuid[], bodies bytea[])"""
    assert await connection.execute(made, [])
    rng = random.Random(21)

    def some(*least_and_most: int) -> list[int | None]:
        least, most = least_and_most
        values = [least, most, 0, -1, None, *(rng.randint(least, most) for _ in range(4))]
        return rng.sample(values, rng.randrange(len(values)))

    for number in range(40):
        words = rng.sample(["", "a", "Zürich", "\U0001f42a", "'; --", "\\x00", "NULL", "{}"], 5)
        ids = [f"{rng.getrandbits(128):032x}" for _ in range(rng.randrange(4))]
        ids = [f"{i[:8]}-{i[8:12]}-{i[12:16]}-{i[16:20]}-{i[20:]}" for i in ids]
        columns = (
            some(-(2**15), 2**15 - 1),
            some(-(2**31), 2**31 - 1),
            some(-(2**63), 2**63 - 1),
            words[: rng.randrange(6)],
            [*ids, *[None] * rng.randrange(2)],
            rng.sample([b"", b"\x00\xff", b"\\x41", None, rng.randbytes(300)], rng.randrange(5)),
        )
        i2, i4, i8, words, ids, bodies = columns
        values = [bigint(number), integers(INT2, i2), integers(INT4, i4), integers(INT8, i8)]
        values += [texts(words), uuids(ids), strings(BYTEA, bodies)]
        sql = "INSERT INTO arrived VALUES ($1, $2, $3, $4, $5, $6, $7)"
        assert await connection.execute(sql, values)
        stored = f"SELECT i2, i4, i8, words, ids, bodies FROM arrived WHERE number = {number}"
        assert await database.call(row, stored) == columns


async def test_a_statement_larger_than_what_the_kernel_takes_at_once(
    connection: LoopConnection, database: Database
) -> None:
    assert await connection.execute("CREATE TABLE arrived (bodies bytea[])", [])
    bodies = strings(BYTEA, [bytes(1_000_000)] * 8)
    assert await connection.execute("INSERT INTO arrived VALUES ($1)", [bodies])
    assert await database.call(row, "SELECT length(bodies[8]) FROM arrived") == (1_000_000,)


async def test_a_server_that_only_reads_now_is_left(connection: LoopConnection) -> None:
    write = "UPDATE tenant SET name = 'ours'"
    assert await connection.execute("SET default_transaction_read_only = on", [])
    assert not await connection.execute(write, [])
    assert await connection.execute(write, [])


async def test_what_is_refused_was_not_done_and_the_connection_stays(
    connection: LoopConnection, database: Database
) -> None:
    mine = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT 1 / %' AND pid != pg_backend_pid()"
    assert not await connection.execute("SELECT 1 / $1::int8", [bigint(0)])
    first = await database.call(row, mine)
    assert not await connection.execute("SELECT nothing FROM nowhere", [])
    assert await connection.execute("SELECT 1 / $1::int8", [bigint(1)])
    assert await database.call(row, mine) == first
    assert connection.executed == 1


@pytest.mark.parametrize(
    "sql", ["SELECT pg_sleep(60)", "SELECT pg_terminate_backend(pg_backend_pid())"]
)
async def test_what_takes_too_long_or_loses_its_server_is_unknown_and_the_next_has_a_fresh_one(
    dsn: str, sql: str
) -> None:
    connection = LoopConnection(dsn, command_within=0.5)
    with pytest.raises(Unavailable):
        await connection.execute(sql, [])
    assert await connection.execute("SELECT 1", [])
    connection.close()


async def test_a_connection_that_was_lost_while_nothing_was_asked_is_replaced_unnoticed(
    connection: LoopConnection, database: Database
) -> None:
    assert await connection.execute("SELECT 1", [])
    ended = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                WHERE query = 'SELECT 1' AND pid != pg_backend_pid()"""
    assert await database.call(row, ended) == (True,)
    assert await connection.execute("SELECT 1", [])


async def test_a_server_that_is_not_there_is_tried_every_ten_seconds(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []

    async def noted(dsn: str) -> bytes:
        tried.append(trio.current_time())
        return await resolved(dsn)

    resolved = loop_connection._resolved
    monkeypatch.setattr(loop_connection, "_resolved", noted)
    connection = LoopConnection(NOWHERE, command_within=10)
    for _ in range(30):
        assert not await connection.execute("SELECT 1", [])
        await trio.sleep(1)
    assert [after - tried[0] for after in tried] == [0, TRIED_AGAIN_AFTER, 2 * TRIED_AGAIN_AFTER]


async def test_a_host_is_looked_up_without_holding_the_loop_and_each_address_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def two(host: str, port: object, **_: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", ("::1", port, 0, 0)), (0, 0, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(trio.socket, "getaddrinfo", two)
    found = psycopg.conninfo.conninfo_to_dict(
        (await loop_connection._resolved("postgresql://u@db.example:5433/d")).decode()
    )
    assert found["host"] == "db.example,db.example"
    assert found["hostaddr"] == "::1,127.0.0.1"
    assert found["port"] == "5433"


@pytest.mark.parametrize(
    "address", ["postgresql://u@one,two/d", "postgresql://u@/d?no_such_option=1", "no address"]
)
async def test_addresses_that_are_asyncpgs_alone_are_no_error(address: str) -> None:
    assert not await LoopConnection(address, command_within=1).execute("SELECT 1", [])


@pytest.mark.parametrize("has_connection", [True, False])
async def test_the_log_writes_over_it_what_is_one_statement_and_all_else_without(
    database: Database, has_connection: bool
) -> None:
    leases = PostgresLeases(database, node="tested")
    log = PostgresMessageLog(database, FixedClock())
    if not has_connection:
        log._usual_writer = LoopConnection(NOWHERE, command_within=1)

    def appended(event: LogRow, memberships: tuple[MembershipChange, ...] = ()) -> Append:
        fence = leases.fence(room(1))
        return Append(
            tenant_id=TENANT,
            room_id=room(1),
            fence=fence,
            rows=(event,),
            memberships=memberships,
        )

    joined = MembershipChange(user_id=user(1), role="member", state="joined", from_seq=1)
    async with trio.open_nursery() as nursery:
        await nursery.start(leases.run)
        await nursery.start(log.run)
        for seq, memberships in ((1, ()), (2, (joined,)), (3, ())):
            append = appended(text(seq), memberships=memberships)
            assert await outcome(log, append) is Outcome.STORED
        again = appended(text(4, client_id=text(1).client_id))
        assert await outcome(log, again) is Outcome.DUPLICATE
        nursery.cancel_scope.cancel()
    assert log.statistics()["usual_batches"] == (2 if has_connection else 0)
    assert [event.seq for event in await log.read(TENANT, room(1), after=0, limit=9)] == [1, 2, 3]


async def outcome(log: PostgresMessageLog, append: Append) -> Outcome:
    heard: list[Outcome] = []
    known = trio.Event()

    def done(outcome: Outcome) -> None:
        heard.append(outcome)
        known.set()

    log.append_nowait(append, done)
    with trio.fail_after(10):
        await known.wait()
    return heard[0]
