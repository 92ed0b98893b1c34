"""The byte pipe under a connection: today a plain non-blocking socket, later TLS over memory BIOs."""

import contextlib
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Protocol

Buffer = bytes | memoryview
Send = Callable[[Buffer], int]

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Wire(Protocol):
    """Bytes in, bytes out, never blocking. Not being ready is `BlockingIOError`, anything else that
    ends the pipe is another `OSError`."""

    def fileno(self) -> int:
        """What the hub's poller watches."""

    def receive_into(self, buffer: bytearray) -> int:
        """Bytes read; 0 when the peer will send no more."""

    def send(self, data: Buffer, /) -> int:
        """Bytes taken, perhaps fewer than given."""

    def send_many(self, parts: Sequence[Buffer], /) -> int:
        """Bytes taken of the parts in a row, in one system call."""

    def finish(self) -> None:
        """No more bytes from us; the peer may still send."""

    def close(self) -> None:
        """Free the descriptor. Whoever polls it must have let it go before."""

    def reset(self) -> None:
        """Close at once and throw away what the peer has not taken."""


class PlainWire:
    """A connected TCP socket. Owns it."""

    # `send` is the socket's own bound method: the broadcast loop pays for each call in between.
    __slots__ = ("_socket", "send")

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        with contextlib.suppress(OSError):  # a Unix socket has no such option
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self.send = connected.send

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive_into(self, buffer: bytearray) -> int:
        return self._socket.recv_into(buffer)

    def send_many(self, parts: Sequence[Buffer], /) -> int:
        return self._socket.sendmsg(parts)

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close()
