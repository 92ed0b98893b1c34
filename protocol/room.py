"""Rooms: membership, settings, joining (§4)."""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, UnsetType, field

from protocol.addresses import Kind
from protocol.frames import Answer, Command, Event, RoomCommand, Value
from protocol.ids import ClientId, Epoch, Id, Millis, Seq, at_most_bytes
from protocol.limits import MAX_INVITES, MAX_TITLE_BYTES
from protocol.session import Position, Verdict

ROOM: Final = Kind("room")

RoomKind = Literal["group", "direct"]
MemberRole = Literal["owner", "member"]
MemberState = Literal["invited", "joined"]
HistoryFor = Literal["invited", "all"]
Speaking = Literal["auto", "mention", "roundRobin", "silent"]
Change = Literal["created", "invited", "joined", "left", "removed", "updated", "persona"]
Title = Annotated[str, at_most_bytes(MAX_TITLE_BYTES, one_line=True)]
UserIds = Annotated[list[Id], Meta(max_length=MAX_INVITES)]


class Settings(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A room's settings as they stand. `retention_days` None: the server's default."""

    receipts: bool = True
    speaking: Speaking = "auto"
    retention_days: Annotated[int, Meta(ge=1, le=3_650)] | None = None


class SettingsPatch(Value, frozen=True, kw_only=True):
    """A change of settings: what is absent stays."""

    receipts: bool | UnsetType = UNSET
    speaking: Speaking | UnsetType = UNSET
    retention_days: Annotated[int, Meta(ge=1, le=3_650)] | UnsetType | None = UNSET


class MemberView(Value, frozen=True, kw_only=True):
    """A member as others see them."""

    id: str
    name: str
    role: MemberRole
    state: MemberState


class PersonaView(Value, frozen=True, kw_only=True):
    """A persona that sits in a room."""

    id: str
    name: str
    owner_id: str


class RoomView(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A room as one member sees it: `read` and `first` are that member's own."""

    id: str
    kind: RoomKind
    title: str
    settings: Settings
    members: list[MemberView]
    member_count: int
    personas: list[PersonaView]
    epoch: str
    head: int
    first: int
    read: int
    created_at: int


class Online(Value, frozen=True, kw_only=True):
    """Who is online in a room; ids only up to 200."""

    count: int
    user_ids: list[str] | None = None


class CreateRoom(Command, frozen=True, kw_only=True, tag="room.create"):
    """Make a room, or find the one room of a direct pair."""

    kind: RoomKind
    client_id: ClientId
    title: Title | None = None
    members: UserIds = field(default_factory=list)
    personas: Annotated[list[Id], Meta(max_length=10)] = field(default_factory=list)
    history: HistoryFor = "invited"


class JoinRoom(RoomCommand, frozen=True, kw_only=True, tag="room.join"):
    """Receive this room's events here, after catching up from `after`. Accepts an invitation."""

    after: Position | None = None


class LeaveRoom(RoomCommand, frozen=True, kw_only=True, tag="room.leave"):
    """Stop being a member."""


class InviteToRoom(RoomCommand, frozen=True, kw_only=True, tag="room.invite"):
    """Make users members, in state `invited`."""

    user_ids: Annotated[list[Id], Meta(min_length=1, max_length=MAX_INVITES)]


class RemoveFromRoom(RoomCommand, frozen=True, kw_only=True, tag="room.remove"):
    """End somebody's membership (owner only)."""

    user_id: Id


class UpdateRoom(RoomCommand, frozen=True, kw_only=True, tag="room.update"):
    """Change title or settings (owner only)."""

    title: Title | None = None
    settings: SettingsPatch | None = None


class MuteRoom(RoomCommand, frozen=True, kw_only=True, tag="room.mute"):
    """Silence my own notifications until a time; null ends it."""

    until: Millis | None


class RoomAnswered(Answer, kw_only=True, tag="ok"):
    """The answer to `room.create` and `room.join`."""

    room: RoomView
    verdict: Verdict | None = None
    online: Online | None = None


class Sequenced(Answer, kw_only=True, tag="ok"):
    """The command is the log's event `seq` (of the first time, when it changed nothing)."""

    seq: int


class RoomChanged(Event, frozen=True, kw_only=True, tag="room.changed"):
    """A durable change of the room itself. `change:"persona"` says by `active` whether `persona_id`
    came, then with `persona`, or went."""

    room_id: str
    epoch: str
    seq: int
    sent_at: int
    by: str
    change: Change
    user_ids: list[str] | None = None
    persona_id: str | None = None
    persona: PersonaView | None = None
    active: bool | None = None
    title: str | None = None
    settings: Settings | None = None


class RoomInvited(Event, frozen=True, kw_only=True, tag="room.invited"):
    """You are invited; an event of the user's own sequence."""

    room: RoomView
    inbox: int


# Between actors; never on the wire.


class JudgeResume(Value, frozen=True, kw_only=True):
    """session → room: what would a resume from here be? Answered by `ResumeJudged`."""

    after: Position


class ResumeJudged(Answer, kw_only=True, tag="ok"):
    """room → session: the verdict for one room."""

    epoch: Epoch
    head: Seq
    verdict: Verdict


class CatchUp(Value, frozen=True, kw_only=True):
    """session → room: send every event after `seq` to the envelope's client, then become live."""

    seq: Seq


class ForgetBelow(Value, frozen=True, kw_only=True):
    """housekeeping → room: retention has moved `room.first` to here."""

    first: Seq


class ForgetPerson(Value, frozen=True, kw_only=True):
    """erasure → room: what this user said and was called is gone from the log."""

    user_id: str


class EnterCreated(Value, frozen=True, kw_only=True):
    """user → room: the room was just made by the envelope's principal; join their client, answer
    with the room."""


class ViewRoom(Value, frozen=True, kw_only=True):
    """Anybody inside → room: the room as the envelope's principal sees it, without joining."""


class AwaitTurn(Value, frozen=True, kw_only=True):
    """gateway → room: a command that names this room was refused before it got here; answer `Done`
    when everything that its connection sent before is answered, so that the refusal keeps its
    place. `client_id`: it was a message; if one of the principal's is known by it, answer as that
    one was answered."""

    client_id: ClientId | None = None


class ConfirmReader(Value, frozen=True, kw_only=True):
    """session → room: the envelope's principal has joined, and may read this message, which is there
    (None: no message is asked about). Answered by `Done`, or refused as everywhere."""

    message_id: Id | None = None


class PostNotice(Value, frozen=True, kw_only=True):
    """outbox → room: the server has something to say here. `message_id` is the caller's, a UUIDv7, and
    its key: a repeat is answered with the first `seq` and appears once."""

    message_id: str
    content: str
    cards: list[dict[str, Any]] | None = None
