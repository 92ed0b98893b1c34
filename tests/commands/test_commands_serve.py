"""What `serve` does with signals (that a ready server drains is shown with a real one), and who is ready."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from commands import serve, wiring
from core.config import Config
from storage.credentials.master_key import MasterKeyError
from storage.postgres.places import CLUSTER


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
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

    monkeypatch.setattr(wiring, "serving", slow_start)
    with trio.fail_after(5):
        await serve._serve(Config(data_dir=tmp_path), bytes(32), demo=False)
    assert ended == ["in order"]
    assert not (tmp_path / "server.json").exists()


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
