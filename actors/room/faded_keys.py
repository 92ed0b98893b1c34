"""Keys that are remembered by a mark alone: that they were there, not what they were answered (pure).

A room in which people talk fast fills its map of keys within minutes. Without the marks each of its
messages would have to be looked up in the log.
"""

import struct
from collections import deque
from hashlib import blake2b
from typing import Final

KEYS_PER_FILTER: Final = 4_096
MAX_FILTERS: Final = 32
NEEDED_FOR_MS: Final = 900_000
"""Beyond what a phone's clock may be off by, in either direction; older keys are looked up anyway."""
_BITS: Final = 1 << 16
_PLACES: Final = struct.Struct("<8H")


class _Filter:
    """A Bloom filter (CACM 13/7, 1970) of 8 KiB: 8 bits for each key. Full, it takes one stranger in
    1,700 for one of its own."""

    __slots__ = ("bits", "count", "newest")

    def __init__(self) -> None:
        self.bits = bytearray(_BITS // 8)
        self.count = 0
        self.newest = 0

    def add(self, places: tuple[int, ...]) -> None:
        bits = self.bits
        for place in places:
            bits[place >> 3] |= 1 << (place & 7)

    def may_hold(self, places: tuple[int, ...]) -> bool:
        bits = self.bits
        return all(bits[place >> 3] & 1 << (place & 7) for place in places)


class FadedKeys:
    """At most 32 filters of 4,096 keys; the oldest goes first, with all its keys."""

    def __init__(self, *, keys_per_filter: int = KEYS_PER_FILTER, max_filters: int = MAX_FILTERS):
        self._keys_per_filter = keys_per_filter
        self._max_filters = max_filters
        self._filters: deque[_Filter] = deque()

    def add(self, sender_id: str, client_id: str, sent_at: int) -> int | None:
        """Mark a key that was stored at `sent_at` (ms, never falling). When older marks had to go for
        it: the time of the newest of those."""
        if not self._filters or self._filters[-1].count >= self._keys_per_filter:
            self._filters.append(_Filter())
        newest = self._filters[-1]
        newest.add(_places(sender_id, client_id))
        newest.count += 1
        newest.newest = sent_at
        forgotten = None
        while (
            len(self._filters) > self._max_filters
            or self._filters[0].newest < sent_at - NEEDED_FOR_MS
        ):
            forgotten = self._filters.popleft().newest
        return forgotten

    def may_hold(self, sender_id: str, client_id: str) -> bool:
        """False: this key is surely none of those that are marked."""
        if not self._filters:
            return False
        places = _places(sender_id, client_id)
        return any(one.may_hold(places) for one in self._filters)

    def __len__(self) -> int:
        return sum(one.count for one in self._filters)


def _places(sender_id: str, client_id: str) -> tuple[int, ...]:
    """Not `hash`: it differs from process to process, and one seed is to be one trace."""
    return _PLACES.unpack(blake2b(f"{sender_id} {client_id}".encode(), digest_size=16).digest())
