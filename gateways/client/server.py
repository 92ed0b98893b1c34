"""The client gateway: its own listener, the upgrade, and everything that moves connections."""

import errno
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog
import trio

from core.ports.clock import Clock
from gateways.client import handshake
from gateways.client.admission import Admission
from gateways.client.channel import Channel, Counters, Machinery
from gateways.client.connection import Connection, Handler
from gateways.client.deadlines import Deadlines, Stage, Timing
from gateways.client.fanout import TopicFanout
from gateways.client.frames import MAX_FRAGMENTS, FrameParser
from gateways.client.hub import Hub
from gateways.client.outbound import MAX_BACKLOG
from gateways.client.rate import CommandRate, Rate, RefusalCount
from gateways.client.wire import PlainWire
from protocol import codec
from protocol.close_codes import CloseCode
from protocol.limits import DEFAULT_LIMITS, MAX_FRAME_BYTES
from protocol.session import Draining

_log = structlog.get_logger()
BACKLOG: Final = 1_024
_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one connection may do. `command_rate` None: rates are not limited.

    `is_conformance`: for the RFC 6455 suite alone: text messages pass, no subprotocol is needed,
    and a connection is open without a hello.
    """

    command_rate: Rate | None = field(
        default_factory=lambda: Rate(DEFAULT_LIMITS.commands_per_second, DEFAULT_LIMITS.burst)
    )
    most_refusals: int = 1_000
    refusals_period: float = 10.0
    max_message_bytes: int = MAX_FRAME_BYTES
    max_fragments: int = MAX_FRAGMENTS
    max_backlog: int = MAX_BACKLOG
    max_handshakes: int = 1_024
    handshake_within: float = 10.0
    is_conformance: bool = False
    timing: Timing = field(default_factory=Timing)


class ClientServer:
    """Accepts WebSocket clients and moves their bytes until cancelled.

    No error of a connection, in its handshake or in what its messages cause, ends the server or
    touches another connection.

    Owns: the listeners, the hub, the deadlines and the connections. Borrows: the fan-out, through
    which actors reach connections, and the handler. `origins` is read at every upgrade.
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
        self._handler = handler
        self._fanout = fanout
        self._admission = admission
        self._clock = clock
        self._host, self._port = host, port
        self._origins = origins
        self._policy = policy or Policy()
        self._counters = Counters()
        self._machinery = Machinery(
            hub=Hub(fanout.tick.flush),
            tick=fanout.tick,
            deadlines=Deadlines(),
            timing=self._policy.timing,
            counters=self._counters,
            on_gone=self._gone,
            max_backlog=self._policy.max_backlog,
        )
        self._connections: dict[int, Connection] = {}
        self._handshakes = trio.Semaphore(self._policy.max_handshakes)
        self._accepting = trio.CancelScope()
        self._emptied = trio.Event()

    async def run(self, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; `task_status` gets the bound port. Raises OSError when the
        address cannot be had. Cancelled, it drops what is still connected: `drain` first."""
        listeners = await _listen(self._host, self._port)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._machinery.hub.run)
                nursery.start_soon(self._machinery.deadlines.run)
                nursery.start_soon(self._fanout.tick.run)
                nursery.start_soon(self._accept_all, listeners)
                task_status.started(listeners[0].getsockname()[1])
        finally:
            for listener in listeners:
                listener.close()
            for connection in tuple(self._connections.values()):
                connection.gone()
            self._fanout.tick.flush()
            self._machinery.hub.close()

    async def drain(
        self, *, reconnect_after_ms: int = 0, jitter_ms: int = 5_000, within: float = 5.0
    ) -> None:
        """Accept nobody new, tell everybody to come back, then close all with 4001, spread over
        `within` seconds. Returns when all are gone, at the latest 8 s after that (the deadlines of
        a closing connection)."""
        self._accepting.cancel()
        frame = codec.encode(Draining(reconnect_after_ms=reconnect_after_ms, jitter_ms=jitter_ms))
        leaving = list(self._connections.values())
        for connection in leaving:
            connection.answer_nowait(frame)
        for connection in leaving:
            await trio.sleep(within / len(leaving))
            connection.close_nowait(CloseCode.DRAINING)
        timing = self._policy.timing
        with trio.move_on_after(timing.send_within + timing.part_within + timing.linger):
            while self._connections:
                self._emptied = trio.Event()
                await self._emptied.wait()

    def statistics(self) -> Mapping[str, int | float]:
        counters = self._counters
        return {
            "connections": len(self._connections),
            "handshakes": self._policy.max_handshakes - self._handshakes.value,
            "received": counters.received,
            "dropped": counters.dropped,
            "slow": counters.slow,
            "reset": counters.reset,
            "crashed": counters.crashed,
            **{f"closed_{code}": number for code, number in counters.closed.items()},
            **self._machinery.deadlines.statistics(),
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
        while True:
            await self._handshakes.acquire()
            try:
                connected, address = await _accept_one(listener)
            except BaseException:
                self._handshakes.release()
                raise
            nursery.start_soon(self._welcome, connected, str(address[0]) if address else "")

    async def _welcome(self, connected: socket.socket, address: str) -> None:
        """One upgrade, from accept to a connection of the hub. Never raises."""
        is_counted = is_ours = False
        try:
            is_counted = self._admission.enter_address(address)
            with trio.move_on_after(self._policy.handshake_within):
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
        policy = self._policy
        wire = PlainWire(connected)
        leftover = await handshake.upgrade(
            connected, origins=self._origins, needs_subprotocol=not policy.is_conformance
        )
        if leftover is None:
            return False
        parser = FrameParser(
            policy.max_message_bytes,
            max_fragments=policy.max_fragments,
            allow_text=policy.is_conformance,
        )
        connection = Connection(
            wire,
            parser,
            self._machinery,
            handler=self._handler,
            clock=self._clock,
            address=address,
        )
        if policy.command_rate is not None:
            connection.command_rate = CommandRate(policy.command_rate)
            connection.refusals = RefusalCount(policy.most_refusals, policy.refusals_period)
        self._connections[connection.id] = connection
        connection.start(Stage.OPEN if policy.is_conformance else Stage.OPENING, leftover)
        if self._accepting.cancel_called:
            connection.close_nowait(CloseCode.DRAINING)
        return True

    def _gone(self, channel: Channel) -> None:
        connection = self._connections.pop(channel.id)
        self._admission.leave_address(connection.address)
        if connection.user_id is not None:
            self._admission.leave_user(connection.user_id)
        if not self._connections:
            self._emptied.set()


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
