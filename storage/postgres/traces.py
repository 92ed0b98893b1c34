"""Where somebody's words and names stand in what rooms and others were told, for who takes them out."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from core.ports.message_log import EventKind
from protocol.chat import SYSTEM, MessagePosted
from protocol.codec import decode_event
from protocol.room import PersonaView, RoomChanged
from protocol.wire import DurableRoomEvent
from protocol.wording import cleaned
from storage.postgres.pool import Connection

DONE_WITHIN: Final = 600.0
CLOCKS_APART: Final = 600_000
"""Milliseconds by which a node's clock may be behind the database's."""
MESSAGE, EDITED, DELETED = EventKind.MESSAGE.value, EventKind.EDITED.value, EventKind.DELETED.value
ROOM: Final = EventKind.ROOM.value

# In all: $1 the tenant, $2 the person.
_DONE: Final = f"""
SELECT room_id, seq, sent_at, message_id, kind, body FROM message
 WHERE tenant_id = $1 AND sender_id = $2::uuid::text AND kind IN ({MESSAGE}, {EDITED}, {ROOM})"""

# What these personas said.
_SPOKEN: Final = f"""
SELECT room_id, seq, sent_at, body FROM message
 WHERE tenant_id = $1 AND kind = {MESSAGE} AND sender_id = ANY($2::text[])"""

# Where they are.
_PLACES: Final = "SELECT room_id FROM membership WHERE tenant_id = $1 AND user_id = $2"

# What these said there, from then on.
_SAID_BY: Final = f"""
SELECT room_id, seq, sent_at, body FROM message
 WHERE tenant_id = $1 AND kind = {MESSAGE} AND sender_id = ANY($2::text[])
       AND room_id = ANY($3::uuid[]) AND sent_at >= $4"""

# As it is by now: somebody may have taken it back, or another may have been erased, since it was found.
_STANDS: Final = """
SELECT room_id, seq, sent_at, body FROM message
  JOIN unnest($1::uuid[], $2::int8[], $3::int8[]) AS found(room_id, seq, sent_at)
       USING (room_id, seq, sent_at)
 ORDER BY room_id, seq FOR UPDATE OF message"""

_STANDS_IN_INBOX: Final = """
SELECT user_id, seq, body FROM inbox_item
  JOIN unnest($2::uuid[], $3::int8[]) AS found(user_id, seq) USING (user_id, seq)
 WHERE tenant_id = $1 ORDER BY user_id, seq FOR UPDATE OF inbox_item"""

_BEGUN_AT: Final = f"SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8 - {CLOCKS_APART}"

_NAME: Final = "SELECT name FROM account WHERE tenant_id = $1 AND id = $2"

_PERSONAS: Final = "SELECT id, name FROM persona WHERE tenant_id = $1 AND owner_id = $2"

_INDEXED: Final = """
SELECT room_id, seq FROM search_document WHERE tenant_id = $1 AND sender_id = $2::uuid::text"""

# Of others, who were told who is in a room, and what somebody did in a booking.
_TOLD_OF: Final = """
SELECT user_id, seq, body FROM inbox_item
 WHERE tenant_id = $1 AND kind IN ('room.invited', 'booking.update')
       AND position(convert_to($2::uuid::text, 'UTF8') IN body) > 0 AND created_at >= $3"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Rows of what they said, of its words, and of what others were told of them. `signed`: of what bears names of
    their personas; `notices`: of what the server said; `names`: what they and their personas were called;
    `personas`, `rooms`: ids of those, and of where anything was. They may have left some from `begun_at` on."""

    said: Sequence[asyncpg.Record]
    signed: Sequence[asyncpg.Record]
    notices: Sequence[asyncpg.Record]
    indexed: Sequence[asyncpg.Record]
    told: Sequence[asyncpg.Record]
    names: re.Pattern[str] | None
    personas: Sequence[str]
    rooms: Sequence[str]
    begun_at: int


async def traces_of(connection: Connection, tenant_id: int, user_id: str) -> Traces:
    """A year of everybody's is read for them, before the transaction: while one with a number runs, no
    subscriber of the outbox hears of anything. They are logged out, so they add nothing to it."""
    begun_at = await connection.fetchval(_BEGUN_AT)
    done, indexed, places, accounts, personas = [
        await connection.fetch(sql, tenant_id, user_id, timeout=DONE_WITHIN)
        for sql in (_DONE, _INDEXED, _PLACES, _NAME, _PERSONAS)
    ]
    said = [row for row in done if row["kind"] != ROOM]
    changes = [row for row in done if row["kind"] == ROOM]
    owned = [(row["id"], row["name"]) for row in personas]
    owned += [(one.id, one.name) for row in changes if (one := _brought(row, user_id)) is not None]
    names = (
        {name for _, name in owned} | {row["name"] for row in accounts} | set(map(_signed, said))
    )
    ids = sorted({id for id, _ in owned})
    spoken = await connection.fetch(_SPOKEN, tenant_id, ids, timeout=DONE_WITHIN)
    rooms = sorted({row["room_id"] for row in (*done, *places, *spoken)})
    return Traces(
        said=said,
        signed=changes + spoken,
        notices=await _said_by(connection, tenant_id, [SYSTEM.id], rooms, 0),
        indexed=indexed,
        told=await connection.fetch(_TOLD_OF, tenant_id, user_id, 0, timeout=DONE_WITHIN),
        names=_any_of(names),
        personas=ids,
        rooms=rooms,
        begun_at=begun_at,
    )


async def _said_by(
    connection: Connection, tenant_id: int, senders: Sequence[str], rooms: Sequence[str], since: int
) -> list[asyncpg.Record]:
    return await connection.fetch(_SAID_BY, tenant_id, senders, rooms, since, timeout=DONE_WITHIN)


async def as_they_stand(
    connection: Connection, tenant_id: int, user_id: str, traces: Traces
) -> tuple[list[asyncpg.Record], ...]:
    """`signed`, `notices` and `told`, with what was left since they were read, for nobody else to change."""
    found = []
    for rows, senders in ((traces.signed, traces.personas), (traces.notices, [SYSTEM.id])):
        late = await _said_by(connection, tenant_id, senders, traces.rooms, traces.begun_at)
        places = {(row["room_id"], row["seq"], row["sent_at"]) for row in (*rows, *late)}
        found.append(await connection.fetch(_STANDS, *_columns(places, 3), timeout=DONE_WITHIN))
    late = await connection.fetch(
        _TOLD_OF, tenant_id, user_id, traces.begun_at, timeout=DONE_WITHIN
    )
    items = {(row["user_id"], row["seq"]) for row in (*traces.told, *late)}
    told = await connection.fetch(
        _STANDS_IN_INBOX, tenant_id, *_columns(items, 2), timeout=DONE_WITHIN
    )
    return *found, told


def _columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    listed = list(rows)
    return [[row[number] for row in listed] for number in range(width)]


def _brought(row: asyncpg.Record, user_id: str) -> PersonaView | None:
    """The persona of theirs that came, or has another name, by this change of a room."""
    event = event_of(row)
    persona = event.persona if isinstance(event, RoomChanged) else None
    return persona if persona is not None and persona.owner_id == user_id else None


def _signed(row: asyncpg.Record) -> str:
    """As whom they said it."""
    event = event_of(row)
    return event.sender.name if isinstance(event, MessagePosted) else ""


def _any_of(names: Iterable[str]) -> re.Pattern[str] | None:
    """These words, as they stand in sentences of ours."""
    written = {one for name in names for one in (name, cleaned(name)) if one}
    longest_first = sorted(written, key=lambda one: (-len(one), one))
    found = "|".join(map(re.escape, longest_first))
    return re.compile(rf"(?<!\w)(?:{found})(?!\w)") if found else None


def event_of(row: asyncpg.Record) -> DurableRoomEvent | None:
    """None: nobody can read it."""
    try:
        return decode_event(row["body"])
    except ValueError:
        return None
