"""Clients that mean harm. Each kind does one thing to a server until the server ends it.

`python hostile_clients.py HTTP WS TOKENS ROOM`, for the benchmark of what this costs others
(`benchmarks/harm.py`): tokens with commas between, which clients take in turns; of several such lists, with
semicolons between, each order that is no peace takes the next, whom nobody has blamed yet. Each line of standard input says how many of which kinds there are from now on
(`{"half_open": 1000}`; `{}`: peace), and is answered by a line that counts what ended before, by kind
and last word. Who is ended comes back at once, but no more than once a second.
"""

import json
import os
import select
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgpack
import trio

PATH: Final = "/v1/connect"
SUBPROTOCOL: Final = "caravan.v1.msgpack"
BINARY, CONTINUED, PING, PONG, CLOSE = 0x82, 0x00, 0x89, 0x8A, 0x88
AGAIN_AFTER: Final = 1.0
LOOK_EVERY: Final = 0.02
LAST: Final = 19
"""The lowest priority of a process, and of a session."""


@dataclass(frozen=True)
class Target:
    """A server, and an access token of an account that is ours. `room_id`: one to ask for.
    `byte_every`: seconds between two bytes of who sends them one at a time."""

    http: str
    ws: str
    token: str
    room_id: str = ""
    byte_every: float = 0.05


@dataclass(frozen=True)
class Ending:
    """How the server ended a client: `after` seconds from the start of what was hostile, and its last
    word: a close code, an HTTP status, or None without a word."""

    after: float
    word: int | None


class Peer:
    """One TCP connection and what came in on it. Owns: the socket."""

    def __init__(self, connected: trio.socket.SocketType) -> None:
        self._socket = connected
        self._received = b""
        self.begun_at = trio.current_time()

    def begin(self) -> None:
        """What follows is hostile."""
        self.begun_at = trio.current_time()

    async def send(self, data: bytes) -> bool:
        """Whether the server still took it."""
        with suppress(OSError):
            while data:
                data = data[await self._socket.send(data) :]
            return True
        return False

    async def trickle(self, data: bytes, every: float) -> None:
        """One byte at a time, until the server has enough of it."""
        for byte in data:
            if not await self.send(bytes([byte])):
                return
            await trio.sleep(every)

    async def repeat(self, data: bytes, *, per_second: float) -> None:
        """For ever at this rate, until the server has enough of it."""
        while await self.send(data):
            await trio.sleep(1 / per_second)

    async def read(self, count: int) -> bytes:
        """Exactly so many bytes. Raises EOFError."""
        while len(self._received) < count:
            try:
                data = await self._socket.recv(65_536)
            except OSError:
                data = b""
            if not data:
                raise EOFError
            self._received += data
        data, self._received = self._received[:count], self._received[count:]
        return data

    async def head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await self.read(1)
        return head

    async def frame(self) -> tuple[int, bytes]:
        """The next WebSocket frame's first byte and payload."""
        first, length = await self.read(2)
        if length >= 126:
            length = int.from_bytes(await self.read(2 if length == 126 else 8), "big")
        return first, await self.read(length)

    async def ended(self) -> Ending:
        """Read until the server hangs up; the code of its close frame."""
        code = None
        with suppress(EOFError):
            while True:
                first, payload = await self.frame()
                if first == CLOSE:
                    code = int.from_bytes(payload[:2], "big")
        return Ending(trio.current_time() - self.begun_at, code)

    async def refused(self) -> Ending:
        """Read until the server hangs up; the status of its answer."""
        status = None
        with suppress(EOFError):
            status = int((await self.head()).split()[1])
            while True:
                await self.read(1)
        return Ending(trio.current_time() - self.begun_at, status)

    async def cut_off(self) -> Ending:
        """Read nothing until the server resets the connection, which is all that we notice."""
        poll = select.poll()
        poll.register(self._socket.fileno(), 0)
        while not poll.poll(0):
            await trio.sleep(LOOK_EVERY)
        return Ending(trio.current_time() - self.begun_at, None)


@asynccontextmanager
async def dialled(url: str, *, buffer: int | None = None) -> AsyncIterator[Peer]:
    """Connected. `buffer`: bytes that the kernel may take for us unread."""
    address = urlsplit(url)
    with trio.socket.socket() as connected:
        if buffer is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        await connected.connect((str(address.hostname), address.port))
        yield Peer(connected)


@asynccontextmanager
async def upgraded(target: Target, *, buffer: int | None = None) -> AsyncIterator[Peer]:
    async with dialled(target.ws, buffer=buffer) as peer:
        await peer.send(UPGRADE)
        await peer.head()
        peer.begin()
        yield peer


@asynccontextmanager
async def welcomed(target: Target, *, buffer: int | None = None) -> AsyncIterator[Peer]:
    client = {"name": "harm", "version": "1"}
    async with upgraded(target, buffer=buffer) as peer:
        await peer.send(packed(type="hello", token=target.token, client=client))
        await peer.frame()
        peer.begin()
        yield peer


def ws_frame(first: int, payload: bytes = b"", *, size: int | None = None) -> bytes:
    """A client's frame (its mask is zero); `size` announces another length."""
    size = len(payload) if size is None else size
    if size < 126:
        head = bytes([first, 0x80 | size])
    elif size < 65_536:
        head = bytes([first, 0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, 0x80 | 127]) + size.to_bytes(8, "big")
    return head + bytes(4) + payload


def packed(**fields: object) -> bytes:
    return ws_frame(BINARY, msgpack.packb(fields))


UPGRADE: Final = "\r\n".join(
    (
        f"GET {PATH} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
        "\r\n",
    )
).encode()
HTTP_HEAD: Final = b"GET /api/v1/info HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"x" * 4_000
MEGABYTE: Final = b"\0" * 1_048_576


# The kinds. Each takes a target and returns how the server ended it; it waits as long as that takes.


async def half_open(target: Target) -> Ending:
    """Connects to the socket port and says nothing."""
    async with dialled(target.ws) as peer:
        return await peer.refused()


async def half_open_http(target: Target) -> Ending:
    """Connects to the HTTP port and says nothing."""
    async with dialled(target.http) as peer:
        return await peer.refused()


async def slow_handshake(target: Target) -> Ending:
    """Asks for an upgrade a byte at a time."""
    async with dialled(target.ws) as peer:
        return await _while(peer, peer.trickle(UPGRADE * 20, target.byte_every), peer.refused)


async def slow_head(target: Target) -> Ending:
    """Sends the head of an HTTP request a byte at a time."""
    async with dialled(target.http) as peer:
        return await _while(peer, peer.trickle(HTTP_HEAD, target.byte_every), peer.refused)


async def slow_body(target: Target) -> Ending:
    """Sends the body of an HTTP request a byte at a time."""
    async with dialled(target.http) as peer:
        await peer.send(_post(target, 4_000))
        return await _while(peer, peer.trickle(b"{" * 4_000, target.byte_every), peer.refused)


async def no_body(target: Target) -> Ending:
    """Announces a body that never comes."""
    async with dialled(target.http) as peer:
        await peer.send(_post(target, 500))
        return await peer.refused()


async def no_hello(target: Target) -> Ending:
    """Is upgraded and says nothing."""
    async with upgraded(target) as peer:
        return await peer.ended()


async def half_a_hello(target: Target) -> Ending:
    """Begins a frame before its hello, and stops."""
    async with upgraded(target) as peer:
        await peer.send(ws_frame(BINARY, b"\x83\xa4type", size=500))
        return await peer.ended()


async def half_a_frame(target: Target) -> Ending:
    """Begins a frame after its welcome, and stops."""
    async with welcomed(target) as peer:
        await peer.send(ws_frame(BINARY, b"\x83\xa4type", size=500))
        return await peer.ended()


async def huge_length(target: Target) -> Ending:
    """Announces a frame of a terabyte and sends it."""
    async with welcomed(target) as peer:
        await peer.send(ws_frame(BINARY, size=1 << 40))
        return await _while(peer, peer.repeat(MEGABYTE[:65_536], per_second=20), peer.ended)


async def ping_flood(target: Target) -> Ending:
    """Two thousand pings a second, in bursts of a hundred."""
    async with welcomed(target) as peer:
        burst = ws_frame(PING, b"are you there") * 100
        return await _while(peer, peer.repeat(burst, per_second=20), peer.ended)


async def empty_fragments(target: Target) -> Ending:
    """A message of ever more empty fragments."""
    async with welcomed(target) as peer:
        await peer.send(ws_frame(BINARY & 0x0F))
        burst = ws_frame(CONTINUED) * 10
        return await _while(peer, peer.repeat(burst, per_second=20), peer.ended)


async def deaf(target: Target) -> Ending:
    """Asks for much and reads none of it."""
    async with welcomed(target, buffer=4_096) as peer:
        page = packed(type="chat.history", roomId=target.room_id, limit=200, ref=1)
        return await _while(peer, peer.repeat(page, per_second=40), peer.cut_off)


async def unread_close(target: Target) -> Ending:
    """Is told to go, and neither reads that nor answers it; it notices the end by sending."""
    async with welcomed(target) as peer:
        await peer.send(ws_frame(BINARY, b"\xc1"))
        cut = await _while(peer, peer.repeat(ws_frame(PONG), per_second=20), peer.cut_off)
        return Ending(cut.after, (await peer.ended()).word)


KINDS: Final[dict[str, Callable[[Target], Awaitable[Ending]]]] = {
    kind.__name__: kind
    for kind in (
        *(half_open, half_open_http, slow_handshake, slow_head, slow_body, no_body, no_hello),
        *(half_a_hello, half_a_frame, huge_length, ping_flood, empty_fragments, deaf, unread_close),
    )
}


def _post(target: Target, length: int) -> bytes:
    return (
        "POST /api/v1/chat/rooms HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {target.token}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


async def _while(
    peer: Peer, harm: Awaitable[None], ending: Callable[[], Awaitable[Ending]]
) -> Ending:
    """Do harm until the server ends it."""

    async def do() -> None:
        await harm

    async with trio.open_nursery() as nursery:
        nursery.start_soon(do)
        ended = await ending()
        nursery.cancel_scope.cancel()
    return ended


async def besiege(target: Target) -> None:
    """Do what standard input says, until it ends."""
    orders = trio.lowlevel.FdStream(os.dup(sys.stdin.fileno()))
    ended: Counter[str] = Counter()

    async def again_and_again(kind: str, token: str) -> None:
        its = replace(target, token=token)
        while True:
            not_before = trio.current_time() + AGAIN_AFTER
            with suppress(OSError, EOFError):
                ended[f"{kind} {(await KINDS[kind](its)).word}"] += 1
            await trio.sleep_until(not_before)

    async with trio.open_nursery() as nursery:
        siege = trio.CancelScope()

        lists = cycle(target.token.split(";"))

        async def crowd(numbers: dict[str, int], until: trio.CancelScope) -> None:
            tokens = cycle((next(lists) if numbers else "").split(","))
            with until:
                async with trio.open_nursery() as clients:
                    for kind, number in numbers.items():
                        for _ in range(number):
                            clients.start_soon(again_and_again, kind, next(tokens))

        async for line in orders:  # each far shorter than a pipe's buffer, and answered
            siege.cancel()
            siege = trio.CancelScope()
            nursery.start_soon(crowd, json.loads(line), siege)
            print(json.dumps(ended), flush=True)
            ended.clear()
        siege.cancel()


def _go_last() -> None:
    """Leave the processors to all others: what is to be measured is the server, not how the kernel shares
    them. Linux shares them between sessions first, so within ours it would compete with each process
    of the database as an equal."""
    os.setpriority(os.PRIO_PROCESS, 0, LAST)
    with suppress(OSError):
        os.setsid()
        Path("/proc/self/autogroup").write_text(str(LAST))


if __name__ == "__main__":
    _go_last()
    trio.run(besiege, Target(*sys.argv[1:], byte_every=0.5))
