"""From an accepted socket to a request: who has not asked yet is an object of a poller, not a task."""

import errno
import re
import selectors
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Final

import structlog
import trio

from core.callers import Callers
from core.pacing import PER_LOT, SHARE_OF_SILENT, DutyCycle, Pace

_log = structlog.get_logger()

MAX_HEAD_BYTES: Final = 16_384
HEAD_WITHIN: Final = 5.0
MAX_WAITING: Final = 1_024
REFUSAL_BODY: Final = (
    b'{"error":"Too many connections come from your address.","code":"overloaded"}'
)
REFUSAL: Final = (
    b"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nRetry-After: 5\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
) % (len(REFUSAL_BODY), REFUSAL_BODY)
"""To an address that has all its connections, in English: what language it speaks has not been read."""
READS_PER_TURN: Final = 64

HAND_OVER: Final = Pace(fastest=0.003, slowest=0.01, all_within=0.3)
"""Between two connections that become a request. One costs two to three milliseconds of the loop; twenty
that ask together would hold it for fifty, through which every chat message has to wait."""

OUT_OF_DESCRIPTORS_FOR: Final = 0.1
_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_FIRST_OF_A_METHOD: Final = 0x21


def _begin_one() -> None:
    """A request takes the loop's time by itself, from when it is taken in."""


class Newcomer:
    """A client that is connected and has not asked. `due_at`: when it is to leave (trio time)."""

    __slots__ = ("address", "due_at", "head", "socket")

    def __init__(self, connected: socket.socket, address: str, due_at: float) -> None:
        self.socket = connected
        self.address = address
        self.due_at = due_at
        self.head = bytearray()

    def add(self, received: bytes) -> bool:
        """Whether it is for the HTTP parser to go on: the head is here, or never will be one. The rules
        are h11's, so that what it accepts, or refuses at once, does not wait here."""
        looked_at = max(0, len(self.head) - 2)
        self.head += received
        if self.head[0] < _FIRST_OF_A_METHOD or len(self.head) >= MAX_HEAD_BYTES:
            return True
        return _BLANK_LINE.search(self.head, looked_at) is not None


class Doorstep:
    """Everybody between accept and a whole head: bounded, each with a deadline, none a task.

    Where it is full, who has been silent longest has to leave for who comes: an honest client asks
    within milliseconds, and so is served while a crowd stands there. Who has asked is not sent away;
    when nobody else is left, newcomers wait in the kernel's backlog.

    Owns: the listener and the newcomers, until `take_in` gets one; it may wait until there is a place.
    Each has entered `callers`, and leaves them when its socket is closed; who finds no place there is
    refused at once. Strangers are let in and out at `pace`.
    """

    def __init__(
        self,
        listener: socket.socket,
        take_in: Callable[[Newcomer], Awaitable[None]],
        *,
        callers: Callers | None = None,
        head_within: float = HEAD_WITHIN,
        most: int = MAX_WAITING,
        pace: DutyCycle | None = None,
    ) -> None:
        self._listener = listener
        self._take_in = take_in
        self._callers = Callers(None) if callers is None else callers
        self._refused = 0
        self._head_within = head_within
        self._most = most
        self._pace = pace or DutyCycle()
        # All have equally long, so the first is the first that is due.
        self._silent: dict[int, Newcomer] = {}
        self._ready: deque[Newcomer] = deque()
        self._selector = selectors.DefaultSelector()
        self._has_come = trio.Event()
        self._has_asked = trio.Event()
        self._was_taken = trio.Event()

    async def run(self, stopping: trio.Event) -> None:
        """Until `stopping`: then nobody new is let in, who has asked is taken in, the others leave."""
        self._listener.setblocking(False)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._accept)
                nursery.start_soon(self._listen)
                nursery.start_soon(self._expire)
                nursery.start_soon(self._hand_over)
                await stopping.wait()
                nursery.cancel_scope.cancel()
            self._stop_listening()
            while self._ready:
                await self._take_in(self._ready[0])
                self._ready.popleft()
        finally:
            self._stop_listening()
            for newcomer in [*self._ready, *self._silent.values()]:
                newcomer.socket.close()
            self._selector.close()

    def statistics(self) -> Mapping[str, int | float]:
        """`silent`: have not asked; `ready`: have, and wait for their turn; `refused`: too many came from there."""
        return {
            "silent": len(self._silent),
            "ready": len(self._ready),
            "refused": self._refused,
        }

    async def _accept(self) -> None:
        while True:
            while len(self._ready) >= self._most:
                self._was_taken = trio.Event()
                await self._was_taken.wait()
            await trio.lowlevel.wait_readable(self._listener)
            try:
                await self._pace.take(self._accept_some, share=SHARE_OF_SILENT)
            except OSError as error:
                _log.warning("http.accept_failed", error=str(error))
                await trio.sleep(OUT_OF_DESCRIPTORS_FOR)

    def _accept_some(self) -> None:
        """What goes wrong with one does not end the waiting. Raises `OSError` when there are no descriptors."""
        for _ in range(PER_LOT):
            if len(self._ready) >= self._most:
                return
            try:
                connected, peer = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _OUT_OF_DESCRIPTORS:
                    raise
                continue
            connected.setblocking(False)
            address = str(peer[0]) if peer else ""
            if not self._callers.enter(address):
                self._refused += 1
                _refuse(connected)
                continue
            if self._silent and len(self._silent) + len(self._ready) >= self._most:
                self._leave(next(iter(self._silent.values())))
            self._enter(Newcomer(connected, address, trio.current_time() + self._head_within))

    def _enter(self, newcomer: Newcomer) -> None:
        connected = newcomer.socket
        try:
            self._selector.register(connected, selectors.EVENT_READ, newcomer)
        except OSError as error:
            _log.warning("http.watch_failed", error=str(error))
            self._close(newcomer)
            return
        self._silent[connected.fileno()] = newcomer
        self._has_come.set()

    async def _listen(self) -> None:
        """Read what comes, from each a piece at a time."""
        while True:
            await trio.lowlevel.wait_readable(self._selector.fileno())
            for key, _ in self._selector.select(0)[:READS_PER_TURN]:
                self._read(key.data)

    def _read(self, newcomer: Newcomer) -> None:
        try:
            received = newcomer.socket.recv(MAX_HEAD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._leave(newcomer)
        elif newcomer.add(received):
            self._forget(newcomer)
            self._ready.append(newcomer)
            self._has_asked.set()

    async def _expire(self) -> None:
        """Part with who is due, few at a time."""
        while True:
            while not self._silent:
                self._has_come = trio.Event()
                await self._has_come.wait()
            await trio.sleep_until(next(iter(self._silent.values())).due_at)
            await self._pace.take(self._expire_some, share=SHARE_OF_SILENT)

    def _expire_some(self) -> None:
        now = trio.current_time()
        for newcomer in list(islice(self._silent.values(), PER_LOT)):
            if newcomer.due_at <= now:
                self._leave(newcomer)

    async def _hand_over(self) -> None:
        while True:
            while not self._ready:
                self._has_asked = trio.Event()
                await self._has_asked.wait()
            await self._pace.take(_begin_one, rest=HAND_OVER.every(len(self._ready)))
            await self._take_in(self._ready[0])
            self._ready.popleft()
            self._was_taken.set()

    def _stop_listening(self) -> None:
        if self._listener.fileno() >= 0:
            trio.lowlevel.notify_closing(self._listener)
            self._listener.close()

    def _leave(self, newcomer: Newcomer) -> None:
        self._forget(newcomer)
        self._close(newcomer)

    def _close(self, newcomer: Newcomer) -> None:
        self._callers.leave(newcomer.address)
        with suppress(OSError):
            newcomer.socket.close()

    def _forget(self, newcomer: Newcomer) -> None:
        self._selector.unregister(newcomer.socket)
        del self._silent[newcomer.socket.fileno()]


def _refuse(connected: socket.socket) -> None:
    """What has come is read first: else the kernel's reset would take the answer with it."""
    with connected:
        with suppress(OSError):  # nothing has come
            connected.recv(MAX_HEAD_BYTES)
        with suppress(OSError):
            connected.send(REFUSAL)
