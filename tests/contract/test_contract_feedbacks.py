"""What every `Feedbacks` promises."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from persona_worlds import OTHER_TENANT, TENANT, World, execute, plan_of, world_on

from core.ports.personas import Feedback
from storage.personas import ANALYTICS_FOR
from storage.postgres import feedbacks as sql
from storage.postgres.housekeeping import _DELETIONS
from storage.postgres.pool import Connection

TASTE = {"v": "tower-1", "w": [0.1, -2.5e-17, 1e15, 0.30000000000000004, 7], "n": 12}


@pytest.fixture
async def world(server: Any) -> AsyncIterator[World]:
    async with world_on(server) as world:
        yield world


def said(world: World, persona_id: str, user_id: str, **changes: Any) -> Feedback:
    fields: dict[str, Any] = {
        "user_id": user_id,
        "persona_id": persona_id,
        "message_id": world.ids.uuid7(),
        "item_id": "hotel:7",
        "value": 1,
        "at": world.clock.now_ms(),
        "features": (0.1, -3.0),
        "tower": "tower-1",
    }
    return Feedback(**fields | changes)


async def test_the_latest_come_newest_first_as_they_were_given(world: World) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    given = []
    for kind in ("rating", "opened", "booked"):
        world.clock.advance(1)
        given.append(said(world, persona.id, user, kind=kind, reason="Too far from the sea."))
    given.append(said(world, persona.id, user, item_id=None, value=-1, features=(), tower=""))
    given[-1] = replace(given[-1], at=given[-1].at + 1)
    for feedback in given:
        await world.feedbacks.set(TENANT, feedback)
        await world.feedbacks.set(TENANT, said(world, persona.id, world.ids.uuid7()))
    assert list(await world.feedbacks.latest(TENANT, user, persona.id)) == given[::-1]
    assert list(await world.feedbacks.latest(TENANT, user, persona.id, limit=2)) == given[:1:-1]


async def test_of_the_same_moment_the_order_is_one(world: World) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    given = [
        said(world, persona.id, user, message_id=message, item_id=item, kind=kind)
        for message in (world.ids.uuid7(), world.ids.uuid7())
        for item in (None, "hotel:1", "hotel:10")
        for kind in ("opened", "rating")
    ]
    for feedback in given[::2] + given[1::2]:
        await world.feedbacks.set(TENANT, feedback)
    assert list(await world.feedbacks.latest(TENANT, user, persona.id)) == given[::-1]


async def test_the_last_of_a_user_message_item_and_kind_holds(world: World) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    first = said(world, persona.id, user, value=1, reason="Nice.")
    await world.feedbacks.set(TENANT, first)
    world.clock.advance(1)
    second = replace(first, value=-1, reason=None, at=world.clock.now_ms(), features=(9.0,))
    for _ in range(2):
        await world.feedbacks.set(TENANT, second)
    assert list(await world.feedbacks.latest(TENANT, user, persona.id)) == [second]


@pytest.mark.parametrize("item_id", [None, "hotel:7"])
async def test_of_what_was_taken_back_nothing_is_left(world: World, item_id: str | None) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    liked = said(world, persona.id, user, item_id=item_id)
    opened = replace(liked, kind="opened")
    for feedback in (liked, opened, replace(liked, value=0), replace(liked, value=0)):
        await world.feedbacks.set(TENANT, feedback)
    assert list(await world.feedbacks.latest(TENANT, user, persona.id)) == [opened]
    if world.database is not None:
        assert await world.database.call(_count) == 1


async def test_a_taste_is_per_user_and_persona_and_exact(world: World) -> None:
    one, two, user = await world.persona(), await world.persona(), world.ids.uuid7()
    assert await world.feedbacks.load_taste(TENANT, user, one.id) is None
    await world.feedbacks.save_taste(TENANT, user, one.id, {"v": "old", "w": [], "n": 0})
    await world.feedbacks.save_taste(TENANT, user, one.id, TASTE)
    assert await world.feedbacks.load_taste(TENANT, user, one.id) == TASTE
    assert await world.feedbacks.load_taste(TENANT, user, two.id) is None
    assert await world.feedbacks.load_taste(TENANT, world.ids.uuid7(), one.id) is None
    assert await world.feedbacks.load_taste(OTHER_TENANT, user, one.id) is None


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
async def test_a_taste_that_could_not_be_read_again_is_not_kept(
    world: World, weight: float
) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    await world.feedbacks.save_taste(TENANT, user, persona.id, TASTE)
    with pytest.raises(ValueError):
        await world.feedbacks.save_taste(TENANT, user, persona.id, {"w": [weight]})
    assert await world.feedbacks.load_taste(TENANT, user, persona.id) == TASTE


async def test_all_of_it_goes_with_the_persona_and_nothing_comes_after(world: World) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    liked = said(world, persona.id, user)
    await world.feedbacks.set(TENANT, liked)
    await world.feedbacks.save_taste(TENANT, user, persona.id, TASTE)
    await world.personas.remove(TENANT, persona.id)
    for _ in range(2):
        assert list(await world.feedbacks.latest(TENANT, user, persona.id)) == []
        assert await world.feedbacks.load_taste(TENANT, user, persona.id) is None
        await world.feedbacks.set(TENANT, liked)
        await world.feedbacks.save_taste(TENANT, user, persona.id, TASTE)
    if world.database is not None:
        assert await world.database.call(_count) == 0


async def test_another_tenants_and_a_foreign_id_are_unknown(world: World) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    liked = said(world, persona.id, user)
    await world.feedbacks.set(TENANT, liked)
    await world.feedbacks.set(OTHER_TENANT, liked)
    for tenant_id, user_id, persona_id in (
        (OTHER_TENANT, user, persona.id),
        (TENANT, "nobody", persona.id),
        (TENANT, user, "none"),
    ):
        assert list(await world.feedbacks.latest(tenant_id, user_id, persona_id)) == []
        assert await world.feedbacks.load_taste(tenant_id, user_id, persona_id) is None
    await world.feedbacks.set(OTHER_TENANT, replace(liked, value=0))
    assert list(await world.feedbacks.latest(TENANT, user, persona.id)) == [liked]


async def test_it_is_kept_for_24_months(world: World) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    old = said(world, persona.id, user)
    await world.feedbacks.set(TENANT, old)
    world.clock.advance(ANALYTICS_FOR - 1)
    young = said(world, persona.id, user)
    await world.feedbacks.set(TENANT, young)
    await world.sweep()
    assert list(await world.feedbacks.latest(TENANT, user, persona.id)) == [young, old]
    world.clock.advance(2)
    await world.feedbacks.set(TENANT, young)
    await world.sweep()
    assert list(await world.feedbacks.latest(TENANT, user, persona.id)) == [young]


async def test_everybodys_is_read_in_pages_newest_first(world: World) -> None:
    one, other, given = await world.persona(), await world.persona(), []
    for number in range(9):
        # Three of each moment: pages end anywhere.
        world.clock.advance(float(number % 3 == 0))
        persona = one if number % 2 else other
        kind = ("rating", "opened", "booked")[number % 3]
        given.append(said(world, persona.id, world.ids.uuid7(), kind=kind))
        await world.feedbacks.set(TENANT, given[-1])
    whole = said(world, one.id, world.ids.uuid7(), item_id=None, features=())
    await world.feedbacks.set(TENANT, whole)
    found: list[Feedback] = []
    while page := await world.feedbacks.of_all(
        TENANT, before=found[-1] if found else None, limit=2
    ):
        assert len(page) <= 2
        found += page
    assert sorted(found, key=str) == sorted(given, key=str)
    assert [one.at for one in found] == sorted((one.at for one in given), reverse=True)
    assert list(await world.feedbacks.of_all(OTHER_TENANT, before=None, limit=2)) == []


async def test_neither_the_latest_nor_the_sweep_reads_the_whole_table(world: World) -> None:
    if world.database is None:
        pytest.skip("the memory has no plans")
    persona = await world.persona()
    plans = await world.database.transaction(_plans, persona.id)
    assert [name for name, plan in plans.items() if name not in plan or "Seq Scan" in plan] == []


async def _plans(connection: Connection, persona_id: str) -> dict[str, str]:
    await execute(
        connection,
        """INSERT INTO persona_feedback (tenant_id, user_id, persona_id, message_id, given_at, value,
                                         kind, item_id, tower, features)
           SELECT 1, gen_random_uuid(), $1, gen_random_uuid(), n, 1, 'rating', 'i', '', '{}'
             FROM generate_series(1, 30000) AS n""",
        persona_id,
    )
    await execute(connection, "ANALYZE persona_feedback")
    return {
        "persona_feedback_of_persona": await plan_of(
            connection, sql._LATEST, 1, persona_id, persona_id, 200
        ),
        "persona_feedback_age": "; ".join(
            [
                await plan_of(connection, _DELETIONS["feedback"], 100, 10),
                await plan_of(connection, sql._OF_ALL, 1, *sql.END, 500),
            ]
        ),
    }


async def _count(connection: Connection) -> int:
    counted: int = await connection.fetchval(
        "SELECT (SELECT count(*) FROM persona_feedback) + (SELECT count(*) FROM persona_taste)"
    )
    return counted
