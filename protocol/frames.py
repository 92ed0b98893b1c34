"""The shapes every frame shares, and the frames that belong to no subject (§1, §2, §7).

A frame is one MessagePack map with camelCase string keys and a `type`. Unknown keys are ignored.
Fields that are `None` by default are left out when absent.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from protocol.errors import ErrorCode
from protocol.ids import Currency, Id, Millis, Ref


class Value(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """A map inside a frame. Frozen and made of plain data, it is never part of a cycle, and is left out
    of garbage collection: caches hold hundreds of thousands of them."""


class Frame(
    Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", omit_defaults=True
):
    """One frame, either direction."""


class Response(Struct, kw_only=True, rename="camel", tag_field="type", omit_defaults=True):
    """What answers a command. `ref` is set by whoever carries it to its connection, from the
    command."""

    ref: Ref | None = None


class Command(Frame, frozen=True, kw_only=True):
    """A client's request. With a `ref` it is answered exactly once, by `ok` or `error`."""

    ref: Ref | None = None


class RoomCommand(Command, frozen=True, kw_only=True):
    """A command that names a room: those of one connection take effect and are answered in order."""

    room_id: Id


class Event(Frame, frozen=True, kw_only=True):
    """Something that happened, told by the server."""


class Answer(Response, kw_only=True, tag="ok"):
    """Success. The fields of a command's own answer stand beside `type` and `ref`."""


class Done(Answer, kw_only=True, tag="ok"):
    """Success without a further word."""


class FieldError(Value, frozen=True, kw_only=True):
    """One wrong field: its camelCase path (`settings.retentionDays`) and a sentence."""

    field: str
    message: str


class ErrorFrame(Response, kw_only=True, tag="error"):
    """Failure. `code` is a stable word, `message` is in the user's language. `quote`: what the trip
    costs now, of `price_changed` alone; the same map as the `ok` of `booking.quote` holds."""

    code: ErrorCode
    message: str
    temporary: bool
    retry_after_ms: int | None = None
    fields: list[FieldError] | None = None
    reference: str | None = None
    quote: dict[str, Any] | None = None


class Ping(Frame, frozen=True, kw_only=True, tag="ping"):
    """A heartbeat, either direction; answered by `pong` with the same `t`."""

    t: Millis


class Pong(Frame, frozen=True, kw_only=True, tag="pong"):
    """A heartbeat's answer. `server_time` is added by the server alone."""

    t: Millis
    server_time: Millis | None = None


class Money(Value, frozen=True, kw_only=True):
    """An amount in minor units of an ISO 4217 currency."""

    amount: Annotated[int, Meta(ge=-(2**53), le=2**53)]
    currency: Currency
