"""The `Runs` port in memory."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from core.ports.clock import Clock
from core.ports.personas import Run, Shown, ShownTo
from storage.personas import ANALYTICS_FOR


class MemoryRuns:
    """Those that began longest ago stand first, and go first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._runs: OrderedDict[tuple[int, str], Run] = OrderedDict()
        self._shown: dict[tuple[int, str], dict[str, Shown]] = {}

    async def begin(self, tenant_id: int, run: Run) -> None:
        self._forget()
        self._runs.setdefault((tenant_id, run.id), _frozen(run))

    async def end(self, tenant_id: int, run: Run, shown: Sequence[Shown] = ()) -> None:
        key = tenant_id, run.id
        self._runs[key] = _frozen(run)
        cards = self._shown.setdefault(key, {})
        cards |= {one.card_id: replace(one, features=tuple(one.features)) for one in shown}

    async def fail_open(self, tenant_id: int, room_id: str, *, at: int) -> Sequence[Run]:
        left = [
            run
            for (tenant, _), run in self._runs.items()
            if (tenant, run.room_id, run.outcome) == (tenant_id, room_id, "open")
        ]
        failed = [replace(run, outcome="failed", ended_at=at) for run in left]
        self._runs |= {(tenant_id, run.id): run for run in failed}
        return sorted(failed, key=lambda run: (run.started_at, run.id))

    async def failed_since(
        self, tenant_id: int, room_id: str, *, since: int, limit: int
    ) -> Sequence[Run]:
        failed = [
            (run.ended_at, run.id, run)
            for (tenant, _), run in self._runs.items()
            if (tenant, run.room_id, run.outcome, run.seq) == (tenant_id, room_id, "failed", None)
            and run.ended_at is not None
            and run.ended_at > since
        ]
        return [run for _, _, run in sorted(failed, key=lambda one: one[:2])[-limit:]]

    async def get(self, tenant_id: int, run_id: str) -> Run | None:
        return self._runs.get((tenant_id, run_id))

    async def of_message(self, tenant_id: int, message_id: str) -> Run | None:
        for (tenant, _), run in self._runs.items():
            if (tenant, run.message_id) == (tenant_id, message_id):
                return run
        return None

    async def of_persona(
        self, tenant_id: int, persona_id: str, *, before: str | None, limit: int
    ) -> Sequence[Run]:
        found = [
            run
            for (tenant, run_id), run in self._runs.items()
            if (tenant, run.persona_id) == (tenant_id, persona_id)
            and (before is None or run_id < before)
        ]
        return sorted(found, key=lambda run: run.id, reverse=True)[:limit]

    async def shown(self, tenant_id: int, run_id: str) -> Sequence[Shown]:
        cards = self._shown.get((tenant_id, run_id), {}).values()
        return sorted(cards, key=lambda one: (one.place, one.card_id))

    async def shown_to_all(
        self, tenant_id: int, *, before: ShownTo | None, limit: int
    ) -> Sequence[ShownTo]:
        found = [
            ShownTo(asker_id=run.asker_id, run_id=run_id, at=run.started_at, shown=one)
            for (tenant, run_id), run in self._runs.items()
            for one in self._shown.get((tenant, run_id), {}).values()
            if tenant == tenant_id
        ]
        if before is not None:
            found = [one for one in found if _place(one) < _place(before)]
        return sorted(found, key=_place, reverse=True)[:limit]

    def _forget(self) -> None:
        oldest = self._clock.now_ms() - int(ANALYTICS_FOR * 1_000)
        while self._runs:
            key, run = next(iter(self._runs.items()))
            if run.started_at > oldest:
                return
            del self._runs[key]
            self._shown.pop(key, None)


def _frozen(run: Run) -> Run:
    return replace(run, tools=tuple(run.tools), segments=tuple(run.segments))


def _place(one: ShownTo) -> tuple[int, str, str]:
    return one.at, one.run_id, one.shown.card_id
