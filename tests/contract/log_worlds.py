"""The message log in two worlds, memory and PostgreSQL, with the same handles for faults."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import trio

from core.errors import Unavailable
from core.ports.clock import Clock
from core.ports.leases import Leases
from core.ports.message_log import Append, EventKind, LogRow, MessageLog, Outcome
from protocol.chat import MessageReacted
from protocol.codec import encode
from storage.append_queue import AppendQueue
from storage.asyncio_bridge import AsyncioBridge
from storage.memory.leases import MemoryLeases
from storage.memory.message_log import Fault, FaultPlan, MemoryMessageLog
from storage.postgres import log_writer
from storage.postgres.message_log import PostgresMessageLog
from storage.postgres.pool import Connection, Database
from storage.postgres.shards import PostgresLeases
from storage.sharding import shard_of

T = TypeVar("T")
NOW = 1_795_500_000_000  # 2026-11-24
TENANT = 1


def number(prefix: str, n: int) -> str:
    """A UUIDv7 of NOW whose end says which one it is."""
    stamp = f"{NOW:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-{prefix}{n:010x}"


def room(n: int) -> str:
    return number("aa", n)


def user(n: int) -> str:
    return number("bb", n)


def client_id(n: int) -> str:
    return number("cc", n)


def message_id(n: int) -> str:
    return number("dd", n)


def text(seq: int, **values: Any) -> LogRow:
    """A message; its client id and message id follow its seq."""
    row = {
        "sent_at": NOW,
        "kind": EventKind.MESSAGE,
        "sender_id": user(1),
        "body": b"text %d" % seq,
        "client_id": client_id(seq),
        "message_id": message_id(seq),
    }
    return LogRow(seq=seq, **(row | values))


def change(seq: int, target: int, kind: EventKind = EventKind.EDITED) -> LogRow:
    return LogRow(
        seq=seq,
        sent_at=NOW,
        kind=kind,
        sender_id=user(1),
        body=b"change %d" % seq,
        target_seq=target,
    )


def reaction(seq: int, target: int, *, by: int = 1, emoji: str = "👍", active: bool) -> LogRow:
    """As a room stores it."""
    event = MessageReacted(
        room_id=room(1),
        epoch="e",
        seq=seq,
        sent_at=NOW,
        message_id=message_id(target),
        by=user(by),
        emoji=emoji,
        active=active,
    )
    plain = change(seq, target, EventKind.REACTED)
    return replace(plain, sender_id=event.by, body=encode(event))


class FixedClock:
    def now_ms(self) -> int:
        return NOW

    def monotonic(self) -> float:
        return trio.current_time()


class World(Protocol):
    log: MessageLog
    leases: Leases
    faults: list[Fault]
    """What befalls the next flushes, in order; none when empty."""

    async def members(self, room_id: str) -> dict[str, str]: ...

    async def outbox(self) -> list[tuple[str, int, int]]: ...

    async def retain_from(self, room_id: str, first: int) -> None:
        """Retention removed all rows below `first`."""

    async def title(self, room_id: str) -> str | None: ...

    async def personas(self, room_id: str) -> dict[str, tuple[str, int]]:
        """Those that sit there: id → (name, the event by which it came)."""

    async def had_personas(self, room_id: str) -> bool: ...

    def late(self, append: Append) -> Any:
        """An async context: the append is in flight, its reply lost; it lands during a refence."""


class Appender:
    """Appends with recorded outcomes; `settled` waits until all are known."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.heard: list[tuple[str, Outcome]] = []
        self._waiting = 0
        self._idle = trio.Event()

    def add(self, name: str, *rows: LogRow, in_room: int = 1, **values: Any) -> None:
        room_id = room(in_room)
        fence = values.pop("fence", None) or self._world.leases.fence(room_id)
        append = Append(tenant_id=TENANT, room_id=room_id, fence=fence, rows=rows, **values)
        self._waiting += 1
        self._idle = trio.Event()
        self._world.log.append_nowait(append, lambda outcome: self._heard(name, outcome))

    def _heard(self, name: str, outcome: Outcome) -> None:
        self.heard.append((name, outcome))
        self._waiting -= 1
        if not self._waiting:
            self._idle.set()

    async def settled(self) -> dict[str, Outcome]:
        with trio.fail_after(10):
            if self._waiting:
                await self._idle.wait()
        return dict(self.heard)


async def seqs(world: World, in_room: int = 1) -> list[int]:
    rows = await world.log.read(TENANT, room(in_room), after=0, limit=1_000)
    return [row.seq for row in rows]


class MemoryWorld:
    def __init__(self, clock: Clock, queue: AppendQueue) -> None:
        self.faults: list[Fault] = []
        self.leases = MemoryLeases()
        plan = FaultPlan(
            flush=self._next, is_bad=lambda a: any("\0" in r.sender_id for r in a.rows)
        )
        self.log = MemoryMessageLog(self.leases.shards, clock, plan=plan, queue=queue)

    def _next(self, _: Sequence[Append]) -> Fault:
        return self.faults.pop(0) if self.faults else Fault.NONE

    async def members(self, room_id: str) -> dict[str, str]:
        return {u: m.role for u, m in self.log.stored.room(TENANT, room_id).members.items()}

    async def outbox(self) -> list[tuple[str, int, int]]:
        return [(one.room_id, one.first, one.last) for one in self.log.stored.outbox]

    async def retain_from(self, room_id: str, first: int) -> None:
        stored = self.log.stored.room(TENANT, room_id)
        stored.first = first
        stored.rows = {seq: row for seq, row in stored.rows.items() if seq >= first}

    async def title(self, room_id: str) -> str | None:
        return self.log.stored.room(TENANT, room_id).title

    async def personas(self, room_id: str) -> dict[str, tuple[str, int]]:
        seated = self.log.stored.room(TENANT, room_id).personas
        return {one.persona_id: (one.name, one.from_seq or 0) for one in seated.values()}

    async def had_personas(self, room_id: str) -> bool:
        return self.log.stored.room(TENANT, room_id).had_personas

    @asynccontextmanager
    async def late(self, append: Append) -> AsyncIterator[None]:
        self.faults = [Fault.LATE]
        known = trio.Event()
        self.log.append_nowait(append, lambda _: known.set())
        await known.wait()
        yield


class PostgresWorld:
    def __init__(self, database: Database, clock: Clock, queue: AppendQueue) -> None:
        self.faults: list[Fault] = []
        self.leases = PostgresLeases(database, node="tested")
        self._database = database
        self.log = _LosingLog(database, clock, queue=queue)
        self.log.world = self

    async def members(self, room_id: str) -> dict[str, str]:
        rows = await self._fetch("SELECT user_id, role FROM membership WHERE room_id = $1", room_id)
        return {row["user_id"]: row["role"] for row in rows}

    async def outbox(self) -> list[tuple[str, int, int]]:
        rows = await self._fetch("SELECT key, first, last FROM outbox ORDER BY position")
        return [tuple(row) for row in rows]

    async def retain_from(self, room_id: str, first: int) -> None:
        await self._make_room(room_id)
        await self._fetch("DELETE FROM message WHERE room_id = $1 AND seq < $2", room_id, first)
        await self._fetch("UPDATE room SET first = $2 WHERE id = $1", room_id, first)

    async def title(self, room_id: str) -> str | None:
        rows = await self._fetch("SELECT title FROM room WHERE id = $1", room_id)
        return rows[0]["title"] if rows else None

    async def personas(self, room_id: str) -> dict[str, tuple[str, int]]:
        rows = await self._fetch("SELECT * FROM room_persona WHERE room_id = $1", room_id)
        return {row["persona_id"]: (row["name"], row["from_seq"]) for row in rows}

    async def had_personas(self, room_id: str) -> bool:
        rows = await self._fetch("SELECT had_personas FROM room WHERE id = $1", room_id)
        return bool(rows[0]["had_personas"])

    async def _make_room(self, room_id: str) -> None:
        await self._fetch(
            """INSERT INTO room (id, tenant_id, kind, title, history, creator_id, create_client_id,
                                 epoch, created_at)
               VALUES ($1, 1, 'group', 'before', 'all', $1, $1, 'e', 0) ON CONFLICT DO NOTHING""",
            room_id,
        )

    async def _fetch(self, sql: str, *args: object) -> list[Any]:
        return await self._database.call(fetch, sql, *args)

    async def take_shard(self, room_id: str) -> None:
        await self._fetch(
            "UPDATE shard_owner SET incarnation = -1, fence = fence + 1 WHERE shard_id = $1",
            shard_of(room_id),
        )

    @asynccontextmanager
    async def late(self, append: Append) -> AsyncIterator[None]:
        written, waiting = trio.Event(), trio.Event()

        async def hold(connection: Connection) -> None:
            async with connection.transaction():
                await log_writer._write(connection, [append])
                self._bridge.to_trio(written.set)
                sql = """SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                          AND datname = current_database()"""
                while not await connection.fetchval(sql):
                    await connection.execute("SELECT pg_sleep(0.01)")
                    await connection.execute("SELECT pg_stat_clear_snapshot()")
                self._bridge.to_trio(waiting.set)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._database.call, hold)
            await written.wait()
            yield
        assert waiting.is_set()

    @property
    def _bridge(self) -> AsyncioBridge:
        return self._database._bridge


class _LosingLog(PostgresMessageLog):
    """The log of a server whose network is bad."""

    world: PostgresWorld

    async def _store(self, appends: Sequence[Append]) -> Sequence[Outcome]:
        fault = self.world.faults.pop(0) if self.world.faults else Fault.NONE
        if fault is Fault.LOST_BEFORE:
            raise Unavailable
        if fault is Fault.FENCE_LOST:
            for room_id in {append.room_id for append in appends}:
                await self.world.take_shard(room_id)
        outcomes = await super()._store(appends)
        if fault is Fault.LOST_AFTER:
            raise Unavailable
        return outcomes


async def fetch(connection: Connection, sql: str, *args: object) -> list[Any]:
    return await connection.fetch(sql, *args)
