"""Reads that a command waits for: history pages, and look-ups of what is not remembered."""

from collections.abc import Sequence
from typing import Final

from actors.room.memory import MessageState
from actors.room.ports import RoomPorts
from actors.room.state import RoomState
from core.message_view import view_message
from core.ports.message_log import LogRow
from protocol.chat import HistoryRead, MessagePosted, MessageView, ReadHistory
from protocol.codec import decode_event, encode
from protocol.limits import MAX_SERVER_FRAME_BYTES
from protocol.room import RoomChanged

_PAGE_BYTES: Final = MAX_SERVER_FRAME_BYTES - 1_024
"""A page's room in its frame; the rest is for the frame's other fields."""


async def read_history(
    ports: RoomPorts, room: RoomState, command: ReadHistory, *, viewer: str, first: int, up_to: int
) -> HistoryRead:
    """A page of messages in [first, up_to] as `viewer` sees them, cut where one frame ends."""
    page = await ports.log.history(
        room.tenant_id,
        room.id,
        first=first,
        up_to=up_to,
        before=command.before,
        after=command.after,
        around=command.around,
        limit=command.limit,
    )
    ports.pages.took(sum(len(row.body) for row in page.messages))
    views = [
        view_message(row, page.changes.get(row.seq, ()), viewer=viewer, up_to=up_to)
        for row in page.messages
    ]
    low, high = _fitting(views, command)
    has_before = page.has_before or low > 0
    has_after = page.has_after or high < len(views)
    messages = views[low:high]
    if command.around is not None:
        return HistoryRead(messages=messages, has_more_before=has_before, has_more_after=has_after)
    return HistoryRead(
        messages=messages, has_more=has_after if command.after is not None else has_before
    )


def _fitting(views: Sequence[MessageView], command: ReadHistory) -> tuple[int, int]:
    """The part [low, high) that fits one frame, grown from where the reader asked."""
    if command.after is not None:
        low = high = 0
    elif command.around is not None:
        around = command.around
        low = high = next((n for n, view in enumerate(views) if view.seq >= around), len(views))
    else:
        low = high = len(views)
    left = _PAGE_BYTES
    grew = True
    while grew:
        grew = False
        for is_upward in (True, False):
            place = high if is_upward else low - 1
            if not 0 <= place < len(views):
                continue
            size = len(encode(views[place]))
            if size > left:
                return low, high
            left -= size
            low, high = (low, high + 1) if is_upward else (low - 1, high)
            grew = True
    return low, high


def state_of_message(rows: Sequence[LogRow]) -> MessageState | None:
    """Fold a message's own row and those that changed it; None when there is none."""
    state: MessageState | None = None
    for row in rows:
        event = decode_event(row.body)
        if isinstance(event, MessagePosted):
            state = MessageState.of(event)
        elif state is not None and not isinstance(event, RoomChanged):
            state.apply(event)
    return state
