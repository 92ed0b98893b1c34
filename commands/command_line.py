"""Which command runs: a table of names, each imported only when it is asked for."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Final

from commands.garbage import loading_for_good
from loadtest.causes import first_cause

FAILED: Final = 1
MISUSE: Final = 2
INTERRUPTED: Final = 130
NO_UTF8: Final = "A word of the command line, or of its environment, is not in UTF-8."

COMMANDS: Final = {
    "serve": ("commands.serve", "start the server (the database comes along)"),
    "chat": ("commands.chat", "talk in a room from this terminal"),
    "seed": ("commands.seed", "make a small demo world on a running server"),
    "sandbox": ("commands.sandbox", "play the suppliers of travel on this machine, or steer them"),
    "admin": (
        "commands.admin",
        "give a user a role, write down what is kept of one, or forget one",
    ),
    "backup": ("commands.backup", "write the embedded database to a file"),
    "restore": ("commands.backup", "put a backup into a new data directory"),
    "saga": ("commands.saga", "list bookings that are stuck, show one, or give it a word"),
    "models": ("commands.models", "show the models, promote one, or roll back, from this machine"),
    "crashes": ("commands.crashes", "list, show or replay what crashed"),
}


def main(argv: Sequence[str]) -> int:
    """Parse and run one command. Returns its exit status: 0 done, 1 failed, 2 misuse, 130 Ctrl-C."""
    try:
        return _carried_out(argv)
    except BaseException as error:
        match first_cause(error):
            case KeyboardInterrupt():
                return INTERRUPTED
            case BrokenPipeError():  # who read it has read enough
                return FAILED
            case UnicodeEncodeError(object=text) if any(map(_is_undecoded, text)):
                print(NO_UTF8, file=sys.stderr)  # not the word: it may be a password
                return MISUSE
        raise


def _is_undecoded(letter: str) -> bool:
    """Python keeps bytes that are no UTF-8 as lone surrogates."""
    return "\udc80" <= letter <= "\udcff"


def _carried_out(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="main.py",
        description="Caravan: the server for people who travel together.",
        epilog="`main.py COMMAND --help` tells more of each command.",
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    wanted = next((word for word in argv if not word.startswith("-")), None)
    for name, (module_name, summary) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        if name == wanted:
            with loading_for_good():
                module = importlib.import_module(module_name)
            module.configure(subparser)
    args = parser.parse_args(argv)
    module = importlib.import_module(COMMANDS[args.command][0])
    return int(module.run(args))
