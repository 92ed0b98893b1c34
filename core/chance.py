"""Randomness from the operating system, without a system call for each number."""

import os
from typing import Final

_FETCHED: Final = 4_096


class SystemChance:
    """The `Chance` port. Owns: random bytes fetched in advance.

    A fetch is a system call, and in each another thread may take the interpreter for milliseconds: a
    message needs two numbers, so they come from a few hundred at once.
    """

    def __init__(self) -> None:
        self._bytes = b""
        self._used = 0

    def random(self) -> float:
        return self.getrandbits(53) * 2.0**-53

    def getrandbits(self, k: int, /) -> int:
        size = (k + 7) // 8
        if self._used + size > len(self._bytes):
            self._bytes, self._used = os.urandom(max(size, _FETCHED)), 0
        begin, self._used = self._used, self._used + size
        return int.from_bytes(self._bytes[begin : self._used], "big") >> (8 * size - k)
