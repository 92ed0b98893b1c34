"""A person's own sequence of events, the inbox (§3, §6)."""

from typing import Final, Literal

from msgspec.msgpack import Decoder

from protocol.addresses import Kind
from protocol.frames import Answer, Event, Value

USER: Final = Kind("user")


class Notified(Event, frozen=True, kw_only=True, tag="notification"):
    """A notice for one user; an event of that user's own sequence."""

    inbox: int
    kind: str
    title: str
    body: str
    link: str | None = None


# Between actors; never on the wire.


class InviteArrived(Value, frozen=True, kw_only=True, tag="invite"):
    """outbox → user: you were invited to a room by its event `seq`. Idempotent per room and seq."""

    room_id: str
    seq: int


class TellBooking(Value, frozen=True, kw_only=True, tag="booking"):
    """outbox → user: a booking of yours has this version now; give that a place in the inbox. Idempotent
    per booking and version."""

    booking_id: str
    version: int


ConsultationState = Literal["booked", "soon", "waiting", "live", "over", "cancelled"]


class TellConsultation(Value, frozen=True, kw_only=True, tag="consultation"):
    """outbox, timer or consultation → user: this became of a consultation of yours; give that a place in
    the inbox. Idempotent per consultation and `change`, of those that come once per state. `soon`: a
    reminder, which is nothing where it was cancelled, as what has a `change`, or is over. `meter_seconds`: where
    a call has counted more than is stored."""

    consultation_id: str
    state: ConsultationState
    change: str = ""
    meter_seconds: int = 0


class Delivered(Answer, kw_only=True, tag="ok"):
    """user → outbox: the event has its place in the inbox."""

    inbox: int


class FollowInbox(Value, frozen=True, kw_only=True):
    """session → user: send the envelope's client every inbox event after `after`, then live ones."""

    after: int


News = InviteArrived | TellBooking | TellConsultation
_ASIDES: Final[Decoder[News]] = Decoder(News)


def read_aside(payload: bytes | None) -> News:
    """What was left with a user's durable timers. Raises `ValueError` when it is none."""
    return _ASIDES.decode(payload or b"")
