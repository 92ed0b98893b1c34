"""What the offset of business time promises, in memory and in PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from postgres_for_tests import fresh_dsn

from storage.asyncio_bridge import AsyncioBridge
from storage.memory.business_clock import MemoryBusinessOffset
from storage.postgres.business_clock import PostgresBusinessOffset
from storage.postgres.pool import Database


@pytest.fixture
async def kept(server: Any) -> AsyncIterator[Any]:
    if server is None:
        yield MemoryBusinessOffset()
        return
    async with (
        AsyncioBridge() as bridge,
        fresh_dsn(server, bridge) as dsn,
        Database(dsn, bridge, size=4) as database,
    ):
        yield PostgresBusinessOffset(database)


async def test_the_offset_begins_at_nothing_and_only_grows(kept: Any) -> None:
    assert await kept.load() == 0
    assert await kept.raise_to(7 * 86_400_000) == 604_800_000
    assert await kept.raise_to(5) == 604_800_000
    assert await kept.load() == 604_800_000


async def test_of_two_who_raise_it_at_once_the_higher_wins(kept: Any) -> None:
    async with trio.open_nursery() as nursery:
        for offset in (3, 9, 1, 7):
            nursery.start_soon(kept.raise_to, offset)
    assert await kept.load() == 9
