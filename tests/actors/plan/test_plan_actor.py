"""The trip board as its room's people meet it: durable, told once and in order, closed in time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from actors_world import ROOM_ID, T0, TENANT, FakeClient, World, key, user_id
from booking_actors_world import BusinessTime, TimerTime
from trio.testing import MockClock

from actors.plan.actor import SNAPSHOT_EVERY
from actors.plan.actor import spec as plan_spec
from actors.plan.board import MAX_BOARD_BYTES, MAX_ITEMS
from actors.plan.ports import PlanPorts
from core.durable_timers import DurableTimerService
from core.envelope import Envelope
from core.errors import Rejected, Unavailable
from core.ports.fanout import FrameLane
from protocol.frames import Answer, Money
from protocol.ledger import Entry, Posting
from protocol.plan import (
    PLAN,
    ApplyPlan,
    FindWinner,
    OpenPlan,
    PlanApplied,
    PlanOp,
    PlanOpened,
    ReadItinerary,
    SettledUp,
    SettleUp,
)
from protocol.room import JoinRoom, LeaveRoom
from storage.memory.durable_timers import (
    Fault,
    FaultPlan,
    MemoryDurableTimers,
    TimerTable,
)
from storage.memory.leases import MemoryLeases
from storage.memory.plans import MemoryCapturedShares, MemoryPlans, PlanTable
from storage.memory.stored_bookings import StoredBookings, StoredRow


class Faults:
    """What goes wrong at the store next, by the method's name."""

    def __init__(self) -> None:
        self.next: list[tuple[str, Fault]] = []

    def judge(self, name: str) -> Fault:
        if self.next and self.next[0][0] == name:
            return self.next.pop(0)[1]
        return Fault.NONE


class PlanWorld(World):
    """A node with boards. `heir_of`: it takes over what another has left."""

    def __init__(self, heir_of: "PlanWorld | None" = None) -> None:
        super().__init__()
        self.business = BusinessTime()
        self.faults = Faults()
        self.table, self.plan_table = TimerTable(), PlanTable()
        self.bookings = StoredBookings(self.shards)
        if heir_of is not None:
            self.users, self.shards, self.stored = heir_of.users, heir_of.shards, heir_of.stored
            self.rooms, self.log = heir_of.rooms, heir_of.log
            self.table, self.plan_table = heir_of.table, heir_of.plan_table
            self.shards.free("node")
            self.leases = MemoryLeases(self.shards, node="heir")
        timers = MemoryDurableTimers(self.table, on_set=self._timer_set)
        self.service = DurableTimerService(
            timers,
            leases=self.leases,
            ref=self.system.ref,
            clock=TimerTime(self.business),
            chance=self.chance,
        )
        self.plans = MemoryPlans(
            self.shards,
            timers,
            table=self.plan_table,
            plan=FaultPlan(judge=self.faults.judge, takes=lambda _: 0.002),
            on_timer_set=self._timer_set,
        )
        self.ports = PlanPorts(
            tenant_id=TENANT,
            plans=self.plans,
            shares=MemoryCapturedShares(self.bookings),
            timers=timers,
            leases=self.leases,
            fanout=self.fanout,
            clock=self.clock,
            business=self.business,
        )
        self.keys = 0

    def _timer_set(self, due_at: int) -> None:
        self.service.nudge(due_at)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["PlanWorld"]:
        self.system.register(plan_spec(self.ports))
        async with super().running(), trio.open_nursery() as nursery:
            nursery.start_soon(self.service.run)
            yield self
            nursery.cancel_scope.cancel()

    async def people(self, *numbers: int) -> list[FakeClient]:
        """Who has joined, each with a connection."""
        clients = [self.client(number) for number in numbers]
        for client in clients:
            await self.ask(client, JoinRoom(room_id=ROOM_ID))
            self.fanout.subscribe(f"room:{ROOM_ID}", client)
        return clients

    async def board(self, client: FakeClient | None, message: Any) -> Any:
        """As a gateway does it. Raises the refusal."""
        answered = trio.Event()
        answers: list[Any] = []

        def reply(answer: Answer | Rejected) -> None:
            answers.append(answer)
            if client is not None:
                client.seen.append(answer)
            answered.set()

        principal = None if client is None else client.principal
        envelope = Envelope(message, principal=principal, client=client, reply=reply)
        self.system.ref(PLAN.at(ROOM_ID)).deliver_nowait(envelope)
        with trio.fail_after(60):
            await answered.wait()
        if isinstance(answers[0], Rejected):
            raise answers[0]
        return answers[0]

    async def apply(
        self, client: FakeClient, *ops: PlanOp, version: int = 0, client_id: str = ""
    ) -> PlanApplied:
        self.keys += 1
        command = ApplyPlan(
            room_id=ROOM_ID,
            version=version,
            ops=list(ops),
            client_id=client_id or key(self.keys + 1_000 * client.number),
        )
        answer = await self.board(client, command)
        assert isinstance(answer, PlanApplied)
        return answer

    async def opened(self, client: FakeClient, after: int | None = None) -> PlanOpened:
        answer = await self.board(client, OpenPlan(room_id=ROOM_ID, after=after))
        assert isinstance(answer, PlanOpened)
        return answer


def stop(id: str, title: str = "Sintra", after: str | None = None, **fields: Any) -> PlanOp:
    return PlanOp(op="add", id=id, kind="stop", after=after, fields={"title": title} | fields)


def poll(id: str = "p", **fields: Any) -> list[PlanOp]:
    return [
        PlanOp(op="add", id=id, kind="poll", fields={"title": "Where to?"} | fields),
        *(
            PlanOp(op="add", id=one, kind="option", fields={"title": one, "pollId": id} | more)
            for one, more in (("rome", {"offerIds": ["offer-1"]}), ("oslo", {}))
        ),
    ]


def vote(option: str | None, id: str = "p") -> PlanOp:
    return PlanOp(op="vote", id=id, fields={"optionId": option})


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


async def test_a_repeat_gets_the_first_answer_and_changes_nothing() -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2)
        ada, ben = await world.people(1, 2)
        first = await world.apply(ada, stop("a"), client_id=key(7))
        await world.apply(ben, PlanOp(op="remove", id="a"), client_id=key(7))
        again = await world.apply(ada, stop("other"), client_id=key(7).upper())
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


async def test_settling_up_knows_expenses_and_what_a_booking_on_the_board_has_captured() -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2, 3)
        ada, ben, eve = await world.people(1, 2, 3)
        _captured(world, "b1", {user_id(1): 6_000, user_id(2): 0, user_id(3): 3_000})
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
        _captured(world, "b2", {user_id(1): 100})
        foreign = PlanOp(op="add", id="g", kind="expense", fields=flight | {"bookingId": "b2"})
        with pytest.raises(Rejected) as refused:
            await world.apply(eve, foreign)
        assert refused.value.fields[0][0] == "ops[0].fields.bookingId"


def _captured(world: PlanWorld, booking_id: str, paid: dict[str, int]) -> None:
    """A booking of the room, with what was captured for each."""
    from core.ports.bookings import JournalStep, NewBooking, ParticipantRow

    eur = Money(amount=sum(paid.values()), currency="EUR")
    new = NewBooking(
        quote_id="q",
        creator_id=next(iter(paid)),
        client_id=key(1),
        room_id=ROOM_ID,
        total=eur,
        created_at=T0,
    )
    step = JournalStep(
        tenant_id=TENANT,
        booking_id=booking_id,
        fence=1,
        revision=1,
        version=1,
        state="COMPLETED",
        status="booked",
        step="",
        snapshot=b"",
        at=T0,
        is_terminal=True,
        needs_operator=False,
    )
    world.bookings.rows[booking_id] = StoredRow(
        new,
        step,
        participants={
            one: ParticipantRow(user_id=one, amount=eur, state="captured") for one in paid
        },
        postings={
            one: Posting(
                name=one,
                intent=1,
                currency="EUR",
                entries=(
                    Entry(account="psp:stripe", amount=amount),
                    Entry(account=f"participant:{one}", amount=-amount),
                ),
            )
            for one, amount in paid.items()
        },
    )
