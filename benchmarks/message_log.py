"""What the message log costs: an open loop offers messages at a rate, to 200 rooms.

    .venv/bin/python -m benchmarks.message_log [--rate 10000] [--seconds 5]

Prints what was offered, acked, the latency of an ack from its intended time, rows per flush, and
CPU per message of this process (queue, both threads) without the database's own.
"""

import argparse
import resource
import shutil
import tempfile
import time
from pathlib import Path

import trio

from core.clock import SystemClock
from core.errors import Overloaded
from core.ports.message_log import Append, EventKind, LogRow, Outcome
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.embedded import Embedded
from storage.postgres.message_log import PostgresMessageLog
from storage.postgres.migrate import migrate
from storage.postgres.pool import Database
from storage.postgres.shards import PostgresLeases

ROOMS = 200
TICK = 0.002
BODY = b"x" * 160


class Load:
    """The offers and what became of them."""

    def __init__(self, log: PostgresMessageLog, leases: PostgresLeases) -> None:
        self._log, self._leases = log, leases
        self._clock = SystemClock()
        self._heads = [0] * ROOMS
        self._next = 0
        self.offered = self.shed = 0
        self.waits: list[float] = []
        self.refused = 0

    def offer(self, intended: float) -> None:
        self.offered += 1
        self._next += 1
        place = self._next % ROOMS
        room_id = _uuid7(self._clock.now_ms(), place, 0xA)
        append = Append(
            tenant_id=1,
            room_id=f"00000000-0000-7000-8000-{place:012x}",
            fence=self._leases.fence(f"00000000-0000-7000-8000-{place:012x}"),
            rows=(
                LogRow(
                    seq=self._heads[place] + 1,
                    sent_at=self._clock.now_ms(),
                    kind=EventKind.MESSAGE,
                    sender_id="00000000-0000-7000-8000-000000000001",
                    body=BODY,
                    client_id=_uuid7(self._clock.now_ms(), self._next, 0xB),
                    message_id=room_id[:24] + f"{self._next:012x}",
                ),
            ),
        )

        def done(outcome: Outcome) -> None:
            if outcome is Outcome.STORED:
                self.waits.append(trio.current_time() - intended)
            else:
                self.refused += 1

        try:
            self._log.append_nowait(append, done)
        except Overloaded:
            self.shed += 1
        else:
            self._heads[place] += 1


def _uuid7(at: int, n: int, salt: int) -> str:
    stamp = f"{at:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-800{salt:x}-{n:012x}"


async def offer_all(load: Load, rate: int, seconds: float) -> None:
    start = trio.current_time()
    for n in range(int(rate * seconds)):
        intended = start + n / rate
        if intended > trio.current_time():
            await trio.sleep_until(intended + TICK)
        elif n % 1_000 == 0:
            await trio.lowlevel.checkpoint()
        load.offer(intended)
    with trio.move_on_after(10):
        while len(load.waits) + load.shed + load.refused < load.offered:
            await trio.sleep(0.01)


def report(load: Load, log: PostgresMessageLog, took: float, cpu: float) -> None:
    waits = sorted(load.waits)
    stats = log.statistics()
    print(
        f"offered {load.offered}  acked {len(waits)} ({len(waits) / took:,.0f}/s)  shed {load.shed}"
        f"  refused {load.refused}\n"
        f"ack ms: p50 {waits[len(waits) // 2] * 1e3:.1f}  p99 {waits[len(waits) * 99 // 100] * 1e3:.1f}"
        f"  max {waits[-1] * 1e3:.1f}\n"
        f"rows per flush {len(waits) / max(1, stats['batches']):.0f}"
        f"  CPU per message {cpu / len(waits) * 1e6:.1f} µs (this generator's share included)"
    )


async def main(rate: int, seconds: float, data_dir: Path) -> None:
    async with trio.open_nursery() as servers:
        server = Embedded(data_dir)
        started_at = time.perf_counter()
        dsn = await servers.start(server.run)
        print(f"first start {time.perf_counter() - started_at:.2f} s")
        async with AsyncioBridge() as bridge, Database(dsn, bridge) as database:
            await migrate(database)
            async with trio.open_nursery() as nursery:
                leases = PostgresLeases(database, node="benchmark")
                await nursery.start(leases.run)
                log = PostgresMessageLog(database, SystemClock())
                await nursery.start(log.run)
                load = Load(log, leases)
                cpu, at = _cpu(), time.perf_counter()
                await offer_all(load, rate, seconds)
                report(load, log, time.perf_counter() - at, _cpu() - cpu)
                nursery.cancel_scope.cancel()
        servers.cancel_scope.cancel()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=10_000, help="messages per second")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="caravan-benchmark-"))
    folder.chmod(0o711)
    try:
        trio.run(main, options.rate, options.seconds, folder)
    finally:
        shutil.rmtree(folder)
