"""One task that reads all sockets of a worker, so that the load test costs less than it loads.

A task that wakes for each message, as trio's streams do, costs five times what the hub does.
"""

import random
import selectors
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import trio
from trio_websocket import CloseReason, ConnectionClosed

from loadtest.frames import BINARY, PONG, Close, FrameReader, Ping, close_bytes, frame_bytes
from protocol.limits import MAX_SERVER_FRAME_BYTES

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
RECEIVE_BYTES: Final = 16_384
STEP_WITHIN: Final = 0.001
"""Seconds after which what is due to be sent has its turn."""
MAX_UNSENT_BYTES: Final = 4 << 20


class Hub:
    """Owns: the poller, itself a file descriptor that trio waits on. Borrows: the sockets."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(self, one: "HubSocket", events: int) -> None:
        """Watch for `events` (`READ | WRITE`; 0: nothing any more)."""
        fileno = one.fileno()
        if fileno not in self._selector.get_map():
            self._selector.register(fileno, events, one)
        elif events:
            self._selector.modify(fileno, events, one)
        else:
            self._selector.unregister(fileno)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await trio.lowlevel.wait_readable(self._selector.fileno())
            enough = time.perf_counter() + STEP_WITHIN
            for key, events in self._selector.select(0):
                key.data.ready(events)
                if time.perf_counter() >= enough:
                    await trio.lowlevel.checkpoint()
                    enough = time.perf_counter() + STEP_WITHIN

    def close(self) -> None:
        """Let the poller go. Nothing may be watched any more."""
        trio.lowlevel.notify_closing(self._selector.fileno())
        self._selector.close()


@asynccontextmanager
async def open_hub() -> AsyncIterator[Hub]:
    """A hub that runs for the length of a block, within which every socket of it must be closed."""
    hub = Hub()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hub.run)
            yield hub
            nursery.cancel_scope.cancel()
    finally:
        hub.close()


class HubSocket(trio.abc.AsyncResource):
    """A WebSocket after its handshake. Owns: the socket. Closed, it ends without a word.

    Nothing here waits: messages are handed over as they come, and what the kernel does not take at
    once is kept, up to 4 MiB.
    """

    def __init__(self, hub: Hub, inner: socket.socket, rest: bytes, rng: random.Random) -> None:
        inner.setblocking(False)
        self._hub, self._socket, self._rng = hub, inner, rng
        self._rest = rest
        self._reader = FrameReader(MAX_SERVER_FRAME_BYTES)
        self._take: Callable[[bytes], None] | None = None
        self._unsent = b""
        self._ended = trio.Event()
        self._why: Exception = ConnectionClosed(None)

    def fileno(self) -> int:
        return self._socket.fileno()

    async def hear(self, take: Callable[[bytes], None]) -> None:
        """Hand every message to `take`, which must not block, until the end.

        Raises `ConnectionClosed`, and whatever `take` raised.
        """
        self._take = take
        self._hub.watch(self, READ | WRITE if self._unsent else READ)
        self._feed(self._rest)
        await self._ended.wait()
        raise self._why

    def send_nowait(self, data: bytes) -> None:
        """One message. Sent to who is gone, it is lost, as any is; `hear` tells of the end.

        Raises `trio.WouldBlock` when 4 MiB wait already.
        """
        if len(self._unsent) > MAX_UNSENT_BYTES:
            raise trio.WouldBlock
        self._write(frame_bytes(BINARY, data, self._rng.getrandbits(32)))

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return len(self._unsent)

    def part(self) -> None:
        """Say goodbye."""
        self._write(close_bytes(1000, "", self._rng.getrandbits(32)))

    async def aclose(self) -> None:
        self._end(ConnectionClosed(None))
        await trio.lowlevel.checkpoint()

    def ready(self, events: int) -> None:
        """What the poller saw. Raises nothing."""
        if self._ended.is_set():
            return
        if events & WRITE:
            unsent, self._unsent = self._unsent, b""
            self._hub.watch(self, READ)
            self._write(unsent)
        if events & READ:
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                self._feed(data)
            else:
                self._end(ConnectionClosed(None))

    def _feed(self, data: bytes) -> None:
        take = self._take
        if take is None:
            raise AssertionError("it is watched from `hear` on")
        try:
            for event in self._reader.feed(data):
                if type(event) is bytes:
                    take(event)
                else:
                    self._control(event)
                if self._ended.is_set():
                    return
        except Exception as error:
            self._end(error)

    def _control(self, event: bytes | Ping | Close) -> None:
        match event:
            case Ping(payload=payload):
                self._write(frame_bytes(PONG, payload, self._rng.getrandbits(32)))
            case Close(code=code, reason=reason):
                self._write(close_bytes(code, "", self._rng.getrandbits(32)))
                self._end(ConnectionClosed(CloseReason(code, reason)))

    def _write(self, data: bytes) -> None:
        if self._ended.is_set():
            return
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return
        if sent < len(data):
            self._unsent = data[sent:]
            if self._take is not None:
                self._hub.watch(self, READ | WRITE)

    def _end(self, why: Exception) -> None:
        if not self._ended.is_set():
            self._why = why
            self._ended.set()
            if self._take is not None:
                self._hub.watch(self, 0)
            self._socket.close()
