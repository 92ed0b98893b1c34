"""The client gateway: its own listener and the upgrade; what comes through lives in `Connections`."""

import errno
import socket
from collections.abc import Collection, Mapping
from typing import Final

import structlog
import trio

from core.ports.clock import Clock
from gateways.client import handshake
from gateways.client.admission import Admission
from gateways.client.connection import Handler
from gateways.client.connections import Connections
from gateways.client.expiry import Expiry
from gateways.client.fanout import TopicFanout
from gateways.client.hub import Hub
from gateways.client.policy import Policy
from gateways.client.wire import PlainWire

_log = structlog.get_logger()
BACKLOG: Final = 1_024
ACCEPT_EVERY: Final = 0.001
"""Seconds between two connections: who comes with a thousand at once leaves the loop to those who are
here. Three times what a client needs to be welcomed, so nobody honest waits for it."""

_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ClientServer:
    """Accepts WebSocket clients and moves their bytes until cancelled.

    No error of a connection, in its handshake or in what its messages cause, ends the server or
    touches another connection.

    Owns: the listeners, the hub and the connections. Borrows: the fan-out, through which actors
    reach connections, and the handler. `origins` is read at every upgrade.
    """

    def __init__(
        self,
        *,
        handler: Handler,
        fanout: TopicFanout,
        admission: Admission,
        clock: Clock,
        host: str,
        port: int,
        origins: Collection[str] = (),
        policy: Policy | None = None,
    ) -> None:
        self._admission = admission
        self._host, self._port = host, port
        self._origins = origins
        self._policy = policy or Policy()
        self.connections = Connections(
            handler=handler,
            fanout=fanout,
            admission=admission,
            clock=clock,
            policy=self._policy,
            poller=Hub(fanout.tick.flush),
        )
        self._handshakes = trio.Semaphore(self._policy.max_handshakes)
        self._accepting = trio.CancelScope()
        self._expiry = Expiry(self._policy.handshake_within)

    async def run(self, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; `task_status` gets the bound port. Raises OSError when the
        address cannot be had. Cancelled, it drops what is still connected: `drain` first."""
        listeners = await _listen(self._host, self._port)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.connections.run)
                nursery.start_soon(self._expiry.run)
                nursery.start_soon(self._accept_all, listeners)
                task_status.started(listeners[0].getsockname()[1])
        finally:
            for listener in listeners:
                listener.close()

    async def drain(
        self, *, reconnect_after_ms: int = 0, jitter_ms: int = 5_000, within: float = 5.0
    ) -> None:
        """Accept nobody new, and part with all as `Connections.drain` does."""
        self._accepting.cancel()
        await self.connections.drain(
            reconnect_after_ms=reconnect_after_ms, jitter_ms=jitter_ms, within=within
        )

    def statistics(self) -> Mapping[str, int | float]:
        return {
            "handshakes": self._policy.max_handshakes - self._handshakes.value,
            **self.connections.statistics(),
            **self._admission.statistics(),
        }

    async def _accept_all(self, listeners: list[socket.socket]) -> None:
        async with trio.open_nursery() as nursery:
            with self._accepting:
                async with trio.open_nursery() as accepting:
                    for listener in listeners:
                        accepting.start_soon(self._accept, listener, nursery)
            for listener in listeners:
                trio.lowlevel.notify_closing(listener)
                listener.close()

    async def _accept(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        """Accept for ever. With too many handshakes under way the others wait in the backlog."""
        due = trio.current_time()
        while True:
            await self._handshakes.acquire()
            try:
                connected, address = await _accept_one(listener)
            except BaseException:
                self._handshakes.release()
                raise
            nursery.start_soon(self._welcome, connected, str(address[0]) if address else "")
            # A timer that is late is made up for, but not by a crowd at once.
            due = max(due, trio.current_time() - 16 * ACCEPT_EVERY) + ACCEPT_EVERY
            await trio.sleep_until(due)

    async def _welcome(self, connected: socket.socket, address: str) -> None:
        """One upgrade, from accept to a connection of the hub. Never raises."""
        is_counted = is_ours = False
        try:
            is_counted = self._admission.enter_address(address)
            with self._expiry.limited():
                is_ours = is_counted and await self._upgrade(connected, address)
                if not is_counted:
                    connected.send(handshake.OVERLOADED)
                if not is_ours:
                    await handshake.part(connected, within=self._policy.timing.linger)
        except Exception as error:
            _log.debug("client.handshake_failed", error=type(error).__name__)
        finally:
            self._handshakes.release()
            if not is_ours:
                if is_counted:
                    self._admission.leave_address(address)
                trio.lowlevel.notify_closing(connected)
                connected.close()

    async def _upgrade(self, connected: socket.socket, address: str) -> bool:
        wire = PlainWire(connected)
        leftover = await handshake.upgrade(
            connected, origins=self._origins, needs_subprotocol=not self._policy.is_conformance
        )
        if leftover is None:
            return False
        self.connections.take_in(wire, address, leftover)
        return True


async def _accept_one(listener: socket.socket) -> tuple[socket.socket, tuple[object, ...]]:
    """The next connection. What goes wrong with one that is waiting does not end the waiting."""
    while True:
        await trio.lowlevel.wait_readable(listener)
        try:
            connected, address = listener.accept()
        except OSError as error:
            if error.errno in _OUT_OF_DESCRIPTORS:
                _log.warning("client.accept_failed", error=str(error))
                await trio.sleep(0.1)
            continue
        connected.setblocking(False)
        return connected, address


async def _listen(host: str, port: int) -> list[socket.socket]:
    """Sockets for every address of `host`, all on the same port."""
    found = await trio.socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    listeners: list[socket.socket] = []
    try:
        for family, _, _, _, address in found:
            bound = (address[0], listeners[0].getsockname()[1] if listeners else port)
            listener = socket.create_server(bound, family=family, backlog=BACKLOG)
            listener.setblocking(False)
            listeners.append(listener)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners
