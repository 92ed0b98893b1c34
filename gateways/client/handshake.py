"""The upgrade from HTTP, by trio-websocket, which is then let go."""

from collections.abc import Collection
from typing import Final

import trio
import trio_websocket

from gateways.client.wire import Wire
from protocol.limits import CONNECT_PATH, SUBPROTOCOL

MAX_HEAD_BYTES: Final = 16_384
_END: Final = b"\r\n\r\n"
TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
OVERLOADED: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Length: 0\r\n\r\n"
)


class HeadStream(trio.abc.Stream):
    """Gives trio-websocket the HTTP head and nothing more, so that its reader, which reads ahead
    before the request is accepted, cannot take bytes that belong to the frame parser.

    Borrows: the wire. `ended` is set when trio-websocket gives up on the request.
    """

    def __init__(self, wire: Wire, head: bytes) -> None:
        self._wire = wire
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
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._wire.send(rest) :]
                await trio.lowlevel.checkpoint()
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._wire.fileno())
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.wait_writable(self._wire.fileno())

    async def aclose(self) -> None:
        """The socket stays open: a refusal must still reach the client."""
        self.ended.set()
        await trio.lowlevel.checkpoint()


def end_of(received: bytearray) -> int:
    """Where the head ends in what came in: -1 while it does not, beyond `MAX_HEAD_BYTES` when it is
    too long, whether it ends or not."""
    end = received.find(_END)
    if end < 0:
        return -1 if len(received) < MAX_HEAD_BYTES else MAX_HEAD_BYTES + 1
    return end + len(_END)


async def upgrade(
    wire: Wire, head: bytes, *, origins: Collection[str], needs_subprotocol: bool = True
) -> bool:
    """Answer one upgrade request; whether it was accepted.

    `head`: the whole of it. `origins`: those of browsers that may connect, beside clients that send
    none. Waits as long as the client takes to read: the caller has the deadline. Raises trio's
    resource errors.
    """
    is_accepted = False
    stream = HeadStream(wire, head)
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
    return is_accepted


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
