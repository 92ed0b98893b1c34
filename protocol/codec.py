"""MessagePack in and out: one decode into a typed struct; only a refused frame is looked at again."""

from collections.abc import Sequence
from typing import Any

from protocol.errors import ErrorCode
from protocol.wire import ClientFrame, DurableRoomEvent


class Malformed(Exception):
    """The frame is no frame at all (§1 rule ②): close with 4300."""


class Refused(Exception):
    """The frame is a command that cannot be carried out (§1 rule ③); the connection lives on.

    `text` is an English sentence and catalogue key with `{placeholders}` filled from `params`.
    """

    def __init__(
        self,
        code: ErrorCode,
        text: str,
        *,
        ref: int | None,
        fields: Sequence[tuple[str, str]] = (),
        params: dict[str, object] | None = None,
    ) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text
        self.ref = ref
        self.fields = tuple(fields)
        self.params = params or {}


def decode(data: bytes) -> ClientFrame:
    """A client's frame (at most 64 KiB). Raises `Malformed` or `Refused`."""
    raise NotImplementedError


def encode(frame: Any) -> bytes:
    """Any server frame as one MessagePack map."""
    raise NotImplementedError


def decode_event(body: bytes) -> DurableRoomEvent:
    """A stored durable event. Raises `ValueError` when it is none."""
    raise NotImplementedError
