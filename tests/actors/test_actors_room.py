"""The room actor on the real actor system, with memory behind its ports."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio
from actors_world import (
    EPOCH,
    ROOM_ID,
    T0,
    TENANT,
    FakeClient,
    World,
    key,
    principal,
    user_id,
)
from trio.testing import MockClock

from core.errors import Rejected, Unavailable
from core.ports.message_log import Append, EventKind, LogRow
from protocol.chat import (
    DeleteMessage,
    EditMessage,
    HistoryRead,
    MarkRead,
    MessageAccepted,
    PinMessage,
    PostMessage,
    ReactToMessage,
    ReadHistory,
)
from protocol.close_codes import CloseCode
from protocol.codec import decode_event, encode
from protocol.presence import SetTyping
from protocol.room import (
    ROOM,
    CatchUp,
    InviteToRoom,
    JoinRoom,
    JudgeResume,
    LeaveRoom,
    MuteRoom,
    RemoveFromRoom,
    RoomAnswered,
    RoomChanged,
    SettingsPatch,
    UpdateRoom,
    ViewRoom,
)
from protocol.session import Position
from storage.memory.message_log import Fault, FaultPlan
from storage.sharding import shard_of


def post(number: int, content: str = "hello", **fields: object) -> PostMessage:
    return PostMessage(room_id=ROOM_ID, content=content, client_id=key(number), **fields)


def join(seq: int | None = None, epoch: str = EPOCH) -> JoinRoom:
    return JoinRoom(room_id=ROOM_ID, after=None if seq is None else Position(epoch=epoch, seq=seq))


async def two_in_a_room(world: World) -> tuple[FakeClient, FakeClient]:
    await world.make_room(2)
    ada, ben = world.client(1), world.client(2)
    await world.ask(ada, join())
    await world.ask(ben, join())
    return ada, ben


async def test_the_ok_of_a_message_comes_before_its_event(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        accepted = await world.ask(ada, post(1))
        place = ada.seen.index(accepted)
        assert [frame["seq"] for frame in ada.seen[place + 1 :]] == [accepted.seq]
        assert ben.of_type("chat.message")[0]["clientId"] == key(1)


async def test_a_stranger_finds_no_room_and_an_invited_member_must_accept_first(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room(2)
        with pytest.raises(Rejected, match="not_found"):
            await world.ask(world.client(3), post(1))
        with pytest.raises(Rejected, match="not_found"):
            await world.ask(world.client(1), post(1), room_id="no-such-room")
        with pytest.raises(Rejected, match="forbidden"):
            await world.ask(world.client(2), post(1))


async def test_accepting_is_durable_before_it_is_answered_and_repeating_it_writes_nothing(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room(2)
        ben = world.client(2)
        answer = await world.ask(ben, join())
        assert isinstance(answer, RoomAnswered)
        assert (answer.room.head, len(world.rows())) == (2, 2)
        assert answer.online is not None
        assert answer.online.user_ids == [user_id(2)]
        await world.ask(ben, join())
        assert len(world.rows()) == 2


async def test_a_repeat_of_a_client_id_gets_the_first_ok_even_in_flight(
    autojump_clock: MockClock,
) -> None:
    plan = FaultPlan(takes=lambda _: 0.05)
    async with World(plan=plan).running() as world:
        ada, _ = await two_in_a_room(world)
        first = world.send(ada, post(1))
        second = world.send(world.client(1), post(1, "other words"))
        await trio.sleep(0.01)
        assert not first
        assert not second
        await trio.sleep(1)
        assert isinstance(first[0], MessageAccepted)
        assert first[0] is not second[0]
        assert (first[0].seq, first[0].message_id) == (second[0].seq, second[0].message_id)
        assert [row.client_id for row in world.rows()].count(key(1)) == 1


async def test_answers_of_one_connection_keep_the_order_sent_whatever_they_wait_for(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        await world.ask(ada, post(1))
        sent = [
            world.send(ada, post(2)),
            world.send(ada, ReadHistory(room_id=ROOM_ID)),
            world.send(ada, post(3, "   ")),
            world.send(ada, MarkRead(room_id=ROOM_ID, seq=3)),
            world.send(ada, DeleteMessage(room_id=ROOM_ID, message_id="unknown")),
            world.send(ada, post(4)),
        ]
        await trio.sleep(1)
        answers = [frame for frame in ada.seen if not isinstance(frame, dict)]
        assert answers[-6:] == [answer for one in sent for answer in one]
        history = sent[1][0]
        assert isinstance(history, HistoryRead)
        assert [view.client_id for view in history.messages] == [key(1), key(2)]


async def test_a_slow_command_of_one_connection_keeps_no_other_waiting(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.running():
        ada, ben = await two_in_a_room(world)
        gate = trio.Event()
        whole = world.log.history

        async def slow(*args: object, **kwargs: object) -> object:
            await gate.wait()
            return await whole(*args, **kwargs)  # type: ignore[arg-type]

        world.log.history = slow  # type: ignore[method-assign, assignment]
        reading = world.send(ada, ReadHistory(room_id=ROOM_ID))
        behind = world.send(ada, post(1))
        await world.ask(ben, post(2))
        assert not reading
        assert not behind
        gate.set()
        await trio.sleep(1)
        assert isinstance(behind[0], MessageAccepted)


async def test_edits_reactions_and_pins_change_the_message_once_and_repeat_their_seq(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        told = await world.ask(ada, post(1))
        edit = EditMessage(room_id=ROOM_ID, message_id=told.message_id, content="better")
        react = ReactToMessage(room_id=ROOM_ID, message_id=told.message_id, emoji="👍", active=True)
        pin = PinMessage(room_id=ROOM_ID, message_id=told.message_id, active=True)
        firsts = [(await world.ask(ada, command)).seq for command in (edit, react, pin)]
        count = len(world.rows())
        assert [(await world.ask(ada, one)).seq for one in (edit, react, pin)] == firsts
        assert len(world.rows()) == count
        page = await world.ask(ben, ReadHistory(room_id=ROOM_ID))
        view = page.messages[0]
        assert (view.content, view.pinned, view.edited) == (
            "better",
            True,
            world.rows()[-3].sent_at,
        )
        assert [(one.emoji, one.count, one.mine) for one in view.reactions] == [("👍", 1, False)]


async def test_what_is_not_remembered_is_looked_up_before_it_is_judged(
    autojump_clock: MockClock,
) -> None:
    first = World()
    async with first.running():
        ada, _ = await two_in_a_room(first)
        told = await first.ask(ada, post(1))
        for number in range(2, 1_100):
            first.send(ada, post(number))
            if number % 200 == 0:
                await trio.sleep(1)
        await trio.sleep(5)
    second = World()
    second.shards, second.stored = first.shards, first.stored
    first.shards.free("node")
    second.leases = type(second.leases)(first.shards)
    second.log = type(second.log)(first.shards, second.clock, stored=first.stored)
    second.rooms = first.rooms
    async with second.running():
        ada = second.client(1)
        pin = PinMessage(room_id=ROOM_ID, message_id=told.message_id, active=True)
        assert (await second.ask(ada, pin)).seq == len(second.rows())
        # The same key again, long after it was forgotten: found in the log, not spent twice.
        again = await second.ask(ada, post(1))
        assert (again.seq, again.message_id) == (told.seq, told.message_id)


async def test_a_deleted_message_leaves_no_text_in_the_log_the_ring_or_history(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        told = await world.ask(ben, post(1, "a secret"))
        await world.ask(
            ben, EditMessage(room_id=ROOM_ID, message_id=told.message_id, content="a secret too")
        )
        await world.ask(ada, DeleteMessage(room_id=ROOM_ID, message_id=told.message_id))
        assert not any(b"secret" in row.body for row in world.rows())
        late = world.client(1)
        await world.ask(late, join(2))
        assert late.seqs == [3, 4, 5]
        assert not any("secret" in str(frame) for frame in late.events)
        page = await world.ask(ada, ReadHistory(room_id=ROOM_ID))
        assert (page.messages[0].content, page.messages[0].deleted) == ("", True)


async def test_a_removed_member_sees_his_removal_and_nothing_later(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        world.send(ada, post(1))
        gone = world.send(ada, RemoveFromRoom(room_id=ROOM_ID, user_id=user_id(2)))
        world.send(ada, post(2))
        await trio.sleep(1)
        assert ben.seqs == [3, gone[0].seq]
        with pytest.raises(Rejected, match="not_found"):
            await world.ask(ben, ReadHistory(room_id=ROOM_ID))
        repeated = await world.ask(ada, RemoveFromRoom(room_id=ROOM_ID, user_id=user_id(2)))
        assert repeated.seq == gone[0].seq


async def test_when_the_owner_leaves_the_eldest_member_owns_the_room(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        await world.ask(ada, InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(3)]))
        left = await world.ask(ada, LeaveRoom(room_id=ROOM_ID))
        assert (await world.ask(ada, LeaveRoom(room_id=ROOM_ID))).seq == left.seq
        view = await world.ask(ben, ViewRoom())
        assert {member.id: member.role for member in view.room.members} == {
            user_id(2): "owner",
            user_id(3): "member",
        }
        stored = world.stored.room(TENANT, ROOM_ID).members
        assert stored[user_id(2)].role == "owner"
        assert user_id(1) not in stored


async def test_an_unknown_user_cannot_be_invited_and_the_answer_names_the_field(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        invite = InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(3), "nobody"])
        with pytest.raises(Rejected) as refused:
            await world.ask(ada, invite)
        assert refused.value.fields[0][0] == "userIds[1]"
        assert len(world.rows()) == 2


async def test_a_newcomer_sees_nothing_before_his_invitation(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        old = await world.ask(ada, post(1))
        invited = await world.ask(ada, InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(3)]))
        cyd = world.client(3)
        assert (await world.ask(cyd, join(0))).verdict == "reset"
        assert cyd.seqs == []
        assert (await world.ask(cyd, join(invited.seq - 1))).verdict == "complete"
        assert cyd.seqs == [invited.seq, invited.seq + 1]
        page = await world.ask(cyd, ReadHistory(room_id=ROOM_ID))
        assert page.messages == []
        pin = PinMessage(room_id=ROOM_ID, message_id=old.message_id, active=True)
        with pytest.raises(Rejected, match="not_found"):
            await world.ask(cyd, pin)


async def test_a_short_absence_is_made_good_from_the_ring_without_the_database(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        for number in range(20):
            await world.ask(ada, post(number))
        world.log.is_away = True
        late = world.client(2)
        answer = await world.ask(late, join(5))
        assert answer.verdict == "complete"
        assert late.seqs == list(range(6, 23))


async def test_a_long_absence_is_read_from_the_log_while_others_write(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        for number in range(600):
            world.send(ada, post(number))
            if number % 100 == 0:
                await trio.sleep(1)
        await trio.sleep(2)
        late = world.client(2)

        async def write_more() -> None:
            world.send(ada, post(1_000 + len(world.rows())))
            await trio.sleep(0.01)

        late.drained = write_more
        answer = await world.ask(late, join(2))
        assert answer.verdict == "complete"
        await trio.sleep(5)
        await world.ask(ada, post(9_999))
        assert late.seqs == list(range(3, len(world.rows()) + 1))


async def test_whoever_is_removed_while_catching_up_sees_the_removal_as_the_last(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        for number in range(600):
            world.send(ada, post(number))
            if number % 100 == 0:
                await trio.sleep(1)
        await trio.sleep(2)
        late, removed = world.client(2), []

        async def remove() -> None:
            if not removed:
                gone = RemoveFromRoom(room_id=ROOM_ID, user_id=user_id(2))
                removed.append(await world.ask(ada, gone))
                await world.ask(ada, post(7_000))

        late.drained = remove
        await world.ask(late, join(2))
        await trio.sleep(5)
        assert late.seqs == list(range(3, removed[0].seq + 1))
        assert not world.fanout.is_subscribed(f"room:{ROOM_ID}", late)


@pytest.mark.parametrize(
    ("seq", "epoch"), [(1, "another"), (10_000, EPOCH)], ids=["another epoch", "beyond the head"]
)
async def test_what_cannot_be_continued_is_reset_and_live_from_the_head(
    seq: int, epoch: str, autojump_clock: MockClock
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        late = world.client(2)
        assert (await world.ask(late, join(seq, epoch))).verdict == "reset"
        await world.ask(ada, post(1))
        assert late.seqs == [3]
        judged = await world.ask(ben, JudgeResume(after=Position(epoch=epoch, seq=seq)))
        assert (judged.verdict, judged.head) == ("reset", 3)


async def test_more_than_a_mebibyte_behind_is_a_reset(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        for number in range(300):
            world.send(ada, post(number, "x" * 4_000))
            if number % 100 == 0:
                await trio.sleep(1)
        await trio.sleep(2)
        assert (await world.ask(world.client(2), join(2))).verdict == "reset"
        judged = await world.ask(world.client(2), JudgeResume(after=Position(epoch=EPOCH, seq=2)))
        assert judged.verdict == "reset"
        near = JudgeResume(after=Position(epoch=EPOCH, seq=100))
        assert (await world.ask(world.client(2), near)).verdict == "complete"


async def test_a_resumed_connection_gets_what_it_missed_and_then_lives(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        await world.ask(ada, post(1))
        back = world.client(2)
        await world.ask(back, CatchUp(seq=1))
        await world.ask(ada, post(2))
        assert back.seqs == [2, 3, 4]
        assert world.fanout.take_unaware(f"room:{ROOM_ID}") == [back]  # presence tells it
        with pytest.raises(Rejected, match="not_found"):
            await world.ask(world.client(4), CatchUp(seq=1))


async def test_who_was_away_before_he_is_brought_in_is_not_shown_a_log_with_a_hole(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        back = world.client(2)
        judged = await world.ask(back, JudgeResume(after=Position(epoch=EPOCH, seq=1)))
        assert judged.verdict == "complete"
        await world.ask(ben, LeaveRoom(room_id=ROOM_ID))
        await world.ask(ada, post(1))
        await world.ask(ada, InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(2)]))
        await world.ask(ben, join())
        with pytest.raises(Unavailable):
            await world.ask(back, CatchUp(seq=1))
        assert back.seqs == []


async def test_a_history_page_is_cut_where_one_frame_ends(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        for number in range(60):
            await world.ask(ada, post(number, "x" * 8_192))
        newest = await world.ask(ada, ReadHistory(room_id=ROOM_ID, limit=60))
        assert newest.has_more
        assert newest.messages[-1].seq == 62
        older = await world.ask(ada, ReadHistory(room_id=ROOM_ID, after=2, limit=60))
        assert older.has_more
        assert older.messages[0].seq == 3
        around = await world.ask(ada, ReadHistory(room_id=ROOM_ID, around=30, limit=60))
        assert around.has_more_before
        assert around.has_more_after
        assert 30 in [view.seq for view in around.messages]


async def test_read_pointers_move_forward_only_and_receipts_are_coalesced(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        for number in range(5):
            await world.ask(ada, post(number))
        for seq in (3, 5, 4, 9_999):
            world.send(ben, MarkRead(room_id=ROOM_ID, seq=seq))
        await trio.sleep(5)
        assert [frame["seq"] for frame in ada.of_type("chat.receipt")] == [3, 7]
        assert (await world.ask(ben, ViewRoom())).room.read == 7
        off = UpdateRoom(room_id=ROOM_ID, settings=SettingsPatch(receipts=False))
        await world.ask(ada, off)
        await world.ask(ada, MarkRead(room_id=ROOM_ID, seq=8))
        await trio.sleep(2)
        assert len(ada.of_type("chat.receipt")) == 2


async def test_who_is_removed_while_his_pointer_is_written_sends_no_receipt(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        whole = world.rooms.advance_read

        async def slowly(*args: Any) -> None:
            await trio.sleep(1)
            await whole(*args)

        world.rooms.advance_read = slowly  # type: ignore[method-assign]
        answers = world.send(ben, MarkRead(room_id=ROOM_ID, seq=3))
        await world.ask(ada, RemoveFromRoom(room_id=ROOM_ID, user_id=user_id(2)))
        await trio.sleep(2)
        assert [answer.code for answer in answers] == ["not_found"]
        assert ada.of_type("chat.receipt") == []


async def test_who_left_and_is_back_has_read_as_far_as_before(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        await world.make_room(2, history="all")
        ada, ben = world.client(1), world.client(2)
        await world.ask(ada, join())
        await world.ask(ben, join())
        for number in range(5):
            await world.ask(ada, post(number))
        await world.ask(ben, MarkRead(room_id=ROOM_ID, seq=5))
        await world.ask(ben, LeaveRoom(room_id=ROOM_ID))
        await world.ask(ada, InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(2)]))
        back = await world.ask(ben, join())
        await trio.sleep(400)
        assert not world.system.is_active(ROOM.at(ROOM_ID))
        again = await world.ask(ben, join())
        assert (back.room.read, again.room.read) == (5, 5)


async def test_who_types_before_his_coming_is_durable_is_not_seen_before_it(
    autojump_clock: MockClock,
) -> None:
    world = World(plan=FaultPlan(takes=lambda _: 0.5))
    async with world.running():
        await world.make_room(2)
        ada, ben, bens_other = world.client(1), world.client(2), world.client(2)
        await world.ask(ada, JoinRoom(room_id=ROOM_ID))
        joins = world.send(ben, JoinRoom(room_id=ROOM_ID))
        typing = SetTyping(room_id=ROOM_ID, active=True)
        world.send(bens_other, typing)
        await world.ask(bens_other, typing)
        assert joins
        assert not ada.of_type("typing.indicator")
        await world.ask(bens_other, typing)
        assert [event["type"] for event in ada.events] == ["room.changed", "typing.indicator"]


async def test_typing_ends_by_itself_after_eight_seconds(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        await world.ask(ada, SetTyping(room_id=ROOM_ID, active=True))
        await trio.sleep(7.9)
        assert [frame["active"] for frame in ben.of_type("typing.indicator")] == [True]
        await trio.sleep(0.2)
        assert [frame["active"] for frame in ben.of_type("typing.indicator")] == [True, False]
        await world.ask(ada, SetTyping(room_id=ROOM_ID, active=False))
        assert len(ben.of_type("typing.indicator")) == 2


async def test_muting_is_durable_when_answered(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        await world.ask(ada, MuteRoom(room_id=ROOM_ID, until=T0 + 1))
        record = await world.rooms.load(TENANT, ROOM_ID)
        assert record is not None
        muted = {member.user_id: member.muted_until for member in record.members}
        assert muted == {user_id(1): T0 + 1, user_id(2): None}


async def test_a_connection_can_join_only_so_many_rooms(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        await world.make_room()
        ada = world.client(1)
        ada.topics = {f"room:{number}" for number in range(200)}
        with pytest.raises(Rejected, match="conflict"):
            await world.ask(ada, join())


async def test_invitations_accepted_all_at_once_keep_to_that_bound_too(
    autojump_clock: MockClock,
) -> None:
    rooms = [f"0190a000-0000-7000-8000-{number:012x}" for number in (1, 2, 3)]
    async with World().running() as world:
        for room_id in rooms:
            await world.make_room(2, room_id=room_id)
        ben = world.client(2)
        for number in range(198):
            world.fanout.subscribe(f"room:{number}", ben)
        sent = [world.send(ben, JoinRoom(room_id=room_id), room_id=room_id) for room_id in rooms]
        await trio.sleep(1)
        refused = [answer.code for (answer,) in sent if isinstance(answer, Rejected)]
        assert (ben.room_count, refused) == (200, ["conflict"])


async def test_a_room_that_a_connection_catches_up_with_keeps_its_place(
    autojump_clock: MockClock,
) -> None:
    another = "0190a000-0000-7000-8000-000000000777"
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        await world.make_room(2, room_id=another)
        for number in range(600):
            await world.ask(ada, post(number))
        late, gate = world.client(2), trio.Event()
        late.topics = {f"room:{number}" for number in range(199)}
        late.drained = gate.wait
        assert (await world.ask(late, join(2))).verdict == "complete"
        assert not world.fanout.is_subscribed(f"room:{ROOM_ID}", late)
        with pytest.raises(Rejected, match="conflict"):
            await world.ask(late, JoinRoom(room_id=another), room_id=another)
        await world.ask(late, join(2))  # again: it has its place
        gate.set()
        await trio.sleep(5)
        assert world.fanout.is_subscribed(f"room:{ROOM_ID}", late)
        assert late.room_count == 200


async def test_whoever_is_removed_while_catching_up_gives_the_place_back(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        for number in range(600):
            await world.ask(ada, post(number))
        late, gate = world.client(2), trio.Event()
        late.drained = gate.wait
        await world.ask(late, join(2))
        assert late.room_count == 1
        await world.ask(ada, RemoveFromRoom(room_id=ROOM_ID, user_id=user_id(2)))
        gate.set()
        await trio.sleep(5)
        assert late.room_count == 0


async def test_a_foreign_tenant_finds_no_room(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        await world.make_room()
        spy = world.client(1)
        spy.principal = replace(principal(1), tenant_id=2)
        with pytest.raises(Rejected, match="not_found"):
            await world.ask(spy, ViewRoom())


# When the log refuses.


class Once:
    """One fault at the n-th flush."""

    def __init__(self, fault: Fault, at: int) -> None:
        self.fault, self.left = fault, at

    def __call__(self, appends: Sequence[Append]) -> Fault:
        self.left -= 1
        return self.fault if self.left == 0 else Fault.NONE


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.LATE])
async def test_after_a_lost_reply_every_command_is_answered_once_and_stored_once(
    fault: Fault, autojump_clock: MockClock
) -> None:
    plan = FaultPlan(flush=Once(fault, 2), takes=lambda _: 0.01)
    async with World(plan=plan).running() as world:
        ada, ben = await two_in_a_room(world)
        answers = [world.send(one, post(n)) for n, one in enumerate([ada, ben, ada, ben])]
        answers.append(world.send(ada, post(0)))
        await trio.sleep(5)
        assert [len(one) for one in answers] == [1] * 5
        assert [one[0].seq for one in answers] == [3, 4, 5, 6, 3]
        assert [row.seq for row in world.rows()] == list(range(1, 7))
        assert ada.seqs == [2, 3, 4, 5, 6]
        assert ben.seqs == [3, 4, 5, 6]


async def test_a_poison_row_is_refused_alone_and_the_later_ones_are_decided_anew(
    autojump_clock: MockClock,
) -> None:
    plan = FaultPlan(is_bad=lambda append: b"poison" in append.rows[0].body)
    async with World(plan=plan).running() as world:
        ada, ben = await two_in_a_room(world)
        answers = [
            world.send(ada, post(1)),
            world.send(ben, post(2, "poison")),
            world.send(ada, post(3)),
        ]
        await trio.sleep(1)
        assert answers[1][0].code == "bad_request"
        assert [answers[0][0].seq, answers[2][0].seq] == [3, 4]
        assert ben.seqs == [3, 4]


async def test_while_the_database_is_away_commands_wait_and_then_are_unavailable(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        world.log.is_away = world.leases.is_away = True
        answers = [world.send(ada, post(1)), world.send(ada, post(2))]
        await trio.sleep(3)
        assert answers == [[], []]
        world.log.is_away = world.leases.is_away = False
        await trio.sleep(3)
        assert [one[0].seq for one in answers] == [3, 4]
        world.log.is_away = world.leases.is_away = True
        answers = [world.send(ada, post(3))]
        await trio.sleep(15)
        assert isinstance(answers[0][0], Rejected)
        assert answers[0][0].temporary
        world.log.is_away = world.leases.is_away = False
        await trio.sleep(10)
        assert (await world.ask(ada, post(3))).seq == 5
        assert ada.seqs == [2, 3, 4, 5]


async def test_a_room_that_lost_its_shard_stops_acking_and_lives_again_where_it_is(
    autojump_clock: MockClock,
) -> None:
    plan = FaultPlan(flush=Once(Fault.FENCE_LOST, 2))
    async with World(plan=plan).running() as world:
        ada, _ = await two_in_a_room(world)
        with pytest.raises(Rejected):
            await world.ask(ada, post(1))
        assert len(world.rows()) == 2
        assert world.shards.owner(shard_of(ROOM_ID)) == "another node"
        world.shards.free("another node")
        world.leases.take_free()
        await trio.sleep(10)
        assert (await world.ask(ada, post(1))).seq == 3
        assert ada.seqs == [2, 3]


async def test_what_was_durable_when_a_room_crashed_reaches_the_connections_that_stayed(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        whole = world.fanout.publish_nowait

        def break_once(*args: object, **kwargs: object) -> None:
            world.fanout.publish_nowait = whole  # type: ignore[method-assign]
            raise RuntimeError("a bug")

        world.fanout.publish_nowait = break_once  # type: ignore[method-assign]
        world.send(ada, post(1))
        await trio.sleep(2)
        await world.ask(ben, post(2))
        assert ben.seqs == [3, 4]


async def test_an_answer_that_was_owed_is_given_when_the_server_drains(
    autojump_clock: MockClock,
) -> None:
    plan = FaultPlan(takes=lambda _: 0.5)
    world = World(plan=plan)
    async with world.running():
        await world.make_room()
        ada = world.client(1)
        await world.ask(ada, ViewRoom())
        answers = world.send(ada, post(1))
        await trio.sleep(0.01)
    assert isinstance(answers[0], MessageAccepted)
    assert decode_event(world.rows()[-1].body).seq == answers[0].seq


async def test_a_room_goes_to_sleep_and_remembers(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        told = await world.ask(ada, post(1))
        await trio.sleep(400)
        assert world.system.statistics()["passivations"] == 1
        assert (await world.ask(ada, post(1))).message_id == told.message_id


async def test_past_its_bound_a_room_decides_no_further_and_answers_all_in_order(
    autojump_clock: MockClock,
) -> None:
    plan = FaultPlan(takes=lambda _: 0.5)
    async with World(plan=plan).running() as world:
        ada, ben = await two_in_a_room(world)
        answers = []
        for number in range(450):
            answers.append(world.send(ada, post(number)))
            answers.append(world.send(ben, post(number)))
            if number % 50 == 7:
                answers.append(world.send(ada, ReadHistory(room_id=ROOM_ID, limit=1)))
        await trio.sleep(0.1)
        assert not any(answers)
        await trio.sleep(30)
        assert all(len(one) == 1 for one in answers)
        for client in (ada, ben):
            oks = [one.seq for one in client.seen if isinstance(one, MessageAccepted)]
            assert oks == sorted(oks)
            assert len(oks) == 450
        assert [row.seq for row in world.rows()] == list(range(1, 903))


async def test_a_connection_that_waits_too_long_a_line_is_shed(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        gate = trio.Event()
        whole = world.log.history

        async def slow(*args: object, **kwargs: object) -> object:
            await gate.wait()
            return await whole(*args, **kwargs)  # type: ignore[arg-type]

        world.log.history = slow  # type: ignore[method-assign, assignment]
        world.send(ada, ReadHistory(room_id=ROOM_ID))
        answers = [world.send(ada, post(number)) for number in range(520)]
        await trio.sleep(1)
        assert [one[0].code for one in answers if one] == ["overloaded"] * 8
        await world.ask(ben, post(1))
        gate.set()
        await trio.sleep(5)
        assert all(answers)


async def test_a_key_that_only_the_database_remembers_gets_the_first_ok(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        told = await world.ask(ada, post(1))
        await trio.sleep(400)
        monkeypatch.setattr("actors.room.memory.Memory.may_have_forgotten", lambda *_: False)
        monkeypatch.setattr("actors.room.actor.recall", lambda *_: None)
        answers = [world.send(ada, post(2)), world.send(ada, post(1)), world.send(ada, post(3))]
        await trio.sleep(5)
        assert [one[0].seq for one in answers] == [4, told.seq, 5]
        assert answers[1][0].message_id == told.message_id


async def test_what_another_owner_stored_meanwhile_is_taken_in_and_told(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await two_in_a_room(world)
        newer = await world.leases.refence(ROOM_ID, seen=world.leases.fence(ROOM_ID))
        event = RoomChanged(
            room_id=ROOM_ID,
            epoch=EPOCH,
            seq=3,
            sent_at=T0,
            by=user_id(1),
            change="invited",
            user_ids=[user_id(3)],
        )
        row = LogRow(
            seq=3, sent_at=T0, kind=EventKind.ROOM, sender_id=user_id(1), body=encode(event)
        )
        foreign = Append(tenant_id=TENANT, room_id=ROOM_ID, fence=newer, rows=(row,))
        assert world.stored.attempt([foreign], [False]) is None
        assert (await world.ask(ada, post(1))).seq == 4
        assert ben.seqs == [3, 4]
        view = await world.ask(ada, ViewRoom())
        assert (view.room.members[-1].name, view.room.members[-1].state) == ("User 3", "invited")


async def test_a_log_that_cannot_be_read_costs_the_connection_and_not_the_room(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await two_in_a_room(world)
        for number in range(400):
            await world.ask(ada, post(number))
        late = world.client(2)

        async def break_log() -> None:
            world.log.is_away = True

        late.drained = break_log
        await world.ask(late, join(2))
        await trio.sleep(1)
        assert late.closed_with is CloseCode.RESTARTING
        world.log.is_away = False
        assert (await world.ask(ada, post(1_000))).seq == 403
        assert world.system.statistics()["crashes"] == 0
