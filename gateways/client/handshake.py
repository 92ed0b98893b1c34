"""The upgrade from HTTP, judged and answered by wsproto: a whole head in, bytes out, no waiting."""

from collections.abc import Collection
from typing import Final

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, RejectConnection, Request
from wsproto.utilities import RemoteProtocolError

from protocol.limits import CONNECT_PATH, SUBPROTOCOL

MAX_HEAD_BYTES: Final = 16_384
_END: Final = b"\r\n\r\n"
_CLOSE: Final = (b"Connection", b"close")
OVERLOADED: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Length: 0\r\n\r\n"
)
TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def end_of(received: bytearray) -> int:
    """Where the head ends in what came in: -1 while it does not, beyond `MAX_HEAD_BYTES` when it is
    too long, whether it ends or not."""
    end = received.find(_END)
    if end < 0:
        return -1 if len(received) < MAX_HEAD_BYTES else MAX_HEAD_BYTES + 1
    return end + len(_END)


def answer(
    head: bytes, *, origins: Collection[str], needs_subprotocol: bool = True
) -> tuple[bytes, bool]:
    """What to send for one upgrade request (RFC 6455 §4.2), and whether that accepts it.

    `head`: the whole of it, with the empty line. `origins`: those of browsers that may connect,
    beside clients that send none. No extension is accepted.
    """
    websocket = WSConnection(ConnectionType.SERVER)
    try:
        websocket.receive_data(head)
        request = next(websocket.events(), None)
    except RemoteProtocolError as error:
        hint = error.event_hint
        return websocket.send(hint if isinstance(hint, RejectConnection) else _refusal(400)), False
    except UnicodeError:  # a host that is no name
        return websocket.send(_refusal(400)), False
    if not isinstance(request, Request):
        return websocket.send(_refusal(400)), False
    status = _judged(request, origins, needs_subprotocol)
    if status != 101:
        return websocket.send(_refusal(status)), False
    offered = SUBPROTOCOL in request.subprotocols
    return websocket.send(AcceptConnection(subprotocol=SUBPROTOCOL if offered else None)), True


def _refusal(status: int) -> RejectConnection:
    return RejectConnection(status_code=status, headers=[_CLOSE])


def _judged(request: Request, origins: Collection[str], needs_subprotocol: bool) -> int:
    """The HTTP status. A query is refused because tokens do not belong into addresses, which proxies
    log."""
    path, question, _ = request.target.partition("?")
    if path != CONNECT_PATH:
        return 404
    if question:
        return 400
    if any(
        name == b"origin" and not _is_allowed(value, origins)
        for name, value in request.extra_headers
    ):
        return 403
    if needs_subprotocol and SUBPROTOCOL not in request.subprotocols:
        return 400
    return 101


def _is_allowed(origin: bytes, origins: Collection[str]) -> bool:
    asked = origin.decode("latin-1").strip().rstrip("/").lower()
    return asked in {allowed.rstrip("/").lower() for allowed in origins}
