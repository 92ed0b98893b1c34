"""Arrays as PostgreSQL receives them in binary: for statements that asyncpg does not carry.

Source: `array_recv` in PostgreSQL's src/backend/utils/adt/arrayfuncs.c: dimensions, whether there are
nulls, the elements' type; length and lower bound of each dimension; then each element behind its size,
-1 for null. An empty array has no dimension.
"""

import struct
from collections.abc import Sequence
from typing import Final

INT2: Final = 21
INT4: Final = 23
INT8: Final = 20
TEXT: Final = 25
UUID: Final = 2950
BYTEA: Final = 17
"""The types' numbers (pg_type.oid), which never change."""

_INTEGERS: Final = {INT2: ("h", 2), INT4: ("i", 4), INT8: ("q", 8)}
_NULL: Final = b"\xff\xff\xff\xff"


def integers(oid: int, values: Sequence[int | None]) -> bytes:
    """An array of `INT2`, `INT4` or `INT8`. Raises `struct.error` for what does not fit."""
    letter, size = _INTEGERS[oid]
    if None in values:
        return strings(oid, [None if v is None else struct.pack(">" + letter, v) for v in values])
    flat = [part for value in values for part in (size, value)]
    return _head(oid, len(values), False) + struct.pack(">" + ("i" + letter) * len(values), *flat)


def strings(oid: int, values: Sequence[bytes | None]) -> bytes:
    """An array of whatever is bytes by then."""
    parts = [_head(oid, len(values), None in values)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts += (len(value).to_bytes(4, "big"), value)
    return b"".join(parts)


def texts(values: Sequence[str]) -> bytes:
    """Raises `UnicodeEncodeError` for halves of characters."""
    return strings(TEXT, [value.encode() for value in values])


def uuids(values: Sequence[str | None]) -> bytes:
    """Raises `ValueError` for what is no UUID."""
    return strings(UUID, [None if value is None else uuid(value) for value in values])


def uuid(text: str) -> bytes:
    """Raises `ValueError` for what is no UUID."""
    raw = bytes.fromhex(text.replace("-", ""))
    if len(raw) != 16:
        raise ValueError("not a uuid")
    return raw


def bigint(value: int) -> bytes:
    return struct.pack(">q", value)


def _head(oid: int, length: int, has_nulls: bool) -> bytes:
    if not length:
        return struct.pack(">iii", 0, 0, oid)
    return struct.pack(">iiiii", 1, has_nulls, oid, length, 1)
