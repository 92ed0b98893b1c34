"""What a machine keeps: JSON objects by kind and key, read through a draft that holds its changes."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

Json = dict[str, Any]
Place = tuple[str, str]
"""Kind and key."""


class Records(Protocol):
    """Objects given out are read, never changed: put another in their place."""

    def get(self, kind: str, key: str) -> Json | None: ...

    def scan(self, kind: str, prefix: str = "", *, after: str = "") -> Iterator[tuple[str, Json]]:
        """Those whose key begins so and is greater than `after`, by key, ascending. Read lazily: what
        comes first is cheap."""


class Kept(Records, Protocol):
    """Where drafts are written to in the end."""

    def commit(self, changes: Mapping[Place, Json | None]) -> None:
        """All of them or, when this raises or the process dies, none."""


class Draft:
    """Records as they will be if `changes` (None: deleted) are written. Owns the changes; reads
    through to what is below, which it never touches."""

    def __init__(self, below: Records) -> None:
        self._below = below
        self.changes: dict[Place, Json | None] = {}

    def get(self, kind: str, key: str) -> Json | None:
        if (kind, key) in self.changes:
            return self.changes[kind, key]
        return self._below.get(kind, key)

    def scan(self, kind: str, prefix: str = "", *, after: str = "") -> Iterator[tuple[str, Json]]:
        mine = sorted(
            key for at, key in self.changes if at == kind and key.startswith(prefix) and key > after
        )
        if not mine:
            yield from self._below.scan(kind, prefix, after=after)
            return
        merged = {
            key: value
            for key, value in self._below.scan(kind, prefix, after=after)
            if (kind, key) not in self.changes
        }
        for key in mine:
            value = self.changes[kind, key]
            if value is not None:
                merged[key] = value
        yield from sorted(merged.items())

    def put(self, kind: str, key: str, value: Json) -> None:
        self.changes[kind, key] = value

    def delete(self, kind: str, key: str) -> None:
        self.changes[kind, key] = None


class Memory:
    """Records in a dictionary: for what may be forgotten, for tests and simulations. As in a file,
    what is kept is a copy."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, bytes]] = {}

    def get(self, kind: str, key: str) -> Json | None:
        found = self._kinds.get(kind, {}).get(key)
        return None if found is None else msgspec.json.decode(found, type=Json)

    def scan(self, kind: str, prefix: str = "", *, after: str = "") -> Iterator[tuple[str, Json]]:
        records = self._kinds.get(kind, {})
        for key in sorted(key for key in records if key.startswith(prefix) and key > after):
            yield key, msgspec.json.decode(records[key], type=Json)

    def commit(self, changes: Mapping[Place, Json | None]) -> None:
        """All of them."""
        for (kind, key), value in changes.items():
            records = self._kinds.setdefault(kind, {})
            if value is None:
                records.pop(key, None)
            else:
                records[key] = msgspec.json.encode(value)
