"""A frame of 64 KiB, whatever its shape, costs a few milliseconds and a few megabytes."""

import itertools
import time
import tracemalloc
from collections.abc import Callable
from itertools import islice

import msgpack
import pytest
from machine_speed import work

from protocol.codec import Malformed, Refused, decode

SIZE = 65_536
CLIENT_ID = "0190a0a0-0000-7000-8000-000000000000"
MESSAGE = {"type": "chat.message", "roomId": "r", "clientId": CLIENT_ID, "content": "hi"}
SIGNAL = {"type": "consult.signal", "consultationId": "c", "to": "u"}
PLAN = {"type": "plan.apply", "roomId": "r", "version": 1, "clientId": CLIENT_ID}


def with_field(frame: dict[str, object], name: str, value: bytes) -> bytes:
    """`frame` plus one field whose encoded value is given, filled up to 64 KiB by the caller."""
    packed: bytes = msgpack.packb(frame)
    return bytes((packed[0] + 1,)) + packed[1:] + msgpack.packb(name) + value


def filled(frame: dict[str, object], name: str, unit: bytes, per_unit: int = 1) -> bytes:
    """A field holding an array of as many `unit`s (`per_unit` items each) as the frame can take."""
    room = SIZE - len(with_field(frame, name, bytes(5)))
    count = room // len(unit)
    return with_field(frame, name, b"\xdd" + (count * per_unit).to_bytes(4, "big") + unit * count)


def pairs_within(room: int, pair: Callable[[int], bytes], start: bytes = b"") -> bytes:
    """A map of as many pairs (`start` the first) as so many bytes can take."""
    body, count = bytearray(start), 1 if start else 0
    while 5 + len(body) + len(more := pair(count)) <= room:
        body += more
        count += 1
    return b"\xdf" + count.to_bytes(4, "big") + body


def filled_map(frame: dict[str, object], name: str, pair: Callable[[int], bytes]) -> bytes:
    return with_field(frame, name, pairs_within(SIZE - len(with_field(frame, name, b"")), pair))


def many_pairs(pair: Callable[[int], bytes], start: bytes = b"") -> bytes:
    return pairs_within(SIZE, pair, start)


def colliding_key(first: int) -> bytes:
    """An array that, as a tuple in CPython, has the same hash as every other one made here.

    The tuple hash is xxHash without a secret: the second item can be solved for the hash wanted.
    """
    p1, p2, p5, bits = 11400714785074694791, 14029467366897019727, 2870177450012600261, 2**64
    mixed = (p5 + first * p2) % bits
    mixed = ((mixed << 31 | mixed >> 33) % bits) * p1 % bits
    wanted = 0x0123456789ABCDEF
    second = ((wanted - mixed) * pow(p2, -1, bits)) % bits
    second -= bits if second >= bits // 2 else 0
    if abs(second) >= 2**61 - 1:  # an int of this size is not its own hash: try the next
        return b""
    packed: bytes = msgpack.packb([first, second])
    return packed


KEYS = list(islice(filter(None, map(colliding_key, itertools.count(1))), 4_000))
NO_CONTENT = {key: value for key, value in MESSAGE.items() if key != "content"}
TYPE = msgpack.packb("type") + msgpack.packb("chat.message")

BOMBS = {
    f"{where}: {shape}": bomb
    for where, frame, field in [
        ("known", NO_CONTENT, "content"),
        ("known list", MESSAGE, "mentions"),
        ("unknown", MESSAGE, "zz"),
        ("unknown in a refused frame", NO_CONTENT, "zz"),
        ("free form", SIGNAL, "data"),
        ("free form list", PLAN, "ops"),
    ]
    for shape, bomb in {
        "deep arrays": with_field(frame, field, b"\x91" * (SIZE - 200) + b"\x90"),
        "deep maps": with_field(frame, field, b"\x81\xa1a" * ((SIZE - 200) // 3) + b"\x80"),
        "900 deep": with_field(frame, field, b"\x91" * 900 + b"\x90"),
        "empty maps": filled(frame, field, b"\x80"),
        "empty arrays": filled(frame, field, b"\x90"),
        "little maps": filled(frame, field, b"\x81\xa0\x01"),
        "little arrays": filled(frame, field, b"\x91\x01"),
        "sixteen deep, many": filled(frame, field, b"\x91" * 14 + b"\x01"),
        "numbers": filled(frame, field, b"\x01"),
        "empty texts": filled(frame, field, b"\xa0"),
        "one long text": with_field(frame, field, msgpack.packb("x" * (SIZE - 200))),
        "many pairs": filled_map(frame, field, lambda i: b"\xcd" + i.to_bytes(2, "big") + b"\x01"),
        "colliding keys": filled_map(frame, field, lambda i: KEYS[i % 4_000] + b"\x01"),
        "claimed array": with_field(frame, field, b"\xdd\xff\xff\xff\xff"),
        "claimed map": with_field(frame, field, b"\xdf\xff\xff\xff\xff"),
        "claimed text": with_field(frame, field, b"\xdb\xff\xff\xff\xff"),
        "claimed bytes": with_field(frame, field, b"\xc6\xff\xff\xff\xff"),
        "claimed ext": with_field(frame, field, b"\xc9\xff\xff\xff\xff\x05"),
    }.items()
} | {
    "colliding keys within the size allowed": with_field(
        SIGNAL, "data", b"\xde\x03\xe8" + b"".join(key + b"\x01" for key in KEYS[:1_000])
    ),
    "free form three times": b"\x86"
    + msgpack.packb(SIGNAL)[1:]
    + (b"\xa4data\xdc\x3f\x00" + bytes(0x3F00)) * 3,
    "32 K pairs": many_pairs(lambda i: b"\xa0\x01"),
    "32 K pairs and a type": many_pairs(lambda i: b"\xa0\x01", TYPE),
    "thousands of types": many_pairs(lambda i: TYPE),
    "thousands of wrong contents": many_pairs(lambda i: b"\xa7content\x01", TYPE),
    "thousands of right contents": many_pairs(lambda i: b"\xa7content\xa1x", TYPE),
    "thousands of deep contents": many_pairs(lambda i: b"\xa7content\x91\x91\x91\x01", TYPE),
    "thousands of refs": many_pairs(lambda i: b"\xa3ref\xc0", TYPE),
    "claimed pairs": b"\xdf\xff\xff\xff\xff" + TYPE,
    "half the pairs": b"\xdf\x00\x00\x80\x00" + TYPE * 100,
    "junk": b"\xc1" * SIZE,
    "zeros": bytes(SIZE),
    "deep from the top": b"\x81\xa4type" * (SIZE // 6),
}


def outcome(data: bytes) -> str:
    try:
        return type(decode(data)).__name__
    except (Malformed, Refused) as verdict:
        return type(verdict).__name__


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_cheap(name: str) -> None:
    data = BOMBS[name]
    assert len(data) <= SIZE
    outcome(data)
    fastest = min(timed(data) / work() for _ in range(3))
    tracemalloc.start()
    outcome(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fastest < 10
    assert peak < 12 * 2**20


def timed(data: bytes) -> float:
    # Time of this thread alone: a busy machine is no reason to call a frame a bomb.
    start = time.thread_time()
    outcome(data)
    return time.thread_time() - start
