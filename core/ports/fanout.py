"""Connections as the inside sees them, and the topics through which frames reach many of them."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from core.identity import Principal
from protocol.close_codes import CloseCode


class FrameLane(IntEnum):
    """A frame's lane on its way out (§2): what a full backlog drops first."""

    CONTROL = 0
    DURABLE = 1
    STREAM = 2
    EPHEMERAL = 3


class Client(Protocol):
    """One live connection. Its methods never raise; on a closed connection they do nothing."""

    @property
    def id(self) -> int:
        """Unique in this process; never used again."""

    @property
    def session_id(self) -> str:
        """Set at `welcome`; empty before."""

    @property
    def principal(self) -> Principal | None:
        """Set at `welcome`; None before."""

    @property
    def is_open(self) -> bool: ...

    @property
    def is_away(self) -> bool:
        """Whether it said `presence.set away`: it then counts as not online."""

    @property
    def room_count(self) -> int:
        """How many rooms it has joined or has a place in; `MAX_ROOMS` is for the room to enforce."""

    def send_nowait(self, frame: bytes, lane: FrameLane = FrameLane.DURABLE) -> None:
        """Queue one encoded frame (a MessagePack map), in order with everything else."""

    @property
    def takes_more(self) -> bool:
        """Whether the unsent backlog is small enough to send more of a replay."""

    async def wait_drained(self) -> None:
        """Wait until it `takes_more` or is closed. For replays, which run at the speed of the socket
        and do not count as backlog."""

    def close_nowait(self, code: CloseCode) -> None:
        """Announce (where the code asks for it), close with the handshake, then be gone."""

    def welcomed(self, session_id: str, principal: Principal, frame: bytes) -> None:
        """The session stands: send `frame` (welcome) and release the frames held until now."""

    def renewed(self, principal: Principal) -> None:
        """New credentials, in place: the connection now ends when these expire."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is online under a topic: distinct users with at least one connection that is not away.

    `user_ids` are sorted; None above 200.
    """

    count: int
    user_ids: tuple[str, ...] | None


class Fanout(Protocol):
    """Topics and their connections: `room:ID`, `user:ID`, `login:ID`.

    Everything is immediate and in the trio thread. Frames of one topic reach each connection in the
    order published; a connection sees what is published after its subscription and nothing before.
    A frame given to `Client.send_nowait` before a publish arrives before it. Closed connections leave
    their topics by themselves.
    """

    def subscribe(self, topic: str, client: Client, *, knows_audience: bool = True) -> None:
        """Idempotent. `knows_audience`: whether it is told otherwise who is online."""

    def take_unaware(self, topic: str) -> Sequence[Client]:
        """Those who subscribed without knowing who is online and are there yet, each once."""

    def unsubscribe(self, topic: str, client: Client) -> None:
        """Idempotent."""

    def unsubscribe_user(self, topic: str, user_id: str) -> None:
        """All connections of one user leave the topic."""

    def is_subscribed(self, topic: str, client: Client) -> bool: ...

    def reserve(self, topic: str, client: Client) -> None:
        """Keep a place for who is still on its way: it counts in `room_count`, and nothing comes of it
        until `subscribe` takes it. Idempotent; who is subscribed has its place."""

    def release(self, topic: str, client: Client) -> None:
        """Give a place back that was kept and not taken. Idempotent."""

    def has_place(self, topic: str, client: Client) -> bool:
        """Whether it is subscribed, or a place is kept."""

    def publish_nowait(
        self,
        topic: str,
        frame: bytes,
        lane: FrameLane = FrameLane.DURABLE,
        *,
        coming: Container[str] = (),
    ) -> None:
        """Send one encoded frame to every connection of the topic; the WebSocket header is made
        once. Never blocks: slow connections queue within their bound, past it they are closed.
        `coming`: users whose connections get it as soon as a place is kept for them: what no replay
        brings."""

    def close_topic(self, topic: str, code: CloseCode, *, spare: Client | None = None) -> int:
        """Close every connection of the topic but `spare`; how many that were."""

    def audience(self, topic: str) -> Audience: ...

    def statistics(self) -> Mapping[str, int | float]: ...
