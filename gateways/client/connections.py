"""The live connections of one process, and everything that moves them."""

from collections.abc import Iterator, Mapping

import trio

from core.ports.clock import Clock
from gateways.client.admission import Admission
from gateways.client.channel import Channel, Counters, Machinery, Poller
from gateways.client.connection import Connection, Handler
from gateways.client.deadlines import Deadlines, Stage
from gateways.client.fanout import TopicFanout
from gateways.client.frames import FrameParser
from gateways.client.policy import Policy
from gateways.client.rate import CommandRate, RefusalCount
from gateways.client.wire import Wire
from protocol import codec
from protocol.close_codes import CloseCode
from protocol.session import Draining


class Connections:
    """Takes in wires whose upgrade is done, and moves their bytes until cancelled.

    Owns: the connections and their deadlines. Borrows: the poller, the fan-out, through which actors
    reach connections, and the handler.
    """

    def __init__(
        self,
        *,
        handler: Handler,
        fanout: TopicFanout,
        admission: Admission,
        clock: Clock,
        policy: Policy,
        poller: Poller,
    ) -> None:
        self._handler = handler
        self._fanout = fanout
        self._admission = admission
        self._clock = clock
        self._policy = policy
        self._counters = Counters()
        self._machinery = Machinery(
            hub=poller,
            tick=fanout.tick,
            deadlines=Deadlines(),
            timing=policy.timing,
            counters=self._counters,
            on_gone=self._gone,
            on_closing=self._closing,
            max_backlog=policy.max_backlog,
        )
        self._connections: dict[int, Connection] = {}
        self._emptied = trio.Event()
        self._is_draining = False

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._connections.values()))

    def take_in(self, wire: Wire, address: str, leftover: bytes = b"") -> None:
        """A connection, from here on. `address` is counted as entered; `leftover` came behind the
        HTTP head."""
        policy = self._policy
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
        if self._is_draining:
            connection.close_nowait(CloseCode.DRAINING)

    async def run(self) -> None:
        """Until cancelled; then what is still connected is dropped: `drain` first."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._machinery.hub.run)
                nursery.start_soon(self._machinery.deadlines.run)
                nursery.start_soon(self._fanout.tick.run)
                nursery.start_soon(self._fanout.audiences.run)
        finally:
            for connection in self:
                connection.gone()
            self._fanout.tick.flush()
            self._machinery.hub.close()

    async def drain(self, *, reconnect_after_ms: int, jitter_ms: int, within: float) -> None:
        """Tell everybody to come back, then close all with 4001, spread over `within` seconds; who
        comes from now on hears 4001 at once. Returns when all are gone, at the latest 8 s after
        that (the deadlines of a closing connection)."""
        self._is_draining = True
        frame = codec.encode(Draining(reconnect_after_ms=reconnect_after_ms, jitter_ms=jitter_ms))
        leaving = list(self)
        for connection in leaving:
            connection.answer_nowait(frame)
        began = trio.current_time()
        for place, connection in enumerate(leaving, start=1):
            # Each has a time of its own: a wait between two would be a millisecond at least.
            await trio.sleep_until(began + within * place / len(leaving))
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
            "received": counters.received,
            "dropped": counters.dropped,
            "slow": counters.slow,
            "reset": counters.reset,
            "crashed": counters.crashed,
            **{f"closed_{code}": number for code, number in counters.closed.items()},
            **self._machinery.deadlines.statistics(),
        }

    def _closing(self, channel: Channel) -> None:
        """At once, and not when its socket is closed: another may have its place, if it is replaced."""
        user_id = self._connections[channel.id].user_id
        if user_id is not None:
            self._admission.leave_user(user_id)

    def _gone(self, channel: Channel) -> None:
        connection = self._connections.pop(channel.id)
        self._admission.leave_address(connection.address)
        if not self._connections:
            self._emptied.set()
