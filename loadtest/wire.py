"""Frames as a client sees them: one MessagePack map per binary message (§1)."""

from typing import Any

import msgpack

Frame = dict[str, Any]
"""One decoded frame: string keys, `type` among them."""


class UnreadableFrameError(ValueError):
    """The server sent something that is no frame."""


def pack(frame: Frame) -> bytes:
    """One frame as one MessagePack map; fields that are None are left out."""
    packed: bytes = msgpack.packb({k: v for k, v in frame.items() if v is not None})
    return packed


def unpack(data: bytes | str) -> Frame:
    """The frame in one message. Raises `UnreadableFrameError`."""
    if isinstance(data, str):
        raise UnreadableFrameError("a text message")
    try:
        frame = msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException) as error:
        raise UnreadableFrameError(str(error)) from None
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise UnreadableFrameError("not a map with a type")
    return frame


def is_durable(frame: Frame) -> bool:
    """Whether a frame has a place in a room's log (§4)."""
    return "epoch" in frame and "seq" in frame and "roomId" in frame and "ref" not in frame
