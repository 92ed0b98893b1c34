"""The `Models` port in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

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


class MemoryModels:
    """Rows by their keys. `on_change`: another model may be in use now."""

    def __init__(self, *, on_change: Callable[[], None] = lambda: None) -> None:
        self._models: dict[tuple[int, ModelKind], dict[str, Model]] = {}
        self._bodies: dict[tuple[int, ModelKind, str], bytes] = {}
        self._runs: dict[tuple[int, Job], list[ModelRun]] = {}
        self._changed = on_change

    async def add(self, tenant_id: int, model: Model, body: bytes = b"") -> None:
        check(model, body)
        rows = self._rows(tenant_id, model.kind)
        if model.version in rows:
            return
        new = replace(
            model, changed_at=model.made_at, promoted_at=None, figures=dict(model.figures)
        )
        rows[model.version] = new
        self._bodies[tenant_id, model.kind, model.version] = body
        others = [row for row in rows.values() if row.state != "active" and row != new]
        if len(rows) > MOST_VERSIONS:
            oldest = min(others, key=lambda row: (_is_taken_back(row), _age(row)))
            del rows[oldest.version], self._bodies[tenant_id, model.kind, oldest.version]

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
        rows = self._rows(tenant_id, kind)
        row = rows.get(version)
        if row is not None and row.state != "active":
            rows[version] = replace(
                row, state="refused", why=why, figures=dict(figures), changed_at=at
            )

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
        rows = self._rows(tenant_id, kind)
        row = rows.get(version)
        if row is None:
            raise unknown()
        if row.state == "active":
            return row
        if row.state == "refused":
            raise refused()
        row = replace(row, changed_at=at, figures=row.figures if figures is None else dict(figures))
        if by == "run" and any(_is_taken_back(one) for one in rows.values()):
            for other in list(rows.values()):
                if other.state == "shadow" and other.why == WAITS and other.version != version:
                    rows[other.version] = replace(
                        other, state="refused", why=REPLACED, changed_at=at
                    )
            rows[version] = replace(row, state="shadow", why=WAITS)
            return rows[version]
        for other in list(rows.values()):
            if other.state == "active":
                rows[other.version] = replace(other, state="previous", changed_at=at)
            elif other.state == "shadow":
                rows[other.version] = replace(other, state="refused", why=REPLACED, changed_at=at)
        rows[version] = replace(row, state="active", why=f"promoted by {_who(by)}", promoted_at=at)
        self._changed()
        return rows[version]

    async def roll_back(self, tenant_id: int, kind: ModelKind, *, at: int) -> Model | None:
        rows = self._rows(tenant_id, kind)
        now = await self.active(tenant_id, kind)
        if now is None:
            raise nothing_active()
        rows[now.version] = replace(now, state="shadow", why=TAKEN_BACK, changed_at=at)
        before = [row for row in rows.values() if row.state == "previous"]
        if before:
            last = max(before, key=lambda row: (row.promoted_at or 0, row.version))
            rows[last.version] = replace(last, state="active", changed_at=at)
        self._changed()
        return await self.active(tenant_id, kind)

    async def active(self, tenant_id: int, kind: ModelKind) -> Model | None:
        rows = self._rows(tenant_id, kind).values()
        return next((row for row in rows if row.state == "active"), None)

    async def versions(self, tenant_id: int, kind: ModelKind) -> Sequence[Model]:
        return sorted(self._rows(tenant_id, kind).values(), key=_age, reverse=True)

    async def body(self, tenant_id: int, kind: ModelKind, version: str) -> bytes | None:
        return self._bodies.get((tenant_id, kind, version))

    async def begin(
        self, tenant_id: int, job: Job, *, node: str, due_at: int, at: int
    ) -> ModelRun | None:
        runs = self._runs.setdefault((tenant_id, job), [])
        runs[:] = [
            replace(run, ended_at=at, outcome="failed", why=GONE) if is_gone(run, at) else run
            for run in runs
        ]
        if not may_begin(runs, due_at=due_at, at=at):
            return None
        number = runs[-1].number + 1 if runs else 1
        runs.append(
            ModelRun(job=job, number=number, node=node, due_at=due_at, started_at=at, seen_at=at)
        )
        del runs[:-MOST_RUNS]
        return runs[-1]

    async def beat(self, tenant_id: int, run: ModelRun, *, at: int) -> bool:
        return self._change(tenant_id, run, seen_at=at)

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
        said = dict(figures or {})
        return self._change(
            tenant_id, run, seen_at=at, ended_at=at, outcome=outcome, why=why, figures=said
        )

    async def runs(self, tenant_id: int, job: Job, *, limit: int) -> Sequence[ModelRun]:
        return self._runs.get((tenant_id, job), [])[::-1][:limit]

    def _rows(self, tenant_id: int, kind: ModelKind) -> dict[str, Model]:
        return self._models.setdefault((tenant_id, kind), {})

    def _change(self, tenant_id: int, run: ModelRun, **values: Any) -> bool:
        runs = self._runs.get((tenant_id, run.job), [])
        for at, row in enumerate(runs):
            if row.number == run.number and row.ended_at is None:
                runs[at] = replace(row, **values)
                return True
        return False


def _age(model: Model) -> tuple[int, str]:
    return model.made_at, model.version


def _is_taken_back(model: Model) -> bool:
    return model.state == "shadow" and model.why == TAKEN_BACK


def _who(by: By) -> str:
    return "an operator" if by == "operator" else "the run that compared it"
