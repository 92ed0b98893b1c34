"""The `Models` port over the tables model and model_run."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import asyncpg

from core.ports.models import (
    MOST_RUNS,
    MOST_VERSIONS,
    TAKEN_BACK,
    WAITS,
    By,
    Job,
    Model,
    ModelKind,
    ModelRun,
    Outcome,
)
from storage.models import (
    GONE,
    REPLACED,
    check,
    is_gone,
    may_begin,
    nothing_active,
    refused,
    unknown,
)
from storage.postgres.identifiers import is_text
from storage.postgres.pool import Connection, Database

LOCK: Final = 0x4D6F646C  # any constant; transaction-scoped

_COLUMNS: Final = "kind, version, digest, state, why, figures, made_at, changed_at, promoted_at"

_ADD: Final = """
INSERT INTO model (tenant_id, kind, version, digest, state, why, figures, made_at, changed_at, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9) ON CONFLICT DO NOTHING"""

_TRIM: Final = """
DELETE FROM model WHERE tenant_id = $1 AND kind = $2 AND version IN (
    SELECT version FROM model WHERE tenant_id = $1 AND kind = $2 AND state <> 'active' AND version <> $3
     ORDER BY state = 'shadow' AND why = $5, made_at, version LIMIT greatest(0,
         (SELECT count(*) FROM model WHERE tenant_id = $1 AND kind = $2) - $4))"""

_REFUSE: Final = """
UPDATE model SET state = 'refused', changed_at = $4, why = $5, figures = $6
 WHERE tenant_id = $1 AND kind = $2 AND version = $3 AND state <> 'active'"""

_ONE: Final = f"SELECT {_COLUMNS} FROM model WHERE tenant_id = $1 AND kind = $2 AND version = $3"

_ACTIVE: Final = f"""
SELECT {_COLUMNS} FROM model WHERE tenant_id = $1 AND kind = $2 AND state = 'active'"""

_VERSIONS: Final = f"""
SELECT {_COLUMNS} FROM model WHERE tenant_id = $1 AND kind = $2 ORDER BY made_at DESC, version DESC"""

_BODY: Final = "SELECT body FROM model WHERE tenant_id = $1 AND kind = $2 AND version = $3"

_IS_HELD: Final = """
SELECT EXISTS (SELECT 1 FROM model
                WHERE tenant_id = $1 AND kind = $2 AND state = 'shadow' AND why = $3)"""

_GIVE_WAY: Final = """
UPDATE model SET state = 'refused', changed_at = $4, why = $5
 WHERE tenant_id = $1 AND kind = $2 AND version <> $3 AND state = 'shadow' AND why = $6"""

_WAIT: Final = """
UPDATE model SET state = 'shadow', changed_at = $4, why = $5, figures = coalesce($6, figures)
 WHERE tenant_id = $1 AND kind = $2 AND version = $3"""

_STEP_DOWN: Final = """
UPDATE model SET state = CASE state WHEN 'active' THEN 'previous' ELSE 'refused' END, changed_at = $4,
                 why = CASE state WHEN 'active' THEN why ELSE $5 END
 WHERE tenant_id = $1 AND kind = $2 AND version <> $3 AND state IN ('active', 'shadow')"""

_ACTIVATE: Final = """
UPDATE model SET state = 'active', changed_at = $4, promoted_at = $4, why = $5,
                 figures = coalesce($6, figures)
 WHERE tenant_id = $1 AND kind = $2 AND version = $3"""

_TAKE_BACK: Final = """
UPDATE model SET state = 'shadow', why = $4, changed_at = $3
 WHERE tenant_id = $1 AND kind = $2 AND state = 'active'"""

_RETURN: Final = """
UPDATE model SET state = 'active', changed_at = $3 WHERE tenant_id = $1 AND kind = $2 AND version = (
    SELECT version FROM model WHERE tenant_id = $1 AND kind = $2 AND state = 'previous'
     ORDER BY promoted_at DESC, version DESC LIMIT 1)"""

_RUN: Final = "job, number, node, due_at, started_at, seen_at, ended_at, outcome, why, figures"

_RUNS: Final = f"""
SELECT {_RUN} FROM model_run WHERE tenant_id = $1 AND job = $2 ORDER BY number DESC LIMIT $3"""

_BEGIN: Final = """
INSERT INTO model_run (tenant_id, job, number, node, due_at, started_at, seen_at, outcome, why, figures)
VALUES ($1, $2, $3, $4, $5, $6, $6, 'open', '', '{}')"""

_FORGET: Final = "DELETE FROM model_run WHERE tenant_id = $1 AND job = $2 AND number <= $3"

_BEAT: Final = """
UPDATE model_run SET seen_at = $4
 WHERE tenant_id = $1 AND job = $2 AND number = $3 AND ended_at IS NULL"""

_END: Final = """
UPDATE model_run SET seen_at = $4, ended_at = $4, outcome = $5, why = $6, figures = $7
 WHERE tenant_id = $1 AND job = $2 AND number = $3 AND ended_at IS NULL"""


class PostgresModels:
    """Models and runs as rows; what reads before it writes holds one lock. `on_change`: another model may
    be in use now; called here only, other nodes look."""

    def __init__(self, database: Database, *, on_change: Callable[[], None] = lambda: None) -> None:
        self._database, self._changed = database, on_change

    async def add(self, tenant_id: int, model: Model, body: bytes = b"") -> None:
        check(model, body)
        await self._database.transaction(_add, tenant_id, model, body)

    async def refuse(
        self,
        tenant_id: int,
        kind: ModelKind,
        version: str,
        *,
        at: int,
        why: str,
        figures: Mapping[str, float],
    ) -> None:
        row = tenant_id, kind, version, at, why, _json(figures)
        await self._database.call(_execute, _REFUSE, *row)

    async def promote(
        self,
        tenant_id: int,
        kind: ModelKind,
        version: str,
        *,
        at: int,
        by: By,
        figures: Mapping[str, float] | None = None,
    ) -> Model:
        if not is_text(version):
            raise unknown()
        said = None if figures is None else _json(figures)
        row = await self._database.transaction(_promote, (tenant_id, kind, version), at, by, said)
        self._changed()
        return row

    async def roll_back(self, tenant_id: int, kind: ModelKind, *, at: int) -> Model | None:
        row = await self._database.transaction(_roll_back, tenant_id, kind, at)
        self._changed()
        return row

    async def active(self, tenant_id: int, kind: ModelKind) -> Model | None:
        rows = await self._database.call(_fetch, _ACTIVE, tenant_id, kind)
        return _model(rows[0]) if rows else None

    async def versions(self, tenant_id: int, kind: ModelKind) -> Sequence[Model]:
        return list(map(_model, await self._database.call(_fetch, _VERSIONS, tenant_id, kind)))

    async def body(self, tenant_id: int, kind: ModelKind, version: str) -> bytes | None:
        rows = await self._database.call(_fetch, _BODY, tenant_id, kind, version)
        return rows[0]["body"] if rows else None

    async def begin(
        self, tenant_id: int, job: Job, *, node: str, due_at: int, at: int
    ) -> ModelRun | None:
        return await self._database.transaction(_begin, (tenant_id, job), node, due_at, at)

    async def beat(self, tenant_id: int, run: ModelRun, *, at: int) -> bool:
        row = tenant_id, run.job, run.number, at
        return await self._database.call(_execute, _BEAT, *row) == "UPDATE 1"

    async def end(
        self,
        tenant_id: int,
        run: ModelRun,
        *,
        at: int,
        outcome: Outcome,
        why: str = "",
        figures: Mapping[str, float] | None = None,
    ) -> bool:
        row = tenant_id, run.job, run.number, at, outcome, why, _json(figures or {})
        return await self._database.call(_execute, _END, *row) == "UPDATE 1"

    async def runs(self, tenant_id: int, job: Job, *, limit: int) -> Sequence[ModelRun]:
        return list(map(_run, await self._database.call(_fetch, _RUNS, tenant_id, job, limit)))


async def _add(connection: Connection, tenant_id: int, model: Model, body: bytes) -> None:
    await _alone(connection)
    row = (model.kind, model.version, model.digest, model.state, model.why)
    figures = _json(model.figures)
    await connection.execute(_ADD, tenant_id, *row, figures, model.made_at, body)
    key = tenant_id, model.kind, model.version
    await connection.execute(_TRIM, *key, MOST_VERSIONS, TAKEN_BACK)


async def _promote(
    connection: Connection, key: tuple[int, ModelKind, str], at: int, by: By, figures: str | None
) -> Model:
    await _alone(connection)
    row = await connection.fetchrow(_ONE, *key)
    if row is None:
        raise unknown()
    if row["state"] == "active":
        return _model(row)
    if row["state"] == "refused":
        raise refused()
    if by == "run" and await connection.fetchval(_IS_HELD, *key[:2], TAKEN_BACK):
        await connection.execute(_GIVE_WAY, *key, at, REPLACED, WAITS)
        await connection.execute(_WAIT, *key, at, WAITS, figures)
    else:
        await connection.execute(_STEP_DOWN, *key, at, REPLACED)
        who = "an operator" if by == "operator" else "the run that compared it"
        await connection.execute(_ACTIVATE, *key, at, f"promoted by {who}", figures)
    return _model(await connection.fetchrow(_ONE, *key))


async def _roll_back(
    connection: Connection, tenant_id: int, kind: ModelKind, at: int
) -> Model | None:
    await _alone(connection)
    if await connection.execute(_TAKE_BACK, tenant_id, kind, at, TAKEN_BACK) == "UPDATE 0":
        raise nothing_active()
    await connection.execute(_RETURN, tenant_id, kind, at)
    row = await connection.fetchrow(_ACTIVE, tenant_id, kind)
    return None if row is None else _model(row)


async def _begin(
    connection: Connection, key: tuple[int, Job], node: str, due_at: int, at: int
) -> ModelRun | None:
    await _alone(connection)
    runs = [_run(row) for row in await connection.fetch(_RUNS, *key, MOST_RUNS)]
    for run in runs:
        if is_gone(run, at):
            await connection.execute(_END, *key, run.number, at, "failed", GONE, _json(run.figures))
            runs = [_run(row) for row in await connection.fetch(_RUNS, *key, MOST_RUNS)]
    if not may_begin(runs, due_at=due_at, at=at):
        return None
    number = runs[0].number + 1 if runs else 1
    await connection.execute(_BEGIN, *key, number, node, due_at, at)
    await connection.execute(_FORGET, *key, number - MOST_RUNS)
    return ModelRun(job=key[1], number=number, node=node, due_at=due_at, started_at=at, seen_at=at)


async def _alone(connection: Connection) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)


def _model(row: asyncpg.Record | None) -> Model:
    if row is None:
        raise unknown()
    return Model(**{**row, "figures": json.loads(row["figures"])})


def _run(row: asyncpg.Record) -> ModelRun:
    return ModelRun(**{**row, "figures": json.loads(row["figures"])})


def _json(figures: Mapping[str, float]) -> str:
    return json.dumps(dict(figures), allow_nan=False)


async def _execute(connection: Connection, sql: str, *values: Any) -> str:
    return str(await connection.execute(sql, *values))


async def _fetch(connection: Connection, sql: str, *values: Any) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *values)
