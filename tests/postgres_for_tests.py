"""A PostgreSQL for a whole test session, and fresh databases on it."""

import itertools
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from queue import SimpleQueue

import trio

from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.embedded import Embedded
from storage.postgres.migrate import migrate
from storage.postgres.pool import Connection, Database

TEMPLATE = "caravan_template"
_numbers = itertools.count(1)


@asynccontextmanager
async def fresh_dsn(server: Embedded, bridge: AsyncioBridge) -> AsyncIterator[str]:
    """An empty, migrated database, dropped afterwards."""
    name = f"test_{next(_numbers)}"
    async with Database(server.dsn, bridge, size=1) as admin:
        await admin.call(_execute, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        try:
            yield _named(server.dsn, name)
        finally:
            with trio.CancelScope(shield=True):
                await admin.call(_execute, f"DROP DATABASE {name} WITH (FORCE)")


def _named(dsn: str, name: str) -> str:
    return dsn.replace("@/postgres?", f"@/{name}?")


async def make_template(dsn: str) -> None:
    """Migrate once; each test's database is a copy."""
    async with AsyncioBridge() as bridge:
        async with Database(dsn, bridge, size=1) as admin:
            await admin.call(_execute, f"CREATE DATABASE {TEMPLATE}")
        async with Database(_named(dsn, TEMPLATE), bridge, size=1) as database:
            await migrate(database)


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
