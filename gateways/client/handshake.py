"""The upgrade from HTTP, by trio-websocket, which is then let go."""

import contextlib
import socket
from collections.abc import Collection, Iterator
from typing import Final

import trio
import trio_websocket

from protocol.limits import CONNECT_PATH, SUBPROTOCOL

MAX_HEAD_BYTES: Final = 16_384
_END: Final = b"\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
OVERLOADED: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Length: 0\r\n\r\n"
)


class HeadStream(trio.abc.Stream):
    """Gives trio-websocket the HTTP head and nothing more, so that its reader, which reads ahead
    before the request is accepted, cannot take bytes that belong to the frame parser.

    Borrows: the socket. `ended` is set when trio-websocket gives up on the request.
    """

    def __init__(self, connected: socket.socket, head: bytes) -> None:
        self._socket = connected
        self._head = head
        self.ended = trio.Event()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The whole head, once; then nothing ever."""
        if not self._head:
            await trio.sleep_forever()
        head, self._head = self._head, b""
        await trio.lowlevel.checkpoint()
        return head

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await _send(self._socket, data)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.wait_writable(self._socket)

    async def aclose(self) -> None:
        """The socket stays open: a refusal must still reach the client."""
        self.ended.set()
        await trio.lowlevel.checkpoint()


async def _read_head(connected: socket.socket) -> tuple[bytes, bytes] | None:
    """The head and what came behind it. None when the client went away, or was told 431."""
    head = bytearray()
    while (end := head.find(_END)) < 0:
        if len(head) >= MAX_HEAD_BYTES:
            await _send(connected, _TOO_LARGE)
            return None
        received = await _receive(connected, MAX_HEAD_BYTES - len(head))
        if not received:
            return None
        head += received
    end += len(_END)
    return bytes(head[:end]), bytes(head[end:])


async def _send(connected: socket.socket, data: bytes | bytearray | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        await trio.lowlevel.wait_writable(connected)
        with contextlib.suppress(BlockingIOError), _broken_as_trio_says():
            rest = rest[connected.send(rest) :]


async def _receive(connected: socket.socket, most: int) -> bytes:
    while True:
        await trio.lowlevel.wait_readable(connected)
        with contextlib.suppress(BlockingIOError), _broken_as_trio_says():
            return connected.recv(most)


@contextlib.contextmanager
def _broken_as_trio_says() -> Iterator[None]:
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        raise trio.BrokenResourceError(str(error)) from error


async def upgrade(
    connected: socket.socket, *, origins: Collection[str], needs_subprotocol: bool = True
) -> bytes | None:
    """Answer one upgrade request on a non-blocking socket. Returns the bytes that came behind the
    head, or None when it was refused (or was no request at all); the refusal has been sent then.

    `origins`: those of browsers that may connect, beside clients that send none. Waits as long as
    the client takes: the caller has the deadline. Raises trio's resource errors.
    """
    # Only who has sent a whole head is worth trio-websocket's tasks and buffers.
    read = await _read_head(connected)
    if read is None:
        return None
    head, leftover = read
    stream = HeadStream(connected, head)
    is_accepted = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_after, stream.ended, nursery.cancel_scope)
        request = await trio_websocket.wrap_server_stream(nursery, stream)
        refusal = _refusal(request, origins, needs_subprotocol)
        if refusal is None:
            offered = SUBPROTOCOL in request.proposed_subprotocols
            await request.accept(subprotocol=SUBPROTOCOL if offered else None)
            is_accepted = True
        else:
            await request.reject(refusal, extra_headers=[(b"Content-Length", b"0")])
        # From here on ping, pong and close are ours: its reader and buffers go.
        nursery.cancel_scope.cancel()
    return leftover if is_accepted else None


async def part(connected: socket.socket, *, within: float) -> None:
    """Say that nothing follows and wait for the client to read it: closing with unread bytes would
    reset the connection and take the refusal with it."""
    with contextlib.suppress(OSError), trio.move_on_after(within):
        connected.shutdown(socket.SHUT_WR)
        while True:
            await trio.lowlevel.wait_readable(connected)
            if not connected.recv(4_096):
                return


async def _cancel_after(ended: trio.Event, scope: trio.CancelScope) -> None:
    await ended.wait()
    scope.cancel()


def _refusal(
    request: trio_websocket.WebSocketRequest, origins: Collection[str], needs_subprotocol: bool
) -> int | None:
    """The HTTP status that refuses the request, or None. A query is refused because tokens do not
    belong into addresses, which proxies log."""
    path, question, _ = request.path.partition("?")
    if path != CONNECT_PATH:
        return 404
    if question:
        return 400
    if any(
        name == b"origin" and not _is_allowed(value, origins) for name, value in request.headers
    ):
        return 403
    if needs_subprotocol and SUBPROTOCOL not in request.proposed_subprotocols:
        return 400
    return None


def _is_allowed(origin: bytes, origins: Collection[str]) -> bool:
    asked = origin.decode("latin-1").strip().rstrip("/").lower()
    return asked in {allowed.rstrip("/").lower() for allowed in origins}
