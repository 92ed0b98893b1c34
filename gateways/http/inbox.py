"""One's own sequence of events, for whoever was away for longer than a resume reaches."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.identity import Permission
from gateways.http.rooms import MAX_PAGE
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply
from protocol.ids import Seq


class InboxPage(Body, frozen=True):
    """Events with a greater `inbox` than `after`. `cursor` is the last answer's `nextCursor` and
    counts for more than `after`."""

    after: Seq = 0
    cursor: Seq | UnsetType = UNSET  # never None: a query's "null" would begin anew
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 50


class InboxItems(View, frozen=True):
    """Event frames (§3, §6), ascending by `inbox`; `head` is the last event's."""

    items: list[dict[str, Any]]
    next_cursor: str | None
    head: int


async def read_inbox(call: Call) -> Reply:
    """A page of one's events."""
    who, page = call.of(), call.query
    after = page.after if page.cursor is UNSET else page.cursor
    inboxes = call.ports.inboxes
    found = await inboxes.read(who.tenant_id, who.user_id, after=after, limit=page.limit + 1)
    head = await inboxes.head(who.tenant_id, who.user_id)
    shown = found[: page.limit]
    answer = InboxItems(
        items=[msgspec.msgpack.decode(item.body) for item in shown],
        next_cursor=str(shown[-1].seq) if len(found) > page.limit else None,
        head=head,
    )
    return json_reply(answer)


ROUTES: Final = (
    Route(
        method="GET",
        path=f"{API}/inbox",
        name="readInbox",
        summary="One's own events, ascending",
        handle=read_inbox,
        access=Permission.CHAT,
        query=InboxPage,
        answer=InboxItems,
    ),
)
