"""Consultations (§6): the contract's types. Their commands answer `unavailable` until built."""

from typing import Annotated, Any

from msgspec import Meta

from protocol.frames import Command, Event
from protocol.ids import Id
from protocol.limits import MAX_FREE_BYTES


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


class ConsultationChanged(Event, frozen=True, kw_only=True, tag="consult.state"):
    """A consultation in its present state."""

    consultation_id: str
    state: str
    participants: list[str]
    starts_at: int
    meter_seconds: int
    inbox: int
