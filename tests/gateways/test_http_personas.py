"""One's personas over HTTP: five, one's own alone, gone from their rooms when they are removed."""

from typing import Any

import pytest
from http_fakes import FakeClock, World, a_room

from core.errors import Overloaded, Rejected
from core.identity import Role
from core.ports.personas import Run, SegmentRecord
from protocol.persona import SetRoomPersona
from protocol.room import ROOM, Sequenced

PERSONAS = "/api/v1/personas"
NOW = FakeClock().now_ms()
ROOM_1, ROOM_2, ROOM_3 = (f"00000000-0000-7000-8000-{number:012}" for number in range(3))


async def make(world: World, role: Role = Role.USER, **fields: Any) -> Any:
    body = {"name": "Juniper", "style": "explorer"} | fields
    answer = await world.call("POST", PERSONAS, token=world.token(role), json=body)
    assert answer.status == 201, answer.raw
    return answer.json["persona"]


async def names(world: World) -> list[str]:
    answer = await world.call("GET", PERSONAS, token=world.token())
    return [item["name"] for item in answer.json["items"]]


async def test_a_persona_is_made_and_read() -> None:
    world = World()
    made = await make(world, about="Knows markets.\r\n", greeting="Hi!\u202e", style="foodie")
    assert made == {
        "id": made["id"],
        "name": "Juniper",
        "style": "foodie",
        "about": "Knows markets.\n",
        "greeting": "Hi!",
        "isFavourite": False,
        "isPaid": False,
        "version": 1,
        "createdAt": NOW,
        "isActive": False,
    }
    read = await world.call("GET", f"{PERSONAS}/{made['id']}", token=world.token())
    assert (read.status, read.json) == (200, {"persona": made})


async def test_the_list_is_ones_own_oldest_first_in_pages() -> None:
    world = World()
    assert (await world.call("GET", PERSONAS, token=world.token())).json == {
        "items": [],
        "nextCursor": None,
    }
    for number in range(5):
        await make(world, name=f"P{number}")
    await make(world, Role.PROFESSIONAL)
    assert await names(world) == [f"P{number}" for number in range(5)]
    seen, query = [], {"limit": "2"}
    while query:
        page = await world.call("GET", PERSONAS, token=world.token(), query_string=query)
        seen += [item["name"] for item in page.json["items"]]
        cursor = page.json["nextCursor"]
        query = {"limit": "2", "cursor": cursor} if cursor else {}
    assert seen == [f"P{number}" for number in range(5)]


async def test_a_list_goes_on_where_it_was_though_what_was_shown_is_removed_meanwhile() -> None:
    world, seen, query = World(), [], {"limit": "2"}
    for number in range(5):
        await make(world, name=f"P{number}")
    while query:
        page = await world.call("GET", PERSONAS, token=world.token(), query_string=query)
        for item in page.json["items"]:
            seen.append(item["name"])
            await world.call("DELETE", f"{PERSONAS}/{item['id']}", token=world.token())
        cursor = page.json["nextCursor"]
        query = {"limit": "2", "cursor": cursor} if cursor else {}
    assert seen == [f"P{number}" for number in range(5)]


async def test_a_sixth_is_a_409() -> None:
    world = World()
    for _ in range(5):
        await make(world)
    body = {"name": "Sixth", "style": "local"}
    answer = await world.call("POST", PERSONAS, token=world.token(), json=body)
    assert (answer.status, answer.json["code"]) == (409, "persona_limit")
    assert "5" in answer.json["error"]
    await make(world, Role.PROFESSIONAL)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"name": None}, "name", "text"),
        ({"name": ""}, "name", "visible"),
        ({"name": "  "}, "name", "visible"),
        ({"name": "\u200b\u200d"}, "name", "visible"),
        ({"name": "a\nb"}, "name", "visible"),
        ({"name": "a\u202eb"}, "name", "visible"),
        ({"name": "a\u2028b"}, "name", "visible"),
        ({"name": "a\u2068b"}, "name", "visible"),
        ({"name": "a\0b"}, "name", "U+0000"),
        ({"name": "é" * 51}, "name", "100 bytes"),
        ({"about": "x" * 4_097}, "about", "4096 bytes"),
        ({"greeting": "🏔" * 1_025}, "greeting", "4096 bytes"),
        ({"style": "evil"}, "style", "explorer, adventure, luxury, local, budget"),
        ({"style": None}, "style", "culture"),
        ({"isPaid": True}, "isPaid", "not known"),
        ({"ownerId": "user-2"}, "ownerId", "not known"),
    ],
)
async def test_a_wrong_field_is_named_when_made_and_when_changed(
    change: dict[str, Any], field: str, words: str
) -> None:
    world = World()
    persona = await make(world)
    sent = {"name": "Ben", "style": "local"} | change
    for method, path, body in (
        ("POST", PERSONAS, sent),
        ("PATCH", f"{PERSONAS}/{persona['id']}", change),
    ):
        answer = await world.call(method, path, token=world.token(), json=body)
        assert answer.status == 400
        assert [error["field"] for error in answer.json["errors"]] == [field]
        assert words in answer.json["errors"][0]["message"]
    assert await names(world) == ["Juniper"]


@pytest.mark.parametrize("name", ["é" * 50, "👩‍🚀 Ada", "سارا", "可可", "Ben-1"])
async def test_names_of_all_scripts_are_fine(name: str) -> None:
    assert (await make(World(), name=f" {name} "))["name"] == name


async def test_what_is_missing_is_named_at_once() -> None:
    answer = await World().call("POST", PERSONAS, token=World().token(), json={})
    assert answer.status == 401
    world = World()
    answer = await world.call("POST", PERSONAS, token=world.token(), json={})
    assert [error["field"] for error in answer.json["errors"]] == ["name", "style"]


async def test_what_a_change_leaves_out_stays_and_the_version_grows_with_changes_alone() -> None:
    world = World()
    made = await make(world, about="Old")
    path = f"{PERSONAS}/{made['id']}"
    change = {"name": " Ben ", "isFavourite": True, "about": ""}
    changed = await world.call("PATCH", path, token=world.token(), json=change)
    expected = made | {"name": "Ben", "isFavourite": True, "about": "", "version": 2}
    assert (changed.status, changed.json["persona"]) == (200, expected)
    for nothing in ({}, {"name": "Ben"}):
        same = await world.call("PATCH", path, token=world.token(), json=nothing)
        assert same.json["persona"] == expected


async def test_a_repeated_key_makes_one_persona_even_if_its_answer_was_lost() -> None:
    world = World()
    headers = {"Idempotency-Key": "once"}
    body = {"name": "Juniper", "style": "local"}
    first = await world.call("POST", PERSONAS, token=world.token(), json=body, headers=headers)
    again = await world.call("POST", PERSONAS, token=world.token(), json=body, headers=headers)
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    world.idempotency.begun.clear()
    lost = await world.call("POST", PERSONAS, token=world.token(), json=body, headers=headers)
    assert lost.json == first.json
    other = await world.call(
        "POST", PERSONAS, token=world.token(Role.PROFESSIONAL), json=body, headers=headers
    )
    assert other.json["persona"]["id"] != first.json["persona"]["id"]
    assert len(await names(world)) == 1


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "Mine"}),
        ("DELETE", "", None),
        ("POST", "/activate", {}),
        ("GET", "/runs", None),
        ("GET", "/memories", None),
        ("GET", "/card", None),
    ],
)
async def test_anothers_and_an_unknown_one_are_not_there(method: str, rest: str, body: Any) -> None:
    world = World()
    hers = await make(world, Role.PROFESSIONAL)
    for persona_id in (hers["id"], "01900000-0000-7000-8000-ffffffffffff", "none", "x" * 65):
        options = {} if body is None else {"json": body}
        answer = await world.call(
            method, f"{PERSONAS}/{persona_id}{rest}", token=world.token(), **options
        )
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    kept = await world.call("GET", f"{PERSONAS}/{hers['id']}", token=world.token(Role.PROFESSIONAL))
    assert kept.json["persona"] == hers


# Renaming.


async def test_the_rooms_of_a_persona_are_told_its_new_name() -> None:
    world = World()
    made = await make(world)
    world.seats = {made["id"]: [ROOM_1, ROOM_2]}
    world.actors.answer = lambda address, message: Sequenced(seq=9)
    path = f"{PERSONAS}/{made['id']}"
    changed = await world.call("PATCH", path, token=world.token(), json={"about": "A guide."})
    assert (changed.status, world.actors.asked) == (200, [])
    for _ in range(2):  # a repeat reaches those that the first did not
        world.actors.asked.clear()
        changed = await world.call("PATCH", path, token=world.token(), json={"name": "Luna"})
        assert (changed.status, changed.json["persona"]["name"]) == (200, "Luna")
        told = [(address, message) for address, message, who in world.actors.asked]
        assert sorted(told, key=lambda one: one[0].key) == [
            (ROOM.at(room), SetRoomPersona(room_id=room, persona_id=made["id"], active=True))
            for room in (ROOM_1, ROOM_2)
        ]
        assert {who.user_id for _, _, who in world.actors.asked if who} == {"user-1"}


async def test_a_room_that_it_left_meanwhile_does_not_keep_its_old_name() -> None:
    world = World()
    made = await make(world)
    world.seats = {made["id"]: [ROOM_1]}
    world.actors.answer = lambda address, message: Rejected("not_found", "No such room.")
    path = f"{PERSONAS}/{made['id']}"
    changed = await world.call("PATCH", path, token=world.token(), json={"name": "Luna"})
    assert changed.status == 200


# Removing.


def leaving(world: World, refusals: dict[str, Exception] | None = None) -> None:
    """Rooms answer as they do: the persona has left, or the room refuses."""

    def answer(address: Any, message: Any) -> Any:
        refusal = (refusals or {}).get(address.key)
        if refusal is None:
            seats = world.seats.get(message.persona_id, [])
            world.seats[message.persona_id] = [room for room in seats if room != address.key]
        return refusal or Sequenced(seq=9)

    world.actors.answer = answer


async def test_a_persona_that_is_removed_leaves_its_rooms_first() -> None:
    world = World()
    made, other = await make(world), await make(world)
    world.seats = {made["id"]: [ROOM_1, ROOM_2], other["id"]: [ROOM_3]}
    leaving(world)
    answer = await world.call("DELETE", f"{PERSONAS}/{made['id']}", token=world.token())
    assert (answer.status, answer.json) == (200, {})
    asked = [(address, message) for address, message, who in world.actors.asked]
    assert sorted(asked, key=lambda one: one[0].key) == [
        (ROOM.at(room), SetRoomPersona(room_id=room, persona_id=made["id"], active=False))
        for room in (ROOM_1, ROOM_2)
    ]
    assert {who.user_id for _, _, who in world.actors.asked if who} == {"user-1"}
    gone = await world.call("GET", f"{PERSONAS}/{made['id']}", token=world.token())
    assert gone.status == 404
    assert (
        await world.call("DELETE", f"{PERSONAS}/{made['id']}", token=world.token())
    ).status == 404
    assert len(await names(world)) == 1


async def test_a_room_that_knows_it_no_more_does_not_keep_it() -> None:
    world = World()
    made = await make(world)
    world.seats = {made["id"]: [ROOM_1, ROOM_2]}
    refusal = Rejected("not_found", "This room does not exist.")
    leaving(world, {ROOM_1: refusal})
    answer = await world.call("DELETE", f"{PERSONAS}/{made['id']}", token=world.token())
    assert answer.status == 200


async def test_one_that_a_busy_room_cannot_let_go_is_still_there_to_be_removed_again() -> None:
    world = World()
    made = await make(world)
    world.seats = {made["id"]: [ROOM_1, ROOM_2]}
    leaving(world, {ROOM_1: Overloaded()})
    path = f"{PERSONAS}/{made['id']}"
    answer = await world.call("DELETE", path, token=world.token())
    assert (answer.status, answer.json["code"]) == (429, "overloaded")
    assert await names(world) == ["Juniper"]
    leaving(world)
    assert (await world.call("DELETE", path, token=world.token())).status == 200
    assert world.seats[made["id"]] == []


async def test_a_repeated_removal_with_a_key_has_the_first_answer() -> None:
    world = World()
    made = await make(world)
    answers = [
        await world.call(
            "DELETE",
            f"{PERSONAS}/{made['id']}",
            token=world.token(),
            headers={"Idempotency-Key": "gone"},
        )
        for _ in range(2)
    ]
    assert [answer.status for answer in answers] == [200, 200]


# The active one.


async def test_the_active_one_is_chosen_for_everywhere_or_for_a_room() -> None:
    world = World()
    first, second = await make(world, name="One"), await make(world, name="Two")
    world.rooms.summaries = [a_room(1)]
    room_id = world.rooms.summaries[0].id

    async def activate(persona: Any, body: Any) -> Any:
        path = f"{PERSONAS}/{persona['id']}/activate"
        return await world.call("POST", path, token=world.token(), json=body)

    answer = await activate(first, {})
    assert answer.json == {"persona": first | {"isActive": True}}
    assert (await activate(second, {"roomId": room_id})).status == 200
    chosen = await world.personas.active(1, "user-1", room_id)
    assert chosen is not None
    assert chosen.persona_id == second["id"]
    items = (await world.call("GET", PERSONAS, token=world.token())).json["items"]
    assert [item["isActive"] for item in items] == [True, False]
    elsewhere = await activate(second, {"roomId": "a room of others"})
    assert (elsewhere.status, elsewhere.json["code"]) == (404, "not_found")
    empty = await world.call("POST", f"{PERSONAS}/{second['id']}/activate", token=world.token())
    assert empty.status == 200
    assert (await activate(second, {"room": room_id})).status == 400


# What it did.


def a_run(number: int, persona_id: str, **changes: Any) -> Run:
    fields: dict[str, Any] = {
        "id": f"01900000-0000-7000-8000-00000000{number:04}",
        "room_id": ROOM_1,
        "persona_id": persona_id,
        "asker_id": "user-2",
        "message_id": f"message-{number}",
        "reply_to": "what was asked",
        "started_at": NOW + number,
        "outcome": "done",
        "intent": "search_hotel",
        "tools": ("search_offers",),
        "segments": (
            SegmentRecord(
                act="show_hotels",
                tier="template",
                model="templates",
                version="1",
                tokens=3,
                first_ms=88,
                ended_ms=240,
            ),
        ),
        "ended_at": NOW + 240,
        "cost": 53,
    }
    return Run(**fields | changes)


async def test_runs_are_listed_newest_first_without_a_word_that_was_said() -> None:
    world = World()
    persona = await make(world)
    for number in range(3):
        await world.runs.end(1, a_run(number, persona["id"]))
    await world.runs.begin(1, a_run(9, "another's", outcome="open"))
    path = f"{PERSONAS}/{persona['id']}/runs"
    page = await world.call("GET", path, token=world.token(), query_string={"limit": "2"})
    assert page.json["items"][0] == {
        "id": "01900000-0000-7000-8000-000000000002",
        "roomId": ROOM_1,
        "messageId": "message-2",
        "startedAt": NOW + 2,
        "endedAt": NOW + 240,
        "outcome": "done",
        "segments": [
            {
                "act": "show_hotels",
                "tier": "template",
                "model": "templates",
                "version": "1",
                "tokens": 3,
                "firstMs": 88,
                "endedMs": 240,
            }
        ],
        "cost": 53,
    }
    query = {"limit": "2", "cursor": page.json["nextCursor"]}
    rest = await world.call("GET", path, token=world.token(), query_string=query)
    ids = [item["messageId"] for item in page.json["items"] + rest.json["items"]]
    assert ids == ["message-2", "message-1", "message-0"]
    assert rest.json["nextCursor"] is None
