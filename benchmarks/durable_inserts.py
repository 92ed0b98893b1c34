"""One INSERT per message: what many servers do. The database's part alone, without clients or rooms' order.

    python -m benchmarks.durable_inserts DSN CONNECTIONS

Order: `{"play": seconds, "senders": n, "rooms": r}`: n tasks share the connections; each inserts its next message
when the last is committed.
"""

import asyncio
import sys
import time
from itertools import count
from resource import RUSAGE_SELF, getrusage
from typing import Any, Final

import asyncpg
import uvloop

from benchmarks.fanout.words import heard, say
from core.ports.message_log import EventKind
from loadtest.uuid7 import Uuid7
from protocol import codec
from protocol.chat import MessagePosted, Sender
from storage.months import Month
from storage.postgres.pool import COMMAND_WITHIN, prepare

SENDER: Final = "01999999-0000-7000-8000-00000000000a"
TABLE: Final = "benchmark_message"
INSERT: Final = f"""
INSERT INTO {TABLE} (tenant_id, room_id, seq, sent_at, kind, sender_id, client_id, message_id, body)
VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (room_id, sender_id, client_id) WHERE client_id IS NOT NULL DO NOTHING"""


class Senders:
    """Tasks in closed loop over one pool."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._new_id = Uuid7()
        self._seq = count(1)
        self._waits: list[float] = []

    async def play(self, seconds: float, senders: int, rooms: int) -> dict[str, Any]:
        self._waits = []
        names = [self._new_id() for _ in range(rooms)]
        used, began = _used(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(senders):
                group.create_task(self._send(names[number % rooms], began + seconds))
        took, waits = time.perf_counter() - began, sorted(self._waits)
        return {
            "acked": len(waits),
            "rate": len(waits) / took,
            "p50_ms": waits[len(waits) // 2] * 1e3,
            "p99_ms": waits[len(waits) * 99 // 100] * 1e3,
            "own_cpu": _used() - used,
        }

    async def _send(self, room_id: str, until: float) -> None:
        while (began := time.perf_counter()) < until:
            values = self._row(room_id)
            async with self._pool.acquire() as connection:
                await connection.execute(INSERT, *values)
            self._waits.append(time.perf_counter() - began)

    def _row(self, room_id: str) -> tuple[object, ...]:
        seq, sent_at, client_id = next(self._seq), time.time_ns() // 1_000_000, self._new_id()
        event = MessagePosted(
            room_id=room_id,
            epoch="epoch",
            seq=seq,
            sent_at=sent_at,
            message_id=self._new_id(),
            sender=Sender(id=SENDER, kind="user", name="Ada"),
            content="x" * 120,
            client_id=client_id,
        )
        kind, body = EventKind.MESSAGE.value, codec.encode(event)
        return room_id, seq, sent_at, kind, SENDER, client_id, event.message_id, body


async def main(dsn: str, connections: int) -> None:
    async def as_it_is(_: object) -> None:
        """The server's own pool resets nothing either."""

    async with asyncpg.create_pool(
        dsn,
        min_size=connections,
        max_size=connections,
        init=prepare,
        reset=as_it_is,
        command_timeout=COMMAND_WITHIN,
    ) as pool:
        leaf = Month.of(time.time_ns() // 1_000_000).leaf
        await pool.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (LIKE {leaf} INCLUDING ALL)")
        senders = Senders(pool)
        say(ready=True)
        while True:
            order = await asyncio.to_thread(heard)
            say(**await senders.play(order["play"], order["senders"], order["rooms"]))


def _used() -> float:
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], int(sys.argv[2])))
