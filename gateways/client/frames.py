"""RFC 6455 frames, the server's side after the handshake: bytes in, events out, no sockets.

The layout of a frame is RFC 6455 §5.2, fragmentation §5.4, close codes §7.4. No extension is ever
negotiated, so every reserved bit is a violation. Where the RFC leaves a choice:

- a length written longer than needed is accepted, as most servers do;
- a message of more than `max_fragments` frames (empty ones count) is refused like one of too many
  bytes, 4304: a client that floods should stop, not reconnect;
- a text message is 4300 (§1 rule ②), unless `allow_text`, which the conformance suite sets.
"""

from codecs import IncrementalDecoder, getincrementaldecoder
from typing import Final, NamedTuple

from protocol.close_codes import CloseCode
from protocol.limits import MAX_FRAME_BYTES

MAX_FRAGMENTS: Final = 64
MAX_CONTROL_BYTES: Final = 125
HEADER_BYTES: Final = 6
"""What the smallest frame of a client costs on the wire, beside its payload."""

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_OPCODES: Final = frozenset({_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG})
_FINAL, _RESERVED, _OPCODE, _CONTROL = 0x80, 0x70, 0x0F, 0x08
_MASKED: Final = 0x80
_WHOLE_BINARY: Final = _FINAL | _BINARY
_Utf8Decoder: Final = getincrementaldecoder("utf-8")


class Text(NamedTuple):
    """A whole text message; only with `allow_text`."""

    text: str


class Ping(NamedTuple):
    """To be answered by a pong with the same payload (at most 125 bytes)."""

    payload: bytes


class Pong(NamedTuple):
    """An answer to a ping, or a word of life nobody asked for."""

    payload: bytes


class Close(NamedTuple):
    """The client says goodbye; nothing it sends after this is read. `code` None: it gave none."""

    code: int | None
    reason: str


class ProtocolViolation(NamedTuple):
    """Close with `close_code`; nothing after this is read. `reason` is for the log."""

    close_code: CloseCode
    reason: str


Event = bytes | Text | Ping | Pong | Close | ProtocolViolation
"""`bytes` is a whole binary message, by far the most frequent event."""


class FrameParser:
    """Turns a client's bytes into messages, however they were cut.

    Holds at most one unfinished frame and one unfinished message, each within `max_message_bytes`
    (plus a header); a frame that would break the limit is refused from its header.
    """

    __slots__ = (
        "_allow_text",
        "_buffer",
        "_decoder",
        "_is_over",
        "_max_fragments",
        "_max_message_bytes",
        "_missing",
        "_opcode",
        "_pieces",
        "_room",
    )

    def __init__(
        self,
        max_message_bytes: int = MAX_FRAME_BYTES,
        *,
        max_fragments: int = MAX_FRAGMENTS,
        allow_text: bool = False,
    ) -> None:
        self._max_message_bytes = max_message_bytes
        self._max_fragments = max_fragments
        self._allow_text = allow_text
        self._is_over = False
        self._buffer: bytearray | None = None
        self._missing = 0  # length the buffer must reach before another look is worth it
        self._opcode = 0  # of the fragmented message under way
        self._pieces: list[bytes] | None = None  # made for a message in parts: few are
        self._room = max_message_bytes  # bytes the message under way may still have
        self._decoder: IncrementalDecoder | None = None  # of the text message under way

    @property
    def is_over(self) -> bool:
        """Whether a `Close` or a `ProtocolViolation` came: what follows is thrown away."""
        return self._is_over

    @property
    def buffered_bytes(self) -> int:
        """Bytes held of an unfinished frame and an unfinished message."""
        return len(self._buffer or b"") + sum(map(len, self._pieces or ()))

    def stop(self) -> None:
        """Throw away what is held and all that follows."""
        self._is_over, self._buffer, self._pieces = True, None, None

    def receive(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """The events that these bytes complete, in order. Keeps no reference to `data`."""
        if self._is_over:
            return []
        if self._buffer is not None:
            self._buffer += data
            if len(self._buffer) < self._missing:
                return []
            data, self._buffer = self._buffer, None
        return self._parse(bytes(data))

    def _parse(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        at, end, wanted = 0, len(data), 2
        while end - at >= 2:
            first, second = data[at], data[at + 1]
            if (first != _WHOLE_BINARY or second < _MASKED or self._opcode) and (
                fault := self._fault_in(first, second)
            ):
                return self._end(events, fault)
            length, body = second - _MASKED, at + 6
            if length > MAX_CONTROL_BYTES:
                body = at + (8 if length == 126 else 14)
                if end < body:
                    wanted = body - at
                    break
                length = int.from_bytes(data[at + 2 : body - 4], "big")
                if fault := self._fault_of_length(length):
                    return self._end(events, fault)
            elif length > self._room and not first & _CONTROL:
                return self._end(events, _TOO_LARGE)
            if end < body + length:
                wanted = body + length - at
                break
            payload = _unmask(data, body, length)
            at, wanted = body + length, 2
            if first == _WHOLE_BINARY:
                events.append(payload)
            elif (event := self._take(first, payload)) is not None:
                if isinstance(event, Close | ProtocolViolation):
                    return self._end(events, event)
                events.append(event)
        if at < end:
            self._buffer, self._missing = bytearray(data[at:]), wanted
        return events

    def _end(self, events: list[Event], last: Close | ProtocolViolation) -> list[Event]:
        self.stop()
        events.append(last)
        return events

    def _fault_in(self, first: int, second: int) -> ProtocolViolation | None:
        """What is wrong with a header's first two bytes."""
        opcode = first & _OPCODE
        if first & _RESERVED:
            return _fault("reserved bit set")
        if opcode not in _OPCODES:
            return _fault("unknown opcode")
        if second < _MASKED:
            return _fault("frame not masked")
        if opcode & _CONTROL:
            if not first & _FINAL:
                return _fault("fragmented control frame")
            if second - _MASKED > MAX_CONTROL_BYTES:
                return _fault("control frame longer than 125 bytes")
            return None
        if (opcode == _CONTINUATION) != bool(self._opcode):
            return _fault("new message inside a message" if opcode else "nothing to continue")
        if _TEXT in (opcode, self._opcode) and not self._allow_text:
            return ProtocolViolation(CloseCode.MALFORMED_FRAME, "text message")
        if self._pieces is not None and len(self._pieces) >= self._max_fragments:
            return ProtocolViolation(CloseCode.FRAME_TOO_LARGE, "too many fragments")
        return None

    def _fault_of_length(self, length: int) -> ProtocolViolation | None:
        if length >> 63:
            return _fault("length with its top bit set")
        return _TOO_LARGE if length > self._room else None

    def _take(self, first: int, payload: bytes) -> Event | None:
        """A frame that is not a whole binary message."""
        opcode = first & _OPCODE
        if opcode == _CLOSE:
            return _read_close(payload)
        if opcode == _PING:
            return Ping(payload)
        if opcode == _PONG:
            return Pong(payload)
        if opcode == _TEXT:
            self._decoder = _Utf8Decoder()
        self._opcode = self._opcode or opcode
        if self._pieces is None:
            self._pieces = []
        self._pieces.append(payload)
        self._room -= len(payload)
        is_final = first >= _FINAL
        if self._decoder is not None:
            try:
                self._decoder.decode(payload, is_final)
            except UnicodeDecodeError:
                return ProtocolViolation(CloseCode.INVALID_PAYLOAD, "text is not UTF-8")
        return self._finish(self._pieces) if is_final else None

    def _finish(self, pieces: list[bytes]) -> Event:
        message, opcode = b"".join(pieces), self._opcode
        self._opcode, self._pieces, self._decoder = 0, None, None
        self._room = self._max_message_bytes
        return message if opcode == _BINARY else Text(message.decode())


def _fault(reason: str) -> ProtocolViolation:
    return ProtocolViolation(CloseCode.PROTOCOL_ERROR, reason)


_TOO_LARGE: Final = ProtocolViolation(CloseCode.FRAME_TOO_LARGE, "message too large")


def _unmask(data: bytes, at: int, length: int) -> bytes:
    """The payload of `length` bytes at `at`, its mask in the four bytes before it.

    One exclusive-or of two big integers: half a microsecond for 120 bytes, linear in the length.
    """
    mask = data[at - 4 : at] * ((length + 3) // 4)
    key = int.from_bytes(mask[:length], "little")
    return (int.from_bytes(data[at : at + length], "little") ^ key).to_bytes(length, "little")


def _read_close(payload: bytes) -> Close | ProtocolViolation:
    if not payload:
        return Close(None, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not may_travel(code):
        return _fault("invalid close code")
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        return ProtocolViolation(CloseCode.INVALID_PAYLOAD, "close reason is not UTF-8")


def may_travel(code: int) -> bool:
    """Whether a close frame may carry `code`: 1000-1003, 1007-1014 (registered), 3000-4999."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def encode_binary(payload: bytes) -> bytes:
    """A whole binary message as one frame, to be sent to any number of sockets."""
    return _encode(_FINAL | _BINARY, payload)


def encode_text(text: str) -> bytes:
    """A whole text message as one frame."""
    return _encode(_FINAL | _TEXT, text.encode())


def encode_ping(payload: bytes = b"") -> bytes:
    """A ping. Raises ValueError for more than 125 bytes."""
    return _encode_control(_PING, payload)


def encode_pong(payload: bytes = b"") -> bytes:
    """The answer to a ping, with the ping's payload. Raises ValueError for more than 125 bytes."""
    return _encode_control(_PONG, payload)


def encode_close(code: int | None = None, reason: str = "") -> bytes:
    """A close frame; a reason over 123 bytes is cut between characters.

    Raises ValueError for a code that must not travel.
    """
    if code is None:
        return _encode_control(_CLOSE, b"")
    if not may_travel(code):
        raise ValueError(f"close code {code} must not travel")
    words = reason.encode()[: MAX_CONTROL_BYTES - 2].decode(errors="ignore").encode()
    return _encode_control(_CLOSE, code.to_bytes(2, "big") + words)


def _encode_control(opcode: int, payload: bytes) -> bytes:
    if len(payload) > MAX_CONTROL_BYTES:
        raise ValueError("a control frame carries at most 125 bytes")
    return _encode(_FINAL | opcode, payload)


def _encode(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length <= MAX_CONTROL_BYTES:
        return bytes((first, length)) + payload
    if length < 65_536:
        return bytes((first, 126)) + length.to_bytes(2, "big") + payload
    return bytes((first, 127)) + length.to_bytes(8, "big") + payload
