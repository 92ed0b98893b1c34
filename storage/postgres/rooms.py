"""The `Rooms` port over room, membership, read_pointer and the message log's rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import asyncpg

from core.ids import is_uuid
from core.ports.message_log import EventKind, LogRow
from core.ports.repositories import (
    MemberRecord,
    NewRoom,
    PersonaRecord,
    RoomRecord,
    RoomSummary,
)
from storage.months import Month
from storage.postgres.log_writer import ensure_leaves
from storage.postgres.pool import Connection, Database

MAX_UNREAD: Final = 999
APPENDED: Final = "room.appended"
SAID: Final = "room.said"

HEAD: Final = """greatest(room.first - 1,
    (SELECT coalesce(max(seq), 0) FROM message WHERE message.room_id = room.id))"""
"""A log emptied by retention keeps its head (see the column `room.first`)."""

_MEMBERS: Final = """SELECT m.user_id, coalesce(account.name, '') AS name, m.role, m.state,
        m.from_seq, m.muted_until, coalesce(r.seq, 0) AS read_seq
    FROM membership m
    LEFT JOIN account ON account.id = m.user_id
    LEFT JOIN read_pointer r ON r.room_id = m.room_id AND r.user_id = m.user_id
    WHERE m.room_id = $1"""


_PERSONAS: Final = """SELECT persona_id, owner_id, name, from_seq FROM room_persona
    WHERE room_id = $1 ORDER BY from_seq, persona_id"""


class PostgresRooms:
    """Rooms as rows. Each method is one crossing; a room of a foreign form of id is unknown.

    `on_stored` is called in the trio thread after each room that was made: the outbox has news.
    """

    def __init__(self, database: Database, *, on_stored: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._on_stored = on_stored

    async def create(self, room: NewRoom) -> tuple[str, bool]:
        try:
            room_id, is_new = await self._database.transaction(_create, room)
        except asyncpg.CheckViolationError:  # no leaf for this month yet
            await self._database.call(ensure_leaves, [Month.of(room.created_at)])
            room_id, is_new = await self._database.transaction(_create, room)
        if is_new:
            self._on_stored()
        return room_id, is_new

    async def find(self, room: NewRoom) -> str | None:
        return await self._database.call(_existing, room)

    async def load(self, tenant_id: int, room_id: str) -> RoomRecord | None:
        if not is_uuid(room_id):
            return None
        return await self._database.call(_load, tenant_id, room_id)

    async def members(
        self, tenant_id: int, room_id: str, *, after_user: str | None, limit: int
    ) -> Sequence[MemberRecord]:
        if not is_uuid(room_id) or (after_user is not None and not is_uuid(after_user)):
            return []
        return await self._database.call(
            _members, tenant_id, room_id, after_user=after_user, limit=limit
        )

    async def of_user(
        self, tenant_id: int, user_id: str, *, before: str | None, limit: int
    ) -> Sequence[RoomSummary]:
        if not is_uuid(user_id) or (before is not None and not is_uuid(before)):
            return []
        return await self._database.call(_of_user, tenant_id, user_id, before=before, limit=limit)

    async def is_member(self, tenant_id: int, room_id: str, user_id: str) -> bool:
        if not (is_uuid(room_id) and is_uuid(user_id)):
            return False
        return await self._database.call(_is_member, tenant_id, room_id, user_id)

    async def advance_read(self, tenant_id: int, room_id: str, reads: Mapping[str, int]) -> None:
        await self._database.call(_advance_read, tenant_id, room_id, reads)

    async def set_muted(
        self, tenant_id: int, room_id: str, user_id: str, until: int | None
    ) -> None:
        await self._database.call(_set_muted, tenant_id, room_id, user_id, until=until)


async def _create(connection: Connection, room: NewRoom) -> tuple[str, bool]:
    """A conflict waits for the other transaction, so the second statement sees the first room."""
    is_new = await connection.fetchval(
        """INSERT INTO room (id, tenant_id, kind, title, history, creator_id, create_client_id,
                             direct_key, epoch, created_at, had_personas)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
           ON CONFLICT DO NOTHING RETURNING true""",
        room.id,
        room.tenant_id,
        room.kind,
        room.title,
        room.history,
        room.creator_id,
        room.client_id,
        room.direct_key,
        room.epoch,
        room.created_at,
        bool(room.personas),
    )
    if is_new is None:
        known = await _existing(connection, room)
        if known is None:
            raise LookupError(f"what was in the way of the room {room.id} is gone")
        return known, False
    await _add_members(connection, room)
    await _add_personas(connection, room)
    await _add_first_events(connection, room)
    return room.id, True


async def _existing(connection: Connection, room: NewRoom) -> str | None:
    """The pair's room before the one of this `client_id`: a pair has one, whoever asked how."""
    found: str | None = await connection.fetchval(
        """SELECT id FROM room WHERE tenant_id = $1
               AND (direct_key = $2 OR (creator_id = $3 AND create_client_id = $4))
           ORDER BY direct_key = $2 DESC NULLS LAST LIMIT 1""",
        room.tenant_id,
        room.direct_key,
        room.creator_id,
        room.client_id,
    )
    return found


async def _add_members(connection: Connection, room: NewRoom) -> None:
    invited = sorted(set(room.invited) - {room.creator_id})
    await connection.execute(
        """INSERT INTO membership (room_id, tenant_id, user_id, role, state, from_seq)
           SELECT $1, $2, u, CASE WHEN u = $3 AND $5 = 'group' THEN 'owner' ELSE 'member' END,
                  CASE WHEN u = $3 THEN 'joined' ELSE 'invited' END, 1
           FROM unnest($4::uuid[]) AS u""",
        room.id,
        room.tenant_id,
        room.creator_id,
        [room.creator_id, *invited],
        room.kind,
    )


async def _add_personas(connection: Connection, room: NewRoom) -> None:
    if room.personas:
        await connection.executemany(
            """INSERT INTO room_persona (room_id, tenant_id, persona_id, owner_id, name, from_seq)
               VALUES ($1, $2, $3, $4, $5, $6)""",
            [
                (room.id, room.tenant_id, one.persona_id, one.owner_id, one.name, one.from_seq)
                for one in room.personas
            ],
        )


async def _add_first_events(connection: Connection, room: NewRoom) -> None:
    """Outside the fence, which keeps stale owners out: a room that is not there yet has none."""
    created = LogRow(
        seq=1,
        sent_at=room.created_at,
        kind=EventKind.ROOM,
        sender_id=room.creator_id,
        body=room.created,
    )
    await connection.executemany(
        """INSERT INTO message (seq, sent_at, room_id, tenant_id, kind, sender_id, message_id, body)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        [
            (
                row.seq,
                row.sent_at,
                room.id,
                room.tenant_id,
                row.kind.value,
                row.sender_id,
                row.message_id,
                row.body,
            )
            for row in (created, *room.more)
        ],
    )
    await connection.execute(
        "INSERT INTO outbox (tenant_id, topic, key, first, last) VALUES ($1, $2, $3, 1, $4)",
        room.tenant_id,
        APPENDED,
        room.id,
        1 + len(room.more),
    )


async def _load(connection: Connection, tenant_id: int, room_id: str) -> RoomRecord | None:
    """All statements see one snapshot: members, personas and head as of one moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(
            f"SELECT room.*, {HEAD} AS head FROM room WHERE id = $2 AND tenant_id = $1",
            tenant_id,
            room_id,
        )
        if row is None:
            return None
        members = await connection.fetch(f"{_MEMBERS} ORDER BY m.user_id", room_id)
        personas = await connection.fetch(_PERSONAS, room_id) if row["had_personas"] else []
    return RoomRecord(
        id=row["id"],
        tenant_id=row["tenant_id"],
        kind=row["kind"],
        title=row["title"],
        settings=row["settings"],
        history=row["history"],
        creator_id=row["creator_id"],
        epoch=row["epoch"],
        created_at=row["created_at"],
        head=row["head"],
        first=row["first"],
        members=tuple(_member(member) for member in members),
        personas=tuple(PersonaRecord(**persona) for persona in personas),
        had_personas=row["had_personas"],
    )


async def _members(
    connection: Connection, tenant_id: int, room_id: str, *, after_user: str | None, limit: int
) -> Sequence[MemberRecord]:
    rows = await connection.fetch(
        f"""{_MEMBERS} AND m.tenant_id = $2 AND ($3::uuid IS NULL OR m.user_id > $3)
            ORDER BY m.user_id LIMIT $4""",
        room_id,
        tenant_id,
        after_user,
        limit,
    )
    return [_member(row) for row in rows]


async def _of_user(
    connection: Connection, tenant_id: int, user_id: str, *, before: str | None, limit: int
) -> Sequence[RoomSummary]:
    """Dense seqs make counting a subtraction. The last message is sought in the last thousand
    events, so that a room of nothing but reactions costs no long search."""
    rows = await connection.fetch(
        f"""WITH mine AS (
                SELECT room.id, room.kind, room.title, room.created_at, m.role, m.state,
                       greatest(m.from_seq, room.first) AS from_seq, m.muted_until,
                       coalesce(r.seq, 0) AS read, {HEAD} AS head
                FROM membership m JOIN room ON room.id = m.room_id
                LEFT JOIN read_pointer r ON r.room_id = m.room_id AND r.user_id = m.user_id
                WHERE m.tenant_id = $1 AND m.user_id = $2 AND ($3::uuid IS NULL OR room.id < $3)
                ORDER BY room.id DESC LIMIT $4)
            SELECT mine.*, greatest(0, least($5, head - greatest(read, from_seq - 1))) AS unread,
                last.body AS last_body,
                (SELECT body FROM message
                 WHERE room_id = mine.id AND target_seq = last.seq AND kind = $7
                 ORDER BY seq DESC LIMIT 1) AS last_edit
            FROM mine LEFT JOIN LATERAL (
                SELECT body, seq FROM message
                WHERE room_id = mine.id AND kind = $6 AND seq >= greatest(from_seq, head - 999)
                ORDER BY seq DESC LIMIT 1) AS last ON true
            ORDER BY mine.id DESC""",
        tenant_id,
        user_id,
        before,
        limit,
        MAX_UNREAD,
        EventKind.MESSAGE.value,
        EventKind.EDITED.value,
    )
    return [_summary(row) for row in rows]


async def _is_member(connection: Connection, tenant_id: int, room_id: str, user_id: str) -> bool:
    found: bool = await connection.fetchval(
        """SELECT EXISTS (SELECT FROM membership
                          WHERE room_id = $2 AND user_id = $3 AND tenant_id = $1)""",
        tenant_id,
        room_id,
        user_id,
    )
    return found


async def _advance_read(
    connection: Connection, tenant_id: int, room_id: str, reads: Mapping[str, int]
) -> None:
    """Users in one order, so that two calls never wait for each other in a circle."""
    users = sorted(reads)
    await connection.execute(
        """INSERT INTO read_pointer (tenant_id, room_id, user_id, seq)
           SELECT $1, $2, u, s FROM unnest($3::uuid[], $4::int8[]) AS moved (u, s)
           ON CONFLICT (room_id, user_id) DO UPDATE SET seq = excluded.seq
               WHERE read_pointer.seq < excluded.seq""",
        tenant_id,
        room_id,
        users,
        [reads[user] for user in users],
    )


async def _set_muted(
    connection: Connection, tenant_id: int, room_id: str, user_id: str, *, until: int | None
) -> None:
    await connection.execute(
        """UPDATE membership SET muted_until = $4
           WHERE tenant_id = $1 AND room_id = $2 AND user_id = $3""",
        tenant_id,
        room_id,
        user_id,
        until,
    )


def _member(row: asyncpg.Record) -> MemberRecord:
    return MemberRecord(
        user_id=row["user_id"],
        name=row["name"],
        role=row["role"],
        state=row["state"],
        from_seq=row["from_seq"],
        read_seq=row["read_seq"],
        muted_until=row["muted_until"],
    )


def _summary(row: asyncpg.Record) -> RoomSummary:
    return RoomSummary(
        id=row["id"],
        kind=row["kind"],
        title=row["title"],
        role=row["role"],
        state=row["state"],
        head=row["head"],
        read=row["read"],
        unread=row["unread"],
        muted_until=row["muted_until"],
        last_body=row["last_body"],
        last_edit=row["last_edit"],
        created_at=row["created_at"],
    )
