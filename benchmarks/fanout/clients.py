"""The clients of one contender: plain sockets that read, count and throw away. A process of its own.

    python -m benchmarks.fanout.clients PORT DIALECT ARGUMENTS

Orders: `{"join": room, "members": n}`; `{"learn": room}`, after one broadcast: how many bytes it was for each
member, who must have got it whole and unharmed; `{"expect": room, "bytes": n}`: wait until each member has
got so many bytes since the last time, and no more; `{"send": room, "messages": n, "flight": k}`: a member
sends k messages at a time, the next when everybody has got the last.
"""

import json
import selectors
import socket
import sys
import time
from typing import Any, Final

from benchmarks.fanout.dialects import DIALECTS, Dialect
from benchmarks.fanout.words import PAYLOAD, heard, say

WITHIN: Final = 20.0


class Client:
    """One socket. `got`: bytes since the last time that they were as expected."""

    __slots__ = ("got", "kept", "socket")

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.got = 0
        self.kept: bytearray | None = bytearray()


class Crowd:
    """All clients by room, and the loop that reads them."""

    def __init__(self, dialect: Dialect, port: int) -> None:
        self._dialect, self._port = dialect, port
        self._selector = selectors.DefaultSelector()
        self._selector.register(0, selectors.EVENT_READ)
        self._rooms: dict[str, list[Client]] = {}
        self._buffer = bytearray(262_144)

    def obey(self) -> None:
        while True:
            if self.read(None):
                self.answer(heard())

    def read(self, within: float | None) -> bool:
        """Read what is there; whether there is an order, too."""
        is_ordered, buffer = False, self._buffer
        for key, _ in self._selector.select(within):
            client = key.data
            if client is None:
                is_ordered = True
            else:
                received = client.socket.recv_into(buffer)
                if not received:
                    raise ConnectionError("the server closed a connection")
                client.got += received
                if client.kept is not None:
                    client.kept += buffer[:received]
        return is_ordered

    def answer(self, order: dict[str, Any]) -> None:
        if "join" in order:
            self.join(str(order["join"]), order["members"])
            say(done=True)
        elif "learn" in order:
            say(bytes=self.learn(self._rooms[str(order["learn"])]))
        elif "send" in order:
            self.send(self._rooms[str(order["send"])], order["messages"], order["flight"])
            say(done=True)
        else:
            self.settle(self._rooms[str(order["expect"])], order["bytes"])
            say(done=True)

    def join(self, room: str, members: int) -> None:
        self._rooms[room] = [self.entered(room) for _ in range(members)]
        for client in self._rooms[room]:
            self._selector.register(client.socket, selectors.EVENT_READ, client)

    def entered(self, room: str) -> Client:
        connected = socket.create_connection(("127.0.0.1", self._port), timeout=WITHIN)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._dialect.enter(connected, room)
        connected.setblocking(False)
        return Client(connected)

    def send(self, clients: list[Client], messages: int, flight: int) -> None:
        """Everybody gets each message once: payloads are counted, whatever is around them."""
        for _ in range(0, messages, flight):
            for client in clients:
                client.kept = bytearray()
            data = b"".join(self._dialect.message() for _ in range(flight))
            if clients[0].socket.send(data) != len(data):
                raise ValueError("a message was sent in part")
            self.wait(lambda: all(payloads(client) >= flight for client in clients))
            assert all(payloads(client) == flight for client in clients), "a message came twice"

    def learn(self, clients: list[Client]) -> int:
        """The size of one broadcast on the wire; from here on nothing is kept."""
        self.wait(lambda: all(is_whole(client.kept) for client in clients))
        size, whole = clients[0].got, clients[0].kept
        for client in clients:
            assert client.kept == whole, "members of a room got different bytes"
            client.kept = None
        self.settle(clients, size)
        return size

    def settle(self, clients: list[Client], expected: int) -> None:
        self.wait(lambda: all(client.got >= expected for client in clients))
        surplus = max(client.got for client in clients) - expected
        if surplus:
            raise ValueError(f"{surplus} bytes more than expected")
        for client in clients:
            client.got = 0

    def wait(self, claim: Any) -> None:
        end = time.monotonic() + WITHIN
        while not claim():
            if time.monotonic() > end:
                raise TimeoutError("the broadcasts have not come")
            self.read(0.05)


def is_whole(data: bytearray | None) -> bool:
    """Whether these bytes are one unmasked final frame (RFC 6455 §5.2) with the payload in it."""
    if data is None or len(data) < 4 or data[1] != 126:
        return False
    size = int.from_bytes(data[2:4], "big")
    assert len(data) <= 4 + size, "more than one frame"
    return data[0] in (0x81, 0x82) and len(data) == 4 + size and PAYLOAD in data


def payloads(client: Client) -> int:
    return client.kept.count(PAYLOAD) if client.kept is not None else 0


if __name__ == "__main__":
    Crowd(DIALECTS[sys.argv[2]](**json.loads(sys.argv[3])), int(sys.argv[1])).obey()
