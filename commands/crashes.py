"""`main.py crashes list|show|replay`: what the server kept of its crashes, offline."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from commands.replay import UnreplayableError, replay
from commands.terminal_words import clean
from core.config import Config, ConfigError
from core.ports.crash_records import CrashRecord
from core.telemetry import configure_logging
from storage.crash_files import CRASHES, UnreadableRecordError, find, load, stored

NOT_REPRODUCED = 1
MISUSE = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.epilog = (
        "Reads CARAVAN_DATA_DIR/crashes (default .caravan/crashes). Needs no server and no database, "
        "and changes nothing. The records hold no message texts and no secrets: letters stand for "
        "letters, so that sizes are the same."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="the crashes on record, the newest last")
    show = actions.add_parser("show", help="one crash as JSON")
    again = actions.add_parser(
        "replay",
        help="crash it again",
        description=(
            "Builds the actor on memory under virtual time, puts its state back as far as it is "
            "recorded, delivers the recorded messages in order, and says whether the same error "
            "came at the same place. Exit status: 0 it did, 1 it did not, 2 it cannot be replayed."
        ),
    )
    for action in (show, again):
        action.add_argument(
            "reference", metavar="REF", help="the support reference, or how it begins"
        )


def run(args: argparse.Namespace) -> int:
    """0: done, or reproduced; 1: not reproduced; 2: no such record, or one that cannot be used."""
    configure_logging("critical")
    try:
        directory = Config.from_environment(os.environ).data_dir / CRASHES
        if args.action == "list":
            return _list(directory)
        record = load(find(directory, args.reference))
        return _show(record) if args.action == "show" else _replay(record)
    except (ConfigError, UnreadableRecordError, UnreplayableError) as trouble:
        print(trouble, file=sys.stderr)
        return MISUSE


def _list(directory: Path) -> int:
    files = stored(directory)
    if not files:
        print(f"No crash is on record in {directory.resolve()}.")
    for file in files:
        try:
            record = load(file)
        except UnreadableRecordError as trouble:
            print(trouble)
            continue
        print(f"{record.reference}  {_time(record)}  {record.kind}  {record.error}  {record.place}")
    return 0


def _show(record: CrashRecord) -> int:
    print(clean(msgspec.json.format(msgspec.json.encode(record)).decode()))
    return 0


def _replay(record: CrashRecord) -> int:
    what = f"{record.error} at {record.place}"
    replayed = replay(record)
    if replayed.delivered:
        print(f"Reproduced with {replayed.delivered} of {len(record.envelopes)} messages: {what}")
        return 0
    print(f"Not reproduced: {what}")
    for other in replayed.others:
        print(f"  instead: {other}")
    return NOT_REPRODUCED


def _time(record: CrashRecord) -> str:
    return datetime.fromtimestamp(record.at / 1_000, UTC).isoformat(timespec="seconds")
