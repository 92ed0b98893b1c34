import asyncio
import gc
import ssl
import weakref
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import asyncpg
import pytest
import trio

from core.errors import Unavailable
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres import pool
from storage.postgres.pool import (
    OLDEST_VERSION,
    Connection,
    Database,
    DatabaseUnusableError,
    is_away,
)

ID = "018f3a54-7c1b-7c1b-8c1b-018f3a547c1b"


def _untrusted(why: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = why
    return error


def _raising(error: Exception) -> Callable[..., Awaitable[None]]:
    """As a crossing that fails so."""

    async def cross(*_: object) -> None:
        if is_away(error):
            raise Unavailable from error
        raise error

    return cross


async def one(connection: Connection, sql: str, *args: object) -> object:
    return await connection.fetchval(sql, *args)


async def test_a_uuid_is_a_lower_case_string_in_both_directions(database: Database) -> None:
    assert await database.call(one, "SELECT $1::uuid", ID.upper()) == ID
    assert await database.call(one, "SELECT $1::uuid[]", [ID, ID]) == [ID, ID]
    with pytest.raises(asyncpg.DataError):
        await database.call(one, "SELECT $1::uuid", "not-a-uuid")


async def test_a_cancelled_call_is_cancelled_in_the_database_too(database: Database) -> None:
    with trio.move_on_after(0.1) as scope:
        await database.call(one, "SELECT pg_sleep(60)")
    assert scope.cancelled_caught
    assert (
        await database.call(
            one, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sl%'"
        )
        == 0
    )


async def test_a_call_leaves_nothing_of_who_made_it(database: Database) -> None:
    """A statement that is kept open for minutes, and a connection for hours, have timers: what a request
    brought along (a card of 4 MiB, a password) is not to be kept by them."""

    class Request:
        pass

    asked_by: ContextVar[Request] = ContextVar("asked_by")
    gone: list[weakref.ref[Request]] = []

    async def ask() -> None:
        asked_by.set(Request())
        gone.append(weakref.ref(asked_by.get()))
        await database.call(one, "SELECT $1::text", "what nobody asked before")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
    assert await database.call(one, "SELECT 1") == 1  # the other thread is through with the first

    gc.collect()
    assert gone[0]() is None


async def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    async def two(connection: Connection) -> None:
        await connection.execute("INSERT INTO tenant VALUES (2, 'two')")
        await connection.execute("INSERT INTO tenant VALUES (2, 'again')")

    with pytest.raises(asyncpg.UniqueViolationError):
        await database.transaction(two)
    assert await database.call(one, "SELECT count(*) FROM tenant") == 1


async def test_an_error_tells_nothing_of_a_row_to_the_log(database: Database) -> None:
    """What is in one may be somebody's address, or what they wrote."""

    async def twice(connection: Connection) -> None:
        await connection.execute("INSERT INTO tenant VALUES (2, 'ada@example.org')")
        await connection.execute("INSERT INTO tenant VALUES (NULL, 'ada@example.org')")

    async with database.own_connection() as own:
        for call in (database.call, database.transaction, own.call):
            with pytest.raises(asyncpg.IntegrityConstraintViolationError) as crash:
                await call(twice)
            assert "violates" in str(crash.value)
            assert "ada@example.org" not in str(crash.value)


async def test_a_broken_connection_is_unavailable_and_the_pool_heals(database: Database) -> None:
    with pytest.raises(Unavailable):
        await database.call(one, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert await database.call(one, "SELECT 1") == 1
    assert database.statistics()["away"] == 1


async def test_whoever_falls_silent_in_a_transaction_does_not_keep_its_locks(
    dsn: str, bridge: AsyncioBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SILENT_WITHIN", 0.05)
    has_it = trio.Event()

    async def freeze(connection: Connection) -> None:
        await connection.execute("UPDATE tenant SET name = 'mine'")
        bridge.to_trio(has_it.set)
        await asyncio.Event().wait()

    async def wake_up_without(database: Database) -> None:
        with pytest.raises(Unavailable):
            await database.transaction(freeze)

    async with Database(dsn, bridge) as database, trio.open_nursery() as nursery:
        nursery.start_soon(wake_up_without, database)
        await has_it.wait()
        await database.call(one, "UPDATE tenant SET name = 'ours' RETURNING true")
        nursery.cancel_scope.cancel()


async def test_a_server_that_only_reads_now_is_left_for_the_one_that_writes(
    dsn: str, bridge: AsyncioBridge
) -> None:
    """As after a failover: the address leads elsewhere, the open connection does not."""
    write = "UPDATE tenant SET name = 'ours' RETURNING true"
    async with Database(dsn, bridge, size=1) as database:
        for how in (database.call, database.transaction):
            await database.call(one, "SET default_transaction_read_only = on")
            with pytest.raises(Unavailable):
                await how(one, write)
            assert await how(one, write)


async def test_a_migration_beneath_a_running_server_is_a_moments_trouble(
    database: Database,
) -> None:
    async def names(connection: Connection) -> list[str]:
        return [row["name"] for row in await connection.fetch("SELECT * FROM tenant")]

    assert await database.transaction(names) == ["default"]
    async with database.own_connection() as newer:
        await newer.call(one, "ALTER TABLE tenant ADD COLUMN motto text")
    with pytest.raises(Unavailable):
        await database.transaction(names)
    assert await database.transaction(names) == ["default"]


async def test_a_connection_of_ones_own_is_a_fresh_one_after_a_command_that_took_too_long(
    database: Database,
) -> None:
    async with database.own_connection(command_within=0.05) as own:
        first = await own.call(one, "SELECT pg_backend_pid()")
        with pytest.raises(Unavailable):
            await own.call(one, "SELECT pg_sleep(60)")
        assert await own.call(one, "SELECT pg_backend_pid()") != first


async def test_a_connection_of_ones_own_survives_a_statement_that_is_refused(
    database: Database,
) -> None:
    async with database.own_connection() as own:
        first = await own.call(one, "SELECT pg_backend_pid()")
        with pytest.raises(asyncpg.DataError):
            await own.call(one, "SELECT 1 / 0")
        assert await own.call(one, "SELECT pg_backend_pid()") == first


async def test_a_server_that_is_not_there_is_unavailable(bridge: AsyncioBridge) -> None:
    nowhere = "postgresql://postgres@/postgres?host=/nonexistent"
    async with Database(nowhere, bridge) as database:
        with pytest.raises(Unavailable):
            await database.call(one, "SELECT 1")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_untrusted("certificate has expired"), "not trusted: certificate has expired"),
        (FileNotFoundError(2, "No such file or directory", "/ca.pem"), "directory: /ca.pem"),
        (ConnectionRefusedError(111, "Connection refused"), "(Connection refused)"),
        (ValueError("invalid port: 'secret-word'"), "this is no address"),
        (asyncpg.ClientConfigurationError("`sslmode` must be one of: allow"), "`sslmode`"),
        (asyncpg.InsufficientPrivilegeError("denied\nHINT: ask"), "(denied)"),
    ],
)
async def test_why_a_database_cannot_be_used_is_one_line_without_the_password(
    error: Exception, words: str, bridge: AsyncioBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Database("postgresql://u:secret-word@/x", bridge) as database:
        monkeypatch.setattr(database, "_cross", _raising(error))
        with pytest.raises(DatabaseUnusableError) as caught:
            await database.reach()
    said = str(caught.value)
    assert words in said
    assert "DATABASE_URL" in said
    assert "secret-word" not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            asyncpg.DiskFullError("could not write init file: No space left on device"),
            "(could not write init file: No space left on device). Free space on its disk.",
        ),
        (
            asyncpg.TooManyConnectionsError("sorry, too many clients already"),
            "(sorry, too many clients already). Its own log says more.",
        ),
        (
            asyncpg.CannotConnectNowError("the database system is starting up"),
            "(the database system is starting up). Its own log says more.",
        ),
        (
            asyncpg.PostgresIOError("could not read file"),
            "(could not read file). Its own log says more.",
        ),
    ],
)
async def test_a_database_that_is_ill_is_not_said_to_be_at_another_address(
    error: Exception, said: str, bridge: AsyncioBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Database("postgresql:///x", bridge) as database:
        monkeypatch.setattr(database, "_cross", _raising(error))
        with pytest.raises(DatabaseUnusableError) as caught:
            await database.reach()
    assert str(caught.value) == f"The database cannot be used {said}"


async def test_a_postgresql_that_is_too_old_is_named(
    bridge: AsyncioBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cross(*_: object) -> int:
        return OLDEST_VERSION - 1

    async with Database("postgresql:///x", bridge) as database:
        monkeypatch.setattr(database, "_cross", cross)
        with pytest.raises(DatabaseUnusableError, match="PostgreSQL 14, and Caravan needs 15"):
            await database.reach()
