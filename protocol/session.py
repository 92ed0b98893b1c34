"""Opening, resuming and staying (§3)."""

from typing import Annotated, Final, Literal

from msgspec import Meta, field

from protocol.addresses import Kind
from protocol.frames import Answer, Command, Event, Frame, Value
from protocol.ids import Epoch, Id, Seq
from protocol.limits import MAX_ROOMS, Limits

SESSION: Final = Kind("session")

Token = Annotated[str, Meta(min_length=1, max_length=4_096)]
Verdict = Literal["complete", "reset", "gone"]


class ClientInfo(Value, frozen=True, kw_only=True):
    """What the program says it is."""

    name: Annotated[str, Meta(max_length=64)]
    version: Annotated[str, Meta(max_length=64)]
    locale: Annotated[str, Meta(max_length=35)] | None = None


class Position(Value, frozen=True, kw_only=True):
    """The last event of a room that a client has seen."""

    epoch: Epoch
    seq: Seq


class Resume(Value, frozen=True, kw_only=True):
    """What a returning client has seen. `inbox` left out: from the head."""

    session_id: Id
    inbox: Seq | None = None
    rooms: Annotated[dict[Id, Position], Meta(max_length=MAX_ROOMS)] = field(default_factory=dict)


class Hello(Frame, frozen=True, kw_only=True, tag="hello"):
    """The first frame. `token` is an access token or a one-time ticket."""

    token: Token
    client: ClientInfo
    resume: Resume | None = None


class RefreshAuth(Command, frozen=True, kw_only=True, tag="auth.refresh"):
    """Renew the credentials of this connection in place."""

    token: Token


class Self(Value, frozen=True, kw_only=True):
    """The user of a session."""

    id: str
    handle: str
    name: str
    role: str
    locale: str
    created_at: int


class RoomVerdict(Value, frozen=True, kw_only=True):
    """The answer for one room named in `resume`. With `gone`, epoch is empty and head 0."""

    epoch: str
    head: int
    verdict: Verdict


class Welcome(Event, frozen=True, kw_only=True, tag="welcome"):
    """The session stands. Replays of rooms with verdict `complete` follow."""

    session_id: str
    user: Self
    server_time: int
    heartbeat_ms: int
    limits: Limits
    inbox: int
    inbox_reset: bool | None = None
    resumed: bool
    rooms: dict[str, RoomVerdict]


class Draining(Event, frozen=True, kw_only=True, tag="session.draining"):
    """Come back after `reconnect_after_ms` plus a random part of `jitter_ms`."""

    reconnect_after_ms: int
    jitter_ms: int


class AuthRefreshed(Answer, kw_only=True, tag="ok"):
    """The connection's credentials are renewed."""
