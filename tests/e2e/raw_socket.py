"""TCP and hand-made WebSocket frames, for what no library would send."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio
from raw_client import PATIENCE, SUBPROTOCOL, Closed


class RawSocket:
    """One connection. Each read ends after `PATIENCE`. Borrows: the stream."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._received = b""

    async def _read(self, count: int) -> bytes:
        with trio.fail_after(PATIENCE):
            while len(self._received) < count:
                received = await self._stream.receive_some()
                if not received:
                    raise Closed(None)
                self._received += received
        data, self._received = self._received[:count], self._received[count:]
        return data

    async def upgrade(
        self,
        path: str,
        *,
        protocol: str | None = SUBPROTOCOL,
        headers: dict[str, str] | None = None,
    ) -> str:
        """Ask for an upgrade; the head of the answer."""
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            *([f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []),
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        await self.send("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await self._read(1)
        return head.decode()

    async def send(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def frame(self) -> tuple[int, bytes]:
        """The next WebSocket frame's first byte and payload."""
        first, length = await self._read(2)
        assert length < 128, "a server masks nothing"
        if length == 126:
            (length,) = struct.unpack("!H", await self._read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self._read(8))
        return first, await self._read(length)

    async def close_code(self) -> int:
        """Read on until the server's close frame."""
        while True:
            first, payload = await self.frame()
            if first == 0x88:
                return int.from_bytes(payload[:2], "big")


@asynccontextmanager
async def raw_socket(ws: str, *, buffer: int | None = None) -> AsyncIterator[RawSocket]:
    """Connected; nothing sent yet. `buffer`: how many bytes the kernel may take for us unread."""
    address = urlsplit(ws)
    with trio.socket.socket() as socket:
        if buffer is not None:
            socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, buffer)
        await socket.connect((address.hostname, address.port))
        yield RawSocket(trio.SocketStream(socket))


def ws_frame(first: int, payload: bytes = b"", *, mask: bool = True, size: int = -1) -> bytes:
    """One WebSocket frame; `size` announces another length than the payload has."""
    size = len(payload) if size < 0 else size
    marked = 0x80 if mask else 0
    if size < 126:
        head = bytes([first, marked | size])
    elif size < 65_536:
        head = bytes([first, marked | 126]) + struct.pack("!H", size)
    else:
        head = bytes([first, marked | 127]) + struct.pack("!Q", size)
    return head + (b"\0\0\0\0" if mask else b"") + payload
