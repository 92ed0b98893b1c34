"""What a broadcast costs per member, against a bare loop of `socket.send` over the same sockets.

    .venv/bin/python -m benchmarks.fanout [--members 200]

Local TCP connections, a frame of 350 bytes. Rounds take turns in one process; prints the medians and their ratio.
"""

import argparse
import socket
import statistics
import time
from collections.abc import Callable

import trio

from core.clock import SystemClock
from gateways.client.channel import Counters, Machinery
from gateways.client.conformance import Echo
from gateways.client.connection import Connection
from gateways.client.deadlines import Deadlines, Stage, Timing
from gateways.client.fanout import TopicFanout
from gateways.client.frames import FrameParser, encode_binary
from gateways.client.hub import Hub
from gateways.client.wire import PlainWire

ROUNDS = 300
PAYLOAD = b"x" * 350


def tcp_pairs(count: int) -> list[tuple[socket.socket, socket.socket]]:
    """(server's end, client's end) of connections over loopback."""
    pairs = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(count):
            client = socket.create_connection(listener.getsockname())
            pairs.append((listener.accept()[0], client))
    return pairs


def subscribed(servers: list[socket.socket]) -> TopicFanout:
    fanout = TopicFanout()
    machinery = Machinery(
        hub=Hub(fanout.tick.flush),
        tick=fanout.tick,
        deadlines=Deadlines(),
        timing=Timing(),
        counters=Counters(),
        on_gone=lambda channel: None,
    )
    for server in servers:
        connection = Connection(
            PlainWire(server), FrameParser(), machinery, handler=Echo(), clock=SystemClock()
        )
        connection.start(Stage.OPEN, b"")
        fanout.subscribe("room:benchmark", connection)
    return fanout


async def measure(members: int) -> None:
    pairs = tcp_pairs(members)
    servers = [server for server, _ in pairs]
    fanout = subscribed(servers)
    sends = [server.send for server in servers]

    def bare() -> None:
        frame = encode_binary(PAYLOAD)
        for send in sends:
            send(frame)

    def ours() -> None:
        fanout.publish_nowait("room:benchmark", PAYLOAD)
        fanout.tick.flush()

    def timed(action: Callable[[], None]) -> float:
        start = time.perf_counter()
        action()
        took = (time.perf_counter() - start) / members * 1e6
        for _, client in pairs:
            client.recv(65_536)
        return took

    rounds = [(timed(ours), timed(bare)) for _ in range(ROUNDS)]
    mine, floor = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(a / b for a, b in rounds)
    print(f"{members} members: fan-out {mine:.2f} µs, bare loop {floor:.2f} µs, ratio {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--members", type=int, default=200, help="at most 256: one step (200)")
    trio.run(measure, parser.parse_args().members)


if __name__ == "__main__":
    main()
