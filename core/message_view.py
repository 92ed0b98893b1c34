"""A message in its present state: its own row, folded with every row that changed it.

Pure, and shared by a room's history and by search, so that both show the same.
"""

from collections.abc import Iterable

from core.ports.message_log import LogRow
from protocol.chat import (
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageReacted,
    MessageView,
    ReactionView,
)
from protocol.codec import decode_event
from protocol.room import RoomChanged


def view_message(
    message: LogRow, changes: Iterable[LogRow], *, viewer: str, up_to: int | None = None
) -> MessageView:
    """Fold `changes` (ascending; those after `up_to` are left out) into what `viewer` may see.

    A deleted message keeps its place, its sender and its time, and nothing else. Raises
    `ValueError` when `message` is not a message.
    """
    posted = decode_event(message.body)
    if not isinstance(posted, MessagePosted):
        raise ValueError(f"row {message.seq} is a {type(posted).__name__}, not a message")
    fold = _Fold(posted)
    for change in changes:
        if up_to is None or change.seq <= up_to:
            fold.add(decode_event(change.body))
    return fold.view(viewer)


class _Fold:
    def __init__(self, posted: MessagePosted) -> None:
        self._posted = posted
        self._content = posted.content
        self._edited: int | None = None
        self._is_deleted = False
        self._is_pinned = False
        self._reactions: dict[str, set[str]] = {}

    def add(
        self,
        event: MessagePosted
        | MessageEdited
        | MessageDeleted
        | MessageReacted
        | MessagePinned
        | RoomChanged,
    ) -> None:
        match event:
            case MessageEdited():
                self._content, self._edited = event.content, event.sent_at
            case MessageDeleted():
                self._is_deleted = True
            case MessageReacted():
                users = self._reactions.setdefault(event.emoji, set())
                (users.add if event.active else users.discard)(event.by)
            case MessagePinned():
                self._is_pinned = event.active
            case _:
                raise ValueError(f"{type(event).__name__} changes no message")

    def view(self, viewer: str) -> MessageView:
        posted, gone = self._posted, self._is_deleted
        return MessageView(
            room_id=posted.room_id,
            epoch=posted.epoch,
            seq=posted.seq,
            sent_at=posted.sent_at,
            message_id=posted.message_id,
            sender=posted.sender,
            content="" if gone else self._content,
            client_id=posted.client_id,
            reply_to=posted.reply_to,
            attachments=None if gone else posted.attachments,
            cards=None if gone else posted.cards,
            ai=posted.ai,
            edited=None if gone else self._edited,
            deleted=True if gone else None,
            reactions=None if gone else self._reaction_views(viewer),
            pinned=True if self._is_pinned and not gone else None,
        )

    def _reaction_views(self, viewer: str) -> list[ReactionView] | None:
        return [
            ReactionView(emoji=emoji, count=len(users), mine=viewer in users)
            for emoji, users in self._reactions.items()
            if users
        ] or None
