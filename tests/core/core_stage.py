"""A stage for actors: a system of seeded chance, and one kind that does what its messages say."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from core.actor import Actor, ActorSpec
from core.clock import SystemClock
from core.ids import ProcessIds
from core.ports.crash_records import CrashRecords
from core.reference import Ref
from core.system import ActorSystem
from protocol.addresses import Kind
from protocol.frames import Done

PLAYER = Kind("player")
Line = Callable[["Player", Any], Awaitable[object]]
"""A message: what the actor shall do. None as its result: answer `Done`."""


@dataclass
class Stage:
    """The system, and what its players did, as (key, word) in order."""

    system: ActorSystem
    seen: list[tuple[str, str]] = field(default_factory=list)
    players: list["Player"] = field(default_factory=list)
    on_start: Callable[["Player"], Awaitable[None]] | None = None
    on_stop: Callable[["Player"], Awaitable[None]] | None = None

    def spec(self, player: type["Player"] | None = None, **spec: Any) -> ActorSpec:
        make = player or Player
        return ActorSpec(kind=PLAYER, make=lambda key: make(key, self), **spec)

    def ref(self, key: str = "a") -> Ref[Any]:
        return self.system.ref(PLAYER.at(key))

    def words(self, key: str = "a") -> list[str]:
        return [word for name, word in self.seen if name == key]

    def count(self, name: str) -> float:
        return self.system.statistics()[name]


class Player(Actor[Any]):
    def __init__(self, key: str, stage: Stage) -> None:
        self.key = key
        self.stage = stage
        self.is_full = False
        self.is_working = False
        self.kept: list[Any] = []
        stage.players.append(self)

    def say(self, word: str) -> None:
        self.stage.seen.append((self.key, word))

    async def started(self) -> None:
        self.say("started")
        if self.stage.on_start is not None:
            await self.stage.on_start(self)

    async def handle(self, envelope: Any) -> None:
        if isinstance(envelope.message, str):
            self.say(envelope.message)
            envelope.answer(Done())
        elif await envelope.message(self, envelope) is None:
            envelope.answer(Done())

    async def stopping(self) -> None:
        self.say("stopping")
        if self.stage.on_stop is not None:
            await self.stage.on_stop(self)
        self.say("stopped")

    def is_saturated(self) -> bool:
        return self.is_full

    def has_work(self) -> bool:
        return self.is_working


@asynccontextmanager
async def a_stage(
    *,
    max_active: int = 50_000,
    max_waiting: int = 1_024,
    drain_within: float = 10.0,
    player: type["Player"] | None = None,
    crash_records: CrashRecords | None = None,
    **spec: Any,
) -> AsyncIterator[Stage]:
    chance = random.Random(1)
    system = ActorSystem(
        chance=chance,
        ids=ProcessIds(SystemClock(), chance),
        crash_records=crash_records,
        max_active=max_active,
        max_waiting=max_waiting,
    )
    stage = Stage(system)
    system.register(stage.spec(player, **spec))
    async with system.running(drain_within=drain_within):
        yield stage


async def crash(player: Player, envelope: Any) -> None:
    raise ValueError("the secret word is xyzzy")


def wait_for(seconds: float) -> Line:
    async def line(player: Player, envelope: Any) -> None:
        await trio.sleep(seconds)

    return line
