"""Numbered plain SQL, forward only: `migrations/NNNN_name.sql`, each applied once, in its own transaction."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import structlog
import trio

from storage.postgres.pool import Connection, Database

MIGRATIONS: Final = Path(__file__).with_name("migrations")
LOCK: Final = 0x43617261  # any constant; transaction-scoped, so a pooled connection never keeps it
WITHIN: Final = 600.0
OLDEST_FIRST: Final = """SELECT pid, now() - xact_start AS age, query FROM pg_stat_activity
 WHERE datname = current_database() AND xact_start IS NOT NULL ORDER BY xact_start"""

log = structlog.get_logger()


class MigrationError(RuntimeError):
    """The database's history and the files disagree, or it does not let us write it; the sentence says how."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """With those whose transactions hold a lock that a migration needs. Seconds.

    Whoever comes after a statement that waits for such a lock waits behind it. So one waits for
    `lock_within` at most, and is tried again after a pause that doubles from `first_pause` to
    `longest_pause`, in which the others have their turn; `tried_for` after the first try, no more.
    """

    lock_within: float = 2.0
    first_pause: float = 1.0
    longest_pause: float = 16.0
    tried_for: float = 120.0


PATIENT: Final = Patience()


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """Ascending. Raises `MigrationError` when two files have one number."""
    found = [
        Migration(int(path.name.split("_", 1)[0]), path.name, path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("[0-9]*_*.sql"))
    ]
    numbers = [migration.number for migration in found]
    if len(set(numbers)) != len(numbers):
        raise MigrationError(f"Two migrations in {folder} have the same number.")
    return found


async def migrate(
    database: Database,
    migrations: Sequence[Migration] | None = None,
    *,
    patience: Patience = PATIENT,
) -> int:
    """Apply what is missing; how many that were. Safe to run from several nodes at once.

    Raises `MigrationError` when an applied file has changed or is gone, when our user may not make
    tables, and when somebody keeps a lock that one needs; those before it stay applied.
    """
    wanted = read_migrations() if migrations is None else migrations
    applied = 0
    for migration in wanted:
        try:
            is_new = await _apply_patiently(database, migration, patience)
        except asyncpg.InsufficientPrivilegeError as error:
            raise MigrationError(
                f"The database does not let us make our tables ({error}). Let DATABASE_URL's user own it."
            ) from error
        if is_new:
            applied += 1
            log.info("postgres.migrated", migration=migration.name)
    await database.call(_refuse_strangers, {migration.number for migration in wanted})
    return applied


async def _apply_patiently(database: Database, migration: Migration, patience: Patience) -> bool:
    give_up_at = trio.current_time() + patience.tried_for
    pause = patience.first_pause
    while True:
        try:
            return await database.transaction(_apply, migration, patience.lock_within)
        except asyncpg.LockNotAvailableError as error:
            if trio.current_time() + pause > give_up_at:
                raise MigrationError(
                    f"{migration.name} is not applied: for {patience.tried_for:g} s others have kept "
                    "a lock that it needs. Nothing of it was done. End the oldest transactions "
                    f"({' '.join(OLDEST_FIRST.split())}), or stop the other nodes, and start again."
                ) from error
        log.warning("postgres.migration_waits", migration=migration.name, again_in=pause)
        await trio.sleep(pause)
        pause = min(pause * 2, patience.longest_pause)


async def _apply(connection: Connection, migration: Migration, lock_within: float) -> bool:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK, timeout=WITHIN)
    # Not before: that lock is another node's that migrates, and nobody else queues for it.
    await connection.execute(f"SET LOCAL lock_timeout = {round(lock_within * 1_000)}")
    await connection.execute(
        """CREATE TABLE IF NOT EXISTS migration (
               number int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
               applied_at timestamptz NOT NULL DEFAULT now())"""
    )
    known = await connection.fetchval(
        "SELECT checksum FROM migration WHERE number = $1", migration.number
    )
    if known == migration.checksum:
        return False
    if known is not None:
        raise MigrationError(
            f"{migration.name} was changed after it had been applied: write a new one instead."
        )
    await connection.execute(migration.sql, timeout=WITHIN)
    await connection.execute(
        "INSERT INTO migration (number, name, checksum) VALUES ($1, $2, $3)",
        migration.number,
        migration.name,
        migration.checksum,
    )
    return True


async def _refuse_strangers(connection: Connection, known: set[int]) -> None:
    rows = await connection.fetch("SELECT number, name FROM migration ORDER BY number")
    strangers = [row["name"] for row in rows if row["number"] not in known]
    if strangers:
        raise MigrationError(f"The database is newer than this program: it has {strangers[0]}.")
