"""Idle clients, as cheap as they can be: plain sockets, one loop. A process of its own.

    python -m benchmarks.connections.clients HOST PORT < ORDERS

Orders, a line of JSON each, answered by a line: `{"accounts": [[token, room], ...]}`; `{"open": n}`: until n
are connected in all, spread over the accounts, each welcomed and joined to its account's room; `{"cut":
true}`: all sockets closed at once, by a reset, and all sessions resumed. `at_once` is how many may be on
their way to their welcome. Who is turned away tries again (`again`: how many, by the close code). In
between, pings are answered.
"""

import json
import random
import resource
import selectors
import socket
import struct
import sys
import time
from collections import deque
from typing import Any, Final

import msgpack

from loadtest.latencies import Latencies
from protocol.limits import CONNECT_PATH, SUBPROTOCOL

WITHIN: Final = 180.0
PER_ADDRESS: Final = 20_000
SPREAD: Final = 0.5
"""Seconds over which those who were cut come back, at random (§3.5)."""

UPGRADE: Final = (
    f"GET {CONNECT_PATH} HTTP/1.1\r\nHost: caravan\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
).encode()
CLOSE: Final = 0x88
ABORT: Final = struct.pack("ii", 1, 0)


def frame(message: dict[str, Any]) -> bytes:
    """A masked binary frame (RFC 6455 §5.2). A mask of zeros changes nothing."""
    payload = msgpack.packb(message)
    size = len(payload)
    head = (
        bytes((0x82, 0x80 | size)) if size < 126 else bytes((0x82, 0xFE)) + size.to_bytes(2, "big")
    )
    return head + bytes(4) + payload


def frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """First byte and payload of each whole frame of a server, and the rest."""
    found, at = [], 0
    while len(data) - at >= 2:
        size, body = data[at + 1], at + 2
        if size == 126:
            size, body = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
        if size == 127:
            size, body = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
        if len(data) < body + size:
            break
        found.append((data[at], data[body : body + size]))
        at = body + size
    return found, data[at:]


class Client:
    """One session: a socket while it is connected, and what it needs to resume."""

    __slots__ = (
        "began",
        "is_in",
        "is_upgraded",
        "is_welcomed",
        "position",
        "room",
        "session",
        "socket",
        "token",
        "unread",
    )

    def __init__(self, token: str, room: str) -> None:
        self.token, self.room = token, room
        self.session: str | None = None
        self.position: dict[str, Any] | None = None
        self.socket: socket.socket | None = None
        self.began = 0.0
        self.is_upgraded = self.is_welcomed = self.is_in = False
        self.unread = b""

    def hello(self) -> bytes:
        hello: dict[str, Any] = {
            "type": "hello",
            "token": self.token,
            "client": {"name": "connections", "version": "1"},
        }
        if self.session is not None:
            hello["resume"] = {"sessionId": self.session, "rooms": {self.room: self.position}}
        return frame(hello)


class Crowd:
    """All clients, and the loop that moves them."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._selector = selectors.DefaultSelector()
        self._selector.register(0, selectors.EVENT_READ)
        self._accounts: list[tuple[str, str]] = []
        self._clients: list[Client] = []
        self._waiting: deque[Client] = deque()
        self._under_way = 0
        self._in = 0
        self._welcomed_at = 0.0
        self._welcomes = Latencies()
        self._again: dict[str, int] = {}

    def obey(self) -> None:
        while True:
            if self.turn(None):
                print(json.dumps(self.answer(json.loads(sys.stdin.readline()))), flush=True)

    def answer(self, order: dict[str, Any]) -> dict[str, Any]:
        if "accounts" in order:
            self._accounts = [(token, room) for token, room in order["accounts"]]
            return {}
        if "cut" in order:
            for client in self._clients:
                self.cut(client)
            random.shuffle(self._clients)
            coming = self._clients
        else:
            coming = [self.new_client(n) for n in range(len(self._clients), order["open"])]
            self._clients = self._clients + coming
        return self.connect(coming, order["at_once"])

    def new_client(self, number: int) -> Client:
        return Client(*self._accounts[number % len(self._accounts)])

    def connect(self, coming: list[Client], at_once: int) -> dict[str, Any]:
        """Until all are in; figures, in seconds from now."""
        self._waiting, self._in, self._under_way = deque(coming), 0, 0
        self._welcomes, self._again = Latencies(), {}
        began = time.perf_counter()
        for client in coming:
            client.began = began
        while self._in < len(coming):
            seconds = time.perf_counter() - began
            if seconds > WITHIN:
                raise SystemExit(f"{len(coming) - self._in} clients are not in after {WITHIN} s")
            free = min(at_once, int(len(coming) * min(1.0, seconds / SPREAD)) - self._in)
            while self._waiting and self._under_way < free:
                self.dial(self._waiting.popleft())
            self.turn(0.02, leave_orders=True)
        return {
            "seconds": self._welcomed_at - began,
            "in_seconds": time.perf_counter() - began,
            "welcomes": len(coming),
            "from_the_start_s": {k: v / 1e3 for k, v in self._welcomes.summary().items()},
            "again": self._again,
            "client_cpu": time.process_time(),
        }

    def dial(self, client: Client) -> None:
        connecting = socket.socket()
        connecting.setblocking(False)
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._server[0].startswith("127."):
            address = 2 + len(self._selector.get_map()) // PER_ADDRESS
            connecting.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
            connecting.bind((f"127.0.0.{address}", 0))
        connecting.connect_ex(self._server)
        client.socket, client.unread = connecting, b""
        client.is_upgraded = client.is_welcomed = client.is_in = False
        self._selector.register(connecting, selectors.EVENT_WRITE, client)
        self._under_way += 1

    def cut(self, client: Client) -> None:
        assert client.socket is not None
        self._selector.unregister(client.socket)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        client.socket.close()
        client.socket = None

    def turn(self, within: float | None, *, leave_orders: bool = False) -> bool:
        """Move who is ready; whether there is an order, too."""
        is_ordered = False
        for key, events in self._selector.select(within):
            if key.data is None:
                is_ordered = not leave_orders
            elif events & selectors.EVENT_WRITE:
                self.connected(key.data)
            else:
                self.read(key.data)
        return is_ordered

    def connected(self, client: Client) -> None:
        assert client.socket is not None
        if client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.lost(client, "no connection")
            return
        client.socket.send(UPGRADE)
        self._selector.modify(client.socket, selectors.EVENT_READ, client)

    def read(self, client: Client) -> None:
        assert client.socket is not None
        try:
            received = client.socket.recv(65_536)
        except ConnectionError:
            received = b""
        if not received:
            self.lost(client, "no word")
            return
        client.unread += received
        if not client.is_upgraded:
            head, end, rest = client.unread.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.lost(client, head.partition(b"\r\n")[0].decode())
                return
            client.is_upgraded, client.unread = True, rest
            client.socket.send(client.hello())
        payloads, client.unread = frames(client.unread)
        for first, payload in payloads:
            if first == CLOSE:
                self.lost(client, str(int.from_bytes(payload[:2], "big")))
                return
            self.heard(client, msgpack.unpackb(payload))

    def lost(self, client: Client, why: str) -> None:
        """Who was not in yet tries again."""
        if client.is_in:
            raise SystemExit(f"the server closed an idle connection: {why}")
        self._again[why] = self._again.get(why, 0) + 1
        if not client.is_welcomed:
            self._under_way -= 1
        self.cut(client)
        self._waiting.append(client)

    def heard(self, client: Client, message: dict[str, Any]) -> None:
        assert client.socket is not None
        match message["type"]:
            case "welcome":
                self.welcomed(client, message)
            case "ok":
                room = message["room"]
                client.position = {"epoch": room["epoch"], "seq": room["head"]}
                self.is_in(client)
            case "ping":
                client.socket.send(frame({"type": "pong", "t": message["t"]}))
            case _ if client.position is not None and "epoch" in message:
                client.position["seq"] = message["seq"]

    def is_in(self, client: Client) -> None:
        client.is_in = True
        self._in += 1

    def welcomed(self, client: Client, welcome: dict[str, Any]) -> None:
        assert client.socket is not None
        self._under_way -= 1
        self._welcomed_at = time.perf_counter()
        self._welcomes.record(self._welcomed_at - client.began)
        verdict = welcome["rooms"].get(client.room, {}).get("verdict")
        if welcome["resumed"] != (client.session is not None):
            raise SystemExit("a session was forgotten")
        client.session, client.is_welcomed = welcome["sessionId"], True
        if verdict == "complete":
            self.is_in(client)
        else:
            client.socket.send(frame({"type": "room.join", "ref": 1, "roomId": client.room}))


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Crowd(sys.argv[1], int(sys.argv[2])).obey()
