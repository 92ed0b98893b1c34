"""One real server for all protocol tests, and four people who know each other."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trio
from raw_client import PASSWORD, Person, RawClient, Stage, newcomers, on_stage
from server_process import ServerProcess


@pytest.fixture(scope="session")
def protocol_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server with real PostgreSQL. It outlives the trio runs that start and stop it."""
    data_dir: Path = tmp_path_factory.mktemp("protocol") / "data"
    server = ServerProcess(data_dir)
    trio.run(server.start)
    yield server
    assert trio.run(server.stop) == 0, server.last_words()
    demand_clean_log(server.log.read_text())


def demand_clean_log(log: str) -> None:
    """Nothing crashed, whatever clients sent; and no log tells what people say or prove."""
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line for line in lines if line["level"] in ("error", "critical")] == []
    assert [word for word in (PASSWORD, "my secret", "zanzibar", "eyJ") if word in log] == []


@pytest.fixture(scope="session")
def people(protocol_server: ServerProcess) -> dict[str, Person]:
    return newcomers(protocol_server.http)


@pytest.fixture
async def stage(protocol_server: ServerProcess) -> AsyncIterator[Stage]:
    async with on_stage(protocol_server.http, protocol_server.ws) as stage:
        yield stage


@pytest.fixture
async def ada(stage: Stage, people: dict[str, Person]) -> RawClient:
    return await stage.enter(people["ada"])


@pytest.fixture
async def bob(stage: Stage, people: dict[str, Person]) -> RawClient:
    return await stage.enter(people["bob"])


@pytest.fixture
async def chen(stage: Stage, people: dict[str, Person]) -> RawClient:
    return await stage.enter(people["chen"])


@pytest.fixture
async def dina(stage: Stage, people: dict[str, Person]) -> RawClient:
    return await stage.enter(people["dina"])
