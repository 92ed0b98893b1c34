"""What many half-open connections at once cost everybody else."""

from collections import Counter
from typing import Any

import pytest
import trio
import trio.testing
from client_gateway_world import World, until, upgrade_head

from gateways.client import expiry as expiring
from gateways.client.deadlines import LOT_EVERY, NEVER, PER_LOT, Deadlines
from gateways.client.expiry import Expiry
from gateways.client.policy import Policy
from gateways.client.server import ACCEPT_EVERY


async def test_many_that_are_due_together_end_a_few_at_a_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    expiry = Expiry(10.0, per_lot=4)
    ended: list[float] = []

    async def wait() -> None:
        with expiry.limited():
            await trio.sleep_forever()
        ended.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(expiry.run)
        async with trio.open_nursery() as crowd:
            for _ in range(100):
                crowd.start_soon(wait)
        nursery.cancel_scope.cancel()
    lots = Counter(ended)
    assert set(lots.values()) == {4}
    assert [at - 10.0 for at in lots] == pytest.approx([n * expiring.LOT_EVERY for n in range(25)])


async def test_who_is_done_in_time_is_forgotten(autojump_clock: trio.testing.MockClock) -> None:
    expiry = Expiry(1.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(expiry.run)
        for _ in range(3):
            with expiry.limited():
                await trio.sleep(0.9)
            await trio.sleep(0.9)
        assert not expiry._due
        with expiry.limited():
            await trio.sleep_forever()
        assert trio.current_time() == 3 * 1.8 + 1.0
        nursery.cancel_scope.cancel()


async def test_a_connection_without_a_head_is_one_task() -> None:
    world = World()
    async with world.running() as server:
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        for _ in range(20):
            stream = await world.connected()
            await stream.send_all(upgrade_head()[:-1])
        await until(lambda: server.statistics()["sockets"] == 20)
        assert trio.lowlevel.current_statistics().tasks_living == before + 20


async def test_a_handshake_that_takes_too_long_is_over(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World(policy=Policy(handshake_within=3.0))
    async with world.running() as server:
        begun_at = trio.current_time()
        stream = await world.connected()
        await stream.send_all(upgrade_head()[:-1])
        assert await stream.receive_some() == b""
        assert 3.0 <= trio.current_time() - begun_at < 3.5
        await until(lambda: server.statistics()["handshakes"] == 1)  # the next one's place
        assert server.statistics()["sockets"] == 0


async def test_connections_that_are_due_together_are_looked_at_a_few_at_a_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    deadlines: Any = Deadlines()
    looked: list[float] = []

    class Due:
        due_at = NEVER

        def enforce(self, now: float) -> float:
            looked.append(now)
            return NEVER

    for _ in range(500):
        deadlines.schedule(Due(), 10.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(deadlines.run)
        await trio.sleep(11.0)
        nursery.cancel_scope.cancel()
    lots = Counter(looked)
    assert set(lots.values()) == {PER_LOT}
    every = [n * LOT_EVERY for n in range(500 // PER_LOT)]
    assert [at - 10.0 for at in lots] == pytest.approx(every)


async def test_a_crowd_is_let_in_one_at_a_time(mock_clock: trio.testing.MockClock) -> None:
    world = World()
    async with world.running() as server:
        for _ in range(3):
            await world.connected()
        for let_in in (1, 2, 3):
            await until(lambda n=let_in: server.statistics()["sockets"] >= n)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert server.statistics()["sockets"] == let_in
            mock_clock.jump(ACCEPT_EVERY)
