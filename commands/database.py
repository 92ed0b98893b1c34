"""The database of the server that this machine runs, for commands that work beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from commands.data_directory import find_server, prepare
from core.config import Config
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.embedded import Embedded
from storage.postgres.migrate import migrate
from storage.postgres.pool import Database


@asynccontextmanager
async def dsn_of(config: Config) -> AsyncIterator[str]:
    """The configured database, a running server's, or our own for a while."""
    data_dir = prepare(config.data_dir)
    running = find_server(data_dir)
    dsn = config.database_url or (running.database if running else None)
    async with trio.open_nursery() as nursery:
        if dsn is None:
            dsn = str(await nursery.start(Embedded(data_dir).run))
        yield dsn
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def database_of(config: Config) -> AsyncIterator[Database]:
    """Migrated."""
    async with (
        dsn_of(config) as dsn,
        AsyncioBridge() as bridge,
        Database(dsn, bridge, size=1) as database,
    ):
        await database.reach()
        await migrate(database)
        yield database
