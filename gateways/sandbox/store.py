"""The sandbox's one SQLite file: what a request changed is committed before its answer leaves.

Survives `kill -9` of the process at any moment; a power cut may cost the last seconds, but not the
file (write-ahead log, `synchronous=NORMAL`).
"""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from gateways.sandbox.records import Json, Place

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID
"""
_WORLD: Final = "sandbox.world"
_LAST: Final = "\U0010ffff"


class StoreError(RuntimeError):
    """The file cannot be used; the sentence says why."""


class Store:
    """`Records` in a file. Owns the connection. One process at a time: a second one is refused."""

    def __init__(self, path: Path) -> None:
        """Opens it, or makes it for its owner alone: people name themselves to suppliers. Raises `StoreError`."""
        try:
            path.touch(mode=0o600)  # SQLite's own files beside it get the same
            self._db = sqlite3.connect(path, timeout=0.2, isolation_level=None)
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"{path} cannot be opened ({error}): is another sandbox using it? "
                "Stop that one, or name another file with --data."
            ) from None

    def get(self, kind: str, key: str) -> Json | None:
        row = self._db.execute(
            "SELECT value FROM records WHERE kind = ? AND key = ?", (kind, key)
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Json)

    def scan(self, kind: str, prefix: str = "", *, after: str = "") -> Iterator[tuple[str, Json]]:
        begin, is_in = (after, ">") if after > prefix else (prefix, ">=")
        rows = self._db.execute(
            f"SELECT key, value FROM records WHERE kind = ? AND key {is_in} ? AND key < ? ORDER BY key",
            (kind, begin, prefix + _LAST),
        )
        for key, value in rows:
            yield key, msgspec.json.decode(value, type=Json)

    def commit(self, changes: Mapping[Place, Json | None]) -> None:
        """All of them or, when this raises or the process dies, none."""
        if not changes:
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for (kind, key), value in changes.items():
                if value is None:
                    self._db.execute("DELETE FROM records WHERE kind = ? AND key = ?", (kind, key))
                else:
                    self._db.execute(
                        "INSERT OR REPLACE INTO records VALUES (?, ?, ?)",
                        (kind, key, msgspec.json.encode(value)),
                    )
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def seed(self, wanted: str | None, *, otherwise: str) -> str:
        """The seed of the world that was sold from this file; the first time it is `wanted`, or
        `otherwise`. Raises `StoreError` when another is wanted later."""
        found = self.get(_WORLD, "seed")
        if found is None:
            self.commit({(_WORLD, "seed"): {"seed": wanted or otherwise}})
            return wanted or otherwise
        kept = str(found["seed"])
        if wanted not in (None, kept):
            raise StoreError(
                f"This file's world has the seed {kept!r}: leave --seed out, or name another --data."
            )
        return kept

    def close(self) -> None:
        self._db.close()
