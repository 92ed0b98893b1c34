"""A node that wakes actors by durable timers over PostgreSQL, in a process of its own to be killed.

`python timer_node.py DSN STAGE`: stops for good, and says so on standard output, once a timer was
claimed (`claim`) or its actor has answered (`finish`).
"""

import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.actor import Actor, ActorSpec
from core.clock import SystemClock
from core.durable_timers import CLAIM_FOR, DurableTimerService
from core.envelope import Envelope
from core.ids import ProcessIds
from core.ports.durable_timers import TimerDue
from core.system import ActorSystem
from protocol.addresses import Kind
from protocol.frames import Done
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.durable_timers import PostgresDurableTimers
from storage.postgres.pool import Database
from storage.postgres.shards import PostgresLeases

SLEEPER = Kind("sleeper")


class Sleeper(Actor[TimerDue]):
    def __init__(self, woken: list[TimerDue]) -> None:
        self._woken = woken

    async def handle(self, envelope: Envelope[TimerDue]) -> None:
        self._woken.append(envelope.message)
        envelope.answer(Done())


class LaterClock(SystemClock):
    """As far ahead as claims last: those of the dead are over."""

    def now_ms(self) -> int:
        return super().now_ms() + round(CLAIM_FOR * 1_000)


class Stopping(PostgresDurableTimers):
    """Says that a stage is reached, and goes no further."""

    stage = ""

    async def claim(self, *args: Any, **kwargs: Any) -> Any:
        claimed, outlook = await super().claim(*args, **kwargs)
        if claimed and self.stage == "claim":
            await self._stop()
        return claimed, outlook

    async def finish(self, claimed: Any) -> None:
        if self.stage == "finish":
            await self._stop()
        await super().finish(claimed)

    async def _stop(self) -> None:
        print(self.stage, flush=True)
        await trio.sleep_forever()


@asynccontextmanager
async def a_node(
    database: Database, timers: PostgresDurableTimers, clock: SystemClock, woken: list[TimerDue]
) -> AsyncIterator[DurableTimerService]:
    """Leases, actors and the service. It is the only node of its name."""
    chance = random.SystemRandom()
    system = ActorSystem(chance=chance, ids=ProcessIds(clock, chance))
    system.register(ActorSpec(kind=SLEEPER, make=lambda key: Sleeper(woken)))
    leases = PostgresLeases(database, node="node")
    service = DurableTimerService(
        timers, leases=leases, ref=system.ref, clock=clock, chance=chance, poll_every=0.1
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(leases.run)
        await nursery.start(system.run)
        nursery.start_soon(service.run)
        yield service
        nursery.cancel_scope.cancel()


async def main(dsn: str, stage: str) -> None:
    async with AsyncioBridge() as bridge, Database(dsn, bridge, size=4) as database:
        timers = Stopping(database)
        timers.stage = stage
        async with a_node(database, timers, SystemClock(), []):
            await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
