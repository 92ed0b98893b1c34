"""A decoded frame finds its actor, and the answer finds its way back."""

from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol, cast, get_args

import trio

from core.card_refusal import demand_no_card, may_hold_card
from core.envelope import Envelope, Lane
from core.errors import Overloaded, Rejected, TokenExpired, TokenRevoked
from core.identity import Principal
from core.ports.clock import Clock, Ids
from core.reference import Ref
from gateways.client.admission import Admission
from gateways.client.connection import Connection
from gateways.client.deadlines import Stage
from gateways.client.errors import OURS, RefusedFrame, error_frame, farewell_frame
from gateways.client.fanout import TopicFanout
from gateways.client.frames import encode_binary
from gateways.client.turns import Turns
from protocol import codec
from protocol.addresses import Address
from protocol.booking import BOOKING, DESK, QuoteTrip
from protocol.chat import MessageAccepted, PostMessage, SearchMessages
from protocol.close_codes import CloseCode
from protocol.consultation import CONSULTATION, SignalConsultation
from protocol.frames import Answer, Done, Ping, Pong, RoomCommand
from protocol.persona import SwitchPersona
from protocol.plan import PLAN
from protocol.presence import SetPresence, SetTyping
from protocol.room import ROOM, AwaitTurn, CreateRoom
from protocol.session import SESSION, Hello
from protocol.user import USER
from protocol.wire import (
    ActorCommand,
    BookingCommand,
    ClientFrame,
    ConsultationCommand,
    DeskCommand,
    InRoomOrder,
    PlanCommand,
)

_OF_CONSULTATIONS: Final = frozenset(get_args(ConsultationCommand))
_OF_DESKS: Final = frozenset(get_args(DeskCommand))
_OF_BOOKINGS: Final = frozenset(get_args(BookingCommand))
_OF_PLANS: Final = frozenset(get_args(PlanCommand))
_IN_TURN: Final = _OF_PLANS | _OF_DESKS | {SearchMessages, SwitchPersona}
"""What another actor than the room that it names answers, in that room's order (§2). A command's type
is looked up here: `isinstance` would ask each of them in turn, two microseconds."""


class System(Protocol):
    """What the router needs of the actor system."""

    def ref(self, address: Address) -> Ref[Any]:
        """The actor of this name, active or not."""


class Router:
    """`connection.Handler` for the protocol: the order of a connection's life, and who answers.

    Borrows: the actor system, the fan-out (for `presence.set`) and the admission.
    """

    def __init__(
        self, system: System, *, fanout: TopicFanout, admission: Admission, clock: Clock, ids: Ids
    ) -> None:
        self._system = system
        self._fanout = fanout
        self._admission = admission
        self._clock = clock
        self._ids = ids

    def received(self, connection: Connection, message: bytes) -> None:
        if connection.stage is Stage.GREETING:
            connection.hold(message)
            return
        try:
            frame = codec.decode(message)
        except codec.Malformed:
            connection.close_nowait(CloseCode.MALFORMED_FRAME)
        except codec.Refused as refused:
            rejected, room_id = RefusedFrame(refused), refused.room_id
            self._refuse_in_turn(connection, rejected, refused.ref, room_id, refused.client_id)
            connection.rest(len(message))
        else:
            self._judge(connection, frame, may_hold_card(message))

    def received_text(self, connection: Connection, text: str) -> None:
        connection.close_nowait(CloseCode.MALFORMED_FRAME)

    def farewell(self, connection: Connection, code: CloseCode) -> bytes:
        return farewell_frame(code, locale=connection.locale)

    def ping(self) -> bytes:
        return codec.encode(Ping(t=self._clock.now_ms()))

    def admit(self, connection: Connection, principal: Principal) -> bool:
        return self._admission.enter_user(principal.user_id, connection.address)

    def _judge(self, connection: Connection, frame: ClientFrame, is_suspect: bool) -> None:
        """The rules that come before a frame's own meaning (§1 rule ④, §3)."""
        if isinstance(frame, Ping):
            pong = Pong(t=frame.t, server_time=self._clock.now_ms())
            connection.answer_nowait(codec.encode(pong))
            connection.take_beat()
        elif isinstance(frame, Hello):
            if connection.stage is Stage.OPENING:
                self._greet(connection, frame)
            else:
                self._refuse(connection, Rejected("bad_request", "You said hello before."), None)
        elif connection.principal is None:
            connection.close_nowait(CloseCode.UNAUTHENTICATED)
        elif isinstance(frame, Pong):
            connection.take_beat()
        elif is_suspect and (refusal := _card_in(frame)) is not None:
            room_id, client_id = _room_in_order(frame), codec.message_key(frame)
            self._refuse_in_turn(connection, refusal, frame.ref, room_id, client_id)
        else:
            self._command(connection, connection.principal, frame)

    def _greet(self, connection: Connection, hello: Hello) -> None:
        """Hand the hello to its session, which answers by `welcomed` or a refusal."""
        connection.locale = hello.client.locale or connection.locale
        connection.greet()
        session_id = hello.resume.session_id if hello.resume is not None else self._ids.uuid7()

        def answered(answer: Answer | Rejected) -> None:
            if isinstance(answer, Rejected) and connection.stage is Stage.GREETING:
                self._turn_away(connection, answer)

        envelope = Envelope(hello, client=connection, reply=answered)
        try:
            self._system.ref(SESSION.at(session_id)).deliver_nowait(envelope)
        except Rejected as rejected:
            self._turn_away(connection, rejected)

    def _turn_away(self, connection: Connection, rejected: Rejected) -> None:
        """A hello was refused: the close code says whether to come back."""
        if isinstance(rejected, TokenExpired):
            code = CloseCode.TOKEN_EXPIRED
        elif isinstance(rejected, TokenRevoked):
            code = CloseCode.TOKEN_REVOKED
        elif rejected.temporary:
            code = CloseCode.OVERLOADED
        else:
            code = CloseCode.UNAUTHENTICATED
        error = error_frame(rejected, ref=None, locale=connection.locale)
        connection.close_with(code, encode_binary(error))

    def _command(
        self,
        connection: Connection,
        principal: Principal,
        command: ActorCommand,
    ) -> None:
        try:
            _limit(connection)
            if connection.turns and (room_id := _room_in_order(command)) is not None:
                again = partial(self._deliver_or_refuse, connection, principal, command)
                if not connection.turns.hold(room_id, again):
                    again()
            else:
                self._deliver(connection, principal, command)
        except Rejected as rejected:
            self._refuse(connection, rejected, command.ref)

    def _deliver_or_refuse(
        self, connection: Connection, principal: Principal, command: ActorCommand
    ) -> None:
        try:
            self._deliver(connection, principal, command)
        except Rejected as rejected:
            self._refuse(connection, rejected, command.ref)

    def _refuse_in_turn(
        self,
        connection: Connection,
        rejected: Rejected,
        ref: int | None,
        room_id: str | None,
        client_id: str | None = None,
    ) -> None:
        """A command that names a room is answered after those sent before it to the same room (§2),
        also when it never gets there: the room holds the refusal's place, and knows a repeat."""
        if room_id is None or connection.principal is None:
            self._refuse(connection, rejected, ref)
            return
        if connection.turns:
            again = partial(self._refuse_in_turn, connection, rejected, ref, room_id, client_id)
            with suppress(Overloaded):
                if connection.turns.hold(room_id, again):
                    return

        def reply(answer: Answer | Rejected) -> None:
            is_repeat = isinstance(answer, MessageAccepted)
            self._answer(connection, ref, answer if is_repeat else rejected)

        turn = AwaitTurn(client_id=client_id)
        envelope = Envelope(turn, principal=connection.principal, client=connection, reply=reply)
        try:
            self._system.ref(ROOM.at(room_id)).deliver_nowait(envelope)
        except Rejected:
            self._refuse(connection, rejected, ref)

    def _deliver(
        self,
        connection: Connection,
        principal: Principal,
        command: ActorCommand,
    ) -> None:
        """Queue a command at its actor. Raises `Rejected` when it goes nowhere."""
        if isinstance(command, SetPresence):
            self._fanout.set_away(connection, command.status == "away")
            self._answer(connection, command.ref, Done())
            return
        if type(command) in _IN_TURN and (room_id := _room_in_order(command)) is not None:
            self._deliver_in_turn(connection, principal, command, room_id)
            return
        ref = command.ref
        reply = partial(self._answer, connection, ref)
        envelope = Envelope(command, principal=principal, client=connection, reply=reply)
        if isinstance(command, SetTyping) and ref is None:
            # Whoever asks for an answer gets it in the order sent; nobody misses a lost one of these.
            envelope.lane, envelope.key = Lane.EPHEMERAL, (SetTyping, principal.user_id)
        elif isinstance(command, PostMessage):
            envelope.read_at = connection.heard_at
        self._system.ref(_address(connection, principal, command)).deliver_nowait(envelope)

    def _deliver_in_turn(
        self, connection: Connection, principal: Principal, command: ActorCommand, room_id: str
    ) -> None:
        """A room's board, a desk or a session is another actor than the room: the room says when all that
        was sent before has been answered, and what is sent after waits here until it has answered (§2); not
        for a quote, whose answer is the suppliers'."""
        if connection.turns is None:
            connection.turns = Turns()
        turns, ref = connection.turns, command.ref
        address = _address(connection, principal, command)

        def answered(answer: Answer | Rejected) -> None:
            self._answer(connection, ref, answer)
            turns.over(room_id)

        def its_turn(turn: Answer | Rejected) -> None:
            if isinstance(turn, Rejected):
                answered(turn)
                return
            is_quote = isinstance(command, QuoteTrip)
            reply = partial(self._answer, connection, ref) if is_quote else answered
            envelope = Envelope(command, principal=principal, client=connection, reply=reply)
            try:
                self._system.ref(address).deliver_nowait(envelope)
            except Rejected as rejected:
                answered(rejected)
            else:
                if is_quote:
                    turns.over(room_id)

        turn = Envelope(AwaitTurn(), principal=principal, client=connection, reply=its_turn)
        self._system.ref(ROOM.at(room_id)).deliver_nowait(turn)
        turns.take(room_id)

    def _answer(self, connection: Connection, ref: int | None, answer: Answer | Rejected) -> None:
        """Success without `ref` is silent; a failure is always told."""
        if isinstance(answer, Rejected):
            self._refuse(connection, answer, ref)
        elif ref is not None and connection.is_open:
            answer.ref = ref
            connection.answer_nowait(codec.encode(answer))

    def _refuse(self, connection: Connection, rejected: Rejected, ref: int | None) -> None:
        if not connection.is_open:
            return
        connection.answer_nowait(error_frame(rejected, ref=ref, locale=connection.locale))
        refusals = connection.refusals
        if (
            refusals is not None
            and rejected.code not in OURS
            and refusals.is_abuse(trio.current_time())
        ):
            connection.close_nowait(CloseCode.RATE_ABUSE)


def _address(
    connection: Connection,
    principal: Principal,
    command: ActorCommand,
) -> Address:
    """Who answers a command."""
    if type(command) in _OF_PLANS:
        return PLAN.at(cast("PlanCommand", command).room_id)
    if isinstance(command, RoomCommand):
        return ROOM.at(command.room_id)
    if type(command) in _OF_BOOKINGS:
        return BOOKING.at(cast("BookingCommand", command).booking_id)
    if type(command) in _OF_CONSULTATIONS:
        return CONSULTATION.at(cast("ConsultationCommand", command).consultation_id)
    if type(command) in _OF_DESKS:
        return DESK.at(principal.user_id)
    if isinstance(command, CreateRoom):
        return USER.at(principal.user_id)
    return SESSION.at(connection.session_id)


def _room_in_order(command: ActorCommand) -> str | None:
    """The room in whose order a command is answered (§2)."""
    return command.room_id if isinstance(command, InRoomOrder) else None


def _card_in(command: ActorCommand) -> Rejected | None:
    """Why a command is refused in which a card's number stands. A signal goes from one connection to another
    and stays nowhere; session ids of SDP (RFC 8866 §5.2) are numbers as long as a card's."""
    if isinstance(command, SignalConsultation):
        return None
    try:
        demand_no_card(command)
    except Rejected as refusal:
        return refusal
    return None


def _limit(connection: Connection) -> None:
    """Count a command. Raises `Rejected("rate_limited")`."""
    rate = connection.command_rate
    wait = rate.take(trio.current_time()) if rate is not None else 0.0
    if wait:
        raise Rejected(
            "rate_limited",
            "You are sending commands too fast.",
            retry_after_ms=int(wait * 1_000) + 1,
        )
