"""Each command a room answers, made into an entry of its pipeline."""

from collections.abc import Callable
from functools import partial
from typing import Any

from actors.room import closing, notices
from actors.room.decisions import Decision, Given, Need
from actors.room.entrance import Entrance
from actors.room.flow import Flow
from actors.room.lookups import LookUps
from actors.room.machine import LogCommand, decide
from actors.room.memory import Memory
from actors.room.open_runs import OpenRuns
from actors.room.pipeline import Entry, Job, Landing, Turn
from actors.room.pointers import Pointers, Receipts
from actors.room.ports import RoomPorts
from actors.room.reading import read_history
from actors.room.rows import append_of
from actors.room.rules import demand_joined, demand_member, unknown
from actors.room.speaking import Speaking
from actors.room.state import RoomState
from actors.room.typing_users import TypingUsers
from core.envelope import Envelope
from protocol.chat import MarkRead, MessagePosted, PostMessage, ReadHistory
from protocol.frames import Answer, Done
from protocol.persona import CloseRun, SetRoomPersona
from protocol.presence import SetTyping
from protocol.room import (
    AwaitTurn,
    EnterCreated,
    JoinRoom,
    JudgeResume,
    MuteRoom,
    PostNotice,
    ViewRoom,
)
from protocol.room import (
    CatchUp as CatchUpFrom,
)


class Commands:
    """Judges by `decided`; reads and views come from `applied`, in their turn."""

    def __init__(
        self,
        ports: RoomPorts,
        *,
        decided: RoomState,
        applied: RoomState,
        memory: Memory,
        entrance: Entrance,
        pointers: Pointers,
        lookups: LookUps,
        flow: Flow,
        fence: int,
        typing: TypingUsers,
        receipts: Receipts,
        runs: OpenRuns,
        speaking: Speaking,
    ) -> None:
        self.decided = decided
        self.fence = fence
        self._ports = ports
        self._applied = applied
        self._memory = memory
        self._entrance = entrance
        self._pointers = pointers
        self._lookups = lookups
        self._flow = flow
        self._typing = typing
        self._receipts = receipts
        self._runs = runs
        self._speaking = speaking

    def judge(self, envelope: Envelope[Any], key: int) -> Entry:
        """Raises `Rejected`."""
        if isinstance(envelope.message, CloseRun):
            given = Given(now=self._ports.clock.now_ms(), new_id="")
            return self._close(envelope, key, envelope.message, given)
        if isinstance(envelope.message, PostNotice):
            given = Given(now=self._ports.clock.now_ms(), new_id="")
            return self._notice(envelope, key, envelope.message, given)
        principal = envelope.of()
        if principal.tenant_id != self._applied.tenant_id:
            raise unknown()
        message = envelope.message
        match message:
            case AwaitTurn(client_id=None):
                return Entry(envelope=envelope, key=key, answer=Done())
            case SetTyping():
                demand_joined(self.decided, principal.user_id)
                # Durable before visible: to the others he is not there before his coming is.
                member = self._applied.members.get(principal.user_id)
                if member is not None and member.state == "joined":
                    self._typing.set(principal.user_id, message.active)
                return Entry(envelope=envelope, key=key, answer=Done())
            case ReadHistory() | MarkRead() | MuteRoom() | ViewRoom() | JudgeResume():
                demand_member(self.decided, principal.user_id)
                is_page = isinstance(message, ReadHistory)
                turn = self._turn(envelope)
                return Entry(envelope=envelope, key=key, turn=turn, is_page=is_page)
            case CatchUpFrom():
                last = self._last_of(principal.user_id)
                resume = partial(self._entrance.resume, envelope, message.seq, last)
                return Entry(envelope=envelope, key=key, turn=partial(_without_job, resume))
            case EnterCreated():
                # Who makes a direct room that his partner has made before accepts it by that.
                return self._decide(envelope, key, JoinRoom(room_id=self._applied.id))
            case JoinRoom():
                self._entrance.demand_place(envelope)
                return self._decide(envelope, key, message)
            case _:
                return self._decide(envelope, key, message)

    def _last_of(self, user_id: str) -> int | None:
        """The event by which this user went since a resume was judged; None: he is still here."""
        departure = self._memory.departure(user_id)
        if user_id not in self.decided.members and departure is not None:
            return departure
        demand_joined(self.decided, user_id)
        return None

    def _given(self, message: LogCommand) -> Given:
        may_write = isinstance(message, PostMessage | SetRoomPersona)
        new_id = self._ports.ids.uuid7() if may_write else ""
        return Given(now=self._ports.clock.now_ms(), new_id=new_id)

    def _decide(
        self, envelope: Envelope[Any], key: int, command: LogCommand, given: Given | None = None
    ) -> Entry:
        given = given or self._given(command)
        judged = decide(self.decided, self._memory, command, envelope.of(), given)
        if isinstance(judged, Decision):
            return self._decided(envelope, key, command, judged)
        judge_again = partial(self._decide, envelope, key, command)
        return self._looked_up(envelope, key, judged, given, judge_again)

    def _close(self, envelope: Envelope[Any], key: int, command: CloseRun, given: Given) -> Entry:
        """A run ends, on nobody's behalf but its persona's."""
        judged = closing.decide(self.decided, self._memory, self._runs, command, given)
        if isinstance(judged, Decision):
            entry = self._decided(envelope, key, command, judged)
            said = judged.event.content if isinstance(judged.event, MessagePosted) else ""
            self._speaking.closing(command, said)
            return entry
        judge_again = partial(self._close, envelope, key, command)
        return self._looked_up(envelope, key, judged, given, judge_again)

    def _notice(
        self, envelope: Envelope[Any], key: int, command: PostNotice, given: Given
    ) -> Entry:
        """The server says something, on nobody's behalf."""
        judged = notices.decide(self.decided, self._memory, command, given)
        if isinstance(judged, Decision):
            return self._decided(envelope, key, command, judged)
        judge_again = partial(self._notice, envelope, key, command)
        return self._looked_up(envelope, key, judged, given, judge_again)

    def _looked_up(
        self,
        envelope: Envelope[Any],
        key: int,
        need: Need,
        given: Given,
        judge_again: Callable[[Given], Entry],
    ) -> Entry:
        """What it takes to judge is not in memory: looked up in its turn, then judged again."""

        def push(more: Given) -> None:
            self._flow.push_judged(envelope, key, lambda: judge_again(more))

        job = partial(self._lookups.look_up, need, given, push)
        return Entry(envelope=envelope, key=key, turn=lambda: job)

    def _decided(
        self, envelope: Envelope[Any], key: int, command: Any, decision: Decision
    ) -> Entry:
        entry = Entry(
            envelope=envelope,
            key=key,
            answer=decision.answer,
            events=decision.events,
            names=decision.names,
            turn=self._turn(envelope) if isinstance(command, JoinRoom) else None,
        )
        if decision.event is not None:
            self._append(entry, decision)
        return entry

    def _append(self, entry: Entry, decision: Decision) -> None:
        """Hand it to the log, then count on it. Raises `Overloaded`: nothing happened."""
        if decision.event is None:
            return
        append = append_of(
            decision.event, decision, room=self.decided, memory=self._memory, fence=self.fence
        )
        self._ports.log.append_nowait(append, partial(self._flow.conclude, entry))
        entry.append = append
        for event in decision.events:
            self.decided.apply(event, decision.names)
            self._memory.remember(event)

    def _turn(self, envelope: Envelope[Any]) -> Turn:
        """What happens when all that was decided before is durable."""
        message = envelope.message
        match message:
            case JoinRoom():
                return partial(self._entrance.join, envelope, message.after)
            case EnterCreated():
                return partial(self._entrance.join, envelope, None)
            case JudgeResume():
                return partial(self._entrance.judge, envelope)
            case ViewRoom():
                return partial(_without_job, self._entrance.view_to, envelope)
            case ReadHistory():
                return partial(self._history, envelope)
            case MarkRead():
                return partial(self._mark_read, envelope)
            case _:
                return lambda: partial(self._mute, envelope)

    def _history(self, envelope: Envelope[ReadHistory]) -> Job | None:
        client, viewer = envelope.client, envelope.of().user_id
        if client is not None and not client.is_open:  # cut off with a hundred of these behind it
            envelope.answer(Done())
            return None
        member = demand_member(self._applied, viewer)
        first, up_to = self._applied.first_readable(member), self._applied.head

        async def read() -> Landing:
            async with self._ports.pages.turn(client, drained=True):
                if client is not None and not client.is_open:
                    return lambda: envelope.answer(Done())
                answer = await read_history(
                    self._ports,
                    self._applied,
                    envelope.message,
                    viewer=viewer,
                    first=first,
                    up_to=up_to,
                )
            return lambda: self._answer_member(envelope, answer)

        return read

    def _answer_member(self, envelope: Envelope[Any], answer: Answer) -> None:
        """Who was removed meanwhile gets nothing. Raises `Rejected`."""
        demand_member(self._applied, envelope.of().user_id)
        envelope.answer(answer)

    def _mark_read(self, envelope: Envelope[MarkRead]) -> Job | None:
        user_id = envelope.of().user_id
        demand_member(self._applied, user_id)
        seq = min(envelope.message.seq, self._applied.head)
        if seq <= self._pointers.of(user_id):
            envelope.answer(Done())
            return None

        async def mark() -> Landing:
            await self._pointers.advance(user_id, seq)
            return land

        def land() -> None:
            self._answer_member(envelope, Done())
            self._receipts.add(user_id, seq)

        return mark

    async def _mute(self, envelope: Envelope[MuteRoom]) -> Landing:
        room, until = self._applied, envelope.message.until
        await self._ports.rooms.set_muted(room.tenant_id, room.id, envelope.of().user_id, until)
        return lambda: envelope.answer(Done())


def _without_job(act: Callable[..., None], *args: Any) -> None:
    act(*args)
