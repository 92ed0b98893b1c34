"""Full text over messages: a read model fed by the outbox, and the `MessageSearch` port that reads it.

A document is never changed by an event: it is made anew from the message's row and every row that
changed it. So events may come again, in any pieces, and the document is right after each.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import asyncpg
import structlog

from core.errors import Unavailable
from core.ports.message_log import EventKind
from core.ports.outbox import OutboxEvent
from core.ports.repositories import FoundMessage
from protocol.chat import MessageEdited, MessagePosted
from protocol.codec import decode_event
from storage.postgres.identifiers import is_uuid
from storage.postgres.pool import Connection, Database
from storage.postgres.rooms import APPENDED

PAGE: Final = 500
FIND_WITHIN: Final = 2.0
LOCK: Final = 0x53656172  # any constant; transaction-scoped

log = structlog.get_logger()

_TEXT_KINDS: Final = (EventKind.MESSAGE, EventKind.EDITED, EventKind.DELETED)


class SearchIndex:
    """The outbox's subscriber `search`."""

    name = "search"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def receive(self, events: Sequence[OutboxEvent]) -> None:
        """Bring the documents of every message that these events touch up to date."""
        for room, (first, last) in _spans(events).items():
            after = first - 1
            while after < last:
                after = await self._database.transaction(
                    _index, room, after, min(last, after + PAGE)
                )

    async def rebuild(self) -> None:
        """Forget every document."""
        await self._database.call(_forget)


class PostgresSearch:
    """The `MessageSearch` port."""

    def __init__(self, database: Database, *, within: float = FIND_WITHIN) -> None:
        self._database, self._within = database, within

    async def find(
        self,
        tenant_id: int,
        user_id: str,
        *,
        query: str,
        room_id: str | None,
        from_user: str | None,
        before: int | None,
        limit: int,
    ) -> Sequence[FoundMessage]:
        """As the port says. Raises `Unavailable` when a search takes more than 2 s."""
        if not is_uuid(user_id) or (room_id is not None and not is_uuid(room_id)):
            return []
        rows = await self._database.call(
            _find,
            self._within,
            (tenant_id, user_id, query, room_id, from_user, before, limit),
        )
        return [
            FoundMessage(room_id=row["room_id"], seq=row["seq"], message_id=row["message_id"])
            for row in rows
        ]


def _spans(events: Iterable[OutboxEvent]) -> Mapping[str, tuple[int, int]]:
    """Per room the seqs from its first to its last event. One batch's events of a room are next to
    each other, so little is read that need not be."""
    spans: dict[str, tuple[int, int]] = {}
    for event in events:
        if event.topic == APPENDED:
            first, last = spans.get(event.key, (event.first, event.last))
            spans[event.key] = (min(first, event.first), max(last, event.last))
    return spans


async def _index(connection: Connection, room_id: str, after: int, up_to: int) -> int:
    """The documents of the messages that the events in (after, up_to] are or change. The lock
    comes first: two nodes would else write what they had read before the other's newer state."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    targets = await connection.fetch(
        """SELECT DISTINCT coalesce(target_seq, seq) AS seq FROM message
           WHERE room_id = $1 AND seq > $2 AND seq <= $3 AND kind = ANY($4::int2[])""",
        room_id,
        after,
        up_to,
        [kind.value for kind in _TEXT_KINDS],
    )
    if targets:
        await _refresh(connection, room_id, [row["seq"] for row in targets])
    return up_to


async def _refresh(connection: Connection, room_id: str, seqs: Sequence[int]) -> None:
    messages = await connection.fetch(
        """SELECT seq, sent_at, message_id, tenant_id, sender_id, body FROM message
           WHERE room_id = $1 AND seq = ANY($2::int8[]) AND kind = $3""",
        room_id,
        seqs,
        EventKind.MESSAGE.value,
    )
    changes = await connection.fetch(
        """SELECT target_seq, kind, body FROM message
           WHERE room_id = $1 AND target_seq = ANY($2::int8[]) AND kind = ANY($3::int2[])
           ORDER BY target_seq, seq""",
        room_id,
        seqs,
        [EventKind.EDITED.value, EventKind.DELETED.value],
    )
    texts = _present_texts(messages, changes)
    await connection.execute(
        "DELETE FROM search_document WHERE room_id = $1 AND seq = ANY($2::int8[])", room_id, seqs
    )
    await connection.executemany(
        """INSERT INTO search_document (room_id, seq, sent_at, message_id, tenant_id, sender_id,
                                        words)
           VALUES ($1, $2, $3, $4, $5, $6, to_tsvector('simple', $7))""",
        [
            (
                room_id,
                row["seq"],
                row["sent_at"],
                row["message_id"],
                row["tenant_id"],
                row["sender_id"],
                texts[row["seq"]],
            )
            for row in messages
            if texts[row["seq"]]
        ],
    )


def _present_texts(
    messages: Iterable[asyncpg.Record], changes: Iterable[asyncpg.Record]
) -> Mapping[int, str]:
    """By seq, what a reader sees now; empty for a deleted message."""
    texts = {row["seq"]: _text(row["body"]) for row in messages}
    deleted = set()
    for row in changes:
        if row["kind"] == EventKind.DELETED.value:
            deleted.add(row["target_seq"])
        elif row["target_seq"] in texts:
            texts[row["target_seq"]] = _text(row["body"])
    return texts | dict.fromkeys(deleted, "")


def _text(body: bytes) -> str:
    """What a row says; nothing, when a deletion has taken its text or nobody can read it: one bad
    row must not hold up all that follow."""
    try:
        event = decode_event(body)
    except ValueError:
        log.warning("search.undecodable", size=len(body))
        return ""
    return event.content if isinstance(event, MessagePosted | MessageEdited) else ""


async def _forget(connection: Connection) -> None:
    await connection.execute("TRUNCATE search_document")


async def _find(
    connection: Connection, within: float, args: tuple[object, ...]
) -> Sequence[asyncpg.Record]:
    """Membership is joined, so that a search sees what its asker may read at this very moment."""
    try:
        return await connection.fetch(
            """SELECT d.room_id, d.seq, d.message_id
               FROM search_document d
               JOIN membership m ON m.room_id = d.room_id AND m.user_id = $2 AND m.tenant_id = $1
               JOIN room ON room.id = d.room_id
               WHERE d.tenant_id = $1 AND d.words @@ websearch_to_tsquery('simple', $3)
                     AND d.seq >= greatest(m.from_seq, room.first)
                     AND ($4::uuid IS NULL OR d.room_id = $4)
                     AND ($5::text IS NULL OR d.sender_id = $5)
                     AND ($6::int8 IS NULL OR d.sent_at < $6)
               ORDER BY d.sent_at DESC, d.room_id, d.seq DESC LIMIT $7""",
            *args,
            timeout=within,
        )
    except TimeoutError:
        raise Unavailable("This search takes too long. Please use rarer words.") from None
