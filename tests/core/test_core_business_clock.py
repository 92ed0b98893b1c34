"""Business time: the wall's, ahead of it by what the suppliers are, never ahead of them, never back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog
import trio
from timer_world import DAY, SECOND, JumpingClock
from trio.testing import MockClock

from core.business_clock import FOLLOW_EVERY, MOST_PATIENT, BusinessTime, SuppliersTime
from core.errors import Unavailable
from storage.memory.business_clock import MemoryBusinessOffset


class Suppliers:
    """What they say when asked: their time in whole seconds, unless they are away."""

    def __init__(self, wall: JumpingClock) -> None:
        self.wall, self.offset_ms, self.asked = wall, 0, 0
        self.is_away = self.is_absent = False

    def now_ms(self) -> int:
        return self.wall.now_ms() + self.offset_ms

    async def ask(self) -> int | None:
        self.asked += 1
        said = self.now_ms() // SECOND * SECOND
        await trio.sleep(0.2)
        if self.is_away:
            raise OSError
        return None if self.is_absent else said


class Node:
    """One process: what it knows of business time, and when it was told of leaps."""

    def __init__(self, suppliers: Suppliers, kept: MemoryBusinessOffset) -> None:
        self.time = BusinessTime(suppliers.wall)
        self.leaps: list[float] = []
        self.following = SuppliersTime(
            self.time,
            kept,
            ask=suppliers.ask,
            on_leap=lambda: self.leaps.append(trio.current_time()),
        )


@asynccontextmanager
async def running(suppliers: Suppliers, kept: MemoryBusinessOffset) -> AsyncIterator[Node]:
    node = Node(suppliers, kept)
    await node.following.load()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.following.run)
        yield node
        nursery.cancel_scope.cancel()


@pytest.fixture
def suppliers() -> Suppliers:
    return Suppliers(JumpingClock())


async def test_business_time_is_wall_time_until_suppliers_say_otherwise(
    autojump_clock: MockClock, suppliers: Suppliers
) -> None:
    time = BusinessTime(suppliers.wall)
    assert time.business_ms() == time.now_ms() == suppliers.wall.now_ms()
    assert time.monotonic() == suppliers.wall.monotonic()
    time.raise_to(DAY)
    time.raise_to(SECOND)
    assert time.business_ms() == suppliers.wall.now_ms() + DAY


async def test_it_follows_an_advance_within_seconds_and_is_never_ahead(
    autojump_clock: MockClock, suppliers: Suppliers
) -> None:
    async with running(suppliers, MemoryBusinessOffset()) as node:
        for advance in (DAY, 7 * DAY, 1_700):
            suppliers.offset_ms += advance
            for _ in range(50):
                await trio.sleep(0.1)
                assert node.time.business_ms() <= suppliers.now_ms()
            assert suppliers.now_ms() - node.time.business_ms() < 3 * SECOND
        assert 2 <= len(node.leaps) <= 3


async def test_the_seconds_of_an_answer_are_no_leaps(
    autojump_clock: MockClock, suppliers: Suppliers
) -> None:
    async with running(suppliers, MemoryBusinessOffset()) as node:
        await trio.sleep(3_600)
        assert node.leaps == []
        assert node.time.offset_ms == 0
        assert suppliers.asked <= 3_600 / FOLLOW_EVERY


async def test_a_restart_keeps_the_offset_while_nobody_can_be_asked(
    autojump_clock: MockClock, suppliers: Suppliers
) -> None:
    kept = MemoryBusinessOffset()
    suppliers.offset_ms = 7 * DAY
    async with running(suppliers, kept) as node:
        await trio.sleep(5)
        before = node.time.business_ms()
    suppliers.is_away = True
    async with running(suppliers, kept) as node:
        assert node.time.business_ms() >= before
        await trio.sleep(60)
        assert node.time.business_ms() >= before + 60 * SECOND


async def test_what_is_seen_is_stored_before(
    autojump_clock: MockClock, suppliers: Suppliers
) -> None:
    class Away(MemoryBusinessOffset):
        async def raise_to(self, offset_ms: int) -> int:
            raise Unavailable

    suppliers.offset_ms = DAY
    async with running(suppliers, Away()) as node:
        await trio.sleep(60)
        assert (node.time.offset_ms, node.leaps) == (0, [])


async def test_another_sandbox_that_is_behind_takes_nothing_back_and_is_told_of_once(
    autojump_clock: MockClock, suppliers: Suppliers
) -> None:
    kept = MemoryBusinessOffset()
    await kept.raise_to(7 * DAY)
    with structlog.testing.capture_logs() as logs:
        async with running(suppliers, kept) as node:
            await trio.sleep(60)
            assert node.time.offset_ms == 7 * DAY
    assert [entry["event"] for entry in logs] == ["business_time.ahead"]


async def test_who_is_away_is_asked_less_and_less_often_until_they_answer(
    autojump_clock: MockClock, suppliers: Suppliers
) -> None:
    suppliers.is_away = True
    async with running(suppliers, MemoryBusinessOffset()) as node:
        await trio.sleep(600)
        assert suppliers.asked < 600 / MOST_PATIENT + 10
        suppliers.is_away, suppliers.offset_ms = False, DAY
        await trio.sleep(MOST_PATIENT + 1)
        assert len(node.leaps) == 1


async def test_where_there_is_nobody_to_ask_nothing_happens(
    autojump_clock: MockClock, suppliers: Suppliers
) -> None:
    suppliers.is_absent = True
    async with running(suppliers, MemoryBusinessOffset()) as node:
        await trio.sleep(60)
        assert (node.time.offset_ms, node.leaps) == (0, [])
