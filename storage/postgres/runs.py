"""The `Runs` port over the tables persona_run and persona_shown."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from core.ids import is_uuid
from core.ports.personas import Run, SegmentRecord, Shown, ShownTo
from storage.postgres.pool import Connection, Database

_SEGMENTS: Final = msgspec.json.Decoder(tuple[SegmentRecord, ...])

_COLUMNS: Final = """id, room_id, persona_id, asker_id, message_id, reply_to, started_at, outcome,
    intent, tools, segments, ended_at, seq, cost"""

_BEGIN: Final = f"""
INSERT INTO persona_run (tenant_id, {_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (tenant_id, id) DO """

_END: Final = (
    _BEGIN
    + """UPDATE SET outcome = excluded.outcome, intent = excluded.intent,
    tools = excluded.tools, segments = excluded.segments, ended_at = excluded.ended_at,
    seq = excluded.seq, cost = excluded.cost"""
)

# Lists of lists are rectangles in SQL: features come as texts, one list each.
_END_WITH_SHOWN: Final = f"""
WITH ended AS ({_END})
INSERT INTO persona_shown (tenant_id, run_id, shown_at, card_id, item_id, place, features, tower)
SELECT $1, $2, $8, card_id, item_id, place, features::float8[], tower
  FROM unnest($16::text[], $17::text[], $18::int2[], $19::text[], $20::text[])
    AS u(card_id, item_id, place, features, tower)
ON CONFLICT (tenant_id, run_id, card_id) DO UPDATE
   SET item_id = excluded.item_id, place = excluded.place, features = excluded.features,
       tower = excluded.tower"""

_FAIL: Final = f"""
UPDATE persona_run SET outcome = 'failed', ended_at = $3
 WHERE tenant_id = $1 AND room_id = $2 AND outcome = 'open' RETURNING {_COLUMNS}"""

_FAILED: Final = f"""
SELECT {_COLUMNS} FROM persona_run
 WHERE tenant_id = $1 AND room_id = $2 AND outcome = 'failed' AND seq IS NULL AND ended_at > $3
 ORDER BY ended_at DESC, id DESC LIMIT $4"""

_GET: Final = f"SELECT {_COLUMNS} FROM persona_run WHERE tenant_id = $1 AND id = $2"

_OF_MESSAGE: Final = f"""
SELECT {_COLUMNS} FROM persona_run WHERE tenant_id = $1 AND message_id = $2 LIMIT 1"""

_OF_PERSONA: Final = f"""
SELECT {_COLUMNS} FROM persona_run
 WHERE tenant_id = $1 AND persona_id = $2 AND ($3::uuid IS NULL OR id < $3)
 ORDER BY id DESC LIMIT $4"""

_SHOWN: Final = """
SELECT card_id, item_id, place, features, tower FROM persona_shown
 WHERE tenant_id = $1 AND run_id = $2 ORDER BY place, card_id"""


_SHOWN_TO_ALL: Final = """
SELECT (SELECT asker_id FROM persona_run AS run WHERE run.tenant_id = $1 AND run.id = page.run_id),
       run_id, shown_at, card_id, item_id, place, features, tower
  FROM persona_shown AS page
 WHERE tenant_id = $1 AND shown_at <= $2 AND (shown_at, run_id, card_id) < ($2, $3, $4)
 ORDER BY shown_at DESC, run_id DESC, card_id DESC LIMIT $5"""

END: Final = (2**63 - 1, "ffffffff-ffff-ffff-ffff-ffffffffffff", "")
"""After the newest of all."""


class PostgresRuns:
    """Runs as rows. Each method is one crossing; an id of a foreign form is unknown. Housekeeping
    removes what is too old."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, tenant_id: int, run: Run) -> None:
        await self._database.call(_execute, f"{_BEGIN} NOTHING", _row(tenant_id, run))

    async def end(self, tenant_id: int, run: Run, shown: Sequence[Shown] = ()) -> None:
        row = _row(tenant_id, run)
        once = {one.card_id: one for one in shown}.values()
        if once:
            columns = [list(column) for column in zip(*map(_shown, once), strict=True)]
            await self._database.call(_execute, _END_WITH_SHOWN, (*row, *columns))
        else:
            await self._database.call(_execute, _END, row)

    async def fail_open(self, tenant_id: int, room_id: str, *, at: int) -> Sequence[Run]:
        if not is_uuid(room_id):
            return []
        rows = await self._database.call(_fetch, _FAIL, tenant_id, room_id, at)
        return sorted(map(_run, rows), key=lambda run: (run.started_at, run.id))

    async def failed_since(
        self, tenant_id: int, room_id: str, *, since: int, limit: int
    ) -> Sequence[Run]:
        if not is_uuid(room_id):
            return []
        rows = await self._database.call(_fetch, _FAILED, tenant_id, room_id, since, limit)
        return [_run(row) for row in reversed(rows)]

    async def get(self, tenant_id: int, run_id: str) -> Run | None:
        return await self._one(_GET, tenant_id, run_id)

    async def of_message(self, tenant_id: int, message_id: str) -> Run | None:
        return await self._one(_OF_MESSAGE, tenant_id, message_id)

    async def of_persona(
        self, tenant_id: int, persona_id: str, *, before: str | None, limit: int
    ) -> Sequence[Run]:
        if not is_uuid(persona_id) or (before is not None and not is_uuid(before)):
            return []
        rows = await self._database.call(_fetch, _OF_PERSONA, tenant_id, persona_id, before, limit)
        return [_run(row) for row in rows]

    async def shown(self, tenant_id: int, run_id: str) -> Sequence[Shown]:
        if not is_uuid(run_id):
            return []
        rows = await self._database.call(_fetch, _SHOWN, tenant_id, run_id)
        return [Shown(**{**row, "features": tuple(row["features"])}) for row in rows]

    async def shown_to_all(
        self, tenant_id: int, *, before: ShownTo | None, limit: int
    ) -> Sequence[ShownTo]:
        after = END if before is None else (before.at, before.run_id, before.shown.card_id)
        rows = await self._database.call(_fetch, _SHOWN_TO_ALL, tenant_id, *after, limit)
        return [_shown_to(row) for row in rows]

    async def _one(self, sql: str, tenant_id: int, key: str) -> Run | None:
        rows = await self._database.call(_fetch, sql, tenant_id, key) if is_uuid(key) else []
        return _run(rows[0]) if rows else None


def _row(tenant_id: int, run: Run) -> tuple[Any, ...]:
    """In the order of `_COLUMNS`."""
    return (
        tenant_id,
        run.id,
        run.room_id,
        run.persona_id,
        run.asker_id,
        run.message_id,
        run.reply_to,
        run.started_at,
        run.outcome,
        run.intent,
        list(run.tools),
        msgspec.json.encode(run.segments).decode(),
        run.ended_at,
        run.seq,
        run.cost,
    )


def _run(row: asyncpg.Record) -> Run:
    segments = _SEGMENTS.decode(row["segments"])
    return Run(**{**row, "tools": tuple(row["tools"]), "segments": segments})


def _shown_to(row: asyncpg.Record) -> ShownTo:
    shown = Shown(
        card_id=row["card_id"],
        item_id=row["item_id"],
        place=row["place"],
        features=tuple(row["features"]),
        tower=row["tower"],
    )
    return ShownTo(
        asker_id=row["asker_id"] or "", run_id=row["run_id"], at=row["shown_at"], shown=shown
    )


def _shown(one: Shown) -> tuple[Any, ...]:
    """In the order of `_END_WITH_SHOWN`. Numbers are written so that they come back as they were."""
    features = "{" + ",".join(repr(float(number)) for number in one.features) + "}"
    return one.card_id, one.item_id, one.place, features, one.tower


async def _execute(connection: Connection, sql: str, row: Sequence[Any]) -> None:
    await connection.execute(sql, *row)


async def _fetch(connection: Connection, sql: str, *values: Any) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *values)
