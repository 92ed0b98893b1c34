"""Which answer belongs to which command (§4-§6)."""

from collections.abc import Mapping
from typing import Final

from protocol import booking, chat, persona, plan, room, session
from protocol.frames import Answer, Command, Done

_OWN_ANSWERS: Final[Mapping[type[Command], type[Answer]]] = {
    session.RefreshAuth: session.AuthRefreshed,
    room.CreateRoom: room.RoomAnswered,
    room.JoinRoom: room.RoomAnswered,
    **dict.fromkeys(
        (
            *(room.LeaveRoom, room.InviteToRoom, room.RemoveFromRoom, room.UpdateRoom),
            *(chat.EditMessage, chat.DeleteMessage, chat.ReactToMessage, chat.PinMessage),
            persona.SetRoomPersona,
        ),
        room.Sequenced,
    ),
    chat.PostMessage: chat.MessageAccepted,
    chat.ReadHistory: chat.HistoryRead,
    chat.SearchMessages: chat.MessagesFound,
    booking.QuoteTrip: booking.QuoteAnswered,
    **dict.fromkeys(
        (
            *(booking.CreateBooking, booking.NameTraveller, booking.ApproveBooking),
            *(booking.DeclineBooking, booking.DecideBooking, booking.CancelBooking),
            booking.GetBooking,
        ),
        booking.BookingAnswered,
    ),
    plan.OpenPlan: plan.PlanOpened,
    plan.ApplyPlan: plan.PlanApplied,
}

ANSWERS: Final[tuple[type[Answer], ...]] = (Done, *dict.fromkeys(_OWN_ANSWERS.values()))
"""Every answer of the contract."""


def answer_to(command: type[Command]) -> type[Answer]:
    """What succeeds a command that was given a `ref`."""
    return _OWN_ANSWERS.get(command, Done)
