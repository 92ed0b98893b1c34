"""TCP as it may be: late, in pieces, with little room, cut or silent without a word."""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import trio
from virtual_time import call_at

from gateways.client.hub import READ, WRITE
from gateways.client.wire import Buffer


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one connection. `delay`: the longest way of a piece, in seconds; `room`: unread bytes that
    one direction holds; `piece`: the longest piece that arrives at once."""

    delay: float = 0.0
    room: int = 262_144
    piece: int = 65_536


class Network:
    """Brings every piece to its end in time. What takes no time it brings by a task, whose turn comes
    in any order with those of others; what takes some, when all of them wait."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.cuts = 0
        self._at_once: deque[Callable[[], None]] = deque()
        self._sooner = trio.Event()

    def call_at(self, at: float, deed: Callable[[], None]) -> None:
        if at > trio.current_time():
            call_at(at, deed)
        else:
            self._at_once.append(deed)
            self._sooner.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._sooner.wait()
            self._sooner = trio.Event()
            while self._at_once:
                self._at_once.popleft()()


class Pipe:
    """One direction: what was written arrives later, in order, in pieces. The reader's end is told of
    what arrives, the writer's of the first room after there was none."""

    def __init__(
        self,
        network: Network,
        quality: Quality,
        *,
        on_arrival: Callable[[], None],
        on_room: Callable[[], None],
    ) -> None:
        self._network, self._quality = network, quality
        self._on_arrival, self._on_room = on_arrival, on_room
        self._arrived = bytearray()
        self._under_way = 0
        self._last_at = 0.0
        self.is_finished = False
        self.is_lost = False

    @property
    def room(self) -> int:
        return self._quality.room - self._under_way - len(self._arrived)

    @property
    def is_readable(self) -> bool:
        return bool(self._arrived) or self.is_finished

    def write(self, data: Buffer) -> int:
        """Bytes taken."""
        taken = bytes(data[: max(0, self.room)])
        self._under_way += len(taken)
        start = 0
        while start < len(taken):
            size = self._network.chance.randint(1, self._quality.piece)
            self._send(taken[start : start + size])
            start += size
        return len(taken)

    def finish(self) -> None:
        """No more bytes: the reader learns it after the last of them."""
        self._later(self._finished)

    def read(self, most: int) -> bytes:
        was_full = self.room <= 0
        data = bytes(self._arrived[:most])
        del self._arrived[:most]
        if was_full and self.room > 0:
            self._on_room()
        return data

    def lose(self) -> None:
        """What is under way never arrives."""
        self.is_lost = True

    def _send(self, piece: bytes) -> None:
        self._later(lambda: self._arrive(piece))

    def _later(self, deed: Callable[[], None]) -> None:
        delay = self._network.chance.random() * self._quality.delay
        self._last_at = max(self._last_at, trio.current_time() + delay)
        self._network.call_at(self._last_at, deed)

    def _arrive(self, piece: bytes) -> None:
        if not self.is_lost:
            self._under_way -= len(piece)
            self._arrived += piece
            self._on_arrival()

    def _finished(self) -> None:
        if not self.is_lost:
            self.is_finished = True
            self._on_arrival()


class Link:
    """A connection between a client and a server: `server_end` is the server's `Wire`."""

    def __init__(self, network: Network, quality: Quality) -> None:
        self._network = network
        self.changed = trio.Event()
        """For the client: something arrived, there is room again, or the link is cut."""
        self.wake_server: Callable[[], None] = lambda: None
        wake_server, wake_client = self._wake_server, self._wake_client
        self.to_server = Pipe(network, quality, on_arrival=wake_server, on_room=wake_client)
        self.to_client = Pipe(network, quality, on_arrival=wake_client, on_room=wake_server)
        self.is_cut = False
        self.server_end = ServerEnd(self)

    def cut(self) -> None:
        """Both ends find the connection reset; what was under way is lost."""
        if not self.is_cut:
            self._network.cuts += 1
            self.is_cut = True
            self.go_silent()
            self._wake_client()
            self._wake_server()

    def go_silent(self) -> None:
        """Nothing arrives any more, and nobody is told."""
        self.to_server.lose()
        self.to_client.lose()

    def _wake_client(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    def _wake_server(self) -> None:
        self.wake_server()


class ServerEnd:
    """Implements `gateways.client.wire.Wire`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._is_closed = False

    def fileno(self) -> int:
        return -1

    @property
    def readiness(self) -> int:
        link = self._link
        readable = link.is_cut or link.to_server.is_readable
        writable = link.is_cut or link.to_client.room > 0
        return (READ if readable else 0) | (WRITE if writable else 0)

    def receive_into(self, buffer: bytearray) -> int:
        self._require_whole()
        pipe = self._link.to_server
        if not pipe.is_readable:
            raise BlockingIOError
        data = pipe.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def send(self, data: Buffer, /) -> int:
        self._require_whole()
        taken = self._link.to_client.write(data)
        if not taken:
            raise BlockingIOError
        return taken

    def send_many(self, parts: Sequence[Buffer], /) -> int:
        return self.send(b"".join(parts))

    def finish(self) -> None:
        self._link.to_client.finish()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._link.to_client.finish()
            self._link.to_server.lose()

    def reset(self) -> None:
        self._is_closed = True
        self._link.cut()

    def _require_whole(self) -> None:
        if self._link.is_cut:
            raise ConnectionResetError


class VirtualPoller:
    """Implements `gateways.client.channel.Poller` over links."""

    def __init__(self, end_of_tick: Callable[[], None], chance: random.Random) -> None:
        self._end_of_tick = end_of_tick
        self._chance = chance
        self._watched: dict[Any, int] = {}
        self._changed = trio.Event()
        self._buffer = bytearray(65_536)

    def watch(self, connection: Any, events: int) -> None:
        if events:
            self._watched[connection] = events
            self._changed.set()
        else:
            self._watched.pop(connection, None)

    def wake(self) -> None:
        """Some link is not as it was."""
        self._changed.set()

    async def run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            now = trio.current_time()
            watched = list(self._watched)
            self._chance.shuffle(watched)
            for connection in watched:
                events = self._watched.get(connection, 0)
                if ready := connection.wire.readiness & events:
                    connection.ready(ready, self._buffer, now)
                    if connection.wire.readiness & self._watched.get(connection, 0):
                        self._changed.set()
            self._end_of_tick()

    def close(self) -> None:
        self._watched.clear()
