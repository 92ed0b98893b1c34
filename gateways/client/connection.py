"""One client, as actors see it: a channel with a session, credentials and topics."""

from sys import intern
from typing import TYPE_CHECKING, Final, Protocol

import trio

from core.identity import Principal
from core.ports.clock import Clock
from core.ports.fanout import FrameLane
from gateways.client.channel import Channel, Machinery
from gateways.client.deadlines import NEVER, Stage
from gateways.client.frames import HEADER_BYTES, FrameParser, encode_binary
from gateways.client.hub import READ
from gateways.client.rate import CommandRate, RefusalCount
from gateways.client.turns import Turns
from gateways.client.wire import Wire
from protocol.close_codes import CloseCode
from protocol.limits import HELD_BEFORE_WELCOME_BYTES

if TYPE_CHECKING:
    from gateways.client.topic import Topic

REFUSED_FOR_NOTHING: Final = 1_024
"""Bytes of a frame whose refusal costs no more than that of any other."""


class Handler(Protocol):
    """What gives messages a meaning. Whatever it raises closes that connection alone."""

    def received(self, connection: "Connection", message: bytes) -> None:
        """A binary message, in the order received."""

    def received_text(self, connection: "Connection", text: str) -> None:
        """A text message; only where the parser lets one through."""

    def farewell(self, connection: "Connection", code: CloseCode) -> bytes:
        """The `error` frame that announces a close."""

    def ping(self) -> bytes:
        """The server's `ping` frame."""

    def admit(self, connection: "Connection", principal: Principal) -> bool:
        """Whether this user may have one more connection. Asked once per connection."""


class Connection(Channel):
    """One live connection: `core.ports.fanout.Client`.

    Its methods never raise, and do nothing once it is closing. `command_rate` and `refusals` are
    None where nothing is limited.
    """

    __slots__ = (
        "_clock",
        "_handler",
        "_held",
        "_held_bytes",
        "_pinged_for",
        "_rests_until",
        "_rooms",
        "address",
        "command_rate",
        "is_away",
        "kept_places",
        "locale",
        "principal",
        "refusals",
        "session_id",
        "topics",
        "turns",
    )

    def __init__(
        self,
        wire: Wire,
        parser: FrameParser,
        machinery: Machinery,
        *,
        handler: Handler,
        clock: Clock,
        address: str = "",
    ) -> None:
        super().__init__(wire, parser, machinery)
        self.session_id = ""
        self.principal: Principal | None = None
        self.is_away = False
        self._rooms = 0
        self.topics: list[Topic] = []
        self.kept_places: set[str] | None = None
        self.address = intern(address)
        self.locale = "en"
        self.command_rate: CommandRate | None = None
        self.refusals: RefusalCount | None = None
        self.turns: Turns | None = None
        self._handler = handler
        self._clock = clock
        self._held: list[bytes] | None = None
        self._held_bytes = 0
        self._pinged_for = -1.0
        self._rests_until = 0.0

    @property
    def user_id(self) -> str | None:
        """None before `welcome`."""
        return self.principal.user_id if self.principal is not None else None

    # What actors use.

    @property
    def room_count(self) -> int:
        return self._rooms + len(self.kept_places or ())

    def send_nowait(self, frame: bytes, lane: FrameLane = FrameLane.DURABLE) -> None:
        """Queue one frame, behind everything that its topics have pending for it.

        It is not counted as backlog (but has a bound of its own, 4 MiB): what is sent this way in
        quantity is a replay, which waits for `wait_drained` between its pages.
        """
        if self.is_open:
            self._machinery.tick.catch_up(self)
            self._send(encode_binary(frame), lane, is_replay=True)

    @property
    def takes_more(self) -> bool:
        """Whether at most 64 KiB are unsent."""
        return self.outbound.is_low

    async def wait_drained(self) -> None:
        """Wait until at most 64 KiB are unsent, or the connection is closing."""
        self.uncork()
        while self.is_open and not self.takes_more:
            if self._drained is None:
                self._drained = trio.Event()
            await self._drained.wait()
        await trio.lowlevel.checkpoint()

    def welcomed(self, session_id: str, principal: Principal, frame: bytes) -> None:
        """Open for everything. Over the user's limit of connections it closes with 4004 instead."""
        if self.stage is not Stage.GREETING:
            return
        if not self._handler.admit(self, principal):
            self.close_nowait(CloseCode.OVERLOADED)
            return
        self.session_id, self.principal, self.locale = session_id, principal, principal.locale
        self._enter(Stage.OPEN)
        self.send_nowait(frame, FrameLane.CONTROL)
        held, self._held = self._held, None
        for message in held or ():
            self.handle(message)
        if self.is_open and not self._rests_until:
            self._look_for(self._interest | READ)

    def renewed(self, principal: Principal) -> None:
        """The connection lives as long as these credentials now."""
        if self.is_open:
            self.principal, self.locale = principal, principal.locale
            self._machinery.deadlines.schedule(self, trio.current_time())

    # What the fan-out and the router use.

    def answer_nowait(self, frame: bytes) -> None:
        """Queue the answer to a command, behind everything that its topics have pending."""
        if self.is_open:
            self._machinery.tick.catch_up(self)
            self._put(encode_binary(frame))

    def put_nowait(self, data: bytes, lane: FrameLane) -> None:
        """Queue a WebSocket frame until the end of the tick."""
        if self.is_open:
            self._send(data, lane)

    def entered(self, topic: "Topic", *, is_room: bool) -> None:
        """The connection is a member of `topic` now."""
        self.topics.append(topic)
        self._rooms += is_room

    def departed(self, topic: "Topic", *, is_room: bool) -> None:
        """The connection is a member of `topic` no longer."""
        self.topics.remove(topic)
        self._rooms -= is_room

    def greet(self) -> None:
        """A hello is with the session: hold what follows until `welcomed`."""
        self._held = []
        self._enter(Stage.GREETING)

    def hold(self, message: bytes) -> None:
        """Keep a message for after `welcomed`. Past 64 KiB the socket is not read any more: TCP
        makes the client wait, so an eager one loses nothing and costs no memory."""
        if self._held is not None:
            self._held.append(message)
            self._held_bytes += len(message) + HEADER_BYTES
            if self._held_bytes >= HELD_BEFORE_WELCOME_BYTES:
                self._look_for(self._interest & ~READ)

    def rest(self, refused: int) -> None:
        """Read nothing for a while: a frame of so many bytes was refused, which can cost the loop a
        millisecond. Who does that all the time waits behind TCP, and others do not."""
        if self.refusals is None or not self.is_open or refused <= REFUSED_FOR_NOTHING:
            return
        now, seconds = trio.current_time(), refused * self._machinery.timing.rest_per_byte
        self._rests_until = max(now, self._rests_until) + seconds
        self._look_for(self._interest & ~READ)
        self._machinery.deadlines.schedule(self, self._rests_until)

    # What the channel asks.

    def enforce(self, now: float) -> float:
        due = super().enforce(now)
        if self._rests_until and now >= self._rests_until:
            self._rests_until = 0.0
            if self.is_open:
                self._look_for(self._interest | READ)
        return min(due, self._rests_until or NEVER)

    def take_message(self, message: bytes) -> None:
        self._handler.received(self, message)

    def take_text(self, text: str) -> None:
        self._handler.received_text(self, text)

    def take_beat(self) -> None:
        """Nobody needs a hundred a second: they count with the refusals, towards 4305."""
        if self.refusals is not None and self.refusals.is_abuse(trio.current_time()):
            self.close_nowait(CloseCode.RATE_ABUSE)

    def gone(self, *, is_reset: bool = False) -> None:
        super().gone(is_reset=is_reset)
        self._held = None

    def farewell(self, code: CloseCode) -> bytes | None:
        if not code.is_announced:
            return None
        return encode_binary(self._handler.farewell(self, code))

    def enforce_open(self, now: float) -> float:
        return min(self._enforce_heartbeat(now), self._enforce_expiry(now))

    def _enforce_heartbeat(self, now: float) -> float:
        heartbeat = self._machinery.timing.heartbeat
        if now < self.heard_at + heartbeat:
            return self.heard_at + heartbeat
        if self._pinged_for != self.heard_at:
            # However late we look: the client has a whole heartbeat for its answer.
            self._pinged_for = self.heard_at
            self._put(encode_binary(self._handler.ping()))
            return max(self.heard_at + 2 * heartbeat, now + heartbeat)
        if now >= self.heard_at + 2 * heartbeat:
            self.close_nowait(CloseCode.HEARTBEAT_MISSED)
        return self.heard_at + 2 * heartbeat

    def _enforce_expiry(self, now: float) -> float:
        """Tokens end by the wall clock, which may jump: it is looked at with every heartbeat."""
        if self.principal is None:
            return float("inf")
        left = (self.principal.expires_at - self._clock.now_ms()) / 1_000
        left += self._machinery.timing.expiry_leeway
        if left <= 0:
            self.close_nowait(CloseCode.TOKEN_EXPIRED)
        return now + left

    def _send(self, data: bytes, lane: FrameLane, *, is_replay: bool = False) -> None:
        if self.outbound.admits(lane):
            self._put(data, is_replay=is_replay)
        else:
            self._machinery.counters.dropped += 1
