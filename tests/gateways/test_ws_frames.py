"""The frame parser reads what RFC 6455 allows and refuses the rest: checked against wsproto."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

from gateways.client import frames
from gateways.client.frames import Close, FrameParser, Ping, Pong, ProtocolViolation, Text

MASK = b"\x37\xfa\x21\x3d"
FINAL, BINARY, TEXT, CONTINUATION, CLOSE, PING, PONG = 0x80, 2, 1, 0, 8, 9, 10
LENGTHS = [0, 1, 3, 4, 5, 120, 124, 125, 126, 127, 200, 65_534, 65_535, 65_536]


def masked(payload: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def frame(first: int, payload: bytes = b"", *, mask: bytes = MASK, form: int = 0) -> bytes:
    """A client's frame; `form` 126 or 127 writes the length longer than needed."""
    size = len(payload)
    form = form or (size if size <= 125 else 126 if size < 65_536 else 127)
    extended = size.to_bytes({126: 2, 127: 8}.get(form, 0), "big") if form >= 126 else b""
    return bytes((first, 0x80 | form)) + extended + mask + masked(payload, mask)


def read(data: bytes, cuts: list[int] | None = None, **options: object) -> list[frames.Event]:
    parser = FrameParser(**{"allow_text": True, **options})  # type: ignore[arg-type]
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts or []), len(data)]
    return [
        event
        for start, stop in itertools.pairwise(edges)
        for event in parser.receive(data[start:stop])
    ]


def as_told_by_wsproto(data: bytes) -> list[object]:
    """What wsproto's server makes of the same bytes, in our words."""
    server = FrameProtocol(client=False, extensions=[])
    server.receive_bytes(data)
    told: list[object] = []
    pieces: list[bytes | str] = []
    try:
        for event in server.received_frames():
            if event.opcode is Opcode.PING:
                told.append(Ping(bytes(event.payload)))
            elif event.opcode is Opcode.PONG:
                told.append(Pong(bytes(event.payload)))
            elif event.opcode is Opcode.CLOSE:
                code, reason = event.payload
                told.append(Close(None if code == 1005 else int(code), reason))
                break
            else:
                pieces.append(event.payload)
                if event.message_finished:
                    whole = type(pieces[0])().join(pieces)
                    told.append(Text(whole) if isinstance(whole, str) else bytes(whole))
                    pieces = []
    except ParseFailed as failure:
        told.append(int(failure.code))
    return told


def as_told_by_us(events: list[frames.Event]) -> list[object]:
    return [int(e.close_code) if isinstance(e, ProtocolViolation) else e for e in events]


masks = st.binary(min_size=4, max_size=4)
payloads = st.binary(max_size=40) | st.sampled_from(LENGTHS[:-1]).map(bytes)
controls = st.tuples(st.sampled_from([FINAL | PING, FINAL | PONG]), st.binary(max_size=125))
cut_points = st.lists(st.integers(0, 200_000), max_size=12)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A message, whole or in fragments, with control frames between them."""
    opcode = draw(st.sampled_from([BINARY, BINARY, TEXT]))
    if opcode == BINARY:
        parts = draw(st.lists(payloads, min_size=1, max_size=5))
    else:
        text = draw(st.text(max_size=60)).encode()
        edges = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
        parts = [text[a:b] for a, b in itertools.pairwise([0, *edges, len(text)])]
    wire = b""
    for index, part in enumerate(parts):
        first = (CONTINUATION if index else opcode) | (FINAL if index == len(parts) - 1 else 0)
        wire += frame(first, part, mask=draw(masks))
        for control, body in draw(st.lists(controls, max_size=2)):
            wire += frame(control, body, mask=draw(masks))
    return wire


closes = st.one_of(
    st.just(b""),
    st.tuples(st.integers(0, 5_100), st.text(max_size=30)).map(
        lambda pair: pair[0].to_bytes(2, "big") + pair[1].encode()
    ),
    st.binary(max_size=20),
).filter(lambda payload: payload[:2] != (1014).to_bytes(2, "big"))  # registered since wsproto


@given(st.lists(messages(), max_size=4), st.none() | closes, cut_points)
@settings(max_examples=200, deadline=None)
def test_however_it_is_fragmented_and_cut_wsproto_reads_the_same(
    sent: list[bytes], last: bytes | None, cuts: list[int]
) -> None:
    data = b"".join(sent) + (b"" if last is None else frame(FINAL | CLOSE, last))
    events = read(data, cuts, max_message_bytes=2**20)
    assert as_told_by_us(events) == as_told_by_wsproto(data)


@given(
    st.lists(
        st.tuples(st.integers(0, 255), st.booleans(), st.binary(max_size=130), masks),
        min_size=1,
        max_size=6,
    ),
    cut_points,
)
@settings(max_examples=400, deadline=None)
def test_what_wsproto_refuses_is_refused_with_the_same_code(
    sent: list[tuple[int, bool, bytes, bytes]], cuts: list[int]
) -> None:
    data = b"".join(
        frame(first, payload, mask=mask)
        if is_masked
        else bytes((first, min(len(payload), 125))) + payload[:125]
        for first, is_masked, payload, mask in sent
    )
    expected = as_told_by_wsproto(data)
    assert as_told_by_us(read(data, cuts)) == expected


@given(st.binary(max_size=300), cut_points)
@settings(max_examples=300, deadline=None)
def test_no_bytes_whatever_make_the_parser_fail_or_depend_on_the_cuts(
    data: bytes, cuts: list[int]
) -> None:
    assert read(data, cuts) == read(data)


@pytest.mark.parametrize("size", LENGTHS)
@pytest.mark.parametrize("step", [1, 7, 4_096])
def test_a_message_arrives_whole_from_any_pieces(size: int, step: int) -> None:
    payload = bytes(index % 251 for index in range(size))
    data = frame(FINAL | BINARY, payload) + frame(FINAL | BINARY, b"next")
    parser = FrameParser()
    chunks = [memoryview(data)[at : at + step] for at in range(0, len(data), step)]
    assert [e for chunk in chunks for e in parser.receive(chunk)] == [payload, b"next"]
    assert parser.buffered_bytes == 0


@pytest.mark.parametrize("size", LENGTHS)
def test_wsprotos_client_reads_what_we_encode(size: int) -> None:
    client = FrameProtocol(client=True, extensions=[])
    client.receive_bytes(frames.encode_binary(bytes(size)) + frames.encode_text("é" * size))
    got = list(client.received_frames())
    assert b"".join(f.payload for f in got if f.opcode is Opcode.BINARY) == bytes(size)
    assert "".join(f.payload for f in got if f.opcode is Opcode.TEXT) == "é" * size


@given(st.binary(max_size=125), st.sampled_from([1000, 1012, 3000, 4002, 4999]), st.text())
def test_wsprotos_client_reads_our_control_frames(payload: bytes, code: int, reason: str) -> None:
    client = FrameProtocol(client=True, extensions=[])
    client.receive_bytes(frames.encode_ping(payload) + frames.encode_pong(payload))
    client.receive_bytes(frames.encode_close(code, reason))
    ping, pong, close = client.received_frames()
    assert (ping.opcode, bytes(ping.payload)) == (Opcode.PING, payload)
    assert (pong.opcode, bytes(pong.payload)) == (Opcode.PONG, payload)
    assert close.payload[0] == code
    assert reason.startswith(close.payload[1])
    assert close.payload[1] == reason or len(close.payload[1].encode()) > 119


def test_a_close_without_a_code_is_empty_on_the_wire() -> None:
    assert frames.encode_close() == b"\x88\x00"
    assert read(frame(FINAL | CLOSE)) == [Close(None, "")]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_a_code_that_must_not_travel_is_neither_sent_nor_taken(code: int) -> None:
    with pytest.raises(ValueError, match="must not travel"):
        frames.encode_close(code)
    (event,) = read(frame(FINAL | CLOSE, code.to_bytes(2, "big")))
    assert isinstance(event, ProtocolViolation)
    assert event.close_code == 1002


def test_a_control_frame_we_send_has_at_most_125_bytes() -> None:
    with pytest.raises(ValueError, match="125"):
        frames.encode_ping(bytes(126))
    with pytest.raises(ValueError, match="125"):
        frames.encode_pong(bytes(126))


def header(first: int, length: int, form: int) -> bytes:
    return bytes((first, 0x80 | form)) + length.to_bytes({126: 2, 127: 8}[form], "big") + MASK


REFUSED = {
    "frame not masked": (b"\x82\x01a", 1002),
    "frame not masked, long": (b"\x82\x7e\xff\xff", 1002),
    "reserved bit 1": (frame(0xC2), 1002),
    "reserved bit 2": (frame(0xA2), 1002),
    "reserved bit 3": (frame(0x92), 1002),
    "unknown data opcode": (frame(0x83), 1002),
    "unknown control opcode": (frame(0x8B), 1002),
    "fragmented ping": (frame(PING), 1002),
    "long ping": (header(FINAL | PING, 126, 126), 1002),
    "nothing to continue": (frame(FINAL | CONTINUATION, b"x"), 1002),
    "message inside a message": (frame(BINARY, b"x") + frame(FINAL | BINARY, b"y"), 1002),
    "close code of one byte": (frame(FINAL | CLOSE, b"\x03"), 1002),
    "close reason not UTF-8": (frame(FINAL | CLOSE, b"\x03\xe8\xff"), 1007),
    "length with its top bit set": (header(FINAL | BINARY, 1 << 63, 127), 1002),
    "one byte too many": (header(FINAL | BINARY, 65_537, 127), 4304),
    "an exabyte": (header(FINAL | BINARY, 1 << 60, 127), 4304),
    "too many in the sum": (frame(BINARY, bytes(65_500)) + frame(0, bytes(37))[:6], 4304),
    "too many fragments": (frame(BINARY) + frame(CONTINUATION) * 64, 4304),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("cuts", [[], list(range(400))])
def test_a_violation_is_named_and_ends_the_reading(name: str, cuts: list[int]) -> None:
    data, code = REFUSED[name]
    parser = FrameParser()
    edges = [0, *(cut for cut in cuts if 0 < cut < len(data)), len(data)]
    events = [e for a, b in itertools.pairwise(edges) for e in parser.receive(data[a:b])]
    (event,) = events
    assert isinstance(event, ProtocolViolation)
    assert event.close_code == code
    assert parser.is_over
    assert parser.receive(frame(FINAL | BINARY, b"more")) == []
    assert parser.buffered_bytes == 0


def test_a_frame_too_large_is_refused_before_its_body() -> None:
    (event,) = FrameParser(100).receive(frame(FINAL | BINARY, bytes(101))[:6])
    assert event == ProtocolViolation(frames.CloseCode.FRAME_TOO_LARGE, "message too large")


def test_the_limit_itself_is_allowed_whole_and_in_fragments() -> None:
    whole = frame(FINAL | BINARY, bytes(65_536))
    halves = frame(BINARY, bytes(32_768)) + frame(FINAL, bytes(32_768))
    assert [len(message) for message in read(whole + halves + whole)] == [65_536] * 3


def test_sixty_four_fragments_are_allowed() -> None:
    data = frame(BINARY, b"a") + frame(CONTINUATION, b"b") * 62 + frame(FINAL, b"c")
    assert read(data) == [b"a" + b"b" * 62 + b"c"]


def test_an_empty_message_is_a_message_whole_or_in_fragments() -> None:
    assert read(frame(FINAL | BINARY) + frame(BINARY) + frame(FINAL)) == [b"", b""]


def test_a_control_frame_passes_even_when_the_message_has_no_room_left() -> None:
    data = frame(BINARY, bytes(100)) + frame(FINAL | PING, b"alive?") + frame(FINAL)
    assert read(data, max_message_bytes=100) == [Ping(b"alive?"), bytes(100)]


def test_a_length_written_longer_than_needed_is_read() -> None:
    for form in (126, 127):
        assert read(frame(FINAL | BINARY, b"short", form=form)) == [b"short"]


def test_text_is_refused_from_its_header_unless_allowed() -> None:
    data = frame(FINAL | TEXT, "grüß dich".encode())
    assert read(data) == [Text("grüß dich")]
    (event,) = read(data[:2], allow_text=False)
    assert isinstance(event, ProtocolViolation)
    assert event.close_code == 4300


def test_text_that_is_not_utf8_is_refused_at_the_first_wrong_fragment() -> None:
    start = frame(TEXT, b"caf\xc3") + frame(CONTINUATION, b"\xa9!")
    assert read(start + frame(FINAL, b"")) == [Text("café!")]
    for end in (frame(CONTINUATION, b"\xff"), frame(FINAL, b"\xc3")):
        (event,) = read(start + end)
        assert isinstance(event, ProtocolViolation)
        assert event.close_code == 1007


def test_nothing_is_read_after_a_close() -> None:
    parser = FrameParser()
    data = frame(FINAL | CLOSE, b"\x03\xe8bye") + frame(FINAL | BINARY, b"late")
    assert parser.receive(data) == [Close(1000, "bye")]
    assert parser.receive(data) == []


def test_what_came_before_a_violation_is_delivered() -> None:
    first, second = read(frame(FINAL | BINARY, b"good") + b"\x82\x00")
    assert first == b"good"
    assert isinstance(second, ProtocolViolation)


def test_the_buffer_never_exceeds_one_message_and_one_frame() -> None:
    parser, most = FrameParser(), 0
    data = frame(BINARY, bytes(30_000)) + frame(FINAL, bytes(35_536))
    for at in range(0, len(data), 1_000):
        parser.receive(data[at : at + 1_000])
        most = max(most, parser.buffered_bytes)
    assert most <= 65_536 + 14
