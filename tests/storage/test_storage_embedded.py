"""The embedded server against everything that kills: us, it, its watchdog."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import structlog
import trio
from postgres_for_tests import until

from core.errors import Unavailable
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres import account, embedded, places
from storage.postgres.embedded import Embedded
from storage.postgres.file_lock import lock_file
from storage.postgres.places import EmbeddedError
from storage.postgres.pool import Connection, Database

OWNER = Path(__file__).with_name("embedded_owner.py")


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A data directory with a fresh cluster, whose copies save each test an initdb."""
    path = Path(tempfile.mkdtemp(prefix="caravan-tests-"))
    path.chmod(0o711)

    async def make() -> None:
        async with running(path / "data") as server:
            assert server.places.home.is_relative_to(path)  # reachable: nothing lands elsewhere

    trio.run(make)
    yield path / "data"
    shutil.rmtree(path)


@pytest.fixture
def data_dir(template: Path) -> Iterator[Path]:
    path = template.with_name(template.name + "-one")
    subprocess.run(["cp", "-a", str(template), str(path)], check=True)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def new_dir() -> Iterator[Path]:
    """A data directory that is not there yet, where the server's user may come."""
    with tempfile.TemporaryDirectory(prefix="caravan-tests-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "data"


@asynccontextmanager
async def running(data_dir: Path) -> AsyncIterator[Embedded]:
    server = Embedded(data_dir, settings={"fsync": "off", "shared_buffers": "16MB"})
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        yield server
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def owned_by_another_process(data_dir: Path) -> AsyncIterator[tuple[trio.Process, int]]:
    """(the owner, the server's first process)"""
    owner = await trio.lowlevel.open_process(
        [sys.executable, str(OWNER), str(data_dir)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert owner.stdout is not None
    try:
        line = b""
        with trio.fail_after(10):
            while not line.endswith(b"\n"):
                line += await owner.stdout.receive_some() or pytest.fail("the owner died")
        yield owner, int(line.split()[0])
    finally:
        owner.kill()
        await owner.wait()
        await owner.stdout.aclose()


async def answers(connection: Connection) -> int:
    return int(await connection.fetchval("SELECT 1"))


async def ask_until_answered(database: Database) -> None:
    while True:
        try:
            await database.call(answers)
            return
        except Unavailable:
            await trio.sleep(0.01)


async def nothing_is_left(data_dir: Path, within: float) -> bool:
    """Every server process holds this lock from its birth to its end."""
    lock = await lock_file(data_dir / places.CLUSTER / places.RUNNING_LOCK, within=within)
    if lock is not None:
        os.close(lock)
    return lock is not None


async def test_a_stopped_server_leaves_nothing_and_keeps_the_data(data_dir: Path) -> None:
    async with AsyncioBridge() as bridge:
        async with running(data_dir) as server, Database(server.dsn, bridge) as database:
            await database.call(execute, "CREATE TABLE kept AS SELECT 7 AS n")
            pid = server.postmaster_pid
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert await nothing_is_left(data_dir, within=1)  # the watchdog may be in its last nap
        async with running(data_dir) as server, Database(server.dsn, bridge) as database:
            await database.call(execute, "SELECT n FROM kept")


async def execute(connection: Connection, sql: str) -> None:
    await connection.execute(sql)


async def test_a_killed_postmaster_is_started_again_and_the_pool_heals(data_dir: Path) -> None:
    async with (
        running(data_dir) as server,
        AsyncioBridge() as bridge,
        Database(server.dsn, bridge) as database,
    ):
        await database.call(answers)
        for starts in (2, 3, 4):
            os.kill(server.postmaster_pid, signal.SIGKILL)
            with trio.fail_after(2):
                await until(lambda starts=starts: server.statistics()["starts"] == starts)
                await ask_until_answered(database)


async def test_a_server_that_cannot_come_back_yet_is_tried_until_it_can(data_dir: Path) -> None:
    """As on a full disk, or one that is not mounted: no other cluster takes its place."""
    async with (
        running(data_dir) as server,
        AsyncioBridge() as bridge,
        Database(server.dsn, bridge) as database,
    ):
        await database.call(execute, "CREATE TABLE kept (n int)")
        cluster = server.places.cluster
        for starts, missing in enumerate((cluster / "global" / "pg_control", cluster), 2):
            pid, away = server.postmaster_pid, server.places.home / "away"
            with structlog.testing.capture_logs() as logs:
                missing.rename(away)
                os.kill(pid, signal.SIGKILL)
                await until(lambda logs=logs: len(tries(logs)) > 1, within=5)
                away.rename(missing)
                with trio.fail_after(5):
                    await ask_until_answered(database)
                    # It may answer before whoever waits for it has noticed.
                    await until(lambda starts=starts: server.statistics()["starts"] == starts)
        await database.call(execute, "SELECT n FROM kept")


def tries(logs: Sequence[Mapping[str, object]]) -> list[object]:
    return [log["why"] for log in logs if log["event"] == "postgres.not_started"]


async def test_kill_9_of_the_owner_leaves_nothing_alive_after_3_seconds(data_dir: Path) -> None:
    async with owned_by_another_process(data_dir) as (owner, postmaster):
        owner.kill()
        assert await nothing_is_left(data_dir, within=3)
        with pytest.raises(ProcessLookupError):
            os.kill(postmaster, 0)


async def test_a_start_right_after_kill_9_waits_for_what_is_left(data_dir: Path) -> None:
    async with owned_by_another_process(data_dir) as (owner, postmaster):
        owner.kill()
        with trio.fail_after(3):
            async with (
                running(data_dir) as server,
                AsyncioBridge() as bridge,
                Database(server.dsn, bridge) as database,
            ):
                await database.call(answers)
                assert server.postmaster_pid != postmaster


async def test_an_orphan_whose_watchdog_was_killed_too_is_ended(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "LEFTOVERS_WITHIN", 1.0)
    async with owned_by_another_process(data_dir) as (owner, postmaster):
        owner.send_signal(signal.SIGSTOP)
        watchdog = parents()[postmaster]
        watching = [pid for pid, parent in parents().items() if parent == watchdog]
        for pid in (watchdog, *watching):
            if pid != postmaster:
                os.kill(pid, signal.SIGKILL)
        owner.kill()
        os.kill(postmaster, 0)  # an orphan
        with trio.fail_after(5):
            async with running(data_dir) as server:
                assert server.postmaster_pid != postmaster


async def test_a_stranger_with_the_pid_of_the_last_server_keeps_nobody_from_starting(
    data_dir: Path,
) -> None:
    """After a power cut: in a new container the same few pids come again."""
    async with running(data_dir) as server:
        home = server.places
        left = {
            path: path.read_bytes()
            for path in (
                home.cluster / "postmaster.pid",
                home.socket_dir / ".s.PGSQL.5432.lock",
            )
        }
    async with trio.open_nursery() as nursery:
        sleep = partial(trio.run_process, ["sleep", "60"], **home.account.popen_options())
        stranger = await nursery.start(sleep)
        for path, content in left.items():
            _, rest = content.split(b"\n", 1)
            path.write_bytes(b"%d\n" % stranger.pid + rest)
        async with (
            running(data_dir) as server,
            AsyncioBridge() as bridge,
            Database(server.dsn, bridge) as database,
        ):
            await database.call(answers)
            assert server.postmaster_pid != stranger.pid
        nursery.cancel_scope.cancel()


async def test_kill_9_during_the_first_initdb_leaves_nothing_and_the_next_start_works(
    new_dir: Path,
) -> None:
    owner = await trio.lowlevel.open_process(
        [sys.executable, str(OWNER), str(new_dir)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        await until(lambda: bool(initdb_of(new_dir)), within=20)
        for pid in initdb_of(new_dir):
            os.kill(pid, signal.SIGSTOP)  # as if the disk were slow
        owner.kill()
        assert await nothing_is_left(new_dir, within=3)
    finally:
        for pid in initdb_of(new_dir):
            os.kill(pid, signal.SIGKILL)
        owner.kill()
        await owner.wait()
    async with (
        running(new_dir) as server,
        AsyncioBridge() as bridge,
        Database(server.dsn, bridge) as database,
    ):
        await database.call(answers)


def initdb_of(data_dir: Path) -> list[int]:
    listed = subprocess.check_output(["ps", "-A", "-ww", "-o", "pid=,args="], text=True)
    processes = [line.split(None, 2) for line in listed.splitlines()]
    return [
        int(pid)
        for pid, command, *rest in processes
        if command.endswith("/initdb") and str(data_dir) in str(rest)
    ]


def parents() -> dict[int, int]:
    listed = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid="], text=True)
    return {int(pid): int(parent) for pid, parent in map(str.split, listed.splitlines())}


async def test_one_directory_has_one_owner(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(data_dir):
        monkeypatch.setattr(embedded, "LEFTOVERS_WITHIN", 0.1)
        with pytest.raises(EmbeddedError, match="Another process"):
            await Embedded(data_dir).run()


async def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    with pytest.raises(EmbeddedError, match="no_such_setting") as caught:
        await Embedded(data_dir, settings={"no_such_setting": "1"}).run()
    assert "\n" not in str(caught.value)
    assert "postgresql.log" in str(caught.value)
    assert await nothing_is_left(data_dir, within=1)


def test_a_database_elsewhere_that_is_gone_is_not_made_anew(new_dir: Path) -> None:
    """It was on a volume that is not mounted, or in a container that was replaced; or its name is damaged."""
    new_dir.mkdir(mode=0o711)
    gone = new_dir / "gone"
    for said in (bytes(gone), bytes(gone) + b"\xff\n"):
        (new_dir / f"{places.CLUSTER}.elsewhere").write_bytes(said)
        with pytest.raises(EmbeddedError, match=rf"{gone}\S*, and it is not there"):
            places.find_places(new_dir)
    assert not gone.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_directory_that_the_databases_user_cannot_enter_is_named(data_dir: Path) -> None:
    data_dir.chmod(0o700)
    with pytest.raises(EmbeddedError, match=rf"cannot enter {data_dir}.*chmod"):
        places.find_places(data_dir)
    data_dir.chmod(0o711)
    os.chown(data_dir / places.CLUSTER, 0, 0)
    with pytest.raises(EmbeddedError, match=r"'s to write to"):
        places.find_places(data_dir)


async def test_a_cluster_half_made_is_made_anew(data_dir: Path) -> None:
    cluster = data_dir / places.CLUSTER / "data"
    cluster.rename(cluster.with_name("data.partial"))
    async with (
        running(data_dir) as server,
        AsyncioBridge() as bridge,
        Database(server.dsn, bridge) as database,
    ):
        await database.call(answers)


async def test_below_a_folder_that_only_its_owner_enters(tmp_path: Path) -> None:
    """As root the server's user cannot come here; the folder's mode stays what it was."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    homes: set[Path] = set()
    try:
        async with AsyncioBridge() as bridge:
            for sql in ("CREATE TABLE kept (n int)", "SELECT n FROM kept"):
                async with running(closed / "data") as server:
                    homes.add(server.places.home)
                    async with Database(server.dsn, bridge) as database:
                        await database.call(execute, sql)
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert len(homes) == 1
        assert next(iter(homes)).is_relative_to(closed) == (os.geteuid() != 0)
    finally:
        for home in homes:
            if home.is_relative_to(places.SHARED):
                shutil.rmtree(home)


async def test_a_home_elsewhere_goes_when_its_temporary_data_directory_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "SHARED", tmp_path / "shared")
    homes = []
    for name in ("first", "second", "third"):
        data_dir = tmp_path / name
        data_dir.mkdir()
        marker = data_dir / "marker"
        homes.append(places._elsewhere(data_dir, marker))
        assert places._elsewhere(data_dir, marker) == homes[-1]
        if name != "second":
            shutil.rmtree(data_dir)
    assert [home.exists() for home in homes] == [False, True, True]
    lock = await lock_file(homes[2] / places.RUNNING_LOCK, within=0)
    assert lock is not None
    places._sweep()
    assert homes[2].exists()
    os.close(lock)
    places._sweep()
    assert not homes[2].exists()


def test_a_database_of_another_version_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / places.CLUSTER).mkdir()
    monkeypatch.setattr(places, "CLUSTER", "postgresql-99")
    with pytest.raises(EmbeddedError, match=r"postgresql-18 is of another version.*backup"):
        places.find_places(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["postgresql-18"]


def test_binaries_are_copied_with_their_libraries_and_run_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "SHARED", tmp_path)

    class Unwelcome:
        def can(self, test: str, path: Path) -> bool:
            return False

    for _ in range(2):  # the second time they are there
        binaries = places._binaries(Unwelcome())  # type: ignore[arg-type]
    assert binaries.is_relative_to(tmp_path)
    for name in ("postgres", "initdb"):
        subprocess.run([binaries / name, "--version"], check=True, capture_output=True)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_as_root_a_cluster_is_run_by_its_owner(data_dir: Path) -> None:
    await trio.run_process(["chown", "-R", "65534:65534", data_dir / places.CLUSTER])
    async with running(data_dir) as server:
        asked = ["ps", "-o", "uid=", "-p", str(server.postmaster_pid)]
        answer = await trio.run_process(asked, capture_stdout=True)
        assert int(answer.stdout) == 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_where_root_can_make_no_user_nobody_runs_the_server(
    new_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "_existing", lambda name: None)
    monkeypatch.setattr(account, "_made", lambda name: None)
    for _ in range(2):
        async with (
            running(new_dir) as server,
            AsyncioBridge() as bridge,
            Database(server.dsn, bridge) as database,
        ):
            await database.call(answers)
            asked = ["ps", "-o", "user=", "-p", str(server.postmaster_pid)]
            answer = await trio.run_process(asked, capture_stdout=True)
            assert answer.stdout.decode().strip() == "nobody"


async def test_a_path_too_long_for_a_socket_gets_a_short_folder(data_dir: Path) -> None:
    long = data_dir / ("x" * 90)
    long.mkdir(mode=0o711)
    shutil.move(data_dir / places.CLUSTER, long / places.CLUSTER)
    async with (
        running(long) as server,
        AsyncioBridge() as bridge,
        Database(server.dsn, bridge) as database,
    ):
        await database.call(answers)
        short = server.places.socket_dir
        assert not short.is_relative_to(data_dir)
        assert stat.S_IMODE(short.stat().st_mode) == 0o700
    assert not short.exists()


def test_a_log_that_grew_is_set_aside_once(tmp_path: Path) -> None:
    path = tmp_path / "postgresql.log"
    with path.open("ab") as writer:
        for round_ in range(3):
            writer.write(b"x" * (embedded.MAX_LOG_BYTES + 1))
            writer.flush()
            embedded.keep_bounded(path)
            assert path.stat().st_size == 0, round_
    assert sorted(p.name for p in tmp_path.iterdir()) == ["postgresql.log", "postgresql.log.1"]


def test_why_no_cluster_could_be_made_is_told() -> None:
    said = (
        b"creating configuration files ... initdb: error: could not write file "
        b'"/data/postgresql.conf": No space left on device\n'
        b'initdb: removing data directory "/data"\n'
    )
    told = 'could not write file "/data/postgresql.conf": No space left on device'
    assert embedded._reason(said) == told
