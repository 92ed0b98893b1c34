"""Who floods has no more than a turn in each round."""

import socket
import time
from typing import Any

import trio

from gateways.client.hub import READ, Hub
from gateways.client.wire import PlainWire


class Reader:
    """A connection as the hub sees one. `log` is shared: who read how much, in order."""

    def __init__(self, name: str, log: list[tuple[str, int]], takes: float = 0.0) -> None:
        ours, self.theirs = socket.socketpair()
        self.wire = PlainWire(ours)
        self._name, self._log, self._takes = name, log, takes

    def ready(self, events: int, buffer: bytearray, now: float) -> None:
        time.sleep(self._takes)
        self._log.append((self._name, self.wire.receive_into(buffer)))

    def end(self, hub: Any) -> None:
        hub.watch(self, 0)
        self.wire.close()
        self.theirs.close()


async def test_a_flood_is_read_a_little_at_a_time_between_the_others() -> None:
    log: list[tuple[str, int]] = []
    hub: Any = Hub(lambda: None)
    readers = [Reader(name, log) for name in ("flood", "good")]
    for reader in readers:
        hub.watch(reader, READ)
    readers[0].theirs.send(b"x" * 60_000)
    readers[1].theirs.send(b"hello")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hub.run)
        with trio.fail_after(5):
            while sum(count for _, count in log) < 60_005:
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    before = log[: log.index(("good", 5))]
    assert sum(count for _, count in before) <= 8_192
    for reader in readers:
        reader.end(hub)
    hub.close()


async def test_connections_that_cost_much_leave_the_loop_to_others_in_between() -> None:
    log: list[tuple[str, int]] = []
    hub: Any = Hub(lambda: None)
    readers = [Reader(f"{number}", log, takes=0.003) for number in range(10)]
    for reader in readers:
        hub.watch(reader, READ)
        reader.theirs.send(b"x")
    turns: set[int] = set()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hub.run)
        with trio.fail_after(5):
            while len(log) < 10:
                await trio.lowlevel.checkpoint()
                turns.add(len(log))
        nursery.cancel_scope.cancel()
    assert len(turns) >= 5, turns
    for reader in readers:
        reader.end(hub)
    hub.close()
