"""Our gateway as it is served, with a handler in the place of the actors: who sends a room's name is in it.

A task publishes as a room's actor does, and waits until the fan-out has nothing left. After an order to
`scatter`, it publishes to that many rooms of the same connections, one after the other.
"""

from collections.abc import Iterator
from itertools import cycle

import trio

from benchmarks.fanout.words import PAYLOAD, Stopwatch, heard, say
from core.clock import SystemClock
from core.identity import Principal
from core.ports.fanout import FrameLane
from gateways.client.admission import Admission, Bounds
from gateways.client.connection import Connection
from gateways.client.deadlines import Timing
from gateways.client.fanout import TopicFanout
from gateways.client.policy import Policy
from gateways.client.server import ClientServer

DAY = 86_400.0


class Rooms:
    """`connection.Handler`: the only message is the name of the room to be in."""

    def __init__(self, fanout: TopicFanout) -> None:
        self._fanout = fanout
        self.members: dict[str, int] = {}
        self.connections: list[Connection] = []

    def received(self, connection: Connection, message: bytes) -> None:
        name = message.decode()
        self._fanout.subscribe(f"room:{name}", connection)
        self.members[name] = self.members.get(name, 0) + 1
        self.connections.append(connection)

    def received_text(self, connection: Connection, text: str) -> None:
        raise NotImplementedError

    def farewell(self, connection: Connection, code: object) -> bytes:
        return b""

    def ping(self) -> bytes:
        return b""

    def admit(self, connection: Connection, principal: Principal) -> bool:
        return True

    def scatter(self, rooms: int, members: int) -> None:
        """Rooms `s0`, `s1` and so on, of connections that are spread over them evenly."""
        for number in range(rooms):
            for place in range(members):
                connection = self.connections[(number * members + place) % len(self.connections)]
                self._fanout.subscribe(f"room:s{number}", connection)


async def broadcast(
    fanout: TopicFanout, topics: Iterator[str], broadcasts: int, flight: int
) -> None:
    tick = fanout.tick
    for _ in range(0, broadcasts, flight):
        for _ in range(flight):
            fanout.publish_nowait(next(topics), PAYLOAD, FrameLane.DURABLE)
        while tick.unsettled:
            await trio.lowlevel.checkpoint()


async def obey(fanout: TopicFanout, rooms: Rooms) -> None:
    scattered: Iterator[str] | None = None
    while True:
        await trio.lowlevel.wait_readable(0)
        order = heard()
        if "scatter" in order:
            rooms.scatter(order["scatter"], order["room"])
            scattered = cycle([f"room:s{number}" for number in range(order["scatter"])])
            say(done=True)
        elif "broadcasts" in order:
            topics = scattered or cycle([f"room:{order['room']}"])
            watch = Stopwatch()
            await broadcast(fanout, topics, order["broadcasts"], order["flight"])
            watch.report()
        else:
            say(members=rooms.members)


async def main() -> None:
    fanout = TopicFanout()
    rooms = Rooms(fanout)
    server = ClientServer(
        handler=rooms,
        fanout=fanout,
        admission=Admission(Bounds()),
        clock=SystemClock(),
        host="127.0.0.1",
        port=0,
        policy=Policy(
            command_rate=None, is_conformance=True, timing=Timing(heartbeat=DAY)
        ),  # open without a hello, and no ping among the frames that are counted
    )
    async with trio.open_nursery() as nursery:
        say(port=await nursery.start(server.run))
        await obey(fanout, rooms)


if __name__ == "__main__":
    trio.run(main)
