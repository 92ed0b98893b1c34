"""The clients of `benchmarks.durable`: raw sockets, frames made by copying, answers counted by their bytes.

    python -m benchmarks.durable_clients PORT

Orders: `{"open": rooms, "accounts": [{"userId", "token"}]}`: new rooms, each with one connection of every account,
in the place of those before; `{"play": seconds, "senders": n}`: n members of each room send, the next message when
the last was acknowledged, and everybody must get every message.
"""

import selectors
import socket
import sys
import time
from itertools import count
from resource import RUSAGE_SELF, getrusage
from typing import Any, Final

import msgpack

from benchmarks.fanout.dialects import BINARY, masked, received, upgrade
from benchmarks.fanout.words import heard, say
from loadtest.uuid7 import Uuid7
from protocol.limits import CONNECT_PATH, SUBPROTOCOL

CONTENT: Final = "x" * 120
OK: Final = b"\xa4type\xa2ok"
EVENT: Final = b"\xa4type\xacchat.message"
ERROR: Final = b"\xa4type\xa5error"
WITHIN: Final = 20.0
QUIET: Final = 0.3
"""Seconds without a byte: the news that somebody joined have come to everybody."""


class Seat:
    """One connection of an account in one room."""

    __slots__ = ("_before", "is_sender", "sent_at", "socket", "tail")

    def __init__(self, account: dict[str, str], port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WITHIN)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_sender = False
        self.sent_at = 0.0
        self.tail = b""
        upgrade(self.socket, CONNECT_PATH, f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n")
        client = {"name": "benchmark", "version": "1"}
        self.ask("welcome", type="hello", token=account["token"], client=client)

    def ask(self, kind: str, /, **frame: Any) -> dict[str, Any]:
        """The next frame of this kind. Raises ValueError for an `error`."""
        self.socket.sendall(masked(BINARY, msgpack.packb(frame)))
        while (answer := msgpack.unpackb(received(self.socket)))["type"] != kind:
            if answer["type"] == "error":
                raise ValueError(answer)
        return dict(answer)

    def join(self, room_id: str) -> None:
        """Be in the room, and have its messages ready but for their ids. A mask of zeros is one."""
        self.ask("ok", type="room.join", ref=1, roomId=room_id)
        self.socket.setblocking(False)
        message = {"type": "chat.message", "ref": 2, "roomId": room_id, "content": CONTENT}
        payload = msgpack.packb({**message, "clientId": "0" * 36})
        head = b"\x82\xfe" + len(payload).to_bytes(2, "big") + bytes(4)
        assert payload.endswith(b"0" * 36)
        self._before = head + payload[:-36]

    def say(self, client_id: bytes) -> None:
        frame = self._before + client_id
        self.sent_at = time.perf_counter()
        if self.socket.send(frame) != len(frame):
            raise ValueError("a message was sent in part")


class Crowd:
    """All seats, and the loop that reads them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._selector = selectors.DefaultSelector()
        self._rooms: list[list[Seat]] = []
        self._new_id = Uuid7()
        self._waits: list[float] = []
        self._delivered = 0

    def obey(self) -> None:
        while True:
            order = heard()
            if "open" in order:
                self._open(order["open"], order["accounts"])
                say(done=True)
            else:
                say(**self._play(order["play"], order["senders"]))

    def _open(self, rooms: int, accounts: list[dict[str, str]]) -> None:
        for seat in (seat for room in self._rooms for seat in room):
            self._selector.unregister(seat.socket)
            seat.socket.close()
        self._rooms = [self._room(accounts) for _ in range(rooms)]
        while self._selector.select(QUIET):
            self._read()

    def _room(self, accounts: list[dict[str, str]]) -> list[Seat]:
        seats = [Seat(account, self._port) for account in accounts]
        made = seats[0].ask(
            "ok",
            type="room.create",
            ref=1,
            kind="group",
            title="durable",
            clientId=self._new_id(),
            members=[account["userId"] for account in accounts[1:]],
        )
        for seat in seats:
            seat.join(made["room"]["id"])
            self._selector.register(seat.socket, selectors.EVENT_READ, seat)
        return seats

    def _play(self, seconds: float, senders: int) -> dict[str, Any]:
        stamp = f"{time.time_ns() // 1_000_000:012x}"
        ids = (f"{stamp[:8]}-{stamp[8:]}-7000-8000-{n:012x}".encode() for n in count())
        self._waits, self._delivered = [], 0
        sending = [seat for room in self._rooms for seat in room[:senders]]
        used, began = _used(), time.perf_counter()
        for seat in sending:
            seat.is_sender = True
            seat.say(next(ids))
        while time.perf_counter() < began + seconds:
            for seat in self._read():
                seat.say(next(ids))
        took, acked = time.perf_counter() - began, len(self._waits)
        self._settle(len(sending), acked, len(self._rooms[0]))
        for seat in sending:
            seat.is_sender = False
        waits = sorted(self._waits)
        return {
            "acked": len(waits),
            "rate": acked / took,
            "delivered": self._delivered,
            "p50_ms": waits[len(waits) // 2] * 1e3,
            "p99_ms": waits[len(waits) * 99 // 100] * 1e3,
            "clients_cpu": _used() - used,
        }

    def _settle(self, in_flight: int, acked: int, members: int) -> None:
        """Wait for the last answers, and for every copy of every message."""
        end = time.perf_counter() + WITHIN
        while len(self._waits) < acked + in_flight or self._delivered < len(self._waits) * members:
            if time.perf_counter() > end:
                raise TimeoutError(f"{len(self._waits)} acks, {self._delivered} deliveries")
            self._read()
        if self._delivered != len(self._waits) * members:
            raise ValueError("a message came twice")

    def _read(self) -> list[Seat]:
        """Read what is there; who was answered."""
        answered = []
        for key, _ in self._selector.select(0.05):
            seat: Seat = key.data
            data = seat.socket.recv(65_536)
            if not data:
                raise ConnectionError("the server closed a connection")
            # Of a mark that lies across two reads, each has a part.
            joined = seat.tail + data
            self._delivered += joined.count(EVENT)
            if seat.is_sender:
                recent = joined[max(0, len(seat.tail) - len(OK) + 1) :]
                if ERROR in joined:
                    raise ValueError(f"refused: {joined!r}")
                if OK in recent:
                    self._waits.append(time.perf_counter() - seat.sent_at)
                    answered.append(seat)
            seat.tail = joined[-len(EVENT) + 1 :]
        return answered


def _used() -> float:
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    Crowd(int(sys.argv[1])).obey()
