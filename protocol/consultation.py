"""Consultations (§6): the contract's types, and the name of the actor that holds a call."""

from typing import Annotated, Any, Final

from msgspec import Meta, field

from protocol.addresses import Kind
from protocol.frames import Command, Event
from protocol.ids import Id
from protocol.limits import MAX_FREE_BYTES

CONSULTATION: Final = Kind("consultation")
"""A consultation's call; keyed by the consultation's id."""


class JoinConsultation(Command, frozen=True, kw_only=True, tag="consult.join"):
    """Enter a consultation."""

    consultation_id: Id


class SignalConsultation(Command, frozen=True, kw_only=True, tag="consult.signal"):
    """Pass SDP or ICE to the other side, opaque to the server."""

    consultation_id: Id
    to: Id
    data: Annotated[Any, Meta(extra_json_schema={"x-max-bytes": MAX_FREE_BYTES})]


class LeaveConsultation(Command, frozen=True, kw_only=True, tag="consult.leave"):
    """Leave a consultation."""

    consultation_id: Id


class ConsultationSignalled(Event, frozen=True, kw_only=True, tag="consult.signal"):
    """What the other side has passed on, to the connection that has joined."""

    consultation_id: str
    from_: str = field(name="from")
    data: Any


class ConsultationChanged(Event, frozen=True, kw_only=True, tag="consult.state"):
    """A consultation in its present state."""

    consultation_id: str
    state: str
    participants: list[str]
    starts_at: int
    meter_seconds: int
    inbox: int
