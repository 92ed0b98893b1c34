"""Cards over HTTP: in as JSON or a picture of up to 4 MiB, few at once, out as they came."""

import json
from typing import Any

import msgspec
import pytest
import trio
from http_fakes import World

from core.identity import Role
from gateways.http import large_bodies
from gateways.http.app import GATE
from gateways.http.card_pictures import card_in, picture_of
from gateways.http.character_cards import MAX_CARD_BYTES

PERSONAS = "/api/v1/personas"
IMPORT = f"{PERSONAS}/import"
CARD = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Juniper\u202e",
        "description": "Knows\u0007 towns.",
        "first_mes": "Hi {{user}}!",
        "tags": ["chef"],
        "character_book": {"entries": [{"keys": ["/(a+)+$/"], "use_regex": True}]},
        "extensions": {"unknown": {"kept": [1.5, None]}},
    },
}


async def import_card(
    world: World, raw: bytes, media_type: str = "application/json", **options: Any
) -> Any:
    headers = {"Content-Type": media_type} | options.pop("headers", {})
    token = options.pop("token", None) or world.token()
    return await world.call("POST", IMPORT, token=token, data=raw, headers=headers, **options)


def as_json(card: Any) -> bytes:
    return msgspec.json.encode(card)


@pytest.mark.parametrize("media_type", ["application/json", "image/png"])
async def test_a_card_becomes_a_persona_and_comes_out_as_it_came(media_type: str) -> None:
    world = World()
    raw = as_json(CARD) if media_type == "application/json" else picture_of(CARD, "local")
    answer = await import_card(world, raw, media_type)
    assert answer.status == 201
    persona = answer.json["persona"]
    assert (persona["name"], persona["about"], persona["greeting"], persona["style"]) == (
        "Juniper",
        "Knows towns.",
        "Hi {{user}}!",
        "foodie",
    )
    assert answer.json["uses"] == persona["uses"] == ["name", "first_mes"]
    path = f"{PERSONAS}/{persona['id']}"
    out = await world.call("GET", f"{path}/card", token=world.token())
    assert (out.status, out.json) == (200, CARD)
    assert out.headers["Content-Disposition"] == f'attachment; filename="{persona["id"]}.json"'
    picture = await world.call("GET", f"{path}/card?format=png", token=world.token())
    assert (picture.status, picture.headers["Content-Type"]) == (200, "image/png")
    assert json.loads(card_in(picture.raw)) == CARD
    again = await import_card(world, picture.raw, "image/png")
    assert again.json["persona"] | {"id": persona["id"]} == persona


@pytest.mark.parametrize("media_type", ["application/json", "image/png"])
async def test_a_card_in_which_a_payment_card_s_number_stands_is_refused(media_type: str) -> None:
    world = World()
    card = CARD | {"data": CARD["data"] | {"description": "Pays with 4242 4242 4242 4242."}}
    raw = as_json(card) if media_type == "application/json" else picture_of(card, "local")
    answer = await import_card(world, raw, media_type)
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "data.description")


async def test_what_changed_since_is_in_the_card_and_nothing_else() -> None:
    world = World()
    persona = (await import_card(world, as_json(CARD))).json["persona"]
    path = f"{PERSONAS}/{persona['id']}"
    await world.call("PATCH", path, token=world.token(), json={"name": "Ben"})
    out = await world.call("GET", f"{path}/card", token=world.token())
    assert out.json == CARD | {"data": CARD["data"] | {"name": "Ben"}}


async def test_one_says_how_it_is_to_talk() -> None:
    world = World()
    answer = await import_card(world, as_json(CARD), query_string={"style": "luxury"})
    assert answer.json["persona"]["style"] == "luxury"
    wrong = await import_card(world, as_json(CARD), query_string={"style": "evil"})
    assert wrong.json["errors"][0]["field"] == "style"
    assert "luxury" in wrong.json["errors"][0]["message"]


async def test_the_loaded_model_decides_what_is_used() -> None:
    world = World()
    persona = (await import_card(world, as_json(CARD))).json["persona"]
    world.card_fields = frozenset({"description", "character_book", "scenario"})
    read = await world.call("GET", f"{PERSONAS}/{persona['id']}", token=world.token())
    assert read.json["persona"]["uses"] == ["description", "character_book"]
    items = (await world.call("GET", PERSONAS, token=world.token())).json["items"]
    assert "uses" not in items[0]


async def test_one_that_was_made_here_has_a_card_too() -> None:
    world = World()
    body = {"name": "Ben", "style": "budget", "greeting": "Moin."}
    made = (await world.call("POST", PERSONAS, token=world.token(), json=body)).json["persona"]
    out = await world.call("GET", f"{PERSONAS}/{made['id']}/card?format=png", token=world.token())
    back = (await import_card(world, out.raw, "image/png")).json["persona"]
    assert [back[field] for field in body] == list(body.values())


async def test_an_imported_one_counts_as_one_of_five() -> None:
    world = World()
    for _ in range(5):
        assert (await import_card(world, as_json(CARD))).status == 201
    answer = await import_card(world, as_json(CARD))
    assert (answer.status, answer.json["code"]) == (409, "persona_limit")


async def test_a_repeated_key_imports_once() -> None:
    world = World()
    headers = {"Idempotency-Key": "k"}
    first = await import_card(world, as_json(CARD), headers=headers)
    again = await import_card(world, as_json(CARD), headers=headers)
    assert again.json == first.json
    other = await import_card(world, as_json(CARD | {"x": 1}), headers=headers)
    assert (other.status, other.json["code"]) == (409, "conflict")
    made = await world.call(
        "POST",
        PERSONAS,
        token=world.token(),
        json={"name": "Ben", "style": "local"},
        headers=headers,
    )
    assert made.json["persona"]["name"] == "Ben"


@pytest.mark.parametrize(
    ("raw", "media_type", "field", "words"),
    [
        (b"{", "application/json", "", "not JSON"),
        (b"", "application/json", "", "not JSON"),
        (b"{}", "application/json", "", "no character card"),
        (b"{}", "image/png", "", "no PNG picture"),
        (as_json(CARD), "text/plain", "Content-Type", "application/json, image/png"),
        (as_json(CARD), "", "Content-Type", "application/json, image/png"),
    ],
)
async def test_what_is_no_card_is_a_400_in_words(
    raw: bytes, media_type: str, field: str, words: str
) -> None:
    world = World()
    answer = await import_card(world, raw, media_type)
    assert answer.status == 400
    assert answer.json["errors"][0]["field"] == field
    assert words in answer.json["errors"][0]["message"]


async def test_four_megabytes_are_taken_and_one_byte_more_is_not() -> None:
    world = World()
    filled = as_json(CARD | {"x": ""})
    largest = filled.replace(b'"x":""', b'"x":"' + b"y" * (MAX_CARD_BYTES - len(filled)) + b'"')
    assert len(largest) == MAX_CARD_BYTES
    assert (await import_card(world, largest)).status == 201
    answer = await import_card(world, largest + b" ")
    assert answer.status == 400
    assert str(MAX_CARD_BYTES) in answer.json["errors"][0]["message"]


@pytest.mark.parametrize("path", [PERSONAS, "/api/personas", "/api/v1/chat/rooms"])
async def test_no_other_body_may_be_that_large(path: str) -> None:
    world = World()
    body = {"name": "x", "style": "local", "about": "y" * 70_000}
    answer = await world.call("POST", path, token=world.token(), json=body)
    assert answer.status == 400
    assert "65536" in answer.json["errors"][0]["message"]


async def test_by_the_other_spellings_of_the_address_it_may() -> None:
    world = World()
    raw = as_json(CARD | {"x": "y" * 100_000})
    for path in ("/api/personas/import", f"{IMPORT}/"):
        answer = await world.call(
            "POST",
            path,
            token=world.token(),
            data=raw,
            headers={"Content-Type": "application/json"},
        )
        assert answer.status == 201


async def test_only_so_many_are_here_at_once_and_each_has_but_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    statistics = world.app.extensions[GATE].statistics
    reached, go_on, answers = trio.Event(), trio.Event(), []
    create = world.personas.create

    async def slowly(*named: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await create(*named)

    monkeypatch.setattr(world.personas, "create", slowly)
    monkeypatch.setattr(large_bodies, "MAX_AT_ONCE", 3)
    raw, small = as_json(CARD | {"x": "y" * 100_000}), as_json(CARD)

    async def one(body: bytes, role: Role) -> None:
        answers.append((await import_card(world, body, token=world.token(role))).status)

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            reached = trio.Event()
            nursery.start_soon(one, raw, Role.USER)
            await reached.wait()
        third = await import_card(world, small)
        assert (third.status, third.json["code"]) == (429, "overloaded")
        reached = trio.Event()
        nursery.start_soon(one, raw, Role.PROFESSIONAL)
        await reached.wait()
        assert statistics()["large_bodies"] == 3
        fourth = await import_card(world, raw, token=world.token(Role.ADMIN))
        assert (fourth.status, fourth.json["code"]) == (429, "overloaded")
        go_on.set()
    assert answers == [201] * 3
    assert statistics()["large_bodies"] == 0
    assert (await import_card(world, raw, token=world.token(Role.ADMIN))).status == 201


async def test_a_stranger_is_turned_away_before_the_body_is_looked_at() -> None:
    world = World()
    answer = await world.call(
        "POST", IMPORT, data=b"x" * 200_000, headers={"Content-Type": "image/png"}
    )
    assert answer.status == 401
    assert world.app.extensions[GATE].statistics()["large_bodies"] == 0


@pytest.mark.parametrize("query", ["format=gif", "format=", "kind=png"])
async def test_an_unknown_format_names_those_there_are(query: str) -> None:
    world = World()
    persona = (await import_card(world, as_json(CARD))).json["persona"]
    path = f"{PERSONAS}/{persona['id']}/card?{query}"
    answer = await world.call("GET", path, token=world.token())
    if query == "format=":
        assert answer.json == CARD
        return
    assert answer.status == 400
    if query == "format=gif":
        assert "json, png" in answer.json["errors"][0]["message"]
