"""A WebSocket over one stream that a task reads: TLS, slow readers, people's terminals.

Its exceptions are trio-websocket's. The handshake is wsproto's (RFC 6455 §4).
"""

import random
from collections import deque
from typing import Final

import trio
import wsproto.events
from trio_websocket import CloseReason, ConnectionClosed, ConnectionRejected, HandshakeError
from wsproto import ConnectionType, WSConnection
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from loadtest.frames import BINARY, PONG, Close, FrameReader, Ping, close_bytes, frame_bytes
from protocol.limits import MAX_SERVER_FRAME_BYTES, SUBPROTOCOL

RECEIVE_BYTES: Final = 65_536
MAX_HEAD_BYTES: Final = 65_536
HEAD_ENDS: Final = b"\r\n\r\n"


class WebSocket:
    """Whole binary messages. Owns: nothing; the stream is closed by who opened it.

    Read by one task; written by any number. Raises `ConnectionClosed` from the end on.
    """

    def __init__(self, stream: trio.abc.Stream, rest: bytes, rng: random.Random) -> None:
        self._stream, self._rng = stream, rng
        self._reader = FrameReader(MAX_SERVER_FRAME_BYTES)
        self._waiting = deque(self._reader.feed(rest))
        self._turn = trio.Lock()
        self._has_parted = False

    async def get_message(self) -> bytes:
        """The next message. Raises `UnreadableFrameError` for what is none."""
        while True:
            while self._waiting:
                match self._waiting.popleft():
                    case Ping(payload=payload):
                        await self._send(frame_bytes(PONG, payload, self._rng.getrandbits(32)))
                    case Close(code=code, reason=reason):
                        await self.aclose(code)
                        raise ConnectionClosed(CloseReason(code, reason))
                    case message:
                        return message
            try:
                data = await self._stream.receive_some(RECEIVE_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            if not data:
                raise ConnectionClosed(None)
            self._waiting.extend(self._reader.feed(bytes(data)))

    async def send_message(self, data: bytes) -> None:
        await self._send(frame_bytes(BINARY, data, self._rng.getrandbits(32)))

    async def aclose(self, code: int = 1000) -> None:
        """Say goodbye, once. Does not wait for the other side's."""
        if not self._has_parted:
            goodbye = close_bytes(code, "", self._rng.getrandbits(32))
            try:
                await self._send(goodbye)
            except ConnectionClosed:
                return
            finally:
                self._has_parted = True

    async def _send(self, data: bytes) -> None:
        async with self._turn:
            if self._has_parted:
                raise ConnectionClosed(None)
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                raise ConnectionClosed(None) from None


async def shake_hands(stream: trio.abc.Stream, host: str, path: str) -> bytes:
    """The opening handshake; returns what the server sent after it.

    Raises `ConnectionRejected` for another status than 101, `HandshakeError` for what is no answer.
    """
    machine = WSConnection(ConnectionType.CLIENT)
    request = wsproto.events.Request(host=host, target=path, subprotocols=[SUBPROTOCOL])
    try:
        await stream.send_all(machine.send(request))
        head, rest = await _head(stream)
        machine.receive_data(head)
        answer = next(machine.events(), None)
    except (trio.BrokenResourceError, LocalProtocolError, RemoteProtocolError) as error:
        raise HandshakeError(str(error) or "the server hung up") from None
    if isinstance(answer, wsproto.events.RejectConnection):
        raise ConnectionRejected(answer.status_code, (), None)
    if not isinstance(answer, wsproto.events.AcceptConnection):
        raise HandshakeError("the server's answer is no WebSocket's")
    return rest


async def _head(stream: trio.abc.Stream) -> tuple[bytes, bytes]:
    data = b""
    while (end := data.find(HEAD_ENDS)) < 0:
        if len(data) > MAX_HEAD_BYTES:
            raise HandshakeError("the server's answer has no end")
        more = await stream.receive_some(RECEIVE_BYTES)
        if not more:
            raise HandshakeError("the server hung up")
        data += more
    end += len(HEAD_ENDS)
    return data[:end], data[end:]
