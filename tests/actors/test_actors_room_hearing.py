"""What a room tells its personas of what people say in it, and what it does not."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from actors_world import ROOM_ID, FakeClient, World, key, principal, user_id
from hypothesis import given
from hypothesis import strategies as st
from test_actors_room_personas import (
    a_persona_each,
    persona_id,
    takes_in,
    takes_out,
    two_in_a_room,
    view,
)
from test_actors_room_runs import ask, closes, message_id, opens, run_id, streams, tell
from trio.testing import MockClock

from actors.room.actor import RoomActor
from actors.room.mentions import MAX_SIGNS, Names
from core.actor import Actor, ActorSpec
from core.envelope import Envelope, Lane
from protocol.chat import DeleteMessage, EditMessage, PostMessage
from protocol.persona import PERSONA, GlimpseRoom, Prompt, RoomGlimpse, Seated, Unsaid
from protocol.room import (
    ROOM,
    InviteToRoom,
    JoinRoom,
    LeaveRoom,
    SettingsPatch,
    UpdateRoom,
)

MONA = persona_id(11)


class Ear(Actor[Any]):
    """The personas of a room, who only listen."""

    def __init__(self, heard: list[Envelope[Any]]) -> None:
        self._heard = heard

    async def handle(self, envelope: Envelope[Any]) -> None:
        self._heard.append(envelope)


class Listening:
    """A world with personas that listen. `heard`: envelopes, in order."""

    def __init__(self) -> None:
        self.world = World()
        self.heard: list[Envelope[Any]] = []
        self.world.are_personas_awake = lambda room_id: self.world.system.is_active(
            PERSONA.at(room_id)
        )

    @asynccontextmanager
    async def running(self, **spec: Any) -> AsyncIterator[World]:
        ear = ActorSpec(kind=PERSONA, make=lambda _: Ear(self.heard), **spec)
        self.world.system.register(ear)
        async with self.world.running():
            yield self.world

    def of(self, kind: type) -> list[Any]:
        return [one.message for one in self.heard if isinstance(one.message, kind)]

    @property
    def prompts(self) -> list[Prompt]:
        return self.of(Prompt)

    @property
    def room(self) -> RoomGlimpse:
        """As it was told last."""
        return self.of(Seated)[-1].room


def post(number: int, content: str = "hello", **fields: Any) -> PostMessage:
    return PostMessage(room_id=ROOM_ID, content=content, client_id=key(number), **fields)


async def with_mona(world: World) -> tuple[FakeClient, FakeClient]:
    ada, ben = await two_in_a_room(world)
    await world.ask(ada, takes_in(11))
    return ada, ben


async def settle() -> None:
    await trio.sleep(0.01)


async def test_what_a_person_says_is_told_when_it_is_durable(autojump_clock: MockClock) -> None:
    listening = Listening()
    async with listening.running() as world:
        ada, ben = await with_mona(world)
        ada.principal = principal(1, locale="de")
        said = await world.ask(ada, post(1, "Hallo zusammen"))
        await world.ask(ben, post(2, "hi"))
        await settle()
        first, second = listening.prompts
        assert first.message.seq == said.seq
        assert (first.message.content, first.message.sender.id) == ("Hallo zusammen", user_id(1))
        assert (first.people, first.locale, first.follows) == (2, "de", "nobody")
        assert (second.locale, second.follows) == ("en", "human")
        lanes = {one.lane for one in listening.heard if isinstance(one.message, Prompt)}
        assert lanes == {Lane.PERSONA}


async def test_deadlines_count_from_when_the_frame_was_read(autojump_clock: MockClock) -> None:
    listening = Listening()
    async with listening.running() as world:
        ada, _ = await with_mona(world)
        await trio.sleep(10)
        envelope = Envelope(post(1), principal=ada.principal, client=ada)
        envelope.read_at = trio.current_time() - 0.5
        world.system.ref(ROOM.at(ROOM_ID)).deliver_nowait(envelope)
        await world.ask(ada, post(2))
        await settle()
        first, second = listening.prompts
        assert first.read_at == envelope.read_at
        assert second.read_at > first.read_at


async def test_nobody_is_told_where_no_persona_sits_or_all_are_silenced(
    autojump_clock: MockClock,
) -> None:
    listening = Listening()
    async with listening.running() as world:
        ada, _ = await two_in_a_room(world)
        await world.ask(ada, post(1))
        await world.ask(ada, takes_in(11))
        silent = UpdateRoom(room_id=ROOM_ID, settings=SettingsPatch(speaking="silent"))
        await world.ask(ada, silent)
        await world.ask(ada, post(2))
        await world.ask(ada, takes_out(11))
        await world.ask(
            ada, UpdateRoom(room_id=ROOM_ID, settings=SettingsPatch(speaking="mention"))
        )
        await world.ask(ada, post(3))
        await settle()
        assert listening.prompts == []


async def test_only_people_prompt(autojump_clock: MockClock) -> None:
    """Not a persona that speaks, nor the message that announces one, nor what is said again."""
    listening = Listening()
    async with listening.running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        await ask(world, closes(1, "I am Mona."))
        said = await world.ask(ada, post(1))
        await world.ask(ada, post(1))
        await world.ask(
            ada, EditMessage(room_id=ROOM_ID, message_id=said.message_id, content="anew")
        )
        await settle()
        assert [prompt.message.content for prompt in listening.prompts] == ["hello"]
        assert listening.prompts[0].follows == "persona"


async def test_who_spoke_last_is_known_after_a_sleep(autojump_clock: MockClock) -> None:
    listening = Listening()
    async with listening.running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        await ask(world, closes(1, "I am Mona."))
        await world.ask(ada, takes_out(11))
        await world.ask(ada, takes_in(11))
        await trio.sleep(400)
        assert world.system.statistics()["active"] == 0
        await world.ask(ada, post(1))
        await settle()
        assert listening.prompts[0].follows == "persona"


async def test_an_answer_to_a_persona_says_to_whom(autojump_clock: MockClock) -> None:
    listening = Listening()
    async with listening.running() as world:
        ada, ben = await with_mona(world)
        await ask(world, opens(1))
        await ask(world, closes(1, "I am Mona."))
        hers = await world.ask(ada, post(1, reply_to=message_id(1)))
        await world.ask(ben, post(2, reply_to=hers.message_id))
        await settle()
        assert [prompt.reply_to_persona for prompt in listening.prompts] == [MONA, None]


async def test_mentions_are_those_that_were_named_and_are_there(autojump_clock: MockClock) -> None:
    listening = Listening()
    async with listening.running() as world:
        ada, ben = await with_mona(world)
        await world.ask(ada, post(1, "which?", mentions=[MONA, "stranger", user_id(2)]))
        await world.ask(ben, post(2, "ask @persona 11, not @User 1!"))
        await world.ask(ben, post(3, "@Persona 21, mona@persona 11"))
        await world.ask(ben, takes_in(21))
        await world.ask(ben, post(4, "@Persona 21", mentions=[persona_id(21)]))
        await settle()
        assert [prompt.mentions for prompt in listening.prompts] == [
            (MONA, user_id(2)),
            (MONA, user_id(1)),
            (),
            (persona_id(21),),
        ]


async def test_what_is_taken_back_or_changed_is_told(autojump_clock: MockClock) -> None:
    """Also when the persona is gone by then: it may remember. But nobody, where none ever was."""
    listening = Listening()
    async with listening.running() as world:
        ada, _ = await two_in_a_room(world)
        said = [await world.ask(ada, post(number)) for number in range(3)]
        ids = [one.message_id for one in said]
        await world.ask(ada, DeleteMessage(room_id=ROOM_ID, message_id=ids[0]))
        await world.ask(ada, takes_in(11))
        await world.ask(ada, EditMessage(room_id=ROOM_ID, message_id=ids[1], content="x"))
        await world.ask(ada, takes_out(11))
        for _ in range(2):
            await world.ask(ada, DeleteMessage(room_id=ROOM_ID, message_id=ids[2]))
        await settle()
        assert listening.of(Unsaid) == [
            Unsaid(message_id=ids[1], is_deleted=False),
            Unsaid(message_id=ids[2], is_deleted=True),
        ]


async def test_who_is_awake_hears_who_comes_and_goes_and_nobody_is_woken_for_it(
    autojump_clock: MockClock,
) -> None:
    listening = Listening()
    async with listening.running() as world:
        ada, ben = await with_mona(world)
        await settle()
        assert listening.heard == []
        await world.ask(ada, post(1))
        await world.ask(ben, takes_in(21))
        await settle()
        assert listening.room == RoomGlimpse(
            kind="group",
            speaking="auto",
            personas=(view(11), view(21)),
            people={user_id(1): "User 1", user_id(2): "User 2"},
            owner_id=user_id(1),
            seated={MONA: 3, persona_id(21): 6},
            read_from=1,
        )
        await world.ask(ada, InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(3)]))
        await settle()
        assert (len(listening.room.people), listening.room.invited) == (2, 1)
        assert listening.room.read_from > 6  # who was invited now may read nothing older
        quiet = UpdateRoom(room_id=ROOM_ID, settings=SettingsPatch(speaking="mention"))
        await world.ask(ada, quiet)
        await world.ask(ben, LeaveRoom(room_id=ROOM_ID))
        await settle()
        assert listening.room.speaking == "mention"
        assert listening.room.personas == (view(11),)
        assert listening.room.people == {user_id(1): "User 1"}
        assert len(listening.prompts) == 1


async def test_personas_that_wake_ask_for_the_room(autojump_clock: MockClock) -> None:
    listening = Listening()
    async with listening.running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        room = (await ask(world, GlimpseRoom())).room
        assert (room.open_runs, room.owner_id) == ((run_id(1),), user_id(1))
        await world.ask(ada, post(1))
        assert room.personas == (view(11),)


async def test_nobody_owns_a_direct_room(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        await world.make_room(2, kind="direct")
        assert (await ask(world, GlimpseRoom())).room.owner_id is None


async def test_a_full_mailbox_keeps_no_message_waiting_and_is_counted(
    autojump_clock: MockClock,
) -> None:
    listening = Listening()
    async with listening.running(persona_limit=0, mailbox_limit=1, control_reserve=1) as world:
        ada, _ = await with_mona(world)
        said = await world.ask(ada, post(1))
        await world.ask(ada, DeleteMessage(room_id=ROOM_ID, message_id=said.message_id))
        await settle()
        assert listening.heard == []
        counted = world.traces.statistics()
        assert (counted["prompts_dropped"], counted["news_dropped"]) == (1, 1)


async def test_what_became_durable_as_the_room_crashed_is_answered_after_all(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = Listening()
    async with listening.running() as world:
        ada, _ = await with_mona(world)

        def broken(self: RoomActor, *_: Any) -> None:
            monkeypatch.undo()
            raise RuntimeError("a bug")

        monkeypatch.setattr(RoomActor, "_publish", broken)
        world.send(ada, post(1, "@Persona 11?"))
        await trio.sleep(5)
        (prompt,) = listening.prompts
        assert (prompt.message.content, prompt.mentions) == ("@Persona 11?", (MONA,))
        assert prompt.locale == "en"


async def test_a_server_without_personas_tells_nobody(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        said = await world.ask(ada, post(1))
        await world.ask(ada, DeleteMessage(room_id=ROOM_ID, message_id=said.message_id))
        await tell(world, streams(1, 0, "x"))
        assert world.traces.statistics()["prompts_dropped"] == 0


async def test_a_joiner_is_counted(autojump_clock: MockClock) -> None:
    listening = Listening()
    async with listening.running() as world:
        await world.make_room(2, 3)
        ada, ben = world.client(1), world.client(2)
        await world.ask(ada, JoinRoom(room_id=ROOM_ID))
        await two_personas(world, ada)
        await world.ask(ada, post(1))
        await world.ask(ben, JoinRoom(room_id=ROOM_ID))
        await world.ask(ada, post(2))
        await settle()
        assert [prompt.people for prompt in listening.prompts] == [1, 2]


async def two_personas(world: World, ada: FakeClient) -> None:
    await a_persona_each(world)
    await world.ask(ada, takes_in(11))
    await world.ask(ada, takes_in(12))


# Names.


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("@Mona", ["m"]),
        ("hey @MONA, and you?", ["m"]),
        ("@Mona Lisa!", ["ml"]),
        ("@Mona_Lisa @Monatlich", []),
        ("@Ann", []),
        ("@Ann Lee", ["al"]),
        ("mail mona@mona.test", []),
        ("@Straße @STRASSE", ["s"]),
        ("@Zoë", ["z"]),
        ("@Zoe\u0308?", ["z"]),
        ("@Mona @Mona Lisa @Mona", ["m", "ml"]),
        ("@", []),
        ("@ Mona", []),
        ("nobody", []),
    ],
)
def test_at_name_is_a_whole_name_that_one_alone_has(text: str, ids: list[str]) -> None:
    named = [("m", "Mona"), ("ml", "Mona Lisa"), ("a1", "Ann"), ("a2", "ann"), ("al", "Ann Lee")]
    names = Names([*named, ("s", "Straße"), ("z", "Zoë"), ("x", ""), ("y", " ")])
    assert names.in_text(text) == ids


def test_a_text_of_nothing_but_signs_is_looked_at_in_part() -> None:
    names = Names([("m", "Mona")])
    assert names.in_text("@" * MAX_SIGNS + " @Mona") == []
    assert names.in_text("@Mona " * 2_000) == ["m"]


def test_a_large_room_in_which_all_names_begin_alike_costs_no_look_at_each() -> None:
    names = Names([(str(number), f"Ada {number:04}") for number in range(5_000)])
    text, looks = "@Ada 4999x " * MAX_SIGNS, 0

    def count(_frame: object, event: str, _call: object) -> None:
        nonlocal looks
        looks += event == "c_call"

    sys.setprofile(count)
    try:
        found = names.in_text(text)
    finally:
        sys.setprofile(None)
    assert found == []
    assert looks < 1_000
    assert names.in_text("@ada 0007, @Ada 4999") == ["7", "4999"]


@given(st.lists(st.text("aAbé_ @", max_size=4), max_size=6), st.text("aAbé_ @", max_size=30))
def test_whoever_is_named_is_there_once(names: list[str], text: str) -> None:
    ids = [str(place) for place in range(len(names))]
    found = Names(list(zip(ids, names, strict=True))).in_text(text)
    assert len(found) == len(set(found))
    assert set(found) <= set(ids)
    for id in found:
        assert f"@{names[int(id)].casefold().strip()}" in text.casefold()
