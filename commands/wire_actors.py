"""Everything that lives: the actor system with every kind, the fan-out, and what feeds them news."""

from contextlib import suppress

from actors.booking.courier import BookingCourier
from actors.booking.telling import BookingTellings
from actors.presence import actor as presence
from actors.room import actor as room
from actors.room.ports import RoomPorts
from actors.room.traces import Traces
from actors.session import actor as session
from actors.session.keeper import Keeper
from actors.session.ports import SessionPorts
from actors.session.reception import Reception
from actors.user import actor as user
from actors.user.courier import Courier
from commands.wire_storage import Storage
from core.actor import ActorSpec
from core.config import Bounds
from core.delivery import Delivery
from core.envelope import Envelope, Lane
from core.errors import Rejected
from core.identity import DEFAULT_TENANT
from core.ports.clock import Chance, Clock, Ids
from core.ports.crash_records import CrashRecords
from core.system import ActorSystem
from gateways.client.connection import Connection
from gateways.client.fanout import TopicFanout
from protocol.persona import PERSONA
from protocol.presence import PRESENCE, AudienceChanged
from protocol.room import ROOM, ForgetBelow, ForgetPerson
from storage.outbox import OutboxDispatcher


class Actors:
    """Owns: the system, the fan-out, the keeper of sessions, the outbox. Borrows: storage."""

    def __init__(
        self,
        storage: Storage,
        *,
        clock: Clock,
        ids: Ids,
        chance: Chance,
        bounds: Bounds,
        crash_records: CrashRecords | None = None,
    ) -> None:
        self.system = ActorSystem(chance=chance, ids=ids, crash_records=crash_records)
        self.fanout = TopicFanout(self._audience_changed, clock=clock.monotonic)
        self.fanout.on_ended = self._connection_ended
        self.keeper = Keeper(storage.sessions, clock)
        self.traces = Traces()
        self.reception = Reception()
        self.delivery = Delivery(self.system.ref, storage.timers, clock)
        self.outbox = OutboxDispatcher(
            storage.outbox,
            [
                *storage.read_models,
                Courier(storage.log, self.delivery, storage.consultations),
                BookingCourier(storage.bookings, storage.users, self.system.ref, self.delivery),
            ],
            may_deliver=lambda: bool(storage.leases.owned_shards()),
        )
        for spec in self._specs(storage, clock, ids, bounds):
            self.system.register(spec)

    def _specs(self, storage: Storage, clock: Clock, ids: Ids, bounds: Bounds) -> list[ActorSpec]:
        """Every kind, with the ports that it needs."""
        rooms = RoomPorts(
            tenant_id=DEFAULT_TENANT,
            log=storage.log,
            leases=storage.leases,
            rooms=storage.rooms,
            users=storage.users,
            personas=storage.personas,
            runs=storage.runs,
            fanout=self.fanout,
            clock=clock,
            ids=ids,
            are_personas_awake=lambda room_id: self.system.is_active(PERSONA.at(room_id)),
        )
        sessions = SessionPorts(
            credentials=storage.credentials,
            sessions=storage.sessions,
            fanout=self.fanout,
            search=storage.search,
            rooms=storage.rooms,
            personas=storage.personas,
            runs=storage.runs,
            log=storage.log,
            leases=storage.leases,
            clock=clock,
            ids=ids,
            limits=bounds.limits,
            heartbeat_ms=round(bounds.heartbeat_every * 1_000),
        )
        users = user.UserPorts(
            tenant_id=DEFAULT_TENANT,
            users=storage.users,
            rooms=storage.rooms,
            personas=storage.personas,
            inboxes=storage.inboxes,
            leases=storage.leases,
            fanout=self.fanout,
            clock=clock,
            ids=ids,
            tellings=BookingTellings(storage.bookings, storage.users),
            consultations=storage.consultations,
        )
        return [
            room.spec(rooms, self.traces),
            session.spec(sessions, self.keeper, self.reception),
            user.spec(users),
            presence.spec(self.fanout),
        ]

    def forget_messages(self, room_id: str, first: int) -> None:
        """Retention took what a room had below `first`."""
        address = ROOM.at(room_id)
        if self.system.is_active(address):
            with suppress(Rejected):  # it finds the gap itself, and closes whom it concerns
                self.system.ref(address).tell_nowait(ForgetBelow(first=first))

    def forget_person(self, room_id: str, user_id: str) -> None:
        """The erasure took out what a room had of this user."""
        address = ROOM.at(room_id)
        if self.system.is_active(address):
            with suppress(Rejected):  # it restarts, and reads what is there
                self.system.ref(address).tell_nowait(ForgetPerson(user_id=user_id))

    def _audience_changed(self, topic: str) -> None:
        envelope = Envelope(AudienceChanged(), lane=Lane.EPHEMERAL, key=AudienceChanged)
        with suppress(Rejected):  # level-triggered: the next change tells it all
            self.system.ref(PRESENCE.at(topic.removeprefix("room:"))).deliver_nowait(envelope)

    def _connection_ended(self, connection: Connection) -> None:
        if connection.session_id:
            self.keeper.leave(connection.session_id)
        if connection.user_id is not None:
            self.reception.ended(connection.user_id, connection.ended_by)
