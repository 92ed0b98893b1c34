"""Coming into a room: the room as one member sees it, the verdict, and the way to the live events."""

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, Final

from actors.room.catch_up import CatchUp
from actors.room.pipeline import Job, Landing
from actors.room.pointers import Pointers
from actors.room.ports import RoomPorts
from actors.room.ring import Ring
from actors.room.rules import demand_joined, demand_member
from actors.room.state import RoomState
from actors.room.verdicts import is_cut_off, judge_missed, judge_position
from core.envelope import Envelope
from core.errors import Rejected, Unavailable
from core.ports.fanout import Client
from protocol.frames import Done
from protocol.limits import MAX_MEMBERS_SHOWN, MAX_ROOMS
from protocol.room import (
    JudgeResume,
    MemberView,
    Online,
    PersonaView,
    ResumeJudged,
    RoomAnswered,
    RoomView,
)
from protocol.session import Position, Verdict

MAX_AWAITED: Final = 256
"""Resumes whose end somebody waits for. A crowd that returns at once is told before its end: an actor
owes a bounded number of answers."""


class Entrance:
    """Every method is called in the room's own turn, when what was decided before is durable."""

    def __init__(
        self,
        ports: RoomPorts,
        room: RoomState,
        ring: Ring,
        pointers: Pointers,
        catch_up: CatchUp,
        *,
        show_runs: Callable[[Client], None],
    ) -> None:
        self._ports = ports
        self._room = room
        self._ring = ring
        self._pointers = pointers
        self._catch_up = catch_up
        self._show_runs = show_runs
        self._topic = f"room:{room.id}"

    def demand_place(self, envelope: Envelope[Any]) -> None:
        """The connection may join one more room, or has joined this one already."""
        client = envelope.client
        if client is None:
            raise Rejected("bad_request", "Only a connection can join a room.")
        self._demand_place_for(client)

    def _demand_place_for(self, client: Client) -> None:
        has_place = self._ports.fanout.has_place(self._topic, client)
        if not has_place and client.room_count >= MAX_ROOMS:
            raise Rejected(
                "conflict",
                "A connection can join at most {limit} rooms. Leave one of them first.",
                params={"limit": MAX_ROOMS},
            )

    def join(self, envelope: Envelope[Any], after: Position | None) -> Job | None:
        """Answer `room.join` and bring the connection in."""
        member = demand_joined(self._room, envelope.of().user_id)
        if after is None:
            self._admit(envelope, None)
            return None
        verdict = judge_position(self._room, self._ring, member, after)
        if verdict is not None:
            self._admit(envelope, verdict, after.seq)
            return None
        return lambda: self._measure(envelope, after.seq)

    async def _measure(self, envelope: Envelope[Any], seq: int) -> Landing:
        verdict = await self._verdict(seq)

        def admit() -> None:
            member = demand_joined(self._room, envelope.of().user_id)
            is_late = is_cut_off(self._room, member, seq)
            self._admit(envelope, "reset" if is_late else verdict, seq)

        return admit

    async def _verdict(self, seq: int) -> Verdict:
        room = self._room
        return judge_missed(await self._ports.log.missed(room.tenant_id, room.id, after=seq))

    def _admit(self, envelope: Envelope[Any], verdict: Verdict | None, seq: int = 0) -> None:
        """The answer first, then what was missed, then live: all in this turn, or by catching up."""
        client, user_id = envelope.client, envelope.of().user_id
        if client is not None:
            # Others that were judged with this one may have come in before it.
            self._demand_place_for(client)
            # Live before the answer is made, so that it counts the newcomer; nothing is published
            # before this turn ends.
            self._catch_up.go_live(client)
        envelope.answer(
            RoomAnswered(room=self.view(user_id), verdict=verdict, online=self._online())
        )
        if client is not None and verdict == "complete":
            self._catch_up.follow(client, user_id, seq)
        elif client is not None:
            self._show_runs(client)

    def view_to(self, envelope: Envelope[Any]) -> None:
        """Answer with the room, and let nobody in."""
        user_id = envelope.of().user_id
        demand_member(self._room, user_id)
        envelope.answer(RoomAnswered(room=self.view(user_id), online=self._online()))

    def judge(self, envelope: Envelope[JudgeResume]) -> Job | None:
        """Answer what a resume would be."""
        member = demand_joined(self._room, envelope.of().user_id)
        after = envelope.message.after
        verdict = judge_position(self._room, self._ring, member, after)
        if verdict is not None:
            self._answer_verdict(envelope, verdict)
            return None
        return lambda: self._measure_resume(envelope, after.seq)

    async def _measure_resume(self, envelope: Envelope[JudgeResume], seq: int) -> Landing:
        verdict = await self._verdict(seq)
        return lambda: self._answer_verdict(envelope, verdict)

    def _answer_verdict(self, envelope: Envelope[JudgeResume], verdict: Verdict) -> None:
        room = self._room
        envelope.answer(ResumeJudged(epoch=room.epoch, head=room.head, verdict=verdict))

    def resume(self, envelope: Envelope[Any], seq: int, last: int | None) -> None:
        """Bring a connection in whose verdict was `complete`; answer when it is live, or gone. One
        that joined by itself meanwhile is in already, and stays where it is. `last`: its user is no
        member any more, and gets what led to that event, if the connection has not seen it. Raises
        `Unavailable` when what comes next was cut off meanwhile: who resumes again is answered `reset`."""
        client, user_id = envelope.client, envelope.of().user_id
        done = partial(envelope.answer, Done())
        if client is None or self._catch_up.is_in(client):
            done()
            return
        if last is not None and not self._ports.fanout.has_place(self._topic, client):
            done()  # it was in by itself, and saw that
            return
        if last is None and is_cut_off(self._room, demand_joined(self._room, user_id), seq):
            raise Unavailable
        if len(self._catch_up) >= MAX_AWAITED:
            done()
        self._catch_up.follow(client, user_id, min(seq, self._room.head), last=last, then=done)

    def view(self, user_id: str) -> RoomView:
        """The room as this member sees it."""
        room = self._room
        shown = islice(room.members.items(), MAX_MEMBERS_SHOWN)
        return RoomView(
            id=room.id,
            kind=room.kind,
            title=room.title,
            settings=room.settings,
            members=[
                MemberView(id=id, name=member.name, role=member.role, state=member.state)
                for id, member in shown
            ],
            member_count=len(room.members),
            personas=[
                PersonaView(id=id, name=seat.name, owner_id=seat.owner_id)
                for id, seat in room.personas.items()
            ],
            epoch=room.epoch,
            head=room.head,
            first=room.first_readable(room.members[user_id]),
            read=self._pointers.of(user_id),
            created_at=room.created_at,
        )

    def _online(self) -> Online:
        audience = self._ports.fanout.audience(self._topic)
        ids = None if audience.user_ids is None else list(audience.user_ids)
        return Online(count=audience.count, user_ids=ids)
