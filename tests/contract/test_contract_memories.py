"""What every `Memories` promises but its boundary, which test_contract_memory_privacy.py has."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import trio
from persona_worlds import OTHER_TENANT, TENANT, World, execute, plan_of, world_on

from core.errors import Rejected
from core.ports.personas import MemoryItem
from storage.postgres import memories as sql
from storage.postgres.housekeeping import _DELETIONS
from storage.postgres.pool import Connection


@pytest.fixture
async def world(server: Any) -> AsyncIterator[World]:
    async with world_on(server) as world:
        yield world


async def known(world: World, item: MemoryItem, user_id: str) -> list[MemoryItem]:
    return list(await world.memories.of_person(TENANT, item.persona_id, user_id))


async def test_what_is_remembered_comes_back_as_it_was_learned(world: World) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    items = []
    for kind, value in (
        ("fact", {"amount": 150.5, "per": "night"}),
        ("preference", None),
        ("episode", [1, "zwei", None]),
        ("taboo", "shellfish"),
    ):
        world.clock.advance(1)
        items.append(
            world.memory(
                persona.id,
                kind=kind,
                value=value,
                about=user,
                room_id=world.ids.uuid7(),
                source_message=world.ids.uuid7(),
                slot=kind,
                text="Budget: 150 € «a night»",
                in_groups=kind == "fact",
                expires_at=world.clock.now_ms() + 10_000,
            )
        )
        await world.memories.add(TENANT, items[-1])
    assert await known(world, items[0], user) == items[::-1]


async def test_adding_is_harmless_to_repeat_and_undoes_no_change(world: World) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    for slot in ("", "budget"):
        item = world.memory(persona.id, about=user, slot=slot)
        await world.memories.add(TENANT, item)
        await world.memories.change(TENANT, item.id, user, text="Mine", in_groups=True)
        await world.memories.add(TENANT, item)
    assert [one.text for one in await known(world, item, user)] == ["Mine"] * 2


async def test_the_newest_of_a_slot_replaces_the_older_one_and_its_permission(
    world: World,
) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    first = world.memory(persona.id, about=user, slot="budget", value=100, in_groups=True)
    await world.memories.add(TENANT, first)
    world.clock.advance(1)
    second = world.memory(persona.id, about=user, slot="budget", value=200)
    late = replace(first, id=world.ids.uuid7(), value=50)
    for item in (second, late):
        await world.memories.add(TENANT, item)
    assert await known(world, second, user) == [second]


async def test_slots_of_others_rooms_personas_and_tenants_are_others(world: World) -> None:
    one, two, user = await world.persona(), await world.persona(), world.ids.uuid7()
    item = world.memory(one.id, about=user, slot="budget")
    others = [
        world.memory(two.id, about=user, slot="budget"),
        world.memory(one.id, about=user, slot="home"),
        world.memory(one.id, about=user, slot="budget", room_id=world.ids.uuid7()),
        world.memory(one.id, about=world.ids.uuid7(), slot="budget"),
        world.memory(one.id, slot="budget"),
        world.memory(one.id, about=user),
        world.memory(one.id, about=user),
    ]
    for each in (item, *others):
        await world.memories.add(TENANT, each)
    replaced = replace(item, id=world.ids.uuid7())
    await world.memories.add(TENANT, replaced)
    assert {each.id for each in await known(world, item, user)} == {
        each.id for each in (replaced, *others[1:3], *others[5:])
    }
    assert await known(world, others[0], user) == [others[0]]
    assert others[4] in await known(world, item, one.owner_id)


async def test_of_many_the_oldest_episode_makes_way_and_a_taboo_last(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("memory", "postgres"):
        monkeypatch.setattr(f"storage.{module}.memories.MAX_MEMORIES", 4)
    persona, user = await world.persona(), world.ids.uuid7()

    async def learn(kind: str) -> str:
        world.clock.advance(1)
        item = world.memory(persona.id, about=user, kind=kind, text=kind)
        await world.memories.add(TENANT, item)
        return item.id

    async def left() -> list[str]:
        found = await world.memories.of_person(TENANT, persona.id, user)
        return [item.id for item in found][::-1]

    taboo, fact, first, second = [
        await learn(kind) for kind in ("taboo", "fact", "episode", "episode")
    ]
    assert await left() == [taboo, fact, first, second]
    preference = await learn("preference")
    assert await left() == [taboo, fact, second, preference]
    third = await learn("episode")
    assert await left() == [taboo, fact, preference, third]
    second_preference = await learn("preference")
    assert await left() == [taboo, fact, preference, second_preference]
    third_preference = await learn("preference")
    assert await left() == [taboo, preference, second_preference, third_preference]
    fourth = await learn("episode")
    assert await left() == [taboo, second_preference, third_preference, fourth]
    taboos = [await learn("taboo") for _ in range(4)]
    assert await left() == taboos


async def test_what_a_message_taught_is_added_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("memory", "postgres"):
        monkeypatch.setattr(f"storage.{module}.memories.MAX_MEMORIES", 4)
    persona, user = await world.persona(), world.ids.uuid7()

    def items(*slots: str, kind: str = "episode") -> list[MemoryItem]:
        world.clock.advance(1)
        return [world.memory(persona.id, about=user, slot=slot, kind=kind) for slot in slots]

    async def slots() -> list[str]:
        return sorted(one.slot for one in await known(world, first[0], user))

    first = items("budget", "party", "said:1")
    await world.memories.add(TENANT, *first)
    await world.memories.add(TENANT, *first)
    assert await slots() == ["budget", "party", "said:1"]
    second = items("budget", "said:2", "")
    await world.memories.add(TENANT, *second)
    # The new ones stay, and the older party had to make way for them: all are episodes.
    assert await slots() == ["", "budget", "said:1", "said:2"]
    assert {one.id for one in second} <= {one.id for one in await known(world, first[0], user)}
    of_one_slot = items("budget", "budget")
    await world.memories.add(TENANT, *of_one_slot)
    kept = await known(world, first[0], user)
    assert [one.id for one in kept if one.slot == "budget"] == [of_one_slot[1].id]
    await world.memories.add(TENANT)
    assert await known(world, first[0], user) == kept


async def test_memories_of_several_people_are_not_added_together(world: World) -> None:
    persona = await world.persona()
    mixed = [world.memory(persona.id, about=world.ids.uuid7()) for _ in range(2)]
    with pytest.raises(ValueError, match="several"):
        await world.memories.add(TENANT, *mixed)
    assert await known(world, mixed[0], persona.owner_id) == []


async def test_the_bound_is_per_persona_and_person(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("memory", "postgres"):
        monkeypatch.setattr(f"storage.{module}.memories.MAX_MEMORIES", 2)
    persona, other = await world.persona(), await world.persona()
    users = [world.ids.uuid7(), world.ids.uuid7(), None]
    for _ in range(4):
        world.clock.advance(1)
        for about in users:
            for one in (persona, other):
                await world.memories.add(TENANT, world.memory(one.id, about=about))
    for user_id in users[:2]:
        assert user_id is not None
        assert len(await world.memories.of_person(TENANT, persona.id, user_id)) == 2
    assert len(await world.memories.of_person(TENANT, persona.id, persona.owner_id)) == 2


async def test_the_bound_and_the_slots_hold_under_parallel_learning(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("memory", "postgres"):
        monkeypatch.setattr(f"storage.{module}.memories.MAX_MEMORIES", 3)
    persona, user = await world.persona(), world.ids.uuid7()
    items = [
        world.memory(persona.id, about=user, slot="budget" if number % 2 else "")
        for number in range(12)
    ]
    async with trio.open_nursery() as nursery:
        for item in items:
            nursery.start_soon(world.memories.add, TENANT, item)
    found = await known(world, items[0], user)
    assert len(found) == 3
    assert sum(item.slot == "budget" for item in found) <= 1


async def test_what_has_expired_is_not_there_and_is_swept_away(world: World) -> None:
    persona, user, room = await world.persona(), world.ids.uuid7(), world.ids.uuid7()
    item = world.memory(
        persona.id, about=user, room_id=room, slot="dates", expires_at=world.clock.now_ms() + 1_000
    )
    await world.memories.add(TENANT, item)
    await world.sweep()
    assert await known(world, item, user) == [item]
    world.clock.advance(1)
    assert await known(world, item, user) == []
    for is_group in (True, False):
        found = await world.memories.usable(
            TENANT, persona.id, user_id=user, room_id=room, is_group=is_group
        )
        assert list(found) == []
    with pytest.raises(Rejected):
        await world.memories.change(TENANT, item.id, user, text="x", in_groups=None)
    older = replace(item, id=world.ids.uuid7(), created_at=item.created_at - 1, expires_at=None)
    await world.memories.add(TENANT, older)
    assert await known(world, item, user) == [older]
    await world.sweep()
    if world.database is not None:
        assert await world.database.call(_count) == 1


async def test_a_person_changes_what_is_about_them(world: World) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    item = world.memory(persona.id, about=user, slot="budget", value=100)
    await world.memories.add(TENANT, item)
    change = world.memories.change
    assert await change(TENANT, item.id, user, text=None, in_groups=None) == item
    allowed = await change(TENANT, item.id, user, text=item.text, in_groups=True)
    assert allowed == replace(item, in_groups=True)
    said_anew = await change(TENANT, item.id, user, text="Budget: 200", in_groups=None)
    assert said_anew == replace(allowed, text="Budget: 200", value=None)
    assert await known(world, item, user) == [said_anew]
    await world.memories.remove(TENANT, item.id, user)
    assert await known(world, item, user) == []


async def test_nobody_else_sees_or_changes_it_and_the_owner_what_is_about_nobody(
    world: World,
) -> None:
    persona, user, stranger = await world.persona(), world.ids.uuid7(), world.ids.uuid7()
    hers, nobodys = world.memory(persona.id, about=user), world.memory(persona.id)
    for item in (hers, nobodys):
        await world.memories.add(TENANT, item)
    assert await known(world, hers, persona.owner_id) == [nobodys]
    assert await known(world, hers, user) == [hers]
    assert await known(world, hers, stranger) == []
    for tenant_id, memory_id, who in (
        (TENANT, hers.id, persona.owner_id),
        (TENANT, hers.id, stranger),
        (TENANT, nobodys.id, user),
        (TENANT, "not an id", user),
        (TENANT, hers.id, "nobody"),
        (OTHER_TENANT, hers.id, user),
    ):
        with pytest.raises(Rejected) as refused:
            await world.memories.change(tenant_id, memory_id, who, text="x", in_groups=True)
        assert refused.value.code == "not_found"
        with pytest.raises(Rejected) as refused:
            await world.memories.remove(tenant_id, memory_id, who)
        assert refused.value.code == "not_found"
    assert await known(world, hers, user) == [hers]
    changed = await world.memories.change(
        TENANT, nobodys.id, persona.owner_id, text=None, in_groups=True
    )
    assert changed == replace(nobodys, in_groups=True)


async def test_it_goes_with_the_persona_and_nothing_comes_after(world: World) -> None:
    persona, user = await world.persona(), world.ids.uuid7()
    item = world.memory(persona.id, about=user)
    await world.memories.add(TENANT, item)
    await world.personas.remove(TENANT, persona.id)
    for _ in range(2):
        assert await known(world, item, user) == []
        with pytest.raises(Rejected):
            await world.memories.remove(TENANT, item.id, user)
        await world.memories.add(TENANT, item)


async def test_taboos_come_first_and_then_the_newest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("memory", "postgres"):
        monkeypatch.setattr(f"storage.{module}.memories.MAX_USABLE", 4)
    persona, user = await world.persona(), world.ids.uuid7()
    items = []
    for kind in ("taboo", "fact", "episode", "taboo", "fact", "preference"):
        world.clock.advance(1)
        items.append(world.memory(persona.id, about=user, kind=kind))
        await world.memories.add(TENANT, items[-1])
    found = await world.memories.usable(
        TENANT, persona.id, user_id=user, room_id="not an id", is_group=False
    )
    assert list(found) == [items[3], items[0], items[5], items[4]]


async def test_episodes_may_be_left_out(world: World) -> None:
    persona, user, room = await world.persona(), world.ids.uuid7(), world.ids.uuid7()
    kinds = ("taboo", "episode", "preference", "episode", "fact")
    items = [world.memory(persona.id, about=user, kind=kind) for kind in kinds]
    await world.memories.add(TENANT, *items)
    for episodes, expected in ((True, 5), (False, 3)):
        found = await world.memories.usable(
            TENANT, persona.id, user_id=user, room_id=room, is_group=False, episodes=episodes
        )
        assert len(found) == expected
        assert episodes or "episode" not in {item.kind for item in found}


async def test_no_reading_and_no_sweep_reads_the_whole_table(world: World) -> None:
    if world.database is None:
        pytest.skip("the memory has no plans")
    persona = await world.persona()
    wrong = [
        plan
        for indexes, plan in await world.database.transaction(_plans, persona.id)
        if "Seq Scan" in plan or any(index not in plan for index in indexes)
    ]
    assert wrong == []


async def _plans(connection: Connection, persona_id: str) -> list[tuple[list[str], str]]:
    """One persona that thirty thousand people talk to."""
    await execute(
        connection,
        """INSERT INTO persona_memory (id, persona_id, about, room_id, source_message, created_at,
                                       expires_at, tenant_id, in_groups, kind, slot, text)
           SELECT gen_random_uuid(), $1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, n,
                  1, false, 'fact', '', '' FROM generate_series(1, 30000) AS n""",
        persona_id,
    )
    await execute(connection, "ANALYZE persona_memory")
    make_room = sql._MAKE_ROOM.format(about="about = $3")
    add, by = sql._ADD.format(about="about = $3"), persona_id
    item = (by, "fact", "", by, by, False, "budget", b"", 1, 1)
    new = (1, by, by, 1, *([one] for one in item))
    expired = _DELETIONS["memories"]
    return [
        (
            ["persona_memory_room", "persona_memory_about"],
            await plan_of(connection, sql._USABLE, 1, by, by, by, True, 1, 400, True),
        ),
        (["persona_memory_about"], await plan_of(connection, sql._OF_PERSON, 1, by, by, 1)),
        (["persona_memory_about"], await plan_of(connection, make_room, 1, by, by, [by], 1, 200)),
        (["persona_memory_about", "persona_memory_pkey"], await plan_of(connection, add, *new)),
        (["persona_memory_source"], await plan_of(connection, sql._FORGET, 1, by)),
        (["persona_memory_expiry"], await plan_of(connection, expired, 100, 10)),
    ]


async def _count(connection: Connection) -> int:
    counted: int = await connection.fetchval("SELECT count(*) FROM persona_memory")
    return counted
