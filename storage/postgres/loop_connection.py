"""A connection to PostgreSQL that trio waits for itself: no crossing to the asyncio thread and back.

For the one statement that every message waits for. libpq does the talking
(https://www.postgresql.org/docs/current/libpq-async.html); all other statements are asyncpg's.
"""

import select
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import psycopg
import structlog
import trio
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from core.errors import Unavailable
from storage.postgres.pool import CONNECT_WITHIN

TRIED_AGAIN_AFTER: Final = 10.0
"""Seconds after a connection that could not be had."""
_BINARY: Final = 1
_READ_ONLY: Final = b"25006"

log = structlog.get_logger()


class LoopConnection:
    """Opened when first used, and again after it broke or a statement took longer than
    `command_within` seconds. One statement at a time.

    Who cannot have it, or hears False, asks by another way.
    """

    def __init__(self, dsn: str, *, command_within: float) -> None:
        self._dsn, self._command_within = dsn, command_within
        self._connection: pq.abc.PGconn | None = None
        self._prepared: dict[str, bytes] = {}
        self._not_before = float("-inf")
        self._is_away = False
        self.executed = 0
        """Statements that were done."""

    async def execute(self, sql: str, values: Sequence[bytes]) -> bool:
        """Run a statement whose parameters are binary; its rows are dropped.

        True: done and committed. False: nothing was done, it was refused or there is no connection.
        Raises `Unavailable`: it may or may not have been done.
        """
        connection = await self._opened()
        if connection is None:
            return False
        try:
            with trio.fail_after(self._command_within):
                name = await self._prepare(connection, sql)
                if name is None:
                    return False
                connection.send_query_prepared(
                    name, values, [_BINARY] * len(values), result_format=_BINARY
                )
                result = await _answer(connection)
        except (OSError, psycopg.Error, trio.TooSlowError) as error:
            self.close()
            raise Unavailable from error
        except BaseException:
            self.close()  # what it was asked may go on: it is not to be in the next one's way
            raise
        if connection.status != pq.ConnStatus.OK:
            self.close()
            raise Unavailable
        if result is not None and result.error_field(pq.DiagnosticField.SQLSTATE) == _READ_ONLY:
            self.close()  # since a failover another server is the one to write to
        is_done = _status(result) in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
        self.executed += is_done
        return is_done

    def close(self) -> None:
        """Idempotent."""
        connection, self._connection = self._connection, None
        self._prepared = {}
        if connection is not None:
            connection.finish()

    async def _prepare(self, connection: pq.abc.PGconn, sql: str) -> bytes | None:
        name = self._prepared.get(sql)
        if name is None:
            name = b"statement_%d" % len(self._prepared)
            connection.send_prepare(name, sql.encode())
            if _status(await _answer(connection)) != pq.ExecStatus.COMMAND_OK:
                return None
            self._prepared[sql] = name
        return name

    async def _opened(self) -> pq.abc.PGconn | None:
        if self._connection is not None and not _is_alive(self._connection):
            self.close()
        if self._connection is None and trio.current_time() >= self._not_before:
            try:
                with trio.fail_after(CONNECT_WITHIN):
                    self._connection = await _connected(await _resolved(self._dsn))
                self._is_away = False
            except (OSError, psycopg.Error, trio.TooSlowError) as error:
                self._not_before = trio.current_time() + TRIED_AGAIN_AFTER
                if not self._is_away:
                    # Its text may quote the address, and with it a password.
                    log.info("loop_connection.away", error=type(error).__name__)
                self._is_away = True
        return self._connection


def _is_alive(connection: pq.abc.PGconn) -> bool:
    """Whether a connection of which nothing is asked goes on. A server that ended meanwhile has said so,
    and what is sent to it now would be neither done nor unknown."""
    said = select.poll()
    said.register(connection.socket, select.POLLIN)
    try:
        while said.poll(0):
            connection.consume_input()
            connection.is_busy()  # takes in what it was: a notice, a setting
    except psycopg.Error:
        return False
    return bool(connection.status == pq.ConnStatus.OK)


async def _resolved(dsn: str) -> bytes:
    """With the host's addresses, of which libpq tries one after the other: it would hold the loop while
    it looks them up. Raises `OSError`, `psycopg.Error`."""
    parameters = conninfo_to_dict(dsn)
    host, port = str(parameters.get("host") or ""), parameters.get("port") or 5432
    if "," in host:
        raise psycopg.ProgrammingError("several hosts: asyncpg finds the one to write to")
    if host and not host.startswith("/") and not parameters.get("hostaddr"):
        found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        parameters["hostaddr"] = ",".join(addresses)
        parameters["host"] = ",".join([host] * len(addresses))
    return make_conninfo("", **{"application_name": "caravan", **parameters}).encode()


async def _connected(conninfo: bytes) -> pq.abc.PGconn:
    """Raises `OSError`."""
    connection = pq.PGconn.connect_start(conninfo)
    try:
        while connection.status != pq.ConnStatus.BAD:
            polled = connection.connect_poll()
            if polled == pq.PollingStatus.OK:
                connection.nonblocking = 1
                return connection
            if polled == pq.PollingStatus.READING:
                await trio.lowlevel.wait_readable(connection.socket)
            elif polled == pq.PollingStatus.WRITING:
                await trio.lowlevel.wait_writable(connection.socket)
            else:
                break
    except BaseException:
        connection.finish()
        raise
    connection.finish()
    raise ConnectionError("no connection")


def _status(result: pq.abc.PGresult | None) -> int:
    return pq.ExecStatus.FATAL_ERROR if result is None else result.status


async def _answer(connection: pq.abc.PGconn) -> pq.abc.PGresult | None:
    """The last result, once what was asked is sent and answered. Raises `OSError`,
    `psycopg.OperationalError`."""
    while connection.flush():
        await _either_way(connection.socket)
        connection.consume_input()
    last: pq.abc.PGresult | None = None
    while True:
        while connection.is_busy():
            await trio.lowlevel.wait_readable(connection.socket)
            connection.consume_input()
        result = connection.get_result()
        if result is None:
            return last
        last = result


async def _either_way(socket: int) -> None:
    """Until the socket takes more, or has something to say first."""

    async def first(wait: Callable[[int], Awaitable[None]]) -> None:
        await wait(socket)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first, trio.lowlevel.wait_readable)
        nursery.start_soon(first, trio.lowlevel.wait_writable)
