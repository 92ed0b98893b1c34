"""What the server itself says in a room: durable, once, and nobody's prompt."""

from typing import Any

import pytest
from actors_world import EPOCH, ROOM_ID, T0, World, key
from trio.testing import MockClock

from core.errors import Rejected
from protocol.codec import decode_event
from protocol.room import ROOM, JoinRoom, PostNotice

CARD = {"kind": "booking", "id": "b", "title": "Hotel Tejo"}


def notice(number: int, content: str = "Everybody has approved.") -> PostNotice:
    return PostNotice(message_id=key(0xF000 + number), content=content, cards=[CARD])


async def post(world: World, command: PostNotice) -> Any:
    return await world.system.ref(ROOM.at(ROOM_ID)).ask(command, timeout=60)


async def test_a_notice_is_a_message_of_the_system_with_its_card(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room()
        ada = world.client(1)
        await world.ask(ada, JoinRoom(room_id=ROOM_ID))
        answer = await post(world, notice(1))
        [seen] = ada.of_type("chat.message")
    assert seen["seq"] == answer.seq
    assert seen["epoch"] == EPOCH
    assert seen["sender"] == {"id": "system", "kind": "system", "name": "Caravan"}
    assert seen["content"] == "Everybody has approved."
    assert seen["cards"] == [CARD]
    assert seen["messageId"] == key(0xF001)
    assert seen["sentAt"] >= T0
    assert "ai" not in seen


async def test_a_repeated_notice_gets_the_first_seq_also_from_a_room_that_has_forgotten(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.running():
        await world.make_room()
        first = await post(world, notice(1))
        again = await post(world, notice(1, "Other words."))
        assert again.seq == first.seq
        other = await post(world, notice(2))
        assert other.seq == first.seq + 1
    texts = [getattr(decode_event(row.body), "content", None) for row in world.rows()]
    assert texts.count("Everybody has approved.") == 2
    assert "Other words." not in texts


async def test_an_empty_notice_is_refused_and_changes_nothing(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        await world.make_room()
        with pytest.raises(Rejected, match="bad_request"):
            await post(world, notice(1, " "))
        assert len(world.rows()) == 1
