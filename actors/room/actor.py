"""The room: decide, make it durable, then tell the world, without waiting in between (§4)."""

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import trio

from actors.room.catch_up import CatchUp, Follower
from actors.room.commands import Commands
from actors.room.entrance import Entrance
from actors.room.flow import Flow
from actors.room.hearing import Hearing
from actors.room.loading import MAX_RECALLED, recall, state_of
from actors.room.lookups import LookUps
from actors.room.memory import Memory
from actors.room.messages import (
    PROGRESS,
    Progress,
    ReceiptsDue,
    RunsOverdue,
    TypingOver,
)
from actors.room.open_runs import Reason
from actors.room.pipeline import Entry, Landing
from actors.room.pointers import Pointers, Receipts
from actors.room.ports import RoomPorts
from actors.room.recovery import Recovery, Truth
from actors.room.ring import Ring
from actors.room.rules import unknown
from actors.room.snapshot import snapshot
from actors.room.speaking import Speaking
from actors.room.state import RoomEvent, RoomState
from actors.room.traces import MAX_FAILED_RUNS, TOLD_FOR, Trace, Traces
from actors.room.typing_users import TypingUsers
from core.actor import Actor, ActorSpec, tell_oneself
from core.envelope import Envelope, Lane
from core.errors import Rejected, Unavailable
from core.ports.message_log import Append, LogRow, Outcome
from protocol.codec import decode_event
from protocol.frames import Done
from protocol.persona import (
    CloseRun,
    GlimpseRoom,
    OpenRun,
    RoomGlimpsed,
    RunClosed,
    RunEnded,
    StreamRun,
)
from protocol.room import ROOM, ForgetBelow, ForgetPerson, RoomChanged

PUBLISH_PAGE: Final = 256


def spec(ports: RoomPorts, traces: Traces | None = None) -> ActorSpec:
    """Rooms: transient in memory, permanent in their log. `traces`: for whoever shows their
    statistics."""
    traces = Traces() if traces is None else traces
    return ActorSpec(
        kind=ROOM,
        make=lambda room_id: RoomActor(room_id, ports, traces),
        lanes=dict.fromkeys((Progress, ForgetBelow, ForgetPerson), Lane.CONTROL),
    )


class RoomActor(Actor[Any]):
    """One chat room, alive while someone talks in it.

    Owns: its two folds, its memory, its pipeline. Borrows: the message log and the fan-out, which
    outlive it. Lets crash: a lost lease, a seq taken by another, a database that stays away. Its
    successor finds the trace and makes good what was left: see `Traces`.
    """

    def __init__(self, room_id: str, ports: RoomPorts, traces: Traces) -> None:
        self._room_id = room_id
        self._topic = f"room:{room_id}"
        self._ports = ports
        self._traces = traces
        self._is_assembled = False
        self._is_woken = False
        self._woken = trio.Event()

    async def started(self) -> None:
        """Become the room we were. Raises `Rejected("not_found")` where there is none."""
        left = self._traces.find(self._room_id)
        fence = self._ports.leases.fence(self._room_id)
        if left is not None and fence == left.fence:
            # Appends of the instance that crashed may still appear under its number.
            fence = await self._ports.leases.refence(self._room_id, seen=fence)
        record = await self._ports.rooms.load(self._ports.tenant_id, self._room_id)
        if record is None:
            raise unknown()
        recent = await self._ports.log.recent(record.tenant_id, record.id, limit=MAX_RECALLED)
        reads = {member.user_id: member.read_seq for member in record.members}
        room = state_of(record, recent)
        published = room.head if left is None else left.published
        self._trace = Trace(fence, max(published, room.first - 1))
        if left is not None:
            self._trace.runs = left.runs
        self._assemble(room, reads, recent, fence)
        if left is None and room.had_personas:
            await self._end_left_open()
        self._traces.begin(self._room_id, self._trace)
        await self._publish_unseen()

    async def _end_left_open(self) -> None:
        """Runs of an earlier server ended with it, unless their message became durable."""
        room, ports, failed = self._applied, self._ports, self._traces.failed
        at, now = ports.clock.now_ms(), ports.clock.monotonic()
        left_open = await ports.runs.fail_open(room.tenant_id, room.id, at=at)
        if failed.of(room.id, now) and not left_open:
            return
        # The server that found them open may have been killed as well, before it told of them.
        lately = await ports.runs.failed_since(
            room.tenant_id, room.id, since=at - int(TOLD_FOR * 1_000), limit=MAX_FAILED_RUNS
        )
        ended = []
        for run in lately:
            seq = None
            with suppress(Unavailable):  # its message, if there is one, is told by the log anyway
                seq = await self._seq_of(run.persona_id, run.message_id)
            reason: Reason = "failed" if seq is None else "done"
            ended.append(RunEnded(room_id=room.id, run_id=run.id, reason=reason, seq=seq))
        failed.note(room.id, ended, now)

    def _assemble(self, room: RoomState, reads: dict[str, int], recent: Any, fence: int) -> None:
        ports = self._ports
        self._applied = room
        self._memory = Memory()
        self._ring = Ring(room.head - len(recent))
        recall(self._memory, self._ring, recent)
        self._pointers = Pointers(ports, room, reads)
        self._receipts = Receipts(ports, room, self.context.after)
        self._typing = TypingUsers(room.id, ports.fanout, ports.clock, self.context.after)
        self._lookups = LookUps(ports, room, self._memory)
        self._recovery = Recovery(ports, room, self._lookups)
        self._speaking = Speaking(ports, room, self._traces, self._trace, self.context.after)
        self._hearing = Hearing(
            ports,
            room,
            self._memory,
            self._trace.runs,
            ref_to=self.context.ref_to,
            counts=self._traces.counts,
        )
        self._hearing.recall(recent)
        self._catch_up = CatchUp(ports, room, self._ring, self, self._speaking.show)
        entrance = Entrance(
            ports,
            room,
            self._ring,
            self._pointers,
            self._catch_up,
            show_runs=self._speaking.show,
        )
        self._flow = Flow(
            judge=self._judge,
            settle=self._settle,
            recover=self._recover,
            start_soon=self.context.start_soon,
            wake=self._wake,
        )
        self._commands = Commands(
            ports,
            decided=room.copy(),
            applied=room,
            memory=self._memory,
            entrance=entrance,
            pointers=self._pointers,
            lookups=self._lookups,
            flow=self._flow,
            fence=fence,
            typing=self._typing,
            receipts=self._receipts,
            runs=self._trace.runs,
            speaking=self._speaking,
        )
        self._is_assembled = True

    async def _publish_unseen(self) -> None:
        """What became durable as our predecessor crashed, for connections that stayed; and what it
        was saying."""
        self._speaking.tell_untold()
        while self._trace.published < self._applied.head:
            rows = await self._ports.log.read(
                self._applied.tenant_id,
                self._room_id,
                after=self._trace.published,
                limit=PUBLISH_PAGE,
                up_to=self._applied.head,
            )
            if not rows:
                raise LookupError(f"the log of {self._room_id} ends before its head")
            for row in rows:
                event = decode_event(row.body)
                self._tell(event, row.body)
                self._hearing.heard(event, None)
        self._speaking.carry_on(
            {
                run.opened.run_id: await self._seq_of(run.opened.persona_id, run.opened.message_id)
                for run in self._trace.runs
                if run.closing is not None
            }
        )
        self._end_runs(self._speaking.homeless())

    async def _seq_of(self, sender_id: str, message_id: str) -> int | None:
        """Of a persona's message, if it is durable."""
        stored = self._memory.stored(sender_id, message_id)
        if stored is None:
            stored = await self._lookups.find(sender_id, message_id)
        return None if stored is None else stored.seq

    def _end_runs(self, commands: Iterable[CloseRun]) -> None:
        """Of our own accord."""
        for command in commands:
            self._flow.take(Envelope(command))

    async def handle(self, envelope: Envelope[Any]) -> None:
        match envelope.message:
            case Progress():
                self._is_woken = False
            case TypingOver():
                self._typing.end_overdue()
            case ReceiptsDue():
                self._receipts.announce()
            case ForgetBelow(first=first):
                self._forget_below(first)
            case ForgetPerson(user_id=user_id):
                self._forget_person(user_id)
            case RunsOverdue():
                self._end_runs(self._speaking.overdue())
            case OpenRun() as command:
                self._speaking.open(command, self._commands.decided)
                envelope.answer(Done())
            case StreamRun() as command:
                self._speaking.stream(command)
            case GlimpseRoom():
                envelope.answer(RoomGlimpsed(room=self._hearing.glimpse()))
            case _:
                self._flow.take(envelope)
        await self._flow.advance()

    def _forget_below(self, first: int) -> None:
        for fold in (self._applied, self._commands.decided):
            fold.first = max(fold.first, first)
        self._ring.forget_below(first)

    def _forget_person(self, user_id: str) -> None:
        for fold in (self._applied, self._commands.decided):
            fold.forget_name(user_id)
        self._memory.forget_person(user_id, self._applied)
        self._ring.forget_below(self._applied.head + 1)

    def is_saturated(self) -> bool:
        return self._flow.is_saturated

    def has_work(self) -> bool:
        return self._flow.has_work or len(self._trace.runs) > 0

    async def stopping(self) -> None:
        """Wait for the log's last words, so that whoever asked is told, and keep what was said."""
        self._end_runs(self._speaking.unfinished())
        while self._flow.has_work:
            self._woken = trio.Event()
            await self._flow.advance()
            if self._flow.has_work:
                await self._woken.wait()
        self._traces.end(self._room_id)

    def redacted_state(self) -> object:
        """By `decided`, which commands are judged by. None: it crashed as it started."""
        if not self._is_assembled:
            return None
        return {
            **snapshot(self._commands.decided, self._memory, self._pointers),
            "applied": self._applied.head,
            "in_flight": self._flow.in_flight,
            "following": len(self._catch_up),
            "keys": self._memory.statistics()["keys"],
            "open_runs": len(self._trace.runs),
        }

    # What child tasks and the log call.

    def _wake(self) -> None:
        """Bring ourselves a turn; one is enough for all that happened."""
        self._woken.set()
        if self._is_woken:
            return
        self._is_woken = True
        tell_oneself(self.context, PROGRESS)

    def land(self, landing: Landing) -> None:
        self._flow.land(landing)

    def start_soon(self, follower: Follower) -> None:
        self.context.start_soon(self._catch_up.page_through, follower)

    # From decision to effect.

    def _judge(self, envelope: Envelope[Any], key: int) -> Entry:
        return self._commands.judge(envelope, key)

    def _settle(self, entry: Entry) -> None:
        """Durable: apply, answer, publish, in that order."""
        for event in entry.events:
            self._applied.apply(event, entry.names)
        if entry.answer is not None:
            entry.envelope.answer(entry.answer)
        if entry.append is not None:
            self._publish(entry.append, entry)
        match entry.envelope.message, entry.answer:
            case CloseRun() as command, RunClosed(seq=seq):
                self._speaking.closed(command.run_id, command.reason, seq)
            case _:
                pass
        if any(isinstance(event, RoomChanged) for event in entry.events):
            self._end_runs(self._speaking.homeless())

    def _publish(self, append: Append, entry: Entry) -> None:
        for row in append.rows:
            self._ring.append(row.seq, row.body)
        for redaction in append.redactions:
            self._ring.redact(redaction.seq, redaction.body)
        for event, row in zip(entry.events, append.rows, strict=True):
            self._tell(event, row.body)
            self._hearing.heard(event, entry.envelope)

    def _tell(self, event: RoomEvent, body: bytes) -> None:
        """To all live connections; who is no member after it gets it as the last."""
        self._ports.fanout.publish_nowait(self._topic, body)
        self._trace.published = event.seq
        if isinstance(event, RoomChanged):
            gone = [event.by] if event.change == "left" else []
            gone += event.user_ids or () if event.change == "removed" else ()
            for user_id in gone:
                self._ports.fanout.unsubscribe_user(self._topic, user_id)
                self._catch_up.cut(user_id, event.seq)
                self._typing.end(user_id)

    async def _recover(self, failed: Entry) -> None:
        """An append was refused: `decided` is thrown away and what waits is decided anew."""
        truth = await self._recovery.find_out(failed, fence=self._commands.fence)
        self._trace.fence = self._commands.fence = truth.fence
        waiting = deque(self._flow.take_entries())
        rows = deque(truth.rows)
        while waiting and _is_durable(waiting[0], rows):
            entry = waiting.popleft()
            for _ in () if entry.append is None else entry.append.rows:
                rows.popleft()
            self._flow.settle(entry)
        self._memory.forget_after(self._applied.head)
        self._take_in(rows, truth)
        self._lookups.rollbacks += 1
        self._commands.decided = self._applied.copy()
        self._speaking.forget_closing()
        self._end_runs(self._speaking.homeless())
        if waiting and waiting[0] is failed:
            self._judge_failed(failed, truth, waiting)
        self._flow.decide_anew(waiting, in_vain=self._recovery.is_in_vain(failed))

    def _take_in(self, rows: deque[LogRow], truth: Truth) -> None:
        """Rows that another owner of this room stored meanwhile."""
        if rows:
            # He may have taken the text out of an event that the ring still holds.
            self._ring.forget_below(self._applied.head + 1)
        for row in rows:
            event = decode_event(row.body)
            self._applied.apply(event, truth.names)
            self._memory.remember(event)
            self._ring.append(row.seq, row.body)
            self._tell(event, row.body)
            self._hearing.noticed(event)

    def _judge_failed(self, failed: Entry, truth: Truth, waiting: deque[Entry]) -> None:
        """The command that broke the prefix: its own fault, or to be decided anew as well."""
        if failed.outcome is Outcome.BAD_DATA:
            refusal = Rejected("bad_request", "This cannot be stored.")
        elif failed.outcome is Outcome.DUPLICATE and truth.duplicate is None:
            refusal = Rejected("conflict", "This clientId was used before.")
        else:
            if truth.duplicate is not None and failed.append is not None:
                row = failed.append.rows[0]
                self._memory.remember_key(row.sender_id, row.client_id or "", truth.duplicate)
            return
        entry = waiting.popleft()
        if isinstance(entry.envelope.message, CloseRun):
            # What it said can never be stored: nobody needs to try again.
            self._speaking.closed(entry.envelope.message.run_id, "failed", None)
        self._flow.refuse(entry, refusal)


def _is_durable(entry: Entry, rows: deque[LogRow]) -> bool:
    """Adds nothing, or is the very next that was found stored. An append is so as a whole."""
    if entry.append is None:
        return True
    return bool(rows) and entry.append.rows[0].body == rows[0].body
