"""`main.py serve` with one INSERT per message, for `benchmarks/durable.py` alone.

What queued up during a flush is written by as many transactions at a time as the pool has connections, one
message in each; those of a room wait for one another, so that its order holds. All else is the server's own,
but that a database which fails ends it: that would measure something else.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import trio

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands.command_line import main
from core.ports.message_log import Append, Outcome
from storage.postgres import log_writer
from storage.postgres.message_log import PostgresMessageLog
from storage.postgres.pool import POOL_SIZE


async def _stored_singly(self: PostgresMessageLog, appends: Sequence[Append]) -> list[Outcome]:
    outcomes = [Outcome.UNKNOWN] * len(appends)
    by_room: dict[str, list[int]] = defaultdict(list)
    for place, append in enumerate(appends):
        by_room[append.room_id].append(place)
    connections = trio.CapacityLimiter(POOL_SIZE)

    async def write(places: list[int]) -> None:
        for place in places:
            async with connections:
                single = [appends[place]]
                (outcomes[place],) = await self._database.call(log_writer.store, single)
            if outcomes[place] is not Outcome.STORED:
                break  # the room's later ones may not be stored

    async with trio.open_nursery() as nursery:
        for places in by_room.values():
            nursery.start_soon(write, places)
    return outcomes


if __name__ == "__main__":
    PostgresMessageLog._stored = _stored_singly  # type: ignore[method-assign]
    sys.exit(main(["serve"]))
