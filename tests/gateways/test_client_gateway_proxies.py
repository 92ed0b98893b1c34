"""Who comes to the WebSocket through a proxy: counted for who it is, once that is known."""

import pytest
import trio
from client_gateway_world import World, hello, until, upgrade_head

from core.callers import UNKNOWN, proxies_of
from gateways.client.admission import Bounds
from gateways.client.deadlines import Timing
from gateways.client.policy import Policy

AFAR, ELSEWHERE = "198.51.100.1", "198.51.100.2"


def through(*addresses: str) -> bytes:
    return upgrade_head(**{"X-Forwarded-For": ", ".join(addresses)})


async def test_each_caller_behind_a_proxy_has_its_own_bound() -> None:
    world = World(bounds=Bounds(per_address=1))
    async with world.running() as server:
        first = await world.upgraded(through(AFAR))
        assert first.status == 101
        assert (await world.upgraded(through("203.0.113.9", AFAR))).status == 503
        assert (await world.upgraded(through(ELSEWHERE))).status == 101
        assert server.statistics()["refused"] == 1
        await first.stream.aclose()
        await until(lambda: server.statistics()["connections"] == 1)
        assert (await world.upgraded(through(AFAR))).status == 101


async def test_nobody_counts_for_a_caller_before_it_is_known_or_after_it_left() -> None:
    policy = Policy(command_rate=None, timing=Timing(linger=0.05))
    world = World(bounds=Bounds(per_address=1), policy=policy)
    async with world.running() as server:
        for _ in range(3):
            await (await world.connected()).send_all(through(AFAR)[:-1])
        await until(lambda: server.statistics()["sockets"] == 3)
        assert (await world.upgraded(through(AFAR))).status == 101
        assert (await world.upgraded(through(AFAR))).status == 503
        foreign = upgrade_head(**{"X-Forwarded-For": ELSEWHERE, "Origin": "https://evil.example"})
        assert (await world.upgraded(foreign)).status == 403
        assert (await world.upgraded(through(ELSEWHERE))).status == 101
        for stream in world.streams:
            await trio.aclose_forcefully(stream)
        await until(lambda: server.statistics()["sockets"] == 0)
        assert server.statistics()["addresses"] == 0


async def test_a_proxy_elsewhere_is_counted_for_what_it_sends_in_its_own_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.callers.is_loopback", lambda address: address == UNKNOWN)
    world = World(bounds=Bounds(per_address=1))
    async with world.running():
        heads = [upgrade_head(), upgrade_head(), through("nobody"), through(AFAR), through(AFAR)]
        statuses = [(await world.upgraded(head)).status for head in heads]
        assert statuses == [101, 503, 503, 101, 503]


async def test_a_user_behind_a_proxy_is_not_on_this_machine() -> None:
    world = World(bounds=Bounds(per_user=1))
    async with world.running():
        for _ in range(2):
            await world.welcomed("ada")
        client = await world.upgraded(through(AFAR))
        await client.send(**hello("ada"))
        assert await client.ending() == ([], 4004)


async def test_a_stranger_is_not_believed() -> None:
    world = World(bounds=Bounds(per_address=1, per_user=1), proxies=proxies_of("10.0.0.1"))
    async with world.running() as server:
        for _ in range(2):
            assert (await world.upgraded(through(AFAR))).status == 101  # this machine has no bound
        assert server.statistics()["addresses"] == 1
