"""A connection's life as docs/protocol-v1.md §1-§3 and §7 promise it."""

import msgpack
import pytest
import trio
from client_gateway_world import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    UUID,
    Gone,
    World,
    event,
    hello,
    masked,
    principal_of,
    until,
    upgrade_head,
)

from core.errors import Overloaded, Rejected, TokenExpired, TokenRevoked
from gateways.client.policy import Policy
from gateways.client.rate import Rate
from protocol.addresses import Address
from protocol.close_codes import CloseCode
from protocol.room import JoinRoom


async def test_an_upgrade_is_accepted_with_the_subprotocol_and_no_extension() -> None:
    world = World()
    async with world.running():
        client = await world.upgraded(
            upgrade_head(**{"Sec-WebSocket-Extensions": "permessage-deflate"})
        )
    assert client.status == 101
    assert b"caravan.v1.msgpack" in client.head
    assert b"extensions" not in client.head.lower()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (upgrade_head("/elsewhere"), 404),
        (upgrade_head("/v1/connect?token=secret"), 400),
        (upgrade_head(subprotocol=None), 400),
        (upgrade_head(subprotocol="chat"), 400),
        (upgrade_head(Origin="https://evil.example"), 403),
        (upgrade_head(Origin="null"), 403),
        (upgrade_head(Origin="http://127.0.0.1:8080"), 101),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"POST /v1/connect HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"junk\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20_000, 431),
    ],
)
async def test_an_upgrade_is_judged_before_it_is_accepted(head: bytes, status: int) -> None:
    world = World()
    async with world.running() as server:
        client = await world.upgraded(head)
        assert client.status == status
        if status != 101:
            assert f"content-length: {len(await client.rest())}" in client.head.decode().lower()
            await client.stream.aclose()
            await until(lambda: server.statistics()["sockets"] == 0)


async def test_a_handshake_that_trickles_is_ended_after_ten_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    async with world.running() as server:
        stream = await world.connected()
        for byte in upgrade_head()[:8]:
            await stream.send_all(bytes([byte]))
            await trio.sleep(1)
        assert await stream.receive_some() == b""
        assert trio.current_time() == pytest.approx(10, abs=0.1)
        await trio.sleep(2)
        assert server.statistics()["sockets"] == server.statistics()["handshakes"] == 0


async def test_bytes_may_come_one_at_a_time_and_behind_the_head() -> None:
    world = World()
    async with world.running():
        client = await world.upgraded(upgrade_head() + masked(msgpack.packb(hello()))[:5])
        client = await world.upgraded(
            upgrade_head() + masked(msgpack.packb({"type": "ping", "t": 7}))
        )
        assert (await client.receive())["t"] == 7
        for byte in masked(msgpack.packb(hello())):
            await client.stream.send_all(bytes([byte]))
        assert (await client.receive())["type"] == "welcome"


async def test_ping_is_answered_before_hello_and_after() -> None:
    world = World()
    async with world.running():
        client = await world.upgraded()
        await client.send(type="ping", t=5)
        assert await client.receive() == {"type": "pong", "t": 5, "serverTime": 1_000_000}
        await client.send(**hello())
        assert (await client.receive())["type"] == "welcome"
        await client.send(type="ping", t=6)
        assert (await client.receive())["t"] == 6
        await client.stream.send_all(masked(b"abc", PING))
        assert await client.frame() == (PONG, b"abc")


async def test_anything_else_before_hello_is_4303() -> None:
    world = World()
    async with world.running():
        client = await world.upgraded()
        await client.send(type="room.join", roomId="r", ref=1)
        frames, code = await client.ending()
    assert ([f["code"] for f in frames], code) == (["unauthenticated"], 4303)


async def test_without_hello_a_connection_ends_after_ten_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    async with world.running():
        client = await world.upgraded()
        began_at = trio.current_time()
        frames, code = await client.ending()
        assert trio.current_time() - began_at == pytest.approx(10, abs=0.1)
    assert ([f["type"] for f in frames], code) == (["error"], 4302)


async def test_a_session_that_never_answers_is_4004(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    world.system.behaviour = lambda address, envelope: None
    async with world.running():
        client = await world.upgraded()
        await client.send(**hello())
        assert await client.ending() == ([], 4004)


async def test_a_second_hello_is_a_bad_request_and_no_more() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        await client.send(**hello())
        error = await client.receive()
        assert (error["code"], "ref" in error) == ("bad_request", False)
        await client.send(type="ping", t=1)
        assert (await client.receive())["type"] == "pong"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (masked(b"hello", TEXT), 4300),
        (masked(b"\xc1junk"), 4300),
        (b"\x82\xff" + (65_537).to_bytes(8, "big") + b"mask", 4304),
        (b"\x82\x05hello", 1002),
        (masked(b"x", first=0xC2), 1002),
        (masked(b"\x03\xe8\xff\xfe", CLOSE), 1007),
    ],
    ids=["text", "no frame", "too long", "not masked", "reserved bit", "a reason that is no text"],
)
async def test_frames_that_are_none_close_with_their_code(data: bytes, code: int) -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        await client.stream.send_all(data)
        frames, closed = await client.ending()
    assert closed == code
    assert [f["type"] for f in frames] == (["error"] if code >= 4100 else [])


async def test_a_refused_frame_is_answered_with_its_ref_and_the_connection_lives() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        await client.send(type="room.join", ref=9)
        error = await client.receive()
        assert (error["code"], error["ref"]) == ("bad_request", 9)
        assert error["fields"][0]["field"] == "roomId"
        await client.send(type="room.leave", roomId="r", ref=10)
        assert await client.receive() == {"type": "ok", "ref": 10}


async def test_a_message_says_when_its_frame_was_read(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        await trio.sleep(5)
        await client.send(type="chat.message", roomId="r", content="x", clientId=UUID, ref=1)
        await client.send(type="room.join", roomId="r", ref=2)
        await client.receive()
        await client.receive()
        (_, said), (_, other) = world.system.envelopes[-2:]
        assert said.was_read_at() == pytest.approx(5, abs=0.1)
        await trio.sleep(5)
        assert said.was_read_at() == pytest.approx(5, abs=0.1)
        assert other.was_read_at() == trio.current_time()


async def test_frames_after_hello_wait_for_welcome_and_keep_their_order() -> None:
    world = World()
    async with world.running():
        client = await world.upgraded()
        await client.send(**hello())
        for number in range(50):
            await client.send(type="room.join", roomId=f"r{number}", ref=number)
        assert (await client.receive())["type"] == "welcome"
        assert [(await client.receive())["ref"] for _ in range(50)] == list(range(50))
    joined = [
        e.message.room_id for _, e in world.system.envelopes if isinstance(e.message, JoinRoom)
    ]
    assert joined == [f"r{number}" for number in range(50)]


async def test_what_is_held_has_a_bound_and_nothing_is_lost_past_it() -> None:
    world = World()
    hellos: list = []
    act = world.act
    world.system.behaviour = lambda address, envelope: hellos.append((address, envelope))
    async with world.running():
        client = await world.upgraded()
        await client.send(**hello())
        content = "x" * 8_000

        async def flood() -> None:
            for number in range(2_000):
                await client.send(
                    type="chat.message", roomId="r", clientId=UUID, content=content, ref=number
                )

        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood)
            while not hellos:
                await trio.lowlevel.checkpoint()
            connection = hellos[0][1].client
            for _ in range(200):
                await trio.lowlevel.checkpoint()
            assert connection._held_bytes < 4 * 65_536
            world.system.behaviour = act
            act(*hellos[0])
            assert (await client.receive())["type"] == "welcome"
            for number in range(2_000):
                assert (await client.receive())["ref"] == number


@pytest.mark.parametrize(
    ("refusal", "code", "word"),
    [
        (TokenExpired(), 4200, "unauthenticated"),
        (TokenRevoked(), 4201, "unauthenticated"),
        (Rejected("unauthenticated", "No."), 4303, "unauthenticated"),
        (Rejected("forbidden", "No."), 4303, "forbidden"),
        (Overloaded(), 4004, "overloaded"),
    ],
)
async def test_a_refused_hello_closes_with_the_code_that_says_what_to_do(
    refusal: Rejected, code: int, word: str
) -> None:
    world = World()
    world.system.behaviour = lambda address, envelope: envelope.answer(refusal)
    async with world.running():
        client = await world.upgraded()
        await client.send(**hello())
        frames, closed = await client.ending()
    assert ([f["code"] for f in frames], closed) == ([word], code)


async def test_every_wrong_field_is_told_its_own_bound() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        wrong = {"roomId": "r" * 65, "before": -1, "limit": 201}
        await client.send(type="chat.history", ref=1, **wrong)
        error = await client.receive()
    assert error["message"] == "Write at most 64 characters."
    assert {one["field"]: one["message"] for one in error["fields"]} == {
        "roomId": "Write at most 64 characters.",
        "before": "The number must be at least 0.",
        "limit": "The number must be at most 200.",
    }


async def test_commands_reach_the_actor_they_are_for() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        await client.send(type="room.join", roomId="r", ref=1)
        await client.send(type="room.create", kind="group", clientId=UUID, ref=2)
        await client.send(type="auth.refresh", token="t", ref=3)
        await client.send(type="room.persona", roomId="r", personaId="p", active=True, ref=4)
        await client.send(type="persona.switch", personaId="p", ref=5)
        await client.send(type="persona.cancel", runId="r", ref=6)
        await client.send(type="card.opened", messageId="m", cardId="c", ref=7)
        await client.send(type="persona.feedback", messageId="m", value=1, ref=8)
        for ref in range(1, 9):
            assert (await client.receive())["ref"] == ref
    assert [address for address, _ in world.system.envelopes] == [
        Address("session", "fresh-1"),
        Address("room", "r"),
        Address("user", "ada"),
        Address("session", "fresh-1"),
        Address("room", "r"),
        *[Address("session", "fresh-1")] * 4,
    ]
    assert world.system.envelopes[0][1].principal is None


async def test_typing_may_be_overtaken_unless_an_answer_is_asked_for() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        await client.send(type="typing.indicator", roomId="r", active=True)
        await client.send(type="typing.indicator", roomId="r", active=True, ref=1)
        assert (await client.receive())["ref"] == 1
    silent, asked = (envelope for _, envelope in world.system.envelopes[-2:])
    assert silent.lane.name == "EPHEMERAL"
    assert "ada" in silent.key
    assert asked.lane.name == "NORMAL"


async def test_a_resumed_session_is_asked_under_its_own_name() -> None:
    world = World()
    async with world.running():
        client = await world.upgraded()
        await client.send(**hello(resume={"sessionId": "old", "rooms": {}}))
        assert (await client.receive())["sessionId"] == "old"


async def test_success_without_ref_is_silent_and_failure_is_not() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        await client.send(type="room.leave", roomId="r")
        await trio.testing.wait_all_tasks_blocked()
        world.system.refusal = Overloaded()
        await client.send(type="room.leave", roomId="r")
        error = await client.receive()
        assert (error["code"], "ref" in error) == ("overloaded", False)
        assert error["retryAfterMs"] == 500


async def test_ok_comes_before_the_event_of_the_same_seq() -> None:
    world = World()
    async with world.running():
        sender = await world.welcomed("ada", "r")
        other = await world.welcomed("bob", "r")
        for number in range(1, 5):
            await sender.send(
                type="chat.message", roomId="r", clientId=UUID, content=str(number), ref=number
            )
        got = [await sender.receive() for _ in range(8)]
        for seq in range(1, 5):
            ok = next(i for i, f in enumerate(got) if f["type"] == "ok" and f["seq"] == seq)
            event_at = next(i for i, f in enumerate(got) if f.get("n") == seq)
            assert ok < event_at
        assert [(await other.receive())["n"] for _ in range(4)] == [1, 2, 3, 4]


async def test_the_server_pings_after_silence_and_leaves_after_twice_that(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        began_at = trio.current_time()
        assert (await client.receive())["type"] == "ping"
        assert trio.current_time() - began_at == pytest.approx(25, abs=0.1)
        await client.stream.send_all(masked(b"", PONG))
        assert await client.frame()
        assert trio.current_time() - began_at == pytest.approx(50, abs=0.1)
        assert await client.ending() == ([], 4003)
        assert trio.current_time() - began_at == pytest.approx(75, abs=0.1)


async def test_a_server_that_looks_late_asks_before_it_leaves(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """With thousands due together it may be a minute late; a client that nobody asked is not gone."""
    world = World()
    async with world.running() as server:
        client = await world.welcomed()
        [connection] = server.connections
        late = connection.heard_at + 60
        assert connection.enforce(late) == late + 25
        assert (await client.receive())["type"] == "ping"
        assert connection.is_open
        connection.enforce(late + 25)
        assert await client.ending() == ([], 4003)


async def test_a_connection_ends_a_minute_after_its_token_unless_renewed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    world.expires_at = world.clock.now + 1_000
    async with world.running():
        renewed = await world.welcomed("ada")
        client = await world.welcomed("bob")
        connection = world.system.envelopes[0][1].client
        connection.renewed(principal_of("ada"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beat, world, client)
            nursery.start_soon(beat, world, renewed)
            frames, code = await client.ending()
            assert trio.current_time() == pytest.approx(61, abs=6)
            assert connection.is_open
            nursery.cancel_scope.cancel()
    assert code == 4200
    assert frames[-1]["code"] == "unauthenticated"


async def beat(world: World, client) -> None:
    """Stay alive; the wall clock goes with trio's."""
    start = world.clock.now
    began_at = trio.current_time()
    while True:
        await trio.sleep(5)
        world.clock.now = start + int((trio.current_time() - began_at) * 1_000)
        try:
            await client.stream.send_all(masked(b"", PONG))
        except trio.BrokenResourceError:
            return


async def test_too_many_commands_are_refused_with_the_time_to_wait() -> None:
    # So slow a rate that seven come within one step of it, however busy the machine.
    world = World(policy=Policy(command_rate=Rate(0.01, 5)))
    async with world.running():
        client = await world.welcomed()
        for ref in range(7):
            await client.send(type="room.leave", roomId="r", ref=ref)
        answers = {f["ref"]: f for f in [await client.receive() for _ in range(7)]}
    assert [answers[ref]["type"] for ref in range(6)] == ["ok"] * 5 + ["error"]
    assert answers[5]["code"] == "rate_limited"
    assert 90_000 < answers[5]["retryAfterMs"] <= 100_001


async def test_a_thousand_refusals_are_abuse() -> None:
    world = World(policy=Policy(command_rate=Rate(50, 200)))
    async with world.running():
        client = await world.welcomed()
        for _ in range(1_000):
            await client.send(type="no.such.command")
        frames, code = await client.ending()
    assert code == 4305
    assert frames[-1]["code"] == "rate_limited"
    assert len(frames) == 1_001


async def test_presence_away_is_answered_and_tells_the_rooms() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed("ada", "r")
        assert world.fanout.audience("room:r").user_ids == ("ada",)
        world.audiences.clear()
        await client.send(type="presence.set", status="away", ref=2)
        assert await client.receive() == {"type": "ok", "ref": 2}
        assert world.audiences == ["room:r"]
        assert world.fanout.audience("room:r").count == 0


async def test_the_close_handshake_is_echoed() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed("ada", "r")
        await client.stream.send_all(masked((4999).to_bytes(2, "big") + b"bye", CLOSE))
        assert await client.frame() == (CLOSE, (4999).to_bytes(2, "big") + b"bye")
        with pytest.raises(Gone):
            await client.frame()
        assert world.fanout.audience("room:r").count == 0
        assert [c.session_id for c in world.ended] == ["fresh-1"]


async def test_the_close_code_survives_a_client_that_has_sent_more() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        await client.stream.send_all(masked(b"hello", TEXT) + b"\x82\xff" * 200_000)
        _, code = await client.ending()
    assert code == 4300


async def test_a_client_that_never_answers_the_close_is_let_go(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    async with world.running() as server:
        client = await world.welcomed()
        world.fanout.close_topic("user:ada", CloseCode.TOKEN_REVOKED)
        frames, code = await client.ending()
        assert (frames[0]["code"], code) == ("unauthenticated", 4201)
        assert len(world.ended) == 1
        await trio.sleep(3.5)
        assert server.statistics()["connections"] == 0


async def test_draining_says_so_first_and_then_closes_everybody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    world = World()
    async with world.running() as server:
        clients = [await world.welcomed(f"u{n}") for n in range(5)]
        async with trio.open_nursery() as nursery:

            async def leave(client) -> None:
                frames, code = await client.ending()
                await client.stream.aclose()
                assert (frames[0]["type"], frames[0]["jitterMs"]) == ("session.draining", 100)
                assert code == 4001

            for client in clients:
                nursery.start_soon(leave, client)
            await server.drain(reconnect_after_ms=50, jitter_ms=100, within=2.0)
        assert server.statistics()["connections"] == 0
        with pytest.raises(OSError):
            await trio.open_tcp_stream("127.0.0.1", world.port)


async def test_a_fault_in_routing_ends_one_connection_and_not_the_server() -> None:
    world = World()
    async with world.running() as server:
        victim = await world.welcomed("ada")
        other = await world.welcomed("bob", "r")
        world.system.refusal = RuntimeError("a bug")
        await victim.send(type="room.leave", roomId="r", ref=1)
        assert await victim.ending() == ([], 4000)
        world.system.refusal = None
        world.publish("room:r", n=1)
        assert (await other.receive())["n"] == 1
        assert server.statistics()["crashed"] == 1
        assert await world.welcomed("eve")


def test_every_announced_code_has_its_words() -> None:
    from gateways.client.errors import FAREWELLS

    assert set(FAREWELLS) == {code for code in CloseCode if code.is_announced}


def test_the_rate_lets_a_burst_pass_and_then_its_pace() -> None:
    from gateways.client.rate import CommandRate, RefusalCount

    rate = CommandRate(Rate(50, 3))
    assert [rate.take(100.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert rate.take(100.0) == pytest.approx(0.02)
    assert rate.take(100.02) == 0.0
    refusals = RefusalCount(2, 10.0)
    assert [refusals.is_abuse(at) for at in (0.0, 10.0, 10.1)] == [False, False, True]


def test_events_are_maps() -> None:
    assert msgpack.unpackb(event(n=1)) == {"type": "test.event", "n": 1}
