"""The HTTP server: a listener bound first, hypercorn's trio worker on it, and an orderly end."""

import logging
import socket
from typing import Final

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)
from quart_trio import QuartTrio

BACKLOG: Final = 1_024
DRAIN_WITHIN: Final = 5.0
SEND_WITHIN: Final = 30.0
SILENCE_AFTER: Final = 15
HEAD_WITHIN: Final = 5.0
MAX_HEAD_BYTES: Final = 16_384


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
            # hypercorn's sends have no deadline and cannot be cancelled: the kernel's has to do.
            # Accepted sockets inherit it (Linux only).
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


async def serve_http(
    app: QuartTrio,
    listener: socket.socket,
    *,
    stopping: trio.Event,
    drain_within: float = DRAIN_WITHIN,
    head_within: float = HEAD_WITHIN,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until `stopping` is set: then nothing new is accepted, what is in flight has
    `drain_within` seconds, and this returns. Cancelled, it ends at once. Owns the listener. A
    request's head must be here `head_within` seconds after the connection or the last answer.

    `task_status` is started once connections are answered.
    """
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.backlog = BACKLOG
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.include_server_header = False
    config.h11_max_incomplete_size = MAX_HEAD_BYTES
    config.keep_alive_timeout = head_within
    config.read_timeout = SILENCE_AFTER
    config.graceful_timeout = drain_within
    config.websocket_max_message_size = 0
    async with trio.open_nursery() as nursery:
        await nursery.start(_served, app, config, stopping)
        task_status.started()


async def _served(
    app: QuartTrio,
    config: Config,
    stopping: trio.Event,
    *,
    task_status: trio.TaskStatus[list[str]],
) -> None:
    await serve(
        _finishing(app),
        config,
        shutdown_trigger=stopping.wait,
        task_status=task_status,
        mode="asgi",
    )


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
