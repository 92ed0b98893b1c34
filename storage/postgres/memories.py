"""The `Memories` port over the table persona_memory."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from core.ids import is_uuid
from core.ports.clock import Clock
from core.ports.personas import MemoryItem
from storage.personas import MAX_MEMORIES, MAX_USABLE, forgotten, newest_of_slots
from storage.postgres.pool import Connection, Database

_COLUMNS: Final = """id, persona_id, kind, text, about, room_id, source_message, in_groups, slot,
    value, created_at, expires_at"""

# One that adds at a time: the bound and the slots hold. Foreign keys to the persona do not wait.
_LOCK: Final = """
SELECT true FROM persona WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"""

# In both: {about} is `about = $3` or `about IS NULL`, of which both have an index.
# Adds, after what each replaces is gone, and counts what there was before.
_ADD: Final = """
WITH new AS MATERIALIZED (
    SELECT * FROM unnest($5::uuid[], $6::text[], $7::text[], $8::uuid[], $9::uuid[], $10::bool[],
                         $11::text[], $12::bytea[], $13::int8[], $14::int8[])
        AS u(id, kind, text, room_id, source_message, in_groups, slot, value, created_at, expires_at)
     WHERE NOT EXISTS (SELECT FROM persona_memory k WHERE k.tenant_id = $1 AND k.id = u.id)
       AND NOT EXISTS (
            SELECT FROM persona_memory k
             WHERE k.tenant_id = $1 AND k.persona_id = $2 AND {about} AND k.slot = u.slot
               AND k.slot <> '' AND k.room_id IS NOT DISTINCT FROM u.room_id
               AND k.created_at > u.created_at AND (k.expires_at IS NULL OR k.expires_at > $4))
), replaced AS (
    DELETE FROM persona_memory k USING new
     WHERE k.tenant_id = $1 AND k.persona_id = $2 AND {about} AND k.slot = new.slot
       AND k.slot <> '' AND k.room_id IS NOT DISTINCT FROM new.room_id
), added AS (
    INSERT INTO persona_memory (tenant_id, persona_id, about, id, kind, text, room_id, source_message,
                                in_groups, slot, value, created_at, expires_at)
    SELECT $1, $2, $3::uuid, new.* FROM new
)
SELECT count(*) FROM persona_memory k WHERE k.tenant_id = $1 AND k.persona_id = $2 AND {about}
   AND $3::uuid IS NOT DISTINCT FROM about"""

_MAKE_ROOM: Final = """
DELETE FROM persona_memory WHERE tenant_id = $1 AND id IN (
    SELECT id FROM persona_memory WHERE tenant_id = $1 AND persona_id = $2 AND {about}
       AND $3::uuid IS NOT DISTINCT FROM about
     ORDER BY id = ANY($4::uuid[]) DESC, coalesce(expires_at > $5, true) DESC, kind = 'taboo' DESC,
              kind <> 'episode' DESC, created_at DESC, id DESC OFFSET $6)"""

# $3 the user, $4 the room. The first line is what the indexes find; the rest is the boundary.
_USABLE: Final = f"""
SELECT {_COLUMNS} FROM persona_memory
 WHERE tenant_id = $1 AND persona_id = $2 AND (room_id = $4 OR about = $3 OR about IS NULL)
   AND (room_id = $4
        OR (in_groups AND (about = $3 OR about IS NULL))
        OR (NOT $5::bool AND (about = $3 OR (about IS NULL AND room_id IS NULL))))
   AND (expires_at IS NULL OR expires_at > $6) AND ($8::bool OR kind <> 'episode')
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

    async def add(self, tenant_id: int, *items: MemoryItem) -> None:
        kept = newest_of_slots(items)
        if kept:
            await self._database.transaction(_add, tenant_id, kept, self._clock.now_ms())

    async def usable(
        self,
        tenant_id: int,
        persona_id: str,
        *,
        user_id: str,
        room_id: str,
        is_group: bool,
        episodes: bool = True,
    ) -> Sequence[MemoryItem]:
        if not is_uuid(persona_id):
            return []
        user, room = _or_none(user_id), _or_none(room_id)
        now = self._clock.now_ms()
        row = tenant_id, persona_id, user, room, is_group, now, MAX_USABLE, episodes
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


async def _add(
    connection: Connection, tenant_id: int, items: Sequence[MemoryItem], now: int
) -> None:
    """`items`: of one persona, about one person."""
    persona_id, person = items[0].persona_id, items[0].about
    # By itself: a statement sees what was there when it began, and others may add while this one waits.
    if not await connection.fetchval(_LOCK, tenant_id, persona_id):
        return
    about = "about IS NULL" if person is None else "about = $3"
    columns = [list(column) for column in zip(*map(_row, items), strict=True)]
    before = await connection.fetchval(
        _ADD.format(about=about), tenant_id, persona_id, person, now, *columns
    )
    if before + len(items) > MAX_MEMORIES:
        ids = [item.id for item in items]
        make_room = _MAKE_ROOM.format(about=about)
        await connection.execute(make_room, tenant_id, persona_id, person, ids, now, MAX_MEMORIES)


async def _fetch(connection: Connection, sql: str, row: Sequence[Any]) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *row)


def _row(item: MemoryItem) -> tuple[Any, ...]:
    """In the order of the columns of `new` in `_ADD`."""
    return (
        item.id,
        item.kind,
        item.text,
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
