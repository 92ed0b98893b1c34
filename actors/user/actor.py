"""One person: makes rooms, and writes the inbox, one event after another."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from msgspec.structs import replace

from actors.user.machine import PlannedRoom, demand_known, demand_own, plan_room
from core.actor import Actor, ActorSpec
from core.announcement import announcement
from core.envelope import Envelope
from core.errors import Rejected, Unavailable
from core.forwarding import forward
from core.identity import Principal
from core.ports.bookings import Tellings
from core.ports.clock import Clock, Ids
from core.ports.consultations import Consultations
from core.ports.durable_timers import TimerDue
from core.ports.fanout import Client, Fanout
from core.ports.leases import Leases, StaleFence
from core.ports.message_log import EventKind, LogRow, PersonaChange
from core.ports.personas import Personas
from core.ports.repositories import BodyAt, Inboxes, InboxItem, NewRoom, Rooms, Users
from protocol.chat import MessagePosted
from protocol.close_codes import CloseCode
from protocol.codec import encode
from protocol.consultation import ConsultationChanged
from protocol.frames import Done
from protocol.limits import MAX_ROOMS
from protocol.room import (
    ROOM,
    CreateRoom,
    EnterCreated,
    PersonaView,
    RoomAnswered,
    RoomChanged,
    RoomInvited,
    ViewRoom,
)
from protocol.user import (
    USER,
    Delivered,
    FollowInbox,
    InviteArrived,
    News,
    TellBooking,
    TellConsultation,
    read_aside,
)

PAGE: Final = 200
PAGE_BYTES: Final = 131_072
"""What is sent in one turn at most, whatever the socket does."""
_ROOM_WITHIN: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPorts:
    """The ports of every user of one tenant. `tellings` None: nothing is booked here;
    `consultations` None: nobody is consulted here.

    `untold`, which outlives a crash: of users whose last append may have happened and been told to nobody,
    the last seq that all their live connections know. An append that succeeds ends it.
    """

    tenant_id: int
    users: Users
    rooms: Rooms
    personas: Personas
    inboxes: Inboxes
    leases: Leases
    fanout: Fanout
    clock: Clock
    ids: Ids
    tellings: Tellings | None = None
    consultations: Consultations | None = None
    untold: dict[str, int] = field(default_factory=dict)


def spec(ports: UserPorts) -> ActorSpec:
    """Users hold no state of their own: what they write is in the inbox's rows."""
    return ActorSpec(kind=USER, make=lambda user_id: UserActor(user_id, ports), idle_after=60.0)


class UserActor(Actor[Any]):
    """The one writer of a user's inbox: append and publish are one turn, and so is coming in.

    Owns: nothing. Borrows: repositories and fan-out. Lets crash: what it does not know.
    """

    def __init__(self, user_id: str, ports: UserPorts) -> None:
        self._user_id = user_id
        self._topic = f"user:{user_id}"
        self._ports = ports

    async def handle(self, envelope: Envelope[Any]) -> None:
        match envelope.message:
            case CreateRoom() as command:
                await self._create_room(envelope, command)
            case InviteArrived() | TellBooking() | TellConsultation() as news:
                envelope.answer(Delivered(inbox=await self._take_in(news)))
            case TimerDue() as due:
                # A reminder, or what a courier put aside, because it made us crash.
                envelope.answer(Delivered(inbox=await self._take_in(read_aside(due.payload))))
            case FollowInbox():
                if envelope.client is None or not envelope.client.is_open:
                    envelope.answer(Done())
                else:
                    await self._follow(envelope, envelope.client)
            case unexpected:
                raise TypeError(f"a user understands no {type(unexpected).__name__}")

    async def _create_room(self, envelope: Envelope[Any], command: CreateRoom) -> None:
        """Store the room once, then let it answer and take the creator in."""
        principal, client = envelope.of(), envelope.client
        planned = plan_room(command, principal)
        known = await self._ports.users.many(principal.tenant_id, planned.invited)
        demand_known(command, planned, known)
        personas = await self._personas(command, planned, principal)
        new = self._new_room(planned, principal, personas)
        if client is not None and client.room_count >= MAX_ROOMS:
            await self._demand_in(client, new)
        room_id, _ = await self._ports.rooms.create(new)
        # Asked, not handed on: whoever sends many at once is counted in each before the next is judged.
        room = self.context.ref_to(ROOM.at(room_id))
        entered = EnterCreated()
        envelope.answer(
            await room.ask(entered, principal=principal, client=client, timeout=_ROOM_WITHIN)
        )

    async def _demand_in(self, client: Client, new: NewRoom) -> None:
        """One that has no place for another room makes none; it may be in this one already."""
        found = await self._ports.rooms.find(new)
        if found is None or not self._ports.fanout.has_place(f"room:{found}", client):
            raise Rejected(
                "conflict",
                "A connection can join at most {limit} rooms. Leave one of them first.",
                params={"limit": MAX_ROOMS},
            )

    async def _personas(
        self, command: CreateRoom, planned: PlannedRoom, principal: Principal
    ) -> dict[str, PersonaView]:
        """Those that the room is made with."""
        if not planned.personas:
            return {}
        own = await self._ports.personas.of_owner(principal.tenant_id, principal.user_id)
        views = {
            one.id: PersonaView(id=one.id, name=one.name, owner_id=one.owner_id) for one in own
        }
        demand_own(command, views)
        return views

    def _new_room(
        self, planned: PlannedRoom, principal: Principal, personas: dict[str, PersonaView]
    ) -> NewRoom:
        room_id, epoch = self._ports.ids.uuid7(), self._ports.ids.uuid7()
        now = self._ports.clock.now_ms()
        created = planned.created(room_id=room_id, epoch=epoch, at=now)
        words = ""
        if planned.personas:
            first = personas[planned.personas[0]]
            words = announcement(first.name, principal.name, principal.locale)
        more = planned.seated(created, personas, words, self._ports.ids.uuid7())
        return NewRoom(
            id=room_id,
            tenant_id=principal.tenant_id,
            kind=planned.kind,
            title=planned.title,
            history=planned.history,
            creator_id=planned.creator_id,
            client_id=planned.client_id,
            direct_key=planned.direct_key,
            epoch=epoch,
            created_at=now,
            invited=planned.invited,
            created=encode(created),
            more=[_row(event) for event in more],
            personas=[_seat(event) for event in more if isinstance(event, RoomChanged)],
        )

    async def _take_in(self, news: News) -> int:
        """What a courier brings; its seq, 0 when it is nothing to us any more. What an earlier try put in the inbox is
        told all the same."""
        seq = await self._place(news)
        if not seq:
            await self._tell_untold()
        return seq

    async def _place(self, news: News) -> int:
        match news:
            case InviteArrived():
                return await self._receive(news)
            case TellBooking():
                return await self._tell_booking(news)
            case TellConsultation():
                return await self._tell_consultation(news)
            case unexpected:
                assert_never(unexpected)

    async def _tell_consultation(self, news: TellConsultation) -> int:
        consultations, id = self._ports.consultations, news.consultation_id
        found = await consultations.get(self._ports.tenant_id, id) if consultations else None
        if found is None or found.traveller_id is None:
            return 0
        both = [found.professional_id, found.traveller_id]
        # A reminder, and what a call says of who is there, are nothing after it was cancelled.
        is_of_booked = news.state == "soon" or news.change != ""
        if self._user_id not in both or (is_of_booked and found.state != "booked"):
            return 0
        # Business time, by which it ends, is never behind the wall's.
        if news.state == "soon" and found.ends_at <= self._ports.clock.now_ms():
            return 0
        return await self._put_in_inbox(
            source=f"consultation:{id}:{news.change or news.state}",
            kind="consult.state",
            body=lambda seq: encode(
                ConsultationChanged(
                    consultation_id=id,
                    state=news.state,
                    participants=both,
                    starts_at=found.starts_at,
                    meter_seconds=max(news.meter_seconds, found.metered_ms // 1_000),
                    inbox=seq,
                )
            ),
        )

    async def _tell_booking(self, news: TellBooking) -> int:
        tellings = self._ports.tellings
        if tellings is None:
            return 0
        update = await tellings.update(
            self._ports.tenant_id, self._user_id, news.booking_id, news.version
        )
        if update is None:
            return 0
        return await self._put_in_inbox(
            source=f"booking:{news.booking_id}:{news.version}",
            kind="booking.update",
            body=lambda seq: encode(replace(update, inbox=seq)),
        )

    async def _receive(self, invite: InviteArrived) -> int:
        """Give the invitation its place; the inbox event's seq, 0 when nobody is invited any more."""
        try:
            room = await self._view(invite.room_id)
        except Rejected as refusal:
            if refusal.temporary:
                raise
            return 0
        view = room.room
        return await self._put_in_inbox(
            source=f"room:{invite.room_id}:{invite.seq}",
            kind="room.invited",
            body=lambda seq: encode(RoomInvited(room=view, inbox=seq)),
        )

    async def _put_in_inbox(self, *, source: str, kind: str, body: BodyAt) -> int:
        """An event in its place, and to all connections if they do not know it; its seq, 0 when they are
        forgotten. Raises `Unavailable`: nobody knows, or another server is the one to write it."""
        inboxes, untold = self._ports.inboxes, self._ports.untold
        fence = self._ports.leases.fence(self._user_id)
        tenant_id, user_id = self._ports.tenant_id, self._user_id
        is_doubtful = user_id in untold
        if not is_doubtful:
            untold[user_id] = await inboxes.head(tenant_id, user_id)
        # A reply that is lost from here on leaves it untold: what comes next begins there.
        try:
            stored = await inboxes.append(
                tenant_id,
                user_id,
                source=source,
                kind=kind,
                at=self._ports.clock.now_ms(),
                fence=fence,
                body=body,
            )
        except StaleFence:
            await self._ports.leases.refence(user_id, seen=fence)
            raise Unavailable from None
        if is_doubtful:
            await self._tell_untold()
        elif stored is not None and stored[2]:
            self._ports.fanout.publish_nowait(self._topic, stored[1])
        del untold[user_id]
        return 0 if stored is None else stored[0]

    async def _tell_untold(self) -> None:
        """To all connections, what an append whose reply was lost has put there."""
        untold = self._ports.untold
        while self._user_id in untold and (items := await self._read(untold[self._user_id])):
            self._tell(items)

    def _tell(self, items: Sequence[InboxItem]) -> None:
        """To all connections, those that are untold."""
        untold = self._ports.untold
        for item in items:
            if item.seq > untold.get(self._user_id, item.seq):
                self._ports.fanout.publish_nowait(self._topic, item.body)
                untold[self._user_id] = item.seq

    async def _view(self, room_id: str) -> RoomAnswered:
        user = await self._ports.users.get(self._ports.tenant_id, self._user_id)
        if user is None:
            raise Rejected("not_found", "There is no such user.")
        # The system looks on the user's behalf; there is no login in this.
        principal = Principal(
            tenant_id=user.tenant_id,
            user_id=user.id,
            login_id="",
            role=user.role,
            name=user.name,
            handle=user.handle,
            locale=user.locale,
            expires_at=0,
        )
        answer = await self.context.ref_to(ROOM.at(room_id)).ask(
            ViewRoom(), principal=principal, timeout=_ROOM_WITHIN
        )
        if not isinstance(answer, RoomAnswered):
            raise TypeError(f"a room answered {type(answer).__name__}")
        return answer

    async def _follow(self, envelope: Envelope[FollowInbox], client: Client) -> None:
        """Everything after a place, then live: no event is written while this turn lasts. What is
        much is sent outside of it first, so that a slow socket keeps nobody else waiting. Others are told
        first of what nobody was: told of it later, this one would see it twice. Raises `Unavailable`: another
        server writes this inbox, and would tell its own connections only."""
        self._ports.leases.fence(self._user_id)
        await self._tell_untold()
        items = await self._read(envelope.message.after)
        if len(items) == PAGE or sum(len(item.body) for item in items) > PAGE_BYTES:
            self.context.start_soon(self._page_through, envelope, client, items)
            return
        self._tell(items)
        for item in items:
            client.send_nowait(item.body)
        self._ports.fanout.subscribe(self._topic, client)
        envelope.answer(Done())

    async def _page_through(
        self, envelope: Envelope[FollowInbox], client: Client, items: Sequence[InboxItem]
    ) -> None:
        """At the speed of the socket (a child task); the rest is for a turn again. A connection whose
        way is cut short is closed: it must not believe itself live, and resumes."""
        after = envelope.message.after
        is_through = False
        try:
            while client.is_open and items:
                for item in items:
                    await client.wait_drained()
                    client.send_nowait(item.body)
                    after = item.seq
                items = await self._read(after) if len(items) == PAGE else ()
            forward(envelope, self.context.ref, FollowInbox(after=after))
            is_through = True
        except Rejected as refusal:
            envelope.answer(refusal)
        finally:
            if not is_through:
                client.close_nowait(CloseCode.RESTARTING)

    async def _read(self, after: int) -> Sequence[InboxItem]:
        return await self._ports.inboxes.read(
            self._ports.tenant_id, self._user_id, after=after, limit=PAGE
        )


def _row(event: RoomChanged | MessagePosted) -> LogRow:
    is_message = isinstance(event, MessagePosted)
    return LogRow(
        seq=event.seq,
        sent_at=event.sent_at,
        kind=EventKind.MESSAGE if is_message else EventKind.ROOM,
        sender_id=event.sender.id if isinstance(event, MessagePosted) else event.by,
        body=encode(event),
        message_id=event.message_id if isinstance(event, MessagePosted) else None,
    )


def _seat(event: RoomChanged) -> PersonaChange:
    persona = event.persona
    if persona is None:
        raise TypeError("a persona comes with its name")
    return PersonaChange(
        persona_id=persona.id, owner_id=persona.owner_id, name=persona.name, from_seq=event.seq
    )
