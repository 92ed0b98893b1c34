"""Of who was forgotten nothing is shown any more, also by a room that was active while it was done."""

from dataclasses import replace as with_

import trio
from actors_world import EPOCH, ROOM_ID, TENANT, World, key, user_id
from msgspec.structs import replace
from trio.testing import MockClock

from protocol.chat import MessagePosted, PostMessage
from protocol.codec import decode_event, encode
from protocol.room import ROOM, ForgetPerson, JoinRoom, ViewRoom
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
