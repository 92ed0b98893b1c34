"""The database as trio sees it: whole asyncio functions, each with a connection, in one crossing."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeAlias, TypeVar

import asyncpg
import asyncpg.pool
import trio

from core.errors import Unavailable
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.binary import uuid

P = ParamSpec("P")
T = TypeVar("T")

Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

OLDEST_VERSION: Final = 15
POOL_SIZE: Final = 10
CONNECT_WITHIN: Final = 5.0
ACQUIRE_WITHIN: Final = 5.0
COMMAND_WITHIN: Final = 10.0
SILENT_WITHIN: Final = 30.0
"""Seconds between two statements of a transaction, after which the server ends it: a node that is frozen
or cut off in one would keep its locks, and the outbox from everybody, for hours."""

AWAY: Final = (
    OSError,  # TimeoutError among them
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InternalClientError,
    asyncpg.InvalidCachedStatementError,  # a newer node migrated
    asyncpg.ReadOnlySQLTransactionError,  # another server is the one to write to now
)
"""What the database raises when it is not there, not yet, or not for us now."""


ILL: Final = (
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalServerError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
)
"""What it raises where the address is right, and something is wrong with the database itself."""


class DatabaseUnusableError(RuntimeError):
    """No database can be used at the address given; the sentence says why, and no password."""


class Database:
    """A pool of connections on the other side of the bridge.

    Owns: the pool. Borrows: the bridge, which outlives it. Connections carry no session state (no
    LISTEN, no SET but `prepare`'s), so none is reset between uses.
    """

    def __init__(self, dsn: str, bridge: AsyncioBridge, *, size: int = POOL_SIZE) -> None:
        self.dsn, self._bridge, self._size = dsn, bridge, size
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._calls = self._failures = 0

    async def __aenter__(self) -> Self:
        """Connects nowhere yet: a server that comes later, or comes back, is found by itself."""
        self._pool = await self._bridge.call(_open, self.dsn, self._size)
        return self

    async def __aexit__(self, *_: object) -> None:
        with trio.CancelScope(shield=True):  # it waits for nothing
            await self._bridge.call(_close, self._open_pool)

    async def reach(self) -> None:
        """First contact, for who cannot begin without. Raises `DatabaseUnusableError`."""
        try:
            version = await self.call(_greet)
        except Unavailable as error:
            raise unusable(error.__cause__) from error
        except (asyncpg.PostgresError, ValueError) as error:
            raise unusable(error) from error
        if version < OLDEST_VERSION:
            raise DatabaseUnusableError(
                f"The database is PostgreSQL {version}, and Caravan needs {OLDEST_VERSION} or newer. "
                "Set DATABASE_URL to a newer one."
            )

    async def call(
        self,
        fn: Callable[Concatenate[Connection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """`await fn(connection, *args, **kwargs)` on a pooled connection, in the asyncio thread.

        Every statement is its own transaction. Raises `Unavailable` when the database is away or
        too busy, and then a write may or may not have happened; other errors as asyncpg has them.
        Cancelled: what runs is cancelled in the database too.
        """
        return await self._cross(_with_connection, fn, args, kwargs)

    async def transaction(
        self,
        fn: Callable[Concatenate[Connection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As `call`, in one transaction: all of `fn`'s statements or none."""
        return await self._cross(_in_transaction, fn, args, kwargs)

    async def _cross(self, how: Callable[..., Awaitable[T]], *args: object) -> T:
        self._calls += 1
        try:
            return await self._bridge.call(how, self._open_pool, *args)
        except Exception as error:
            if is_away(error):
                self._failures += 1
                raise Unavailable from error
            _forget_rows(error)
            raise

    @asynccontextmanager
    async def own_connection(
        self, *, command_within: float = CONNECT_WITHIN
    ) -> AsyncIterator["OwnConnection"]:
        """A connection beside the pool, for who must not queue behind others."""
        own = OwnConnection(self.dsn, self._bridge, command_within=command_within)
        try:
            yield own
        finally:
            await own.close()

    @property
    def _open_pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        if self._pool is None:
            raise RuntimeError("the database is not open")
        return self._pool

    def statistics(self) -> dict[str, int | float]:
        """Connections `open` and `idle` (as last seen), `calls` and those that found it `away`."""
        pool = self._open_pool
        return {
            "open": pool.get_size(),
            "idle": pool.get_idle_size(),
            "size": self._size,
            "calls": self._calls,
            "away": self._failures,
        }


class OwnConnection:
    """One connection, opened when first used and again after it broke or a command took longer than
    `command_within` seconds. One call at a time."""

    def __init__(self, dsn: str, bridge: AsyncioBridge, *, command_within: float) -> None:
        self._dsn, self._bridge = dsn, bridge
        self._command_within = command_within
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def call(
        self,
        fn: Callable[Concatenate[Connection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As `Database.call`."""
        try:
            return await self._bridge.call(self._call, fn, args, kwargs)
        except Exception as error:
            if is_away(error):
                raise Unavailable from error
            _forget_rows(error)
            raise

    async def _call(
        self, fn: Callable[..., Awaitable[T]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> T:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._dsn, timeout=CONNECT_WITHIN, command_timeout=self._command_within
            )
            await prepare(self._connection)
        connection = self._connection
        try:
            return await fn(connection, *args, **kwargs)
        except Exception as error:
            if is_away(error):  # what it was asked may go on: it is not to be in the next one's way
                connection.terminate()
            raise

    async def close(self) -> None:
        """Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with trio.CancelScope(shield=True):  # it waits for nothing
                await self._bridge.call(_hang_up, connection)


def is_away(error: Exception) -> bool:
    """Whether `error` speaks of the connection or the server's state, not of the statement."""
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # (a ValueError blames the arguments)
    return isinstance(error, AWAY)


def _forget_rows(error: Exception) -> None:
    """PostgreSQL's details quote the row or the key that it refused, and whoever logs the error logs them."""
    if isinstance(error, asyncpg.PostgresError):
        error.detail = None


async def prepare(connection: Connection) -> None:
    """Decide once how values look in Python (a uuid is a lower-case `str`), and how long we may be silent."""
    await connection.execute(
        f"SET idle_in_transaction_session_timeout = {round(SILENT_WITHIN * 1_000)}"
    )
    await connection.set_type_codec(
        "uuid", schema="pg_catalog", encoder=uuid, decoder=_uuid_text, format="binary"
    )


def _uuid_text(raw: bytes) -> str:
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


async def _open(dsn: str, size: int) -> "asyncpg.Pool[asyncpg.Record]":
    pool = asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        init=prepare,
        reset=_as_it_is,
        timeout=CONNECT_WITHIN,
        command_timeout=COMMAND_WITHIN,
        server_settings={"application_name": "caravan"},
    )
    return await pool


async def _as_it_is(_: Connection) -> None:
    """The usual reset costs a second round trip for each use."""


async def _greet(connection: Connection) -> int:
    """Its major version."""
    await connection.execute("SELECT 1")
    return connection.get_server_version().major


def unusable(error: BaseException | None) -> DatabaseUnusableError:
    """Why nothing goes without it, and what to do."""
    remedy = "Its own log says more" if isinstance(error, ILL) else "Check DATABASE_URL"
    if isinstance(error, asyncpg.DiskFullError):
        remedy = "Free space on its disk"
    why = _why(error) or "no answer"
    return DatabaseUnusableError(f"The database cannot be used ({why}). {remedy}.")


def _why(error: BaseException | None) -> str:
    """One line, without the password."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {error.verify_message}"
        case OSError() if error.filename:
            return f"{error.strerror}: {error.filename}"
        case OSError() if error.strerror:
            return error.strerror
        case ValueError() if not isinstance(error, asyncpg.InterfaceError):
            return "this is no address"  # the error's own words may quote its password
    return str(error or "").partition("\n")[0]


async def _with_connection(
    pool: "asyncpg.Pool[asyncpg.Record]",
    fn: Callable[..., Awaitable[T]],
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> T:
    async with _acquired(pool) as connection:
        return await fn(connection, *args, **kwargs)


async def _in_transaction(
    pool: "asyncpg.Pool[asyncpg.Record]",
    fn: Callable[..., Awaitable[T]],
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> T:
    async with _acquired(pool) as connection, connection.transaction():
        return await fn(connection, *args, **kwargs)


@asynccontextmanager
async def _acquired(pool: "asyncpg.Pool[asyncpg.Record]") -> AsyncIterator[Connection]:
    """A connection for a block. One to a server that only reads since a failover is given up: the next
    finds the other."""
    async with pool.acquire(timeout=ACQUIRE_WITHIN) as connection:
        try:
            yield connection
        except asyncpg.ReadOnlySQLTransactionError:
            connection.terminate()
            raise


async def _close(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """Callers are gone by now, or late: they do not hold the end up."""
    pool.terminate()


async def _hang_up(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    connection.terminate()
