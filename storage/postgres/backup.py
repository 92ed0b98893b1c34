"""A database in one file and back, by PostgreSQL's own programs."""

import fcntl
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import IO, Final, cast

import trio

from protocol.limits import MAX_REPLAY_EVENTS
from storage.postgres.file_lock import is_locked
from storage.postgres.pool import Connection, Database

DONE_WITHIN: Final = 600.0
MAGIC: Final = b"PGDMP"
"""With which pg_dump's own format begins."""

LAST_STEP: Final = f"""
SET LOCAL search_path = public;
UPDATE node SET dead = true;
UPDATE room SET epoch = gen_random_uuid();
INSERT INTO inbox_head (tenant_id, user_id, head)
SELECT tenant_id, id, {2 * MAX_REPLAY_EVENTS} FROM account
ON CONFLICT (tenant_id, user_id) DO UPDATE SET head = inbox_head.head + excluded.head;
COMMIT;
"""
"""Who lived when it was made serves another database: nobody waits for the end of their lease. Who knows of more than
the backup is told to read anew: logs have another epoch, and inboxes are further on than any that is not behind."""

_TABLES: Final = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


class BackupError(RuntimeError):
    """Nothing was kept, or nothing was restored; the sentence says why."""


class NotEmptyError(BackupError):
    """There is a database already."""


def require_backup(file: Path) -> None:
    """Raises `BackupError` when `file` does not begin as what `keep` writes does, `OSError`."""
    with file.open("rb") as backup:
        if backup.read(len(MAGIC)) != MAGIC:
            raise BackupError(f"{file} is no backup: `main.py backup {file.name}` writes one.")


async def keep(dsn: str, file: Path, *, programs: Path) -> int:
    """Write all that is in the database at one moment to `file`, whole or not at all and readable by its
    owner alone; how many bytes. The database goes on meanwhile. `dsn` without a password: others see it.

    Raises `BackupError`, `OSError`.
    """
    draft, ours = _private_draft(file)
    try:
        await _run(programs / "pg_dump", "--format=custom", f"--file={draft}", dsn)
        return _finish(draft, file)
    except BaseException:
        os.unlink(draft)
        raise
    finally:
        os.close(ours)


async def restore(database: Database, file: Path, *, programs: Path) -> None:
    """Put what `keep` wrote into an empty database, all of it with `LAST_STEP` or nothing, whoever is
    killed at whatever moment.

    Raises `BackupError`; `NotEmptyError` among them.
    """
    if await database.call(_tables):
        raise NotEmptyError("There is a database already. Restore into a new data directory.")
    await _pour(file, database.dsn, programs=programs)
    await database.call(_analyze)


def _private_draft(file: Path) -> tuple[Path, int]:
    """Beside it, and a descriptor of that, which tells others that it is being written."""
    if file.exists() and not file.is_file():  # it would be replaced, were it a device
        raise BackupError(f"{file} is no file: name one.")
    draft = file.with_name(file.name + ".new")
    try:
        if is_locked(draft):
            raise BackupError(f"{draft} is being written already, by another backup.")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BackupError(f"{draft} cannot be written ({error.strerror}).") from None
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # who only asks lets go at once
    return draft, descriptor


def _finish(draft: Path, file: Path) -> int:
    with draft.open("rb") as written:
        os.fsync(written.fileno())
        size = os.fstat(written.fileno()).st_size
    draft.replace(file)
    return size


async def _run(program: Path, *args: str) -> None:
    done = await trio.run_process([program, *args], check=False, capture_stderr=True)
    if done.returncode != 0:
        raise BackupError(f"{program.name} failed: {_end(done.stderr)}")


async def _pour(file: Path, dsn: str, *, programs: Path) -> None:
    """pg_restore writes the statements and psql carries them out, in a transaction that begins before and
    ends after them. So nothing is there without the last step: a psql that hears no COMMIT, because one of
    us died, has changed nothing."""
    reading = ("--exit-on-error", "--no-owner", "--no-privileges", "--file=-", str(file))
    writing = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={dsn}")
    with tempfile.TemporaryFile() as said:
        async with (
            _running(programs / "psql", *writing, stdin=PIPE, stdout=DEVNULL, stderr=said) as psql,
            _running(programs / "pg_restore", *reading, stdout=PIPE, stderr=said) as source,
        ):
            # Both are pipes, which were asked for.
            statements = cast("trio.abc.ReceiveStream", source.stdout)
            carried_out = cast("trio.abc.SendStream", psql.stdin)
            try:
                await carried_out.send_all(b"BEGIN;\n")
                async for part in statements:
                    await carried_out.send_all(part)
                if await source.wait() != 0:
                    raise _failure("pg_restore", said)
                await carried_out.send_all(LAST_STEP.encode())
                await carried_out.aclose()
                is_done = await psql.wait() == 0
            except trio.BrokenResourceError:
                await psql.wait()
                is_done = False
            if not is_done:
                raise _failure("psql", said)


@asynccontextmanager
async def _running(
    program: Path, *args: str, stderr: IO[bytes], stdin: int | None = None, stdout: int
) -> AsyncIterator[trio.Process]:
    """Until the end of the block."""
    process = await trio.lowlevel.open_process(
        [program, *args], stdin=stdin, stdout=stdout, stderr=stderr
    )
    try:
        yield process
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        for pipe in filter(None, (process.stdin, process.stdout)):
            await trio.aclose_forcefully(pipe)


def _failure(program: str, said: IO[bytes]) -> BackupError:
    said.seek(0)
    return BackupError(f"{program} failed: {_end(said.read())}")


def _end(said: bytes) -> str:
    return said.decode(errors="replace").strip()[-1_000:]


async def _tables(connection: Connection) -> int:
    return int(await connection.fetchval(_TABLES))


async def _analyze(connection: Connection) -> None:
    """A dump has no statistics: plans made without them are for small tables. (Killed before
    this, we leave them to autovacuum.)"""
    await connection.execute("ANALYZE", timeout=DONE_WITHIN)
