"""Every port of people and rooms, once in memory and once over PostgreSQL."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import trio

from core.identity import Principal, Role
from core.ids import ProcessIds
from core.ports.repositories import User
from storage.asyncio_bridge import AsyncioBridge
from storage.credentials.records import NewLogin
from storage.memory.idempotency import MemoryIdempotencyKeys
from storage.memory.inboxes import MemoryInboxes
from storage.memory.logins import MemoryLogins
from storage.memory.sessions import MemorySessions
from storage.memory.signing_keys import MemoryKeys
from storage.memory.users import MemoryUsers
from storage.postgres.idempotency import PostgresIdempotencyKeys
from storage.postgres.inboxes import PostgresInboxes
from storage.postgres.logins import PostgresLogins
from storage.postgres.pool import Connection, Database
from storage.postgres.sessions import PostgresSessions
from storage.postgres.signing_keys import PostgresKeys
from storage.postgres.users import PostgresUsers

TENANT = 1
_numbers = itertools.count(1)


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


@pytest.fixture(params=["memory", "postgres"])
def server(request: pytest.FixtureRequest) -> Any:
    """None for memory. Not async, because the server's own fixture runs a trio itself."""
    return request.getfixturevalue("postgres_server") if request.param == "postgres" else None


@pytest.fixture
async def people(server: Any) -> AsyncIterator[People]:
    clock = ManualClock()
    ids = ProcessIds(clock, Chance())
    if server is None:
        users, inboxes = MemoryUsers(), MemoryInboxes()
        logins = MemoryLogins(users)
        yield People(
            users=users,
            logins=logins,
            sessions=MemorySessions(inboxes, logins),
            keys=MemoryKeys(),
            inboxes=inboxes,
            idempotency=MemoryIdempotencyKeys(clock),
            clock=clock,
            ids=ids,
        )
        return
    async with fresh_database(server) as database:
        yield People(
            users=PostgresUsers(database),
            logins=PostgresLogins(database),
            sessions=PostgresSessions(database),
            keys=PostgresKeys(database),
            inboxes=PostgresInboxes(database),
            idempotency=PostgresIdempotencyKeys(database, clock),
            clock=clock,
            ids=ids,
        )


@asynccontextmanager
async def fresh_database(server: Any) -> AsyncIterator[Database]:
    """An empty, migrated database of its own, with a second tenant."""
    name = f"contract_{next(_numbers)}"
    dsn = server.dsn.replace("@/postgres?", f"@/{name}?")
    async with AsyncioBridge() as bridge, Database(server.dsn, bridge, size=1) as admin:
        await admin.call(_execute, f"CREATE DATABASE {name} TEMPLATE caravan_template")
        async with Database(dsn, bridge, size=4) as database:
            await database.call(_execute, "INSERT INTO tenant (id, name) VALUES (2, 'other')")
            yield database
        with trio.CancelScope(shield=True):
            await admin.call(_execute, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(connection: Connection, sql: str) -> None:
    await connection.execute(sql)
