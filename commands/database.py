"""The database of the server that this machine runs, for commands that work beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from commands.data_directory import DataDirectoryError, find_server, prepare, require_restored
from core.config import Config
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.embedded import Embedded
from storage.postgres.migrate import migrate
from storage.postgres.places import holds_cluster
from storage.postgres.pool import Database


@asynccontextmanager
async def dsn_of(config: Config) -> AsyncIterator[str]:
    """The configured database, a running server's, or our own for a while.

    Raises `DataDirectoryError` where there is none, or a restore has not finished: one made here would be
    empty, and whoever asks at a wrong directory would hear that all is well.
    """
    data_dir = config.data_dir.resolve()
    running = find_server(data_dir)
    dsn = config.database_url or (running.database if running else None)
    if dsn is None:
        if not holds_cluster(data_dir):
            raise DataDirectoryError(
                f"There is no Caravan database in {data_dir}. "
                "Set CARAVAN_DATA_DIR to the server's data directory, or DATABASE_URL to its database."
            )
        require_restored(prepare(data_dir))
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
