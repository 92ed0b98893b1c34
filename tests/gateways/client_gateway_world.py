"""A running client gateway on loopback, fake actors behind it, and a client that sees raw frames."""

import base64
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgpack
import trio
import trio.testing

from core.callers import LOOPBACK, Proxies
from core.envelope import Envelope
from core.identity import Principal, Role
from core.ports.fanout import FrameLane
from gateways.client.admission import Admission, Bounds
from gateways.client.connection import Connection
from gateways.client.fanout import TopicFanout
from gateways.client.policy import Policy
from gateways.client.router import Router
from gateways.client.server import ClientServer
from protocol import codec
from protocol.addresses import Address
from protocol.chat import MessageAccepted, PostMessage
from protocol.frames import Done
from protocol.limits import CONNECT_PATH, DEFAULT_LIMITS, SUBPROTOCOL
from protocol.room import JoinRoom
from protocol.session import Hello, Self, Welcome

BINARY, TEXT, CLOSE, PING, PONG = 0x2, 0x1, 0x8, 0x9, 0xA
UUID = "0190b6a0-0000-7000-8000-000000000001"


class WallClock:
    """Wall time that only the test moves; monotonic time is trio's."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def now_ms(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return trio.current_time()


class CountedIds:
    """Ids that tests can tell."""

    def __init__(self) -> None:
        self.count = 0

    def uuid7(self) -> str:
        self.count += 1
        return f"fresh-{self.count}"

    def secret(self) -> str:
        return "secret"


def principal_of(user_id: str = "ada", expires_at: int = 10**15) -> Principal:
    return Principal(
        tenant_id=1,
        user_id=user_id,
        login_id=f"login-{user_id}",
        role=Role.USER,
        name=user_id,
        handle=user_id,
        locale="en",
        expires_at=expires_at,
    )


Behaviour = Callable[[Address, Envelope[Any]], None]


class FakeSystem:
    """Actors as one function, run in a task of its own like real ones; every envelope is kept."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.refusal: Exception | None = None
        self.envelopes: list[tuple[Address, Envelope[Any]]] = []
        self._send, self._receive = trio.open_memory_channel[tuple[Address, Envelope[Any]]](10_000)

    def ref(self, address: Address) -> Any:
        return FakeRef(self, address)

    def deliver(self, address: Address, envelope: Envelope[Any]) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.envelopes.append((address, envelope))
        self._send.send_nowait((address, envelope))

    async def run(self) -> None:
        async for address, envelope in self._receive:
            self.behaviour(address, envelope)


@dataclass
class FakeRef:
    system: FakeSystem
    address: Address

    def deliver_nowait(self, envelope: Envelope[Any]) -> None:
        self.system.deliver(self.address, envelope)


@dataclass
class World:
    """The gateway under test and what stands around it."""

    policy: Policy = field(default_factory=lambda: Policy(command_rate=None))
    bounds: Bounds = field(default_factory=Bounds)
    origins: frozenset[str] = frozenset({"http://127.0.0.1:8080"})
    proxies: Proxies = LOOPBACK
    port: int = 0

    def __post_init__(self) -> None:
        self.audiences: list[str] = []
        self.ended: list[Connection] = []
        self.clock = WallClock()
        self.expires_at = 10**15
        self.seq = 0
        self.streams: list[trio.SocketStream] = []
        self.fanout = TopicFanout(self.audiences.append)
        self.fanout.on_ended = self.ended.append
        self.system = FakeSystem(self.act)
        self.admission = Admission(self.bounds)
        self.handler: Any = Router(
            self.system,
            fanout=self.fanout,
            admission=self.admission,
            clock=self.clock,
            ids=CountedIds(),
        )

    def act(self, address: Address, envelope: Envelope[Any]) -> None:
        """Welcome everybody, join everybody, number every message."""
        message, client = envelope.message, envelope.client
        assert client is not None
        match message:
            case Hello():
                self.welcome(client, address.key, user_id=message.token)
            case JoinRoom():
                envelope.answer(Done())
                self.fanout.subscribe(f"room:{message.room_id}", client)
            case PostMessage():
                self.seq += 1
                envelope.answer(MessageAccepted(seq=self.seq, message_id="m", sent_at=1))
                self.publish(f"room:{message.room_id}", n=self.seq, content=message.content)
            case _:
                envelope.answer(Done())

    def welcome(self, client: Any, session_id: str, user_id: str = "ada") -> None:
        frame = Welcome(
            session_id=session_id,
            user=Self(
                id=user_id, handle=user_id, name=user_id, role="user", locale="en", created_at=0
            ),
            server_time=0,
            heartbeat_ms=25_000,
            limits=DEFAULT_LIMITS,
            inbox=0,
            resumed=False,
            rooms={},
        )
        principal = principal_of(user_id, self.expires_at)
        client.welcomed(session_id, principal, codec.encode(frame))
        self.fanout.subscribe(f"user:{user_id}", client)

    def publish(self, topic: str, lane: FrameLane = FrameLane.DURABLE, **fields: Any) -> None:
        self.fanout.publish_nowait(topic, event(**fields), lane)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ClientServer]:
        server = ClientServer(
            handler=self.handler,
            fanout=self.fanout,
            admission=self.admission,
            clock=self.clock,
            host="127.0.0.1",
            port=0,
            origins=self.origins,
            policy=self.policy,
            proxies=self.proxies,
        )
        async with trio.open_nursery() as nursery:
            self.port = await nursery.start(server.run)
            nursery.start_soon(self.system.run)
            try:
                yield server
            finally:
                for stream in self.streams:
                    await trio.aclose_forcefully(stream)
                nursery.cancel_scope.cancel()

    async def connected(self) -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        self.streams.append(stream)
        return stream

    async def upgraded(self, head: bytes | None = None) -> "RawClient":
        client = RawClient(await self.connected())
        await client.stream.send_all(head or upgrade_head())
        client.head = await client.read_head()
        return client

    async def welcomed(self, user_id: str = "ada", *rooms: str) -> "RawClient":
        """A client past `welcome` that has joined `rooms`."""
        client = await self.upgraded()
        await client.send(**hello(user_id))
        assert (await client.receive())["type"] == "welcome"
        for room in rooms:
            await client.send(type="room.join", roomId=room, ref=1)
            assert (await client.receive())["type"] == "ok"
        return client


async def until(claim: Callable[[], bool]) -> None:
    """Let everything run until the claim holds."""
    with trio.fail_after(5):
        while not claim():
            await trio.testing.wait_all_tasks_blocked(0.001)


def event(**fields: Any) -> bytes:
    return bytes(msgpack.packb({"type": "test.event", **fields}))


def hello(user_id: str = "ada", **more: Any) -> dict[str, Any]:
    client = {"name": "test", "version": "1"}
    return {"type": "hello", "token": user_id, "client": client, **more}


def upgrade_head(
    path: str = CONNECT_PATH, *, subprotocol: str | None = SUBPROTOCOL, **headers: str
) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def masked(payload: bytes, opcode: int = BINARY, *, first: int | None = None) -> bytes:
    """A client's frame. `first` replaces its first byte."""
    mask = os.urandom(4)
    length = len(payload)
    head = bytes([0x80 | opcode if first is None else first])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65_536:
        head += bytes([0x80 | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + length.to_bytes(8, "big")
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


class Gone(Exception):
    """The connection ended; `code` is that of the close frame, None without one."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class RawClient:
    """Sees every frame as it came."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.head = b""
        self._buffer = bytearray()

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    async def send(self, **frame: Any) -> None:
        await self.stream.send_all(masked(msgpack.packb(frame)))

    async def receive(self) -> Mapping[str, Any]:
        """The next message. Raises `Gone` at the end."""
        while True:
            opcode, payload = await self.frame()
            if opcode == BINARY:
                return dict(msgpack.unpackb(payload))
            if opcode == CLOSE:
                raise Gone(int.from_bytes(payload[:2], "big") if payload else None)

    async def rest(self) -> bytes:
        """What follows until the end."""
        with suppress(Gone):
            while True:
                await self._fill(len(self._buffer) + 1)
        return bytes(self._buffer)

    async def frame(self) -> tuple[int, bytes]:
        await self._fill(2)
        assert self._buffer[0] & 0x80
        length, start = self._buffer[1], 2
        if length == 126:
            await self._fill(4)
            length, start = int.from_bytes(self._buffer[2:4], "big"), 4
        elif length == 127:
            await self._fill(10)
            length, start = int.from_bytes(self._buffer[2:10], "big"), 10
        await self._fill(start + length)
        opcode, payload = self._buffer[0] & 0x0F, bytes(self._buffer[start : start + length])
        del self._buffer[: start + length]
        return opcode, payload

    async def ending(self) -> tuple[list[Mapping[str, Any]], int | None]:
        """Everything until the end, and how it ended."""
        frames: list[Mapping[str, Any]] = []
        try:
            while True:
                frames.append(await self.receive())
        except Gone as gone:
            return frames, gone.code

    async def read_head(self) -> bytes:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            try:
                await self._fill(len(self._buffer) + 1)
            except Gone:
                return bytes(self._buffer)
        head = bytes(self._buffer[: end + 4])
        del self._buffer[: end + 4]
        return head

    async def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            try:
                data = await self.stream.receive_some(65_536)
            except trio.BrokenResourceError:
                data = b""
            if not data:
                raise Gone(None)
            self._buffer += data
