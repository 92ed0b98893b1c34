"""Below `room.first` there is nothing, also for a room that was active while it moved."""

from typing import Any

import pytest
import trio
from actors_world import EPOCH, ROOM_ID, TENANT, FakeClient, World, key
from trio.testing import MockClock

from core.errors import Rejected, Unavailable
from protocol.chat import EditMessage, PostMessage, ReadHistory
from protocol.close_codes import CloseCode
from protocol.room import ROOM, CatchUp, ForgetBelow, JoinRoom, JudgeResume, ViewRoom
from protocol.session import Position


def join(seq: int | None = None) -> JoinRoom:
    return JoinRoom(room_id=ROOM_ID, after=None if seq is None else Position(epoch=EPOCH, seq=seq))


async def a_room_of(world: World, messages: int) -> FakeClient:
    """Event 1 makes the room, the messages are 2, 3, …"""
    await world.make_room()
    ada = world.client(1)
    await world.ask(ada, join())
    for number in range(messages):
        await world.ask(ada, PostMessage(room_id=ROOM_ID, content="hi", client_id=key(number)))
    return ada


def retain_from(world: World, first: int) -> None:
    stored = world.stored.room(TENANT, ROOM_ID)
    stored.first = first
    stored.rows = {seq: row for seq, row in stored.rows.items() if seq >= first}


async def test_a_room_that_is_told_forgets_at_once(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada = await a_room_of(world, 20)
        old = ada.of_type("chat.message")[0]["messageId"]
        retain_from(world, 10)
        world.system.ref(ROOM.at(ROOM_ID)).tell_nowait(ForgetBelow(first=10))

        assert (await world.ask(ada, ViewRoom())).room.first == 10
        history = await world.ask(ada, ReadHistory(room_id=ROOM_ID, limit=50))
        assert [message.seq for message in history.messages] == list(range(10, 22))
        assert history.has_more is False
        with pytest.raises(Rejected, match="message"):
            await world.ask(ada, EditMessage(room_id=ROOM_ID, message_id=old, content="no"))

        assert (await world.ask(world.client(1), join(8))).verdict == "reset"
        late = world.client(1)
        assert (await world.ask(late, join(9))).verdict == "complete"
        assert late.seqs == list(range(10, 22))


async def test_a_room_emptied_by_retention_goes_on_where_it_was(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada = await a_room_of(world, 4)
        retain_from(world, 6)
        world.system.ref(ROOM.at(ROOM_ID)).tell_nowait(ForgetBelow(first=6))
        again = await world.ask(ada, PostMessage(room_id=ROOM_ID, content="a", client_id=key(99)))
        assert again.seq == 6

        retain_from(world, 7)
        await trio.sleep(400)  # asleep
        assert not world.system.is_active(ROOM.at(ROOM_ID))
        again = await world.ask(ada, PostMessage(room_id=ROOM_ID, content="b", client_id=key(100)))
        assert again.seq == 7
        assert (await world.ask(world.client(1), join(5))).verdict == "reset"


async def test_whom_retention_overtakes_is_closed_and_sees_no_gap(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await a_room_of(world, 400)
        late = world.client(1)

        async def overtake() -> None:
            retain_from(world, 120)

        late.drained = overtake
        assert (await world.ask(late, join(1))).verdict == "complete"
        await trio.sleep(1)
        assert late.closed_with is CloseCode.RESTARTING
        assert late.seqs == list(range(2, 2 + len(late.seqs)))
        assert world.system.statistics()["crashes"] == 0


async def test_whom_retention_overtakes_before_he_is_brought_in_sees_no_gap(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await a_room_of(world, 20)
        back = world.client(1)
        position = Position(epoch=EPOCH, seq=5)
        assert (await world.ask(back, JudgeResume(after=position))).verdict == "complete"
        retain_from(world, 10)
        world.system.ref(ROOM.at(ROOM_ID)).tell_nowait(ForgetBelow(first=10))
        with pytest.raises(Unavailable):  # he comes back, and is answered `reset`
            await world.ask(back, CatchUp(seq=5))
        assert back.seqs == []
        assert (await world.ask(back, JudgeResume(after=position))).verdict == "reset"


async def test_whom_retention_overtakes_while_what_he_missed_is_measured_is_reset(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await a_room_of(world, 400)
        late, whole = world.client(1), world.log.missed

        async def missed(*args: Any, **kwargs: Any) -> Any:
            retain_from(world, 390)
            world.system.ref(ROOM.at(ROOM_ID)).tell_nowait(ForgetBelow(first=390))
            await trio.sleep(1)
            return await whole(*args, **kwargs)

        world.log.missed = missed  # type: ignore[method-assign]
        assert (await world.ask(late, join(5))).verdict == "reset"
        assert late.seqs == []
