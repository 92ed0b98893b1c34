"""One random schedule of one room against a faulty log, and the checker that judges its history.

Users post, repeat keys, react, remove and rejoin from several connections, while flushes are lost
before and after they commit, land late, find the shard taken, or meet poison, and publishing crashes
the room now and then. Everything follows from the seed.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

import trio
from actors_world import EPOCH, ROOM_ID, TENANT, FakeClient, World, key, user_id
from trio.testing import MockClock

from actors.room.ring import Ring
from core.errors import Rejected
from core.ports.message_log import Append
from protocol.chat import MessageAccepted, MessagePosted, PostMessage, ReactToMessage, ReadHistory
from protocol.codec import decode_event
from protocol.room import (
    CatchUp,
    InviteToRoom,
    JoinRoom,
    JudgeResume,
    RemoveFromRoom,
    RoomChanged,
)
from protocol.session import Position
from storage.memory.message_log import Fault, FaultPlan

FAULTS = (Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.LATE, Fault.FENCE_LOST)
STEPS = 12
OWNER, VICTIM = 1, 4


@dataclass
class History:
    """What an outsider saw. `acked`: (user, key) → the answers. `starts`: a connection's last seq
    before its first event."""

    acked: dict[tuple[str, str], list[MessageAccepted]] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)
    clients: list[FakeClient] = field(default_factory=list)
    live: list[FakeClient] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)


class Schedule:
    """Runs one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.is_calm = False
        self.fault_rate = self.chance.choice((0.0, 0.1, 0.3))
        plan = FaultPlan(
            flush=self._fault,
            is_bad=lambda append: b"poison" in append.rows[0].body,
            takes=lambda _: self.chance.choice((0.0, 0.001, 0.01)),
        )
        self.world = World(seed=seed, plan=plan)
        self.history = History()
        self.keys = 0
        self.message_ids: list[str] = []

    def _fault(self, appends: Sequence[Append]) -> Fault:
        if self.is_calm or self.chance.random() >= self.fault_rate:
            return Fault.NONE
        fault = self.chance.choice(FAULTS)
        self.history.faults[fault.value] += 1
        return fault

    @contextmanager
    def small_bounds(self) -> Iterator[None]:
        """Half of the rooms keep and recall so little that most of it comes from the log."""
        few = self.chance.choice((3, 256))
        with (
            patch("actors.room.actor.Ring", partial(Ring, max_events=few)),
            patch("actors.room.actor.MAX_RECALLED", few),
            patch("actors.room.catch_up.PAGE_EVENTS", few),
        ):
            yield

    async def run(self) -> History:
        with trio.fail_after(3_600):
            async with self.world.running() as world, trio.open_nursery() as nursery:
                await world.make_room(2, 3, VICTIM)
                self._break_publishing()
                nursery.start_soon(self._operate)
                async with trio.open_nursery() as people:
                    for number in (OWNER, 2, 2, 3, VICTIM):
                        people.start_soon(self._live, number)
                self.is_calm = True
                await trio.sleep(60)
                await self._finish()
                nursery.cancel_scope.cancel()
        return self.history

    def _break_publishing(self) -> None:
        whole = self.world.fanout.publish_nowait

        def publish(*args: Any, **kwargs: Any) -> None:
            if not self.is_calm and self.chance.random() < self.fault_rate / 15:
                self.history.faults["crash"] += 1
                raise RuntimeError("a planned crash")
            whole(*args, **kwargs)

        self.world.fanout.publish_nowait = publish  # type: ignore[method-assign]

    async def _operate(self) -> None:
        """Late writes land some time; a shard that another node took comes back."""
        while True:
            await trio.sleep(self.chance.random() * 0.2)
            self.world.log.land_late()
            await trio.sleep(self.chance.random() * 0.5)
            self.world.shards.free("another node")
            self.world.leases.take_free()

    async def _live(self, number: int) -> None:
        client = await self._enter(number, 0)
        mine: list[str] = []
        for _ in range(STEPS):
            if not client.is_open:
                client = await self._enter(number, self._last(client))
            await self._step(client, number, mine)
            await trio.sleep(self.chance.choice((0.0, 0.0, 0.002, 0.05)))

    async def _step(self, client: FakeClient, number: int, mine: list[str]) -> None:
        dice = self.chance.random()
        if dice < 0.55:
            self.keys += 1
            mine.append(key(self.keys))
            content = "poison" if self.chance.random() < 0.05 else "hello"
            await self._post(client, mine[-1], content)
        elif dice < 0.7 and mine:
            await self._post(client, self.chance.choice(mine), "again")
        elif dice < 0.8 and self.message_ids:
            react = ReactToMessage(
                room_id=ROOM_ID,
                message_id=self.chance.choice(self.message_ids),
                emoji="👍",
                active=self.chance.random() < 0.5,
            )
            await self._insist(client, react)
        elif dice < 0.86:
            await self._insist(client, ReadHistory(room_id=ROOM_ID))
        elif dice < 0.93 and number == OWNER:
            await self._insist(client, RemoveFromRoom(room_id=ROOM_ID, user_id=user_id(VICTIM)))
        elif number == OWNER:
            await self._insist(client, InviteToRoom(room_id=ROOM_ID, user_ids=[user_id(VICTIM)]))

    async def _post(self, client: FakeClient, client_id: str, content: str) -> None:
        """Sometimes twice at once, from two connections: the network repeated it."""
        command = PostMessage(room_id=ROOM_ID, content=content, client_id=client_id)
        answers = [await self._insist(client, command)]
        if self.chance.random() < 0.3:
            other = self._connection(client.number)
            async with trio.open_nursery() as nursery:
                for one in (client, other):
                    nursery.start_soon(self._post_once, one, command, answers)
        for answer in answers:
            if isinstance(answer, MessageAccepted):
                name = (user_id(client.number), client_id)
                self.history.acked.setdefault(name, []).append(answer)
                self.message_ids.append(answer.message_id)

    async def _post_once(
        self, client: FakeClient, command: PostMessage, answers: list[Any]
    ) -> None:
        answers.append(await self._insist(client, command))

    async def _insist(self, client: FakeClient, command: Any) -> Any:
        """Ask until the answer is final: what a client does whose server is in trouble."""
        while True:
            answered = trio.Event()
            answers = self.world.send(client, command, answered=answered.set)
            with trio.move_on_after(5):
                await answered.wait()
            if answers and not (isinstance(answers[0], Rejected) and answers[0].temporary):
                return answers[0]
            await trio.sleep(0.05 + self.chance.random() * 0.2)

    def _connection(self, number: int) -> FakeClient:
        client = self.world.client(number)
        client.drained = self._take_its_time
        self.history.clients.append(client)
        return client

    async def _take_its_time(self) -> None:
        await trio.sleep(self.chance.choice((0.0, 0.01, 0.1)))

    async def _enter(self, number: int, after: int) -> FakeClient:
        """A new connection that goes on where the last one stopped."""
        client, position = self._connection(number), Position(epoch=EPOCH, seq=after)
        if self.chance.random() < 0.5:
            answer = await self._insist(client, JoinRoom(room_id=ROOM_ID, after=position))
        else:
            answer = await self._resume(client, position)
        if not isinstance(answer, Rejected):
            self.history.starts[client.id] = after
        return client

    async def _resume(self, client: FakeClient, position: Position) -> Any:
        """As a session does after a hello; where that cannot go on, join."""
        judged = await self._insist(client, JudgeResume(after=position))
        if isinstance(judged, Rejected) or judged.verdict != "complete":
            return await self._insist(client, JoinRoom(room_id=ROOM_ID, after=position))
        return await self._insist(client, CatchUp(seq=position.seq))

    def _last(self, client: FakeClient) -> int:
        return max([self.history.starts.get(client.id, 0), *client.seqs])

    async def _finish(self) -> None:
        """One more message in quiet times; whoever is live must see it."""
        owner = await self._enter(OWNER, 0)
        await self._post(owner, key(0), "the end")
        await trio.sleep(10)
        topic = self.world.fanout.topics.get(f"room:{ROOM_ID}", [])
        self.history.live = [client for client in topic if client.is_open]


def run_schedule(seed: int) -> tuple[list[str], History]:
    """The problems of one seed, and its history."""
    schedule = Schedule(seed)
    try:
        with schedule.small_bounds():
            history = trio.run(schedule.run, clock=MockClock(autojump_threshold=0))
    except (ExceptionGroup, trio.TooSlowError) as stuck:
        return [f"never ends: {stuck!r}"], schedule.history
    return check(schedule.world, history), history


def check(world: World, history: History) -> list[str]:
    """What the promises of docs/protocol-v1.md §8 forbid."""
    rows = [decode_event(row.body) for row in world.rows()]
    problems = []
    if [row.seq for row in rows] != list(range(1, len(rows) + 1)):
        problems.append("the stored seqs are not 1..n")
    problems += _check_acks(rows, history)
    problems += _check_sights(world, rows, history)
    problems += _check_removal(rows, history)
    return problems


def _check_acks(rows: Sequence[Any], history: History) -> list[str]:
    problems = []
    stored: dict[tuple[str, str], list[MessagePosted]] = {}
    for row in rows:
        if isinstance(row, MessagePosted):
            stored.setdefault((row.sender.id, row.client_id or ""), []).append(row)
    problems += [
        f"{name} is stored {len(rows)} times" for name, rows in stored.items() if len(rows) > 1
    ]
    for name, answers in history.acked.items():
        found = stored.get(name, [])
        for answer in answers:
            if [(answer.seq, answer.message_id, answer.sent_at)] != [
                (row.seq, row.message_id, row.sent_at) for row in found
            ]:
                problems.append(f"{name} was acked at {answer.seq} and is not stored there once")
    return problems


def _check_sights(world: World, rows: Sequence[Any], history: History) -> list[str]:
    problems = []
    for client in history.clients:
        if not client.seqs:
            continue
        first = max(history.starts.get(client.id, 0) + 1, min(client.seqs))
        if client.number != VICTIM and first != history.starts.get(client.id, 0) + 1:
            problems.append(f"connection {client.id} missed what came before {first}")
        if client.seqs != list(range(first, first + len(client.seqs))):
            problems.append(f"connection {client.id} saw {client.seqs}")
    problems += [
        f"live connection {client.id} stopped at {client.seqs[-1:]}"
        for client in history.live
        if client.seqs[-1:] != [len(rows)]
    ]
    problems += [
        f"open connection {client.id} is deaf after {client.seqs[-1:]}"
        for client in history.clients
        if client.number != VICTIM and client.is_open and client.id in history.starts
        if client.seqs[-1:] != [len(rows)]
    ]
    if not history.live:
        problems.append("nobody is live at the end")
    assert world.stored.room(TENANT, ROOM_ID).rows
    return problems


def _check_removal(rows: Sequence[Any], history: History) -> list[str]:
    """Between a removal and the next time he joins, the victim sees nothing."""
    hidden: set[int] = set()
    is_out = False
    for row in rows:
        if isinstance(row, RoomChanged) and row.change == "invited":
            is_out = False
        if is_out:
            hidden.add(row.seq)
        if isinstance(row, RoomChanged) and row.change == "removed":
            is_out = True
    return [
        f"the removed member saw {sorted(hidden.intersection(client.seqs))}"
        for client in history.clients
        if client.number == VICTIM and hidden.intersection(client.seqs)
    ]
