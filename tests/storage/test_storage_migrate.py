import re
from pathlib import Path

import asyncpg
import pytest
import trio
from postgres_for_tests import until
from structlog.testing import capture_logs

from storage.postgres.migrate import (
    Migration,
    MigrationError,
    Patience,
    migrate,
    read_migrations,
)
from storage.postgres.pool import Connection, Database

NEW = Migration(9_001, "9001_new.sql", "CREATE TABLE brand_new (n int); SELECT 1;")

ALTERING = Migration(9_004, "9004_altering.sql", "ALTER TABLE account ADD COLUMN shoe_size int")


async def execute(connection: Connection, sql: str) -> None:
    await connection.execute(sql)


async def count(connection: Connection, sql: str) -> int:
    return int(await connection.fetchval(sql))


async def test_each_migration_is_applied_once_even_by_two_nodes(database: Database) -> None:
    applied: list[int] = []

    async def node() -> None:
        applied.append(await migrate(database, [*read_migrations(), NEW]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(node)
        nursery.start_soon(node)
    assert sorted(applied) == [0, 1]


async def test_who_made_a_direct_room_owns_it_no_more(database: Database) -> None:
    room, group, user = (f"00000000-0000-7000-8000-00000000000{n}" for n in "abc")
    for id, kind in ((room, "direct"), (group, "group")):
        await database.call(
            execute,
            f"""WITH made AS (INSERT INTO room (id, tenant_id, kind, title, history, creator_id,
                    create_client_id, epoch, created_at)
                VALUES ('{id}', 1, '{kind}', '', 'all', '{user}', '{id}', 'e', 0))
            INSERT INTO membership (room_id, user_id, from_seq, tenant_id, role, state)
            VALUES ('{id}', '{user}', 1, 1, 'owner', 'joined')""",
        )
    [migration] = [one for one in read_migrations() if one.number == 21]
    await database.call(execute, migration.sql)
    owned = "SELECT count(*) FROM membership WHERE role = 'owner' AND room_id = "
    assert await database.call(count, f"{owned}'{room}'") == 0
    assert await database.call(count, f"{owned}'{group}'") == 1


async def test_a_changed_file_is_an_error_with_a_sentence(database: Database) -> None:
    first, *others = read_migrations()
    changed = Migration(first.number, first.name, first.sql + " ")
    with pytest.raises(MigrationError, match=r"0001_foundations.sql was changed"):
        await migrate(database, [changed, *others])


async def test_a_database_from_the_future_is_refused(database: Database) -> None:
    await migrate(database, [*read_migrations(), NEW])
    with pytest.raises(MigrationError, match="newer"):
        await migrate(database)


async def test_a_failing_migration_leaves_nothing(database: Database) -> None:
    bad = Migration(9_002, "9002_bad.sql", "CREATE TABLE half (n int); SELECT no_such_column;")
    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate(database, [*read_migrations(), bad])
    assert await database.call(count, "SELECT count(*) FROM pg_tables WHERE tablename='half'") == 0
    assert await migrate(database) == 0


async def test_a_database_that_is_not_ours_to_write_to_is_an_error_with_a_sentence(
    database: Database,
) -> None:
    forbidden = Migration(
        9_003, "9003_forbidden.sql", "SET LOCAL ROLE pg_monitor; CREATE TABLE t ();"
    )
    with pytest.raises(MigrationError, match="permission denied for schema public"):
        await migrate(database, [*read_migrations(), forbidden])


async def test_a_migration_behind_a_long_transaction_lets_others_pass_and_comes_after_it(
    database: Database,
) -> None:
    applied: list[int] = []

    async def node() -> None:
        patience = Patience(lock_within=0.02, first_pause=0.02, longest_pause=0.05)
        applied.append(await migrate(database, [*read_migrations(), ALTERING], patience=patience))

    with capture_logs() as said, trio.fail_after(10):
        async with trio.open_nursery() as nursery, database.own_connection() as reader:
            await reader.call(execute, "BEGIN; SELECT FROM account")
            nursery.start_soon(node)
            await until(lambda: len(said) >= 2)
            assert await database.call(count, "SELECT count(*) FROM account") == 0
            assert not applied
    assert {line["event"] for line in said[:-1]} == {"postgres.migration_waits"}
    assert applied == [1]


async def test_a_migration_gives_up_with_a_sentence_that_says_what_to_do(
    database: Database,
) -> None:
    patience = Patience(lock_within=0.02, first_pause=0.02, tried_for=0.05)
    with trio.fail_after(10):
        async with database.own_connection() as reader:
            await reader.call(execute, "BEGIN; SELECT FROM account")
            with pytest.raises(
                MigrationError, match=r"9004_altering\.sql.*0\.05 s.*pg_stat_activity.*start again"
            ):
                await migrate(database, [*read_migrations(), NEW, ALTERING], patience=patience)
    assert await migrate(database, [*read_migrations(), NEW, ALTERING]) == 1


async def test_what_the_runbook_tells_operators_to_run_can_be_run(database: Database) -> None:
    """On this schema: a restore that tells clients, a key that is changed sooner, a master key that is lost."""
    runbook = Path(__file__).parents[2] / "docs" / "runbook.md"
    told = re.findall(r"[`\"]((?:UPDATE|DELETE) [^`\"]+)[`\"]", runbook.read_text(encoding="utf-8"))
    assert len(told) == 5
    for sql in told:
        await database.call(execute, sql)


def test_two_files_with_one_number_are_refused(tmp_path: Path) -> None:
    for name in ("0001_a.sql", "0001_b.sql"):
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(MigrationError, match="same number"):
        read_migrations(tmp_path)
