"""Personas end to end: a real server, its database, its models and the sandbox's suppliers."""

import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from http_client import Caller, figures
from raw_client import Frame, Person, RawClient, Stage, register, uuid7
from server_process import ServerProcess

from protocol.cards import OfferCard

PATIENCE = 20.0
HAS_MODEL = os.environ.get("CARAVAN_TEST_CHAT_MODEL", "off") != "off"
HAS_ENCODER = (Path(__file__).parents[2] / ".models" / "encoder").exists()
DEMO = "somewhere warm in february w my 2 kids, under 150 a night?"


def persona_of(server: ServerProcess, person: Person, name: str, style: str) -> Frame:
    made = Caller(server.http, person).post("personas", {"name": name, "style": style})
    assert made.status_code == 201, made.text
    persona: Frame = made.json()["persona"]
    return persona


async def answered(client: RawClient, room: Frame, text: str, **fields: Any) -> Frame:
    """What a persona says to this, as one client saw it: the message, after checking its way here."""
    await client.say(room, text, **fields)
    with trio.fail_after(PATIENCE):
        started = await client.event("run.started", roomId=room["id"])
        ended = None
        while ended is None:
            try:
                ended = await client.event("run.ended", runId=started["runId"])
            except trio.TooSlowError:
                continue
        message = await client.event("chat.message", messageId=started["messageId"])
    deltas = client.seen("chat.delta", runId=started["runId"])
    text_so_far = ""
    for delta in deltas:
        assert delta["offset"] == len(text_so_far.encode())
        text_so_far += delta["text"]
    assert message["content"] == text_so_far
    assert (ended["reason"], ended["seq"]) == ("done", message["seq"])
    assert message["sender"]["kind"] == "persona"
    assert message["replyTo"] == started["replyTo"]
    assert message["ai"]["personaId"] == started["personaId"] == message["sender"]["id"]
    return message


@pytest.fixture(scope="module", autouse=True)
def warm(protocol_server: ServerProcess, people: dict[str, Person]) -> None:
    """A first start fills the catalogue and begins the sandbox: neither is what is judged here."""
    caller = Caller(protocol_server.http, people["ada"])
    assert caller.get("places", q="Lisbon").json()["items"]
    rooms = {"kind": "hotel", "place": "LIS", "start": "2027-02-05", "end": "2027-02-07"}
    assert caller.get("offers", **rooms).status_code == 200


@pytest.fixture
async def ada(stage: Stage, protocol_server: ServerProcess) -> RawClient:
    """Somebody new each time: what was said in one test is not remembered in another."""
    return await stage.enter(register(protocol_server.http, "Ada"))


@pytest.fixture
async def room(stage: Stage, ada: RawClient, protocol_server: ServerProcess) -> Frame:
    """With two of Ada's personas."""
    room = await stage.room(ada)
    assert ada.person is not None
    for name, style in (("Nova", "explorer"), ("Luxa", "luxury")):
        persona = persona_of(protocol_server, ada.person, name, style)
        await ada.ask("room.persona", roomId=room["id"], personaId=persona["id"], active=True)
    return room


@pytest.mark.skipif(not HAS_ENCODER, reason="`make models` was not called here")
async def test_places_are_found_by_what_words_mean_and_the_answer_names_its_reader(
    ada: RawClient, room: Frame, protocol_server: ServerProcess
) -> None:
    with trio.fail_after(PATIENCE):
        while not (alike := found(protocol_server, ada, "temples, sushi and cherry blossoms")):
            await trio.sleep(0.2)  # the models are loaded after the start
    message = await answered(ada, room, "@Nova somewhere with temples, sushi and cherry blossoms?")
    assert message["ai"]["model"].endswith("+encoder")
    assert {card["id"] for card in message["cards"]} <= set(alike)


def found(server: ServerProcess, client: RawClient, like: str) -> list[str]:
    assert client.person is not None
    answer = Caller(server.http, client.person).get("places", like=like, limit=12)
    return [card["id"] for card in answer.json()["items"]]


async def test_the_demo_is_answered_with_three_cards_that_can_be_repriced(
    ada: RawClient, room: Frame, protocol_server: ServerProcess
) -> None:
    message = await answered(ada, room, DEMO)
    assert len(ada.seen("run.started")) == 1
    cards = message["cards"]
    assert [card["kind"] for card in cards] == ["hotel.offer"] * 3
    assert not re.search(r"[{}]", message["content"])
    assert message["ai"]["tier"] == ("generated" if HAS_MODEL else "template")
    assert ada.person is not None
    for card in cards:
        # Cards are open maps in the contract's document: their kind's shape is held against its type.
        assert msgspec.convert(card, OfferCard).offer_id == card["id"]
        nights = 2
        assert card["price"]["amount"] <= 150 * 100 * nights
        assert card["details"]["name"] in message["content"]
        priced = Caller(protocol_server.http, ada.person).post(
            f"offers/{card['offerId']}/price", {}
        )
        assert priced.status_code == 200, priced.text
    # Whoever has a part in an answer asked the one headroom that there is.
    served = figures(protocol_server.http)
    for work in ("answer", "search", "reading", *(["wording"] if HAS_MODEL else [])):
        assert served[f"headroom_given_{work}"] != "0", work


async def test_a_thumb_down_changes_the_next_answer_and_the_persona_says_why(
    ada: RawClient, room: Frame
) -> None:
    message = await answered(ada, room, DEMO)
    refused = message["cards"][0]
    await ada.ask(
        "persona.feedback",
        messageId=message["messageId"],
        offerId=refused["offerId"],
        value=-1,
        reason="too expensive",
    )
    again = await answered(ada, room, "show me others")
    names = [card["details"]["name"] for card in again["cards"] or []]
    assert refused["details"]["name"] not in names
    assert "price" in again["content"].split("\n")[0]


async def test_a_run_is_cancelled_and_keeps_what_was_said(ada: RawClient, room: Frame) -> None:
    await ada.say(room, "a hotel in porto from 12 to 16 march")
    started = await ada.event("run.started")
    await ada.event("chat.delta", runId=started["runId"])
    await ada.ask("persona.cancel", runId=started["runId"])
    ended = await ada.event("run.ended", runId=started["runId"])
    message = await ada.event("chat.message", messageId=started["messageId"])
    told = "".join(delta["text"] for delta in ada.seen("chat.delta", runId=started["runId"]))
    assert message["content"] == told
    if ended["reason"] == "cancelled":
        assert message["ai"]["partial"] is True
    await ada.settled()
    assert len(ada.seen("chat.delta", runId=started["runId"])) == len(
        [frame for frame in ada.log if frame["type"] == "chat.delta"]
    )


async def test_whoever_writes_to_another_person_is_left_alone(
    stage: Stage, ada: RawClient, room: Frame, protocol_server: ServerProcess
) -> None:
    ben = await stage.enter(register(protocol_server.http, "Ben"))
    await ada.ask("room.invite", roomId=room["id"], userIds=[ben.id])
    await ben.ask("room.join", roomId=room["id"])
    await ada.say(room, "ben did you call your mum about saturday", mentions=[ben.id])
    await ada.say(room, "haha")
    message = await answered(ada, room, "@Luxa hi there")
    assert message["sender"]["name"] == "Luxa"
    assert len(ada.seen("run.started")) == 1


async def test_what_was_said_alone_is_remembered_listed_and_goes_with_its_message(
    ada: RawClient, room: Frame, protocol_server: ServerProcess
) -> None:
    said = await ada.say(room, "hotel in lisbon in february for 2 adults")
    with trio.fail_after(PATIENCE):
        started = await ada.event("run.started")
        await ada.find(lambda frame: frame["type"] == "run.ended")
    assert ada.person is not None
    caller = Caller(protocol_server.http, ada.person)
    memories = f"personas/{started['personaId']}/memories"
    with trio.fail_after(PATIENCE):
        while not (items := caller.get(memories).json()["items"]):
            await trio.sleep(0.1)
    assert "2" in " ".join(item["text"] for item in items)
    await ada.ask("chat.delete", roomId=room["id"], messageId=said["messageId"])
    with trio.fail_after(PATIENCE):
        while caller.get(memories).json()["items"]:
            await trio.sleep(0.1)


async def test_a_repeated_prompt_is_answered_once(ada: RawClient, room: Frame) -> None:
    client_id = uuid7()
    await ada.say(room, "hello Nova", clientId=client_id)
    await ada.say(room, "hello Nova", clientId=client_id)
    await ada.event("run.ended")
    await ada.settled()
    assert len(ada.seen("run.started")) == 1
