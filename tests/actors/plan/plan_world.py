"""A node with trip boards, on memory stores that fail when told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing
from actors_world import ROOM_ID, T0, TENANT, FakeClient, World, key
from booking_actors_world import BusinessTime, TimerTime

from actors.plan.actor import spec as plan_spec
from actors.plan.ports import PlanPorts
from core.durable_timers import DurableTimerService
from core.envelope import Envelope
from core.errors import Rejected
from core.ports.bookings import JournalStep, NewBooking, ParticipantRow
from protocol.frames import Answer, Money
from protocol.ledger import Entry, Posting
from protocol.plan import (
    PLAN,
    ApplyPlan,
    OpenPlan,
    PlanApplied,
    PlanOp,
    PlanOpened,
)
from protocol.room import JoinRoom
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
        self.table, self.plan_table = TimerTable(shards=self.shards), PlanTable()
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
            users=self.users,
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


def captured(world: PlanWorld, booking_id: str, paid: dict[str, int]) -> None:
    """A booking of the room, with what was captured for each."""
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
