"""One embedded PostgreSQL per test session, and a fresh migrated database per test that asks for one."""

import itertools
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
import trio

from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.embedded import Embedded
from storage.postgres.migrate import migrate
from storage.postgres.pool import Connection, Database

TEMPLATE = "caravan_template"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Embedded]:
    """A running server; in a thread with a trio of its own, because tests come and go."""
    data_dir = Path(tempfile.mkdtemp(prefix="caravan-tests-"))
    data_dir.chmod(0o711)  # ours: the server's user may pass through, so nothing lands elsewhere
    server = Embedded(data_dir, settings={"fsync": "off", "shared_buffers": "32MB"})
    stop, thread = _started_in_thread(server)
    try:
        trio.run(_make_template, server.dsn)
        yield server
    finally:
        stop()
        thread.join()
        shutil.rmtree(data_dir)


@pytest.fixture
async def bridge() -> AsyncIterator[AsyncioBridge]:
    async with AsyncioBridge() as bridge:
        yield bridge


@pytest.fixture
async def dsn(postgres_server: Embedded, bridge: AsyncioBridge) -> AsyncIterator[str]:
    """An empty, migrated database of the test's own."""
    name = f"test_{next(_numbers)}"
    async with Database(postgres_server.dsn, bridge, size=1) as admin:
        await admin.call(_execute, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield _named(postgres_server.dsn, name)
        await admin.call(_execute, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(dsn: str, bridge: AsyncioBridge) -> AsyncIterator[Database]:
    """A pool on the test's own database."""
    async with Database(dsn, bridge, size=4) as database:
        yield database


def _named(dsn: str, name: str) -> str:
    return dsn.replace("@/postgres?", f"@/{name}?")


async def _make_template(dsn: str) -> None:
    async with AsyncioBridge() as bridge:
        async with Database(dsn, bridge, size=1) as admin:
            await admin.call(_execute, f"CREATE DATABASE {TEMPLATE}")
        async with Database(_named(dsn, TEMPLATE), bridge, size=1) as database:
            await migrate(database)


async def _execute(connection: Connection, sql: str) -> None:
    await connection.execute(sql)


def _started_in_thread(server: Embedded):  # type: ignore[no-untyped-def]
    """Returns (stop, thread) once the server accepts connections; raises what kept it from that."""
    ready: SimpleQueue[object] = SimpleQueue()

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
    stop = ready.get()
    if isinstance(stop, BaseException):
        raise stop
    return stop, thread
