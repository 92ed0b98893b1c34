"""History and search show a message in its present state."""

from typing import Any

import msgpack
import pytest
from actors_world import ADA_SENDER, EPOCH, ROOM_ID, T0, user_id

from core.message_view import view_message
from core.ports.message_log import EventKind, LogRow
from protocol.chat import (
    Attachment,
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageReacted,
)
from protocol.codec import encode
from protocol.room import RoomChanged


def row(event: Any, kind: EventKind = EventKind.EDITED) -> LogRow:
    return LogRow(seq=event.seq, sent_at=event.sent_at, kind=kind, sender_id="", body=encode(event))


def change(kind: type, seq: int, **fields: Any) -> LogRow:
    whole = {
        "room_id": ROOM_ID,
        "epoch": EPOCH,
        "seq": seq,
        "sent_at": T0 + seq,
        "message_id": "m",
        "by": user_id(2),
    }
    return row(kind(**whole | fields))


POSTED = row(
    MessagePosted(
        room_id=ROOM_ID,
        epoch=EPOCH,
        seq=1,
        sent_at=T0,
        message_id="m",
        sender=ADA_SENDER,
        content="hello",
        attachments=[Attachment(url="https://caravan.test/a")],
    ),
    EventKind.MESSAGE,
)
CHANGES = [
    change(MessageEdited, 2, content="better"),
    change(MessageReacted, 3, emoji="👍", active=True),
    change(MessageReacted, 4, emoji="👍", active=True, by=user_id(3)),
    change(MessageReacted, 5, emoji="👎", active=True),
    change(MessageReacted, 6, emoji="👎", active=False),
    change(MessagePinned, 7, active=True),
]


def test_a_message_is_shown_as_it_stands() -> None:
    view = view_message(POSTED, CHANGES, viewer=user_id(3))
    assert (view.content, view.edited, view.pinned) == ("better", T0 + 2, True)
    assert view.reactions is not None
    assert [(one.emoji, one.count, one.mine) for one in view.reactions] == [("👍", 2, True)]
    plain = encode(view_message(POSTED, [], viewer=""))
    assert msgpack.unpackb(plain) == msgpack.unpackb(POSTED.body)


def test_changes_after_the_head_of_a_page_are_not_shown() -> None:
    view = view_message(POSTED, CHANGES, viewer=user_id(3), up_to=1)
    assert (view.content, view.edited, view.pinned, view.reactions) == ("hello", None, None, None)


def test_a_deleted_message_keeps_its_place_and_nothing_else() -> None:
    view = view_message(POSTED, [*CHANGES, change(MessageDeleted, 8)], viewer="")
    assert (view.seq, view.content, view.deleted) == (1, "", True)
    assert (view.attachments, view.reactions, view.pinned, view.edited) == (None,) * 4


def test_an_unpinned_message_is_not_pinned() -> None:
    unpinned = change(MessagePinned, 8, active=False)
    assert view_message(POSTED, [*CHANGES, unpinned], viewer="").pinned is None


def test_what_is_no_message_is_refused() -> None:
    room = row(
        RoomChanged(room_id=ROOM_ID, epoch=EPOCH, seq=2, sent_at=T0, by="", change="created")
    )
    with pytest.raises(ValueError, match="not a message"):
        view_message(room, [], viewer="")
    with pytest.raises(ValueError, match="changes no message"):
        view_message(POSTED, [room], viewer="")
