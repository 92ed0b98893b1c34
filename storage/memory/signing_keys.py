"""The `KeyStore` seam of credentials in memory."""

from collections.abc import Sequence
from dataclasses import replace

from storage.credentials.records import SealedKey


class MemoryKeys:
    """Sealed keys in a list."""

    def __init__(self) -> None:
        self._keys: list[SealedKey] = []

    async def all(self) -> Sequence[SealedKey]:
        return sorted(self._keys, key=lambda key: key.since)

    async def begin(self, keys: Sequence[SealedKey]) -> None:
        self._keys = self._keys or list(keys)

    async def rotate(self, seen: str, fresh: SealedKey) -> None:
        by_part = {key.part: key for key in self._keys}
        if by_part["current"].kid == seen:
            self._keys = [
                replace(by_part["current"], part="previous", since=fresh.since),
                replace(by_part["next"], part="current", since=fresh.since),
                fresh,
            ]
