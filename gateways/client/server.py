"""The client gateway: its listeners; who comes in is of `Arrivals`, then of `Connections`."""

import errno
import socket
from collections.abc import Collection, Mapping
from typing import Final

import structlog
import trio

from core.callers import LOOPBACK, Proxies
from core.pacing import PER_LOT, SHARE_OF_SILENT, DutyCycle
from core.ports.clock import Clock
from gateways.client.admission import Admission
from gateways.client.arrivals import Arrivals
from gateways.client.connection import Handler
from gateways.client.connections import Connections
from gateways.client.fanout import TopicFanout
from gateways.client.hub import Hub
from gateways.client.policy import Policy
from gateways.client.wire import PlainWire

_log = structlog.get_logger()
BACKLOG: Final = 1_024
OUT_OF_DESCRIPTORS_FOR: Final = 0.1
_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ClientServer:
    """Accepts WebSocket clients and moves their bytes until cancelled.

    No error of a connection, in its handshake or in what its messages cause, ends the server or
    touches another connection.

    Raises `OSError` when the address cannot be had. It is had from the beginning: who comes before `run`
    waits in the kernel's backlog.

    Owns: the listeners, the hub and the connections. Borrows: the fan-out, through which actors
    reach connections, and the handler. `origins` is read at every upgrade.
    Strangers are let in and out at `pace`; who comes through one of `proxies` is counted for who it says.
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
        pace: DutyCycle | None = None,
        proxies: Proxies = LOOPBACK,
    ) -> None:
        self._admission = admission
        self._pace = pace or DutyCycle()
        self._listeners = _listen(host, port)
        policy = policy or Policy()
        hub = Hub(fanout.tick.flush)
        self.connections = Connections(
            handler=handler,
            fanout=fanout,
            admission=admission,
            clock=clock,
            policy=policy,
            poller=hub,
        )
        self._arrivals = Arrivals(
            hub=hub,
            admission=admission,
            policy=policy,
            origins=origins,
            take_in=self.connections.take_in,
            pace=self._pace,
            proxies=proxies,
        )
        self._accepting = trio.CancelScope()

    async def run(self, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; `task_status` gets the bound port. Cancelled, it drops what is still
        connected: `drain` first."""
        listeners = self._listeners
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.connections.run)
                nursery.start_soon(self._arrivals.run)
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
            "handshakes": len(self._arrivals),
            **self.connections.statistics(),
            **self._admission.statistics(),
        }

    async def _accept_all(self, listeners: list[socket.socket]) -> None:
        with self._accepting:
            async with trio.open_nursery() as accepting:
                for listener in listeners:
                    accepting.start_soon(self._accept, listener)
        for listener in listeners:
            trio.lowlevel.notify_closing(listener)
            listener.close()

    async def _accept(self, listener: socket.socket) -> None:
        """Accept for ever, a few at a time. Who finds no place waits in the kernel's backlog."""
        while True:
            await self._arrivals.place()
            await trio.lowlevel.wait_readable(listener)
            try:
                await self._pace.take(lambda: self._accept_some(listener), share=SHARE_OF_SILENT)
            except OSError as error:
                _log.warning("client.accept_failed", error=str(error))
                await trio.sleep(OUT_OF_DESCRIPTORS_FOR)

    def _accept_some(self, listener: socket.socket) -> None:
        """What goes wrong with one does not end the waiting. Raises `OSError` when there are no descriptors."""
        for _ in range(PER_LOT):
            if self._arrivals.is_full:
                return
            try:
                connected, address = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _OUT_OF_DESCRIPTORS:
                    raise
                continue
            self._arrivals.enter(PlainWire(connected), str(address[0]) if address else "")


def _listen(host: str, port: int) -> list[socket.socket]:
    """Sockets for every address of `host`, all on the same port."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    try:
        for family, _, _, _, address in found:
            bound = (address[0], listeners[0].getsockname()[1] if listeners else port)
            # As HTTP's is: `::` is reached over IPv4, too.
            is_dual = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
            listener = socket.create_server(
                bound, family=family, backlog=BACKLOG, dualstack_ipv6=is_dual
            )
            listener.setblocking(False)
            listeners.append(listener)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners
