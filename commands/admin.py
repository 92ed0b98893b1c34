"""`main.py admin grant HANDLE ROLE`: what only the machine's operator may do."""

import argparse
import os
import sys

import trio

from commands.database import database_of
from commands.troubles import TROUBLES, sentence_of
from core.config import Config
from core.identity import Role
from core.telemetry import configure_logging
from gateways.http.ports import DEFAULT_TENANT
from storage.postgres.users import PostgresUsers


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


def run(args: argparse.Namespace) -> int:
    """0: granted; 1: no such user, or no database."""
    configure_logging("warning")
    sentence = ""
    try:
        config = Config.from_environment(os.environ)
        user = trio.run(_grant, config, args.handle, Role(args.role))
        print(f"{user} is {args.role} now.")
    except* TROUBLES as group:
        sentence = sentence_of(group)
        print(sentence, file=sys.stderr)
    return 1 if sentence else 0


async def _grant(config: Config, handle: str, role: Role) -> str:
    async with database_of(config) as database:
        user = await PostgresUsers(database).set_role(DEFAULT_TENANT, handle, role)
    return user.handle
