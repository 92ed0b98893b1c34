"""One socket, from its hello to its end."""

import math
import random
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, HandshakeError

from loadtest.hub import Hub, HubSocket
from loadtest.reconnect import Ended
from loadtest.uuid7 import wall_clock_ms
from loadtest.websocket import WebSocket, shake_hands
from loadtest.wire import Frame, UnreadableFrameError, pack, unpack
from protocol.limits import HELLO_WITHIN


class Socket(Protocol):
    """A WebSocket that a task reads. Raises trio-websocket's `ConnectionClosed` from the end on."""

    async def get_message(self) -> bytes: ...

    async def send_message(self, data: bytes, /) -> None: ...

    async def aclose(self) -> None:
        """Say goodbye."""


Dial = Callable[[trio.Nursery], Awaitable[tuple[Socket | HubSocket, trio.abc.AsyncResource]]]
"""Opens a WebSocket (what it needs to run may run in the given nursery), and what is ours to close
below it.
"""

Through = Callable[[trio.abc.Stream], trio.abc.Stream]
"""Puts another stream around a socket's."""

MAX_OUTGOING: Final = 2_048
CLOSE_WITHIN: Final = 0.1
MISSED_BEATS: Final = 2
REFUSED_FOR_GOOD: Final = frozenset({400, 401, 403, 404, 426})


def dial_url(url: str, through: Through | None = None, *, hub: Hub | None = None) -> Dial:
    """Dial a `ws://` or `wss://` address with this protocol's subprotocol. `through` may put
    another stream around each socket's. A plain socket is read by the hub, if there is one: then
    who has the session must have an `on_event`, because nothing waits for him."""

    async def dial(nursery: trio.Nursery) -> tuple[Socket | HubSocket, trio.abc.AsyncResource]:
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
        return await open_socket(stream, parts.netloc, parts.path or "/", hub)

    return dial


async def open_socket(
    stream: trio.abc.Stream, host: str, path: str, hub: Hub | None = None
) -> tuple[Socket | HubSocket, trio.abc.AsyncResource]:
    """The opening handshake over `stream`, which is closed when that fails."""
    try:
        rest = await shake_hands(stream, host, path)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    rng = random.SystemRandom()
    if hub is None or not isinstance(stream, trio.SocketStream):
        return WebSocket(stream, rest, rng), stream
    plain = HubSocket(hub, socket.socket(fileno=stream.socket.detach()), rest, rng)
    return plain, plain


class Connection:
    """Sends, receives and stays alive; knows nothing of rooms.

    Owns: the socket, the outgoing queue (bounded: `trio.WouldBlock` when full).
    Borrows: `on_raw(frame, received_at)`, which sees each frame before anybody, and `on_frame`,
    which must not block; a socket that a task reads is read on when `has_room` returns.
    """

    def __init__(
        self,
        *,
        on_frame: Callable[[Frame], None],
        has_room: Callable[[], Awaitable[None]],
        on_raw: Callable[[Frame, float], None] | None,
        rng: random.Random,
    ) -> None:
        self._on_frame, self._has_room = on_frame, has_room
        self._on_raw = on_raw
        self._rng = rng
        self._send, self._outgoing = trio.open_memory_channel[Frame](MAX_OUTGOING)
        self._heard_at = -math.inf
        self._welcomed_at: float | None = None
        self._verdict: tuple[int | None, str] = (None, "the connection was cut")
        self._last_error = ""
        self._below: trio.abc.AsyncResource | None = None
        self._hub_socket: HubSocket | None = None
        self._serving: trio.Nursery | None = None
        self._patience = trio.CancelScope()

    def send_nowait(self, frame: Frame) -> None:
        """Send or queue a frame. Raises `trio.WouldBlock` when the queue is full."""
        if self._hub_socket is not None:
            self._hub_socket.send_nowait(pack(frame))
        else:
            self._send.send_nowait(frame)

    def offer_nowait(self, frame: Frame) -> None:
        """Queue what may be lost: dropped when half of the queue is taken, so commands have room."""
        if self._hub_socket is not None:
            if not self._hub_socket.unsent:
                self._hub_socket.send_nowait(pack(frame))
        elif self._send.statistics().current_buffer_used < MAX_OUTGOING // 2:
            self._send.send_nowait(frame)

    async def cut(self) -> None:
        """End the socket without a word, when there is one."""
        if self._below is not None:
            await trio.aclose_forcefully(self._below)

    async def run(self, dial: Dial, hello: Frame) -> Ended:
        """Dial, greet, and serve until the socket ends. Says how it ended; raises nothing of it."""
        opened = False
        async with trio.open_nursery() as nursery:
            pair = await self._opened(dial, nursery)
            if pair is not None:
                opened = True
                websocket, self._below = pair
                self._serving = nursery
                if isinstance(websocket, HubSocket):
                    self._hub_socket = websocket
                else:
                    nursery.start_soon(self._write, websocket)
                self.send_nowait(hello)
                try:
                    await self._read(websocket)
                finally:
                    await _close(websocket, self._below)
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
    ) -> tuple[Socket | HubSocket, trio.abc.AsyncResource] | None:
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

    async def _read(self, websocket: Socket | HubSocket) -> None:
        self._patience.deadline = trio.current_time() + HELLO_WITHIN
        try:
            with self._patience:
                if isinstance(websocket, HubSocket):
                    await websocket.hear(self._take)
                while not isinstance(websocket, HubSocket):
                    self._take(await websocket.get_message())
                    await self._has_room()
        except ConnectionClosed as closed:
            if closed.reason is not None and closed.reason.code != 1006:
                self._verdict = (closed.reason.code, closed.reason.reason or "")
        except UnreadableFrameError as error:
            self._verdict = (None, f"the server sent {error}")
        else:
            self._verdict = (None, "the server fell silent")

    def _take(self, data: bytes) -> None:
        frame = unpack(data)
        self._heard_at = now = trio.current_time()
        if self._on_raw is not None:
            self._on_raw(frame, now)
        kind = frame["type"]
        if kind == "welcome" and self._serving is not None:
            self._patience.deadline = math.inf
            self._welcomed_at = now
            self._serving.start_soon(self._beat, frame["heartbeatMs"] / 1000)
        elif kind == "error" and "ref" not in frame:
            self._last_error = str(frame.get("message", ""))
        self._on_frame(frame)

    async def _write(self, websocket: Socket) -> None:
        try:
            async for frame in self._outgoing:
                await websocket.send_message(pack(frame))
        except ConnectionClosed:
            return  # the reader learns of it too, after what still arrives

    async def _beat(self, every: float) -> None:
        """The first beat at a random part of the interval, so that clients spread out (§3.3)."""
        await trio.sleep(every * self._rng.random())
        while trio.current_time() - self._heard_at <= MISSED_BEATS * every:
            self.offer_nowait({"type": "ping", "t": wall_clock_ms()})
            await trio.sleep(every)
        self._patience.cancel()


async def _close(websocket: Socket | HubSocket, below: trio.abc.AsyncResource) -> None:
    """Say goodbye, without waiting for an answer."""
    if isinstance(websocket, HubSocket):
        websocket.part()
    else:
        with trio.move_on_after(CLOSE_WITHIN, shield=True):
            await websocket.aclose()
    with trio.CancelScope(shield=True):
        await trio.aclose_forcefully(below)
