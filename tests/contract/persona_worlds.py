"""The ports of personas in one world, in memory or over PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from postgres_for_tests import fresh_dsn

from core.chance import SystemChance
from core.ids import ProcessIds
from core.ports.message_log import PersonaChange
from core.ports.personas import Feedbacks, Memories, MemoryItem, NewPersona, Personas, Runs
from protocol.persona import Persona
from storage.asyncio_bridge import AsyncioBridge
from storage.memory.feedbacks import MemoryFeedbacks
from storage.memory.leases import MemoryShards
from storage.memory.memories import MemoryMemories
from storage.memory.personas import MemoryPersonas
from storage.memory.runs import MemoryRuns
from storage.memory.stored_log import StoredLog
from storage.memory.stored_personas import StoredPersonas
from storage.postgres.feedbacks import PostgresFeedbacks
from storage.postgres.housekeeping import housekeeping
from storage.postgres.memories import PostgresMemories
from storage.postgres.personas import PostgresPersonas
from storage.postgres.pool import Connection, Database
from storage.postgres.runs import PostgresRuns

TENANT, OTHER_TENANT = 1, 2
DAY = 86_400.0


class ManualClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at_ms = 1_790_000_000_000

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1_000

    def advance(self, seconds: float) -> None:
        self.at_ms += int(seconds * 1_000)


@dataclass
class World:
    """`seat(room, persona)` puts a persona into a room, as the room's log would. `sweep` is
    housekeeping; the memory forgets by itself as it writes."""

    personas: Personas
    runs: Runs
    feedbacks: Feedbacks
    memories: Memories
    clock: ManualClock
    ids: ProcessIds
    seat: Callable[[str, str], Awaitable[None]]
    sweep: Callable[[], Awaitable[None]]
    database: Database | None = None

    def new(self, owner_id: str, **changes: Any) -> NewPersona:
        fields: dict[str, Any] = {
            "id": self.ids.uuid7(),
            "owner_id": owner_id,
            "name": "Juniper",
            "style": "explorer",
            "created_at": self.clock.now_ms(),
        }
        return NewPersona(**fields | changes)

    async def persona(self, owner_id: str = "", **changes: Any) -> Persona:
        new = self.new(owner_id or self.ids.uuid7(), **changes)
        return await self.personas.create(TENANT, new)

    def memory(self, persona_id: str, **changes: Any) -> MemoryItem:
        """A preference, private and about nobody unless said."""
        fields: dict[str, Any] = {
            "id": self.ids.uuid7(),
            "persona_id": persona_id,
            "kind": "preference",
            "text": "Likes the sea.",
            "about": None,
            "room_id": None,
            "source_message": None,
            "created_at": self.clock.now_ms(),
        }
        return MemoryItem(**fields | changes)


@asynccontextmanager
async def world_on(server: Any, *, size: int = 4) -> AsyncIterator[World]:
    """`server` None: in memory."""
    clock = ManualClock()
    ids = ProcessIds(clock, SystemChance())
    if server is None:
        yield _memory(clock, ids)
        return
    async with (
        AsyncioBridge() as bridge,
        fresh_dsn(server, bridge) as dsn,
        Database(dsn, bridge, size=size) as database,
    ):
        await database.call(execute, "INSERT INTO tenant (id, name) VALUES (2, 'other')")
        yield _postgres(database, clock, ids)


def _memory(clock: ManualClock, ids: ProcessIds) -> World:
    stored, log = StoredPersonas(), StoredLog(MemoryShards())

    async def seat(room_id: str, persona_id: str) -> None:
        change = PersonaChange(persona_id=persona_id, owner_id="owner", name="Juniper", from_seq=2)
        log.room(TENANT, room_id).seat([change])

    async def sweep() -> None:
        return

    return World(
        personas=MemoryPersonas(stored, clock, rooms_of=log.rooms_with),
        runs=MemoryRuns(clock),
        feedbacks=MemoryFeedbacks(stored, clock),
        memories=MemoryMemories(stored, clock),
        clock=clock,
        ids=ids,
        seat=seat,
        sweep=sweep,
    )


def _postgres(database: Database, clock: ManualClock, ids: ProcessIds) -> World:
    async def seat(room_id: str, persona_id: str) -> None:
        await database.call(_seat, room_id, persona_id)

    async def sweep() -> None:
        await housekeeping(database, clock)

    return World(
        personas=PostgresPersonas(database, clock),
        runs=PostgresRuns(database),
        feedbacks=PostgresFeedbacks(database),
        memories=PostgresMemories(database, clock),
        clock=clock,
        ids=ids,
        seat=seat,
        sweep=sweep,
        database=database,
    )


async def execute(connection: Connection, sql: str, *values: Any) -> None:
    await connection.execute(sql, *values)


async def plan_of(connection: Connection, sql: str, *values: Any) -> str:
    """How the statement would be done."""
    return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *values))


async def _seat(connection: Connection, room_id: str, persona_id: str) -> None:
    await connection.execute(
        """INSERT INTO room_persona (room_id, tenant_id, persona_id, owner_id, name, from_seq)
           VALUES ($1, $2, $3, $3, 'Juniper', 2)""",
        room_id,
        TENANT,
        persona_id,
    )
