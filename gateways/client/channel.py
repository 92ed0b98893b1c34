"""One WebSocket after its handshake: what comes in, what goes out, how it ends."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Protocol

import structlog
import trio

from gateways.client.deadlines import NEVER, Deadlines, Stage, Timing
from gateways.client.frames import (
    Close,
    Event,
    FrameParser,
    Ping,
    Pong,
    ProtocolViolation,
    Text,
    encode_close,
    encode_pong,
    may_travel,
)
from gateways.client.hub import READ, WRITE
from gateways.client.outbound import MAX_BACKLOG, Flow, Outbound
from gateways.client.tick import Tick
from gateways.client.wire import Wire
from protocol.close_codes import CloseCode

_log = structlog.get_logger()
_ids: Final = count(1)


@dataclass(slots=True, kw_only=True)
class Counters:
    """What happened to connections since the start, for `statistics()`."""

    received: int = 0
    dropped: int = 0
    slow: int = 0
    reset: int = 0
    crashed: int = 0
    closed: dict[int, int] = field(default_factory=dict)


class Poller(Protocol):
    """Tells channels when their wires are ready; `gateways.client.hub.Hub` for real sockets."""

    def watch(self, connection: "Channel", events: int) -> None:
        """Watch for `events` (`READ | WRITE`; 0: nothing) from now on."""

    async def run(self) -> None:
        """Until cancelled."""

    def close(self) -> None:
        """Let go of everything. Nothing may be watched any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machinery:
    """What moves all channels of one server. `on_closing` hears of each that is open no more, `on_gone` of
    each whose socket is closed."""

    hub: Poller
    tick: Tick
    deadlines: Deadlines
    timing: Timing
    counters: Counters
    on_gone: "Callable[[Channel], None]"
    on_closing: "Callable[[Channel], None]" = lambda channel: None
    max_backlog: int = MAX_BACKLOG


class Channel(ABC):
    """A socket of the hub: no task of its own, and its life is `Stage`.

    Owns: its wire, parser and unsent bytes. A subclass gives messages a meaning; whatever that
    raises ends this channel and nothing else.
    """

    __slots__ = (
        "_deadline",
        "_drained",
        "_interest",
        "_is_corked",
        "_is_peer_done",
        "_machinery",
        "_parser",
        "_unsent_at",
        "due_at",
        "ended_by",
        "heard_at",
        "id",
        "outbound",
        "stage",
        "wire",
    )

    def __init__(self, wire: Wire, parser: FrameParser, machinery: Machinery) -> None:
        self.id: int = next(_ids)
        self.wire = wire
        self.stage = Stage.OPENING
        self.heard_at = trio.current_time()
        self.due_at = NEVER
        self.ended_by: CloseCode | None = None
        """For what we closed it; None while it is open, and where the peer went."""
        self._parser = parser
        self._machinery = machinery
        self.outbound = Outbound(wire, machinery.max_backlog)
        self._interest = 0
        self._deadline = NEVER
        self._unsent_at = NEVER
        self._drained: trio.Event | None = None
        self._is_corked = False
        self._is_peer_done = False

    @property
    def is_open(self) -> bool:
        return self.stage < Stage.CLOSING

    # For subclasses.

    @abstractmethod
    def take_message(self, message: bytes) -> None:
        """A binary message, in the order received."""

    @abstractmethod
    def take_text(self, text: str) -> None:
        """A text message; only where the parser lets one through."""

    @abstractmethod
    def take_beat(self) -> None:
        """A ping or a pong."""

    @abstractmethod
    def farewell(self, code: CloseCode) -> bytes | None:
        """The WebSocket frame that announces a close, if it is to be announced."""

    @abstractmethod
    def enforce_open(self, now: float) -> float:
        """Do what is due at `now` on an open channel; when to look again."""

    # Going out.

    def sent_partly(self, data: bytes, sent: int) -> None:
        """The wire took `sent` bytes of what a broadcast sent directly. Changes no topic."""
        try:
            self.outbound.keep(data, sent)
            self._flowed(Flow.WAITING)
            if self.outbound.is_overdue:
                self._judge()
        except Exception:
            self.crashed()  # a broadcast has other members

    def not_sent(self, error: Exception) -> None:
        """Sending directly failed: the peer went, or something of ours did. Changes no topic."""
        try:
            if not isinstance(error, OSError):
                raise error
            self.gone()
        except Exception:
            self.crashed()

    def uncork(self) -> None:
        """Send what is queued, as far as the socket takes it."""
        self._is_corked = False
        if self.stage is not Stage.CLOSED and not self.outbound.is_empty:
            self._flowed(self.outbound.flush())

    def _put(self, data: bytes, *, is_replay: bool = False) -> None:
        try:
            self.outbound.put(data, is_replay=is_replay)
            self._cork()
            if self.outbound.is_overdue:
                self._judge()
        except Exception:
            self.crashed()

    def _cork(self) -> None:
        # A socket that waits to be writable is flushed by the hub.
        if not self._is_corked and not self._interest & WRITE:
            self._is_corked = True
            self._machinery.tick.cork(self)

    def _judge(self) -> None:
        """Too much is queued: either nobody tried to send it yet, or the peer is slow."""
        if not self._interest & WRITE:
            self._flowed(self.outbound.flush())
        if self.outbound.is_overdue:
            self.close_nowait(CloseCode.SLOW_CONSUMER)

    def _flowed(self, flow: Flow) -> None:
        """Bytes were sent, or could not be."""
        if flow is Flow.BROKEN:
            self.gone()
        elif flow is Flow.SENT:
            self._unsent_at = NEVER
            self._look_for(self._interest & ~WRITE)
            self._wake()
            if self.stage is Stage.CLOSING:
                self._farewell_sent()
        else:
            if self.outbound.take_progress() or self._unsent_at == NEVER:
                now = trio.current_time()
                self._unsent_at = now
                self._machinery.deadlines.schedule(self, now + self._machinery.timing.send_within)
            self._look_for(self._interest | WRITE)
            if self.outbound.is_low:
                self._wake()

    def _wake(self) -> None:
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    # Coming in.

    def ready(self, events: int, buffer: bytearray, now: float) -> None:
        """The socket is readable or writable."""
        try:
            if events & WRITE and self.stage is not Stage.CLOSED:
                self._flowed(self.outbound.flush())
            if events & READ and self.stage is not Stage.CLOSED:
                self._read(buffer, now)
        except Exception:
            self.crashed()

    def _read(self, buffer: bytearray, now: float) -> None:
        try:
            received = self.wire.receive_into(buffer)
        except BlockingIOError:
            return
        except OSError:
            received = 0
        if received == 0:
            self.gone()
            return
        self.heard_at = now
        if self.stage is not Stage.LINGERING:
            self._take(memoryview(buffer)[:received])

    def _take(self, data: bytes | memoryview) -> None:
        for event in self._parser.receive(data):
            if type(event) is bytes:
                self._machinery.counters.received += 1
                self.handle(event)
            else:
                self._take_other(event)

    def _take_other(self, event: Event) -> None:
        match event:
            case Close(code, reason):
                self._peer_done()
                if self.is_open:
                    echoed = code if code is not None and may_travel(code) else None
                    self._begin_closing(encode_close(echoed, reason if echoed else ""))
            case ProtocolViolation(code, _):
                # Nothing it sends is read any more, its close frame neither (RFC 6455 §7.1.7).
                self._peer_done()
                self.close_nowait(code)
            case Ping(payload) if self.is_open:
                self._put(encode_pong(payload))
                self.take_beat()
            case Pong() if self.is_open:
                self.take_beat()
            case Text(text) if self.is_open:
                self.take_text(text)

    def handle(self, message: bytes) -> None:
        """Give a message its meaning, unless the channel is closing."""
        if self.stage < Stage.CLOSING:
            try:
                self.take_message(message)
            except Exception:
                self.crashed()

    # Ending.

    def close_nowait(self, code: CloseCode) -> None:
        """Send what is queued, announce (where the code asks for it), close with the handshake."""
        if self.is_open:
            self.close_with(code, self.farewell(code))

    def close_with(self, code: CloseCode, farewell: bytes | None) -> None:
        """The same, with the frame that goes before the close frame."""
        if not self.is_open:
            return
        if code is CloseCode.SLOW_CONSUMER:
            self._machinery.counters.slow += 1
            self.outbound.abandon()
        if farewell is not None:
            self.outbound.put(farewell)
        self.ended_by = code
        closed = self._machinery.counters.closed
        closed[code] = closed.get(code, 0) + 1
        self._begin_closing(encode_close(code, code.reason))

    def crashed(self) -> None:
        """Something of ours failed: part with 4000, which tells the client to come back."""
        self._machinery.counters.crashed += 1
        _log.exception("client.channel_crashed", connection=self.id)
        self.close_with(CloseCode.RESTARTING, None)

    def gone(self, *, is_reset: bool = False) -> None:
        """The socket is of no more use: let go of it."""
        if self.stage is Stage.CLOSED:
            return
        if self.is_open:
            self._end()
        self.stage = Stage.CLOSED
        self._look_for(0)
        if is_reset:
            self._machinery.counters.reset += 1
            self.wire.reset()
        else:
            self.wire.close()
        self.outbound.clear()
        self.outbound.end()
        self._parser.stop()
        self._wake()
        self._machinery.on_gone(self)

    def _peer_done(self) -> None:
        """No close frame of the peer is to be waited for."""
        self._is_peer_done = True
        if self.stage is Stage.PARTING:
            self._linger()

    def _begin_closing(self, close_frame: bytes) -> None:
        self.outbound.put(close_frame)
        self.outbound.end()
        self._enter(Stage.CLOSING)
        self._end()
        self._cork()
        self._look_for(self._interest | READ)
        self._wake()

    def _end(self) -> None:
        self._machinery.tick.end(self)
        self._machinery.on_closing(self)

    def _farewell_sent(self) -> None:
        if self._is_peer_done:
            self._linger()
        else:
            self._enter(Stage.PARTING)

    def _linger(self) -> None:
        # Closing with unread bytes would reset the connection and take our close frame with it.
        self.wire.finish()
        self._enter(Stage.LINGERING)

    # Deadlines and interest.

    def start(self, stage: Stage, leftover: bytes) -> None:
        """Be read from now on. `leftover` came behind the HTTP head."""
        self._enter(stage)
        try:
            self._look_for(READ)
            self._take(leftover)
        except Exception:
            self.crashed()

    def enforce(self, now: float) -> float:
        """Do what is due at `now`; when to look again (`NEVER`: no more)."""
        if now >= self._unsent_at + self._machinery.timing.send_within:
            self.ended_by = self.ended_by or CloseCode.SLOW_CONSUMER
            self.gone(is_reset=True)
        elif now >= self._deadline:
            self._overstayed()
        due = self.enforce_open(now) if self.stage is Stage.OPEN else self._deadline
        if self.stage is Stage.CLOSED:
            return NEVER
        # What was due has moved on to a stage with a deadline of its own.
        return min(due, self._deadline, self._unsent_at + self._machinery.timing.send_within)

    def _overstayed(self) -> None:
        match self.stage:
            case Stage.OPENING:
                self.close_nowait(CloseCode.HELLO_TIMEOUT)
            case Stage.GREETING:
                self.close_nowait(CloseCode.OVERLOADED)
            case Stage.PARTING:
                self._linger()
            case _:
                self.gone(is_reset=self.stage is Stage.CLOSING)

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        within = self._machinery.timing.stages.get(stage)
        self._deadline = NEVER if within is None else trio.current_time() + within
        due = self._deadline if stage is not Stage.OPEN else trio.current_time()
        self._machinery.deadlines.schedule(self, due)

    def _look_for(self, interest: int) -> None:
        if interest != self._interest:
            self._interest = interest
            self._machinery.hub.watch(self, interest)
