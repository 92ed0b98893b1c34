"""A small world for actor tests: the real actor system on memory ports, clients that remember."""

import random
from collections.abc import AsyncIterator, Callable, Container
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import trio

from actors.room.actor import spec as room_spec
from actors.room.pages import Pages
from actors.room.ports import RoomPorts
from actors.room.traces import Traces
from actors.user.actor import UserPorts
from actors.user.actor import spec as user_spec
from core.envelope import Envelope
from core.errors import Rejected
from core.identity import Principal, Role
from core.ids import ProcessIds
from core.ports.fanout import Audience, FrameLane
from core.ports.repositories import NewRoom, User
from core.system import ActorSystem
from protocol.chat import Sender
from protocol.close_codes import CloseCode
from protocol.codec import encode
from protocol.frames import Answer
from protocol.room import ROOM, RoomChanged
from storage.memory.consultations import MemoryConsultations
from storage.memory.durable_timers import MemoryDurableTimers
from storage.memory.inboxes import MemoryInboxes
from storage.memory.leases import MemoryLeases, MemoryShards
from storage.memory.message_log import NO_FAULTS, FaultPlan, MemoryMessageLog
from storage.memory.personas import MemoryPersonas
from storage.memory.rooms import MemoryRooms
from storage.memory.runs import MemoryRuns
from storage.memory.stored_log import StoredLog
from storage.memory.stored_personas import StoredPersonas
from storage.memory.users import MemoryUsers

TENANT = 1
T0 = 1_800_000_000_000
ROOM_ID = "0190a000-0000-7000-8000-000000000001"
EPOCH = "0190a000-0000-7000-8000-0000000000ee"


ADA_SENDER = Sender(id="0190b000-0000-7000-8000-000000000001", kind="user", name="User 1")


class VirtualClock:
    """Wall time that moves with trio's (virtual) time."""

    def now_ms(self) -> int:
        return T0 + int(trio.current_time() * 1_000)

    def monotonic(self) -> float:
        return trio.current_time()


def user_id(number: int) -> str:
    return f"0190b000-0000-7000-8000-{number:012x}"


def key(number: int, at: int = T0) -> str:
    """A client's UUIDv7 of the time `at`."""
    stamp = f"{at:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-{number:012x}"


def principal(number: int, **changes: Any) -> Principal:
    whole: dict[str, Any] = {
        "tenant_id": TENANT,
        "user_id": user_id(number),
        "login_id": f"login-{number}",
        "role": Role.USER,
        "name": f"User {number}",
        "handle": f"user{number}",
        "locale": "en",
        "expires_at": T0 + 900_000,
    }
    return Principal(**whole | changes)


def user(number: int) -> User:
    return User(
        id=user_id(number),
        tenant_id=TENANT,
        handle=f"user{number}",
        name=f"User {number}",
        email=f"user{number}@caravan.test",
        role=Role.USER,
        locale="en",
        time_zone="UTC",
        currency="EUR",
        preferences={},
        created_at=T0,
    )


@dataclass(eq=False)
class FakeClient:
    """One connection. `seen` holds answers (`Answer` or `Rejected`) and event maps, in order; `lanes`
    says in which lane an event of each type came last."""

    id: int
    number: int
    session_id: str = ""
    principal: Principal | None = None
    is_open: bool = True
    is_away: bool = False
    seen: list[Any] = field(default_factory=list)
    lanes: dict[str, FrameLane] = field(default_factory=dict)
    closed_with: CloseCode | None = None
    welcome: Any = None
    topics: set[str] = field(default_factory=set)
    kept_places: set[str] = field(default_factory=set)
    drained: Callable[[], Any] | None = None

    @property
    def room_count(self) -> int:
        return sum(topic.startswith("room:") for topic in self.topics) + len(self.kept_places)

    @property
    def takes_more(self) -> bool:
        return True

    def send_nowait(self, frame: bytes, lane: FrameLane = FrameLane.DURABLE) -> None:
        if self.is_open:
            self.seen.append(msgspec.msgpack.decode(frame))
            self.lanes[self.seen[-1].get("type", "")] = lane

    async def wait_drained(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.drained is not None:
            await self.drained()

    def close_nowait(self, code: CloseCode) -> None:
        if self.is_open:
            self.is_open = False
            self.closed_with = code

    def welcomed(self, session_id: str, principal: Principal, frame: bytes) -> None:
        self.session_id, self.principal = session_id, principal
        self.welcome = msgspec.msgpack.decode(frame)
        self.seen.append(self.welcome)

    def renewed(self, principal: Principal) -> None:
        self.principal = principal

    @property
    def events(self) -> list[dict[str, Any]]:
        return [frame for frame in self.seen if isinstance(frame, dict)]

    @property
    def seqs(self) -> list[int]:
        """Of the durable room events, as they came."""
        return [frame["seq"] for frame in self.events if "epoch" in frame]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.events if frame["type"] == kind]


class FakeFanout:
    """Topics as the port promises them."""

    def __init__(self) -> None:
        self.topics: dict[str, list[FakeClient]] = {}
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.coming: list[FakeClient] = []
        self.unaware: list[tuple[str, FakeClient]] = []

    def subscribe(self, topic: str, client: FakeClient, *, knows_audience: bool = True) -> None:
        members = self.topics.setdefault(topic, [])
        if client.is_open and client not in members:
            members.append(client)
            client.kept_places.discard(topic)
            client.topics.add(topic)
            if not knows_audience:
                self.unaware.append((topic, client))

    def take_unaware(self, topic: str) -> list[FakeClient]:
        taken = [client for where, client in self.unaware if where == topic]
        self.unaware = [(where, client) for where, client in self.unaware if where != topic]
        return [client for client in taken if client in self.topics.get(topic, [])]

    def unsubscribe(self, topic: str, client: FakeClient) -> None:
        if client in self.topics.get(topic, []):
            self.topics[topic].remove(client)
            client.topics.discard(topic)

    def unsubscribe_user(self, topic: str, user_id: str) -> None:
        for client in list(self.topics.get(topic, [])):
            if client.principal is not None and client.principal.user_id == user_id:
                self.unsubscribe(topic, client)

    def is_subscribed(self, topic: str, client: FakeClient) -> bool:
        return client in self.topics.get(topic, [])

    def reserve(self, topic: str, client: FakeClient) -> None:
        if client.is_open and not self.is_subscribed(topic, client):
            client.kept_places.add(topic)
            if client not in self.coming:
                self.coming.append(client)

    def release(self, topic: str, client: FakeClient) -> None:
        client.kept_places.discard(topic)

    def has_place(self, topic: str, client: FakeClient) -> bool:
        return topic in client.kept_places or self.is_subscribed(topic, client)

    def publish_nowait(
        self,
        topic: str,
        frame: bytes,
        lane: FrameLane = FrameLane.DURABLE,
        *,
        coming: Container[str] = (),
    ) -> None:
        self.published.append((topic, msgspec.msgpack.decode(frame)))
        for client in self.coming:
            is_theirs = client.principal is not None and client.principal.user_id in coming
            if is_theirs and topic in client.kept_places:
                client.send_nowait(frame, lane)
        for client in self.topics.get(topic, []):
            client.send_nowait(frame, lane)

    def close_topic(self, topic: str, code: CloseCode, *, spare: FakeClient | None = None) -> int:
        closing = [client for client in self.topics.get(topic, []) if client is not spare]
        for client in closing:
            client.close_nowait(code)
        return len(closing)

    def audience(self, topic: str) -> Audience:
        online = {
            client.principal.user_id
            for client in self.topics.get(topic, [])
            if client.principal is not None and client.is_open and not client.is_away
        }
        ids = tuple(sorted(online))
        return Audience(len(ids), ids if len(ids) <= 200 else None)

    def statistics(self) -> dict[str, int | float]:
        return {}


@dataclass
class World:
    """What a test needs of one node. `rooms_port` etc. may be swapped before `running`."""

    seed: int = 0
    plan: FaultPlan = NO_FAULTS
    clock: VirtualClock = field(default_factory=VirtualClock)
    are_personas_awake: Callable[[str], bool] | None = None

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.ids = ProcessIds(self.clock, self.chance)
        self.shards = MemoryShards()
        self.leases = MemoryLeases(self.shards)
        self.stored = StoredLog(self.shards)
        self.log = MemoryMessageLog(self.shards, self.clock, stored=self.stored, plan=self.plan)
        self.users = MemoryUsers()
        self.rooms = MemoryRooms(self.stored, self.users)
        self.personas = MemoryPersonas(
            StoredPersonas(), self.clock, rooms_of=self.stored.rooms_with
        )
        self.runs = MemoryRuns(self.clock)
        self.inboxes = MemoryInboxes(self.shards)
        self.timers = MemoryDurableTimers()
        self.consultations = MemoryConsultations(self.users, self.timers)
        self.fanout = FakeFanout()
        self.traces = Traces()
        self.pages = Pages()
        self.system = ActorSystem(chance=self.chance, ids=self.ids)
        self._clients = 0

    def room_ports(self) -> RoomPorts:
        return RoomPorts(
            tenant_id=TENANT,
            log=self.log,
            leases=self.leases,
            rooms=self.rooms,
            users=self.users,
            personas=self.personas,
            runs=self.runs,
            fanout=self.fanout,
            clock=self.clock,
            ids=self.ids,
            are_personas_awake=self.are_personas_awake,
            pages=self.pages,
        )

    def user_ports(self) -> UserPorts:
        return UserPorts(
            tenant_id=TENANT,
            users=self.users,
            rooms=self.rooms,
            personas=self.personas,
            inboxes=self.inboxes,
            leases=self.leases,
            fanout=self.fanout,
            clock=self.clock,
            ids=self.ids,
            consultations=self.consultations,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        self.system.register(room_spec(self.room_ports(), self.traces))
        self.system.register(user_spec(self.user_ports()))
        for number in range(1, 10):
            self.users.add(user(number))
        async with trio.open_nursery() as nursery:
            await nursery.start(self.log.run)
            async with self.system.running():
                yield self
            nursery.cancel_scope.cancel()

    async def make_room(
        self, *invited: int, kind: str = "group", history: str = "invited", room_id: str = ROOM_ID
    ) -> None:
        """A room of user 1, stored as `room.create` stores it."""
        members = [user_id(number) for number in invited]
        created = RoomChanged(
            room_id=room_id,
            epoch=EPOCH,
            seq=1,
            sent_at=T0,
            by=user_id(1),
            change="created",
            user_ids=members or None,
        )
        await self.rooms.create(
            NewRoom(
                id=room_id,
                tenant_id=TENANT,
                kind=kind,
                title="Lisbon" if kind == "group" else "",
                history=history,
                creator_id=user_id(1),
                client_id=key(hash(room_id) & 0xFFFF_FFFF),
                direct_key=None,
                epoch=EPOCH,
                created_at=T0,
                invited=members,
                created=encode(created),
            )
        )

    def client(self, number: int) -> FakeClient:
        self._clients += 1
        return FakeClient(self._clients, number, principal=principal(number))

    def send(
        self,
        client: FakeClient,
        command: Any,
        *,
        room_id: str = ROOM_ID,
        answered: Callable[[], None] = lambda: None,
    ) -> list[Any]:
        """Deliver as a gateway does. The list gets the answer when it comes."""
        answers: list[Any] = []

        def reply(answer: Answer | Rejected) -> None:
            answers.append(answer)
            client.seen.append(answer)
            answered()

        envelope = Envelope(command, principal=client.principal, client=client, reply=reply)
        try:
            self.system.ref(ROOM.at(room_id)).deliver_nowait(envelope)
        except Rejected as refusal:
            reply(refusal)
        return answers

    async def ask(self, client: FakeClient, command: Any, *, room_id: str = ROOM_ID) -> Any:
        """Send and wait. Raises the refusal."""
        answered = trio.Event()
        answers = self.send(client, command, room_id=room_id, answered=answered.set)
        with trio.fail_after(60):
            await answered.wait()
        if isinstance(answers[0], Rejected):
            raise answers[0]
        return answers[0]

    def rows(self, room_id: str = ROOM_ID) -> list[Any]:
        rows = self.stored.room(TENANT, room_id).rows
        return [rows[seq] for seq in sorted(rows)]
