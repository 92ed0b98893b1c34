"""Searching the rooms one is a member of, and showing what is found as it stands now."""

from collections.abc import Sequence
from typing import Final

import trio

from actors.session.ports import SessionPorts
from core.errors import Rejected
from core.identity import Permission, Principal, authorize
from core.message_view import view_message
from core.ports.message_log import LogRow
from core.ports.repositories import FoundMessage
from protocol.chat import MessagesFound, MessageView, SearchMessages
from protocol.codec import encode
from protocol.limits import MAX_SERVER_FRAME_BYTES

MAX_READS: Final = 2
"""Of one search at once."""

_PAGE_BYTES: Final = MAX_SERVER_FRAME_BYTES - 1_024


async def search_messages(
    ports: SessionPorts, principal: Principal, command: SearchMessages
) -> MessagesFound:
    """Newest first, at most `limit` and what fits one frame. A foreign room is `not_found`."""
    authorize(principal, Permission.CHAT)
    tenant_id, user_id = principal.tenant_id, principal.user_id
    if command.room_id is not None and not await ports.rooms.is_member(
        tenant_id, command.room_id, user_id
    ):
        raise Rejected("not_found", "There is no such room.")
    async with ports.searches.turn(user_id):
        found = await ports.search.find(
            tenant_id,
            user_id,
            query=command.query,
            room_id=command.room_id,
            from_user=command.from_,
            before=command.before,
            limit=command.limit + 1,
        )
        shown = found[: command.limit]
        rows = await _read(ports, tenant_id, shown)
    views = [view_message(row[0], row[1:], viewer=user_id) for row in rows if row]
    present = [view for view in views if view.deleted is None]
    fitting = _fitting(present)
    return MessagesFound(
        messages=fitting, has_more=len(found) > len(shown) or len(fitting) < len(present)
    )


async def _read(
    ports: SessionPorts, tenant_id: int, found: Sequence[FoundMessage]
) -> list[list[LogRow]]:
    rows: list[list[LogRow]] = [[] for _ in found]
    few = trio.Semaphore(MAX_READS)
    refusals: list[Rejected] = []

    async def read(place: int, hit: FoundMessage) -> None:
        async with few:
            try:
                rows[place] = list(await ports.log.message(tenant_id, hit.room_id, hit.message_id))
            except Rejected as refusal:
                refusals.append(refusal)

    async with trio.open_nursery() as nursery:
        for place, hit in enumerate(found):
            nursery.start_soon(read, place, hit)
    if refusals:
        raise refusals[0]
    return rows


def _fitting(views: list[MessageView]) -> list[MessageView]:
    left = _PAGE_BYTES
    for count, view in enumerate(views):
        left -= len(encode(view))
        if left < 0:
            return views[:count]
    return views
