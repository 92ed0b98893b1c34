"""The `Personas` port over the tables persona and persona_choice."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec
from msgspec.structs import replace

from core.errors import Unavailable
from core.ids import is_uuid
from core.ports.clock import Clock
from core.ports.personas import Choice, NewPersona, PersonaPatch
from protocol.persona import MAX_PERSONAS, Persona
from storage.personas import MAX_CHOICES, too_many, unknown
from storage.postgres.pool import Connection, Database

MAX_TRIES: Final = 20
"""How often a free slot may be lost to somebody else. Each loss is another's success, and of those
there are as many as slots, unless somebody deletes as fast."""

EVERYWHERE: Final = "00000000-0000-0000-0000-000000000000"
"""The `room_id` of the choice that holds where no other does."""

_COLUMNS: Final = """id, owner_id, name, style, about, greeting, is_favourite, is_paid, version,
    created_at"""

# The lowest free slot. Whoever loses it waits for the winner's commit, and then inserts nothing.
_CREATE: Final = f"""
INSERT INTO persona (tenant_id, id, owner_id, created_at, name, style, about, greeting, card, slot)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, free.slot
  FROM generate_series(0, {MAX_PERSONAS - 1}) AS free (slot)
 WHERE NOT EXISTS (SELECT FROM persona
                    WHERE tenant_id = $1 AND owner_id = $3 AND persona.slot = free.slot)
 ORDER BY free.slot LIMIT 1
ON CONFLICT DO NOTHING RETURNING {_COLUMNS}, NULL::bytea AS card"""

_GET: Final = f"SELECT {_COLUMNS}, card FROM persona WHERE tenant_id = $1 AND id = $2"

_OF_OWNER: Final = f"""
SELECT {_COLUMNS}, NULL::bytea AS card FROM persona
 WHERE tenant_id = $1 AND owner_id = $2 ORDER BY created_at, id"""

_PATCH: Final = f"""
UPDATE persona SET
    name = coalesce($3, name), style = coalesce($4, style), about = coalesce($5, about),
    greeting = coalesce($6, greeting), is_favourite = coalesce($7, is_favourite),
    card = coalesce($8, card),
    version = version + CASE WHEN
        ($3::text IS NULL OR $3 = name) AND ($4::text IS NULL OR $4 = style)
        AND ($5::text IS NULL OR $5 = about) AND ($6::text IS NULL OR $6 = greeting)
        AND ($7::bool IS NULL OR $7 = is_favourite)
        AND ($8::bytea IS NULL OR $8 IS NOT DISTINCT FROM card) THEN 0 ELSE 1 END
 WHERE tenant_id = $1 AND id = $2 RETURNING {_COLUMNS}, card"""

_ROOMS: Final = """
SELECT room_id FROM room_persona WHERE tenant_id = $1 AND persona_id = $2 ORDER BY room_id"""

_SWITCH: Final = """
INSERT INTO persona_choice (tenant_id, user_id, persona_id, room_id, chosen_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, user_id, room_id)
DO UPDATE SET persona_id = excluded.persona_id, chosen_at = excluded.chosen_at"""

_TRIM: Final = """
DELETE FROM persona_choice WHERE tenant_id = $1 AND user_id = $2 AND room_id IN (
    SELECT room_id FROM persona_choice WHERE tenant_id = $1 AND user_id = $2 AND room_id <> $3
     ORDER BY chosen_at DESC, room_id DESC OFFSET $4)"""

_ACTIVE: Final = """
SELECT persona_id, chosen_at FROM persona_choice
 WHERE tenant_id = $1 AND user_id = $2 AND room_id = ANY($3::uuid[])
 ORDER BY room_id DESC LIMIT 1"""


class PostgresPersonas:
    """Personas as rows. Each method is one crossing; an id of a foreign form is unknown."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def create(self, tenant_id: int, new: NewPersona) -> Persona:
        return await self._database.call(_create, tenant_id, new)

    async def get(self, tenant_id: int, persona_id: str) -> Persona | None:
        if not is_uuid(persona_id):
            return None
        return await self._database.call(_get, tenant_id, persona_id)

    async def of_owner(self, tenant_id: int, owner_id: str) -> Sequence[Persona]:
        if not is_uuid(owner_id):
            return []
        return await self._database.call(_of_owner, tenant_id, owner_id)

    async def patch(self, tenant_id: int, persona_id: str, patch: PersonaPatch) -> Persona:
        persona = None
        if is_uuid(persona_id):
            persona = await self._database.call(_patch, tenant_id, persona_id, patch)
        if persona is None:
            raise unknown()
        return persona

    async def remove(self, tenant_id: int, persona_id: str) -> Sequence[str]:
        if not is_uuid(persona_id):
            return []
        return await self._database.transaction(_remove, tenant_id, persona_id)

    async def rooms(self, tenant_id: int, persona_id: str) -> Sequence[str]:
        if not is_uuid(persona_id):
            return []
        return await self._database.call(_rooms, tenant_id, persona_id)

    async def switch(
        self, tenant_id: int, user_id: str, persona_id: str, room_id: str | None
    ) -> None:
        room = EVERYWHERE if room_id is None else room_id
        if not (is_uuid(persona_id) and is_uuid(user_id) and is_uuid(room)):
            raise unknown()
        choice = tenant_id, user_id, persona_id, room, self._clock.now_ms()
        try:
            await self._database.transaction(_switch, choice)
        except asyncpg.ForeignKeyViolationError:
            raise unknown() from None

    async def active(self, tenant_id: int, user_id: str, room_id: str) -> Choice | None:
        if not is_uuid(user_id):
            return None
        rooms = [EVERYWHERE, room_id] if is_uuid(room_id) else [EVERYWHERE]
        return await self._database.call(_active, tenant_id, user_id, rooms)


async def _create(connection: Connection, tenant_id: int, new: NewPersona) -> Persona:
    card = _encoded(new.card)
    for _ in range(MAX_TRIES):
        row = await connection.fetchrow(
            _CREATE, tenant_id, new.id, new.owner_id, new.created_at,
            new.name, new.style, new.about, new.greeting, card,
        )  # fmt: skip
        if row is not None:
            return replace(_persona(row), card=new.card)
        known = await _get(connection, tenant_id, new.id)
        if known is not None and known.owner_id == new.owner_id:
            return known
        if len(await _of_owner(connection, tenant_id, new.owner_id)) >= MAX_PERSONAS:
            raise too_many()
    raise Unavailable


async def _get(connection: Connection, tenant_id: int, persona_id: str) -> Persona | None:
    row = await connection.fetchrow(_GET, tenant_id, persona_id)
    return None if row is None else _persona(row)


async def _of_owner(connection: Connection, tenant_id: int, owner_id: str) -> Sequence[Persona]:
    return [_persona(row) for row in await connection.fetch(_OF_OWNER, tenant_id, owner_id)]


async def _patch(
    connection: Connection, tenant_id: int, persona_id: str, patch: PersonaPatch
) -> Persona | None:
    row = await connection.fetchrow(
        _PATCH, tenant_id, persona_id, patch.name, patch.style, patch.about, patch.greeting,
        patch.is_favourite, _encoded(patch.card),
    )  # fmt: skip
    return None if row is None else _persona(row)


async def _remove(connection: Connection, tenant_id: int, persona_id: str) -> Sequence[str]:
    """What refers to it goes by the foreign keys, also what is being written right now."""
    await connection.execute(
        "DELETE FROM persona WHERE tenant_id = $1 AND id = $2", tenant_id, persona_id
    )
    return await _rooms(connection, tenant_id, persona_id)


async def _rooms(connection: Connection, tenant_id: int, persona_id: str) -> Sequence[str]:
    rows = await connection.fetch(_ROOMS, tenant_id, persona_id)
    return [row["room_id"] for row in rows]


async def _switch(connection: Connection, choice: Sequence[Any]) -> None:
    await connection.execute(_SWITCH, *choice)
    await connection.execute(_TRIM, choice[0], choice[1], EVERYWHERE, MAX_CHOICES)


async def _active(
    connection: Connection, tenant_id: int, user_id: str, rooms: Sequence[str]
) -> Choice | None:
    row = await connection.fetchrow(_ACTIVE, tenant_id, user_id, rooms)
    return None if row is None else Choice(row["persona_id"], row["chosen_at"])


def _encoded(card: dict[str, Any] | None) -> bytes | None:
    return None if card is None else msgspec.json.encode(card)


def _persona(row: asyncpg.Record) -> Persona:
    card = row["card"]
    return Persona(
        id=row["id"],
        owner_id=row["owner_id"],
        name=row["name"],
        style=row["style"],
        about=row["about"],
        greeting=row["greeting"],
        is_favourite=row["is_favourite"],
        is_paid=row["is_paid"],
        card=None if card is None else msgspec.json.decode(card),
        version=row["version"],
        created_at=row["created_at"],
    )
