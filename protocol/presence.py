"""Typing and presence (§4): never durable, never replayed."""

from typing import Final, Literal

from protocol.addresses import Kind
from protocol.frames import Command, Event, RoomCommand, Value

PRESENCE: Final = Kind("presence")


class SetTyping(RoomCommand, frozen=True, kw_only=True, tag="typing.indicator"):
    """I am typing, or no longer."""

    active: bool


class SetPresence(Command, frozen=True, kw_only=True, tag="presence.set"):
    """Am I there? `away` makes this connection count as not online."""

    status: Literal["online", "away"]


class TypingChanged(Event, frozen=True, kw_only=True, tag="typing.indicator"):
    """Somebody types, or no longer; ends by itself after 8 s."""

    room_id: str
    user_id: str
    active: bool


class PresenceChanged(Event, frozen=True, kw_only=True, tag="presence.update"):
    """Who came and went since the last update, at most once a second; ids only up to 200 online."""

    room_id: str
    count: int
    joined: list[str]
    left: list[str]


class AudienceChanged(Value, frozen=True, kw_only=True):
    """fan-out → presence: somebody came or went; read the present audience and announce it."""
