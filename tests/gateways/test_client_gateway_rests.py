"""Who sends large frames that are refused is read again after a while; everybody else at once."""

from collections.abc import Mapping
from typing import Any

import msgpack
import pytest
import trio
from client_gateway_world import World, hello

from gateways.client.connection import REFUSED_FOR_NOTHING, Connection
from gateways.client.deadlines import Timing
from gateways.client.hub import READ
from gateways.client.policy import Policy
from gateways.client.rate import Rate

PING = {"type": "ping", "t": 1}


def wrong(size: int) -> Mapping[str, Any]:
    """A frame of so many bytes of an unknown type."""
    bare = {"type": "no.such.command", "padding": "x" * 300}
    return {**bare, "padding": "x" * (300 + size - len(msgpack.packb(bare)))}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether connections are to be read, each time that this changes."""
    changes = [False]
    look_for = Connection._look_for

    def noted(self: Connection, interest: int) -> None:
        if bool(interest & READ) != changes[-1]:
            changes.append(bool(interest & READ))
        look_for(self, interest)

    monkeypatch.setattr(Connection, "_look_for", noted)
    return changes


def limited(rest_per_byte: float = 1e-6) -> World:
    return World(
        policy=Policy(command_rate=Rate(50, 200), timing=Timing(rest_per_byte=rest_per_byte))
    )


async def test_whoever_sends_a_large_frame_that_is_refused_is_not_read_for_a_while(
    read: list[bool],
) -> None:
    world = limited()
    async with world.running():
        client = await world.welcomed()
        for _ in range(2):
            await client.send(**wrong(8_192))
            assert (await client.receive())["code"] == "bad_request"
            await client.send(**PING)
            assert (await client.receive())["type"] == "pong"
        assert read == [False, True, False, True, False, True]


async def test_a_stranger_rests_before_hello_too(read: list[bool]) -> None:
    world = limited()
    async with world.running():
        client = await world.upgraded()
        await client.send(**wrong(8_192))
        assert (await client.receive())["code"] == "bad_request"
        await client.send(**hello("ada"))
        assert (await client.receive())["type"] == "welcome"
        assert read == [False, True, False, True]


async def test_large_frames_that_come_together_add_up() -> None:
    world = limited(rest_per_byte=1.0)
    async with world.running():
        client = await world.welcomed()
        [(_, envelope)] = world.system.envelopes
        connection: Any = envelope.client
        for _ in range(3):
            connection.rest(10_000)
        left = connection._rests_until - trio.current_time()
        assert 29_000 < left <= 30_000
        await client.stream.aclose()


@pytest.mark.parametrize("is_limited", [True, False])
async def test_others_are_read_at_once(read: list[bool], *, is_limited: bool) -> None:
    world = limited(rest_per_byte=1.0) if is_limited else World()
    size = REFUSED_FOR_NOTHING if is_limited else 8_192
    async with world.running():
        client = await world.welcomed()
        for _ in range(20):
            await client.send(**wrong(size))
            assert (await client.receive())["code"] == "bad_request"
        await client.send(**PING)
        assert (await client.receive())["type"] == "pong"
        assert read == [False, True]
