"""The system user that runs the embedded server, because PostgreSQL refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

NAME: Final = "caravan"


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server. `user` None: whoever we are."""

    uid: int
    gid: int
    user: int | None = None

    def popen_options(self) -> dict[str, Any]:
        """For `subprocess`: become this account. In `/`, because it may not see our folder."""
        options: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C"}}
        if self.user is not None:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options

    def can(self, test: str, path: Path) -> bool:
        """What `test -x`, `-w`, … says when this account asks."""
        command = ["/bin/sh", "-c", f'test {test} "$0"', str(path)]
        done = subprocess.run(command, check=False, **self.popen_options())  # noqa: S603  # a fixed command
        return done.returncode == 0

    def own(self, path: Path) -> None:
        """Give `path` (which we just made) to the account."""
        if self.user is not None:
            os.chown(path, self.uid, self.gid)


def account_name(account: Account) -> str:
    """As `ls -l` shows it."""
    try:
        return pwd.getpwuid(account.uid).pw_name
    except KeyError:
        return str(account.uid)


def account_for(home: Path) -> Account:
    """Whoever owns `home`, where it exists and we are root; a new home's: the user `caravan`, made
    once, or else `nobody`. Not root: ourselves."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if home.exists() and (found := home.stat()).st_uid != 0:
        return Account(found.st_uid, found.st_gid, found.st_uid)
    entry = _existing(NAME) or _made(NAME) or pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_uid)


def _existing(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made(name: str) -> pwd.struct_passwd | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    subprocess.run(command, check=False, capture_output=True)  # noqa: S603  # a fixed command
    return _existing(name)
