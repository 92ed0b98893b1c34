"""What is kept of one person, in every table: for who asks what we know of them.

A line of JSON per row: `{"kind": …, …columns}`, times as stored. Only what is theirs: others' messages
and memories are not, nor are secrets, and verdicts about fraud are the operator's.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import asyncpg
import msgspec

from storage.credentials.traveller_seal import TravellerSeal
from storage.postgres.pool import Connection, Database

ROW_WITHIN: Final = 600.0
"""Seconds: who said what is looked for in twelve months of messages."""

# $1: the tenant, $2: the person.
EXPORTED: Final[Mapping[str, str]] = {
    "account": """
        SELECT id, handle, name, email, role, locale, time_zone, currency, preferences, created_at
          FROM account WHERE tenant_id = $1 AND id = $2""",
    "login": """
        SELECT id, created_at, renewed_at, revoked_at FROM login WHERE tenant_id = $1 AND user_id = $2""",
    "session": """
        SELECT id, opened_at, expires_at FROM session WHERE tenant_id = $1 AND user_id = $2""",
    "room": """
        SELECT id, title, settings, created_at FROM room WHERE tenant_id = $1 AND creator_id = $2""",
    "membership": """
        SELECT m.room_id, room.title, m.role, m.state, m.from_seq, m.muted_until
          FROM membership m JOIN room ON room.id = m.room_id
         WHERE m.tenant_id = $1 AND m.user_id = $2""",
    "read_pointer": """
        SELECT room_id, seq FROM read_pointer WHERE tenant_id = $1 AND user_id = $2""",
    "message": """
        SELECT room_id, seq, sent_at, body FROM message
         WHERE tenant_id = $1 AND sender_id = $2::uuid::text""",
    "inbox_item": """
        SELECT seq, created_at, kind AS item_kind, body FROM inbox_item
         WHERE tenant_id = $1 AND user_id = $2""",
    "plan": """
        SELECT room_id, version, snapshot FROM plan
         WHERE tenant_id = $1 AND position(convert_to($2::uuid::text, 'UTF8') IN snapshot) > 0""",
    "plan_change": """
        SELECT c.room_id, c.version, c.at, c.body FROM plan_change c JOIN plan p USING (room_id)
         WHERE p.tenant_id = $1 AND c.author = $2::uuid::text""",
    "plan_calendar": """
        SELECT room_id, created_at FROM plan_calendar WHERE tenant_id = $1 AND user_id = $2""",
    "persona": """
        SELECT id, name, style, about, greeting, card, is_favourite, created_at
          FROM persona WHERE tenant_id = $1 AND owner_id = $2""",
    "persona_choice": """
        SELECT room_id, persona_id, chosen_at FROM persona_choice
         WHERE tenant_id = $1 AND user_id = $2""",
    "persona_run": """
        SELECT id, room_id, persona_id, message_id, started_at, outcome, intent, tools
          FROM persona_run WHERE tenant_id = $1 AND asker_id = $2""",
    "persona_shown": """
        SELECT s.run_id, s.shown_at, s.place, s.item_id, s.tower, s.features
          FROM persona_run r JOIN persona_shown s ON (s.tenant_id, s.run_id) = (r.tenant_id, r.id)
         WHERE r.tenant_id = $1 AND r.asker_id = $2""",
    "persona_feedback": """
        SELECT persona_id, message_id, given_at, value, item_id, reason
          FROM persona_feedback WHERE tenant_id = $1 AND user_id = $2""",
    "persona_taste": """
        SELECT persona_id, learning_model FROM persona_taste WHERE tenant_id = $1 AND user_id = $2""",
    "persona_memory": """
        SELECT m.id, m.persona_id, m.room_id, m.created_at, m.expires_at, m.in_groups,
               m.kind AS memory_kind, m.slot, m.text
          FROM persona_memory m JOIN persona p ON (p.tenant_id, p.id) = (m.tenant_id, m.persona_id)
         WHERE m.tenant_id = $1 AND (m.about = $2 OR m.about IS NULL AND p.owner_id = $2)""",
    "listing": """
        SELECT id, name, style, about, greeting, card, summary, tags, published_at, is_offered, suspended_for
          FROM listing WHERE tenant_id = $1 AND owner_id = $2""",
    "listing_import": """
        SELECT i.listing_id, i.imported_at, r.written_at, r.stars, r.text
          FROM listing_import i LEFT JOIN listing_review r USING (tenant_id, listing_id, user_id)
         WHERE i.tenant_id = $1 AND i.user_id = $2""",
    "consultation": """
        SELECT id, professional_id, traveller_id, starts_at, ends_at, state, cancelled_by, tags, metered_ms,
               CASE WHEN traveller_id = $2 THEN about END AS about,
               CASE WHEN cancelled_by = $2 THEN note END AS note
          FROM consultation WHERE tenant_id = $1 AND (professional_id = $2 OR traveller_id = $2)""",
    "offer": """
        SELECT id, fetched_at, amount, currency, supplier, query, details
          FROM offer WHERE tenant_id = $1 AND user_id = $2""",
    "trip_quote": """
        SELECT id, room_id, created_at, amount, currency, routes, is_booked
          FROM trip_quote WHERE tenant_id = $1 AND user_id = $2""",
    "booking": """
        SELECT b.booking_id, b.room_id, b.creator_id, b.created_at, b.ended_at, b.status, b.amount AS total,
               b.currency, p.amount AS share, p.state AS share_state
          FROM booking_participant p JOIN booking b ON b.booking_id = p.booking_id
         WHERE p.tenant_id = $1 AND p.user_id = $2""",
    "ledger_entry": """
        SELECT e.booking_id, e.posting, o.posted_at, e.amount, o.currency, o.is_memo
          FROM booking_participant p
          JOIN ledger_entry e ON e.booking_id = p.booking_id
                             AND e.account = 'participant:' || p.user_id
          JOIN ledger_posting o ON o.booking_id = e.booking_id AND o.name = e.posting
         WHERE p.tenant_id = $1 AND p.user_id = $2""",
    "payment_attempt": """
        SELECT booking_id, at, is_refused FROM payment_attempt
         WHERE tenant_id = $1 AND user_id = $2""",
    "traveller": """
        SELECT booking_id, traveller_id, sealed FROM traveller
         WHERE tenant_id = $1 AND given_by = $2""",
}


class UnwritableError(RuntimeError):
    """What is told cannot be written down; the sentence says why."""


async def export(
    database: Database, tenant_id: int, user_id: str, out: BinaryIO, *, seal: TravellerSeal
) -> Mapping[str, int]:
    """Write it all, as at one moment; how many rows of each kind. `out` is written to from another thread.

    Raises `MasterKeyError` when travellers' data were sealed under another key, `UnwritableError`, and
    `Unavailable`.
    """
    return await database.call(_export, tenant_id, user_id, out, seal)


async def _export(
    connection: Connection, tenant_id: int, user_id: str, out: BinaryIO, seal: TravellerSeal
) -> Mapping[str, int]:
    rows = dict.fromkeys(EXPORTED, 0)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for kind, sql in EXPORTED.items():
            query = await connection.prepare(sql)
            types = {each.name: each.type.name for each in query.get_attributes()}
            async for row in query.cursor(tenant_id, user_id, timeout=ROW_WITHIN):
                values = {name: _readable(row[name], types[name]) for name in types}
                if kind == "traveller":
                    values["sealed"] = _opened(seal, tenant_id, row)
                if kind == "plan":
                    values["snapshot"] = _naming(user_id, row["snapshot"])
                _write(out, msgspec.json.encode({"kind": kind, **values}) + b"\n")
                rows[kind] += 1
    return rows


def _write(out: BinaryIO, line: bytes) -> None:
    """Its `OSError` would look like one of the database's."""
    try:
        out.write(line)
    except OSError as error:
        raise UnwritableError(f"It cannot be written down ({error.strerror}).") from None


def _opened(seal: TravellerSeal, tenant_id: int, row: asyncpg.Record) -> object:
    return seal.open(tenant_id, row["booking_id"], row["traveller_id"], row["sealed"])


def _naming(user_id: str, snapshot: bytes) -> list[Any]:
    """What stands on a board of them: what they pay, share, carry, and their own votes alone."""
    items = msgspec.msgpack.decode(snapshot)["items"]
    for _, item in items:
        if "votes" in item["fields"]:
            votes = item["fields"]["votes"]
            item["fields"]["votes"] = {who: what for who, what in votes.items() if who == user_id}
    return [item for item in items if user_id.encode() in msgspec.json.encode(item)]


def _readable(value: Any, kind: str) -> Any:
    """Bytes are JSON or MessagePack with us; what is neither is base64."""
    if kind == "jsonb" and value is not None:
        return json.loads(value)
    if not isinstance(value, bytes):
        return value
    for decode in (msgspec.json.decode, msgspec.msgpack.decode):
        try:
            return decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return base64.b64encode(value).decode()
