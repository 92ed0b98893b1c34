"""Payloads that are no mutated map: noise, spliced golden vectors, depth, giant claims, trailing bytes."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgpack
from valid_frames import TAGS, valid_map

from protocol.limits import MAX_FRAME_BYTES

GOLDEN: Final = Path(__file__).parents[1] / "protocol" / "golden"
VECTORS: Final = tuple(
    bytes.fromhex(vector["hex"])
    for name in ("client_frames.json", "server_frames.json", "verdicts.json")
    for vector in json.loads((GOLDEN / name).read_text())
    if 0 < len(vector["hex"]) < 8_000
)
CLAIMS: Final = (0xC6, 0xC9, 0xDB, 0xDD, 0xDF)
"""First bytes of what states its length in four bytes: bin, ext, str, array, map."""


def _noise(rng: random.Random) -> bytes:
    data = rng.randbytes(rng.choice((0, 1, 2, 8, 40, 200)))
    # Most noise is no map and seen through at once; some gets behind the first byte.
    return data if rng.random() < 0.5 else b"\x82\xa4type\xa4ping" + data


def _spliced(rng: random.Random) -> bytes:
    first, second = rng.choice(VECTORS), rng.choice(VECTORS)
    match rng.randrange(4):
        case 0:
            return first[: rng.randrange(len(first))]
        case 1:
            return first[: rng.randrange(len(first))] + second[rng.randrange(len(second)) :]
        case 2:
            changed = bytearray(first)
            for _ in range(rng.randint(1, 4)):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            return bytes(changed)
        case _:
            at = rng.randrange(len(first))
            return first[:at] + second + first[at:]


def _deep(rng: random.Random) -> bytes:
    most = MAX_FRAME_BYTES - 400
    levels = rng.choice((15, 17, 100, 900, 1_100)) if rng.random() < 0.98 else most // 3
    unit = rng.choice((b"\x91", b"\x81\xa1a", b"\x81\xa0", b"\xdc\x00\x01"))
    value = (unit * levels)[:most] + b"\x90"
    return _with(rng, rng.choice(("roomId", "data", "ops", "content", "ref", "zz")), value)


def _giant(rng: random.Random) -> bytes:
    claim = bytes((rng.choice(CLAIMS),)) + rng.choice((2**32 - 1, 2**31, 2**24)).to_bytes(4, "big")
    match rng.randrange(3):
        case 0:
            return claim + b"\xa4type\xa4ping"
        case 1:
            return _with(rng, rng.choice(("content", "zz", "ref", "data")), claim)
        case _:
            packed: bytes = msgpack.packb(valid_map(rng, rng.choice(TAGS)))
            at = rng.randrange(len(packed))
            return packed[:at] + claim + packed[at:]


def _trailing(rng: random.Random) -> bytes:
    packed: bytes = msgpack.packb(valid_map(rng, rng.choice(TAGS)))
    return packed + rng.choice((b"\0", b"\xc0", b"\xc1", b"\x80", packed, rng.randbytes(5)))


def _large(rng: random.Random) -> bytes:
    """As many pairs or items as a frame may have: what is slow per item shows here."""
    unit = rng.choice(
        (b"\xa7content\x01", b"\xa0\x01", b"\xa3ref\xc0", b"\xa4data\xa1x", b"\xa3ops\x90")
    )
    start = b"\xa4type" + msgpack.packb(rng.choice(TAGS))
    count = (MAX_FRAME_BYTES - 64) // len(unit)
    return b"\xdf" + (count + 1).to_bytes(4, "big") + start + unit * count


ATTACKS: Final[dict[str, Callable[[random.Random], bytes]]] = {
    "noise": _noise,
    "spliced": _spliced,
    "deep": _deep,
    "giant": _giant,
    "trailing": _trailing,
    "large": _large,
}


def _with(rng: random.Random, name: str, value: bytes) -> bytes:
    """A valid map with one more pair, its value given as bytes."""
    frame = valid_map(rng, rng.choice(TAGS))
    frame.pop(name, None)
    body = b"".join(msgpack.packb(key) + msgpack.packb(item) for key, item in frame.items())
    extra = msgpack.packb(name) + value
    return b"\xde" + (len(frame) + 1).to_bytes(2, "big") + body + extra
