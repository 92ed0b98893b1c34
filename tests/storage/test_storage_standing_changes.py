"""What is left out of a message's changes is not missed."""

from hypothesis import given
from hypothesis import strategies as st

from actors.room.machine import MAX_EMOJIS
from actors.room.reading import state_of_message
from core.message_view import view_message
from core.ports.message_log import EventKind, LogRow
from protocol.chat import (
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageReacted,
    Sender,
)
from protocol.codec import encode
from storage.standing_changes import standing

ROOM = "01999999-0000-7000-8000-000000000001"
PEOPLE = [f"01999999-0000-7000-8000-00000000000{n}" for n in "abc"]
KINDS = {
    MessageEdited: EventKind.EDITED,
    MessageDeleted: EventKind.DELETED,
    MessageReacted: EventKind.REACTED,
    MessagePinned: EventKind.PINNED,
}
POSTED = MessagePosted(
    room_id=ROOM,
    epoch="e",
    seq=1,
    sent_at=1,
    message_id=ROOM,
    sender=Sender(id=PEOPLE[0], kind="user", name="Ada"),
    content="Lisbon?",
)
OWN = LogRow(
    seq=1,
    sent_at=1,
    kind=EventKind.MESSAGE,
    sender_id=PEOPLE[0],
    body=encode(POSTED),
    message_id=ROOM,
)

reactions = st.tuples(
    st.just(MessageReacted),
    st.fixed_dictionaries({"emoji": st.sampled_from("👍🌊e"), "active": st.booleans()}),
)
pins = st.tuples(st.just(MessagePinned), st.fixed_dictionaries({"active": st.booleans()}))
edits = st.tuples(
    st.just(MessageEdited), st.fixed_dictionaries({"content": st.sampled_from(["emoji", "Porto"])})
)
deletions = st.tuples(st.just(MessageDeleted), st.just({}))
a_change = st.tuples(st.one_of(reactions, reactions, pins, edits), st.sampled_from(PEOPLE))


@given(st.lists(a_change, max_size=60), st.none() | deletions)
def test_a_message_looks_the_same_to_everybody_and_to_its_room(changes, deletion):
    if deletion is not None:
        changes = [*changes, (deletion, PEOPLE[0])]
    rows = [row(seq, *change) for seq, change in enumerate(changes, start=2)]
    for viewer in PEOPLE:
        shown = view_message(OWN, standing(rows), viewer=viewer)
        assert shown == view_message(OWN, rows, viewer=viewer)
    assert state_of_message([OWN, *standing(rows)]) == state_of_message([OWN, *rows])


def test_there_are_two_rows_for_each_emoji_and_member_and_two_of_pins():
    emojis = [chr(0x1F600 + n) for n in range(MAX_EMOJIS)]
    toggles = [
        ((MessageReacted, {"emoji": emoji, "active": n % 2 == 0}), by)
        for n in range(7)
        for emoji in emojis
        for by in PEOPLE
    ]
    pins = [((MessagePinned, {"active": n % 2 == 0}), PEOPLE[n % 3]) for n in range(9)]
    rows = [row(seq, *change) for seq, change in enumerate([*toggles, *pins], start=2)]
    assert len(standing(rows)) == 2 * MAX_EMOJIS * len(PEOPLE) + 2


def row(seq, change, by):
    """As a room stores it."""
    kind, fields = change
    event = kind(room_id=ROOM, epoch="e", seq=seq, sent_at=seq, message_id=ROOM, by=by, **fields)
    return LogRow(
        seq=seq, sent_at=seq, kind=KINDS[kind], sender_id=by, body=encode(event), target_seq=1
    )
