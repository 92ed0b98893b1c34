"""Personas (§5): the contract's types. Their commands answer `unavailable` until they are built."""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.frames import Command, Event, RoomCommand
from protocol.ids import Id


class SwitchPersona(Command, frozen=True, kw_only=True, tag="persona.switch"):
    """Make a persona the active one, in a room or everywhere."""

    persona_id: Id
    room_id: Id | None = None


class SetRoomPersona(RoomCommand, frozen=True, kw_only=True, tag="room.persona"):
    """Take a persona into a room or out of it."""

    persona_id: Id
    active: bool


class CancelRun(Command, frozen=True, kw_only=True, tag="persona.cancel"):
    """Stop a run; no delta follows the answer."""

    run_id: Id


class OpenCard(Command, frozen=True, kw_only=True, tag="card.opened"):
    """The user looked at a card."""

    message_id: Id
    card_id: Id


class RatePersona(Command, frozen=True, kw_only=True, tag="persona.feedback"):
    """What the user thinks of an answer or of one offer in it."""

    message_id: Id
    value: Literal[-1, 0, 1]
    offer_id: Id | None = None
    reason: Annotated[str, Meta(max_length=500)] | None = None


class RunStarted(Event, frozen=True, kw_only=True, tag="run.started"):
    """A persona begins to answer."""

    room_id: str
    run_id: str
    persona_id: str
    message_id: str
    reply_to: str


class TextStreamed(Event, frozen=True, kw_only=True, tag="chat.delta"):
    """More text of a run; `offset` in UTF-8 bytes."""

    room_id: str
    run_id: str
    offset: int
    text: str


class RunEnded(Event, frozen=True, kw_only=True, tag="run.ended"):
    """A run is over; without `seq` no message came of it."""

    room_id: str
    run_id: str
    reason: Literal["done", "cancelled", "failed"]
    seq: int | None = None
