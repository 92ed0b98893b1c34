"""Keys and values of prompts' beginnings that come again and again: a persona's, mostly."""

from collections import OrderedDict
from typing import Final

from inference.engine.arena import Prefix

MAX_PREFIXES: Final = 64
MAX_BYTES: Final = 64 * 2**20


class PrefixCache:
    """The least recently used goes first. Belongs to one model: another's values mean nothing to it."""

    def __init__(self, *, max_prefixes: int = MAX_PREFIXES, max_bytes: int = MAX_BYTES) -> None:
        self._max_prefixes = max_prefixes
        self._max_bytes = max_bytes
        self._kept: OrderedDict[tuple[int, ...], Prefix] = OrderedDict()
        self._bytes = 0
        self.hits = 0
        self.misses = 0

    def find(self, tokens: tuple[int, ...]) -> Prefix | None:
        found = self._kept.get(tokens)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._kept.move_to_end(tokens)
        return found

    def keep(self, tokens: tuple[int, ...], prefix: Prefix) -> None:
        if tokens in self._kept or prefix.values.nbytes > self._max_bytes:
            return
        self._kept[tokens] = prefix
        self._bytes += prefix.values.nbytes
        while len(self._kept) > self._max_prefixes or self._bytes > self._max_bytes:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= gone.values.nbytes

    def statistics(self) -> dict[str, int]:
        """`prefixes` and `prefix_bytes` kept, `prefix_hits` and `prefix_misses` so far."""
        return {
            "prefixes": len(self._kept),
            "prefix_bytes": self._bytes,
            "prefix_hits": self.hits,
            "prefix_misses": self.misses,
        }
