"""Messages: posting, changing, reading, searching (§4)."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from protocol.cards import CARDS
from protocol.frames import Answer, Command, Event, RoomCommand, Value
from protocol.ids import ClientId, Id, Millis, Seq, at_most_bytes
from protocol.limits import (
    DEFAULT_HISTORY,
    MAX_ATTACHMENTS,
    MAX_CONTENT_BYTES,
    MAX_EMOJI_BYTES,
    MAX_HISTORY,
    MAX_MENTIONS,
    MAX_QUERY_BYTES,
)
from protocol.names import PATTERN

SenderKind = Literal["user", "persona", "agent", "system"]
Content = Annotated[str, at_most_bytes(MAX_CONTENT_BYTES, not_empty=True)]
Emoji = Annotated[str, at_most_bytes(MAX_EMOJI_BYTES, not_empty=True, one_line=True)]
Query = Annotated[str, at_most_bytes(MAX_QUERY_BYTES, not_empty=True)]


class Sender(Value, frozen=True, kw_only=True):
    """Who wrote a message."""

    id: str
    kind: SenderKind
    name: str


SYSTEM: Final = Sender(id="system", kind="system", name="Caravan")
"""Who writes what the server itself has to say in a room."""


class Attachment(Value, frozen=True, kw_only=True):
    """A file that travels by address, never by value. `size` in bytes."""

    url: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=2_048,
            pattern=r"^https?://",
            extra_json_schema={"pattern": r"^https?://" + PATTERN.removeprefix("^")},
            examples=["https://example.org/photo.jpg"],
        ),
    ]
    name: Annotated[str, Meta(max_length=255, extra_json_schema={"pattern": PATTERN})] | None = None
    media_type: (
        Annotated[str, Meta(max_length=127, extra_json_schema={"pattern": PATTERN})] | None
    ) = None
    size: Annotated[int, Meta(ge=0, le=2**53)] | None = None


class AiOrigin(Value, frozen=True, kw_only=True):
    """Marks a message that a model or a template wrote."""

    model: str
    version: str
    persona_id: str
    tier: Literal["generated", "retrieved", "template"]
    partial: bool | None = None
    stale: bool | None = None


class PostMessage(RoomCommand, frozen=True, kw_only=True, tag="chat.message"):
    """Say something. A repeated `client_id` gets the first answer, whatever its content."""

    content: Content
    client_id: ClientId
    reply_to: Id | None = None
    mentions: Annotated[list[Id], Meta(max_length=MAX_MENTIONS)] | None = None
    attachments: Annotated[list[Attachment], Meta(max_length=MAX_ATTACHMENTS)] | None = None


class EditMessage(RoomCommand, frozen=True, kw_only=True, tag="chat.edit"):
    """Replace one's own text."""

    message_id: Id
    content: Content


class DeleteMessage(RoomCommand, frozen=True, kw_only=True, tag="chat.delete"):
    """Take a message away (author and owner)."""

    message_id: Id


class ReactToMessage(RoomCommand, frozen=True, kw_only=True, tag="chat.react"):
    """Set or clear one's own reaction."""

    message_id: Id
    emoji: Emoji
    active: bool


class PinMessage(RoomCommand, frozen=True, kw_only=True, tag="chat.pin"):
    """Pin or unpin a message (any member)."""

    message_id: Id
    active: bool


class MarkRead(RoomCommand, frozen=True, kw_only=True, tag="chat.read"):
    """I have read up to `seq`. Moves forward only."""

    seq: Seq


class ReadHistory(RoomCommand, frozen=True, kw_only=True, tag="chat.history"):
    """Read messages in their present state. At most one of `before`, `after`, `around`."""

    before: Seq | None = None
    after: Seq | None = None
    around: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_HISTORY)] = DEFAULT_HISTORY


class SearchMessages(Command, frozen=True, kw_only=True, tag="chat.search"):
    """Find words in the rooms one is a member of. `from` is a user id; `before` a time."""

    query: Query
    room_id: Id | None = None
    from_: Id | None = None
    before: Millis | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_HISTORY)] = DEFAULT_HISTORY


class MessageAccepted(Answer, kw_only=True, tag="ok"):
    """The message is durable."""

    seq: int
    message_id: str
    sent_at: int


class MessagePosted(Event, frozen=True, kw_only=True, tag="chat.message"):
    """A message, durable."""

    room_id: str
    epoch: str
    seq: int
    sent_at: int
    message_id: str
    sender: Sender
    content: str
    client_id: str | None = None
    reply_to: str | None = None
    attachments: list[Attachment] | None = None
    cards: Annotated[list[dict[str, Any]], CARDS] | None = None
    ai: AiOrigin | None = None


class MessageEdited(Event, frozen=True, kw_only=True, tag="chat.edited"):
    """A message has another text now."""

    room_id: str
    epoch: str
    seq: int
    sent_at: int
    message_id: str
    by: str
    content: str


class MessageDeleted(Event, frozen=True, kw_only=True, tag="chat.deleted"):
    """A message is gone; its place remains."""

    room_id: str
    epoch: str
    seq: int
    sent_at: int
    message_id: str
    by: str


class MessageReacted(Event, frozen=True, kw_only=True, tag="chat.reacted"):
    """A reaction was set or cleared."""

    room_id: str
    epoch: str
    seq: int
    sent_at: int
    message_id: str
    by: str
    emoji: str
    active: bool


class MessagePinned(Event, frozen=True, kw_only=True, tag="chat.pinned"):
    """A message was pinned or unpinned."""

    room_id: str
    epoch: str
    seq: int
    sent_at: int
    message_id: str
    by: str
    active: bool


class ReadMarked(Event, frozen=True, kw_only=True, tag="chat.receipt"):
    """A member has read up to `seq` (rooms of up to 100)."""

    room_id: str
    user_id: str
    seq: int


class ReactionView(Value, frozen=True, kw_only=True, omit_defaults=False):
    """All reactions to a message with one emoji."""

    emoji: str
    count: int
    mine: bool


class MessageView(Value, frozen=True, kw_only=True, tag_field="type", tag="chat.message"):
    """A message in its present state, as history and search show it."""

    room_id: str
    epoch: str
    seq: int
    sent_at: int
    message_id: str
    sender: Sender
    content: str
    client_id: str | None = None
    reply_to: str | None = None
    attachments: list[Attachment] | None = None
    cards: Annotated[list[dict[str, Any]], CARDS] | None = None
    ai: AiOrigin | None = None
    edited: int | None = None
    deleted: bool | None = None
    reactions: list[ReactionView] | None = None
    pinned: bool | None = None


class HistoryRead(Answer, kw_only=True, tag="ok"):
    """A page of messages, ascending. `has_more` looks in the direction asked."""

    messages: list[MessageView]
    has_more: bool | None = None
    has_more_before: bool | None = None
    has_more_after: bool | None = None


class MessagesFound(Answer, kw_only=True, tag="ok"):
    """Search results, newest first."""

    messages: list[MessageView]
    has_more: bool
