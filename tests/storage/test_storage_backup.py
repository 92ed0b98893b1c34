"""A database in a file, and back in another one."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trio
from postgres_for_tests import Given, named, until

from commands import backup, serve
from commands.data_directory import DataDirectoryError
from commands.database import database_of, dsn_of
from core.config import Config
from protocol.limits import MAX_REPLAY_EVENTS
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.backup import BackupError, keep, restore
from storage.postgres.embedded import Embedded
from storage.postgres.migrate import migrate
from storage.postgres.places import find_places
from storage.postgres.pool import Connection, Database
from storage.postgres.shard_rows import join, take

ROOT = Path(__file__).parents[2]
ADA = "01999999-0000-7000-8000-00000000000a"
BOB = "01999999-0000-7000-8000-00000000000b"
WORLD = f"""
INSERT INTO room (id, tenant_id, kind, title, history, creator_id, create_client_id, epoch, created_at)
VALUES ('{ADA}', 1, 'group', 'Lisbon', 'all', '{ADA}', '{ADA}', 'first', 1);
SELECT ensure_message_leaf(2026, 9), ensure_booking_leaves(2026, 9);
INSERT INTO message (seq, sent_at, room_id, tenant_id, kind, sender_id, body)
VALUES (1, 1789000000000, '{ADA}', 1, 0, '{ADA}', 'sardines');
INSERT INTO account (id, tenant_id, handle, name, email, role, locale, created_at)
VALUES ('{ADA}', 1, 'ada', 'Ada', 'ada@example.org', 'user', 'en', 1),
       ('{BOB}', 1, 'bob', 'Bob', 'bob@example.org', 'user', 'en', 1);
INSERT INTO inbox_head (tenant_id, user_id, head) VALUES (1, '{ADA}', 3)"""

LAST_STEP = """
CREATE FUNCTION last_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$;
CREATE TRIGGER last_step BEFORE UPDATE ON room FOR EACH ROW EXECUTE FUNCTION last_step()"""
FAILS = LAST_STEP.format("RAISE 'not this time';")
WAITS = LAST_STEP.format(
    """EXECUTE format('COPY (SELECT 1) TO %L', current_setting('data_directory') || '/reached');
       PERFORM pg_sleep(3600);"""
)


@pytest.fixture
def new_dir() -> Iterator[Path]:
    """A data directory that is not there yet, where the server's user may come."""
    with tempfile.TemporaryDirectory(prefix="caravan-tests-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "data"


@pytest.fixture
def programs(postgres_server: Embedded | Given) -> Path:
    if isinstance(postgres_server, Given):
        pytest.skip("somebody else's server has tools of its own")
    return postgres_server.places.binaries


@pytest.fixture
async def empty(dsn: str, bridge: AsyncioBridge, database: Database) -> AsyncIterator[Database]:
    await database.call(execute, "CREATE DATABASE restored TEMPLATE template0")
    async with Database(named(dsn, "restored"), bridge, size=1) as empty:
        yield empty
    await database.call(execute, "DROP DATABASE restored WITH (FORCE)")


async def test_a_backup_is_all_there_was_and_who_knows_of_more_is_told_to_read_anew(
    database: Database, empty: Database, programs: Path, tmp_path: Path
) -> None:
    """Of rooms by another epoch; of inboxes because everybody is too far behind."""
    await database.call(execute, WORLD)
    size = await keep(database.dsn, tmp_path / "backup", programs=programs)
    assert files(tmp_path) == [("backup", size, 0o600)]
    await restore(empty, tmp_path / "backup", programs=programs)
    assert await migrate(empty) == 0
    [(title, epoch, body)] = await empty.call(
        fetch, "SELECT title, epoch, body FROM room JOIN message ON room_id = room.id"
    )
    assert (title, bytes(body)) == ("Lisbon", b"sardines")
    assert epoch != "first"
    assert await empty.call(fetch, "SELECT user_id, head FROM inbox_head ORDER BY user_id") == [
        (ADA, MAX_REPLAY_EVENTS * 2 + 3),
        (BOB, MAX_REPLAY_EVENTS * 2),
    ]


async def test_a_server_of_the_database_that_was_kept_has_no_place_in_the_restored_one(
    database: Database, empty: Database, programs: Path, tmp_path: Path
) -> None:
    """Else whoever starts there waits, without rooms, until its lease is over."""
    old = await database.call(join, "old", 3_600.0)
    owned = await database.call(take, old)
    assert owned
    await keep(database.dsn, tmp_path / "backup", programs=programs)
    await restore(empty, tmp_path / "backup", programs=programs)
    new = await empty.call(join, "new", 3_600.0)
    assert (await empty.call(take, new)).keys() == owned.keys()


async def test_what_cannot_be_kept_leaves_the_backup_before_it(
    dsn: str, programs: Path, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    file.write_text("yesterday's")
    with pytest.raises(BackupError, match=r"pg_dump failed.*no_such"):
        await keep(named(dsn, "no_such"), file, programs=programs)
    assert len(files(tmp_path)) == 1
    assert file.read_text() == "yesterday's"
    with pytest.raises(BackupError, match="cannot be written"):
        await keep(dsn, tmp_path / "no" / "backup", programs=programs)


async def test_a_second_backup_to_the_same_file_leaves_the_first_alone(tmp_path: Path) -> None:
    """The first is half written: taken for the second's it would be there, and not whole."""
    file, goes_on = tmp_path / "backup", tmp_path / "goes_on"
    os.mkfifo(goes_on)
    dump = tmp_path / "pg_dump"
    dump.write_text(
        f'#!/bin/sh\nprintf half > "${{2#--file=}}"\ncat {goes_on} >> "${{2#--file=}}"\n'
    )
    dump.chmod(0o700)
    kept: list[int] = []

    async def keep_first() -> None:
        kept.append(await keep("dsn", file, programs=tmp_path))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_first)
        # Until somebody reads.
        writer = await trio.to_thread.run_sync(lambda: goes_on.open("wb"))
        with pytest.raises(BackupError, match="written already"), trio.fail_after(5):
            await keep("dsn", file, programs=tmp_path)
        assert not file.exists()
        writer.write(b" and half")
        writer.close()
    assert kept == [len(b"half and half")]
    assert file.read_text() == "half and half"
    assert not file.with_name("backup.new").exists()


async def test_a_backup_takes_no_devices_place(dsn: str, programs: Path, tmp_path: Path) -> None:
    """As root, `backup /dev/null` would leave a machine without one."""
    os.mkfifo(tmp_path / "device")
    (tmp_path / "folder").mkdir()
    for name in ("device", "folder"):
        with pytest.raises(BackupError, match=f"{name} is no file"):
            await keep(dsn, tmp_path / name, programs=programs)
    assert (tmp_path / "device").is_fifo()
    assert len(files(tmp_path)) == 2


async def test_nothing_is_restored_over_a_database_or_from_what_is_no_backup(
    database: Database, empty: Database, programs: Path, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    file.write_text("no backup")
    with pytest.raises(BackupError, match="already"):
        await restore(database, file, programs=programs)
    with pytest.raises(BackupError, match="pg_restore failed"):
        await restore(empty, file, programs=programs)


async def test_of_a_backup_that_was_cut_short_nothing_is_restored(
    database: Database, empty: Database, programs: Path, tmp_path: Path
) -> None:
    await database.call(execute, WORLD)
    size = await keep(database.dsn, tmp_path / "backup", programs=programs)
    os.truncate(tmp_path / "backup", size - size // 10)
    with pytest.raises(BackupError, match="pg_restore failed"):
        await restore(empty, tmp_path / "backup", programs=programs)
    assert await tables(empty) == []


async def test_who_cannot_be_told_to_read_anew_is_not_given_the_backup(
    database: Database, empty: Database, programs: Path, tmp_path: Path
) -> None:
    await database.call(execute, f"{WORLD}; {FAILS}")
    await keep(database.dsn, tmp_path / "backup", programs=programs)
    with pytest.raises(BackupError, match=r"psql failed: .*not this time"):
        await restore(empty, tmp_path / "backup", programs=programs)
    assert await tables(empty) == []


async def test_what_a_restore_left_undone_is_no_empty_database_to_anybody(
    database: Database, programs: Path, tmp_path: Path, new_dir: Path
) -> None:
    """Who serves from it, or looks into it, would take it for one; and no backup fits over that."""
    await database.call(execute, WORLD)
    size = await keep(database.dsn, tmp_path / "backup", programs=programs)
    (tmp_path / "half").write_bytes((tmp_path / "backup").read_bytes()[: size // 2])
    config = Config(data_dir=new_dir)
    with pytest.RaisesGroup(BackupError, allow_unwrapped=True, flatten_subgroups=True):
        await backup._restore(config, tmp_path / "half")
    with pytest.raises(DataDirectoryError, match=r"Repeat it \(`main.py restore FILE`\)"):
        serve._serve_from({"CARAVAN_DATA_DIR": str(new_dir)}, demo=False)
    with pytest.raises(DataDirectoryError, match="has not finished"):
        async with dsn_of(config):
            pass
    said = await backup._restore(config, tmp_path / "backup")
    assert said.startswith("Restored into")
    async with database_of(config) as restored:
        assert await restored.call(fetch, "SELECT title FROM room") == [("Lisbon",)]


@pytest.mark.parametrize("content", [None, b"", b"no backup"])
async def test_what_is_no_backup_makes_no_database(
    content: bytes | None, tmp_path: Path, new_dir: Path
) -> None:
    file = tmp_path / "backup"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises((BackupError, OSError), match="backup"):
        await backup._restore(Config(data_dir=new_dir), file)
    assert list(new_dir.parent.iterdir()) == []


async def test_a_restore_that_is_killed_at_its_last_step_has_restored_nothing(
    database: Database, bridge: AsyncioBridge, programs: Path, tmp_path: Path, new_dir: Path
) -> None:
    await database.call(execute, f"{WORLD}; {WAITS}")
    await keep(database.dsn, tmp_path / "backup", programs=programs)
    restoring = await trio.lowlevel.open_process(
        [sys.executable, "main.py", "restore", str(tmp_path / "backup")],
        env={**os.environ, "CARAVAN_DATA_DIR": str(new_dir)},
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        await until((find_places(new_dir).cluster / "reached").exists, within=60)
    finally:
        restoring.kill()
        await restoring.wait()
    server = Embedded(new_dir, settings={"fsync": "off", "shared_buffers": "16MB"})
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        async with Database(server.dsn, bridge, size=1) as killed:
            assert await tables(killed) == []
        nursery.cancel_scope.cancel()


def files(folder: Path) -> list[tuple[str, int, int]]:
    """Each one's name, size and mode."""
    found = [(path.name, path.stat()) for path in folder.iterdir()]
    return [(name, file.st_size, stat.S_IMODE(file.st_mode)) for name, file in found]


async def tables(database: Database) -> list[tuple[object, ...]]:
    return await database.call(fetch, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")


async def execute(connection: Connection, sql: str) -> None:
    await connection.execute(sql)


async def fetch(connection: Connection, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await connection.fetch(sql)]
