"""A PostgreSQL for a whole test session, and fresh databases on it."""

import itertools
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from urllib.parse import urlsplit

import trio

from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.embedded import Embedded
from storage.postgres.migrate import migrate
from storage.postgres.pool import Connection, Database

TEMPLATE = "caravan_template"
ANOTHER = "CARAVAN_TEST_DATABASE_URL"
"""Names a PostgreSQL to be tested instead of the embedded one, by a user that may create databases."""
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Given:
    """A server that somebody else runs."""

    dsn: str


@asynccontextmanager
async def fresh_dsn(server: Embedded | Given, bridge: AsyncioBridge) -> AsyncIterator[str]:
    """An empty, migrated database, dropped afterwards."""
    name = f"test_{next(_numbers)}"
    async with Database(server.dsn, bridge, size=1) as admin:
        await admin.call(_execute, copied(name))
        try:
            yield named(server.dsn, name)
        finally:
            with trio.CancelScope(shield=True):
                await admin.call(_execute, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def fresh_database(server: Embedded | Given) -> AsyncIterator[Database]:
    """A pool on an empty, migrated database of its own, with a second tenant."""
    async with (
        AsyncioBridge() as bridge,
        fresh_dsn(server, bridge) as dsn,
        Database(dsn, bridge, size=4) as database,
    ):
        await database.call(_execute, "INSERT INTO tenant (id, name) VALUES (2, 'other')")
        yield database


def copied(name: str) -> str:
    """The statement that makes a database as the template. Files are copied in half the time that
    it takes by way of the log, which is PostgreSQL's default (18 and 45 ms of a processor)."""
    return f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"


def named(dsn: str, name: str) -> str:
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


async def make_template(dsn: str) -> None:
    """Migrate once; each test's database is a copy."""
    async with AsyncioBridge() as bridge:
        async with Database(dsn, bridge, size=1) as admin:
            await admin.call(_execute, f"DROP DATABASE IF EXISTS {TEMPLATE}")
            await admin.call(_execute, f"CREATE DATABASE {TEMPLATE}")
        async with Database(named(dsn, TEMPLATE), bridge, size=1) as database:
            await migrate(database)


async def give_away(connection: Connection, shard: int) -> int:
    """The number under which another node owns the shard from now on."""
    fence: int = await connection.fetchval(
        "UPDATE shard_owner SET fence = fence + 1 WHERE shard_id = $1 RETURNING fence", shard
    )
    return fence


async def drop_template(dsn: str) -> None:
    """Leave a server that lives on as it was."""
    async with AsyncioBridge() as bridge, Database(dsn, bridge, size=1) as admin:
        await admin.call(_execute, f"DROP DATABASE IF EXISTS {TEMPLATE}")


async def _execute(connection: Connection, sql: str) -> None:
    await connection.execute(sql)


def started_in_thread(server: Embedded) -> Callable[[], None]:
    """Run the server beside the tests, which come and go with a trio of their own.

    Returns how to stop it, once it accepts connections; raises what kept it from that.
    """
    ready: SimpleQueue[Callable[[], object] | BaseException] = SimpleQueue()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(server.run)
            token = trio.lowlevel.current_trio_token()
            ready.put(lambda: token.run_sync_soon(nursery.cancel_scope.cancel))

    def run() -> None:
        try:
            trio.run(main)
        except BaseException as error:
            ready.put(error)
            raise

    thread = threading.Thread(target=run, name="postgres-for-tests")
    thread.start()
    answer = ready.get()
    if isinstance(answer, BaseException):
        raise answer

    def stop() -> None:
        answer()
        thread.join()

    return stop


async def until(claim: Callable[[], bool], *, within: float = 2.0) -> None:
    """Wait for what another process or thread will make true."""
    with trio.fail_after(within):
        while not claim():  # nobody there could set an event
            await trio.sleep(0.01)
