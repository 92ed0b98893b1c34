"""`main.py admin grant|export|erase`: what only the machine's operator may do."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import trio

from commands.database import database_of
from commands.erase import EraseError, erased
from commands.seed_tokens import key_of_server
from commands.troubles import TROUBLES, sentence_of
from core.config import Config
from core.errors import Rejected
from core.identity import DEFAULT_TENANT, Role
from core.telemetry import configure_logging
from loadtest.accounts import ApiError, UnreachableError
from loadtest.client import SessionStopped
from storage.credentials.traveller_seal import TravellerSeal
from storage.postgres.personal_data import UnwritableError, export
from storage.postgres.users import PostgresUsers


class FileError(RuntimeError):
    """Where it was to be written, nothing can be; the sentence says why."""


OURS: Final = (
    ApiError,
    EraseError,
    FileError,
    SessionStopped,
    UnreachableError,
    UnwritableError,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.epilog = (
        "Uses the database of the server that runs from CARAVAN_DATA_DIR (default .caravan), or "
        "DATABASE_URL, or starts the embedded database for its own duration."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    grant = actions.add_parser(
        "grant",
        help="give a user a role",
        description="Give a user a role. Over HTTP it counts from the next call on, over an open "
        "connection from the next token.",
    )
    grant.add_argument("handle", help="the user's handle, as in `chat --user HANDLE`")
    grant.add_argument("role", choices=[role.value for role in Role])
    told = actions.add_parser(
        "export",
        help="write down all that is kept of a user",
        description=(
            "Write all that is kept of a user to a file, one row as JSON in each line: for who asks what "
            "you know of them. It holds travellers' data in clear: send it safely, and delete it then."
        ),
    )
    told.add_argument("handle", help="the user's handle")
    told.add_argument("file", type=Path, help="a file that is not there yet")
    erase = actions.add_parser(
        "erase",
        help="forget a user",
        description=(
            "Beside a running server: end a user's logins for ever, take back their messages, leave their "
            "rooms, remove their personas, and forget them in every table. Bookings and their ledger are "
            "kept for as long as the law wants them. It cannot be undone."
        ),
    )
    erase.add_argument("handle", help="the user's handle")


def run(args: argparse.Namespace) -> int:
    """0: done; 1: no such user, no database, or no file."""
    configure_logging("warning")
    sentence = ""
    try:
        config = Config.from_environment(os.environ)
        if args.action == "export":
            print(trio.run(_export, config, args.handle, args.file))
        elif args.action == "erase":
            print(trio.run(erased, config, args.handle))
        else:
            user = trio.run(_grant, config, args.handle, Role(args.role))
            print(f"{user} is {args.role} now.")
    except* (*OURS, *TROUBLES) as group:
        sentence = sentence_of(group)
        print(sentence, file=sys.stderr)
    return 1 if sentence else 0


async def _grant(config: Config, handle: str, role: Role) -> str:
    async with database_of(config) as database:
        user = await PostgresUsers(database).set_role(DEFAULT_TENANT, handle, role)
    return user.handle


async def _export(config: Config, handle: str, file: Path) -> str:
    async with database_of(config) as database:
        user = await PostgresUsers(database).by_handle(DEFAULT_TENANT, handle)
        if user is None:
            raise Rejected("not_found", "There is no such user.")
        seal = TravellerSeal(key_of_server(config))
        with private(file) as out:
            rows = await export(database, DEFAULT_TENANT, user.id, out, seal=seal)
    return f"{file}: " + ", ".join(f"{count} {kind}" for kind, count in rows.items() if count)


@contextmanager
def private(file: Path) -> Iterator[BinaryIO]:
    """A new file that its owner alone can read; gone again when the block fails."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise FileError(f"{file} cannot be made ({error.strerror}).") from None
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
    except BaseException:
        file.unlink()
        raise
