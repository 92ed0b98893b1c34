"""The real connections, parser, router and codec over wires in memory, with actors that answer."""

import random
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import msgpack
import trio
from carriage import BINARY, CLOSE, FINAL, PING, frame
from trio.testing import MockClock

from core.envelope import Envelope
from core.identity import Principal, Role
from core.ports.fanout import Client
from gateways.client.admission import Admission, Bounds
from gateways.client.channel import Channel
from gateways.client.connections import Connections
from gateways.client.fanout import TopicFanout
from gateways.client.hub import READ, WRITE
from gateways.client.policy import Policy
from gateways.client.router import Router
from protocol import codec
from protocol.addresses import Address
from protocol.frames import Done
from protocol.limits import DEFAULT_LIMITS
from protocol.room import AwaitTurn, JoinRoom
from protocol.session import Hello, Self, Welcome

NOW_MS: Final = 1_760_000_000_000
ROOM: Final = "fuzz"
READ_BYTES: Final = 65_536
"""Given to the gateway at once: whatever the hub reads at most, a case stays what it is."""


class MemoryWire:
    """`gateways.client.wire.Wire`: what the client sent waits in `unread`, what it gets in `sent`."""

    def __init__(self) -> None:
        self.unread: deque[bytes] = deque()
        self.sent = bytearray()
        self.has_ended = False
        self.is_closed = False

    def fileno(self) -> int:
        return -1

    @property
    def is_readable(self) -> bool:
        return bool(self.unread) or self.has_ended

    def receive_into(self, buffer: bytearray) -> int:
        if not self.unread:
            if self.has_ended:
                return 0
            raise BlockingIOError
        data = self.unread.popleft()
        buffer[: len(data)] = data
        return len(data)

    def send(self, data: bytes | memoryview, /) -> int:
        self.sent += data
        return len(data)

    def send_many(self, parts: Sequence[bytes | memoryview], /) -> int:
        return sum(map(self.send, parts))

    def finish(self) -> None:
        """The client sees the end once it has read everything."""

    def close(self) -> None:
        self.is_closed = True

    def reset(self) -> None:
        self.is_closed = True


class MemoryPoller:
    """`gateways.client.channel.Poller`: turned by hand."""

    def __init__(self) -> None:
        self.interest: dict[Channel, int] = {}
        self._buffer = bytearray(READ_BYTES)

    def watch(self, connection: Channel, events: int) -> None:
        if events:
            self.interest[connection] = events
        else:
            self.interest.pop(connection, None)

    async def run(self) -> None:
        await trio.sleep_forever()

    def close(self) -> None:
        assert not self.interest

    def turn(self, connection: Channel, now: float) -> bool:
        """One look at one wire; whether anything was ready."""
        wire: Any = connection.wire
        ready = READ if wire.is_readable else 0
        events = self.interest.get(connection, 0) & (ready | WRITE)
        if events:
            connection.ready(events, self._buffer, now)
        return bool(events)


class Received(NamedTuple):
    """What a client got: decoded maps, their bytes, and the close code, if there was one."""

    maps: list[dict[str, Any]]
    raw: list[bytes]
    close_code: int | None


class Peer:
    """The client's end of one connection."""

    def __init__(self, gateway: "MemoryGateway") -> None:
        self._gateway = gateway
        self.wire = MemoryWire()
        self.connection: Any = gateway.take_in(self.wire)

    def send(self, reads: list[bytes]) -> Received:
        """Let these bytes arrive, everything settle, and see what came back."""
        self.wire.unread.extend(
            read[at : at + READ_BYTES] for read in reads for at in range(0, len(read), READ_BYTES)
        )
        self._gateway.settle(self.connection)
        return self.received()

    def send_map(self, message: dict[str, Any], rng: random.Random) -> Received:
        return self.send([frame(FINAL | BINARY, msgpack.packb(message), rng)])

    def received(self) -> Received:
        maps, raw, close_code = [], [], None
        for opcode, payload in server_frames(self.wire.sent):
            if opcode == BINARY:
                maps.append(msgpack.unpackb(payload, strict_map_key=False))
                raw.append(payload)
            elif opcode == CLOSE:
                close_code = int.from_bytes(payload[:2], "big") if payload else 1005
            else:
                assert opcode != PING, "a server's ping is a map of ours"
        self.wire.sent.clear()
        return Received(maps, raw, close_code)

    def hang_up(self, rng: random.Random, *, politely: bool) -> None:
        """Send no more; politely: after the close frame that answers the server's."""
        if politely:
            self.wire.unread.append(frame(FINAL | CLOSE, b"\x03\xe8", rng))
        self.wire.has_ended = True
        self._gateway.settle(self.connection)


class MemoryGateway:
    """Everything of the gateway but sockets and actors."""

    def __init__(self, policy: Policy) -> None:
        self.poller = MemoryPoller()
        self.fanout = TopicFanout()
        self.admission = Admission(Bounds())
        self.delivered: list[tuple[Address, Any]] = []
        self._queue: deque[tuple[Address, Envelope[Any]]] = deque()
        self._ids = 0
        self.connections = Connections(
            handler=Router(
                self, fanout=self.fanout, admission=self.admission, clock=self, ids=self
            ),
            fanout=self.fanout,
            admission=self.admission,
            clock=self,
            policy=policy,
            poller=self.poller,
        )

    # The ports.

    def now_ms(self) -> int:
        return NOW_MS

    def monotonic(self) -> float:
        return trio.current_time()

    def uuid7(self) -> str:
        self._ids += 1
        return f"fresh-{self._ids}"

    def secret(self) -> str:
        raise AssertionError("the gateway makes no secrets")

    def ref(self, address: Address) -> Any:
        return _Ref(self._queue, address)

    # Driving it.

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.connections.run)
            await trio.testing.wait_all_tasks_blocked()
            yield
            nursery.cancel_scope.cancel()

    def take_in(self, wire: MemoryWire) -> Channel:
        assert self.admission.enter_address("127.0.0.1")
        self.connections.take_in(wire, "127.0.0.1")
        *_, newest = self.connections
        return newest

    def settle(self, connection: Channel) -> None:
        """Until nothing moves any more."""
        now = trio.current_time()
        while self.poller.turn(connection, now) or self._queue:
            while self._queue:
                self._act(*self._queue.popleft())
            self.fanout.tick.flush()

    async def let_time_pass(self, clock: MockClock, seconds: float) -> None:
        """Every deadline on the way comes at its own time, and may set the next."""
        clock.autojump_threshold = 0
        await trio.sleep(seconds)
        clock.autojump_threshold = float("inf")
        self.fanout.tick.flush()

    def leftovers(self) -> dict[str, int | float]:
        """What should be nothing when every client is gone."""
        return {
            "connections": len(self.connections),
            "watched": len(self.poller.interest),
            "undelivered": len(self._queue),
            "deadlines": self.connections.statistics()["deadlines"],
            **{name: self.fanout.statistics()[name] for name in ("topics", "unsettled")},
            **{name: self.admission.statistics()[name] for name in ("sockets", "users")},
        }

    # The actors.

    def _act(self, address: Address, envelope: Envelope[Any]) -> None:
        message, client = envelope.message, envelope.client
        assert client is not None
        if not isinstance(message, AwaitTurn):
            self.delivered.append((address, message))
        match message:
            case Hello():
                self._welcome(client, address.key)
            case JoinRoom():
                self.fanout.subscribe(f"room:{message.room_id}", client)
                envelope.answer(Done())
            case _:
                envelope.answer(Done())

    def _welcome(self, client: Client, session_id: str) -> None:
        user = Self(id="ada", handle="ada", name="Ada", role="user", locale="en", created_at=0)
        welcome = Welcome(
            session_id=session_id,
            user=user,
            server_time=NOW_MS,
            heartbeat_ms=25_000,
            limits=DEFAULT_LIMITS,
            inbox=0,
            resumed=False,
            rooms={},
        )
        principal = Principal(
            tenant_id=1,
            user_id="ada",
            login_id="login",
            role=Role.USER,
            name="Ada",
            handle="ada",
            locale="en",
            expires_at=NOW_MS + 10**9,
        )
        client.welcomed(session_id, principal, codec.encode(welcome))


class _Ref:
    def __init__(self, queue: deque[tuple[Address, Envelope[Any]]], address: Address) -> None:
        self._queue = queue
        self._address = address

    def deliver_nowait(self, envelope: Envelope[Any]) -> None:
        self._queue.append((self._address, envelope))


def server_frames(data: bytes | bytearray) -> list[tuple[int, bytes]]:
    """Whole, unmasked frames: (opcode, payload)."""
    found, at = [], 0
    while at < len(data):
        length, start = data[at + 1], at + 2
        if length >= 126:
            start = at + (4 if length == 126 else 10)
            length = int.from_bytes(data[at + 2 : start], "big")
        assert data[at] & 0xF0 == FINAL, "a whole frame without reserved bits"
        assert start + length <= len(data), "a whole frame"
        found.append((data[at] & 0x0F, bytes(data[start : start + length])))
        at = start + length
    return found
