"""What a persona remembers over HTTP: for whom it is about, and about nobody for its owner."""

from typing import Any

import pytest
from http_fakes import World

from core.identity import Role
from core.ports.personas import MemoryItem, NewPersona

PERSONA = "01900000-0000-7000-8000-0000000000aa"
PATH = f"/api/v1/personas/{PERSONA}/memories"
ME, OTHER = "user-1", "user-2"
MINE, HERS, NOBODYS, OURS = (f"01900000-0000-7000-8000-{number:012}" for number in range(4))


def an_item(memory_id: str, about: str | None, **changes: Any) -> MemoryItem:
    fields: dict[str, Any] = {
        "id": memory_id,
        "persona_id": PERSONA,
        "kind": "preference",
        "text": "Likes the sea.",
        "about": about,
        "room_id": None,
        "source_message": "m-1",
        "slot": "budget",
        "value": {"amount": 150},
        "created_at": 1_000,
    }
    return MemoryItem(**fields | changes)


async def a_world(owner_id: str = ME) -> World:
    world = World()
    await world.personas.create(
        1, NewPersona(id=PERSONA, owner_id=owner_id, name="Juniper", style="local")
    )
    for item in (
        an_item(MINE, ME),
        an_item(HERS, OTHER),
        an_item(NOBODYS, None, slot=""),
        an_item(OURS, ME, room_id="room-1", in_groups=True),
    ):
        await world.memories.add(1, item)
    return world


async def listed(world: World, role: Role = Role.USER) -> list[str]:
    answer = await world.call("GET", PATH, token=world.token(role))
    return [item["id"] for item in answer.json["items"]]


async def test_everybody_sees_what_is_about_them_and_the_owner_what_is_about_nobody() -> None:
    world = await a_world()
    assert await listed(world) == [OURS, NOBODYS, MINE]
    assert await listed(world, Role.PROFESSIONAL) == [HERS]
    answer = await world.call("GET", PATH, token=world.token())
    assert answer.json["items"][0] == {
        "id": OURS,
        "kind": "preference",
        "text": "Likes the sea.",
        "about": ME,
        "roomId": "room-1",
        "sourceMessage": "m-1",
        "inGroups": True,
        "createdAt": 1_000,
        "expiresAt": None,
    }


async def test_it_comes_in_pages_which_a_removal_does_not_upset() -> None:
    world = await a_world()
    page = await world.call("GET", PATH, token=world.token(), query_string={"limit": "1"})
    cursor = page.json["nextCursor"]
    assert cursor == OURS
    await world.call("DELETE", f"{PATH}/{OURS}", token=world.token())
    query = {"limit": "5", "cursor": cursor}
    rest = await world.call("GET", PATH, token=world.token(), query_string=query)
    assert [item["id"] for item in rest.json["items"]] == [NOBODYS, MINE]


async def test_who_is_unknown_to_anothers_persona_finds_none() -> None:
    world = await a_world(owner_id="user-3")
    assert await listed(world) == [OURS, MINE]
    for memory_id in (OURS, MINE):
        await world.call("DELETE", f"{PATH}/{memory_id}", token=world.token())
    answer = await world.call("GET", PATH, token=world.token())
    assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_one_corrects_a_text_and_says_where_it_may_be_used() -> None:
    world = await a_world()
    path = f"{PATH}/{MINE}"
    change = {"text": " Likes\u202e lakes.\n", "inGroups": True}
    answer = await world.call("PATCH", path, token=world.token(), json=change)
    assert answer.status == 200
    assert answer.json["memory"]["text"] == "Likes lakes."
    assert answer.json["memory"]["inGroups"] is True
    kept = next(item for item in await world.memories.of_person(1, PERSONA, ME) if item.id == MINE)
    assert (kept.text, kept.value, kept.in_groups) == ("Likes lakes.", None, True)
    same = await world.call("PATCH", path, token=world.token(), json={})
    assert same.json == answer.json


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": " \u202e\n"}, "text"),
        ({"text": "é" * 501}, "text"),
        ({"text": None}, "text"),
        ({"inGroups": "yes"}, "inGroups"),
        ({"about": ME}, "about"),
    ],
)
async def test_a_wrong_field_is_named_and_changes_nothing(change: Any, field: str) -> None:
    world = await a_world()
    before = await world.memories.of_person(1, PERSONA, ME)
    answer = await world.call("PATCH", f"{PATH}/{MINE}", token=world.token(), json=change)
    assert answer.status == 400
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert await world.memories.of_person(1, PERSONA, ME) == before


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_what_is_not_ones_own_is_not_there(method: str) -> None:
    world = await a_world()
    options = {"json": {"text": "x"}} if method == "PATCH" else {}
    elsewhere = "01900000-0000-7000-8000-0000000000ab"
    await world.personas.create(1, NewPersona(id=elsewhere, owner_id=ME, name="Ben", style="local"))
    for path in (
        f"{PATH}/{HERS}",
        f"{PATH}/none",
        f"/api/v1/personas/{elsewhere}/memories/{MINE}",
        f"/api/v1/personas/none/memories/{MINE}",
    ):
        answer = await world.call(method, path, token=world.token(), **options)
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    hers = await world.call(
        method, f"{PATH}/{NOBODYS}", token=world.token(Role.PROFESSIONAL), **options
    )
    assert hers.status == 404
    assert await listed(world) == [OURS, NOBODYS, MINE]
    assert await listed(world, Role.PROFESSIONAL) == [HERS]


async def test_what_is_removed_is_gone() -> None:
    world = await a_world()
    for memory_id in (MINE, NOBODYS):
        answer = await world.call("DELETE", f"{PATH}/{memory_id}", token=world.token())
        assert (answer.status, answer.json) == (200, {})
        again = await world.call("DELETE", f"{PATH}/{memory_id}", token=world.token())
        assert again.status == 404
    assert await listed(world) == [OURS]
