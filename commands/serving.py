"""A server from its first moment: its database comes up while what it is made of is imported."""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from commands.garbage import loading_for_good
from core.config import Config
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.embedded import Embedded
from storage.postgres.pool import Database

if TYPE_CHECKING:
    from commands.wiring import Server


@asynccontextmanager
async def serving(config: Config, *, node: str, key: bytes) -> AsyncIterator["Server"]:
    """A server around a block. `node`: this node's lasting name; `key`: the master key.

    The database starts first and stops last. Raises what kept the server from starting, or what
    ended it.
    """
    async with AsyncioBridge() as bridge, trio.open_nursery() as nursery:
        embedded = None if config.database_url else Embedded(config.data_dir)
        async with trio.open_nursery() as first:
            # A second of the processor; a database that was killed reads its log meanwhile.
            first.start_soon(trio.to_thread.run_sync, _import_parts)
            if embedded is not None:
                await nursery.start(embedded.run)
        from commands.wiring import Server

        dsn = config.database_url or (embedded.dsn if embedded else "")
        async with Database(dsn, bridge) as database:
            await database.reach()
            # A wrong setting is told before anything is changed that an older version cannot read.
            server = Server(config, database, node=node, key=key, embedded=embedded)
            await server.load()
            async with trio.open_nursery() as running:
                await running.start(server.supervisor.run)
                yield server
                running.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


def _import_parts() -> None:
    with loading_for_good():
        importlib.import_module("commands.wiring")
