"""Where a crash is replayed: one actor on memory ports, under virtual time, seen by nobody."""

import random
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from actors.presence import actor as presence
from actors.room import actor as room
from actors.room.ports import RoomPorts
from actors.user import actor as user
from core.identity import Principal, Role
from core.ids import ProcessIds
from core.ports.crash_records import CrashRecord
from core.ports.fanout import Audience, Client, FrameLane
from core.ports.repositories import User
from core.system import ActorSystem
from protocol.close_codes import CloseCode
from storage.memory.crash_records import MemoryCrashRecords
from storage.memory.inboxes import MemoryInboxes
from storage.memory.leases import MemoryLeases, MemoryShards
from storage.memory.message_log import MemoryMessageLog
from storage.memory.personas import MemoryPersonas
from storage.memory.rooms import MemoryRooms
from storage.memory.runs import MemoryRuns
from storage.memory.stored_log import StoredLog
from storage.memory.stored_personas import StoredPersonas
from storage.memory.users import MemoryUsers


class ReplayClock:
    """The wall clock of the crash, moving with trio's virtual time."""

    def __init__(self, at: int) -> None:
        self._at = at

    def now_ms(self) -> int:
        return self._at + int(trio.current_time() * 1_000)

    def monotonic(self) -> float:
        return trio.current_time()


class Nobody:
    """A `Client` at whose other end nobody reads."""

    def __init__(self, number: int, principal: Principal | None) -> None:
        self.id = number
        self.session_id = ""
        self.principal = principal
        self.is_open = True
        self.is_away = False
        self.takes_more = True
        self.room_count = 0

    def send_nowait(self, frame: bytes, lane: FrameLane = FrameLane.DURABLE) -> None:
        """Sent to nobody."""

    async def wait_drained(self) -> None:
        await trio.lowlevel.checkpoint()

    def close_nowait(self, code: CloseCode) -> None:
        self.is_open = False

    def welcomed(self, session_id: str, principal: Principal, frame: bytes) -> None:
        self.session_id, self.principal = session_id, principal

    def renewed(self, principal: Principal) -> None:
        self.principal = principal


class NoAudience:
    """The `Fanout` port with nobody behind it but who subscribed here."""

    def __init__(self) -> None:
        self._topics: dict[str, list[Client]] = {}

    def subscribe(self, topic: str, client: Client, *, knows_audience: bool = True) -> None:
        if not self.is_subscribed(topic, client):
            self._topics.setdefault(topic, []).append(client)

    def take_unaware(self, topic: str) -> Sequence[Client]:
        return ()

    def unsubscribe(self, topic: str, client: Client) -> None:
        if self.is_subscribed(topic, client):
            self._topics[topic].remove(client)

    def unsubscribe_user(self, topic: str, user_id: str) -> None:
        for client in list(self._topics.get(topic, [])):
            if client.principal is not None and client.principal.user_id == user_id:
                self.unsubscribe(topic, client)

    def is_subscribed(self, topic: str, client: Client) -> bool:
        return client in self._topics.get(topic, [])

    def reserve(self, topic: str, client: Client) -> None:
        """Nobody here is in more rooms than one."""

    def release(self, topic: str, client: Client) -> None:
        """As above."""

    def has_place(self, topic: str, client: Client) -> bool:
        return self.is_subscribed(topic, client)

    def publish_nowait(
        self,
        topic: str,
        frame: bytes,
        lane: FrameLane = FrameLane.DURABLE,
        *,
        coming: Container[str] = (),
    ) -> None:
        """Said to nobody."""

    def close_topic(self, topic: str, code: CloseCode, *, spare: Client | None = None) -> int:
        clients = [client for client in self._topics.get(topic, []) if client is not spare]
        for client in clients:
            client.close_nowait(code)
        return len(clients)

    def audience(self, topic: str) -> Audience:
        clients = self._topics.get(topic, [])
        ids = sorted({client.principal.user_id for client in clients if client.principal})
        return Audience(len(ids), tuple(ids[:200]))

    def statistics(self) -> Mapping[str, int | float]:
        return {"topics": len(self._topics)}


class ReplayWorld:
    """One node of memory, at the time of the crash. What crashes in it is in `crashes`."""

    def __init__(self, record: CrashRecord, tenant_id: int) -> None:
        self.tenant_id = tenant_id
        clock = ReplayClock(record.at)
        chance = random.Random(record.reference)  # noqa: S311 - the same each time
        ids = ProcessIds(clock, chance)
        self.crashes = MemoryCrashRecords()
        self.fanout = NoAudience()
        self.users = MemoryUsers()
        leases = MemoryLeases(MemoryShards())
        self.stored = StoredLog(leases.shards)
        self.log = MemoryMessageLog(leases.shards, clock, stored=self.stored)
        self.rooms = MemoryRooms(self.stored, self.users)
        self.system = ActorSystem(chance=chance, ids=ids, crash_records=self.crashes)
        shared: dict[str, Any] = {
            "tenant_id": tenant_id,
            "rooms": self.rooms,
            "users": self.users,
            "personas": MemoryPersonas(StoredPersonas(), clock),
            "fanout": self.fanout,
            "clock": clock,
            "ids": ids,
            "leases": leases,
        }
        rooms = RoomPorts(log=self.log, runs=MemoryRuns(clock), **shared)
        self.system.register(room.spec(rooms))
        self.system.register(
            user.spec(user.UserPorts(inboxes=MemoryInboxes(leases.shards), **shared))
        )
        self.system.register(presence.spec(self.fanout))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.log.run)
            async with self.system.running(drain_within=1.0):
                yield
            nursery.cancel_scope.cancel()

    def add_user(self, user_id: str, name: str = "x") -> None:
        """Somebody of this id; one that is here already stays."""
        self.users.add(
            User(
                id=user_id,
                tenant_id=self.tenant_id,
                handle=user_id,
                name=name,
                email=user_id,
                role=Role.USER,
                locale="en",
                time_zone="UTC",
                currency="EUR",
                preferences={},
                created_at=0,
            )
        )
