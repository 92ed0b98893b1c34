"""A node that holds its shards' leases, in a process of its own to be frozen and killed.

`python lease_node.py DSN NAME`: says how many shards it holds, once it has joined; ends with status 2
and a sentence when it may not have the name, or not any more.
"""

import sys
from pathlib import Path

import trio

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.telemetry import configure_logging
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.node_name import NodeNameTakenError
from storage.postgres.pool import Database
from storage.postgres.shards import PostgresLeases


async def main(dsn: str, name: str) -> None:
    async with AsyncioBridge() as bridge, Database(dsn, bridge, size=2) as database:
        leases = PostgresLeases(database, node=name)
        async with trio.open_nursery() as nursery:
            await nursery.start(leases.run)
            print(len(leases.owned_shards()), flush=True)


if __name__ == "__main__":
    configure_logging()
    try:
        trio.run(main, *sys.argv[1:])
    except* NodeNameTakenError as taken:
        print(taken.exceptions[0], flush=True)
        sys.exit(2)
