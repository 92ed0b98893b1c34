"""Accounts that `main.py seed --tokens` made: no password, an access token each.

Such a token lives as long as any (900 s) and cannot be renewed, so a run must fit in what is left.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import trio

from loadtest.accounts import Account, Api
from loadtest.own_server import REPOSITORY, environment_of
from loadtest.virtual_users import WorldFailedError

SPARE: Final = 60.0


def read_tokens(path: Path, api: Api, count: int | None, seconds: float) -> list[Account]:
    """The first `count` accounts of a file (None: all). Raises `WorldFailedError` with a sentence
    when there are too few, or when they do not live `seconds` and a minute more."""
    try:
        rows = [json.loads(line) for line in path.read_text().splitlines()[:count]]
        accounts = [_account(api, row) for row in rows]
    except OSError as error:
        raise WorldFailedError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise WorldFailedError(f"{path} is no file of tokens. {_how(count)}") from None
    if not accounts or len(accounts) < (count or 1):
        raise WorldFailedError(f"{path} has {len(accounts)} accounts. {_how(count)}")
    left = min(account.lives_for for account in accounts)
    if left < seconds + SPARE:
        raise WorldFailedError(
            f"The tokens in {path} live {max(0.0, left):.0f} s more, this run needs "
            f"{seconds + SPARE:.0f} s. {_how(count)}"
        )
    return accounts


async def seeded_accounts(api: Api, data_dir: Path, count: int) -> list[Account]:
    """Let the server of `data_dir` make accounts. Raises `WorldFailedError`."""
    with tempfile.TemporaryDirectory(prefix="caravan-tokens-") as folder:
        file = Path(folder) / "tokens"
        done = await trio.run_process(
            [sys.executable, "main.py", "seed", f"--tokens={file}", f"--accounts={count}"],
            cwd=REPOSITORY,
            env=environment_of(data_dir),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise WorldFailedError(f"No accounts were made: {done.stderr.decode().strip()}")
        return read_tokens(file, api, count, 0.0)


def _account(api: Api, row: dict[str, str | int]) -> Account:
    account = Account(api, str(row["handle"]))
    account.adopt(
        {
            "user": {"id": str(row["userId"]), "handle": row["handle"]},
            "accessToken": str(row["token"]),
            "refreshToken": None,
            "expiresIn": int(row["expiresAt"]) / 1000 - time.time(),
        }
    )
    return account


def _how(count: int | None) -> str:
    return f"Make new ones: main.py seed --tokens FILE --accounts {count or 'N'}"
