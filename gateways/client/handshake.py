"""The upgrade from HTTP, judged and answered by wsproto: a whole head in, bytes out, no waiting."""

from collections.abc import Collection
from typing import Final

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, RejectConnection, RejectData, Request
from wsproto.utilities import RemoteProtocolError

from core.callers import FORWARDED_FOR
from protocol.limits import CONNECT_PATH, SUBPROTOCOL

MAX_HEAD_BYTES: Final = 16_384
_FORWARDED_FOR: Final = FORWARDED_FOR.lower().encode()
_END: Final = b"\r\n\r\n"
_CLOSE: Final = (b"Connection", b"close")
_TEXT: Final = (b"Content-Type", b"text/plain")
NO_UPGRADE: Final = b"This is no WebSocket upgrade.\n"
OTHER_PATH: Final = f"Clients connect to {CONNECT_PATH}.\n".encode()
QUERY: Final = b"Connect without a query: a token belongs into hello.\n"
FOREIGN_ORIGIN: Final = b"This Origin is not among those in CARAVAN_ORIGINS.\n"
NO_SUBPROTOCOL: Final = f"Offer the subprotocol {SUBPROTOCOL}.\n".encode()
"""For whoever writes a client, in English as all of HTTP's own words."""
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
) -> tuple[bytes, bool, list[str]]:
    """What to send for one upgrade request (RFC 6455 §4.2), whether that accepts it, and for whom it came, if
    it does: the values of `X-Forwarded-For`.

    `head`: the whole of it, with the empty line. `origins`: those of browsers that may connect,
    beside clients that send none. No extension is accepted.
    """
    websocket = WSConnection(ConnectionType.SERVER)
    try:
        websocket.receive_data(head)
        request = next(websocket.events(), None)
    except RemoteProtocolError as error:
        hint = error.event_hint
        if isinstance(hint, RejectConnection) and hint.status_code != 400:  # another version
            return websocket.send(hint), False, []
        return _refused(websocket, 400, NO_UPGRADE), False, []
    except UnicodeError:  # a host that is no name
        return _refused(websocket, 400, NO_UPGRADE), False, []
    if not isinstance(request, Request):
        return _refused(websocket, 400, NO_UPGRADE), False, []
    refusal = _judged(request, origins, needs_subprotocol)
    if refusal is not None:
        return _refused(websocket, *refusal), False, []
    offered = SUBPROTOCOL in request.subprotocols
    accepted = websocket.send(AcceptConnection(subprotocol=SUBPROTOCOL if offered else None))
    return accepted, True, _forwarded(request)


def _refused(websocket: WSConnection, status: int, why: bytes) -> bytes:
    length = (b"Content-Length", str(len(why)).encode())
    head = RejectConnection(status_code=status, headers=[_CLOSE, _TEXT, length], has_body=True)
    return websocket.send(head) + websocket.send(RejectData(data=why, body_finished=True))


def _forwarded(request: Request) -> list[str]:
    values = [value for name, value in request.extra_headers if name == _FORWARDED_FOR]
    return [value.decode("latin-1") for value in values]


def _judged(
    request: Request, origins: Collection[str], needs_subprotocol: bool
) -> tuple[int, bytes] | None:
    """The HTTP status and the reason of a refusal. A query is refused because tokens do not belong into
    addresses, which proxies log."""
    path, question, _ = request.target.partition("?")
    if path != CONNECT_PATH:
        return 404, OTHER_PATH
    if question:
        return 400, QUERY
    if any(
        name == b"origin" and not _is_allowed(value, origins)
        for name, value in request.extra_headers
    ):
        return 403, FOREIGN_ORIGIN
    if needs_subprotocol and SUBPROTOCOL not in request.subprotocols:
        return 400, NO_SUBPROTOCOL
    return None


def _is_allowed(origin: bytes, origins: Collection[str]) -> bool:
    asked = origin.decode("latin-1").strip().rstrip("/").lower()
    return asked in {allowed.rstrip("/").lower() for allowed in origins}
