"""One socket, from its hello to its end."""

import math
import random
import ssl
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

import trio
import trio_websocket
from trio_websocket import ConnectionClosed, ConnectionRejected, HandshakeError, WebSocketConnection

from loadtest.reconnect import Ended
from loadtest.uuid7 import wall_clock_ms
from loadtest.wire import Frame, UnreadableFrameError, pack, unpack
from protocol.limits import HELLO_WITHIN, MAX_SERVER_FRAME_BYTES, SUBPROTOCOL

Dial = Callable[[trio.Nursery], Awaitable[tuple[WebSocketConnection, trio.abc.Stream]]]
"""Opens a WebSocket whose reader runs in the given nursery, over a stream that is ours to close:
trio-websocket leaves it open when the other side vanished.
"""

Through = Callable[[trio.abc.Stream], trio.abc.Stream]
"""Puts another stream around a socket's."""

MAX_OUTGOING: Final = 2_048
CLOSE_WITHIN: Final = 0.1
MISSED_BEATS: Final = 2
REFUSED_FOR_GOOD: Final = frozenset({400, 401, 403, 404, 426})


def dial_url(url: str, through: Callable[[trio.abc.Stream], trio.abc.Stream] | None = None) -> Dial:
    """Dial a `ws://` or `wss://` address with this protocol's subprotocol. `through` may put
    another stream around each socket's."""

    async def dial(nursery: trio.Nursery) -> tuple[WebSocketConnection, trio.abc.Stream]:
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or parts.hostname is None:
            raise ValueError(url)
        is_secure = parts.scheme == "wss"
        stream: trio.abc.Stream = await trio.open_tcp_stream(
            parts.hostname, parts.port or (443 if is_secure else 80)
        )
        if through is not None:
            stream = through(stream)
        if is_secure:
            context = ssl.create_default_context()
            stream = trio.SSLStream(stream, context, server_hostname=parts.hostname)
        return await wrap_stream(nursery, stream, parts.netloc, parts.path), stream

    return dial


async def wrap_stream(
    nursery: trio.Nursery, stream: trio.abc.Stream, host: str, path: str
) -> WebSocketConnection:
    """The opening handshake over `stream`, which is closed when that fails."""
    try:
        return await trio_websocket.wrap_client_stream(
            nursery,
            stream,  # type: ignore[arg-type]  # annotated narrower than what it does: any stream
            host,
            path,
            subprotocols=[SUBPROTOCOL],
            message_queue_size=64,
            max_message_size=MAX_SERVER_FRAME_BYTES,
            receive_buffer_size=65_536,
        )
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


class Connection:
    """Sends, receives and stays alive; knows nothing of rooms.

    Owns: the socket, the outgoing queue (bounded: `trio.WouldBlock` when full).
    Borrows: `on_raw(frame, received_at)`, which sees each frame before anybody, and `on_frame`.
    """

    def __init__(
        self,
        *,
        on_frame: Callable[[Frame], Awaitable[None]],
        on_raw: Callable[[Frame, float], None] | None,
        rng: random.Random,
    ) -> None:
        self._on_frame = on_frame
        self._on_raw = on_raw
        self._rng = rng
        self._send, self._outgoing = trio.open_memory_channel[Frame](MAX_OUTGOING)
        self._heard_at = -math.inf
        self._welcomed_at: float | None = None
        self._verdict: tuple[int | None, str] = (None, "the connection was cut")
        self._last_error = ""
        self._stream: trio.abc.Stream | None = None

    def send_nowait(self, frame: Frame) -> None:
        """Queue a frame. Raises `trio.WouldBlock` when the queue is full."""
        self._send.send_nowait(frame)

    def offer_nowait(self, frame: Frame) -> None:
        """Queue what may be lost: dropped when half of the queue is taken, so commands have room."""
        if self._send.statistics().current_buffer_used < MAX_OUTGOING // 2:
            self._send.send_nowait(frame)

    async def cut(self) -> None:
        """End the socket without a word, when there is one."""
        if self._stream is not None:
            await trio.aclose_forcefully(self._stream)

    async def run(self, dial: Dial, hello: Frame) -> Ended:
        """Dial, greet, and serve until the socket ends. Says how it ended; raises nothing of it."""
        opened = False
        async with trio.open_nursery() as nursery:
            pair = await self._opened(dial, nursery)
            if pair is not None:
                opened = True
                websocket, stream = pair
                self._stream = stream
                nursery.start_soon(self._write, websocket)
                self.send_nowait(hello)
                try:
                    await self._read(websocket, nursery)
                finally:
                    await _close(websocket, stream)
            nursery.cancel_scope.cancel()
        code, reason = self._verdict
        since = self._welcomed_at
        return Ended(
            code=code,
            reason=(code is not None and code >= 4100 and self._last_error) or reason,
            resume_sent=opened and "resume" in hello,
            welcomed=since is not None,
            lasted=trio.current_time() - since if since is not None else 0.0,
        )

    async def _opened(
        self, dial: Dial, nursery: trio.Nursery
    ) -> tuple[WebSocketConnection, trio.abc.Stream] | None:
        try:
            with trio.fail_after(HELLO_WITHIN):
                return await dial(nursery)
        except ConnectionRejected as refusal:
            final = refusal.status_code in REFUSED_FOR_GOOD
            text = f"the server refused the connection (HTTP status {refusal.status_code})"
            self._verdict = (4303 if final else None, text)
        except (OSError, HandshakeError, ConnectionClosed, trio.TooSlowError) as error:
            self._verdict = (None, f"the server cannot be reached ({error or 'no answer'})")
        except ValueError as error:
            self._verdict = (4303, f"this is no socket address ({error})")
        return None

    async def _read(self, websocket: WebSocketConnection, nursery: trio.Nursery) -> None:
        try:
            with trio.CancelScope(deadline=trio.current_time() + HELLO_WITHIN) as patience:
                while True:
                    frame = unpack(await websocket.get_message())
                    self._heard_at = trio.current_time()
                    if self._on_raw is not None:
                        self._on_raw(frame, self._heard_at)
                    if frame["type"] == "welcome":
                        patience.deadline = math.inf
                        self._welcomed_at = self._heard_at
                        every = frame["heartbeatMs"] / 1000
                        nursery.start_soon(self._beat, every, patience)
                    elif frame["type"] == "error" and "ref" not in frame:
                        self._last_error = str(frame.get("message", ""))
                    await self._on_frame(frame)
        except ConnectionClosed as closed:
            if closed.reason is not None and closed.reason.code != 1006:
                self._verdict = (closed.reason.code, closed.reason.reason or "")
        except UnreadableFrameError as error:
            self._verdict = (None, f"the server sent {error}")
        else:
            self._verdict = (None, "the server fell silent")

    async def _write(self, websocket: WebSocketConnection) -> None:
        try:
            async for frame in self._outgoing:
                await websocket.send_message(pack(frame))
        except ConnectionClosed:
            return  # the reader learns of it too, after what still arrives

    async def _beat(self, every: float, patience: trio.CancelScope) -> None:
        """The first beat at a random part of the interval, so that clients spread out (§3.3)."""
        await trio.sleep(every * self._rng.random())
        while trio.current_time() - self._heard_at <= MISSED_BEATS * every:
            self.offer_nowait({"type": "ping", "t": wall_clock_ms()})
            await trio.sleep(every)
        patience.cancel()


async def _close(websocket: WebSocketConnection, stream: trio.abc.Stream) -> None:
    # Cancelled, the library's reader is gone and no closing handshake will end: say goodbye only.
    with trio.move_on_after(CLOSE_WITHIN, shield=True):
        await websocket.aclose()
    with trio.CancelScope(shield=True):
        await trio.aclose_forcefully(stream)
