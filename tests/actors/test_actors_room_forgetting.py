"""Of who was forgotten nothing is shown any more, also by a room that was active while it was done."""

from dataclasses import replace as with_

import trio
from actors_world import EPOCH, ROOM_ID, TENANT, World, key, user_id
from msgspec.structs import replace
from test_actors_room_personas import a_persona_each, takes_in
from test_actors_room_runs import LUCA, MONA, closes, opens
from trio.testing import MockClock

from protocol.chat import DeleteMessage, MessagePosted, PostMessage
from protocol.codec import decode_event, encode
from protocol.room import ROOM, ForgetPerson, JoinRoom, LeaveRoom, ViewRoom
from protocol.session import Position


def blank(world: World, seq: int) -> None:
    """As the erasure leaves it."""
    rows = world.stored.room(TENANT, ROOM_ID).rows
    event = decode_event(rows[seq].body)
    assert isinstance(event, MessagePosted)
    event = replace(event, content="", sender=replace(event.sender, name=""))
    rows[seq] = with_(rows[seq], body=encode(event))


async def test_what_they_said_and_were_called_is_sent_to_nobody_who_comes_back(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room(2)
        ada, ben = world.client(1), world.client(2)
        for one in (ada, ben):
            await world.ask(one, JoinRoom(room_id=ROOM_ID))
        said = await world.ask(
            ben, PostMessage(room_id=ROOM_ID, content="sardines", client_id=key(1))
        )
        await world.ask(ada, PostMessage(room_id=ROOM_ID, content="yes", client_id=key(2)))
        blank(world, said.seq)
        world.system.ref(ROOM.at(ROOM_ID)).tell_nowait(ForgetPerson(user_id=user_id(2)))

        late = world.client(1)
        after = Position(epoch=EPOCH, seq=said.seq - 1)
        assert (await world.ask(late, JoinRoom(room_id=ROOM_ID, after=after))).verdict == "complete"
        await trio.sleep(1)  # it is read
        texts = {frame["content"] for frame in late.of_type("chat.message")}
        assert texts == {"", "yes"}
        members = (await world.ask(ada, ViewRoom())).room.members
        assert {one.name for one in members if one.id == user_id(2)} == {""}
        assert world.system.statistics()["crashes"] == 0


async def test_what_they_said_is_deleted_later_without_a_word_of_who_they_were(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room(2)
        await a_persona_each(world)
        ada, ben = world.client(1), world.client(2)
        for one in (ada, ben):
            await world.ask(one, JoinRoom(room_id=ROOM_ID))
        await world.ask(ben, takes_in(21))
        room = world.system.ref(ROOM.at(ROOM_ID))
        said = await world.ask(
            ben, PostMessage(room_id=ROOM_ID, content="sardines", client_id=key(1))
        )
        opened = opens(2, LUCA)
        await room.ask(opened)
        answered = await room.ask(closes(2, "herring"))
        await world.ask(ben, LeaveRoom(room_id=ROOM_ID))
        blank(world, said.seq)
        blank(world, answered.seq)
        room.tell_nowait(ForgetPerson(user_id=user_id(2)))
        for message_id in (said.message_id, opened.message_id):
            await world.ask(ada, DeleteMessage(room_id=ROOM_ID, message_id=message_id))
        rows = world.stored.room(TENANT, ROOM_ID).rows
        for seq in (said.seq, answered.seq):
            event = decode_event(rows[seq].body)
            assert isinstance(event, MessagePosted)
            assert event.sender.name == ""


async def test_a_persona_that_they_left_behind_has_no_name(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        await world.make_room(2)
        await a_persona_each(world)
        ada, ben = world.client(1), world.client(2)
        for one in (ada, ben):
            await world.ask(one, JoinRoom(room_id=ROOM_ID))
        await world.ask(ada, takes_in(11))
        await world.ask(ben, takes_in(21))
        world.system.ref(ROOM.at(ROOM_ID)).tell_nowait(ForgetPerson(user_id=user_id(2)))
        seats = {one.id: one.name for one in (await world.ask(ada, ViewRoom())).room.personas}
        assert seats == {MONA: "Persona 11", LUCA: ""}
