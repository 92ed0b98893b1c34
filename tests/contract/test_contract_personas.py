"""What every `Personas` promises."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import trio
from msgspec.structs import replace
from persona_worlds import OTHER_TENANT, TENANT, World, execute, plan_of, world_on

from core.errors import Rejected
from core.ports.personas import Choice, PersonaPatch
from protocol.persona import MAX_PERSONAS
from storage import personas as bounds
from storage.postgres.personas import _OF_OWNER, _ROOMS
from storage.postgres.pool import Connection

CARD = {
    "spec": "chara_card_v3",
    "data": {"name": "Ju\u0000niper", "über": [1, 2.5, None, {"b": 1, "a": 2}], "n": 2**70},
}


@pytest.fixture
async def world(server: Any) -> AsyncIterator[World]:
    async with world_on(server, size=10) as world:
        yield world


async def test_a_persona_comes_back_as_it_was_made(world: World) -> None:
    new = world.new(
        world.ids.uuid7(),
        name="Ben Ö 🏔️",
        style="foodie",
        about="Knows\nmarkets.",
        greeting="Hi!",
        card=CARD,
    )
    made = await world.personas.create(TENANT, new)
    assert (made.id, made.owner_id, made.name, made.style) == (
        new.id,
        new.owner_id,
        "Ben Ö 🏔️",
        "foodie",
    )
    assert (made.about, made.greeting, made.card) == ("Knows\nmarkets.", "Hi!", CARD)
    assert (made.version, made.is_favourite, made.is_paid) == (1, False, False)
    assert made.created_at == world.clock.now_ms()
    assert await world.personas.get(TENANT, made.id) == made


async def test_those_of_an_owner_come_oldest_first_without_their_cards(world: World) -> None:
    owner, other = world.ids.uuid7(), world.ids.uuid7()
    made = []
    for number in range(3):
        world.clock.advance(1)
        made.append(await world.persona(owner, name=f"P{number}", card=CARD))
        await world.persona(other)
    found = await world.personas.of_owner(TENANT, owner)
    assert list(found) == [replace(persona, card=None) for persona in made]


async def test_a_sixth_is_refused_until_one_is_gone(world: World) -> None:
    owner = world.ids.uuid7()
    made = [await world.persona(owner) for _ in range(MAX_PERSONAS)]
    with pytest.raises(Rejected) as refused:
        await world.persona(owner)
    assert refused.value.code == "persona_limit"
    await world.persona(world.ids.uuid7())
    await world.personas.remove(TENANT, made[2].id)
    await world.persona(owner)
    with pytest.raises(Rejected):
        await world.persona(owner)
    assert len(await world.personas.of_owner(TENANT, owner)) == MAX_PERSONAS


@pytest.mark.parametrize("there_already", [0, 3])
async def test_of_ten_that_are_made_at_once_there_are_five(
    world: World, there_already: int
) -> None:
    owner, refusals, made = world.ids.uuid7(), [], []
    for _ in range(there_already):
        await world.persona(owner)

    async def make() -> None:
        try:
            made.append((await world.persona(owner)).id)
        except Rejected as refused:
            refusals.append(refused.code)

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(make)
    found = [persona.id for persona in await world.personas.of_owner(TENANT, owner)]
    assert len(found) == MAX_PERSONAS
    assert set(made) <= set(found)
    assert len(made) == MAX_PERSONAS - there_already
    assert refusals == ["persona_limit"] * (10 - len(made))


async def test_a_slot_that_is_taken_is_taken_whatever_the_code_does(world: World) -> None:
    if world.database is None:
        pytest.skip("the memory has one task")
    made = await world.persona()
    with pytest.raises(asyncpg.UniqueViolationError):
        await world.database.call(_take_slot, world.ids.uuid7(), made.id)


async def test_a_repeated_creation_finds_the_first(world: World) -> None:
    owner = world.ids.uuid7()
    new = world.new(owner)
    first = await world.personas.create(TENANT, new)
    patched = await world.personas.patch(TENANT, first.id, PersonaPatch(name="Other"))
    for _ in range(MAX_PERSONAS):
        assert await world.personas.create(TENANT, new) == patched
    assert len(await world.personas.of_owner(TENANT, owner)) == 1


async def test_a_repeat_is_no_sixth(world: World) -> None:
    owner = world.ids.uuid7()
    new = world.new(owner)
    await world.personas.create(TENANT, new)
    for _ in range(MAX_PERSONAS - 1):
        await world.persona(owner)
    assert (await world.personas.create(TENANT, new)).id == new.id


async def test_parallel_repeats_make_one(world: World) -> None:
    owner = world.ids.uuid7()
    new, made = world.new(owner), []

    async def make() -> None:
        made.append(await world.personas.create(TENANT, new))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(make)
    assert made == made[:1] * 8
    assert len(await world.personas.of_owner(TENANT, owner)) == 1


async def test_a_patch_changes_what_it_names_and_the_version_tells(world: World) -> None:
    made = await world.persona(about="Old", card=CARD)
    patched = await world.personas.patch(
        TENANT, made.id, PersonaPatch(name="New", style="luxury", is_favourite=True)
    )
    assert patched == replace(
        made, name="New", style="luxury", is_favourite=True, version=made.version + 1
    )
    emptied = await world.personas.patch(TENANT, made.id, PersonaPatch(about="", card={}))
    assert (emptied.about, emptied.card, emptied.version) == ("", {}, made.version + 2)
    assert await world.personas.get(TENANT, made.id) == emptied


async def test_a_patch_that_changes_nothing_is_no_version(world: World) -> None:
    made = await world.persona(card=CARD, about="Same")
    for patch in (PersonaPatch(), PersonaPatch(name=made.name, about="Same", card=CARD)):
        assert await world.personas.patch(TENANT, made.id, patch) == made


async def test_another_tenants_and_a_foreign_id_are_unknown(world: World) -> None:
    made = await world.persona()
    for tenant_id, persona_id in (
        (OTHER_TENANT, made.id),
        (TENANT, world.ids.uuid7()),
        (TENANT, "not an id"),
    ):
        assert await world.personas.get(tenant_id, persona_id) is None
        with pytest.raises(Rejected) as refused:
            await world.personas.patch(tenant_id, persona_id, PersonaPatch(name="Mine"))
        assert refused.value.code == "not_found"
        assert list(await world.personas.remove(tenant_id, persona_id)) == []
        assert list(await world.personas.rooms(tenant_id, persona_id)) == []
    assert list(await world.personas.of_owner(OTHER_TENANT, made.owner_id)) == []
    assert list(await world.personas.of_owner(TENANT, "not an id")) == []
    assert await world.personas.get(TENANT, made.id) == made


async def test_five_in_one_tenant_leave_five_in_another(world: World) -> None:
    owner = world.ids.uuid7()
    for _ in range(MAX_PERSONAS):
        await world.persona(owner)
    await world.personas.create(OTHER_TENANT, world.new(owner))


async def test_removing_tells_in_which_rooms_it_sits(world: World) -> None:
    made, other = await world.persona(), await world.persona()
    rooms = sorted(world.ids.uuid7() for _ in range(3))
    for room_id in reversed(rooms):
        await world.seat(room_id, made.id)
    await world.seat(world.ids.uuid7(), other.id)
    assert list(await world.personas.rooms(TENANT, made.id)) == rooms
    assert list(await world.personas.rooms(OTHER_TENANT, made.id)) == []
    assert list(await world.personas.remove(TENANT, made.id)) == rooms
    assert await world.personas.get(TENANT, made.id) is None
    assert list(await world.personas.remove(TENANT, made.id)) == rooms


async def chosen(world: World, user: str, room: str) -> str | None:
    choice = await world.personas.active(TENANT, user, room)
    return None if choice is None else choice.persona_id


async def test_the_active_persona_is_that_of_the_room_else_that_of_everywhere(
    world: World,
) -> None:
    user, room, other_room = (world.ids.uuid7() for _ in range(3))
    first, second, third = [await world.persona(user) for _ in range(3)]
    personas = world.personas
    assert await personas.active(TENANT, user, room) is None
    await personas.switch(TENANT, user, first.id, room)
    assert await chosen(world, user, room) == first.id
    assert await personas.active(TENANT, user, other_room) is None
    await personas.switch(TENANT, user, second.id, None)
    assert await chosen(world, user, room) == first.id
    assert await chosen(world, user, other_room) == second.id
    assert await chosen(world, user, "") == second.id
    await personas.switch(TENANT, user, third.id, room)
    await personas.switch(TENANT, user, third.id, room)
    assert await chosen(world, user, room) == third.id
    at = world.clock.now_ms()
    world.clock.advance(60)
    assert await personas.active(TENANT, user, room) == Choice(third.id, at)
    await personas.switch(TENANT, user, third.id, room)
    assert await personas.active(TENANT, user, room) == Choice(third.id, at + 60_000)
    assert await personas.active(TENANT, world.ids.uuid7(), room) is None
    assert await personas.active(OTHER_TENANT, user, room) is None


async def test_a_persona_that_is_gone_is_nobodys_active_one(world: World) -> None:
    user, room = world.ids.uuid7(), world.ids.uuid7()
    gone, stays = await world.persona(user), await world.persona(user)
    await world.personas.switch(TENANT, user, gone.id, room)
    await world.personas.switch(TENANT, user, stays.id, None)
    await world.personas.remove(TENANT, gone.id)
    assert await chosen(world, user, room) == stays.id
    for tenant_id, persona_id, room_id in (
        (TENANT, gone.id, None),
        (OTHER_TENANT, stays.id, None),
        (TENANT, "not an id", room),
    ):
        with pytest.raises(Rejected) as refused:
            await world.personas.switch(tenant_id, user, persona_id, room_id)
        assert refused.value.code == "not_found"


async def test_of_choices_for_rooms_the_newest_are_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("memory", "postgres"):
        monkeypatch.setattr(f"storage.{module}.personas.MAX_CHOICES", 3)
    user, rooms = world.ids.uuid7(), [world.ids.uuid7() for _ in range(5)]
    everywhere, here = await world.persona(user), await world.persona(user)
    await world.personas.switch(TENANT, user, everywhere.id, None)
    for room_id in rooms:
        world.clock.advance(1)
        await world.personas.switch(TENANT, user, here.id, room_id)
    active = [await chosen(world, user, room_id) for room_id in rooms]
    assert active == [everywhere.id] * 2 + [here.id] * 3
    assert bounds.MAX_CHOICES == 1_000


async def test_no_list_reads_the_whole_table(world: World) -> None:
    if world.database is None:
        pytest.skip("the memory has no plans")
    of_owner, rooms = await world.database.transaction(_plans)
    assert "persona_tenant_id_owner_id_slot_key" in of_owner
    assert "room_persona_seats" in rooms
    assert "Seq Scan" not in of_owner + rooms


async def _plans(connection: Connection) -> tuple[str, str]:
    owner = "00000000-0000-7000-8000-000000000007"
    await execute(
        connection,
        """INSERT INTO persona (id, owner_id, created_at, tenant_id, slot, name, style, about, greeting)
           SELECT gen_random_uuid(), gen_random_uuid(), 1, 1, 0, 'P', 'local', '', ''
             FROM generate_series(1, 20000)""",
    )
    await execute(
        connection,
        """INSERT INTO room_persona (room_id, tenant_id, persona_id, owner_id, name, from_seq)
           SELECT gen_random_uuid(), 1, gen_random_uuid(), gen_random_uuid(), 'P', 2
             FROM generate_series(1, 20000)""",
    )
    await execute(connection, "ANALYZE persona, room_persona")
    return (
        await plan_of(connection, _OF_OWNER, 1, owner),
        await plan_of(connection, _ROOMS, 1, owner),
    )


async def _take_slot(connection: Connection, new_id: str, like: str) -> None:
    await connection.execute(
        """INSERT INTO persona (id, owner_id, created_at, tenant_id, slot, name, style, about, greeting)
           SELECT $1, owner_id, 1, 1, slot, 'P', 'local', '', '' FROM persona WHERE id = $2""",
        new_id,
        like,
    )
