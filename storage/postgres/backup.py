"""A database in one file and back, by PostgreSQL's own programs."""

import os
from pathlib import Path
from typing import Final

import trio

from protocol.limits import MAX_REPLAY_EVENTS
from storage.postgres.pool import Connection, Database

DONE_WITHIN: Final = 600.0

NEW_EPOCHS: Final = "UPDATE room SET epoch = gen_random_uuid()"
INBOXES_ON: Final = f"""
INSERT INTO inbox_head (tenant_id, user_id, head)
SELECT tenant_id, id, {2 * MAX_REPLAY_EVENTS} FROM account
ON CONFLICT (tenant_id, user_id) DO UPDATE SET head = inbox_head.head + excluded.head"""

_TABLES: Final = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


class BackupError(RuntimeError):
    """Nothing was kept, or nothing was restored; the sentence says why."""


async def keep(dsn: str, file: Path, *, programs: Path) -> int:
    """Write all that is in the database at one moment to `file`, whole or not at all and readable by its
    owner alone; how many bytes. The database goes on meanwhile. `dsn` without a password: others see it.

    Raises `BackupError`, `OSError`.
    """
    draft = file.with_name(file.name + ".new")
    _make_private(draft)
    try:
        await _run(programs / "pg_dump", "--format=custom", f"--file={draft}", dsn)
        return _finish(draft, file)
    except BaseException:
        os.unlink(draft)
        raise


async def restore(database: Database, file: Path, *, programs: Path) -> None:
    """Put what `keep` wrote into an empty database, all of it or nothing.

    Raises `BackupError`.
    """
    if await database.call(_tables):
        raise BackupError("There is a database already. Restore into a new data directory.")
    how = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    await _run(programs / "pg_restore", *how, f"--dbname={database.dsn}", str(file))
    await database.call(_begin_anew)


def _make_private(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise BackupError(f"{file} cannot be written ({error.strerror}).") from None


def _finish(draft: Path, file: Path) -> int:
    with draft.open("rb") as written:
        os.fsync(written.fileno())
        size = os.fstat(written.fileno()).st_size
    draft.replace(file)
    return size


async def _run(program: Path, *args: str) -> None:
    done = await trio.run_process([program, *args], check=False, capture_stderr=True)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise BackupError(f"{program.name} failed: {said[-1_000:]}")


async def _tables(connection: Connection) -> int:
    return int(await connection.fetchval(_TABLES))


async def _begin_anew(connection: Connection) -> None:
    """Who knows of more than the backup is told to read anew: logs have another epoch, and inboxes are
    further on than any that is not behind. And a dump has no statistics: plans made without them are for
    small tables."""
    async with connection.transaction():
        await connection.execute(NEW_EPOCHS, timeout=DONE_WITHIN)
        await connection.execute(INBOXES_ON, timeout=DONE_WITHIN)
    await connection.execute("ANALYZE", timeout=DONE_WITHIN)
