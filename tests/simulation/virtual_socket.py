"""What `loadtest.client` needs of a WebSocket, over a simulated link, with everything written down."""

from contextlib import suppress
from typing import Any

import msgpack
import trio
from trio_websocket import CloseReason, ConnectionClosed
from virtual_network import Link

BINARY, CLOSE, PING, PONG = 0x2, 0x8, 0x9, 0xA
PIECE = 16_384


class VirtualSocket:
    """Client end of a link. `sent` and `received` see each whole frame as it passes.

    Also the stream that the client closes: `aclose` ends the link either way.
    """

    def __init__(self, link: Link, observer: Any) -> None:
        self._link = link
        self._observer = observer
        self._buffer = bytearray()
        self._has_parted = False
        self._writing = trio.Lock()
        self.pause: Any = None
        """Awaited before each read: a slow reader's nap."""

    async def send_message(self, data: bytes) -> None:
        self._observer.sent(msgpack.unpackb(data))
        await self._write(BINARY, data)

    async def get_message(self) -> bytes:
        """The next message. Raises `ConnectionClosed`."""
        while True:
            opcode, payload = await self._frame()
            if opcode == BINARY:
                self._observer.received(msgpack.unpackb(payload))
                return payload
            if opcode == PING:
                await self._write(PONG, payload)
            elif opcode == CLOSE:
                await self._part(payload)

    async def aclose(self) -> None:
        if not self._has_parted:
            self._has_parted = True
            with suppress(ConnectionClosed):
                await self._write(CLOSE, (1000).to_bytes(2, "big"))
        self._link.to_server.finish()

    async def _part(self, payload: bytes) -> None:
        code = int.from_bytes(payload[:2], "big") if payload else 1005
        self._has_parted = True
        self._observer.closed(code)
        await self._write(CLOSE, payload[:2])
        raise ConnectionClosed(CloseReason(code, payload[2:].decode()))

    async def _write(self, opcode: int, payload: bytes) -> None:
        """One masked frame; the mask is zero, so the payload stays as it is."""
        size = len(payload)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65_536:
            head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
        else:
            head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
        data = head + b"\0\0\0\0" + payload
        async with self._writing:
            while data:
                if self._link.is_cut:
                    raise ConnectionClosed(None)
                taken = self._link.to_server.write(data)
                data = data[taken:]
                if data:
                    await self._link.changed.wait()

    async def _frame(self) -> tuple[int, bytes]:
        await self._fill(2)
        if self._buffer[1] & 0x80 or self._buffer[0] & 0x70 or not self._buffer[0] & 0x80:
            raise AssertionError("the server sends whole, unmasked frames")
        size, start = self._buffer[1], 2
        if size == 126:
            await self._fill(4)
            size, start = int.from_bytes(self._buffer[2:4], "big"), 4
        elif size == 127:
            await self._fill(10)
            size, start = int.from_bytes(self._buffer[2:10], "big"), 10
        await self._fill(start + size)
        opcode, payload = self._buffer[0] & 0x0F, bytes(self._buffer[start : start + size])
        del self._buffer[: start + size]
        return opcode, payload

    async def _fill(self, size: int) -> None:
        pipe = self._link.to_client
        while len(self._buffer) < size:
            if self.pause is not None:
                await self.pause()
            if self._link.is_cut:
                raise ConnectionClosed(None)
            if data := pipe.read(PIECE):
                self._buffer += data
            elif pipe.is_finished:
                raise ConnectionClosed(None)
            else:
                await self._link.changed.wait()
