"""`main.py seed --tokens FILE`: accounts for a load test, made straight in the server's database.

Ten thousand connections then need no ten thousand password hashes. What the file holds is safe to
forget: access tokens that live as long as any other (900 s) and cannot be renewed, of accounts that
have no password. A longer test needs a new file, which takes seconds.
"""

import json
import os
import random
import secrets
from pathlib import Path
from typing import Final

import trio

from commands.data_directory import find_server, rewriting
from commands.database import database_of
from core.clock import SystemClock
from core.config import Config
from core.errors import Unavailable
from core.identity import DEFAULT_TENANT, Role
from core.ids import ProcessIds
from core.ports.repositories import User
from storage.credentials.keys import SigningKeys
from storage.credentials.master_key import FILE, MasterKeyError, master_key
from storage.credentials.tokens import AccessTokens
from storage.postgres.pool import Database
from storage.postgres.seeded_accounts import add_seeded_accounts
from storage.postgres.signing_keys import PostgresKeys

MAX_ACCOUNTS: Final = 50_000
AT_ONCE: Final = 500


def seed_tokens(file: Path, count: int) -> None:
    """Make `count` accounts in the database of the server that runs here, and write their tokens.

    One JSON object a line: `{userId, handle, token, expiresAt}` (milliseconds since the epoch), in
    a file that its owner alone can read. Raises what `commands.troubles` has sentences for.
    """
    config = Config.from_environment(os.environ)
    if config.database_url is None and find_server(config.data_dir.resolve()) is None:
        raise Unavailable("No Caravan server runs here. Start one with `make run`.")
    key = key_of_server(config)
    trio.run(_seed, config, key, file, count)


def key_of_server(config: Config) -> bytes:
    """The running server's master key. Never made here: one that opens nothing would be left."""
    if config.master_key is not None:
        return config.master_key
    if not (config.data_dir / FILE).exists():
        raise MasterKeyError(
            f"There is no {FILE} in {config.data_dir}. Set CARAVAN_DATA_DIR or CARAVAN_MASTER_KEY "
            "to what the server has."
        )
    return master_key(config.data_dir, None)


async def _seed(config: Config, key: bytes, file: Path, count: int) -> None:
    async with database_of(config) as database:
        clock = SystemClock()
        keys = SigningKeys(PostgresKeys(database), key, clock)
        await keys.load()
        stem = f"load-{secrets.token_hex(4)}"
        with rewriting(file) as out:  # first: whose tokens cannot be written is not made
            for first in range(0, count, AT_ONCE):
                numbers = range(first, min(count, first + AT_ONCE))
                out.writelines(await _some(database, keys, clock, stem, numbers))


async def _some(
    database: Database, keys: SigningKeys, clock: SystemClock, stem: str, numbers: range
) -> list[str]:
    ids = ProcessIds(clock, random.SystemRandom())
    tokens = AccessTokens(keys, clock)
    users = [_user(ids.uuid7(), f"{stem}-{number}", clock.now_ms()) for number in numbers]
    logins = [ids.uuid7() for _ in users]
    await add_seeded_accounts(database, users, logins)

    def lines() -> list[str]:
        return [
            _line(user, tokens.issue(user, login), clock.now_ms() + tokens.life * 1_000)
            for user, login in zip(users, logins, strict=True)
        ]

    # A signature takes most of a millisecond; the bridge's answers must not wait for 500.
    return await trio.to_thread.run_sync(lines)


def _user(user_id: str, handle: str, now: int) -> User:
    return User(
        id=user_id,
        tenant_id=DEFAULT_TENANT,
        handle=handle,
        name=handle.title(),
        email=f"{handle}@example.test",
        role=Role.USER,
        locale="en",
        time_zone="UTC",
        currency="EUR",
        preferences={},
        created_at=now,
    )


def _line(user: User, token: str, expires_at: int) -> str:
    row = {"userId": user.id, "handle": user.handle, "token": token, "expiresAt": expires_at}
    return json.dumps(row) + "\n"
