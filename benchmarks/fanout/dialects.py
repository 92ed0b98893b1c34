"""How clients of each server enter a room and say something: bytes over plain sockets, no library of theirs."""

import base64
import os
import socket
from typing import Any, Final, Protocol

import msgpack

from benchmarks.fanout.words import PAYLOAD
from loadtest.uuid7 import Uuid7
from protocol.limits import CONNECT_PATH, SUBPROTOCOL

TEXT, BINARY = 0x81, 0x82


class Dialect(Protocol):
    """Of one server. The socket is a blocking one."""

    def enter(self, connected: socket.socket, room: str) -> None:
        """Shake hands and ask to be in the room."""

    def message(self) -> bytes:
        """What a member sends, for the server to send to all."""


class Bare:
    """No protocol: the first bytes are the room's name."""

    def enter(self, connected: socket.socket, room: str) -> None:
        connected.sendall(room.encode())

    def message(self) -> bytes:
        return PAYLOAD


class WebSocket:
    """The first message is the room's name."""

    def __init__(self, path: str = "/") -> None:
        self._path = path

    def enter(self, connected: socket.socket, room: str) -> None:
        upgrade(connected, self._path)
        connected.sendall(masked(BINARY, room.encode()))

    def message(self) -> bytes:
        return masked(BINARY, PAYLOAD)


class SocketIo:
    """Engine.IO 4 over a WebSocket, text events."""

    def enter(self, connected: socket.socket, room: str) -> None:
        upgrade(connected, "/socket.io/?EIO=4&transport=websocket")
        assert received(connected).startswith(b"0")
        connected.sendall(masked(TEXT, b"40"))
        assert received(connected).startswith(b"40")
        connected.sendall(masked(TEXT, f'42["join","{room}"]'.encode()))

    def message(self) -> bytes:
        return masked(TEXT, f'42["say","{PAYLOAD.decode()}"]'.encode())


class Chat:
    """The protocol of this repository: sessions of one account, in one room."""

    def __init__(self, token: str, room_id: str) -> None:
        self._token, self._room_id = token, room_id
        self._new_id = Uuid7()

    def enter(self, connected: socket.socket, room: str) -> None:
        upgrade(connected, CONNECT_PATH, f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n")
        client = {"name": "benchmark", "version": "1"}
        self._say(connected, type="hello", token=self._token, client=client)
        self._await(connected, "welcome")
        self._say(connected, type="room.join", ref=1, roomId=self._room_id)
        self._await(connected, "ok")

    def message(self) -> bytes:
        return masked(
            BINARY,
            msgpack.packb(
                {
                    "type": "chat.message",
                    "ref": 2,
                    "roomId": self._room_id,
                    "clientId": self._new_id(),
                    "content": PAYLOAD.decode(),
                }
            ),
        )

    def _say(self, connected: socket.socket, **frame: Any) -> None:
        connected.sendall(masked(BINARY, msgpack.packb(frame)))

    def _await(self, connected: socket.socket, kind: str) -> None:
        while (frame := msgpack.unpackb(received(connected)))["type"] != kind:
            if frame["type"] == "error":
                raise ValueError(frame)


DIALECTS: Final[dict[str, type[Dialect]]] = {
    "bare": Bare,
    "websocket": WebSocket,
    "socketio": SocketIo,
    "chat": Chat,
}


def upgrade(connected: socket.socket, path: str, more: str = "") -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    connected.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{more}\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += exactly(connected, 1)
    if b" 101 " not in head.split(b"\r\n", 1)[0]:
        raise ConnectionError(head.decode())


def masked(first: int, payload: bytes) -> bytes:
    """A client's frame (RFC 6455 §5.2) of less than 64 KiB."""
    size, mask = len(payload), os.urandom(4)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([first]) + length + mask + bytes(b ^ mask[n % 4] for n, b in enumerate(payload))


def received(connected: socket.socket) -> bytes:
    """The payload of the next frame, of less than 64 KiB."""
    size = exactly(connected, 2)[1]
    return exactly(connected, int.from_bytes(exactly(connected, 2), "big") if size == 126 else size)


def exactly(connected: socket.socket, size: int) -> bytes:
    data = connected.recv(size, socket.MSG_WAITALL)
    if len(data) != size:
        raise ConnectionError("the server went")
    return data
