"""Order, slowness and broken peers: what a broadcast promises everybody else."""

import socket
import struct
from dataclasses import replace
from itertools import pairwise

import msgpack
import pytest
import trio
from client_gateway_world import RawClient, World, event, hello, masked, until, upgrade_head

from core.callers import is_loopback
from core.ports.fanout import FrameLane
from gateways.client.admission import Admission, Bounds
from gateways.client.audiences import TOLD_PER_STEP
from gateways.client.outbound import MAX_BACKLOG
from gateways.client.policy import Policy
from gateways.client.tick import MEMBERS_PER_STEP
from protocol.close_codes import CloseCode
from protocol.limits import MAX_FRAME_BYTES


def connection_of(world: World, number: int = 0):
    """The server's side of the client that said the `number`-th hello."""
    hellos = [e for _, e in world.system.envelopes if type(e.message).__name__ == "Hello"]
    return hellos[number].client


async def test_frames_of_a_turn_leave_joined_and_in_order() -> None:
    world = World()
    async with world.running():
        clients = [await world.welcomed(f"u{n}", "r") for n in range(3)]
        for n in range(10):
            world.publish("room:r", n=n)
        await trio.testing.wait_all_tasks_blocked()
        for client in clients:
            data = await client.stream.receive_some(65_536)
            client._buffer += data
            assert [(await client.receive())["n"] for _ in range(10)] == list(range(10))


async def test_a_frame_sent_directly_keeps_its_place_between_publishes() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed("ada", "r")
        other = await world.welcomed("bob", "r")
        connection = connection_of(world)
        connection.send_nowait(event(n=0))
        world.publish("room:r", n=1)
        connection.send_nowait(event(n=2))
        world.publish("room:r", n=3)
        connection.answer_nowait(event(n=4))
        world.publish("user:ada", n=5)
        assert [(await client.receive())["n"] for _ in range(6)] == list(range(6))
        assert [(await other.receive())["n"] for _ in range(2)] == [1, 3]


async def test_a_joiner_sees_what_comes_after_and_a_leaver_what_came_before() -> None:
    world = World()
    async with world.running():
        staying = await world.welcomed("ada", "r")
        leaving = await world.welcomed("bob", "r")
        joining = await world.welcomed("eve")
        world.publish("room:r", n=1)
        world.fanout.subscribe("room:r", connection_of(world, 2))
        world.publish("room:r", n=2)
        world.fanout.unsubscribe_user("room:r", "bob")
        world.publish("room:r", n=3)
        world.publish("user:bob", n=9)
        assert [(await staying.receive())["n"] for _ in range(3)] == [1, 2, 3]
        assert [(await leaving.receive())["n"] for _ in range(3)] == [1, 2, 9]
        assert [(await joining.receive())["n"] for _ in range(2)] == [2, 3]
        assert not world.fanout.is_subscribed("room:r", connection_of(world, 1))


async def test_what_no_replay_brings_reaches_whom_it_is_for_while_they_are_on_their_way() -> None:
    world = World()
    async with world.running():
        names = ["ada", "bob", "eve"]
        ada, bob, eve = [await world.welcomed(name) for name in names]
        fanout, topic = world.fanout, "room:r"
        connections = [connection_of(world, number) for number in range(3)]
        for connection in connections:
            fanout.reserve(topic, connection)
        fanout.publish_nowait(topic, event(n=1), coming={"ada", "bob"})
        fanout.publish_nowait(topic, event(n=2))
        fanout.subscribe(topic, connections[0])
        fanout.release(topic, connections[1])
        fanout.publish_nowait(topic, event(n=3), coming={"ada", "bob", "eve"})
        for connection in connections:
            connection.send_nowait(event(n=4))
        assert [(await ada.receive())["n"] for _ in range(3)] == [1, 3, 4]
        assert [(await bob.receive())["n"] for _ in range(2)] == [1, 4]
        assert [(await eve.receive())["n"] for _ in range(2)] == [3, 4]
        for connection in connections:
            connection.close_nowait(CloseCode.DRAINING)
        fanout.tick.flush()
        assert not fanout._coming


async def test_who_came_in_unaware_is_named_once_and_not_when_gone_again() -> None:
    world = World()
    async with world.running():
        for name in ("ada", "bob", "eve", "eve"):
            await world.welcomed(name)
        fanout, topic = world.fanout, "room:r"
        ada, bob, eve, gone = (connection_of(world, number) for number in range(4))
        fanout.subscribe(topic, ada)
        for connection in (bob, eve, bob, gone):
            fanout.subscribe(topic, connection, knows_audience=False)
        fanout.unsubscribe(topic, eve)
        gone.close_nowait(CloseCode.DRAINING)
        fanout.tick.flush()
        assert fanout.take_unaware(topic) == [bob]
        assert not fanout.take_unaware(topic)
        fanout.subscribe(topic, eve, knows_audience=False)
        for connection in (ada, bob, eve):
            fanout.unsubscribe(topic, connection)
        assert not fanout._unaware


async def test_a_large_room_is_sent_in_steps_and_everybody_keeps_their_order() -> None:
    world = World()
    world.fanout.tick._flush_within = 0.0
    members = MEMBERS_PER_STEP + 40
    async with world.running():
        clients = [await world.welcomed(f"u{n}", "r") for n in range(members)]
        small = await world.welcomed("small", "s")
        last = connection_of(world, members - 1)
        world.publish("room:r", n=1)
        world.fanout.tick.flush()  # the first step: the last members are still to come
        assert world.fanout.tick.unsettled == 1
        world.publish("room:s", n=1)
        world.publish("room:r", n=2)
        last.send_nowait(event(n=3))
        world.publish("room:r", n=4)
        world.fanout.unsubscribe("room:r", connection_of(world, members - 2))
        world.fanout.subscribe("room:r", connection_of(world, members))
        world.publish("room:r", n=5)
        assert (await small.receive())["n"] == 1
        for client in clients[:-2]:
            assert [(await client.receive())["n"] for _ in range(4)] == [1, 2, 4, 5]
        assert [(await clients[-1].receive())["n"] for _ in range(5)] == [1, 2, 3, 4, 5]
        assert [(await clients[-2].receive())["n"] for _ in range(3)] == [1, 2, 4]
        assert (await small.receive())["n"] == 5
        assert world.fanout.tick.unsettled == 0


async def test_a_slow_consumer_is_closed_with_4002_and_its_neighbour_misses_nothing() -> None:
    world = World()
    async with world.running() as server:
        slow = await world.welcomed("slow", "r")
        fast = await world.welcomed("fast", "r")
        connection = connection_of(world)
        sent = 0
        while connection.is_open:
            assert sent < 5_000
            sent += 1
            world.publish("room:r", n=sent, content="x" * 8_000)
            assert (await fast.receive())["n"] == sent
        for n in range(10):
            world.publish("room:r", n=-n)
            assert (await fast.receive())["n"] == -n
        frames, code = await slow.ending()
        assert code == 4002
        assert [f["n"] for f in frames] == list(range(1, len(frames) + 1))
        assert server.statistics()["slow"] == 1
        assert not world.fanout.is_subscribed("room:r", connection)


async def test_a_socket_that_takes_nothing_for_five_seconds_is_reset(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    async with world.running() as server:
        await world.welcomed("slow", "r")
        connection = connection_of(world)
        while connection.outbound.is_empty:
            world.publish("room:r", content="x" * 60_000)
            world.fanout.tick.flush()
        await trio.sleep(4.9)
        assert connection.is_open
        await trio.sleep(0.2)
        assert not connection.is_open
        assert server.statistics()["reset"] == 1
        await until(lambda: len(world.ended) == 1)
        assert connection.ended_by is CloseCode.SLOW_CONSUMER


async def test_a_full_backlog_drops_typing_before_deltas_and_never_what_is_durable() -> None:
    world = World()
    async with world.running() as server:
        client = await world.welcomed("ada", "r")
        connection = connection_of(world)
        while connection.outbound.backlog < 300_000:
            world.publish("room:r", n="fill", content="x" * 20_000)
            world.fanout.tick.flush()
        world.publish("room:r", FrameLane.EPHEMERAL, n="typing")
        world.publish("room:r", FrameLane.STREAM, n="delta")
        world.publish("room:r", FrameLane.CONTROL, n="control")
        world.fanout.tick.flush()
        while connection.outbound.backlog < 600_000:
            world.publish("room:r", n="fill", content="x" * 20_000)
            world.fanout.tick.flush()
        world.publish("room:r", FrameLane.STREAM, n="late delta")
        world.publish("room:r", n="last")
        got: list[str] = []
        while not got or got[-1] != "last":
            got.append((await client.receive())["n"])
        assert [n for n in got if n != "fill"] == ["delta", "control", "last"]
        assert server.statistics()["dropped"] == 2


async def test_a_replay_waits_for_the_socket_and_is_no_backlog() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed("ada", "r")
        connection = connection_of(world)

        async def replay() -> None:
            for page in range(20):
                for n in range(100):
                    connection.send_nowait(event(n=page * 100 + n, content="x" * 8_000))
                await connection.wait_drained()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(replay)
            for n in range(2_000):
                assert (await client.receive())["n"] == n
                if n % 100 == 0:
                    await trio.lowlevel.checkpoint()
        assert connection.is_open


async def test_even_a_replay_that_never_waits_has_a_bound() -> None:
    world = World()
    async with world.running():
        await world.welcomed("ada")
        connection = connection_of(world)
        for _ in range(1_000):
            connection.send_nowait(event(content="x" * 60_000))
        assert not connection.is_open
        assert connection.outbound.backlog < MAX_BACKLOG


async def test_waiting_for_a_connection_that_closes_ends() -> None:
    world = World()
    async with world.running():
        await world.welcomed("ada")
        connection = connection_of(world)
        while connection.outbound.backlog < 200_000:
            connection.send_nowait(event(content="x" * 60_000))
            connection.uncork()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.wait_drained)
            await trio.testing.wait_all_tasks_blocked()
            connection.close_nowait(CloseCode.REPLACED)
        connection.send_nowait(event())
        connection.welcomed("s", connection.principal, b"")
        connection.renewed(connection.principal)


async def test_a_storm_of_resets_during_broadcasts_leaves_the_others_whole() -> None:
    world = World()
    async with world.running() as server:
        staying = await world.welcomed("staying", "r")
        for round_number in range(5):
            doomed = [await world.welcomed(f"d{n}", "r") for n in range(20)]
            for n, client in enumerate(doomed):
                if n % 2:
                    client.stream.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                await client.stream.aclose()
                world.publish("room:r", n=(round_number, n))
                world.fanout.tick.flush()
        await until(lambda: server.statistics()["connections"] == 1)
        got = [(await staying.receive())["n"] for _ in range(100)]
        assert got == [[r, n] for r in range(5) for n in range(20)]
        assert len(world.ended) == 100
        assert server.statistics()["crashed"] == 0


async def test_members_that_break_inside_a_broadcast_leave_after_it() -> None:
    world = World()
    async with world.running():
        clients = [await world.welcomed(f"u{n}", "r") for n in range(10)]
        for n in range(0, 10, 2):
            connection_of(world, n).wire.finish()  # the next send breaks
        world.publish("room:r", n=1)
        world.fanout.tick.flush()
        assert world.fanout.audience("room:r").user_ids == ("u1", "u3", "u5", "u7", "u9")
        assert (await clients[1].receive())["n"] == 1
        assert "room:r" in world.audiences


async def test_closing_a_topic_spares_one_and_tells_the_others() -> None:
    world = World()
    async with world.running():
        one, two = await world.welcomed("ada"), await world.welcomed("ada")
        spared = connection_of(world, 1)
        assert world.fanout.close_topic("user:ada", CloseCode.REPLACED, spare=spared) == 1
        frames, code = await one.ending()
        assert ([f["code"] for f in frames], code) == (["conflict"], 4101)
        world.publish("user:ada", n=1)
        assert (await two.receive())["n"] == 1
        assert world.fanout.close_topic("user:nobody", CloseCode.REPLACED) == 0


async def test_the_audience_counts_users_and_not_connections() -> None:
    world = World()
    async with world.running():
        for _ in range(3):
            await world.welcomed("ada", "r")
        await world.welcomed("bob", "r")
        audience = world.fanout.audience("room:r")
        assert (audience.count, audience.user_ids) == (2, ("ada", "bob"))
        assert connection_of(world).room_count == 1
        connection_of(world, 3).close_nowait(CloseCode.DRAINING)
        assert world.fanout.audience("room:r").count == 1
        statistics = world.fanout.statistics()
        assert statistics["topics"] >= 3


@pytest.mark.parametrize("how", ["is away", "closes"])
async def test_who_is_away_in_two_hundred_rooms_keeps_the_loop_from_nobody(how: str) -> None:
    world = World()
    rooms = [f"room:{n}" for n in range(200)]
    async with world.running():
        await world.welcomed("ada")
        connection = connection_of(world)
        for room in rooms:
            world.fanout.subscribe(room, connection)
        world.audiences.clear()
        if how == "is away":
            world.fanout.set_away(connection, True)
        else:
            connection.close_nowait(CloseCode.DRAINING)
            world.fanout.tick.flush()
        told = [len(world.audiences)]
        while told[-1] < len(rooms):
            await trio.lowlevel.checkpoint()
            told.append(len(world.audiences))
        steps = [after - before for before, after in pairwise([0, *told])]
        assert steps[0] == TOLD_PER_STEP
        # In two turns of the loop that follow each other we may be the first and the last.
        assert max(steps) <= 2 * TOLD_PER_STEP
        assert sorted(world.audiences) == sorted(rooms)
        assert world.fanout.statistics()["untold_audiences"] == 0
        assert all(world.fanout.audience(room).count == 0 for room in rooms)


async def test_a_room_that_is_behind_is_told_of_once_however_often_somebody_goes_and_comes() -> (
    None
):
    world = World()
    rooms = [f"room:{n}" for n in range(TOLD_PER_STEP * 3)]
    async with world.running():
        await world.welcomed("ada")
        connection = connection_of(world)
        for room in rooms:
            world.fanout.subscribe(room, connection)
        world.audiences.clear()
        for is_away in (True, False, True):
            world.fanout.set_away(connection, is_away)
        assert world.audiences == rooms[:TOLD_PER_STEP]
        await until(lambda: not world.fanout.statistics()["untold_audiences"])
        assert sorted(world.audiences) == sorted([*rooms, *rooms[:TOLD_PER_STEP]])


async def test_hooks_that_fail_harm_nobody() -> None:
    world = World()

    def fail(argument: object) -> None:
        raise RuntimeError("a hook's bug")

    world.fanout._on_audience_change = fail
    world.fanout.on_ended = fail
    async with world.running() as server:
        client = await world.welcomed("ada", "r")
        await client.stream.aclose()
        await until(lambda: server.statistics()["connections"] == 0)
        assert await world.welcomed("bob", "r")


async def test_a_user_has_a_bound_of_connections_and_so_has_an_address() -> None:
    admission = Admission(Bounds(total=3, per_address=2, per_user=1))
    assert [admission.enter_address("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert [admission.enter_address("127.0.0.1") for _ in range(2)] == [True, False]
    admission.leave_address("192.0.2.1")
    assert admission.enter_address("192.0.2.1")
    assert [admission.enter_user("ada", "192.0.2.1") for _ in range(2)] == [True, False]
    assert admission.enter_user("ada", "::1")
    admission.leave_user("ada")
    admission.leave_user("ada")
    assert admission.enter_user("ada", "192.0.2.1")
    assert admission.statistics() == {"sockets": 3, "addresses": 2, "users": 1, "refused": 3}


def test_all_addresses_of_one_ipv6_customer_have_one_bound() -> None:
    admission = Admission(Bounds(per_address=2))
    addresses = ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:1::3", "2001:db8:0:2::1")
    assert [admission.enter_address(one) for one in addresses] == [True, True, False, True]
    admission.leave_address("2001:db8:0:1::1")
    assert admission.enter_address("2001:db8:0:1::3")
    assert admission.statistics()["addresses"] == 2


def test_loopback_has_many_names() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "")))
    assert not any(map(is_loopback, ("10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0")))


async def test_over_the_bound_a_client_gets_503() -> None:
    world = World(bounds=Bounds(total=1))
    async with world.running():
        await world.welcomed()
        client = await world.upgraded()
        assert client.status == 503


async def test_a_user_over_the_bound_is_closed_with_4004(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateways.client.admission.is_loopback", lambda address: False)
    world = World(bounds=Bounds(per_user=1))
    async with world.running():
        first = await world.welcomed()
        client = await world.upgraded()
        await client.send(**hello())
        assert await client.ending() == ([], 4004)
        await client.stream.aclose()
        await first.stream.aclose()
        await until(lambda: world.admission.statistics()["users"] == 0)
        await world.welcomed()


async def test_a_connection_that_closes_leaves_its_place_to_the_one_that_replaces_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateways.client.admission.is_loopback", lambda address: False)
    world = World(bounds=Bounds(per_user=1))
    async with world.running() as server:
        await world.welcomed()
        (older,) = server.connections
        older.close_nowait(CloseCode.REPLACED)
        await world.welcomed()
        assert len(server.connections) == 2  # its client has not closed yet
        (newer,) = (one for one in server.connections if one is not older)
        older.gone()
        assert world.admission.statistics()["users"] == 1
        newer.gone()
        assert world.admission.statistics()["users"] == 0


async def test_many_handshakes_wait_for_one_another() -> None:
    world = World(policy=Policy(command_rate=None, max_handshakes=2))
    async with world.running():
        idle = [await world.connected() for _ in range(2)]
        client = RawClient(await world.connected())
        await client.stream.send_all(upgrade_head())
        await trio.testing.wait_all_tasks_blocked()
        await idle[0].aclose()
        client.head = await client.read_head()
        assert client.status == 101


async def test_the_echo_of_the_conformance_suite_returns_text_and_bytes() -> None:
    from gateways.client.conformance import ECHO_POLICY, Echo

    # The service's own, but for what lets texts pass and asks for no hello.
    assert replace(ECHO_POLICY, is_conformance=False) == Policy()
    world = World(policy=ECHO_POLICY)
    world.handler = Echo()
    async with world.running():
        client = await world.upgraded(upgrade_head(subprotocol=None))
        for opcode, payload in ((0x1, "é".encode()), (0x2, bytes(MAX_FRAME_BYTES))):
            await client.stream.send_all(masked(payload, opcode))
            assert await client.frame() == (opcode, payload)
        await client.stream.send_all(masked(b"", 0x8))
        assert await client.ending() == ([], None)


def test_a_batch_is_msgpack_all_the_way() -> None:
    assert msgpack.unpackb(event(n=1))["n"] == 1
