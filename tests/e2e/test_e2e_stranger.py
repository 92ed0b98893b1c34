"""The machine-readable contract suffices: a client made from it alone talks with the real server."""

import ast
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncapi_reader
import pytest
import stranger as stranger_module
from asyncapi_reader import Contract, Json, closed_contract
from raw_client import Person, uuid7
from server_process import ServerProcess
from stranger import Stranger, Unexpected, stranger

Entering = Callable[..., AbstractAsyncContextManager[Stranger]]
# Our own server sends nothing that the document does not list.
STRICT = closed_contract()


@pytest.fixture
def enter(protocol_server: ServerProcess, people: dict[str, Person]) -> Entering:
    @asynccontextmanager
    async def entered(name: str, document: Contract = STRICT) -> AsyncIterator[Stranger]:
        port = urlsplit(protocol_server.ws).port
        async with stranger(document, host="127.0.0.1", port=port) as client:
            about = {"name": "stranger", "version": "1"}
            welcome = await client.call("hello", token=people[name].token, client=about)
            assert welcome["user"]["id"] == people[name].id
            yield client

    return entered


def test_the_stranger_has_nothing_of_ours() -> None:
    for module in (stranger_module, asyncapi_reader):
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        imported = {
            name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
            )
        }
        assert not imported & {"protocol", "core", "gateways", "loadtest", "raw_client"}


async def test_strangers_meet_talk_and_read(enter: Entering, people: dict[str, Person]) -> None:
    async with enter("ada") as ada, enter("bob") as bob:
        made = await ada.call(
            "createRoom", kind="group", clientId=uuid7(), title="Porto", members=[people["bob"].id]
        )
        room_id = made["room"]["id"]
        while (await bob.wait_for("onRoomInvited"))["room"]["id"] != room_id:
            pass  # an invitation of another test, come late
        joined = await bob.call("joinRoom", roomId=room_id)
        assert joined["room"]["title"] == "Porto"

        said = await ada.call("postMessage", roomId=room_id, content="Olá", clientId=uuid7())
        seen = await bob.wait_for("onMessagePosted")
        assert (seen["content"], seen["seq"]) == ("Olá", said["seq"])
        reacted = {"roomId": room_id, "messageId": seen["messageId"], "emoji": "👍", "active": True}
        assert (await bob.call("reactToMessage", **reacted))["type"] == "ok"
        assert (await ada.wait_for("onMessageReacted"))["emoji"] == "👍"

        history = await bob.call("readHistory", roomId=room_id)
        assert [message["content"] for message in history["messages"]] == ["Olá"]
        assert (await bob.call("ping", t=7))["t"] == 7


async def test_a_refusal_is_an_answer_that_the_document_knows(enter: Entering) -> None:
    async with enter("ada") as ada:
        answer = await ada.call("joinRoom", roomId="nowhere")
        assert (answer["type"], answer["code"]) == ("error", "not_found")
        codes = {each["code"]: each["temporary"] for each in STRICT.document["x-error-codes"]}
        assert codes[answer["code"]] == answer["temporary"]


async def test_a_close_is_announced_and_its_code_described(enter: Entering) -> None:
    async with enter("ada") as ada:
        await ada.send_raw(b"\xc1")
        closing = await ada.closing()
        assert (closing["code"], closing["then"]) == (4300, "stop and show the reason")
        assert closing["announced"] == ("onErrorFrame" in [name for name, _ in ada.events])


DEAF: dict[str, Callable[[Json], Any]] = {
    "an answer with a field that is not listed": lambda d: d["components"]["schemas"][
        "MessageAccepted"
    ]["properties"].pop("sentAt"),
    "an answer that lacks a field": lambda d: d["components"]["schemas"]["MessageAccepted"][
        "required"
    ].append("colour"),
    "a field of another type": lambda d: d["components"]["schemas"]["MessageAccepted"][
        "properties"
    ]["seq"].update(type="string"),
}


@pytest.mark.parametrize("wrong", DEAF)
async def test_a_document_that_is_wrong_about_the_server_is_seen(
    enter: Entering, wrong: str
) -> None:
    document = copy.deepcopy(STRICT.document)
    DEAF[wrong](document)
    async with enter("ada", Contract(document)) as ada:
        made = await ada.call("createRoom", kind="group", clientId=uuid7())
        with pytest.raises(Unexpected, match="MessageAccepted"):
            await ada.call("postMessage", roomId=made["room"]["id"], content="Hi", clientId=uuid7())
