"""Taking a person out of every table, for who asks to be forgotten.

What stays: bookings and their ledger (seven years, by id), runs of personas (24 months, by id), what was
tried to pay with (31 days, by id and digest), consultations (24 months, by id), what they put on a room's
plan (by id), and what others wrote.
"""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import msgspec
from msgspec.structs import replace

from protocol.booking import BookingUpdated
from protocol.chat import SYSTEM, MessageEdited, MessagePosted
from protocol.codec import encode
from protocol.room import PersonaView, RoomChanged, RoomInvited
from storage.postgres.consultations import close_times
from storage.postgres.forgetting import PERSON_FORGOTTEN
from storage.postgres.pool import Connection, Database
from storage.postgres.search import ALONE
from storage.postgres.traces import (
    DELETED,
    DONE_WITHIN,
    MESSAGE,
    Traces,
    as_they_stand,
    event_of,
    traces_of,
)

_TOLD: Final = msgspec.msgpack.Decoder(RoomInvited | BookingUpdated)
FOREVER: Final = 2**63 - 1
SOMEBODY: Final = "…"
"""Stands where the server itself called them by name."""

# In all: $1 the tenant, $2 the person.
_UNFINISHED: Final = """
SELECT EXISTS (SELECT FROM booking_participant p JOIN booking b ON b.booking_id = p.booking_id
                WHERE p.tenant_id = $1 AND p.user_id = $2 AND NOT b.is_terminal)"""

_UNFORGOTTEN: Final = """
SELECT id FROM account WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT is_forgotten"""

_LOGINS: Final = """
SELECT id FROM login WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL"""

_OUR_LOGIN: Final = """
INSERT INTO login (id, tenant_id, user_id, created_at, renewed_at) VALUES ($3, $1, $2, $4, $4)"""

_ROOMS: Final = f"""
SELECT m.room_id, room.kind, m.state,
       ARRAY(SELECT said.message_id FROM message said
              WHERE m.state = 'joined' AND said.room_id = m.room_id AND said.sender_id = m.user_id::text
                AND said.kind = {MESSAGE} AND said.seq >= room.first
                AND NOT EXISTS (SELECT FROM message gone WHERE gone.room_id = said.room_id
                                   AND gone.target_seq = said.seq AND gone.kind = {DELETED})
              ORDER BY said.seq) AS messages
  FROM membership m JOIN room ON room.id = m.room_id WHERE m.tenant_id = $1 AND m.user_id = $2"""

_BLANK: Final = """
UPDATE message SET body = $4 WHERE room_id = $1 AND seq = $2 AND sent_at = $3"""

# First of all, until the end: who puts something down for them, or begins a booking with them, takes the same lock.
_LOCK: Final = "SELECT FROM account WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"

# Handle and address have no proper form: nobody can have registered them, to be in the way here.
_FORGOTTEN: Final = """
UPDATE account SET handle = 'gone~' || right(id::text, 12), name = 'gone-' || right(id::text, 12),
       email = 'gone~' || right(id::text, 12), role = 'user', locale = 'en',
       time_zone = 'UTC', currency = 'EUR', preferences = '{}', is_forgotten = true
 WHERE tenant_id = $1 AND id = $2"""

_RENAME: Final = """
UPDATE inbox_item SET body = $4 WHERE tenant_id = $1 AND user_id = $2 AND seq = $3"""

# Of others, who would be told the same again for seven days.
_ANSWERS: Final = """
SELECT scope, key, body FROM idempotency_key
 WHERE position(convert_to($1::uuid::text, 'UTF8') IN body) > 0 FOR UPDATE"""

_ANSWER: Final = "UPDATE idempotency_key SET body = $3 WHERE scope = $1 AND key = $2"

# For the rooms that are active: where something of theirs was, or they stay.
_TELL: Final = f"""
INSERT INTO outbox (tenant_id, topic, key, first, last)
SELECT $1, '{PERSON_FORGOTTEN}', room_id::text || '/' || $2::uuid::text, 0, 0
  FROM (SELECT unnest($3::uuid[]) UNION
        SELECT room_id FROM membership WHERE tenant_id = $1 AND user_id = $2) AS rooms(room_id)"""

_UNINDEX: Final = "DELETE FROM search_document WHERE room_id = $1 AND seq = $2"

_UNLEARN: Final = """
DELETE FROM persona_memory
 WHERE tenant_id = $1 AND (about = $2 OR source_message = ANY($3::uuid[]))"""

_GONE: Final = (
    "DELETE FROM persona WHERE tenant_id = $1 AND owner_id = $2",
    "DELETE FROM room_persona WHERE tenant_id = $1 AND owner_id = $2",
    """WITH gone AS (DELETE FROM listing_review WHERE tenant_id = $1 AND user_id = $2
                     RETURNING tenant_id, listing_id AS id, stars)
       UPDATE listing l SET reviews = l.reviews - 1, stars = l.stars - gone.stars
         FROM gone WHERE (l.tenant_id, l.id) = (gone.tenant_id, gone.id)""",
    """WITH gone AS (DELETE FROM listing_import WHERE tenant_id = $1 AND user_id = $2
                     RETURNING tenant_id, listing_id AS id)
       UPDATE listing l SET imports = l.imports - 1
         FROM gone WHERE (l.tenant_id, l.id) = (gone.tenant_id, gone.id)""",
    "DELETE FROM consultation WHERE tenant_id = $1 AND professional_id = $2 AND state = 'open'",
    "UPDATE consultation SET about = '' WHERE tenant_id = $1 AND traveller_id = $2",
    "UPDATE consultation SET note = '' WHERE tenant_id = $1 AND cancelled_by = $2",
    "DELETE FROM persona_choice WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM persona_feedback WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM persona_taste WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM inbox_item WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM inbox_head WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM read_pointer WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM plan_calendar WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM traveller WHERE tenant_id = $1 AND given_by = $2",
    "DELETE FROM trip_quote WHERE tenant_id = $1 AND user_id = $2",
    "UPDATE offer SET user_id = NULL WHERE tenant_id = $1 AND user_id = $2",
    "DELETE FROM idempotency_key WHERE $1::int IS NOT NULL AND strpos(scope, $2::uuid::text) > 0",
    "DELETE FROM login WHERE tenant_id = $1 AND user_id = $2",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutOut:
    """What somebody without a password still has: `logins` that stand, by id, and `rooms`."""

    logins: Sequence[str]
    rooms: Sequence["OwnRoom"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRoom:
    """One that they are a member of. `messages`: theirs that are not deleted, where they have joined."""

    room_id: str
    kind: str
    state: str
    messages: Sequence[str]


async def unforgotten(database: Database, tenant_id: int, user_ids: Sequence[str]) -> Sequence[str]:
    """Which of them have an account that was not erased."""
    rows = await database.call(_fetch, _UNFORGOTTEN, tenant_id, user_ids)
    return [row["id"] for row in rows]


async def shut_out(
    database: Database, tenant_id: int, user_id: str, *, login_id: str, at: int
) -> ShutOut | None:
    """End what they log in with, take their times off the market, and make a login of this id for who
    acts for them from here on. None: a booking of theirs has not ended, and nothing was done."""
    logins = await database.transaction(_shut_out, tenant_id, user_id, login_id, at)
    if logins is None:
        return None
    return ShutOut(logins=logins, rooms=await database.call(_rooms, tenant_id, user_id))


async def erase(database: Database, tenant_id: int, user_id: str) -> int | None:
    """Take them out, in one transaction; of how many messages and edits the text went. Their account is
    a shell without a way in. Idempotent. None: a booking of theirs has begun since they were shut out,
    and nothing was done."""
    traces = _named(await database.call(traces_of, tenant_id, user_id), user_id)
    return await database.transaction(_erase, tenant_id, user_id, traces)


async def _fetch(connection: Connection, sql: str, *values: object) -> list[asyncpg.Record]:
    return list(await connection.fetch(sql, *values))


async def _shut_out(
    connection: Connection, tenant_id: int, user_id: str, login_id: str, at: int
) -> Sequence[str] | None:
    person = (tenant_id, user_id)
    if await connection.fetchval(_UNFINISHED, *person, timeout=DONE_WITHIN):
        return None
    await connection.execute(
        "DELETE FROM credential WHERE tenant_id = $1 AND user_id = $2", *person
    )
    await close_times(connection, *person, 0, FOREVER)
    logins = await connection.fetch(_LOGINS, *person)
    await connection.execute(_OUR_LOGIN, *person, login_id, at)
    return [row["id"] for row in logins]


async def _rooms(connection: Connection, tenant_id: int, user_id: str) -> Sequence[OwnRoom]:
    """By itself, as `traces_of`: whole rooms are read."""
    rows = await connection.fetch(_ROOMS, tenant_id, user_id, timeout=DONE_WITHIN)
    return [OwnRoom(**row) for row in rows]


def _named(traces: Traces, user_id: str) -> Traces:
    """Of what others said and were told, what bears their names: that alone is to be locked."""

    def is_named(row: asyncpg.Record) -> bool:
        return _unnamed(row, user_id, traces.names) is not None

    signed, notices = (list(filter(is_named, rows)) for rows in (traces.signed, traces.notices))
    return dataclasses.replace(traces, signed=signed, notices=notices)


async def _erase(
    connection: Connection, tenant_id: int, user_id: str, traces: Traces
) -> int | None:
    await connection.execute(_LOCK, tenant_id, user_id, timeout=DONE_WITHIN)
    if await connection.fetchval(_UNFINISHED, tenant_id, user_id, timeout=DONE_WITHIN):
        return None
    await connection.execute(_FORGOTTEN, tenant_id, user_id, timeout=DONE_WITHIN)
    blanks = [_blank(row) for row in traces.said]
    *found, told = await as_they_stand(connection, tenant_id, user_id, traces)
    signed, notices = [
        [one for row in rows if (one := _unnamed(row, user_id, traces.names))] for rows in found
    ]
    await connection.executemany(_BLANK, [*blanks, *signed, *notices], timeout=DONE_WITHIN)
    untold = [one for row in told if (one := _untold(row, user_id, traces.names))]
    await connection.executemany(
        _RENAME, [(tenant_id, *one) for one in untold], timeout=DONE_WITHIN
    )
    rooms = sorted({row[0] for row in (*blanks, *signed, *notices)})
    await connection.execute(_TELL, tenant_id, user_id, rooms, timeout=DONE_WITHIN)
    messages = [row["message_id"] for row in traces.said if row["kind"] == MESSAGE]
    await connection.execute(_UNLEARN, tenant_id, user_id, messages, timeout=DONE_WITHIN)
    # Whoever has read their words to index them is done before, whoever comes after reads none.
    await connection.execute(ALONE, timeout=DONE_WITHIN)
    places = {(row["room_id"], row["seq"]) for row in (*traces.said, *traces.indexed)}
    places |= {(room_id, seq) for room_id, seq, _, _ in notices}
    await connection.executemany(_UNINDEX, sorted(places), timeout=DONE_WITHIN)
    for sql in _GONE:
        await connection.execute(sql, tenant_id, user_id, timeout=DONE_WITHIN)
    answers = await connection.fetch(_ANSWERS, user_id, timeout=DONE_WITHIN)
    await connection.executemany(
        _ANSWER,
        [(row["scope"], row["key"], _answer(row["body"], user_id)) for row in answers],
        timeout=DONE_WITHIN,
    )
    return len(blanks)


def _without(text: str, names: re.Pattern[str] | None) -> str:
    return text if names is None else names.sub(SOMEBODY, text)


def _unnamed(
    row: asyncpg.Record, user_id: str, names: re.Pattern[str] | None
) -> tuple[Any, ...] | None:
    """An event without their personas' names, or with no name in what the server itself said; None: it bears none."""
    event = before = event_of(row)
    match event:
        case RoomChanged(persona=PersonaView(owner_id=owner_id) as persona) if owner_id == user_id:
            event = replace(event, persona=replace(persona, name=""))
        case MessagePosted(sender=sender) if sender.id == SYSTEM.id:
            event = replace(event, content=_without(event.content, names))
        case MessagePosted(sender=sender):
            event = replace(event, sender=replace(sender, name=""))
    if event is None or event == before:
        return None
    return row["room_id"], row["seq"], row["sent_at"], encode(event)


def _untold(
    row: asyncpg.Record, user_id: str, names: re.Pattern[str] | None
) -> tuple[Any, ...] | None:
    """What somebody else was told, without the names; None, when nobody can read it."""
    try:
        told = _TOLD.decode(row["body"])
    except ValueError:
        return None
    if isinstance(told, RoomInvited):
        room = told.room
        members = [replace(one, name="") if one.id == user_id else one for one in room.members]
        personas = [
            replace(one, name="") if one.owner_id == user_id else one for one in room.personas
        ]
        told = replace(told, room=replace(room, members=members, personas=personas))
    else:
        question = told.question
        if question is not None:
            options = [replace(one, text=_without(one.text, names)) for one in question.options]
            question = replace(question, options=options)
        note = None if told.note is None else _without(told.note, names)
        told = replace(told, note=note, question=question)
    return row["user_id"], row["seq"], encode(told)


def _blank(row: asyncpg.Record) -> tuple[Any, ...]:
    """As a deletion leaves it, and without the name; of what nobody can read, nothing."""
    place = row["room_id"], row["seq"], row["sent_at"]
    event = event_of(row)
    if event is None:
        return *place, b""
    if isinstance(event, MessagePosted):
        nobody = replace(event.sender, name="")
        event = replace(event, sender=nobody, content="", attachments=None, cards=None)
    elif isinstance(event, MessageEdited):
        event = replace(event, content="")
    return *place, encode(event)


def _answer(body: bytes, user_id: str) -> bytes:
    """What somebody was answered over HTTP; without the names, and what they wrote of an appointment. Of what
    nobody can read, nothing."""
    try:
        return msgspec.json.encode(_impersonal(msgspec.json.decode(body), user_id))
    except ValueError:
        return b""


def _impersonal(value: Any, user_id: str) -> Any:
    if isinstance(value, list):
        return [_impersonal(one, user_id) for one in value]
    if not isinstance(value, dict):
        return value
    traveller = value.get("traveller")
    said_by = {
        "name": (value.get("id"), value.get("ownerId")),
        "handle": (value.get("id"),),
        "about": (traveller.get("id") if isinstance(traveller, dict) else None,),
        "note": (value.get("cancelledBy"),),
    }
    return {
        word: "" if user_id in said_by.get(word, ()) else _impersonal(one, user_id)
        for word, one in value.items()
    }
