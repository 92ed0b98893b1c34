"""A server with a chat model: who words what, end to end. Its weights are random; its replies are complete
all the same. Nobody called `make models` here."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from http_client import Caller, figures
from own_models import write_compact
from raw_client import RawClient, Stage, on_stage, register
from server_process import ServerProcess
from test_e2e_personas import answered, persona_of


def warm(server: ServerProcess) -> None:
    """Catalogue, sandbox and model are there."""
    caller = Caller(server.http, register(server.http, "Eve"))
    assert caller.get("places", q="Lisbon").json()["items"]
    rooms = {"kind": "hotel", "place": "LIS", "start": "2027-02-12", "end": "2027-02-14"}
    assert caller.get("offers", **rooms).status_code == 200
    begun = time.monotonic()
    while models(server)["wording"] != "tiny-compact 1":
        assert time.monotonic() < begun + 20, models(server)
        time.sleep(0.05)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    working: Path = tmp_path_factory.mktemp("generated")
    folder = write_compact(working / "model")
    settings = {
        "CARAVAN_CHAT_MODEL": str(folder),
        "CARAVAN_MODELS_DIR": str(working / "no-encoder"),
    }
    server = ServerProcess(working / "data", settings=settings)
    trio.run(server.start)
    warm(server)
    yield server
    assert trio.run(server.stop) == 0, server.last_words()


@pytest.fixture
async def stage(server: ServerProcess) -> AsyncIterator[Stage]:
    async with on_stage(server.http, server.ws) as stage:
        yield stage


def models(server: ServerProcess) -> dict[str, str]:
    found: dict[str, str] = httpx.get(f"{server.http}/readyz").json()["models"]
    return found


async def room_with_nova(
    stage: Stage, server: ServerProcess
) -> tuple[RawClient, dict[str, object]]:
    ada = await stage.enter(register(server.http, "Ada"))
    room = await stage.room(ada)
    assert ada.person is not None
    persona = persona_of(server, ada.person, "Nova", "explorer")
    await ada.ask("room.persona", roomId=room["id"], personaId=persona["id"], active=True)
    return ada, room


def who_worded(message: dict[str, Any]) -> tuple[str, str]:
    """Tier and model; which model read the message stands behind a plus."""
    model, _, reader = message["ai"]["model"].partition("+")
    assert reader == "ngrams"
    return message["ai"]["tier"], model


def test_without_the_encoder_the_server_says_that_n_grams_read(server: ServerProcess) -> None:
    assert models(server)["understanding"] == "ngrams"


async def test_english_is_generated_and_the_model_named(
    stage: Stage, server: ServerProcess
) -> None:
    ada, room = await room_with_nova(stage, server)
    message = await answered(ada, room, "hello there, how are you?")
    assert who_worded(message) == ("generated", "tiny-compact")
    assert message["ai"]["version"] == "1"
    shown = await answered(ada, room, "a hotel in lisbon from 12 to 14 february for 2 adults")
    assert shown["ai"]["tier"] == "generated"
    for card in shown.get("cards", ()):  # none where the machine was too slow for the suppliers
        assert card["details"]["name"] in shown["content"]
    counts = figures(server.http)
    assert float(counts["wording_generated"]) >= 2
    assert float(counts["chat_model_served"]) >= 2
    assert float(counts["chat_model_failed"]) == 0


async def test_other_languages_come_from_templates(stage: Stage, server: ServerProcess) -> None:
    ada, room = await room_with_nova(stage, server)
    message = await answered(ada, room, "hallo, ich suche ein hotel in porto im märz")
    assert who_worded(message) == ("template", "templates")


CARD = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Juniper",
        "first_mes": "*looks up* Well met, {{user}}! Mind the books.",
        "description": "Keeps a library.",
        "character_book": {
            "entries": [{"keys": ["sunken library"], "content": "It sleeps under the lake."}]
        },
    },
}


async def test_a_card_greets_and_tells_in_its_own_words(
    stage: Stage, server: ServerProcess
) -> None:
    """The model with the compact prompt has not read it."""
    ada = await stage.enter(register(server.http, "Ada"))
    room = await stage.room(ada)
    assert ada.person is not None
    made = Caller(server.http, ada.person).post("personas/import", CARD).json()
    assert made["uses"] == ["name", "first_mes", "character_book"]
    await ada.ask("room.persona", roomId=room["id"], personaId=made["persona"]["id"], active=True)
    greeting = await answered(ada, room, "hello!")
    assert greeting["content"] == f"Well met, {ada.person.name}! Mind the books."
    assert who_worded(greeting) == ("retrieved", "card")
    lore = await answered(ada, room, "who are you, and do you like the Sunken Library?")
    assert lore["content"] == "It sleeps under the lake."
    assert float(figures(server.http)["wording_retrieved"]) >= 2
