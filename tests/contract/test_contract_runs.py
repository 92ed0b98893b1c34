"""What every `Runs` promises."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from persona_worlds import OTHER_TENANT, TENANT, World, execute, plan_of, world_on

from core.ports.personas import Run, SegmentRecord, Shown, ShownTo
from storage.personas import ANALYTICS_FOR
from storage.postgres import runs as sql
from storage.postgres.housekeeping import _DELETIONS
from storage.postgres.pool import Connection

SEGMENTS = (
    SegmentRecord(
        act="open_hotels", tier="generated", model="tiny", version="3", tokens=14, first_ms=88, ended_ms=240
    ),
    SegmentRecord(
        act="show_hotels", tier="template", model="templates", version="1", tokens=0, first_ms=None, ended_ms=2_400
    ),
)  # fmt: skip
SHOWN = (
    Shown(card_id="c-1", item_id="hotel:1", place=1, features=(0.1, -2.5e-300, 3.0), tower="t1"),
    Shown(card_id="c-2", item_id="hotel:2", place=2, features=(), tower="t1"),
)


@pytest.fixture
async def world(server: Any) -> AsyncIterator[World]:
    async with world_on(server) as world:
        yield world


def a_run(world: World, **changes: Any) -> Run:
    names = ("id", "room_id", "persona_id", "asker_id", "message_id", "reply_to")
    fields = {name: world.ids.uuid7() for name in names}
    return Run(**fields | {"started_at": world.clock.now_ms()} | changes)


def ended(run: Run, **changes: Any) -> Run:
    values: dict[str, Any] = {
        "outcome": "done",
        "intent": "search_hotel",
        "tools": ("search_offers", "recommend"),
        "segments": SEGMENTS,
        "ended_at": run.started_at + 2_400,
        "seq": 17,
        "cost": 64,
    }
    return replace(run, **values | changes)


async def test_a_run_is_a_row_from_its_start_on(world: World) -> None:
    run = a_run(world)
    await world.runs.begin(TENANT, run)
    assert await world.runs.get(TENANT, run.id) == run
    assert await world.runs.of_message(TENANT, run.message_id) == run
    done = ended(run)
    await world.runs.end(TENANT, done, SHOWN)
    assert await world.runs.get(TENANT, run.id) == done
    assert tuple(await world.runs.shown(TENANT, run.id)) == SHOWN


async def test_beginning_and_ending_are_harmless_to_repeat(world: World) -> None:
    run = a_run(world)
    for _ in range(2):
        await world.runs.begin(TENANT, run)
    for _ in range(2):
        await world.runs.end(TENANT, ended(run), SHOWN)
    await world.runs.begin(TENANT, run)
    assert await world.runs.get(TENANT, run.id) == ended(run)
    assert tuple(await world.runs.shown(TENANT, run.id)) == SHOWN
    assert await world.runs.of_persona(TENANT, run.persona_id, before=None, limit=9) == [ended(run)]


async def test_the_later_of_two_ends_holds_and_what_was_shown_stays(world: World) -> None:
    run = a_run(world)
    await world.runs.begin(TENANT, run)
    await world.runs.end(TENANT, ended(run, outcome="failed", seq=None), SHOWN)
    moved = replace(SHOWN[1], place=3)
    await world.runs.end(TENANT, ended(run), [moved])
    assert await world.runs.get(TENANT, run.id) == ended(run)
    assert tuple(await world.runs.shown(TENANT, run.id)) == (SHOWN[0], moved)


async def test_one_that_ends_without_a_beginning_is_kept(world: World) -> None:
    run = ended(a_run(world))
    await world.runs.end(TENANT, run)
    assert await world.runs.get(TENANT, run.id) == run
    assert list(await world.runs.shown(TENANT, run.id)) == []


async def test_an_end_is_stored_with_what_it_showed_or_not_at_all(world: World) -> None:
    if world.database is None:
        pytest.skip("the memory refuses nothing")
    run = a_run(world)
    await world.runs.begin(TENANT, run)
    too_far = replace(SHOWN[0], place=2**40)
    with pytest.raises((asyncpg.DataError, OverflowError)):
        await world.runs.end(TENANT, ended(run), [SHOWN[1], too_far])
    assert await world.runs.get(TENANT, run.id) == run
    assert list(await world.runs.shown(TENANT, run.id)) == []


async def test_what_a_crash_left_open_fails_once(world: World) -> None:
    room = world.ids.uuid7()
    first = a_run(world, room_id=room)
    world.clock.advance(1)
    second = a_run(world, room_id=room)
    done, elsewhere = a_run(world, room_id=room), a_run(world)
    for run in (second, first, done, elsewhere):
        await world.runs.begin(TENANT, run)
    await world.runs.end(TENANT, ended(done))
    at = world.clock.now_ms() + 5_000
    failed = [replace(run, outcome="failed", ended_at=at) for run in (first, second)]
    assert list(await world.runs.fail_open(OTHER_TENANT, room, at=at)) == []
    assert list(await world.runs.fail_open(TENANT, room, at=at)) == failed
    assert list(await world.runs.fail_open(TENANT, room, at=at + 1)) == []
    assert await world.runs.get(TENANT, first.id) == failed[0]
    assert await world.runs.get(TENANT, done.id) == ended(done)
    assert await world.runs.get(TENANT, elsewhere.id) == elsewhere


async def test_those_of_a_room_that_failed_lately_without_a_message_are_found(world: World) -> None:
    room = world.ids.uuid7()
    at = world.clock.now_ms()
    ends = (at, at + 1, at + 2, at + 3)
    early, first, second, third = (
        replace(a_run(world, room_id=room), outcome="failed", ended_at=end) for end in ends
    )
    told = replace(a_run(world, room_id=room), outcome="failed", ended_at=at + 4, seq=7)
    elsewhere = replace(a_run(world), outcome="failed", ended_at=at + 4)
    done = ended(a_run(world, room_id=room))
    for run in (third, early, second, first, told, elsewhere, done):
        await world.runs.end(TENANT, run)
    await world.runs.begin(TENANT, a_run(world, room_id=room))

    async def found(tenant_id: int = TENANT, room_id: str = room, limit: int = 9) -> list[Run]:
        return list(await world.runs.failed_since(tenant_id, room_id, since=at, limit=limit))

    assert await found() == [first, second, third]
    assert await found(limit=2) == [second, third]
    assert await found(tenant_id=OTHER_TENANT) == []
    assert await found(room_id="not an id") == []


async def test_those_of_a_persona_come_newest_first_and_in_pages(world: World) -> None:
    persona, runs = world.ids.uuid7(), []
    for _ in range(5):
        world.clock.advance(1)
        runs.append(a_run(world, persona_id=persona))
        await world.runs.begin(TENANT, runs[-1])
        await world.runs.begin(TENANT, a_run(world))
    seen, before = [], None
    while page := await world.runs.of_persona(TENANT, persona, before=before, limit=2):
        seen += page
        before = page[-1].id
    assert seen == runs[::-1]


async def test_another_tenants_and_a_foreign_id_are_unknown(world: World) -> None:
    run = a_run(world)
    await world.runs.begin(TENANT, run)
    await world.runs.end(TENANT, run, SHOWN)
    for tenant_id, changes in (
        (OTHER_TENANT, {}),
        (TENANT, dict.fromkeys(("id", "message_id", "persona_id", "room_id"), "not an id")),
    ):
        other = replace(run, **changes)
        assert await world.runs.get(tenant_id, other.id) is None
        assert await world.runs.of_message(tenant_id, other.message_id) is None
        assert list(await world.runs.shown(tenant_id, other.id)) == []
        pages = await world.runs.of_persona(tenant_id, other.persona_id, before=None, limit=9)
        assert list(pages) == []
        assert list(await world.runs.fail_open(tenant_id, other.room_id, at=1)) == []
    odd = await world.runs.of_persona(TENANT, run.persona_id, before="!", limit=9)
    assert list(odd) == []


async def test_runs_outlive_their_persona_and_are_kept_for_24_months(world: World) -> None:
    persona = await world.persona()
    old = ended(a_run(world, persona_id=persona.id))
    await world.runs.end(TENANT, old, SHOWN)
    await world.personas.remove(TENANT, persona.id)
    world.clock.advance(ANALYTICS_FOR - 1)
    young = a_run(world)
    await world.runs.begin(TENANT, young)
    await world.sweep()
    assert await world.runs.get(TENANT, old.id) == old
    assert tuple(await world.runs.shown(TENANT, old.id)) == SHOWN
    world.clock.advance(2)
    await world.runs.begin(TENANT, a_run(world))
    await world.sweep()
    assert await world.runs.get(TENANT, old.id) is None
    assert list(await world.runs.shown(TENANT, old.id)) == []
    assert await world.runs.get(TENANT, young.id) == young


async def test_what_all_runs_showed_is_read_in_pages_newest_first(world: World) -> None:
    runs: list[Run] = []
    for number in range(5):
        # Two of each moment: pages end anywhere.
        world.clock.advance(float(number % 2 == 0))
        runs.append(a_run(world))
        await world.runs.begin(TENANT, runs[-1])
        await world.runs.end(TENANT, ended(runs[-1]), SHOWN)
    await world.runs.begin(TENANT, a_run(world))
    found: list[ShownTo] = []
    while page := await world.runs.shown_to_all(
        TENANT, before=found[-1] if found else None, limit=3
    ):
        assert len(page) <= 3
        found += page
    expected = [
        ShownTo(asker_id=run.asker_id, run_id=run.id, at=run.started_at, shown=one)
        for run in runs
        for one in SHOWN
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    assert list(await world.runs.shown_to_all(OTHER_TENANT, before=None, limit=3)) == []


async def test_no_list_and_no_sweep_reads_the_whole_table(world: World) -> None:
    if world.database is None:
        pytest.skip("the memory has no plans")
    plans = await world.database.transaction(_plans)
    assert [name for name, plan in plans.items() if name not in plan or "Seq Scan" in plan] == []


async def _plans(connection: Connection) -> dict[str, str]:
    """By the index that each is to use."""
    some = "00000000-0000-7000-8000-000000000007"
    await execute(
        connection,
        """INSERT INTO persona_run (id, room_id, persona_id, asker_id, message_id, reply_to, started_at,
                                    cost, tenant_id, outcome, intent, tools, segments)
           SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
                  gen_random_uuid(), gen_random_uuid(), n, 1, 1,
                  CASE n % 100 WHEN 0 THEN 'open' WHEN 1 THEN 'failed' ELSE 'done' END, '', '{}', '[]'
             FROM generate_series(1, 30000) AS n""",
    )
    await execute(
        connection,
        """INSERT INTO persona_shown (run_id, shown_at, tenant_id, place, card_id, item_id, tower, features)
           SELECT gen_random_uuid(), n, 1, 1, 'c', 'i', '', '{}' FROM generate_series(1, 30000) AS n""",
    )
    await execute(connection, "ANALYZE persona_run, persona_shown")
    return {
        "persona_run_open": await plan_of(connection, sql._FAIL, 1, some, 5),
        "persona_run_failed": await plan_of(connection, sql._FAILED, 1, some, 5, 16),
        "persona_run_message": await plan_of(connection, sql._OF_MESSAGE, 1, some),
        "persona_run_of_persona": await plan_of(connection, sql._OF_PERSONA, 1, some, some, 5),
        "persona_run_pkey": await plan_of(connection, sql._GET, 1, some),
        "persona_run_age": await plan_of(connection, _DELETIONS["runs"], 100, 10),
        "persona_shown_pkey": await plan_of(connection, sql._SHOWN, 1, some),
        "persona_shown_age": "; ".join(
            [
                await plan_of(connection, _DELETIONS["shown"], 100, 10),
                await plan_of(connection, sql._SHOWN_TO_ALL, 1, *sql.END, 500),
            ]
        ),
    }
