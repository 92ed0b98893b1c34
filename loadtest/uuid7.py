"""UUIDv7, made by the client (RFC 9562 §5.7)."""

import random
import time
from collections.abc import Callable


def wall_clock_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


class Uuid7:
    """A maker of UUIDv7 strings that sort in the order they were made.

    Within one millisecond, and when the clock steps back, the 12 bits after the version count up
    (RFC 9562 §6.2, method 1); when they run out, the time field borrows one millisecond.
    """

    def __init__(
        self, rng: random.Random | None = None, now_ms: Callable[[], int] = wall_clock_ms
    ) -> None:
        self._rng = rng or random.SystemRandom()
        self._now_ms = now_ms
        self._last_ms = -1
        self._count = 0

    def __call__(self) -> str:
        now = self._now_ms()
        if now > self._last_ms:
            self._last_ms, self._count = now, self._rng.getrandbits(11)
        elif self._count < 0xFFF:
            self._count += 1
        else:
            self._last_ms, self._count = self._last_ms + 1, 0
        value = self._last_ms << 80 | 0x7 << 76 | self._count << 64
        value |= 0b10 << 62 | self._rng.getrandbits(62)
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
