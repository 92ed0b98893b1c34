"""Ids: their form, and new ones, UUIDv7 in one rising row per process; and secrets."""

import hashlib
import re
import secrets
from typing import Final

from core.ports.clock import Chance, Clock

UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The canonical lower-case form, which all ids of the server's own have."""

_COUNTER_BITS: Final = 12
_MAX_LAG_MS: Final = 10_000


class ProcessIds:
    """The `Ids` port. Ids of one process rise strictly, by a counter in `rand_a` (RFC 9562 §6.2,
    method 1): seeded afresh each millisecond with its highest bit 0; when it rolls over, the
    stamp moves ahead of the clock. A clock that jumps back by at most 10 s is waited out by counting
    on; one that jumps further is believed.
    """

    def __init__(self, clock: Clock, chance: Chance) -> None:
        self._clock = clock
        self._chance = chance
        self._stamp = 0
        self._counter = 0

    def uuid7(self) -> str:
        self._advance()
        number = (
            (self._stamp & 0xFFFF_FFFF_FFFF) << 80
            | 0x7 << 76
            | self._counter << 64
            | 0b10 << 62
            | self._chance.getrandbits(62)
        )
        return _text(number)

    def secret(self) -> str:
        return secrets.token_urlsafe(32)

    def _advance(self) -> None:
        now = self._clock.now_ms()
        if now > self._stamp or now < self._stamp - _MAX_LAG_MS:
            self._seed(now)
        elif self._counter + 1 < 1 << _COUNTER_BITS:
            self._counter += 1
        else:
            self._seed(self._stamp + 1)

    def _seed(self, stamp: int) -> None:
        self._stamp = stamp
        self._counter = self._chance.getrandbits(_COUNTER_BITS - 1)


def is_uuid(text: str) -> bool:
    """Whether an id that comes from outside may be one of ours: one of a foreign form is unknown, not wrong
    (protocol §1)."""
    return UUID.fullmatch(text) is not None


def derived_uuid7(at_ms: int, name: str) -> str:
    """A UUIDv7 whose random bits are a hash of `name`: what is named again has the same id."""
    hashed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:10], "big")
    number = (at_ms & 0xFFFF_FFFF_FFFF) << 80 | hashed
    return _text(number & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62))


def _text(number: int) -> str:
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
