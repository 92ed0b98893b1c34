"""A room in trouble: what is refused, crashes or is slow keeps nobody waiting for ever."""

from typing import Any

import pytest
import trio
from actors_world import EPOCH, ROOM_ID, TENANT, FakeClient, World, key, user_id
from msgspec.structs import replace
from trio.testing import MockClock

from actors.room.actor import RoomActor
from actors.room.entrance import MAX_AWAITED
from actors.room.pipeline import MAX_ENTRIES
from core.errors import Rejected
from core.ports.message_log import Append, EventKind, LogRow, Outcome, Redaction
from protocol.chat import MessageAccepted, MessageDeleted, MessagePosted, PostMessage, ReadHistory
from protocol.close_codes import CloseCode
from protocol.codec import decode_event, encode
from protocol.presence import SetTyping
from protocol.room import CatchUp, JoinRoom, ViewRoom
from protocol.session import Position
from storage.memory.message_log import Fault, FaultPlan


def post(number: int, content: str = "hello") -> PostMessage:
    return PostMessage(room_id=ROOM_ID, content=content, client_id=key(number))


def join(seq: int | None = None) -> JoinRoom:
    after = None if seq is None else Position(epoch=EPOCH, seq=seq)
    return JoinRoom(room_id=ROOM_ID, after=after)


async def fill(world: World, client: FakeClient, count: int) -> None:
    for number in range(count):
        await world.ask(client, post(number))


async def test_a_join_that_cannot_be_stored_leaves_its_connection_free(
    autojump_clock: MockClock,
) -> None:
    plan = FaultPlan(is_bad=lambda append: b"joined" in append.rows[0].body)
    async with World(plan=plan).running() as world:
        await world.make_room(2)
        ada, ben = world.client(1), world.client(2)
        await world.ask(ada, join())
        refused, behind = world.send(ben, join()), world.send(ben, ViewRoom())
        await trio.sleep(1)
        assert refused[0].code == "bad_request"
        assert behind[0].room.head == 1
        await trio.sleep(400)
        assert world.system.statistics()["active"] == 0


async def test_a_full_disk_is_told_of_and_not_tried_without_end(autojump_clock: MockClock) -> None:
    """The database answers, and stores nothing: reading, and a new fence, need no room on it."""
    is_full, flushes = True, 0

    def flush(_: object) -> Fault:
        nonlocal flushes
        flushes += 1
        return Fault.LOST_BEFORE if is_full else Fault.NONE

    async with World(plan=FaultPlan(flush=flush, takes=lambda _: 0.01)).running() as world:
        await world.make_room(1)
        desk, phone = world.client(1), world.client(1)
        with trio.fail_after(15):
            answers = [world.send(who, post(n)) for n, who in enumerate((desk, phone, desk), 1)]
            while not all(answers):
                await trio.sleep(0.1)
        assert [answer.code for [answer] in answers] == ["unavailable"] * 3
        assert flushes < 30
        with trio.fail_after(1):  # and the next one at once
            assert (await refused(world, desk, post(4))).code == "unavailable"
        assert world.rows()[1:] == []

        is_full = False
        assert (await world.ask(desk, post(1))).seq == 2
        assert (await world.ask(phone, post(2))).seq == 3
        assert world.system.statistics()["crashes"] == 0


async def refused(world: World, client: FakeClient, message: object) -> Rejected:
    answers = world.send(client, message)
    while not answers:
        await trio.sleep(0.1)
    refusal = answers[0]
    assert isinstance(refusal, Rejected)
    return refusal


async def test_what_waited_behind_a_join_is_not_decided_while_the_room_recovers(
    autojump_clock: MockClock,
) -> None:
    """The join turns out to be stored, and frees what waited behind it; the fold of decisions is
    about to be thrown away, and a message decided by it would be forgotten with it."""
    faults = iter([Fault.LOST_AFTER, Fault.NONE, Fault.LOST_BEFORE])
    async with World(plan=FaultPlan(flush=lambda _: next(faults, Fault.NONE))).running() as world:
        await world.make_room(2)
        ben = world.client(2)
        world.send(ben, join())
        first = await world.ask(ben, post(1))
        second = await world.ask(ben, post(2))
        assert (first.seq, second.seq) == (3, 4)
        assert [row.client_id for row in world.rows()] == [None, None, key(1), key(2)]


async def test_a_connection_that_has_caught_up_as_its_room_crashes_is_closed_not_left_deaf(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World().running() as world:
        await world.make_room(2)
        ada, late = world.client(1), world.client(1)
        await fill(world, ada, 400)

        async def crash_when_read() -> None:
            """The room has read everything for it, and crashes before it could let it in."""
            monkeypatch.setattr(RoomActor, "handle", broken)

        async def broken(self: RoomActor, envelope: Any) -> None:
            monkeypatch.undo()
            raise RuntimeError("a bug")

        late.drained = crash_when_read
        await world.ask(late, join(1))
        await trio.sleep(5)
        assert world.system.statistics()["crashes"] == 1
        assert late.closed_with is CloseCode.RESTARTING


async def test_a_resume_is_answered_when_the_connection_lives(autojump_clock: MockClock) -> None:
    """Whoever brings a connection into many rooms can wait for each of them."""
    async with World().running() as world:
        await world.make_room(2)
        ada, back = world.client(1), world.client(1)
        await fill(world, ada, 400)
        gate = trio.Event()
        back.drained = gate.wait
        answers = world.send(back, CatchUp(seq=1))
        await trio.sleep(1)
        assert answers == []
        gate.set()
        await trio.sleep(1)
        assert len(answers) == 1
        assert back.seqs == list(range(2, 402))
        assert world.fanout.is_subscribed(f"room:{ROOM_ID}", back)


async def test_a_connection_that_joined_by_itself_is_not_resumed_over_it(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room(2)
        ada, back = world.client(1), world.client(1)
        await fill(world, ada, 3)
        await world.ask(back, join(2))
        await world.ask(back, CatchUp(seq=1))
        await world.ask(ada, post(9))
        assert back.seqs == [3, 4, 5]


async def test_what_waits_for_a_slow_log_is_bounded_and_answered_in_order(
    autojump_clock: MockClock,
) -> None:
    """Refused commands need no place in the log, but they wait their turn behind one that does."""
    plan = FaultPlan(takes=lambda _: 5.0)
    async with World(plan=plan).running() as world:
        await world.make_room()
        ada = world.client(1)
        sent = [world.send(ada, post(0))]
        for number in range(2_000):
            sent.append(world.send(ada, post(number, " ")))
            if number % 100 == 0:
                await trio.sleep(0.01)
        await trio.sleep(0.1)
        shed = [one[0].code for one in sent if one]
        assert set(shed) == {"overloaded"}
        assert len(sent) - len(shed) <= MAX_ENTRIES + 1_024
        await trio.sleep(20)
        assert all(len(one) == 1 for one in sent)
        assert isinstance(sent[0][0], MessageAccepted)


async def test_a_refusal_that_an_older_owner_of_the_room_earned_costs_nothing(
    autojump_clock: MockClock,
) -> None:
    """An append of a crashed predecessor, refused for its stale fence, takes what its successor has
    queued under the new one along."""
    async with World().running() as world:
        await world.make_room()
        ada = world.client(1)
        await world.ask(ada, post(1))
        whole = world.log.append_nowait

        def refused_once(append: Any, done: Any) -> None:
            world.log.append_nowait = whole  # type: ignore[method-assign]
            trio.lowlevel.current_trio_token().run_sync_soon(done, Outcome.FENCED)

        world.log.append_nowait = refused_once  # type: ignore[method-assign]
        assert (await world.ask(ada, post(2))).seq == 3
        assert world.system.statistics()["crashes"] == 0


async def test_whoever_asks_for_an_answer_stands_in_line_even_to_say_that_he_types(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room()
        ada = world.client(1)
        await world.ask(ada, join())
        sent = [
            world.send(ada, SetTyping(room_id=ROOM_ID, active=True, ref=1)),
            world.send(ada, ReadHistory(room_id=ROOM_ID)),
            world.send(ada, SetTyping(room_id=ROOM_ID, active=False, ref=2)),
        ]
        await trio.sleep(1)
        answers = [frame for frame in ada.seen if not isinstance(frame, dict)]
        assert answers[-3:] == [answer for one in sent for answer in one]
        assert [frame["active"] for frame in ada.of_type("typing.indicator")] == [True, False]


async def test_what_became_durable_as_a_room_crashed_is_told_as_soon_as_the_database_is_back(
    autojump_clock: MockClock,
) -> None:
    """Nobody has to speak first in the room for the others to hear of it."""
    async with World().running() as world:
        await world.make_room(2)
        ada, ben = world.client(1), world.client(2)
        await world.ask(ada, join())
        await world.ask(ben, join())
        whole = world.fanout.publish_nowait

        def break_once(*args: Any, **kwargs: Any) -> None:
            world.fanout.publish_nowait = whole  # type: ignore[method-assign]
            world.log.is_away = world.leases.is_away = True
            raise RuntimeError("a bug")

        world.fanout.publish_nowait = break_once  # type: ignore[method-assign]
        world.send(ada, post(1))
        await trio.sleep(30)
        assert ben.seqs == []
        world.log.is_away = world.leases.is_away = False
        await trio.sleep(10)
        assert ben.seqs == [3]


async def test_a_text_that_another_owner_deleted_is_not_shown_from_memory(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room()
        ada, late = world.client(1), world.client(1)
        told = await world.ask(ada, post(1, "a secret"))
        newer = await world.leases.refence(ROOM_ID, seen=world.leases.fence(ROOM_ID))
        posted = decode_event(world.rows()[-1].body)
        assert isinstance(posted, MessagePosted)
        deleted = MessageDeleted(
            room_id=ROOM_ID,
            epoch=EPOCH,
            seq=3,
            sent_at=posted.sent_at,
            message_id=told.message_id,
            by=user_id(1),
        )
        row = LogRow(
            seq=3,
            sent_at=posted.sent_at,
            kind=EventKind.DELETED,
            sender_id=user_id(1),
            body=encode(deleted),
            target_seq=2,
        )
        blank = Redaction(seq=2, sent_at=posted.sent_at, body=encode(replace(posted, content="")))
        foreign = Append(
            tenant_id=TENANT, room_id=ROOM_ID, fence=newer, rows=(row,), redactions=(blank,)
        )
        assert world.stored.attempt([foreign], [False]) is None
        await world.ask(ada, post(2))
        await world.ask(late, join(1))
        await trio.sleep(1)
        assert late.seqs == [2, 3, 4]
        assert "secret" not in str(late.events)


async def test_a_crowd_that_returns_at_once_is_not_waited_for_to_the_last(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room()
        ada = world.client(1)
        await fill(world, ada, 400)
        gate = trio.Event()
        crowd = [world.client(1) for _ in range(MAX_AWAITED + 9)]
        for client in crowd:
            client.drained = gate.wait
        answers = [world.send(client, CatchUp(seq=1)) for client in crowd]
        await trio.sleep(1)
        assert [len(one) for one in answers] == [0] * MAX_AWAITED + [1] * 9
        gate.set()
        await trio.sleep(1)
        assert all(len(one) == 1 for one in answers)
        assert all(client.seqs == list(range(2, 402)) for client in crowd)
