"""What every `Models` promises."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import trio
from postgres_for_tests import fresh_database

from core.errors import Rejected
from core.ports.models import (
    AGAIN_AFTER,
    GONE_AFTER,
    MOST_BYTES,
    MOST_RUNS,
    MOST_TRIES,
    MOST_VERSIONS,
    TAKEN_BACK,
    WAITS,
    Model,
    ModelRun,
    Models,
)
from storage.memory.models import MemoryModels
from storage.models import GONE, REPLACED
from storage.postgres.models import PostgresModels

TENANT, OTHER = 1, 2
T0 = 1_790_000_000_000
FIGURES = {"loss": 0.6512345678901234, "people": 21.0, "margin": -2.5e-17}


@dataclass
class World:
    models: Models
    changes: list[None] = field(default_factory=list)

    async def add(self, version: str, *, at: int = T0, **fields: Any) -> Model:
        values: dict[str, Any] = {"kind": "prior", "digest": f"sha-{version}", "made_at": at}
        model = Model(version=version, **values | fields)
        await self.models.add(TENANT, model, f"body of {version}".encode())
        return model

    async def promoted(self, version: str, *, at: int, by: Any = "run") -> Model:
        await self.add(version, at=at)
        return await self.models.promote(TENANT, "prior", version, at=at, by=by)

    async def states(self) -> dict[str, str]:
        return {row.version: row.state for row in await self.models.versions(TENANT, "prior")}

    async def began(self, at: int, *, due_at: int = T0, job: Any = "daily") -> ModelRun | None:
        return await self.models.begin(TENANT, job, node="n1", due_at=due_at, at=at)


@pytest.fixture
async def world(server: Any) -> AsyncIterator[World]:
    changes: list[None] = []

    def changed() -> None:
        changes.append(None)

    if server is None:
        yield World(MemoryModels(on_change=changed), changes)
        return
    async with fresh_database(server) as database:
        yield World(PostgresModels(database, on_change=changed), changes)


async def test_a_candidate_is_a_row_with_its_body(world: World) -> None:
    model = await world.add("1", figures=FIGURES, why="made from 900 thumbs")
    assert list(await world.models.versions(TENANT, "prior")) == [replace(model, changed_at=T0)]
    assert await world.models.body(TENANT, "prior", "1") == b"body of 1"
    assert await world.models.active(TENANT, "prior") is None
    assert await world.models.body(TENANT, "tower", "1") is None
    assert list(await world.models.versions(OTHER, "prior")) == []


async def test_what_is_there_stays_as_it_is(world: World) -> None:
    await world.promoted("1", at=T0)
    await world.add("1", digest="another", state="refused", at=T0 + 5)
    (row,) = await world.models.versions(TENANT, "prior")
    assert (row.state, row.digest) == ("active", "sha-1")


@pytest.mark.parametrize("state", ["active", "shadow", "previous"])
async def test_nothing_is_in_use_by_being_added(world: World, state: Any) -> None:
    with pytest.raises(ValueError, match=state):
        await world.add("1", state=state)


async def test_what_is_too_large_for_its_row_is_not_added(world: World) -> None:
    model = Model(kind="prior", version="1", digest="d")
    with pytest.raises(ValueError, match="too large"):
        await world.models.add(TENANT, model, b"x" * (MOST_BYTES + 1))
    await world.models.add(TENANT, model, b"x" * MOST_BYTES)


async def test_promoting_puts_one_in_the_place_of_the_other(world: World) -> None:
    first = await world.promoted("1", at=T0)
    assert (first.state, first.promoted_at) == ("active", T0)
    await world.add("2", at=T0 + 1)
    second = await world.models.promote(
        TENANT, "prior", "2", at=T0 + 2, by="operator", figures=FIGURES
    )
    assert (second.state, second.why) == ("active", "promoted by an operator")
    assert (second.promoted_at, second.changed_at, second.figures) == (T0 + 2, T0 + 2, FIGURES)
    assert await world.states() == {"1": "previous", "2": "active"}
    assert await world.models.active(TENANT, "prior") == second
    assert await world.models.active(OTHER, "prior") is None
    assert len(world.changes) == 2


async def test_promoting_twice_changes_nothing(world: World) -> None:
    await world.promoted("1", at=T0)
    second = await world.promoted("2", at=T0 + 1)
    again = await world.models.promote(TENANT, "prior", "2", at=T0 + 9, by="operator")
    assert again == second
    assert await world.states() == {"1": "previous", "2": "active"}


async def test_what_is_not_there_or_was_refused_is_not_promoted(world: World) -> None:
    await world.add("1")
    await world.models.refuse(TENANT, "prior", "1", at=T0 + 1, why="worse", figures=FIGURES)
    refusals = {"2": "not_found", "": "not_found", "\udcff": "not_found", "1": "conflict"}
    for version, code in refusals.items():
        with pytest.raises(Rejected) as refusal:
            await world.models.promote(TENANT, "prior", version, at=T0 + 2, by="operator")
        assert refusal.value.code == code
    (row,) = await world.models.versions(TENANT, "prior")
    assert (row.state, row.why, row.figures, row.changed_at) == (
        "refused",
        "worse",
        FIGURES,
        T0 + 1,
    )


async def test_what_is_in_use_cannot_be_refused(world: World) -> None:
    active = await world.promoted("1", at=T0)
    await world.models.refuse(TENANT, "prior", "1", at=T0 + 1, why="worse", figures={})
    assert await world.models.active(TENANT, "prior") == active


async def test_rolling_back_goes_step_by_step_to_what_came_with_the_release(world: World) -> None:
    for number in (1, 2, 3):
        await world.promoted(str(number), at=T0 + number)
    back = await world.models.roll_back(TENANT, "prior", at=T0 + 10)
    assert back is not None
    assert (back.version, back.state, back.promoted_at) == ("2", "active", T0 + 2)
    assert await world.states() == {"3": "shadow", "2": "active", "1": "previous"}
    assert (await world.models.versions(TENANT, "prior"))[0].why == TAKEN_BACK
    assert (await world.models.roll_back(TENANT, "prior", at=T0 + 11)).version == "1"  # type: ignore[union-attr]
    assert await world.models.roll_back(TENANT, "prior", at=T0 + 12) is None
    assert await world.models.active(TENANT, "prior") is None
    with pytest.raises(Rejected, match="conflict"):
        await world.models.roll_back(TENANT, "prior", at=T0 + 13)


async def test_after_a_rollback_runs_promote_nothing_until_an_operator_does(world: World) -> None:
    await world.promoted("1", at=T0 + 1)
    await world.promoted("2", at=T0 + 2)
    await world.models.roll_back(TENANT, "prior", at=T0 + 3)
    for number in (3, 4):
        waiting = await world.promoted(str(number), at=T0 + number)
        assert (waiting.state, waiting.why) == ("shadow", WAITS)
    assert await world.states() == {"4": "shadow", "3": "refused", "2": "shadow", "1": "active"}
    await world.models.promote(TENANT, "prior", "4", at=T0 + 5, by="operator")
    assert await world.states() == {"4": "active", "3": "refused", "2": "refused", "1": "previous"}
    whys = {row.version: row.why for row in await world.models.versions(TENANT, "prior")}
    assert whys["2"] == whys["3"] == REPLACED
    assert (await world.promoted("5", at=T0 + 6)).state == "active"


async def test_what_was_taken_back_by_mistake_is_promoted_again(world: World) -> None:
    await world.promoted("1", at=T0 + 1)
    await world.models.roll_back(TENANT, "prior", at=T0 + 2)
    again = await world.models.promote(TENANT, "prior", "1", at=T0 + 3, by="operator")
    assert (again.state, again.promoted_at) == ("active", T0 + 3)


async def test_versions_have_a_bound_and_what_is_in_use_stays(world: World) -> None:
    await world.promoted("0", at=T0)
    await world.models.roll_back(TENANT, "prior", at=T0)
    await world.promoted("1", at=T0 + 1, by="operator")
    await world.models.roll_back(TENANT, "prior", at=T0)
    await world.models.promote(TENANT, "prior", "1", at=T0 + 1, by="operator")
    for number in range(2, MOST_VERSIONS + 4):
        await world.add(f"{number:02}", at=T0 + number)
    rows = await world.models.versions(TENANT, "prior")
    assert len(rows) == MOST_VERSIONS
    assert [row.version for row in rows if row.state == "active"] == ["1"]
    assert rows[0].version == f"{MOST_VERSIONS + 3:02}"
    assert "02" not in {row.version for row in rows}
    assert await world.models.body(TENANT, "prior", "02") is None


async def test_what_was_taken_back_outlives_the_others(world: World) -> None:
    await world.promoted("0", at=T0)
    await world.models.roll_back(TENANT, "prior", at=T0)
    for number in range(1, MOST_VERSIONS + 4):
        await world.promoted(f"{number:02}", at=T0 + number)
    states = await world.states()
    assert (len(states), states["0"]) == (MOST_VERSIONS, "shadow")
    assert "active" not in states.values()


async def test_of_many_who_promote_at_once_one_is_active(world: World) -> None:
    for number in range(6):
        await world.add(str(number), at=T0 + number)
    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(_promote, world, str(number), T0 + 10 + number)
    states = list((await world.states()).values())
    assert sorted(states) == ["active", *["previous"] * 5]


async def _promote(world: World, version: str, at: int) -> None:
    await world.models.promote(TENANT, "prior", version, at=at, by="operator")


# Runs.


async def test_of_many_who_begin_at_once_one_does(world: World) -> None:
    begun = []

    async def begin(node: str) -> None:
        begun.append(await world.models.begin(TENANT, "daily", node=node, due_at=T0, at=T0 + 5))

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(begin, f"n{number}")
    (run,) = [one for one in begun if one is not None]
    assert run == ModelRun(
        job="daily", number=1, node=run.node, due_at=T0, started_at=T0 + 5, seen_at=T0 + 5
    )
    assert list(await world.models.runs(TENANT, "daily", limit=9)) == [run]
    assert await world.began(T0 + 6, job="weekly") is not None


@pytest.mark.parametrize("outcome", ["done", "skipped"])
async def test_a_run_that_came_to_an_end_is_not_done_again(world: World, outcome: Any) -> None:
    run = await world.began(T0)
    assert run is not None
    assert await world.models.end(
        TENANT, run, at=T0 + 9, outcome=outcome, why="so", figures=FIGURES
    )
    (row,) = await world.models.runs(TENANT, "daily", limit=9)
    expected = replace(
        run, seen_at=T0 + 9, ended_at=T0 + 9, outcome=outcome, why="so", figures=FIGURES
    )
    assert row == expected
    assert await world.began(T0 + 10**9) is None
    later = await world.began(T0 + 10**9, due_at=T0 + 86_400_000)
    assert later is not None
    assert later.number == 2


async def test_a_failed_run_is_tried_again_after_a_while_but_not_for_ever(world: World) -> None:
    at = T0
    for number in range(1, MOST_TRIES + 1):
        run = await world.began(at)
        assert run is not None
        assert run.number == number
        await world.models.end(TENANT, run, at=at, outcome="failed", why="broken")
        assert await world.began(at + int(AGAIN_AFTER * 1_000) - 1) is None
        at += int(AGAIN_AFTER * 1_000)
    assert await world.began(at) is None
    assert await world.began(at, due_at=T0 + 86_400_000) is not None


async def test_a_run_whose_process_is_gone_has_failed_and_cannot_go_on(world: World) -> None:
    run = await world.began(T0)
    assert run is not None
    alive = int(GONE_AFTER * 1_000) - 1
    assert await world.models.beat(TENANT, run, at=T0 + alive)
    assert await world.began(T0 + 2 * alive) is None
    gone = T0 + alive + int(GONE_AFTER * 1_000)
    assert await world.began(gone) is None
    (row,) = await world.models.runs(TENANT, "daily", limit=9)
    assert (row.outcome, row.why, row.ended_at) == ("failed", GONE, gone)
    assert not await world.models.beat(TENANT, run, at=gone)
    assert not await world.models.end(TENANT, run, at=gone, outcome="done")
    again = await world.began(gone + int(AGAIN_AFTER * 1_000))
    assert again is not None
    assert again.number == 2


async def test_runs_have_a_bound_and_are_nobody_elses(world: World) -> None:
    for day in range(MOST_RUNS + 3):
        run = await world.began(T0 + day, due_at=T0 + day)
        assert run is not None
        await world.models.end(TENANT, run, at=T0 + day, outcome="skipped")
    rows = await world.models.runs(TENANT, "daily", limit=10**6)
    assert [row.number for row in rows] == list(range(MOST_RUNS + 3, 3, -1))
    assert len(await world.models.runs(TENANT, "daily", limit=2)) == 2
    assert list(await world.models.runs(OTHER, "daily", limit=2)) == []
