"""A database in a file, and back in another one."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from postgres_for_tests import Given, named

from protocol.limits import MAX_REPLAY_EVENTS
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.backup import BackupError, keep, restore
from storage.postgres.embedded import Embedded
from storage.postgres.migrate import migrate
from storage.postgres.pool import Connection, Database

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


async def test_nothing_is_restored_over_a_database_or_from_what_is_no_backup(
    database: Database, empty: Database, programs: Path, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    file.write_text("no backup")
    with pytest.raises(BackupError, match="already"):
        await restore(database, file, programs=programs)
    with pytest.raises(BackupError, match="pg_restore failed"):
        await restore(empty, file, programs=programs)


def files(folder: Path) -> list[tuple[str, int, int]]:
    """Each one's name, size and mode."""
    found = [(path.name, path.stat()) for path in folder.iterdir()]
    return [(name, file.st_size, stat.S_IMODE(file.st_mode)) for name, file in found]


async def execute(connection: Connection, sql: str) -> None:
    await connection.execute(sql)


async def fetch(connection: Connection, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await connection.fetch(sql)]
