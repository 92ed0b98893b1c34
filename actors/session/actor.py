"""One client instance: opening and resuming, refreshing, searching (§3), personas (§5)."""

from collections.abc import Sequence
from typing import Any, Final

import trio

from actors.session.keeper import Keeper
from actors.session.machine import GONE, plan_inbox, welcome
from actors.session.personas import perform
from actors.session.ports import SessionPorts
from actors.session.reception import Reception
from actors.session.search import search_messages
from core.actor import Actor, ActorSpec
from core.envelope import Envelope, Lane
from core.errors import Rejected, Unavailable
from core.forwarding import forward
from core.identity import Principal
from core.ports.fanout import Client
from core.ports.sessions import SessionOpened
from protocol.addresses import Address
from protocol.chat import SearchMessages
from protocol.close_codes import CloseCode
from protocol.codec import encode
from protocol.frames import Done
from protocol.persona import CancelRun, OpenCard, RatePersona, SwitchPersona
from protocol.room import ROOM, CatchUp, JudgeResume, ResumeJudged
from protocol.session import (
    SESSION,
    AuthRefreshed,
    Hello,
    Position,
    RefreshAuth,
    Resume,
    RoomVerdict,
)
from protocol.user import USER, FollowInbox

MAX_ROOMS_AT_ONCE: Final = 16
MAX_REPLAYS_AT_ONCE: Final = 8
"""A room sends up to 256 KiB in one go; eight of them stay within what a replay may have unsent."""
_ROOM_WITHIN: Final = 5.0
_REPLAY_WITHIN: Final = 300.0


def spec(ports: SessionPorts, keeper: Keeper, reception: Reception) -> ActorSpec:
    """Sessions are rows; the actor is there for what must wait. A hello waits for nothing that the older
    connection, which it replaces, has asked before."""
    return ActorSpec(
        kind=SESSION,
        make=lambda session_id: SessionActor(session_id, ports, keeper, reception),
        lanes={Hello: Lane.CONTROL},
        mailbox_limit=256,
    )


_Job = tuple[Address, CatchUp | FollowInbox]


def _jobs(
    principal: Principal,
    resume: Resume | None,
    opened: SessionOpened,
    verdicts: dict[str, RoomVerdict],
) -> list[_Job]:
    """Where a welcomed connection is brought in: its inbox first, then its rooms."""
    inbox = plan_inbox(resume, head=opened.inbox_head, first=opened.inbox_first)
    jobs: list[_Job] = [(USER.at(principal.user_id), FollowInbox(after=inbox.after))]
    positions = {} if resume is None else resume.rooms
    jobs += [
        (ROOM.at(room_id), CatchUp(seq=positions[room_id].seq))
        for room_id, judged in verdicts.items()
        if judged.verdict == "complete"
    ]
    return jobs


class SessionActor(Actor[Any]):
    """Owns: nothing beyond a turn. Borrows: credentials, session and persona rows, fan-out; rooms and
    their personas by message.

    Lets crash: what it does not know. A client whose welcome was sent and whose replay cannot be
    arranged is closed: it must not believe itself live.
    """

    def __init__(
        self, session_id: str, ports: SessionPorts, keeper: Keeper, reception: Reception
    ) -> None:
        self._session_id = session_id
        self._ports = ports
        self._keeper = keeper
        self._reception = reception

    async def handle(self, envelope: Envelope[Any]) -> None:
        # There is nothing to remember, and ten thousand may come together: none stays when it is done.
        self.context.passivate_soon()
        match envelope.message:
            case Hello() as hello:
                await self._open(envelope, hello)
            case RefreshAuth(token=token):
                await self._refresh(envelope, token)
            case SearchMessages() as command:
                await self._search(envelope, command)
            case SwitchPersona() | CancelRun() | OpenCard() | RatePersona() as command:
                await perform(self._ports, self.context.ref_to, envelope.of(), command)
                envelope.answer(Done())
            case unexpected:
                raise TypeError(f"a session understands no {type(unexpected).__name__}")

    async def _open(self, envelope: Envelope[Any], hello: Hello) -> None:
        client = envelope.client
        if client is None:
            raise Rejected("bad_request", "Only a connection can say hello.")
        # A hello handed on by another session was authenticated there: a ticket works only once.
        principal = envelope.principal or await self._ports.credentials.authenticate(hello.token)
        async with self._reception.turn(principal.user_id):
            if client.is_open:
                await self._admit(envelope, client, principal, hello)
            else:
                envelope.answer(Done())

    async def _admit(
        self, envelope: Envelope[Any], client: Client, principal: Principal, hello: Hello
    ) -> None:
        """In the user's turn. Raises `Unavailable` where another server writes the user's inbox: its own
        connections alone hear of that."""
        self._ports.leases.fence(principal.user_id)
        # Before the login is looked at again, by `open`: whenever it ends from here on, this connection
        # is closed with the others.
        self._ports.fanout.subscribe(f"login:{principal.login_id}", client)
        resume = hello.resume
        is_resuming = resume is not None and resume.session_id == self._session_id
        opened = await self._ports.sessions.open(
            principal,
            session_id=self._session_id,
            resuming=is_resuming,
            now=self._ports.clock.now_ms(),
        )
        if opened is None:
            fresh = self.context.ref_to(SESSION.at(self._ports.ids.uuid7()))
            forward(envelope, fresh, hello, principal=principal)
            return
        verdicts = await self._judge(principal, {} if resume is None else resume.rooms)
        if client.is_open and self._welcome(client, principal, resume, opened, verdicts):
            jobs = _jobs(principal, resume, opened, verdicts)
            self.context.start_soon(self._bring_in, envelope, client, principal, jobs)
        else:
            envelope.answer(Done())

    def _welcome(
        self,
        client: Client,
        principal: Principal,
        resume: Resume | None,
        opened: SessionOpened,
        verdicts: dict[str, RoomVerdict],
    ) -> bool:
        """Replace the older socket, which a hello that was refused leaves alone. Whether the
        connection lives."""
        self._keeper.replace(self._session_id, client)
        # What was sent behind the hello is judged with the welcome: the rooms that come in count already.
        for room_id, judged in verdicts.items():
            if judged.verdict == "complete":
                self._ports.fanout.reserve(f"room:{room_id}", client)
        frame = welcome(
            session_id=self._session_id,
            principal=principal,
            now=self._ports.clock.now_ms(),
            heartbeat_ms=self._ports.heartbeat_ms,
            limits=self._ports.limits,
            inbox_head=opened.inbox_head,
            inbox=plan_inbox(resume, head=opened.inbox_head, first=opened.inbox_first),
            resumed=opened.resumed,
            rooms=verdicts,
        )
        client.welcomed(self._session_id, principal, encode(frame))
        self._reception.welcomed(principal.user_id)
        if client.is_open:
            self._keeper.watch(self._session_id, client)
        return client.is_open

    async def _judge(
        self, principal: Principal, positions: dict[str, Position]
    ) -> dict[str, RoomVerdict]:
        """Ask every room at once. Raises `Unavailable` when one cannot say."""
        verdicts: dict[str, RoomVerdict] = {}
        few = trio.Semaphore(MAX_ROOMS_AT_ONCE)
        is_away = False

        async def judge(room_id: str, after: Position) -> None:
            nonlocal is_away
            async with few:
                try:
                    verdicts[room_id] = await self._verdict(principal, room_id, after)
                except Unavailable:
                    is_away = True

        async with trio.open_nursery() as nursery:
            for room_id, after in positions.items():
                nursery.start_soon(judge, room_id, after)
        if is_away:
            raise Unavailable
        return {room_id: verdicts[room_id] for room_id in positions}

    async def _verdict(self, principal: Principal, room_id: str, after: Position) -> RoomVerdict:
        room = self.context.ref_to(ROOM.at(room_id))
        try:
            judged = await room.ask(
                JudgeResume(after=after), principal=principal, timeout=_ROOM_WITHIN
            )
        except Rejected as refusal:
            if refusal.temporary:
                raise Unavailable from refusal
            return GONE
        if not isinstance(judged, ResumeJudged):
            raise TypeError(f"a room answered {type(judged).__name__}")
        return RoomVerdict(epoch=judged.epoch, head=judged.head, verdict=judged.verdict)

    async def _bring_in(
        self, envelope: Envelope[Any], client: Client, principal: Principal, jobs: Sequence[_Job]
    ) -> None:
        """Some at a time, at the speed of the socket (a child task). Answers the hello when all is
        live."""
        few = trio.Semaphore(MAX_REPLAYS_AT_ONCE)
        is_in = False

        async def bring_in(address: Address, message: CatchUp | FollowInbox) -> None:
            async with few:
                await client.wait_drained()
                if client.is_open:
                    await self.context.ref_to(address).ask(
                        message, principal=principal, client=client, timeout=_REPLAY_WITHIN
                    )

        try:
            async with trio.open_nursery() as nursery:
                for address, message in jobs:
                    nursery.start_soon(bring_in, address, message)
            is_in = True
        except* Rejected:
            pass
        finally:
            if not is_in:
                client.close_nowait(CloseCode.RESTARTING)
        envelope.answer(Done())

    async def _search(self, envelope: Envelope[Any], command: SearchMessages) -> None:
        client = envelope.client
        if client is not None and not client.is_open:  # cut off with a hundred of these behind it
            envelope.answer(Done())
        else:
            envelope.answer(await search_messages(self._ports, envelope.of(), command))

    async def _refresh(self, envelope: Envelope[Any], token: str) -> None:
        """Renew in place. A new login of the same user is welcome, another user is not."""
        old, client = envelope.of(), envelope.client
        new = await self._ports.credentials.authenticate(token)
        if (new.tenant_id, new.user_id) != (old.tenant_id, old.user_id):
            raise Rejected("forbidden", "This token belongs to another user.")
        if client is not None:
            if new.login_id != old.login_id:
                await self._move(client, old, new)
            client.renewed(new)
        envelope.answer(AuthRefreshed())

    async def _move(self, client: Client, old: Principal, new: Principal) -> None:
        """From one login's sockets to another's. Among them before that is looked at again: whenever it
        ends, this one is closed with the others, or refused here."""
        fanout = self._ports.fanout
        fanout.subscribe(f"login:{new.login_id}", client)
        is_moved = False
        try:
            await self._ports.credentials.demand_standing(new)
            is_moved = True
        finally:
            left = old if is_moved else new
            fanout.unsubscribe(f"login:{left.login_id}", client)
