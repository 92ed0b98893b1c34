"""How a client's bytes travel: honest WebSocket frames cut in every way, and dishonest ones (RFC 6455)."""

import random
from collections.abc import Callable
from typing import Final, NamedTuple

from protocol.limits import MAX_FRAME_BYTES

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL: Final = 0x80
WAYS: Final = ("whole", "fragmented", "dribbled", "cut", "long form")


class Carried(NamedTuple):
    """What arrives, read by read."""

    way: str
    reads: list[bytes]


class Violation(NamedTuple):
    """Bytes that break a rule of the WebSocket, and the close code that answers them. None: the
    client hung up, and nobody is left to be answered."""

    reads: list[bytes]
    close_code: int | None


def frame(first: int, payload: bytes, rng: random.Random, *, form: int = 0) -> bytes:
    """A masked frame; `form` 126 or 127 writes its length longer than needed."""
    size = len(payload)
    form = form or (size if size < 126 else 126 if size < 65_536 else 127)
    extended = size.to_bytes({126: 2, 127: 8}.get(form, 0), "big") if form >= 126 else b""
    mask = rng.randbytes(4)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    body = (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")
    return bytes((first, 0x80 | form)) + extended + mask + body


def carried(payload: bytes, rng: random.Random) -> Carried:
    """An honest message, in one of the ways it may arrive."""
    way = rng.choice(WAYS) if rng.random() < 0.4 else "whole"
    if way == "fragmented":
        return Carried(way, [b"".join(_fragments(payload, rng))])
    form = rng.choice((126, 127)) if way == "long form" and len(payload) < 65_536 else 0
    whole = frame(FINAL | BINARY, payload, rng, form=form)
    if way == "dribbled" and len(whole) < 120:
        return Carried(way, [bytes((byte,)) for byte in whole])
    if way in ("dribbled", "cut"):
        return Carried("cut", _cut(whole, rng))
    return Carried(way, [whole])


def _cut(data: bytes, rng: random.Random) -> list[bytes]:
    edges = sorted(rng.randrange(len(data)) for _ in range(rng.randint(1, 6)))
    return [data[a:b] for a, b in zip([0, *edges], [*edges, len(data)], strict=True) if a < b]


def _fragments(payload: bytes, rng: random.Random) -> list[bytes]:
    edges = sorted(rng.randint(0, len(payload)) for _ in range(rng.randint(1, 6)))
    pieces = [payload[a:b] for a, b in zip([0, *edges], [*edges, len(payload)], strict=True)]
    sent: list[bytes] = []
    for n, piece in enumerate(pieces):
        final = FINAL if n == len(pieces) - 1 else 0
        sent.append(frame(final | (CONTINUATION if n else BINARY), piece, rng))
        if not final and rng.random() < 0.4:
            sent.append(
                frame(FINAL | rng.choice((PING, PONG)), rng.randbytes(rng.randint(0, 125)), rng)
            )
    return sent


def _header(first: int, length: int) -> bytes:
    """Only the header of a frame that claims `length` bytes."""
    return bytes((first, 0xFF)) + length.to_bytes(8, "big") + b"mask"


Make = Callable[[random.Random], tuple[bytes, int | None]]

BREAKS: Final[dict[str, Make]] = {
    "reserved bit": lambda r: (
        frame(FINAL | BINARY | r.choice((0x10, 0x20, 0x40, 0x70)), b"\x80", r),
        1002,
    ),
    "unknown opcode": lambda r: (
        frame(FINAL | r.choice((3, 4, 5, 6, 7, 11, 12, 13, 14, 15)), b"", r),
        1002,
    ),
    "not masked": lambda r: (
        bytes((FINAL | r.choice((BINARY, PING, CLOSE)), 2)) + b"\x03\xe8",
        1002,
    ),
    "fragmented control": lambda r: (frame(r.choice((PING, PONG, CLOSE)), b"", r), 1002),
    "long control": lambda r: (frame(FINAL | r.choice((PING, PONG, CLOSE)), bytes(126), r), 1002),
    "nothing to continue": lambda r: (frame(r.choice((0, FINAL)), b"x", r), 1002),
    "message in a message": lambda r: (
        frame(BINARY, b"x", r) + frame(FINAL | BINARY, b"y", r),
        1002,
    ),
    "text": lambda r: (frame(r.choice((0, FINAL)) | TEXT, b"{}", r), 4300),
    "text in a message": lambda r: (frame(BINARY, b"x", r) + frame(TEXT, b"y", r), 1002),
    "too many fragments": lambda r: (
        frame(BINARY, b"", r) + frame(CONTINUATION, b"", r) * r.choice((64, 100)),
        4304,
    ),
    "claims too much": lambda r: (
        _header(FINAL | BINARY, r.choice((MAX_FRAME_BYTES + 1, 2**32 - 1, 2**62, 2**63 - 1))),
        4304,
    ),
    "claims half the sky": lambda r: (
        _header(FINAL | BINARY, r.choice((2**63, 2**64 - 1))),
        1002,
    ),
    "too much in pieces": lambda r: (
        frame(BINARY, bytes(40_000), r) + frame(FINAL, bytes(30_000), r),
        4304,
    ),
    "close code": lambda r: (
        frame(
            FINAL | CLOSE,
            r.choice((0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)).to_bytes(2, "big"),
            r,
        ),
        1002,
    ),
    "close of one byte": lambda r: (frame(FINAL | CLOSE, b"\x03", r), 1002),
    "close reason": lambda r: (frame(FINAL | CLOSE, b"\x03\xe8\xff\xfe", r), 1007),
    "goodbye": lambda r: (frame(FINAL | CLOSE, b"\x03\xe8bye", r), 1000),
    "hung up": lambda r: (frame(FINAL | BINARY, b"\x80" * 20, r)[: r.randrange(26)], None),
}


def violation(name: str, rng: random.Random) -> Violation:
    data, close_code = BREAKS[name](rng)
    return Violation(_cut(data, rng) if data and rng.random() < 0.3 else [data], close_code)
