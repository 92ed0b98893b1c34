"""The two closed unions of version 1: what a client may send, what a server may send."""

from protocol.booking import (
    ApproveBooking,
    BookingUpdated,
    CancelBooking,
    CreateBooking,
    DecideBooking,
    DeclineBooking,
    GetBooking,
    NameTraveller,
    QuoteTrip,
)
from protocol.chat import (
    DeleteMessage,
    EditMessage,
    MarkRead,
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageReacted,
    PinMessage,
    PostMessage,
    ReactToMessage,
    ReadHistory,
    ReadMarked,
    SearchMessages,
)
from protocol.consultation import (
    ConsultationChanged,
    ConsultationSignalled,
    JoinConsultation,
    LeaveConsultation,
    SignalConsultation,
)
from protocol.frames import ErrorFrame, Event, Ping, Pong, RoomCommand
from protocol.persona import (
    CancelRun,
    OpenCard,
    RatePersona,
    RunEnded,
    RunStarted,
    SetRoomPersona,
    SwitchPersona,
    TextStreamed,
)
from protocol.plan import ApplyPlan, OpenPlan, PlanChanged
from protocol.presence import PresenceChanged, SetPresence, SetTyping, TypingChanged
from protocol.room import (
    CreateRoom,
    InviteToRoom,
    JoinRoom,
    LeaveRoom,
    MuteRoom,
    RemoveFromRoom,
    RoomChanged,
    RoomInvited,
    UpdateRoom,
)
from protocol.session import Draining, Hello, RefreshAuth, Welcome
from protocol.user import Notified

RoomLogCommand = (
    JoinRoom
    | LeaveRoom
    | InviteToRoom
    | RemoveFromRoom
    | UpdateRoom
    | MuteRoom
    | PostMessage
    | EditMessage
    | DeleteMessage
    | ReactToMessage
    | PinMessage
    | MarkRead
    | ReadHistory
    | SetTyping
    | SetRoomPersona
)
"""What a room answers itself, in the order sent."""

SessionCommand = (
    RefreshAuth
    | SearchMessages
    | SetPresence
    | CreateRoom
    | SwitchPersona
    | CancelRun
    | OpenCard
    | RatePersona
)

DeskCommand = QuoteTrip | CreateBooking
"""What the desk of whoever sends it answers."""

BookingCommand = (
    NameTraveller | ApproveBooking | DeclineBooking | DecideBooking | CancelBooking | GetBooking
)
"""What a booking answers itself, in the order sent."""

PlanCommand = OpenPlan | ApplyPlan
"""What a room's trip board answers itself, after whatever was sent to that room before."""

InRoomOrder = RoomCommand | SearchMessages | SwitchPersona | DeskCommand
"""What takes effect and is answered in the order of the room that it names (§2); all but the first need
not name one. A quote begins in its place, but waits for suppliers: what was sent after it does not wait
for its answer."""

ConsultationCommand = JoinConsultation | SignalConsultation | LeaveConsultation
"""What a consultation answers itself, in the order sent."""

ActorCommand = (
    RoomLogCommand
    | SessionCommand
    | DeskCommand
    | BookingCommand
    | PlanCommand
    | ConsultationCommand
)
"""Whatever somebody inside answers."""

ClientFrame = Hello | Ping | Pong | ActorCommand

DurableRoomEvent = (
    MessagePosted | MessageEdited | MessageDeleted | MessageReacted | MessagePinned | RoomChanged
)
"""What has a place in a room's log."""

ServerEvent = (
    Welcome
    | Draining
    | DurableRoomEvent
    | RoomInvited
    | TypingChanged
    | PresenceChanged
    | ReadMarked
    | RunStarted
    | TextStreamed
    | RunEnded
    | BookingUpdated
    | PlanChanged
    | ConsultationChanged
    | ConsultationSignalled
    | Notified
)

__all__ = [
    "ActorCommand",
    "BookingCommand",
    "ClientFrame",
    "ConsultationCommand",
    "DeskCommand",
    "DurableRoomEvent",
    "ErrorFrame",
    "Event",
    "InRoomOrder",
    "PlanCommand",
    "RoomLogCommand",
    "ServerEvent",
    "SessionCommand",
]
