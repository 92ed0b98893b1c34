"""Personas over the HTTP of a running server: five under a race, cards of 4 MiB, and what is another's."""

import base64
import json
import struct
import zlib
from typing import Any

import httpx
import pytest
import trio
from http_client import Caller, call, newcomer, refusal, wrong_fields
from raw_client import Person, Stage, uuid7
from server_process import ServerProcess

PERSONA = {"name": "Juniper", "style": "foodie"}


@pytest.fixture
def http(protocol_server: ServerProcess) -> str:
    return protocol_server.http


class Newcomer(Caller):
    """Somebody who has just registered, and so has no persona."""

    def __init__(self, http: str) -> None:
        super().__init__(http)
        self.token = call(http, "POST", "/api/v1/auth/register", newcomer()).json()["accessToken"]

    def _call(self, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
        return super()._call(method, path, body, **{"token": self.token} | more)

    def delete(self, path: str) -> httpx.Response:
        return self._call("DELETE", path)


@pytest.fixture
def somebody(http: str) -> Newcomer:
    return Newcomer(http)


async def test_of_ten_made_at_once_there_are_five(somebody: Newcomer) -> None:
    answers: list[httpx.Response] = []

    async def make() -> None:
        answers.append(await trio.to_thread.run_sync(lambda: somebody.post("personas", PERSONA)))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(make)

    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 5
    for answer in answers:
        if answer.status_code == 409:
            refusal(answer, 409, "persona_limit")
    listed = somebody.get("personas").json()
    made = {answer.json()["persona"]["id"] for answer in answers if answer.status_code == 201}
    assert {item["id"] for item in listed["items"]} == made
    assert listed["nextCursor"] is None


def test_a_persona_lives_is_changed_chosen_and_removed(somebody: Newcomer) -> None:
    made = somebody.post("personas", PERSONA | {"about": "Knows towns."}).json()["persona"]
    path = f"personas/{made['id']}"

    changed = somebody.patch(path, {"name": "Ben", "isFavourite": True}).json()["persona"]
    active = somebody.post(f"{path}/activate", {}).json()["persona"]

    assert (changed["name"], changed["isFavourite"], changed["version"]) == ("Ben", True, 2)
    assert active == changed | {"isActive": True}
    assert somebody.get(f"{path}/runs").json() == {"items": [], "nextCursor": None}
    assert somebody.get(f"{path}/memories").json() == {"items": [], "nextCursor": None}
    assert somebody.delete(path).status_code == 200
    refusal(somebody.get(path), 404, "not_found")
    refusal(somebody.delete(path), 404, "not_found")
    assert somebody.get("personas").json()["items"] == []


async def test_a_removed_persona_leaves_its_rooms_before_all_eyes(
    http: str, stage: Stage, people: dict[str, Person]
) -> None:
    dina, bob = await stage.enter(people["dina"]), await stage.enter(people["bob"])
    over_http = Caller(http, people["dina"])
    made = over_http.post("personas", PERSONA).json()["persona"]
    rooms = [await stage.room(dina, bob) for _ in range(2)]
    for room in rooms:
        taken_in = {"roomId": room["id"], "personaId": made["id"], "active": True}
        await dina.ask("room.persona", **taken_in)

    answer = await trio.to_thread.run_sync(
        lambda: over_http._call("DELETE", f"personas/{made['id']}")
    )

    assert answer.status_code == 200, answer.text
    for room in rooms:
        left = await bob.find(
            lambda frame, room=room: (
                frame["type"] == "room.changed"
                and frame["roomId"] == room["id"]
                and frame["change"] == "persona"
                and not frame["active"]
            )
        )
        assert (left["personaId"], left["by"]) == (made["id"], dina.id)
        seen = over_http.get(f"chat/rooms/{room['id']}").json()["room"]
        assert seen["personas"] == []


def test_a_repeated_key_makes_one(somebody: Newcomer) -> None:
    key = uuid7()
    first, second = (somebody.post("personas", PERSONA, Idempotency_Key=key) for _ in range(2))
    assert second.content == first.content
    assert len(somebody.get("personas").json()["items"]) == 1


def test_anothers_persona_is_not_there(http: str, somebody: Newcomer) -> None:
    hers = Newcomer(http).post("personas", PERSONA).json()["persona"]
    path = f"personas/{hers['id']}"
    for answer in (
        somebody.get(path),
        somebody.patch(path, {"name": "Mine"}),
        somebody.delete(path),
        somebody.post(f"{path}/activate", {}),
        somebody.get(f"{path}/memories"),
        somebody.get(f"{path}/runs"),
        somebody.get(f"{path}/card"),
    ):
        refusal(answer, 404, "not_found")


def test_what_is_wrong_is_named(somebody: Newcomer) -> None:
    answer = somebody.post("personas", {"name": "a\u202eb", "style": "evil", "more": 1})
    assert sorted(wrong_fields(answer)) == ["more", "style"]
    assert wrong_fields(somebody.post("personas", PERSONA | {"name": "a\u202eb"})) == ["name"]


CARD = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {"name": "Juniper", "first_mes": "Olá!", "tags": ["royal"], "ours?": [1, None, "é"]},
    "unknown": {"kept": True},
}


def a_picture(card: Any, *, padding: int = 0) -> bytes:
    """Made without the server's code."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    text = base64.b64encode(json.dumps(card).encode())
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
        + chunk(b"tEXt", b"ccv3\0" + text)
        + chunk(b"IDAT", zlib.compress(b"\0\0\0\0") + b"\0" * padding)
        + chunk(b"IEND", b"")
    )


def test_a_card_in_a_picture_of_four_megabytes_comes_in_and_goes_out(somebody: Newcomer) -> None:
    small = len(a_picture(CARD))
    picture = a_picture(CARD, padding=4 * 2**20 - small)

    imported = somebody.post("personas/import", picture, Content_Type="image/png")

    assert imported.status_code == 201, imported.text
    persona = imported.json()["persona"]
    assert (persona["name"], persona["greeting"], persona["style"]) == ("Juniper", "Olá!", "luxury")
    assert set(imported.json()["uses"]) <= set(CARD["data"])
    path = f"personas/{persona['id']}/card"
    assert somebody.get(path).json() == CARD
    out = somebody.get(path, format="png")
    assert out.headers["Content-Type"] == "image/png"
    again = somebody.post("personas/import", out.content, Content_Type="image/png")
    assert somebody.get(f"personas/{again.json()['persona']['id']}/card").json() == CARD


def test_one_byte_more_is_too_large(somebody: Newcomer) -> None:
    picture = a_picture(CARD, padding=4 * 2**20 - len(a_picture(CARD)) + 1)
    answer = somebody.post("personas/import", picture, Content_Type="image/png")
    assert wrong_fields(answer) == [""]


def test_what_is_no_card_is_refused_in_words(somebody: Newcomer) -> None:
    for raw, media_type, field in (
        (b"{}", "application/json", ""),
        (a_picture(CARD)[:-3], "image/png", ""),
        (b"GIF89a", "image/png", ""),
        (b"{}", "text/plain", "Content-Type"),
    ):
        answer = somebody.post("personas/import", raw, Content_Type=media_type)
        assert wrong_fields(answer) == [field]
    assert somebody.get("personas").json()["items"] == []
