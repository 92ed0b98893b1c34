"""The `Memories` port over the table persona_memory."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from core.ports.clock import Clock
from core.ports.personas import MemoryItem
from storage.personas import MAX_MEMORIES, MAX_USABLE, forgotten
from storage.postgres.identifiers import is_uuid
from storage.postgres.pool import Connection, Database

_COLUMNS: Final = """id, persona_id, kind, text, about, room_id, source_message, in_groups, slot,
    value, created_at, expires_at"""

# One that adds at a time: the bound and the slots hold. Foreign keys to the persona do not wait.
_LOCK: Final = """
SELECT true FROM persona WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"""

_IS_KNOWN: Final = """
SELECT true FROM persona_memory WHERE tenant_id = $1 AND id = $2"""

# In both: {about} is `about = $3` or `about IS NULL`, of which both have an index.
_SAME_SLOT: Final = """
FROM persona_memory WHERE tenant_id = $1 AND persona_id = $2 AND {about}
   AND $3::uuid IS NOT DISTINCT FROM about AND room_id IS NOT DISTINCT FROM $4 AND slot = $5"""
_MAKE_ROOM: Final = """
DELETE FROM persona_memory WHERE tenant_id = $1 AND id IN (
    SELECT id FROM persona_memory WHERE tenant_id = $1 AND persona_id = $2 AND {about}
       AND $3::uuid IS NOT DISTINCT FROM about
     ORDER BY id = $4 DESC, coalesce(expires_at > $5, true) DESC, kind = 'taboo' DESC,
              kind <> 'episode' DESC, created_at DESC, id DESC OFFSET $6)"""

_ADD: Final = f"""
INSERT INTO persona_memory (tenant_id, {_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"""

# $3 the user, $4 the room. The first line is what the indexes find; the rest is the boundary.
_USABLE: Final = f"""
SELECT {_COLUMNS} FROM persona_memory
 WHERE tenant_id = $1 AND persona_id = $2 AND (room_id = $4 OR about = $3 OR about IS NULL)
   AND (room_id = $4
        OR (in_groups AND (about = $3 OR about IS NULL))
        OR (NOT $5::bool AND (about = $3 OR (about IS NULL AND room_id IS NULL))))
   AND (expires_at IS NULL OR expires_at > $6)
 ORDER BY kind = 'taboo' DESC, created_at DESC, id DESC LIMIT $7"""

_IS_HIS: Final = """(about = $3 OR (about IS NULL AND EXISTS (
        SELECT FROM persona WHERE persona.tenant_id = $1 AND persona.id = persona_memory.persona_id
           AND persona.owner_id = $3)))
   AND (expires_at IS NULL OR expires_at > $4)"""

_OF_PERSON: Final = f"""
SELECT {_COLUMNS} FROM persona_memory
 WHERE tenant_id = $1 AND persona_id = $2 AND (about = $3 OR about IS NULL) AND {_IS_HIS}
 ORDER BY created_at DESC, id DESC"""

_CHANGE: Final = f"""
UPDATE persona_memory SET
    text = coalesce($5, text), in_groups = coalesce($6, in_groups),
    value = CASE WHEN $5 IS NULL OR $5 = text THEN value END
 WHERE tenant_id = $1 AND id = $2 AND {_IS_HIS} RETURNING {_COLUMNS}"""

_REMOVE: Final = f"""
DELETE FROM persona_memory WHERE tenant_id = $1 AND id = $2 AND {_IS_HIS} RETURNING id"""

_FORGET: Final = """
DELETE FROM persona_memory WHERE tenant_id = $1 AND source_message = $2 RETURNING id"""


class PostgresMemories:
    """What personas remember, as rows. Each method is one crossing; an id of a foreign form is
    unknown. A foreign key takes them along with their persona; housekeeping removes what expired."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def add(self, tenant_id: int, item: MemoryItem) -> None:
        await self._database.transaction(_add, tenant_id, item, self._clock.now_ms())

    async def usable(
        self, tenant_id: int, persona_id: str, *, user_id: str, room_id: str, is_group: bool
    ) -> Sequence[MemoryItem]:
        if not is_uuid(persona_id):
            return []
        user, room = _or_none(user_id), _or_none(room_id)
        now = self._clock.now_ms()
        row = tenant_id, persona_id, user, room, is_group, now, MAX_USABLE
        return [_item(found) for found in await self._database.call(_fetch, _USABLE, row)]

    async def of_person(
        self, tenant_id: int, persona_id: str, user_id: str
    ) -> Sequence[MemoryItem]:
        if not (is_uuid(persona_id) and is_uuid(user_id)):
            return []
        row = tenant_id, persona_id, user_id, self._clock.now_ms()
        return [_item(found) for found in await self._database.call(_fetch, _OF_PERSON, row)]

    async def change(
        self,
        tenant_id: int,
        memory_id: str,
        user_id: str,
        *,
        text: str | None,
        in_groups: bool | None,
    ) -> MemoryItem:
        rows = await self._his(_CHANGE, tenant_id, memory_id, user_id, text, in_groups)
        return _item(rows[0])

    async def remove(self, tenant_id: int, memory_id: str, user_id: str) -> None:
        await self._his(_REMOVE, tenant_id, memory_id, user_id)

    async def forget_message(self, tenant_id: int, message_id: str) -> int:
        if not is_uuid(message_id):
            return 0
        return len(await self._database.call(_fetch, _FORGET, (tenant_id, message_id)))

    async def _his(
        self, sql: str, tenant_id: int, memory_id: str, user_id: str, *values: Any
    ) -> list[asyncpg.Record]:
        if not (is_uuid(memory_id) and is_uuid(user_id)):
            raise forgotten()
        row = tenant_id, memory_id, user_id, self._clock.now_ms(), *values
        rows = await self._database.call(_fetch, sql, row)
        if not rows:
            raise forgotten()
        return rows


async def _add(connection: Connection, tenant_id: int, item: MemoryItem, now: int) -> None:
    if not await connection.fetchval(_LOCK, tenant_id, item.persona_id):
        return
    if await connection.fetchval(_IS_KNOWN, tenant_id, item.id):
        return
    about = "about IS NULL" if item.about is None else "about = $3"
    if item.slot:
        slot = tenant_id, item.persona_id, item.about, item.room_id, item.slot
        same = _SAME_SLOT.format(about=about)
        newest = await connection.fetchval(
            f"SELECT max(created_at) {same} AND (expires_at IS NULL OR expires_at > $6)", *slot, now
        )
        if newest is not None and newest > item.created_at:
            return
        await connection.execute(f"DELETE {same}", *slot)
    await connection.execute(_ADD, *_row(tenant_id, item))
    await connection.execute(
        _MAKE_ROOM.format(about=about),
        tenant_id, item.persona_id, item.about, item.id, now, MAX_MEMORIES,
    )  # fmt: skip


async def _fetch(connection: Connection, sql: str, row: Sequence[Any]) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *row)


def _row(tenant_id: int, item: MemoryItem) -> tuple[Any, ...]:
    """In the order of `_COLUMNS`."""
    return (
        tenant_id,
        item.id,
        item.persona_id,
        item.kind,
        item.text,
        item.about,
        item.room_id,
        item.source_message,
        item.in_groups,
        item.slot,
        None if item.value is None else msgspec.json.encode(item.value),
        item.created_at,
        item.expires_at,
    )


def _item(row: asyncpg.Record) -> MemoryItem:
    value = row["value"]
    return MemoryItem(**{**row, "value": None if value is None else msgspec.json.decode(value)})


def _or_none(key: str) -> str | None:
    """Equal to no id where it is none."""
    return key if is_uuid(key) else None
