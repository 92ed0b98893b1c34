"""Peers that misbehave, a client that does not, and a server that leaves at a bad moment."""

import msgpack
import pytest
import trio
import trio.testing
import trio_websocket
from client_gateway_world import (
    PING,
    RawClient,
    World,
    hello,
    masked,
    until,
    upgrade_head,
)

from protocol.close_codes import CloseCode
from protocol.limits import CONNECT_PATH, SUBPROTOCOL


async def test_another_library_opens_speaks_and_closes() -> None:
    world = World()
    async with (
        world.running() as server,
        trio_websocket.open_websocket(
            "127.0.0.1", world.port, CONNECT_PATH, use_ssl=False, subprotocols=[SUBPROTOCOL]
        ) as socket,
    ):
        await socket.send_message(msgpack.packb(hello()))
        assert msgpack.unpackb(await socket.get_message())["type"] == "welcome"
        await socket.ping(b"are you there")
        await socket.aclose(1000)
        await until(lambda: server.statistics()["connections"] == 0)


async def test_who_floods_pings_and_never_reads_is_closed() -> None:
    world = World()
    async with world.running() as server:
        client = await world.welcomed()
        flood = masked(b"p" * 125, PING) * 500
        with trio.fail_after(30):
            while not server.statistics()["slow"]:
                await client.stream.send_all(flood)
        _, code = await client.ending()
        assert code == 4002
        await world.welcomed("bob")


async def test_after_a_violation_the_server_ends_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        began_at = trio.current_time()
        await client.stream.send_all(b"\x82\x05hello")
        assert await client.ending() == ([], 1002)
        assert trio.current_time() - began_at < 0.1


async def test_it_is_known_for_what_we_closed_a_connection_and_that_a_peer_went_by_itself() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        await client.stream.send_all(masked(b"\xc1"))
        assert (await client.ending())[1] == CloseCode.MALFORMED_FRAME
        await (await world.welcomed()).stream.aclose()
        await until(lambda: len(world.ended) == 2)
    assert [each.ended_by for each in world.ended] == [CloseCode.MALFORMED_FRAME, None]


async def test_bad_hellos_are_answered_until_the_deadline() -> None:
    world = World()
    async with world.running():
        client = await world.upgraded()
        await client.send(type="hello", token="")
        error = await client.receive()
        assert (error["code"], "ref" in error) == ("bad_request", False)
        await client.send(**hello())
        assert (await client.receive())["type"] == "welcome"


async def test_a_fault_in_a_deadline_ends_one_connection(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    async with world.running() as server:
        client = await world.welcomed()
        good = world.handler.ping

        def fail() -> bytes:
            monkeypatch.setattr(world.handler, "ping", good)
            raise RuntimeError("a bug")

        monkeypatch.setattr(world.handler, "ping", fail)
        assert await client.ending() == ([], 4000)
        assert server.statistics()["crashed"] == 1
        other = await world.welcomed("bob")
        assert (await other.receive())["type"] == "ping"


async def test_who_is_still_shaking_hands_when_the_server_drains_is_sent_away() -> None:
    world = World()
    async with world.running() as server:
        client = RawClient(await world.connected())
        head = upgrade_head()
        await client.stream.send_all(head[:-2])
        await until(lambda: server.statistics()["sockets"] == 1)
        await server.drain(within=0.0)
        await client.stream.send_all(head[-2:])
        client.head = await client.read_head()
        assert client.status == 101
        assert await client.ending() == ([], 4001)


async def test_a_server_that_is_cancelled_leaves_nothing_open() -> None:
    world = World()
    async with world.running() as server:
        await world.welcomed("ada", "r")
        await world.upgraded()
        await world.connected()
        await until(lambda: server.statistics()["sockets"] == 3)
    statistics = server.statistics()
    assert (statistics["connections"], statistics["sockets"]) == (0, 0)
    assert len(world.ended) == 2
    assert world.fanout.statistics()["topics"] == 0
