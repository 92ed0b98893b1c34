"""Who talks: log in with the kept token, a password, or as a newcomer on a loopback server."""

import fcntl
import getpass
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import trio

from commands.seed import DEMO_PASSWORD
from core.config import is_loopback as is_loopback_host
from loadtest.accounts import Account, Api, ApiError, LoginRefusedError

LOCKED_WITHIN: Final = 15.0
TRY_LOCK_EVERY: Final = 0.05

Say = Callable[[str], None]


class TokenFileError(Exception):
    """The kept token cannot be had; the text says why and what to do."""


class TokenFile:
    """A refresh token on disk (0600), one per server and handle, shared by all terminals.

    A token can be spent once. So whoever spends it holds the lock from reading it to writing its
    successor: two terminals of one person never spend the same one.
    """

    def __init__(self, url: str, handle: str, folder: Path | None = None) -> None:
        server = quote(urlsplit(url).netloc, safe="")
        self._folder = folder or state_folder()
        self._file = self._folder / f"{server}-{quote(handle, safe='')}.token"

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Raises `TokenFileError` when it cannot be had."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self._file.with_suffix(".lock").open("a")
        except OSError as error:
            raise TokenFileError(
                f"No token can be kept in {self._folder} ({error.strerror}). "
                "Set XDG_STATE_HOME to a directory that you may write to."
            ) from None
        with lock:
            try:
                with trio.fail_after(LOCKED_WITHIN):
                    # Polled: the kernel tells no event loop when a file lock is free.
                    while not _locked(lock.fileno()):  # noqa: ASYNC110
                        await trio.sleep(TRY_LOCK_EVERY)
            except trio.TooSlowError:
                raise TokenFileError(
                    "Another terminal of yours logs in just now. Try again."
                ) from None
            yield

    def load(self) -> str | None:
        try:
            return self._file.read_text().strip() or None
        except FileNotFoundError:
            return None

    def save(self, token: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._file.with_suffix(f".{os.getpid()}.new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(token + "\n")
        draft.replace(self._file)


def state_folder() -> Path:
    """`$XDG_STATE_HOME/caravan`, by default `~/.local/state/caravan`."""
    given = os.environ.get("XDG_STATE_HOME")
    return (Path(given) if given else Path.home() / ".local" / "state") / "caravan"


def is_loopback(url: str) -> bool:
    """Whether the server is on this machine: only there are newcomers registered unasked."""
    return is_loopback_host(urlsplit(url).hostname or "")


async def log_in(api: Api, handle: str, *, name: str | None, say: Say) -> Account:
    """An account that is logged in.

    In this order: the token kept from last time; CARAVAN_PASSWORD; on loopback the demo's password;
    a prompt. On loopback an absent handle is registered. Raises `LoginRefusedError` with a sentence.
    """
    account = Account(api, handle, keeper=TokenFile(api.url, handle))
    if await account.restore():
        return account
    given = os.environ.get("CARAVAN_PASSWORD")
    local = is_loopback(api.url)
    password = given or (DEMO_PASSWORD if local else await _asked(handle))
    try:
        await account.login(password)
    except LoginRefusedError:
        if local and await _registered(account, handle, name, password):
            which = "CARAVAN_PASSWORD" if given else DEMO_PASSWORD
            say(f"Welcome, {handle}: you are registered now (password: {which}).")
        elif given or not (local and sys.stdin.isatty()):
            raise LoginRefusedError(_wrong(handle, given is not None)) from None
        else:
            await account.login(await _asked(handle))
    else:
        if local and not given:
            say(f"Logged in as {handle} with the demo's password.")
    return account


async def _registered(account: Account, handle: str, name: str | None, password: str) -> bool:
    try:
        await account.register(
            email=f"{handle}@example.test", name=name or handle.title(), password=password
        )
    except ApiError as error:
        if error.status != 409:
            raise
        return False
    return True


async def _asked(handle: str) -> str:
    if not sys.stdin.isatty():
        raise LoginRefusedError(
            f"Set CARAVAN_PASSWORD to {handle}'s password: there is no terminal to ask at."
        )
    prompt = f"Password of {handle}: "
    return await trio.to_thread.run_sync(getpass.getpass, prompt, abandon_on_cancel=True)


def _wrong(handle: str, was_given: bool) -> str:
    if was_given:
        return f"The server does not accept {handle} with the password in CARAVAN_PASSWORD."
    return f"{handle} has another password than the demo's: set CARAVAN_PASSWORD."


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
