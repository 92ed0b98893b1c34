"""What many half-open connections at once cost everybody else."""

import socket
from collections import Counter
from typing import Any

import msgpack
import pytest
import trio
import trio.testing
from client_gateway_world import RawClient, World, hello, masked, until, upgrade_head

from core.pacing import LEAST_REST, PER_LOT, DutyCycle
from gateways.client import server as server_of
from gateways.client.admission import Admission, Bounds
from gateways.client.arrivals import UPGRADE, Arrivals
from gateways.client.deadlines import NEVER, Deadlines, Timing
from gateways.client.policy import Policy
from gateways.client.wire import PlainWire
from gateways.http.server import bind_http


class NoHub:
    """Remembers what it was to watch."""

    def __init__(self) -> None:
        self.watched: list[Any] = []

    def watch(self, watched: Any, events: int) -> None:
        if watched not in self.watched:
            self.watched.append(watched)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
async def test_who_listens_on_all_of_ipv6_is_reached_over_ipv4() -> None:
    """`CARAVAN_HOST=::`; over HTTP they are logged in by then."""
    for listener in (server_of._listen("::", 0)[0], bind_http("::", 0)):
        with listener:
            stream = await trio.open_tcp_stream("127.0.0.1", listener.getsockname()[1])
            await stream.aclose()


async def test_a_connection_without_a_head_is_no_task() -> None:
    world = World()
    async with world.running() as server:
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        for _ in range(20):
            stream = await world.connected()
            await stream.send_all(upgrade_head()[:-1])
        await until(lambda: server.statistics()["sockets"] == 20)
        assert trio.lowlevel.current_statistics().tasks_living == before


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
        assert server.statistics()["handshakes"] == server.statistics()["sockets"] == 0


async def test_a_refused_client_that_does_not_hang_up_is_hung_up_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    async with world.running() as server:
        client = await world.upgraded(b"GET /elsewhere HTTP/1.1\r\nHost: here\r\n\r\n")
        assert client.status == 400
        await trio.sleep(Timing().linger - 0.1)
        assert server.statistics()["sockets"] == 1
        await trio.sleep(0.2)
        assert server.statistics()["sockets"] == 0


async def test_when_there_is_room_again_every_listener_accepts_again(
    mock_clock: trio.testing.MockClock,
) -> None:
    hub: Any = NoHub()
    arrivals = Arrivals(
        hub=hub,
        admission=Admission(Bounds()),
        policy=Policy(max_handshakes=1),
        origins=(),
        take_in=lambda wire, address, leftover: None,
        pace=DutyCycle(),
    )
    ours, theirs = socket.socketpair()
    with theirs:
        arrivals.enter(PlainWire(ours), "")
        [newcomer] = hub.watched
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(arrivals.place)
            await trio.testing.wait_all_tasks_blocked()
            assert arrivals.is_full
            assert len(nursery.child_tasks) == 2
            arrivals.leave(newcomer)
            await trio.testing.wait_all_tasks_blocked()
            waiting = len(nursery.child_tasks)
            nursery.cancel_scope.cancel()
        assert waiting == 0


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

    for _ in range(60 * PER_LOT):
        deadlines.schedule(Due(), 10.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(deadlines.run)
        await trio.sleep(11.0)
        nursery.cancel_scope.cancel()
    lots = Counter(looked)
    assert set(lots.values()) == {PER_LOT}
    every = [n * LEAST_REST for n in range(60)]
    assert [at - 10.0 for at in lots] == pytest.approx(every)


async def test_a_crowd_is_let_in_a_few_at_a_time(mock_clock: trio.testing.MockClock) -> None:
    world = World()
    lot = PER_LOT
    async with world.running() as server:
        await world.connected()
        await until(lambda: server.statistics()["sockets"] == 1)
        for _ in range(2 * lot):
            await world.connected()
        for let_in in (1, 1 + lot, 1 + 2 * lot):
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert server.statistics()["sockets"] == let_in
            mock_clock.jump(LEAST_REST)


async def let_in(
    world: World, number: int, clock: trio.testing.MockClock
) -> list[trio.SocketStream]:
    """So many who have not asked; nobody has for a second."""
    streams = [await world.connected() for _ in range(number)]
    for _ in range(number):
        await trio.testing.wait_all_tasks_blocked(0.01)
        clock.jump(LEAST_REST)
    clock.jump(1.0)
    return streams


async def test_who_asks_together_is_upgraded_one_by_one(
    mock_clock: trio.testing.MockClock,
) -> None:
    world = World()
    async with world.running() as server:
        streams = await let_in(world, 5, mock_clock)
        for stream in streams:
            await stream.send_all(upgrade_head())
        for upgraded in range(1, 6):
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert server.statistics()["connections"] == upgraded
            mock_clock.jump(UPGRADE.slowest)


async def test_what_comes_behind_a_request_that_waits_for_its_turn_is_read_by_the_connection(
    mock_clock: trio.testing.MockClock,
) -> None:
    world = World()
    async with world.running() as server:
        streams = await let_in(world, 2, mock_clock)
        for stream in streams:
            await stream.send_all(upgrade_head())
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert server.statistics()["handshakes"] == 1
        await streams[-1].send_all(masked(msgpack.packb(hello())))
        await trio.testing.wait_all_tasks_blocked(0.01)
        mock_clock.jump(1.0)
        client = RawClient(streams[-1])
        await client.read_head()
        assert (await client.receive())["type"] == "welcome"
