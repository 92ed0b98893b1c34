"""The folder that a server makes for itself, and the limit it raises for its sockets."""

import fcntl
import os
import resource
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import open_files
from commands.data_directory import (
    DataDirectoryError,
    RunningServer,
    announce_server,
    find_server,
    node_id,
    prepare,
    server_lock,
    write_private,
)
from commands.database import database_of
from core.config import Config, ConfigError
from storage.postgres import places
from storage.postgres.places import find_places


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that every user may pass through, as `/srv` or a checkout below it."""
    with tempfile.TemporaryDirectory(prefix="caravan-tests-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_data_directory_is_ours_and_holds_its_own_cluster(reachable: Path) -> None:
    data_dir = prepare(reachable / "data")
    assert mode(data_dir) == (0o711 if os.geteuid() == 0 else 0o700)
    found = find_places(data_dir)
    assert found.home.parent == data_dir
    assert mode(found.home) == 0o700


def test_a_directory_that_exists_keeps_its_mode(
    reachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "SHARED", reachable / "shared")
    for given in (0o700, 0o750, 0o755):
        path = reachable / oct(given)
        path.mkdir()
        path.chmod(given)
        assert mode(prepare(path)) == given
        find_places(path)
        assert mode(path) == given


def test_a_server_runs_while_it_holds_the_lock(tmp_path: Path) -> None:
    """Its process's number may be another's after a kill -9: here it is our own."""
    server = RunningServer(pid=os.getpid(), database="d", http="h", ws="w")
    announce_server(tmp_path, server)
    assert find_server(tmp_path) is None
    with server_lock(tmp_path):
        assert find_server(tmp_path) == server
    assert find_server(tmp_path) is None


def test_what_is_written_takes_no_devices_place(tmp_path: Path) -> None:
    """`seed --tokens /dev/stdout`, as root."""
    os.mkfifo(tmp_path / "device")
    with pytest.raises(OSError, match="That is no file"):
        write_private(tmp_path / "device", "tokens")
    assert (tmp_path / "device").is_fifo()
    assert len(list(tmp_path.iterdir())) == 1


def test_who_asks_whether_a_server_runs_keeps_none_from_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking takes the lock for a moment. Nobody else on the machine can take it at all."""
    with server_lock(tmp_path):
        assert mode(tmp_path / "server.lock") == 0o600
    asking = os.open(tmp_path / "server.lock", os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)
    monkeypatch.setattr(time, "sleep", lambda seconds: fcntl.flock(asking, fcntl.LOCK_UN))
    try:
        with server_lock(tmp_path):
            pass
    finally:
        os.close(asking)


@pytest.mark.parametrize(
    ("bound", "here"),
    [
        ("http://0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("ws://[::]:8081/v1/connect", "ws://[::1]:8081/v1/connect"),
        ("http://10.0.0.5:8080", "http://10.0.0.5:8080"),
    ],
)
def test_a_server_is_found_where_this_machine_reaches_it(
    bound: str, here: str, tmp_path: Path
) -> None:
    announce_server(tmp_path, RunningServer(pid=os.getpid(), database="d", http=bound, ws=bound))
    with server_lock(tmp_path):
        found = find_server(tmp_path)
    assert found is not None
    assert (found.http, found.ws) == (here, here)


@pytest.mark.parametrize("kept", [b"two words", b"\xff\0", b"n" * 65])
def test_a_node_id_that_is_no_name_is_named(kept: bytes, tmp_path: Path) -> None:
    file = tmp_path / "node-id"
    file.write_bytes(kept)
    with pytest.raises(ConfigError, match=str(file)):
        node_id(tmp_path, None)
    file.write_bytes(b"\n")
    assert node_id(tmp_path, None) == node_id(tmp_path, None)


async def test_where_no_database_is_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryError, match="CARAVAN_DATA_DIR"):
        async with database_of(Config(data_dir=tmp_path / "typo")):
            pass
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize(
    ("limit", "connections"), [(256, 128), (1_024, 512), (4_096, 3_096), (60_000, 20_000)]
)
def test_clients_leave_descriptors_for_everything_else(
    limit: int, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert open_files.connections_that_fit() == connections


def test_the_limit_of_open_files_is_raised_to_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        assert open_files.raise_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
        assert open_files.raise_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if hard != resource.RLIM_INFINITY:
            assert open_files.raise_limit() == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how large the table is")
def test_no_connection_waits_for_the_table_of_descriptors_to_grow() -> None:
    """By itself it has 256 places at first."""
    said = subprocess.run(
        [sys.executable, "-c", TABLE_AFTER_RAISING], capture_output=True, text=True, check=True
    )
    soft, places = map(int, said.stdout.splitlines()[-1].split())
    assert places >= min(soft, open_files.ENOUGH)


TABLE_AFTER_RAISING = """
from commands.open_files import raise_limit
soft = raise_limit()
[places] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("FDSize")]
print(soft, places)
"""
