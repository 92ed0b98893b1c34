"""One connection of the HTTP server: hypercorn's, held to HTTP/1.1."""

import re
from typing import Final

import h11
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer

_UPGRADE: Final = b"upgrade"
_AUTHORITY: Final = re.compile(rb"https?://[^/?]*", re.IGNORECASE)


class PlainHttp(H11Protocol):
    """HTTP/1.1, whatever else a client offers: an offer may be passed over (RFC 9110 §7.8).

    Sockets have a server of their own, and hypercorn has no switch for its HTTP/2: there each of a hundred answers
    waits for as long as its client lets it, past every deadline, its place taken after the client has left.
    """

    async def _check_protocol(self, event: h11.Request) -> None:
        """Here it would change to HTTP/2."""

    async def _create_stream(self, request: h11.Request) -> None:
        plain = h11.Request(
            method=request.method,
            target=_path_of(request.target),
            headers=[(name, value) for name, value in request.headers if name != _UPGRADE],
            http_version=request.http_version,
        )
        await super()._create_stream(plain)


class OneConnection(TCPServer):
    """As hypercorn's, in that protocol alone."""

    async def _read_data(self) -> None:
        made = self.protocol
        made.protocol = PlainHttp(
            made.app,
            made.config,
            made.context,
            made.task_group,
            made.state,
            made.ssl,
            made.client,
            made.server,
            made.send,
        )
        await super()._read_data()
        await self.idle_task.stop()  # else who has left keeps their place until it is over


def _path_of(target: bytes) -> bytes:
    """Of a target of whatever form (RFC 9112 §3.2): Quart crashes over what does not begin with a slash
    and is no URL either."""
    absolute = _AUTHORITY.match(target)
    path = target[absolute.end() :] if absolute else target
    return path if path.startswith(b"/") else b"/" + path
