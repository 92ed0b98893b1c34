"""What `serve` does with signals (that a ready server drains is shown with a real one), and who is ready."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from commands import serve, wiring
from core.config import Config
from storage.credentials.master_key import MasterKeyError
from storage.postgres.places import CLUSTER

ROOT = Path(__file__).parents[2]
STUCK = Path(__file__).with_name("stuck_server.py")


@contextmanager
def hung_up_on(treatment: signal.Handlers) -> Iterator[None]:
    """What a hang-up does to us, and to whom we start: whoever runs the tests may be deaf to it."""
    before = signal.signal(signal.SIGHUP, treatment)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.fixture
def heard_hang_up() -> Iterator[None]:
    with hung_up_on(signal.SIG_DFL):
        yield


@pytest.mark.usefixtures("heard_hang_up")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_server_that_still_starts_ends_at_once(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    @asynccontextmanager
    async def slow_start(*_: object, **__: object) -> AsyncIterator[None]:
        try:
            signal.raise_signal(number)
            await trio.sleep_forever()
            yield
        finally:
            ended.append("in order")

    monkeypatch.setattr(serve, "serving", slow_start)
    with trio.fail_after(5):
        await serve._serve(Config(data_dir=tmp_path), bytes(32), demo=False)
    assert ended == ["in order"]
    assert not (tmp_path / "server.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_second_signal_ends_a_drain_that_does_not_end(
    number: signal.Signals, tmp_path: Path
) -> None:
    async with stuck_server(tmp_path) as process:
        process.send_signal(number)
        await line_with(process.stderr, "stopping")
        process.send_signal(number)
        last = await line_with(process.stderr, "cut short")
        assert await process.wait() == 1
    assert (last["level"], last["signal"], last["status"]) == ("error", number.name, 1)


@pytest.mark.usefixtures("heard_hang_up")
async def test_a_second_hang_up_is_nobodys_impatience(tmp_path: Path) -> None:
    """A terminal that is closed, its shell and the end of that hang up one after the other."""
    async with stuck_server(tmp_path) as process:
        process.send_signal(signal.SIGHUP)
        first = await line_with(process.stderr, "stopping")
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        last = await line_with(process.stderr, "cut short")
    assert (first["signal"], last["signal"]) == ("SIGHUP", "SIGTERM")


async def test_a_server_that_began_deaf_to_hang_ups_stays_deaf(tmp_path: Path) -> None:
    """`nohup` is for that."""
    with hung_up_on(signal.SIG_IGN):
        async with stuck_server(tmp_path) as process:
            process.send_signal(signal.SIGHUP)
            process.send_signal(signal.SIGTERM)
            first = await line_with(process.stderr, "stopping")
    assert first["signal"] == "SIGTERM"


@asynccontextmanager
async def stuck_server(data_dir: Path) -> AsyncIterator[trio.Process]:
    """Ready, and killed at the end."""
    process = await trio.lowlevel.open_process(
        [sys.executable, str(STUCK), str(data_dir)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        with trio.fail_after(30):
            await line_with(process.stdout, "ready")
            yield process
    finally:
        process.kill()
        await process.wait()


async def line_with(stream: trio.abc.ReceiveStream | None, event: str) -> dict[str, Any]:
    """The next lines, up to that one."""
    assert stream is not None
    said = b""
    while part := await stream.receive_some():
        said += part
        for line in said.split(b"\n")[:-1]:
            if (entry := json.loads(line))["event"] == event:
                return dict(entry)
    raise AssertionError(said.decode())


async def test_a_signals_echo_leaves_the_drain_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.abc.Clock
) -> None:
    """Ctrl-C goes to the whole group of processes; watchfiles and make hand it on besides."""
    ended: list[str] = []

    async def drain() -> None:
        signal.raise_signal(signal.SIGINT)
        await trio.sleep(5)
        ended.append("drained")

    @asynccontextmanager
    async def ready(*_: object, **__: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(dsn="", http_url="", ws_url="", drain=drain)

    async def tell_when_it_runs() -> None:
        while not (tmp_path / "server.json").exists():
            await trio.sleep(1)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(serve, "serving", ready)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tell_when_it_runs)
        await serve._serve(Config(data_dir=tmp_path), bytes(32), demo=False)
    assert ended == ["drained"]


@pytest.mark.parametrize("owned", [(), (1, 2)])
async def test_a_node_that_owns_no_shard_is_not_ready(owned: tuple[int, ...]) -> None:
    """Another node has them all: every room would be unavailable here."""

    async def answered(_: object) -> None: ...

    server: Any = SimpleNamespace(
        _database=SimpleNamespace(call=answered),
        storage=SimpleNamespace(leases=SimpleNamespace(owned_shards=lambda: owned)),
        gateways=SimpleNamespace(stopping=trio.Event()),
    )
    assert await wiring.Server._readiness(server) == {
        "database": True,
        "shards": bool(owned),
        "accepting": True,
    }


def test_a_master_key_is_made_with_a_data_directory_and_never_again(tmp_path: Path) -> None:
    key = serve._master_key(Config(), tmp_path)
    (tmp_path / CLUSTER).mkdir()
    assert serve._master_key(Config(), tmp_path) == key
    (tmp_path / "master.key").unlink()
    with pytest.raises(MasterKeyError, match="Restore it"):
        serve._master_key(Config(), tmp_path)
    assert not (tmp_path / "master.key").exists()
    assert serve._master_key(Config(master_key=key), tmp_path) == key
