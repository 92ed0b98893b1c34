"""The client's side of RFC 6455: however a server's bytes are cut, and whatever no server may send."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode

from loadtest.frames import BINARY, Close, Event, FrameReader, Ping, close_bytes, frame_bytes
from loadtest.wire import UnreadableFrameError

MAX = 70_000


def from_server(opcode: int, payload: bytes, *, head: int = 0x80) -> bytes:
    size = len(payload)
    if size < 126:
        length = bytes([size])
    elif size < 1 << 16:
        length = b"\x7e" + size.to_bytes(2, "big")
    else:
        length = b"\x7f" + size.to_bytes(8, "big")
    return bytes([head | opcode]) + length + payload


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=200), max_size=6), st.integers(1, 400))
def test_messages_arrive_whole_however_they_were_cut(messages: list[bytes], piece: int):
    assert read_in_pieces(messages, piece) == messages


@pytest.mark.parametrize("size", [125, 126, 65_535, 65_536])
def test_every_form_of_length_is_read(size: int):
    messages = [b"x" * size, b"the next"]
    assert read_in_pieces(messages, 4_097) == messages


def read_in_pieces(messages: list[bytes], piece: int) -> list[Event]:
    data = b"".join(from_server(BINARY, message) for message in messages)
    reader, got = FrameReader(MAX), []
    for first in range(0, len(data), piece):
        got += reader.feed(data[first : first + piece])
    return got


def test_a_message_in_parts_may_have_control_frames_between():
    reader = FrameReader(MAX)
    data = from_server(2, b"one ", head=0) + from_server(9, b"p") + from_server(0xA, b"ignored")
    data += from_server(0, b"two ", head=0) + from_server(0, b"three")
    assert reader.feed(data) == [Ping(b"p"), b"one two three"]


def test_a_close_says_its_code_and_reason_or_that_there_is_none():
    goodbye = (4002).to_bytes(2, "big") + b"zu langsam"
    assert FrameReader(MAX).feed(from_server(8, goodbye)) == [Close(4002, "zu langsam")]
    assert FrameReader(MAX).feed(from_server(8, b"")) == [Close(1005, "")]


@pytest.mark.parametrize(
    "data",
    [
        b"\x82\x81....x",
        from_server(1, b"text"),
        from_server(3, b""),
        from_server(0, b"goes on with nothing"),
        from_server(2, b"a", head=0) + from_server(2, b"another begins"),
        from_server(2, b"", head=0xC0),
        from_server(9, b"", head=0),
        from_server(9, b"p" * 126),
        b"\x82\x7f" + (MAX + 1).to_bytes(8, "big"),
        from_server(2, b"x" * 40_000, head=0) + from_server(0, b"x" * 40_000),
    ],
    ids=[
        "masked", "text", "unknown opcode", "continues nothing", "begins within", "reserved bit",
        "ping in parts", "long ping", "too long", "too long together",
    ],
)  # fmt: skip
def test_what_no_server_may_send_is_refused(data: bytes):
    with pytest.raises(UnreadableFrameError):
        FrameReader(MAX).feed(data)


@pytest.mark.parametrize("size", [0, 1, 3, 125, 126, 65_535, 65_536])
def test_another_implementation_reads_what_we_send(size: int):
    payload, mask = (bytes(range(256)) * 257)[:size], 0x00FE12AB
    other = FrameProtocol(client=False, extensions=[])
    other.receive_bytes(frame_bytes(BINARY, payload, mask) + close_bytes(1000, "bye", mask))
    *parts, goodbye = other.received_frames()
    assert b"".join(bytes(part.payload) for part in parts) == payload
    assert {part.opcode for part in parts} == {Opcode.BINARY}
    assert goodbye.payload == (1000, "bye")
