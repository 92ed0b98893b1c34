"""One embedded PostgreSQL per test session, and a fresh migrated database per test that asks for one."""

import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from postgres_for_tests import (
    ANOTHER,
    Given,
    drop_template,
    fresh_dsn,
    make_template,
    started_in_thread,
)
from xdist.scheduler import LoadFileScheduling

from commands.garbage import loading_for_good
from storage.asyncio_bridge import AsyncioBridge
from storage.postgres.embedded import Embedded
from storage.postgres.places import ORIGIN, SHARED
from storage.postgres.pool import Database

MEMORY = Path("/dev/shm")
ENOUGH = 2 * 2**30
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
    # What tests write is gone after them: a file system in memory halves what databases take.
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


LONGEST_FIRST = (
    *("tests/fuzz/", "tests/e2e/test_e2e_crash.py", "tests/e2e/test_e2e_http_operator.py"),
    *("tests/simulation/", "tests/e2e/"),
)
"""Where several processes share the tests, what takes half a minute in one piece comes before what
takes a second, so that they come to their ends together. Measured in processor time."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not hasattr(config, "workerinput"):
        return

    def place(item: pytest.Item) -> int:
        starts = (item.nodeid.startswith(start) for start in LONGEST_FIRST)
        return next((number for number, is_it in enumerate(starts) if is_it), len(LONGEST_FIRST))

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """As in a server: no garbage collection walks through what stays, here thousands of tests, neither
    while it is made nor afterwards. Worlds leave circles of objects behind when they end, not while they
    last: to look for them as often as usual takes a tenth of a simulation, a twentieth of other tests."""
    with loading_for_good():
        collected = yield
    gc.set_threshold(100_000, 50, 50)
    return collected


class FilesAndParts(LoadFileScheduling):
    """Where several processes share the tests, those of a file stay together, with their fixtures;
    but the parts of a long one (`[part 7]`) are shared out."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if "[part " in nodeid else nodeid.split("::", 1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesAndParts:
    config.option.loadscopereorder = False  # by number of tests; ours is `LONGEST_FIRST`
    return FilesAndParts(config, log)


@pytest.fixture(scope="session", autouse=True)
def _nothing_stays_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """As root, a server whose data directory lies below pytest's private folder keeps its cluster in
    `/var/lib/caravan`. What this session left there goes with it."""
    yield
    ours = tmp_path_factory.getbasetemp()
    for origin in SHARED.glob(f"*/{ORIGIN}"):
        if Path(origin.read_text()).is_relative_to(ours):
            shutil.rmtree(origin.parent)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What suites counted (`record_property("counted", …)`), also where a worker ran them."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "counted":
                terminalreporter.write_line(f"{report.nodeid}: {value}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Embedded | Given]:
    """A running server with a migrated template."""
    if given := os.environ.get(ANOTHER):
        trio.run(make_template, given)
        yield Given(given)
        trio.run(drop_template, given)
        return
    data_dir = Path(tempfile.mkdtemp(prefix="caravan-tests-"))
    data_dir.chmod(0o711)  # ours: the server's user may pass through, so nothing lands elsewhere
    server = Embedded(data_dir, settings={"fsync": "off", "shared_buffers": "32MB"})
    try:
        stop = started_in_thread(server)
        try:
            trio.run(make_template, server.dsn)
            yield server
        finally:
            stop()
    finally:
        shutil.rmtree(data_dir)


@pytest.fixture
async def bridge() -> AsyncIterator[AsyncioBridge]:
    async with AsyncioBridge() as bridge:
        yield bridge


@pytest.fixture
async def dsn(postgres_server: Embedded | Given, bridge: AsyncioBridge) -> AsyncIterator[str]:
    """The DSN of an empty, migrated database of the test's own."""
    async with fresh_dsn(postgres_server, bridge) as dsn:
        yield dsn


@pytest.fixture
async def database(dsn: str, bridge: AsyncioBridge) -> AsyncIterator[Database]:
    """A pool on the test's own database."""
    async with Database(dsn, bridge, size=4) as database:
        yield database
