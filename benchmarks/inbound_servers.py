"""Three servers that take in clients' messages and do nothing with them, each a process of its own.

    python -m benchmarks.inbound_servers ours | bare | trio_websocket

Orders: `{"hold": true}`: say so, and do nothing at all until the next order, while clients send;
`{"watch": total}`: say so, and the processor time used until `total` messages came since the start.
"""

import random
import selectors
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

import msgpack
import trio
import trio.testing
from trio_websocket import WebSocketRequest, serve_websocket

from benchmarks.fanout.words import Stopwatch, heard, say
from commands.garbage import keep_pauses_short
from core.actor import Actor, ActorSpec
from core.clock import SystemClock
from core.envelope import Envelope
from core.identity import Principal, Role
from core.ids import ProcessIds
from core.system import ActorSystem
from gateways.client.admission import Admission, Bounds
from gateways.client.fanout import TopicFanout
from gateways.client.policy import Policy
from gateways.client.rate import Rate
from gateways.client.router import Router
from gateways.client.server import ClientServer
from protocol import codec
from protocol.frames import Done
from protocol.limits import DEFAULT_LIMITS
from protocol.room import ROOM, JoinRoom
from protocol.session import SESSION, Self, Welcome

READ_BYTES: Final = 8_192
LOOKS_EVERY: Final = 0.01
WHO: Final = "01999999-0000-7000-8000-00000000000a"


class Session(Actor[Any]):
    """Welcomes everybody."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id

    async def handle(self, envelope: Envelope[Any]) -> None:
        welcome = Welcome(
            session_id=self._session_id,
            user=Self(id=WHO, handle="ada", name="Ada", role="user", locale="en", created_at=0),
            server_time=0,
            heartbeat_ms=25_000,
            limits=DEFAULT_LIMITS,
            inbox=0,
            resumed=False,
            rooms={},
        )
        principal = Principal(
            tenant_id=1,
            user_id=WHO,
            login_id=WHO,
            role=Role.USER,
            name="Ada",
            handle="ada",
            locale="en",
            expires_at=10**15,
        )
        assert envelope.client is not None
        envelope.client.welcomed(self._session_id, principal, codec.encode(welcome))


class Rooms:
    """All rooms, and the gate before which each of them holds the message in its hand."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._gate = trio.Event()
        self._gate.set()
        self._names: list[str] = []
        self.handled = 0

    def spec(self) -> ActorSpec:
        return ActorSpec(kind=ROOM, make=lambda name: Room(self))

    async def handle(self, envelope: Envelope[Any]) -> None:
        if isinstance(envelope.message, JoinRoom):
            self._names.append(envelope.message.room_id)
            envelope.answer(Done())
            return
        await self._gate.wait()
        self.handled += 1

    async def shut(self) -> None:
        """From now on messages stay in the mailboxes: every room is busy with one of ours."""
        self._gate = trio.Event()
        for name in self._names:
            self._system.ref(ROOM.at(name)).tell_nowait(Done())
        await trio.testing.wait_all_tasks_blocked()

    async def empty(self, messages: int) -> None:
        """Let them out, `messages` and those that kept the rooms busy."""
        expected = self.handled + messages + len(self._names)
        self._gate.set()
        while self.handled < expected:
            await trio.sleep(LOOKS_EVERY)


class Room(Actor[Any]):
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def handle(self, envelope: Envelope[Any]) -> None:
        await self._rooms.handle(envelope)


async def ours() -> None:
    """The gateway and the actor system as they are served; a message ends in its room's mailbox."""
    chance, clock = random.Random(1), SystemClock()
    ids = ProcessIds(clock, chance)
    fanout, admission = TopicFanout(), Admission(Bounds())
    system = ActorSystem(chance=chance, ids=ids)
    rooms = Rooms(system)
    system.register(ActorSpec(kind=SESSION, make=Session))
    system.register(rooms.spec())
    server = ClientServer(
        handler=Router(system, fanout=fanout, admission=admission, clock=clock, ids=ids),
        fanout=fanout,
        admission=admission,
        clock=clock,
        host="127.0.0.1",
        port=0,
        policy=Policy(command_rate=Rate(1e9, 1_000_000_000)),  # asked each time, and never refuses
    )
    async with system.running(), trio.open_nursery() as nursery:
        say(port=await nursery.start(server.run))
        keep_pauses_short()
        joined = None
        while True:
            await trio.lowlevel.wait_readable(0)
            order = heard()
            if joined is None:
                joined = server.statistics()["received"]
            before = server.statistics()["received"]
            await rooms.shut()
            watch, total = _watched(order)
            while server.statistics()["received"] - joined < total:
                await trio.sleep(LOOKS_EVERY)
            watch.report()
            await rooms.empty(int(total + joined - before))


async def trio_websocket() -> None:
    """Its own reader and channel, a task per connection, and msgpack."""
    taken = 0

    async def take(request: WebSocketRequest) -> None:
        nonlocal taken
        connection = await request.accept()
        while True:
            msgpack.unpackb(await connection.get_message())
            taken += 1

    async with trio.open_nursery() as nursery:
        listening = await nursery.start(serve_websocket, take, "127.0.0.1", 0, None)
        say(port=listening.port)
        while True:
            await trio.lowlevel.wait_readable(0)
            watch, total = _watched(heard())
            while taken < total:
                await trio.sleep(LOOKS_EVERY)
            watch.report()


def bare() -> None:
    """The floor: a loop of `recv` and msgpack over a poller. Messages come whole, without frames."""
    taken, total, size = 0, -1, 0
    watch: Stopwatch | None = None
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
        say(port=listener.getsockname()[1])
        selector = selectors.DefaultSelector()
        selector.register(listener, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is not None:
                    data = key.data(READ_BYTES)
                    for at in range(0, len(data), size):
                        msgpack.unpackb(data[at : at + size])
                        taken += 1
                elif key.fileobj is listener:
                    connected, _ = listener.accept()
                    connected.setblocking(False)
                    selector.register(connected, selectors.EVENT_READ, connected.recv)
                else:
                    order = heard()
                    size = order["size"]
                    watch, total = _watched(order)
            if watch is not None and taken >= total:
                watch.report()
                watch = None


def _watched(order: dict[str, Any]) -> tuple[Stopwatch, int]:
    """A running watch and how many messages it runs for; after a hold, if that was the order."""
    if "hold" in order:
        say(held=True)
        order = heard()
    watch = Stopwatch()
    say(watching=True)
    return watch, order["watch"]


SERVERS: Final[dict[str, Callable[[], None]]] = {
    "ours": lambda: trio.run(ours),
    "bare": bare,
    "trio_websocket": lambda: trio.run(trio_websocket),
}

if __name__ == "__main__":
    SERVERS[sys.argv[1]]()
