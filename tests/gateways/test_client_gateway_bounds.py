"""What one peer may cost: memory, processor time, and never another peer's connection."""

from typing import Any

import msgpack
import pytest
import trio
from client_gateway_world import PING, PONG, World, hello, masked, until

from gateways.client.arrivals import Newcomer
from gateways.client.connection import Connection
from gateways.client.deadlines import Timing
from gateways.client.hub import READ
from gateways.client.policy import Policy
from protocol.limits import HELD_BEFORE_WELCOME_BYTES, MAX_FRAME_BYTES


async def test_even_empty_messages_are_held_only_up_to_a_bound() -> None:
    world = World()
    world.system.behaviour = lambda address, envelope: None
    async with world.running() as server:
        client = await world.upgraded()
        await client.send(**hello())
        held = 2 * HELD_BEFORE_WELCOME_BYTES // len(masked(b""))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.stream.send_all, masked(b"") * 10 * held)
            await until(lambda: len(server.connections) == 1)
            [connection] = server.connections
            await until(lambda: not connection._interest & READ)
            assert server.statistics()["received"] <= held
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "frame",
    [
        masked(b"", PING),
        masked(b"", PONG),
        masked(msgpack.packb({"type": "ping", "t": 1})),
        masked(msgpack.packb({"type": "pong", "t": 1})),
    ],
    ids=["WebSocket pings", "WebSocket pongs", "pings", "pongs"],
)
async def test_who_floods_with_words_of_life_is_sent_away_for_abuse(frame: bytes) -> None:
    world = World(policy=Policy())
    async with world.running():
        client = await world.welcomed()
        await client.stream.send_all(frame * 1_500)
        with trio.fail_after(10):
            _, code = await client.ending()
        assert code == 4305
        await world.welcomed("bob")


async def test_pings_within_the_rate_are_all_answered() -> None:
    world = World(policy=Policy())
    async with world.running():
        client = await world.welcomed()
        await client.stream.send_all(b"".join(masked(bytes([n]), PING) for n in range(150)))
        assert [(await client.frame()) for _ in range(150)] == [
            (PONG, bytes([n])) for n in range(150)
        ]


async def test_a_fault_in_one_members_queue_spoils_nobody_elses_broadcast() -> None:
    world = World()
    async with world.running() as server:
        ada, bob = await world.welcomed("ada", "r"), await world.welcomed("bob", "r")
        broken = next(c for c in server.connections if c.user_id == "ada")

        def fail(data: Any) -> int:
            raise RuntimeError("a bug")

        broken.outbound.direct = fail
        world.publish("room:r", n=1)
        with trio.fail_after(10):
            assert (await bob.receive())["n"] == 1
        assert server.statistics()["crashed"] >= 1
        assert broken not in world.fanout._topics["room:r"].members
        await ada.stream.aclose()


@pytest.mark.parametrize("kind", [Newcomer, Connection])
async def test_a_connection_that_cannot_be_watched_is_counted_out_once(
    kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    timing = Timing(part_within=0.05, linger=0.05)
    world = World(policy=Policy(command_rate=None, timing=timing))
    async with world.running() as server:
        hub = server.connections._machinery.hub
        watch = hub.watch

        def fail(watched: Any, events: int) -> None:
            if isinstance(watched, kind):
                monkeypatch.setattr(hub, "watch", watch)
                raise OSError("no more watches")
            watch(watched, events)

        monkeypatch.setattr(hub, "watch", fail)
        client = await world.upgraded()
        with trio.fail_after(10):
            await client.ending()
        await until(lambda: server.statistics()["sockets"] == 0)
        assert server.statistics()["connections"] == 0
        await world.welcomed("bob")


async def test_who_left_in_the_middle_of_a_frame_leaves_no_bytes_behind() -> None:
    world = World()
    world.system.behaviour = lambda address, envelope: None
    async with world.running() as server:
        client = await world.upgraded()
        await client.send(**hello())
        await client.stream.send_all(masked(b"held") + masked(b"x" * MAX_FRAME_BYTES)[:-1])
        await until(lambda: len(server.connections) == 1)
        [connection] = server.connections
        await until(lambda: connection._parser.buffered_bytes > 60_000)
        await client.stream.aclose()
        await until(lambda: not server.connections)
        assert connection._parser.buffered_bytes == 0
        assert not connection._held
