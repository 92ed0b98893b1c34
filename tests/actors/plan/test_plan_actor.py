"""The trip board as its room's people meet it: durable, told once and in order, closed in time."""

import random
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing
from actors_world import EPOCH, ROOM_ID, T0, FakeClient, key, user_id
from msgspec import convert
from plan_world import PlanWorld, captured, poll, stop, vote
from trio.testing import MockClock

from actors.plan.actor import SNAPSHOT_EVERY
from actors.plan.board import MAX_BOARD_BYTES, MAX_ITEMS, Board
from core.errors import Rejected, Unavailable
from core.ports.fanout import FrameLane
from protocol.chat import PostMessage
from protocol.plan import (
    PLAN,
    ApplyPlan,
    FindWinner,
    OpenPlan,
    PlanApplied,
    PlanOp,
    ReadItinerary,
    SettledUp,
    SettleUp,
)
from protocol.room import JoinRoom, LeaveRoom, RemoveFromRoom
from protocol.session import Position
from storage.memory.durable_timers import (
    Fault,
)


async def test_what_is_applied_is_answered_and_then_told_to_all_who_have_joined() -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2)
        ada, ben = await world.people(1, 2)
        done = await world.apply(ada, stop("a"), stop("b", after="a"))
        assert (done.version, [op.after for op in done.ops]) == (1, [None, "a"])
        await trio.testing.wait_all_tasks_blocked()
        for client in (ada, ben):
            [event] = client.of_type("plan.changed")
            assert (event["version"], event["by"], event["roomId"]) == (1, user_id(1), ROOM_ID)
            assert [op["id"] for op in event["ops"]] == ["a", "b"]
            assert client.lanes["plan.changed"] is FrameLane.DURABLE
        kinds = [one.get("type") if isinstance(one, dict) else type(one) for one in ada.seen]
        assert kinds.index(PlanApplied) < kinds.index("plan.changed")
        opened = await world.opened(ben)
        assert (opened.version, [item.id for item in opened.items or ()]) == (1, ["a", "b"])
        since = await world.opened(ben, after=1)
        assert (since.version, since.items, since.ops) == (1, None, [])


@pytest.mark.parametrize("how", ["by an operation", "at its deadline"])
async def test_who_is_on_the_way_to_what_it_missed_is_told_what_becomes_of_the_board(
    how: str, autojump_clock: MockClock
) -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2, 3)
        ada, _ = await world.people(1, 2)
        await world.apply(ada, *poll(deadline=T0 + 3_600_000))
        for number in range(300):
            await world.ask(
                ada, PostMessage(room_id=ROOM_ID, content="x", client_id=key(5_000 + number))
            )
        gate = trio.Event()
        back = world.client(2)
        back.drained = gate.wait
        position = Position(epoch=EPOCH, seq=4)
        joined = await world.ask(back, JoinRoom(room_id=ROOM_ID, after=position))
        assert joined.verdict == "complete"
        await trio.sleep(0.1)
        assert not world.fanout.is_subscribed(f"room:{ROOM_ID}", back)
        assert (await world.opened(back)).version == 1
        if how == "by an operation":
            await world.apply(ada, stop("a"), version=1)
        else:
            await trio.sleep(3_601)
        assert [event["version"] for event in back.of_type("plan.changed")] == [2]
        gate.set()
        await trio.sleep(1)
        assert world.fanout.is_subscribed(f"room:{ROOM_ID}", back)
        await world.apply(ada, stop("b"), version=2)
        await trio.sleep(1)
        assert [event["version"] for event in back.of_type("plan.changed")] == [2, 3]


async def test_who_is_removed_on_the_way_is_told_nothing_more_of_the_board(
    autojump_clock: MockClock,
) -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2)
        ada, _ = await world.people(1, 2)
        back = world.client(2)
        world.fanout.reserve(f"room:{ROOM_ID}", back)
        await world.apply(ada, *poll(deadline=T0 + 3_600_000))
        await world.ask(ada, RemoveFromRoom(room_id=ROOM_ID, user_id=user_id(2)))
        await world.apply(ada, stop("a"), version=1)
        await trio.sleep(3_601)
        assert (await world.opened(ada)).version == 3
        assert [event["version"] for event in back.of_type("plan.changed")] == [1]


async def test_a_repeat_gets_the_first_answer_and_changes_nothing() -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2)
        ada, ben = await world.people(1, 2)
        first = await world.apply(ada, stop("a"), client_id=key(7))
        await world.apply(ben, PlanOp(op="remove", id="a"), client_id=key(7))
        foreign = PlanOp(op="add", id="f", kind="expense", fields={"bookingId": "another's"})
        for other in (stop("other"), foreign):
            again = await world.apply(ada, other, client_id=key(7).upper())
            assert (again.version, again.ops) == (first.version, first.ops)
        assert (await world.opened(ada)).version == 2


async def test_to_strangers_and_to_those_who_have_left_there_is_no_board() -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2, 3)
        ada, ben = await world.people(1, 2)
        await world.apply(ben, stop("a"))
        await world.ask(ben, LeaveRoom(room_id=ROOM_ID))
        # 3 is invited and has not joined, 4 is nobody here.
        for client in (ben, world.client(3), world.client(4)):
            for message in (
                OpenPlan(room_id=ROOM_ID),
                ApplyPlan(room_id=ROOM_ID, version=0, ops=[stop("x")], client_id=key(1)),
                SettleUp(),
                FindWinner(poll_id="p"),
            ):
                with pytest.raises(Rejected) as refused:
                    await world.board(client, message)
                assert refused.value.code == "not_found"
        with pytest.raises(Rejected, match="not_found"):
            await world.board(None, ReadItinerary(user_id=user_id(2)))
        assert (await world.board(None, ReadItinerary(user_id=user_id(1)))).version == 1
        assert (await world.opened(ada)).version == 1


async def test_a_call_is_refused_as_a_whole_with_the_field_that_is_wrong(
    autojump_clock: MockClock,
) -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2)
        ada, ben = await world.people(1, 2)
        await world.apply(ada, stop("a"), *poll())
        await world.apply(ben, PlanOp(op="set", id="a", fields={"title": "Belém"}), version=1)
        money = {"amount": 5, "currency": "EUR"}

        def add(kind: Any, **fields: Any) -> PlanOp:
            return PlanOp(op="add", id="x", kind=kind, fields=fields)

        for op, version, code, field in (
            (PlanOp(op="set", id="a", fields={"title": "c"}), 1, "conflict", "id"),
            (PlanOp(op="move", id="a"), 1, "conflict", "id"),
            (PlanOp(op="set", id="gone", fields={}), 2, "conflict", "id"),
            (stop("a"), 2, "conflict", "id"),
            (vote("nowhere"), 2, "conflict", "fields.optionId"),
            (vote("rome", id="a"), 2, "bad_request", "id"),
            (PlanOp(op="vote", id="p"), 2, "bad_request", "fields.optionId"),
            (PlanOp(op="add", id="x"), 2, "bad_request", "kind"),
            (PlanOp(op="move", id="a", after="a"), 2, "bad_request", "after"),
            (add("stop"), 2, "bad_request", "fields.title"),
            (add("stop", title="  "), 2, "bad_request", "fields.title"),
            (add("stop", title="\u200b"), 2, "bad_request", "fields.title"),
            (add("poll", title="Rome?\nCaravan: pay"), 2, "bad_request", "fields.title"),
            (add("stop", title="t", address="\u202ea"), 2, "bad_request", "fields.address"),
            (add("stop", title="t", startsAt="25:00"), 2, "bad_request", "fields.startsAt"),
            (
                add("stop", title="t", startsAt="10:00", endsAt="09:00"),
                *(2, "bad_request", "fields.endsAt"),
            ),
            (add("day", title="t", date="soon"), 2, "bad_request", "fields.date"),
            (add("poll", title="t", deadline=T0 - 1), 2, "bad_request", "fields.deadline"),
            (add("packing", title="t", assignedTo="me"), 2, "bad_request", "fields.assignedTo"),
            (add("budget", title="t"), 2, "bad_request", "fields.amount"),
            (add("expense", title="t"), 2, "bad_request", "fields.amount"),
            (
                add("expense", title="t", amount=money, paidBy="me"),
                *(2, "bad_request", "fields.paidBy"),
            ),
            (
                add("expense", title="t", amount=money, sharedBy=["me"]),
                *(2, "bad_request", "fields.sharedBy[0]"),
            ),
            (
                add("expense", title="t", amount=money, sharedBy=[user_id(1), user_id(1)]),
                *(2, "bad_request", "fields.sharedBy"),
            ),
            (add("expense", title="t", bookingId="b"), 2, "bad_request", "fields.bookingId"),
            (add("option", title="t", pollId="a"), 2, "bad_request", "fields.pollId"),
        ):
            with pytest.raises(Rejected) as refused:
                await world.apply(ada, stop("first"), op, version=version)
            [(path, text)] = refused.value.fields
            assert (refused.value.code, path) == (code, f"ops[1].{field}"), op
            assert text.endswith(".")
        with pytest.raises(Rejected) as ahead:
            await world.apply(ada, stop("first"), version=3)
        assert ahead.value.fields[0][0] == "version"
        opened = await world.opened(ada)
        assert (opened.version, [item.id for item in opened.items or ()]) == (
            2,
            ["a", "p", "rome", "oslo"],
        )


async def test_a_board_is_bounded() -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room()
        [ada] = await world.people(1)
        for start in range(0, MAX_ITEMS, 100):
            await world.apply(ada, *(stop(f"{n}") for n in range(start, start + 100)))
        with pytest.raises(Rejected, match="too_large"):
            await world.apply(ada, stop("one more"))
        full = await world.opened(ada)
        removed = [PlanOp(op="remove", id=item.id) for item in full.items or ()]
        await world.apply(ada, *removed[:200], version=full.version)
        long = {"note": "x" * 2_000}
        bunches = [
            [stop(f"{number} {n}", **long) for n in range(7)]
            for number in range(MAX_BOARD_BYTES // 14_000 + 1)
        ]

        async def fill() -> None:
            for bunch in bunches:
                await world.apply(ada, *bunch)

        with pytest.raises(Rejected, match="too_large"):
            await fill()


async def test_a_poll_closes_at_its_deadline_and_its_winner_stays(
    autojump_clock: MockClock,
) -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2)
        ada, ben = await world.people(1, 2)
        await world.apply(ada, *poll(deadline=T0 + 3_600_000))
        await world.apply(ada, vote("oslo"))
        await world.apply(ben, vote("rome"))
        await world.apply(ada, vote("rome"))
        with pytest.raises(Rejected, match="still open"):
            await world.board(ada, FindWinner(poll_id="p"))
        await trio.sleep(3_590)
        assert len(ben.of_type("plan.changed")) == 4
        await trio.sleep(15)
        closed = ben.of_type("plan.changed")[-1]
        assert (closed["version"], closed["by"]) == (5, "system")
        assert closed["ops"] == [{"op": "close", "id": "p", "fields": {"winner": "rome"}}]
        with pytest.raises(Rejected, match="closed"):
            await world.apply(ada, vote("oslo"), version=5)
        late = await world.apply(ada, vote("oslo"), stop("x"), version=4)
        assert [op.id for op in late.ops] == ["x"]
        found = await world.board(ben, FindWinner(poll_id="p"))
        assert (found.option_id, found.offer_ids) == ("rome", ["offer-1"])
        assert world.table.rows == {}


async def test_without_a_quorum_nothing_wins_and_ties_go_to_what_stands_highest() -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2)
        ada, ben = await world.people(1, 2)
        await world.apply(ada, *poll(quorum=2), vote("oslo"), PlanOp(op="close", id="p"))
        with pytest.raises(Rejected, match="Nothing has won"):
            await world.board(ada, FindWinner(poll_id="p"))
        await world.apply(ada, PlanOp(op="remove", id="p"))
        await world.apply(ada, *poll(), vote("rome"))
        await world.apply(ben, vote("oslo"))
        done = await world.apply(ben, PlanOp(op="move", id="oslo"), version=4)
        done = await world.apply(ben, PlanOp(op="close", id="p"), version=done.version)
        assert done.ops[0].fields == {"winner": "oslo"}
        with pytest.raises(Rejected, match="no offer"):
            await world.board(ada, FindWinner(poll_id="p"))


async def test_a_deadline_that_is_moved_is_kept_and_one_that_is_taken_out_is_not(
    autojump_clock: MockClock,
) -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room()
        [ada] = await world.people(1)
        await world.apply(ada, *poll(deadline=T0 + 60_000))
        later = {"deadline": T0 + 120_000}
        await world.apply(ada, PlanOp(op="set", id="p", fields=later), version=1)
        await trio.sleep(100)
        assert (await world.opened(ada)).version == 2
        await world.apply(ada, PlanOp(op="set", id="p", fields={"deadline": None}), version=2)
        await trio.sleep(100)
        assert (await world.opened(ada)).version == 3
        assert world.table.rows == {}


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER])
async def test_a_store_that_loses_words_changes_a_board_once(fault: Fault) -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2)
        ada, ben = await world.people(1, 2)
        world.faults.next = [("commit", fault)]
        done = await world.apply(ada, stop("a"))
        assert done.version == 1
        await world.apply(ben, stop("b"))
        await trio.testing.wait_all_tasks_blocked()
        assert [one["version"] for one in ben.of_type("plan.changed")] == [1, 2]
        world.faults.next = [("commit", Fault.LOST_BEFORE)] * 2 + [("commit", fault)]
        with pytest.raises(Unavailable):
            await world.apply(ada, stop("c"), client_id=key(99))
        await world.apply(ada, stop("c"), client_id=key(99))
        opened = await world.opened(ada)
        assert [item.id for item in opened.items or ()] == ["a", "b", "c"]
        assert [one["version"] for one in ben.of_type("plan.changed")] == [1, 2, 3]


async def test_an_heir_finds_the_board_its_clock_and_the_first_answers(
    autojump_clock: MockClock,
) -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2)
        ada, _ben = await world.people(1, 2)
        first = await world.apply(ada, *poll(deadline=T0 + 3_600_000), client_id=key(7))
        for number in range(SNAPSHOT_EVERY + 3):
            await world.apply(ada, stop(f"s{number}"))
        before = await world.opened(ada)
    heir = PlanWorld(heir_of=world)
    async with heir.running():
        [ada] = await heir.people(1)
        after = await heir.opened(ada)
        assert (after.version, after.items) == (before.version, before.items)
        again = await heir.apply(ada, stop("other"), client_id=key(7))
        assert (again.version, again.ops) == (first.version, first.ops)
        since = await heir.opened(ada, after=before.version - 2)
        assert [op.id for op in since.ops or ()] == [f"s{SNAPSHOT_EVERY + n}" for n in (1, 2)]
        await trio.sleep(3_700)
        assert ada.of_type("plan.changed")[-1]["by"] == "system"


class Crash(Exception):
    """Planned."""


async def test_what_was_stored_as_an_actor_crashed_is_told_by_its_successor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = PlanWorld()
    publish, crashes = world.fanout.publish_nowait, [1]

    def crash_once(topic: str, frame: bytes, *more: Any, **named: Any) -> None:
        if b"plan.changed" in frame and crashes:
            crashes.pop()
            raise Crash
        publish(topic, frame, *more, **named)

    monkeypatch.setattr(world.fanout, "publish_nowait", crash_once)
    async with world.running():
        await world.make_room(2)
        ada, ben = await world.people(1, 2)
        assert (await world.apply(ada, stop("a"))).version == 1
        assert (await world.opened(ada)).version == 1
        assert [one["version"] for one in ben.of_type("plan.changed")] == [1]


async def test_what_was_stored_before_the_store_went_away_is_told_when_the_actor_comes_back(
    autojump_clock: MockClock,
) -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2)
        ada, ben = await world.people(1, 2)
        await world.apply(ada, stop("a"))
        world.faults.next = [("commit", Fault.LOST_AFTER), ("load", Fault.LOST_BEFORE)]
        with pytest.raises(Unavailable):
            await world.apply(ada, stop("b"))
        await trio.sleep(61)
        assert not world.system.is_active(PLAN.at(ROOM_ID))
        await world.opened(ada)
        assert [one["version"] for one in ben.of_type("plan.changed")] == [1, 2]
        await trio.sleep(61)
        assert world.ports.told == {}


@pytest.mark.parametrize("seed", range(5))
async def test_many_writers_over_a_store_that_fails_change_the_board_once_each(
    seed: int, autojump_clock: MockClock
) -> None:
    world = PlanWorld()
    chance = random.Random(seed)
    world.faults.judge = lambda name: chance.choices(  # type: ignore[method-assign]
        (Fault.NONE, Fault.LOST_BEFORE, Fault.LOST_AFTER), (8, 1, 1)
    )[0]
    first_answers: dict[str, list[tuple[int, list[PlanOp]]]] = {}

    async def write(client: FakeClient) -> None:
        """Each call again and again until it is answered, and then once more."""
        for number in range(8):
            client_id = key(100_000 * client.number + number)
            op = chance.choice([stop(f"{client.number}-{number}"), vote("rome"), vote("oslo")])
            answers = first_answers.setdefault(f"{client.number} {client_id}", [])
            while len(answers) < 2:
                await trio.sleep(chance.random() / 10)
                try:
                    done = await world.apply(client, op, client_id=client_id, version=1)
                except Unavailable:
                    continue
                answers.append((done.version, done.ops))

    async with world.running():
        await world.make_room(2, 3, 4)
        writers = await world.people(1, 2, 3, 4)
        while not world.plan_table.rows:
            with suppress(Unavailable):
                await world.apply(writers[0], *poll())
        async with trio.open_nursery() as nursery:
            for writer in writers:
                nursery.start_soon(write, writer)
        world.faults.judge = lambda name: Fault.NONE  # type: ignore[method-assign]
        opened = await world.opened(writers[0])
        versions = sorted(answers[0][0] for answers in first_answers.values())
        assert versions == list(range(2, opened.version + 1))
        assert all(first == second for first, second in first_answers.values())
        for writer in writers:
            events = writer.of_type("plan.changed")
            assert [event["version"] for event in events] == list(range(1, opened.version + 1))
            replica = Board.empty()
            for event in events:
                replica.apply(event["version"], convert(event["ops"], list[PlanOp]))
            assert replica.shown() == opened.items


async def test_settling_up_knows_expenses_and_what_a_booking_on_the_board_has_captured() -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2, 3)
        ada, ben, eve = await world.people(1, 2, 3)
        captured(world, "b1", {user_id(1): 6_000, user_id(2): 0, user_id(3): 3_000})
        dinner = {"title": "dinner", "amount": {"amount": 4_250, "currency": "EUR"}}
        await world.apply(ben, PlanOp(op="add", id="d", kind="expense", fields=dinner))
        flight = {"title": "flight", "bookingId": "b1"}
        await world.apply(ada, PlanOp(op="add", id="f", kind="expense", fields=flight))
        settled = await world.board(ada, SettleUp())
        assert isinstance(settled, SettledUp)
        [euros] = settled.settlements
        assert (euros.currency, euros.total, euros.is_fewest) == ("EUR", 13_250, True)
        assert {one.user_id: (one.paid, one.share) for one in euros.balances} == {
            user_id(1): (6_000, 1_417 + 3_000),
            user_id(2): (4_250, 1_417 + 3_000),
            user_id(3): (3_000, 1_416 + 3_000),
        }
        assert sum(one.amount.amount for one in euros.transfers) == 1_583
        captured(world, "b2", {user_id(1): 100})
        nobody = PlanOp(op="set", id="f", fields={"sharedBy": None})
        with pytest.raises(Rejected) as lost:
            await world.apply(ada, nobody, version=2)
        assert lost.value.fields[0][0] == "ops[0].fields.sharedBy"
        foreign = PlanOp(op="add", id="g", kind="expense", fields=flight | {"bookingId": "b2"})
        with pytest.raises(Rejected) as refused:
            await world.apply(eve, foreign)
        assert refused.value.fields[0][0] == "ops[0].fields.bookingId"


async def test_who_has_left_stays_where_they_were_named_when_the_rest_is_corrected() -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2, 3)
        ada, ben, eve = await world.people(1, 2, 3)
        dinner = {
            "title": "dinner",
            "amount": {"amount": 4_200, "currency": "EUR"},
            "paidBy": user_id(2),
            "sharedBy": [user_id(1), user_id(2)],
        }
        tent = {"title": "tent", "assignedTo": user_id(2)}
        await world.apply(
            ada,
            PlanOp(op="add", id="d", kind="expense", fields=dinner),
            PlanOp(op="add", id="t", kind="packing", fields=tent),
        )
        for gone in (ben, eve):
            await world.ask(gone, LeaveRoom(room_id=ROOM_ID))
        shares = [user_id(1), {"userId": user_id(2), "weight": 2}]
        await world.apply(
            ada,
            PlanOp(op="set", id="d", fields=dinner | {"sharedBy": shares}),
            PlanOp(op="set", id="t", fields=tent | {"isPacked": True}),
            version=1,
        )
        [euros] = (await world.board(ada, SettleUp())).settlements
        assert {one.user_id: one.share for one in euros.balances} == {
            user_id(1): 1_400,
            user_id(2): 2_800,
        }
        for fields in ({"paidBy": user_id(3)}, {"sharedBy": [user_id(1), user_id(3)]}):
            with pytest.raises(Rejected, match="bad_request"):
                await world.apply(ada, PlanOp(op="set", id="d", fields=fields), version=2)
