"""RFC 6455 frames, the client's side after the handshake: bytes in, messages out, no sockets.

Written apart from the server's own parser: an outsider who shares its mistakes would not see them.
The layout of a frame is §5.2, masking §5.3, fragmentation §5.4, close frames §5.5.1.
"""

from typing import Final, NamedTuple

from loadtest.wire import UnreadableFrameError

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL: Final = 0x80
MASKED: Final = 0x80
NO_CODE: Final = 1005
_OPCODE, _CONTROL, _MAX_CONTROL = 0x0F, 0x08, 125
_WHOLE_BINARY: Final = FINAL | BINARY
_TWO_MORE, _EIGHT_MORE = 126, 127


class Ping(NamedTuple):
    """To be answered by a pong with the same payload."""

    payload: bytes


class Close(NamedTuple):
    """The server's last word. `code` 1005: it gave none."""

    code: int
    reason: str


Event = bytes | Ping | Close
"""`bytes` is a whole binary message."""


class FrameReader:
    """Turns a server's bytes into messages, however they were cut.

    Holds at most one unfinished message of `max_message_bytes`, and one unfinished frame of it.
    """

    __slots__ = ("_max", "_parts", "_rest")

    def __init__(self, max_message_bytes: int) -> None:
        self._max = max_message_bytes
        self._rest = b""
        self._parts: bytes | None = None

    def feed(self, data: bytes) -> list[Event]:
        """What became whole. Raises `UnreadableFrameError` for what no server may send."""
        if self._rest:
            data = self._rest + data
        events: list[Event] = []
        at, end = 0, len(data)
        while end - at >= 2:
            start, size = at + 2, data[at + 1]
            if size >= _TWO_MORE:
                if size > _EIGHT_MORE:
                    raise UnreadableFrameError("a masked frame")
                start += 2 if size == _TWO_MORE else 8
                if start > end:
                    break
                size = int.from_bytes(data[at + 2 : start], "big")
            if size > self._max:
                raise UnreadableFrameError(f"a frame of {size} bytes")
            stop = start + size
            if stop > end:
                break
            if data[at] == _WHOLE_BINARY and self._parts is None:
                events.append(data[start:stop])
            else:
                self._unusual(data[at], data[start:stop], events)
            at = stop
        self._rest = data[at:]
        return events

    def _unusual(self, head: int, payload: bytes, events: list[Event]) -> None:
        opcode, is_final = head & _OPCODE, bool(head & FINAL)
        if head & ~(FINAL | _OPCODE):
            raise UnreadableFrameError("a frame with reserved bits")
        if opcode & _CONTROL and (not is_final or len(payload) > _MAX_CONTROL):
            raise UnreadableFrameError("a control frame in parts or too long")
        match opcode:
            case 0x0 if self._parts is not None:
                self._joined(payload, is_final, events)
            case 0x2 if self._parts is None:
                self._parts = b""
                self._joined(payload, is_final, events)
            case 0x8:
                events.append(_close_of(payload))
            case 0x9:
                events.append(Ping(payload))
            case 0xA:
                pass
            case 0x1:
                raise UnreadableFrameError("a text message")
            case _:
                raise UnreadableFrameError(f"a frame with opcode {opcode} out of place")

    def _joined(self, payload: bytes, is_final: bool, events: list[Event]) -> None:
        whole = (self._parts or b"") + payload
        if len(whole) > self._max:
            raise UnreadableFrameError(f"a message of more than {self._max} bytes")
        self._parts = None if is_final else whole
        if is_final:
            events.append(whole)


def frame_bytes(opcode: int, payload: bytes, mask: int) -> bytes:
    """One whole frame of a client. `mask`: 32 bits that the other side cannot foresee."""
    size = len(payload)
    if size < _TWO_MORE:
        head = bytes((FINAL | opcode, MASKED | size))
    elif size < 1 << 16:
        head = bytes((FINAL | opcode, MASKED | _TWO_MORE)) + size.to_bytes(2, "big")
    else:
        head = bytes((FINAL | opcode, MASKED | _EIGHT_MORE)) + size.to_bytes(8, "big")
    key = mask.to_bytes(4, "big")
    pad = int.from_bytes((key * (size // 4 + 1))[:size], "big")
    return head + key + (int.from_bytes(payload, "big") ^ pad).to_bytes(size, "big")


def close_bytes(code: int, reason: str, mask: int) -> bytes:
    """A close frame; an empty one for 1005, which is never sent."""
    payload = b"" if code == NO_CODE else code.to_bytes(2, "big") + reason.encode()
    return frame_bytes(CLOSE, payload[:_MAX_CONTROL], mask)


def _close_of(payload: bytes) -> Close:
    if len(payload) < 2:
        return Close(NO_CODE, "")
    return Close(int.from_bytes(payload[:2], "big"), payload[2:].decode(errors="replace"))
