"""The HTTP server: a listener bound first, hypercorn's protocol on it, and an orderly end."""

import logging
import math
import socket
from collections.abc import Mapping
from typing import Any, Final

import structlog
import trio
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    ConnectionState,
    LifespanState,
    Scope,
)
from hypercorn.utils import wrap_app
from quart_trio import QuartTrio

from core.callers import Callers, Proxies
from core.pacing import DutyCycle
from gateways.http.app import DECLARED
from gateways.http.doorstep import HEAD_WITHIN, MAX_HEAD_BYTES, Doorstep, Newcomer
from gateways.http.gate import ANSWER_WITHIN
from gateways.http.one_connection import OneConnection

_log = structlog.get_logger()

BACKLOG: Final = 1_024
MAX_CONNECTIONS: Final = 4_096
"""Connections that have asked: past that the next waits on the doorstep."""
DRAIN_WITHIN: Final = 5.0
SEND_WITHIN: Final = 30.0
SLOWEST: Final = 4_096
"""Bytes a second of a large answer, below which who takes it is cut off: it lies in memory, and has a place."""
SILENCE_AFTER: Final = 5 + math.ceil(max(one.answer_within or ANSWER_WITHIN for one in DECLARED))
"""Seconds in which a client sends nothing, after which it is cut off. One that has asked sends nothing
until it is answered: the gate answers all it lets in before, if only that it took too long. Heads and
bodies have shorter deadlines of their own.
"""
BEGIN_WITHIN: Final = 0.01
"""Seconds that who was taken in last has to become a request before the others are told of the end:
hypercorn closes a connection that hears of it without one."""


def bind_http(host: str, port: int, *, send_within: float = SEND_WITHIN) -> socket.socket:
    """A bound socket, so that port 0 is a known port before anything serves. Raises `OSError`.

    `send_within`: seconds after which a client that takes nothing of its answer is cut off.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # hypercorn's sends have no deadline: the kernel's is for who takes nothing, `_Begun`'s for
            # who takes little. Accepted sockets inherit it (Linux only).
            milliseconds = int(send_within * 1_000)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def port_of(listener: socket.socket) -> int:
    """The port it is bound to."""
    return int(listener.getsockname()[1])


class HttpServer:
    """The application behind a listener.

    Owns: the listener and the connections. hypercorn's own worker lets in whoever connects, with four
    tasks each, and has no place for another way in: so we run its parts. `head_within`: seconds after
    the connection, or the last answer, within which a request's head must be here. `send_within`: as of `bind_http`,
    and for a whole answer, with a second more for each `SLOWEST` bytes. Strangers are let in and out at `pace`. `most_per_address`: connections of one caller that is none of `proxies` (`Callers`).
    """

    def __init__(
        self,
        app: QuartTrio,
        listener: socket.socket,
        *,
        drain_within: float = DRAIN_WITHIN,
        head_within: float = HEAD_WITHIN,
        send_within: float = SEND_WITHIN,
        pace: DutyCycle | None = None,
        most_per_address: int | None = None,
        proxies: Proxies = (),
    ) -> None:
        self._send_within = send_within
        self._app = wrap_app(_finishing(app), 0, "asgi")
        self._config = _config(drain_within=drain_within, head_within=head_within)
        self._context = WorkerContext(None)
        self._state: LifespanState = {}
        self._callers = Callers(most_per_address, proxies)
        self._doorstep = Doorstep(
            listener, self._take_in, callers=self._callers, head_within=head_within, pace=pace
        )
        self._places = trio.Semaphore(MAX_CONNECTIONS)
        self._streams: set[trio.SocketStream] = set()

    async def run(
        self,
        *,
        stopping: trio.Event,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until `stopping` is set: then nothing new is accepted, what is in flight has
        `drain_within` seconds, and this returns. Cancelled, it ends at once.

        `task_status` is started once connections are answered.
        """
        lifespan = Lifespan(self._app, self._config, self._state)
        async with trio.open_nursery() as nursery:
            await nursery.start(lifespan.handle_lifespan)
            await lifespan.wait_for_startup()
            async with trio.open_nursery() as connections:
                self._connections = connections
                nursery.start_soon(self._end_in_time, stopping)
                task_status.started()
                try:
                    await self._doorstep.run(stopping)
                    await trio.sleep(BEGIN_WITHIN)
                finally:
                    await self._context.terminated.set()
            await lifespan.wait_for_shutdown()
            nursery.cancel_scope.cancel()

    def statistics(self) -> Mapping[str, int | float]:
        """`served`: connections that have asked."""
        return {"served": MAX_CONNECTIONS - self._places.value, **self._doorstep.statistics()}

    async def _end_in_time(self, stopping: trio.Event) -> None:
        """Also where somebody who has asked still waits for a place, or takes a little of an answer at a time:
        what is being sent cannot be cancelled, but its socket can be closed."""
        try:
            await stopping.wait()
            await trio.sleep(self._config.graceful_timeout)
            self._connections.cancel_scope.cancel()
        finally:
            for stream in self._streams:
                stream.socket.close()

    async def _take_in(self, newcomer: Newcomer) -> None:
        await self._places.acquire()
        self._connections.start_soon(self._serve, newcomer)

    async def _serve(self, newcomer: Newcomer) -> None:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(newcomer.socket))
        state = ConnectionState(self._state.copy())
        began: Any = _Begun(stream, bytes(newcomer.head), self._send_within)
        self._streams.add(stream)
        try:
            await OneConnection(self._app, self._config, self._context, state, began)
        except* Exception as group:
            # hypercorn answers some requests that break the protocol by an exception.
            _log.warning("http.connection_failed", error=_first_in(group))
        finally:
            self._streams.discard(stream)
            self._places.release()
            self._callers.leave(newcomer.address)
            await trio.aclose_forcefully(stream)


def _first_in(group: BaseExceptionGroup[Exception]) -> str:
    """What it is, and no more: its words quote the request, and that may hold a token."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__


def _config(*, drain_within: float, head_within: float) -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.include_server_header = False
    config.h11_max_incomplete_size = MAX_HEAD_BYTES
    config.keep_alive_timeout = head_within
    config.read_timeout = SILENCE_AFTER
    config.graceful_timeout = drain_within
    config.websocket_max_message_size = 0
    return config


class _Begun:
    """A stream of which something was read before. Owns the stream; what hypercorn needs of one."""

    def __init__(self, stream: trio.SocketStream, begun: bytes, send_within: float) -> None:
        self._stream, self._begun, self._send_within = stream, begun, send_within
        self.socket = stream.socket
        self.send_eof, self.aclose = stream.send_eof, stream.aclose

    async def receive_some(self, max_bytes: int) -> bytes | bytearray:
        begun, self._begun = self._begun, b""
        return begun or await self._stream.receive_some(max_bytes)

    async def send_all(self, data: bytes) -> None:
        """The kernel's deadline is for who takes nothing: who takes a byte now and then has this one."""
        with trio.move_on_after(self._send_within + len(data) / SLOWEST) as sending:
            await self._stream.send_all(data)
        if sending.cancelled_caught:
            self.socket.close()
            raise trio.ClosedResourceError


def _finishing(app: QuartTrio) -> ASGIFramework:
    """Once an answer is complete, hypercorn tells the application `http.disconnect`, for which
    Quart cancels the request: amid the very `send` that was to close the connection or to start
    its idle timer. So what we send is not to be interrupted."""

    async def asgi(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def send_whole(event: ASGISendEvent) -> None:
            with trio.CancelScope(shield=True):
                await send(event)

        await app(scope, receive, send_whole)

    return asgi
