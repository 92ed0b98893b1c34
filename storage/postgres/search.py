"""Full text over messages: a read model fed by the outbox, and the `MessageSearch` port that reads it.

A document is never changed by an event: it is made anew from the message's row and every row that
changed it. So events may come again, in any pieces, and the document is right after each.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import asyncpg
import structlog

from core.errors import Unavailable
from core.ids import is_uuid
from core.ports.message_log import EventKind
from core.ports.outbox import OutboxEvent
from core.ports.repositories import FoundMessage
from protocol.chat import MessageEdited, MessagePosted
from protocol.codec import decode_event
from storage.postgres.pool import Connection, Database
from storage.postgres.rooms import APPENDED, SAID

PAGE: Final = 500
FIND_WITHIN: Final = 2.0
ALONE: Final = f"SELECT pg_advisory_xact_lock({0x53656172})"  # any constant
"""Nobody else changes documents until the end of the transaction."""

log = structlog.get_logger()

_KEPT: Final = ("room_id", "seq", "sent_at", "message_id", "tenant_id", "sender_id")

# Each message that is in these spans, or is changed by what is in them, with the row that says how it
# reads now: the deletion, else the last edit, else its own. Its own columns are NULL when it is gone.
TOUCHED: Final = f"""
WITH touched AS (
    SELECT DISTINCT m.room_id, coalesce(m.target_seq, m.seq) AS seq
      FROM unnest($1::uuid[], $2::int8[], $3::int8[]) AS s(room_id, after, up_to)
      JOIN message m ON m.room_id = s.room_id AND m.seq > s.after AND m.seq <= s.up_to
     WHERE m.kind IN ({EventKind.MESSAGE.value}, {EventKind.EDITED.value}, {EventKind.DELETED.value})
)
SELECT t.room_id, t.seq, m.sent_at, m.message_id, m.tenant_id, m.sender_id,
       coalesce(change.kind, m.kind) AS kind, coalesce(change.body, m.body) AS body
  FROM touched t
  LEFT JOIN message m ON m.room_id = t.room_id AND m.seq = t.seq AND m.kind = {EventKind.MESSAGE.value}
  LEFT JOIN LATERAL (
    SELECT c.kind, c.body FROM message c
     WHERE c.room_id = t.room_id AND c.target_seq = t.seq
           AND c.kind IN ({EventKind.EDITED.value}, {EventKind.DELETED.value})
     ORDER BY c.kind = {EventKind.DELETED.value} DESC, c.seq DESC LIMIT 1) AS change ON true"""

INSERT: Final = """
INSERT INTO search_document (room_id, seq, sent_at, message_id, tenant_id, sender_id, words)
SELECT room_id, seq, sent_at, message_id, tenant_id, sender_id, to_tsvector('simple', content)
  FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::uuid[], $5::int4[], $6::text[], $7::text[])
    AS u(room_id, seq, sent_at, message_id, tenant_id, sender_id, content)
ON CONFLICT (room_id, seq) DO UPDATE SET words = excluded.words"""

DELETE: Final = """
DELETE FROM search_document d USING unnest($1::uuid[], $2::int8[]) AS p(room_id, seq)
 WHERE d.room_id = p.room_id AND d.seq = p.seq"""

# Membership is asked, so that a search sees what its asker may read at this very moment; and first, by
# itself: joined in one, both ids of the room would count as two limits, and the planner would read all
# that somebody may read for a word that is in three messages.
FIND: Final = """
WITH readable AS MATERIALIZED (
    SELECT m.room_id, greatest(m.from_seq, room.first) AS first
      FROM membership m JOIN room ON room.id = m.room_id
     WHERE m.tenant_id = $1 AND m.user_id = $2 AND ($4::uuid IS NULL OR m.room_id = $4)
)
SELECT d.room_id, d.seq, d.message_id
  FROM readable JOIN search_document d ON d.room_id = readable.room_id AND d.seq >= readable.first
 WHERE d.tenant_id = $1 AND d.words @@ websearch_to_tsquery('simple', $3)
       AND ($5::text IS NULL OR d.sender_id = $5)
       AND ($6::int8 IS NULL OR d.sent_at < $6)
 ORDER BY d.sent_at DESC, d.room_id, d.seq DESC LIMIT $7"""

Columns = list[list[Any]]


class Span(NamedTuple):
    """The seqs of a room in (after, up_to]."""

    room_id: str
    after: int
    up_to: int


class SearchIndex:
    """The outbox's subscriber `search`."""

    name = "search"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def receive(self, events: Sequence[OutboxEvent]) -> None:
        """Bring the documents of every message that these events touch up to date."""
        for portion in portions(spans_of(events)):
            await self._database.transaction(_index, portion)

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
        rows = await self._database.transaction(
            _find,
            self._within,
            (tenant_id, user_id, query, room_id, from_user, before, limit),
        )
        return [
            FoundMessage(room_id=row["room_id"], seq=row["seq"], message_id=row["message_id"])
            for row in rows
        ]


def spans_of(events: Iterable[OutboxEvent]) -> Iterator[Span]:
    """Per room the seqs from its first to its last event. One batch's events of a room are next to
    each other, so little is read that need not be."""
    spans: dict[str, tuple[int, int]] = {}
    for event in events:
        if event.topic in (APPENDED, SAID):
            first, last = spans.get(event.key, (event.first, event.last))
            spans[event.key] = (min(first, event.first), max(last, event.last))
    for room_id, (first, last) in spans.items():
        for after in range(first - 1, last, PAGE):
            yield Span(room_id, after, min(last, after + PAGE))


def portions(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """One transaction's worth each: at most a page of seqs, or one span."""
    portion: list[Span] = []
    size = 0
    for span in spans:
        size += span.up_to - span.after
        if portion and size > PAGE:
            yield portion
            portion, size = [], span.up_to - span.after
        portion.append(span)
    if portion:
        yield portion


async def _index(connection: Connection, spans: Sequence[Span]) -> None:
    """The documents of the messages that the events in these spans are or change. The lock comes
    first: two nodes would else write what they had read before the other's newer state."""
    await connection.execute(ALONE)
    present, gone = [], []
    for row in await connection.fetch(TOUCHED, *_columns(spans)):
        is_there = row["sent_at"] is not None and row["kind"] != EventKind.DELETED.value
        if is_there and (text := _text(row["body"])):
            present.append((*(row[name] for name in _KEPT), text))
        else:
            gone.append((row["room_id"], row["seq"]))
    if present:
        await connection.execute(INSERT, *_columns(present))
    if gone:
        await connection.execute(DELETE, *_columns(gone))


def _columns(rows: Sequence[tuple[object, ...]]) -> Columns:
    return [list(column) for column in zip(*rows, strict=True)]


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
    """Planned anew for each search: the way to a rare word is none to a common one."""
    await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
    try:
        return await connection.fetch(FIND, *args, timeout=within)
    except TimeoutError:
        raise Unavailable("This search takes too long. Please use rarer words.") from None
