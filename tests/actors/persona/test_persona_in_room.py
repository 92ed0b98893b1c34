"""Personas in a real room on virtual time: what its members see, whoever of the two crashes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import trio
from actors_world import ROOM_ID, TENANT, FakeClient, World, key, user_id
from dialogue_world import FEBRUARY, LISBON, reading
from persona_world import NOVA, PersonaWorld, asks_for_hotels
from trio.testing import MockClock

from actors.persona.actor import PersonaKind
from core.ports.personas import NewPersona, PersonaPatch
from protocol.chat import DeleteMessage, PostMessage
from protocol.frames import Done
from protocol.persona import PERSONA, Cancel, SetRoomPersona
from protocol.room import ROOM, JoinRoom
from protocol.understanding import Slots

HOTELS = asks_for_hotels(slots=Slots(destination=LISBON, dates=FEBRUARY))


class Together:
    """One room with Ada, and her persona Nova in it."""

    def __init__(self) -> None:
        self.world = World()
        self.parts = PersonaWorld()
        system = self.world.system
        self.world.are_personas_awake = lambda room_id: system.is_active(PERSONA.at(room_id))
        ports = replace(
            self.parts.ports(),
            personas=self.world.personas,
            runs=self.world.runs,
            users=self.world.users,
            clock=self.world.clock,
            ids=self.world.ids,
        )
        self.kind = PersonaKind(ports)
        self.said = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeClient]:
        self.world.system.register(self.kind.spec())
        async with self.world.running() as world:
            await world.make_room()
            nova = NewPersona(id=NOVA, owner_id=user_id(1), name="Nova", style="explorer")
            for personas in (world.personas, self.parts.personas):
                await personas.create(TENANT, nova)
            ada = world.client(1)
            await world.ask(ada, JoinRoom(room_id=ROOM_ID))
            await world.ask(ada, SetRoomPersona(room_id=ROOM_ID, persona_id=NOVA, active=True))
            yield ada

    async def say(self, client: FakeClient, text: str, understanding: Any) -> Any:
        self.parts.reader.readings[text] = understanding
        self.said += 1
        command = PostMessage(
            room_id=ROOM_ID,
            content=text,
            client_id=key(1_000 + self.said, self.world.clock.now_ms()),
        )
        return await self.world.ask(client, command)

    def crash(self, address: Any) -> None:
        self.world.system.ref(address).tell_nowait("no message of anybody's")


def judged(client: FakeClient) -> list[dict[str, Any]]:
    """The messages of personas, after checking that each is its deltas joined, and that every run
    that was started has ended once."""
    started, ended = client.of_type("run.started"), client.of_type("run.ended")
    assert [one["runId"] for one in started] == list(dict.fromkeys(one["runId"] for one in ended))
    messages = {
        one["messageId"]: one
        for one in client.of_type("chat.message")
        if one["sender"]["kind"] == "persona"
    }
    for run in started:
        text = ""
        for delta in client.of_type("chat.delta"):
            if delta["runId"] == run["runId"]:
                assert delta["offset"] == len(text.encode())
                text += delta["text"]
        message = messages.get(run["messageId"])
        assert (message["content"] if message else "") == text
    return list(messages.values())


async def test_a_prompt_is_answered_before_all_eyes(autojump_clock: MockClock) -> None:
    together = Together()
    async with together.running() as ada:
        await together.say(ada, "a hotel in lisbon", HOTELS)
        await trio.sleep(30)
        (message,) = judged(ada)
        assert message["sender"]["name"] == "Nova"
        assert [card["kind"] for card in message["cards"]] == ["hotel.offer"] * 3
        assert "partial" not in message["ai"]


async def test_when_the_personas_crash_the_room_keeps_what_was_said(
    autojump_clock: MockClock,
) -> None:
    together = Together()
    together.parts.writer.pause = 0.2
    async with together.running() as ada:
        await together.say(ada, "a hotel in lisbon", HOTELS)
        await trio.sleep(0.7)
        together.crash(PERSONA.at(ROOM_ID))
        await trio.sleep(30)
        (message,) = judged(ada)
        assert message["ai"]["partial"] is True
        assert [one["reason"] for one in ada.of_type("run.ended")] == ["failed"]
        row = await together.world.runs.of_message(TENANT, message["messageId"])
        assert row is not None
        assert row.outcome == "failed"
        await together.say(ada, "hi", reading("greet"))
        await trio.sleep(30)
        assert len(judged(ada)) == 2


async def test_when_the_room_crashes_the_answer_goes_on_and_comes_once(
    autojump_clock: MockClock,
) -> None:
    together = Together()
    together.parts.writer.pause = 0.2
    async with together.running() as ada:
        await together.say(ada, "a hotel in lisbon", HOTELS)
        await trio.sleep(0.7)
        together.crash(ROOM.at(ROOM_ID))
        await trio.sleep(60)
        (message,) = judged(ada)
        assert [one["reason"] for one in ada.of_type("run.ended")] == ["done"]
        assert len(message["cards"]) == 3


async def test_no_delta_follows_the_answer_to_a_cancel(autojump_clock: MockClock) -> None:
    together = Together()
    together.parts.writer.pause = 0.03
    async with together.running() as ada:
        await together.say(ada, "a hotel in lisbon", HOTELS)
        await trio.sleep(0.2)
        run = ada.of_type("run.started")[0]
        personas: Any = together.world.system.ref(PERSONA.at(ROOM_ID))
        answer = await personas.ask(Cancel(run_id=run["runId"]), principal=ada.principal)
        assert isinstance(answer, Done)
        seen = len(ada.of_type("chat.delta"))
        assert seen
        await trio.sleep(30)
        assert len(ada.of_type("chat.delta")) == seen
        (message,) = judged(ada)
        assert message["ai"]["partial"] is True


async def test_a_persona_that_is_taken_out_falls_silent(autojump_clock: MockClock) -> None:
    together = Together()
    together.parts.writer.pause = 0.2
    async with together.running() as ada:
        await together.say(ada, "a hotel in lisbon", HOTELS)
        await trio.sleep(0.7)
        command = SetRoomPersona(room_id=ROOM_ID, persona_id=NOVA, active=False)
        await together.world.ask(ada, command)
        await trio.sleep(30)
        (message,) = judged(ada)
        assert message["ai"]["partial"] is True
        await together.say(ada, "hello?", reading("greet"))
        await trio.sleep(30)
        assert len(judged(ada)) == 1


async def test_a_question_that_is_deleted_is_not_remembered(autojump_clock: MockClock) -> None:
    together = Together()
    async with together.running() as ada:
        posted = await together.say(ada, "a hotel in lisbon", HOTELS)
        await trio.sleep(30)
        memories = together.parts.memories
        assert judged(ada)
        assert await memories.of_person(TENANT, NOVA, user_id(1)) != []
        deleted = DeleteMessage(room_id=ROOM_ID, message_id=posted.message_id)
        await together.world.ask(ada, deleted)
        await trio.sleep(1)
        assert await memories.of_person(TENANT, NOVA, user_id(1)) == []
        await together.say(ada, "hotels", asks_for_hotels())
        await trio.sleep(30)
        assert together.parts.acts()[-1] == "ask"


async def test_a_persona_that_is_renamed_signs_with_its_new_name(autojump_clock: MockClock) -> None:
    """Also where it spoke a moment ago."""
    together = Together()
    async with together.running() as ada:
        await together.say(ada, "hello", reading("greet"))
        await trio.sleep(20)
        for personas in (together.world.personas, together.parts.personas):
            await personas.patch(TENANT, NOVA, PersonaPatch(name="Luna"))
        await together.world.ask(ada, SetRoomPersona(room_id=ROOM_ID, persona_id=NOVA, active=True))
        await together.say(ada, "hello again", reading("greet"))
        await trio.sleep(20)
        assert [one["sender"]["name"] for one in judged(ada)] == ["Nova", "Luna"]
        plans = together.parts.writer.plans
        assert [plan.facts["persona"] for plan in plans] == ["Nova", "Luna"]
