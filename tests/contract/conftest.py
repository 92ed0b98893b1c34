"""Every port of people and rooms, once in memory and once over PostgreSQL."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from postgres_for_tests import copied, fresh_database, give_away, named

from core.identity import Principal, Role
from core.ids import ProcessIds
from core.ports.message_log import EventKind, LogRow
from core.ports.outbox import OutboxEvent
from core.ports.repositories import NewRoom, User
from protocol.chat import MessageDeleted, MessageEdited, MessagePosted, Sender
from protocol.codec import encode
from storage.asyncio_bridge import AsyncioBridge
from storage.credentials.records import NewLogin
from storage.memory.idempotency import MemoryIdempotencyKeys
from storage.memory.inboxes import MemoryInboxes
from storage.memory.leases import MemoryShards
from storage.memory.logins import MemoryLogins
from storage.memory.outbox import MemoryOutbox
from storage.memory.rooms import MemoryRooms
from storage.memory.search import MemorySearch
from storage.memory.sessions import MemorySessions
from storage.memory.signing_keys import MemoryKeys
from storage.memory.stored_log import Appended, StoredLog
from storage.memory.users import MemoryUsers
from storage.postgres.idempotency import PostgresIdempotencyKeys
from storage.postgres.inboxes import PostgresInboxes
from storage.postgres.logins import PostgresLogins
from storage.postgres.outbox import PostgresOutbox
from storage.postgres.pool import Connection, Database
from storage.postgres.rooms import PostgresRooms
from storage.postgres.search import PostgresSearch, SearchIndex
from storage.postgres.sessions import PostgresSessions
from storage.postgres.signing_keys import PostgresKeys
from storage.postgres.users import PostgresUsers
from storage.sharding import shard_of

TENANT = 1


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


class Chance:
    """Enough of randomness for ids."""

    def __init__(self) -> None:
        self._next = itertools.count(1)

    def random(self) -> float:
        return 0.5

    def getrandbits(self, k: int, /) -> int:
        return next(self._next) % (1 << k)


@dataclass
class People:
    """The people's stores of one world, and how to put somebody into it."""

    users: Any
    logins: Any
    sessions: Any
    keys: Any
    inboxes: Any
    idempotency: Any
    clock: ManualClock
    ids: ProcessIds
    forget_inbox: Callable[[str, int], Awaitable[None]]
    """Takes all of a user's below a seq out, as retention does."""
    refence: Callable[[str], Awaitable[int]]
    """Gives a user's shard to another node, under the number that it returns; 0 before."""

    def person(self, handle: str, *, tenant: int = TENANT, email: str | None = None) -> User:
        return User(
            id=self.ids.uuid7(),
            tenant_id=tenant,
            handle=handle,
            name=handle.title(),
            email=email or f"{handle}@example.test",
            role=Role.USER,
            locale="en",
            time_zone="UTC",
            currency="EUR",
            preferences={},
            created_at=self.clock.now_ms(),
        )

    def new_login(self, refresh_hash: bytes = b"") -> NewLogin:
        login_id = self.ids.uuid7()
        return NewLogin(
            id=login_id, refresh_hash=refresh_hash or login_id.encode(), at=self.clock.now_ms()
        )

    async def add(self, handle: str, refresh_hash: bytes = b"") -> Principal:
        """Register somebody; who they are with their first login."""
        user, login = self.person(handle), self.new_login(refresh_hash)
        assert await self.logins.register(user, "argon2-of-a-password", login) is None
        return Principal(
            tenant_id=user.tenant_id,
            user_id=user.id,
            login_id=login.id,
            role=user.role,
            name=user.name,
            handle=user.handle,
            locale=user.locale,
            expires_at=self.clock.now_ms() + 900_000,
        )


@dataclass
class RoomWorld:
    """Rooms, their log, and what reads it. `store` puts rows into the log as a flush would;
    `retain_from(room, first)` takes all below `first` out, as retention does."""

    people: People
    rooms: Any
    search: Any
    outbox: Any
    index: Any
    store: Callable[..., Awaitable[None]]
    retain_from: Callable[[str, int], Awaitable[None]]
    database: Database | None = None

    def new_room(self, creator: str, *invited: str, **changes: Any) -> NewRoom:
        fields = {
            "id": self.people.ids.uuid7(),
            "tenant_id": TENANT,
            "kind": "group",
            "title": "Lisbon",
            "history": "invited",
            "creator_id": creator,
            "client_id": self.people.ids.uuid7(),
            "direct_key": None,
            "epoch": "epoch",
            "created_at": self.people.clock.now_ms(),
            "invited": invited,
            "created": b"created",
        }
        return NewRoom(**fields | changes)

    async def room(self, creator: str, *invited: str, **changes: Any) -> str:
        room_id, is_new = await self.rooms.create(self.new_room(creator, *invited, **changes))
        assert is_new
        return room_id

    async def say(self, room_id: str, seq: int, text: str, *, by: str = "", at: int = 0) -> str:
        """A message; its id."""
        message_id = self.people.ids.uuid7()
        sent_at = at or self.people.clock.now_ms() + seq
        event = MessagePosted(
            **self._place(room_id, seq, sent_at),
            message_id=message_id,
            sender=Sender(id=by, kind="user", name="Somebody"),
            content=text,
        )
        row = LogRow(
            **_row(event, EventKind.MESSAGE, by), client_id=message_id, message_id=message_id
        )
        await self.store(room_id, row)
        return message_id

    async def edit(self, room_id: str, seq: int, target: int, text: str) -> None:
        sent_at = self.people.clock.now_ms() + seq
        event = MessageEdited(
            **self._place(room_id, seq, sent_at), message_id="m", by="b", content=text
        )
        await self.store(room_id, LogRow(**_row(event, EventKind.EDITED, "b"), target_seq=target))

    async def delete(self, room_id: str, seq: int, target: int) -> None:
        """Without redaction, which is the room's to ask for: the index must not depend on it."""
        sent_at = self.people.clock.now_ms() + seq
        event = MessageDeleted(**self._place(room_id, seq, sent_at), message_id="m", by="b")
        await self.store(room_id, LogRow(**_row(event, EventKind.DELETED, "b"), target_seq=target))

    def _place(self, room_id: str, seq: int, sent_at: int) -> dict[str, Any]:
        return {"room_id": room_id, "epoch": "epoch", "seq": seq, "sent_at": sent_at}


def _row(event: Any, kind: EventKind, by: str) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "sent_at": event.sent_at,
        "kind": kind,
        "sender_id": by,
        "body": encode(event),
    }


@pytest.fixture(params=["memory", "postgres"])
def server(request: pytest.FixtureRequest) -> Any:
    """None for memory. Not async, because the server's own fixture runs a trio itself."""
    return request.getfixturevalue("postgres_server") if request.param == "postgres" else None


@pytest.fixture(scope="session")
def booking_dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database that all tests of bookings share, because making a month's leaves takes its time."""
    server, name = request.getfixturevalue("postgres_server"), "contract_bookings"
    trio.run(_administer, server.dsn, f"DROP DATABASE IF EXISTS {name}")
    trio.run(_administer, server.dsn, copied(name))
    yield named(server.dsn, name)
    trio.run(_administer, server.dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["memory", "postgres"])
def booking_place(request: pytest.FixtureRequest) -> Any:
    """None for memory. Not async, as `server`."""
    return request.getfixturevalue("booking_dsn") if request.param == "postgres" else None


async def _administer(dsn: str, sql: str) -> None:
    async with AsyncioBridge() as bridge, Database(dsn, bridge, size=1) as admin:
        await admin.call(_execute, sql)


@pytest.fixture
async def people(server: Any) -> AsyncIterator[People]:
    clock = ManualClock()
    ids = ProcessIds(clock, Chance())
    if server is None:
        yield memory_world(clock, ids).people
        return
    async with fresh_database(server) as database:
        yield postgres_people(database, clock, ids)


def postgres_people(database: Database, clock: ManualClock, ids: ProcessIds) -> People:
    async def forget_inbox(user_id: str, below: int) -> None:
        await database.call(_forget_inbox, user_id, below)

    async def refence(user_id: str) -> int:
        return await database.call(give_away, shard_of(user_id))

    return People(
        users=PostgresUsers(database),
        logins=PostgresLogins(database),
        sessions=PostgresSessions(database),
        keys=PostgresKeys(database),
        inboxes=PostgresInboxes(database),
        idempotency=PostgresIdempotencyKeys(database, clock),
        clock=clock,
        ids=ids,
        forget_inbox=forget_inbox,
        refence=refence,
    )


@pytest.fixture
async def world(server: Any) -> AsyncIterator[RoomWorld]:
    clock = ManualClock()
    ids = ProcessIds(clock, Chance())
    if server is None:
        yield memory_world(clock, ids)
        return
    async with fresh_database(server) as database:

        async def store(room_id: str, row: LogRow) -> None:
            await database.transaction(_store, room_id, row)

        async def retain_from(room_id: str, first: int) -> None:
            await database.transaction(_retain_from, room_id, first)

        yield RoomWorld(
            people=postgres_people(database, clock, ids),
            rooms=PostgresRooms(database),
            search=PostgresSearch(database),
            outbox=PostgresOutbox(database),
            index=SearchIndex(database),
            store=store,
            retain_from=retain_from,
            database=database,
        )


def memory_world(clock: ManualClock, ids: ProcessIds) -> RoomWorld:
    shards = MemoryShards()
    users, inboxes = MemoryUsers(), MemoryInboxes(shards)
    logins = MemoryLogins(users)

    async def forget_inbox(user_id: str, below: int) -> None:
        inboxes.forget(TENANT, user_id, below=below)

    async def refence(user_id: str) -> int:
        return shards.take(shard_of(user_id), "another")

    people = People(
        users=users,
        logins=logins,
        sessions=MemorySessions(inboxes, logins),
        keys=MemoryKeys(),
        inboxes=inboxes,
        idempotency=MemoryIdempotencyKeys(clock),
        clock=clock,
        ids=ids,
        forget_inbox=forget_inbox,
        refence=refence,
    )
    stored = StoredLog(shards)
    rooms = MemoryRooms(stored, users)

    async def store(room_id: str, row: LogRow) -> None:
        stored.room(TENANT, room_id).rows[row.seq] = row
        stored.outbox.append(Appended(TENANT, room_id, row.seq, row.seq))

    async def retain_from(room_id: str, first: int) -> None:
        room = stored.room(TENANT, room_id)
        room.first = first
        room.rows = {seq: row for seq, row in room.rows.items() if seq >= first}

    return RoomWorld(
        people=people,
        rooms=rooms,
        search=MemorySearch(rooms),
        outbox=MemoryOutbox(stored, fence=lambda name: 0),
        index=NoIndex(),
        store=store,
        retain_from=retain_from,
    )


class NoIndex:
    """The memory's search reads the log itself."""

    name = "search"

    async def receive(self, events: Sequence[OutboxEvent]) -> None: ...

    async def rebuild(self) -> None: ...


async def _store(connection: Connection, room_id: str, row: LogRow) -> None:
    await connection.execute(
        """INSERT INTO message (seq, sent_at, room_id, tenant_id, kind, sender_id, body, client_id,
                                message_id, target_seq)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        row.seq,
        row.sent_at,
        room_id,
        TENANT,
        row.kind.value,
        row.sender_id,
        row.body,
        row.client_id,
        row.message_id,
        row.target_seq,
    )
    await connection.execute(
        "INSERT INTO outbox (tenant_id, topic, key, first, last) VALUES ($1, $2, $3, $4, $4)",
        TENANT,
        "room.appended",
        room_id,
        row.seq,
    )


async def _forget_inbox(connection: Connection, user_id: str, below: int) -> None:
    await connection.execute(
        "DELETE FROM inbox_item WHERE tenant_id = $1 AND user_id = $2 AND seq < $3",
        TENANT,
        user_id,
        below,
    )


async def _retain_from(connection: Connection, room_id: str, first: int) -> None:
    await connection.execute("UPDATE room SET first = $2 WHERE id = $1", room_id, first)
    await connection.execute("DELETE FROM message WHERE room_id = $1 AND seq < $2", room_id, first)


async def _execute(connection: Connection, sql: str) -> None:
    await connection.execute(sql)
