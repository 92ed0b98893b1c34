"""`main.py backup FILE` and `main.py restore FILE`: the embedded database in one file, and back."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

import trio

from commands.data_directory import begin_restore, end_restore, find_server, prepare
from commands.database import dsn_of
from commands.troubles import TROUBLES, sentence_of
from core.config import Config
from core.telemetry import configure_logging
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.backup import BackupError, NotEmptyError, keep, require_backup, restore
from storage.postgres.embedded import Embedded
from storage.postgres.migrate import migrate
from storage.postgres.places import find_places
from storage.postgres.pool import Database

FOREIGN: Final = "The database is not the embedded one: use its own tools."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("file", type=Path, help="the backup")
    parser.epilog = (
        "`backup` works beside a running server, or starts the embedded database of CARAVAN_DATA_DIR "
        "(default .caravan) for its own duration. `restore` wants a data directory without a database. "
        "The file does not hold the directory's master.key: keep that apart from it."
    )


def run(args: argparse.Namespace) -> int:
    """0: done; 1: it could not be done, and nothing was changed."""
    configure_logging("warning")
    sentence = ""
    try:
        config = Config.from_environment(os.environ)
        if config.database_url:
            raise BackupError(FOREIGN)
        does = _restore if args.command == "restore" else _backup
        print(trio.run(does, config, args.file))
    except* (BackupError, *TROUBLES) as group:
        sentence = sentence_of(group)
        print(sentence, file=sys.stderr)
    return 1 if sentence else 0


async def _backup(config: Config, file: Path) -> str:
    data_dir = config.data_dir.resolve()
    async with dsn_of(config) as dsn:
        places = await trio.to_thread.run_sync(find_places, data_dir)
        if str(places.socket_dir) not in dsn:
            raise BackupError(FOREIGN)
        size = await keep(dsn, file, programs=places.binaries)
    return f"{file}: {size / 1e6:,.1f} MB. Keep {data_dir / 'master.key'} too, apart from it."


async def _restore(config: Config, file: Path) -> str:
    """Migrated to what this program knows. Killed at whatever moment, it can be repeated, or all is done."""
    require_backup(file)
    data_dir = prepare(config.data_dir)
    if find_server(data_dir):
        raise BackupError(f"A server runs from {data_dir}.")
    begin_restore(data_dir)
    embedded = Embedded(data_dir)
    async with AsyncioBridge() as bridge, trio.open_nursery() as nursery:
        dsn = str(await nursery.start(embedded.run))
        async with Database(dsn, bridge, size=1) as database:
            try:
                await restore(database, file, programs=embedded.places.binaries)
            except NotEmptyError:
                end_restore(data_dir)
                raise
            end_restore(data_dir)
            await migrate(database)
        nursery.cancel_scope.cancel()
    return f"Restored into {data_dir}. Put its master.key and its file `erased` there before you start the server."
