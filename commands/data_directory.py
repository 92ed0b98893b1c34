"""The data directory: who may serve from it, which node it is, and where a running server is found."""

import contextlib
import errno
import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, TextIO

from core.config import node_name
from storage.postgres.file_lock import is_locked
from storage.postgres.places import holds_cluster, make_data_dir

LOCK: Final = "server.lock"
LOCK_TRIES: Final = 10
TRY_LOCK_EVERY: Final = 0.02
RESTORING: Final = "restore.unfinished"


class DataDirectoryError(RuntimeError):
    """The data directory cannot be used; the sentence says why and what to do."""


class DataDirectoryInUseError(DataDirectoryError):
    """Another server holds this directory's lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """What `server.json` says. `database` is a PostgreSQL DSN; `http` and `ws` are URLs."""

    pid: int
    database: str
    http: str
    ws: str


def prepare(path: Path) -> Path:
    """Make the directory when it is absent; an existing one keeps its mode.

    Raises `DataDirectoryError` when it cannot be made, or be written to.
    """
    path = path.resolve()
    try:
        make_data_dir(path)
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be made") from None
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise _unusable(path, "not ours to write to")
    return path


def _unusable(path: Path, why: str) -> DataDirectoryError:
    return DataDirectoryError(
        f"{path} cannot be the data directory ({why}). "
        "Set CARAVAN_DATA_DIR to a directory that we can make or write to."
    )


@contextlib.contextmanager
def server_lock(path: Path) -> Iterator[None]:
    """Hold the right to serve from `path`. The lock ends with the process, however it ends.

    Raises `DataDirectoryInUseError` when another process holds it.
    """
    with open(os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
        if not _had(lock.fileno()):
            running = find_server(path)
            who = f" (process {running.pid}, {running.http})" if running else ""
            raise DataDirectoryInUseError(
                f"Another Caravan server uses {path}{who}. "
                "Stop it, or set CARAVAN_DATA_DIR to another directory."
            )
        yield


def _had(lock: int) -> bool:
    """Whoever asks whether a server runs has it for a moment, too."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(TRY_LOCK_EVERY)
        else:
            return True
    return False


def begin_restore(path: Path) -> None:
    """Before a database is made here to be restored into: until `end_restore` it is nobody's."""
    if not holds_cluster(path):
        (path / RESTORING).touch(mode=0o600)


def end_restore(path: Path) -> None:
    """The database is whole."""
    (path / RESTORING).unlink(missing_ok=True)


def require_restored(path: Path) -> None:
    """Raises `DataDirectoryError` where the database is empty because a restore was cut short: who served from
    it would serve nothing, and no backup would fit over that."""
    if (path / RESTORING).exists():
        raise DataDirectoryError(
            f"A restore into {path} has not finished. Repeat it (`main.py restore FILE`), or remove "
            f"{path / RESTORING} to go on with an empty database."
        )


def node_id(path: Path, given: str | None) -> str:
    """This node's lasting name: `given`, or one made once and kept in the directory. Raises `ConfigError`
    when what is kept there is no name."""
    if given:
        return given
    file = path / "node-id"
    with contextlib.suppress(FileNotFoundError):
        if name := file.read_text(errors="replace").strip():
            return node_name(str(file), name)
    name = uuid.uuid4().hex
    write_private(file, name + "\n")
    return name


def announce_server(path: Path, server: RunningServer) -> None:
    """Write `server.json` whole, readable by its owner alone. Its addresses are as this machine has them."""
    here = replace(server, http=_from_here(server.http), ws=_from_here(server.ws))
    write_private(path / "server.json", json.dumps(asdict(here)) + "\n")


def _from_here(url: str) -> str:
    """Who listens everywhere listens on loopback, from where alone much is told without a token."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def forget_server(path: Path) -> None:
    """Remove `server.json` at an ordered end."""
    (path / "server.json").unlink(missing_ok=True)


def find_server(path: Path) -> RunningServer | None:
    """The server that runs from `path`, if its process lives. After a kill -9 its number may be another
    process's (in a container it usually is): only the server holds the lock."""
    try:
        server = RunningServer(**json.loads((path / "server.json").read_text()))
        with contextlib.suppress(PermissionError):
            os.kill(server.pid, 0)
        return server if is_locked(path / LOCK) else None
    except (OSError, ValueError, TypeError):
        return None


def write_private(file: Path, text: str) -> None:
    """Whole or not at all, and readable by its owner alone, whatever file was there before. Raises `OSError`."""
    with rewriting(file) as out:
        out.write(text)


@contextlib.contextmanager
def rewriting(file: Path) -> Iterator[TextIO]:
    """As `write_private`, of what the block writes; a block that fails leaves the file before it."""
    if file.exists() and not file.is_file():  # it would be replaced, were it a device
        raise FileExistsError(errno.EEXIST, "That is no file", str(file))
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
