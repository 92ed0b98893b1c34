"""Durable timers over random schedules; and each broken rule is seen within a few of them."""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import trio
from durable_timer_schedules import run_schedule

from core import durable_timers
from core.durable_timers import DurableTimerService
from storage.memory import durable_timers as memory
from storage.memory.durable_timers import MemoryDurableTimers

SCHEDULES = int(os.environ.get("CARAVAN_TIMER_SCHEDULES", "25"))
CONTROL_SEEDS = 10
"""Within so many seeds each broken rule must be seen."""


CALLS = ("apply", "claim", "finish", "put_off")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(processors=[_drop])
    yield
    structlog.reset_defaults()


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent


def test_every_due_timer_fires_and_none_early_or_after_its_end_or_for_ever() -> None:
    counts: Counter[str] = Counter()
    for seed in range(SCHEDULES):
        history = run_schedule(seed)
        assert not history.problems, f"seed {seed}: {history.problems[:3]}"
        counts += history.counts
        counts["woken"] += len(history.woken)
    wanted = ["sets", "cancels", "unknown", "jumps", "kills", "woken"]
    wanted += ["crashes", "refuses", "refuses for now", "is slow"]
    wanted += [f"{call} {when}" for call in CALLS for when in ("lost_before", "lost_after")]
    assert all(counts[name] for name in wanted), counts


class DeleteBeforeAsk(DurableTimerService):
    async def _deliver(self, claimed: Any, deadline: float) -> None:
        try:
            await self._source.finish(claimed)
        except Exception:
            self._in_flight -= 1
        else:
            await super()._deliver(claimed, deadline)


class HeldBack(DurableTimerService):
    """Asks with a deadline counted from now, however long ago it claimed."""

    async def _deliver(self, claimed: Any, deadline: float) -> None:
        await trio.sleep(self._chance.random() * 30)
        await super()._deliver(claimed, trio.current_time() + durable_timers.ASK_WITHIN)


class EveryRefusalIsFinal(DurableTimerService):
    async def _ask(self, claimed: Any, deadline: float) -> bool:
        await super()._ask(claimed, deadline)
        return True


class IgnoresGenerations(MemoryDurableTimers):
    async def finish(self, claimed: Any) -> None:
        await self._plan.cross(
            "finish", lambda: self.table.rows.pop(memory._place(claimed.timer), None)
        )


class NeverRemoves(MemoryDurableTimers):
    async def finish(self, claimed: Any) -> None:
        await self._plan.cross("finish", lambda: None)


class ClaimsAhead(MemoryDurableTimers):
    def _claim(self, shards: set[int], now: int, until: int, most: int) -> Any:
        return super()._claim(shards, now + 30_000, until, most)


CONTROLS = [
    ({"service": DeleteBeforeAsk}, "lost"),
    ({"service": EveryRefusalIsFinal}, "lost"),
    ({"service": HeldBack}, "after its end"),
    ({"source": IgnoresGenerations}, "lost"),
    ({"source": NeverRemoves}, "forever"),
    ({"source": ClaimsAhead}, "early"),
]


@pytest.mark.parametrize(("broken", "word"), CONTROLS)
def test_a_broken_rule_is_seen(broken: dict[str, Any], word: str) -> None:
    assert any(is_seen(seed, word, **broken) for seed in range(CONTROL_SEEDS))


def test_a_claim_that_outlives_a_clock_that_was_ahead_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "MAX_PUT_OFF_MS", 10**12)
    assert any(is_seen(seed, "lost") for seed in range(CONTROL_SEEDS))


def test_a_seed_is_one_schedule() -> None:
    assert run_schedule(3) == run_schedule(3)


def is_seen(seed: int, word: str, **broken: Any) -> bool:
    return any(word in problem for problem in run_schedule(seed, **broken).problems)
