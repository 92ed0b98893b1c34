"""The session against the tiny server, on virtual time."""

import random
from collections import Counter
from contextlib import asynccontextmanager

import pytest
import trio
from tiny_server import Faults, TinyServer

from loadtest.client import Refused, Session, SessionStopped, open_session
from loadtest.pending import MAX_PENDING
from loadtest.uuid7 import Uuid7


class Login:
    """Credentials without HTTP."""

    def __init__(self, server: TinyServer, handle: str) -> None:
        world = server.world
        self._world = world
        self.user = world.by_handle(handle) or world.add_user(handle)
        self.access = ""
        self.renewals: list[str | None] = []
        self.expires_at = -1.0

    @property
    def lives_for(self) -> float:
        return self.expires_at - trio.current_time()

    async def token(self, *, stale: str | None = None) -> str:
        if not self.access or self.access == stale or self.lives_for < 60:
            self.renewals.append(stale)
            self.access = self._world.grant(self.user)["accessToken"]
            self.expires_at = trio.current_time() + 900
        return self.access


def a_session(server: TinyServer, handle: str = "ada", seed: int = 1, **more) -> Session:
    more.setdefault("credentials", Login(server, handle))
    return Session(dial=server.dial, rng=random.Random(seed), **more)


@asynccontextmanager
async def connected(session: Session):
    async with open_session(session):
        await session.wait_connected()
        yield session


async def next_event(session: Session, kind: str) -> dict:
    with trio.fail_after(120):
        while True:
            event = await session.events.receive()
            if event["type"] == kind:
                return event


async def a_room(session: Session, title: str = "lisbon", **more) -> str:
    made = await session.ask(
        "room.create", kind="group", title=title, clientId=session.new_id(), **more
    )
    return made["room"]["id"]


async def test_what_is_sent_is_answered_and_received_by_its_sender_too(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)) as ada:
        room = await a_room(ada)
        ok = await ada.send(room, "hello")
        event = await next_event(ada, "chat.message")
        assert (event["seq"], event["content"]) == (ok["seq"], "hello")


async def test_a_refusal_carries_the_code_and_the_sentence(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)) as ada:
        with pytest.raises(Refused, match="no such room") as refusal:
            await ada.join("nowhere")
        assert refusal.value.code == "not_found"
        assert not refusal.value.is_temporary


async def test_an_answer_that_does_not_come_ends_with_its_deadline(autojump_clock):
    server = TinyServer(faults=Faults(answers=False))
    async with connected(a_session(server)) as ada:
        with pytest.raises(trio.TooSlowError):
            await ada.ask("presence.set", status="away", within=3)
        assert ada.statistics()["pending"] == 0


async def test_the_first_beat_comes_at_a_random_part_of_the_interval(autojump_clock):
    server = TinyServer()
    rng = random.Random(5)
    expected = 25 * random.Random(5).random()
    session = Session(
        dial=server.dial, credentials=Login(server, "ada"), rng=rng, new_id=Uuid7(random.Random())
    )
    async with connected(session):
        await trio.sleep(expected - 0.1)
        assert not any(frame["type"] == "ping" for frame in server.received)
        await trio.sleep(0.2)
        assert any(frame["type"] == "ping" for frame in server.received)


async def test_a_ping_of_the_server_is_answered(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)):
        server.peers[0].send({"type": "ping", "t": 7})
        await trio.sleep(0.1)
        assert {"type": "pong", "t": 7} in server.received


async def test_a_silent_server_is_left_after_two_heartbeats_and_resumed(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)) as ada:
        server.faults.is_silent = True
        gone = await next_event(ada, "local.disconnected")
        assert gone["reason"] == "the server fell silent"
        assert 50 <= trio.current_time() <= 100
        server.faults.is_silent = False
        await ada.wait_connected()
        assert server.hellos[-1]["resume"]["sessionId"] == ada.id


async def test_a_cut_resumes_every_room_from_where_it_was(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)) as ada, connected(a_session(server, "bob", 2)) as bob:
        room = await a_room(ada, members=[bob.user["id"]])
        await bob.join(room)
        await ada.send(room, "before")
        await next_event(bob, "chat.message")
        server.faults.refuse_connections = True
        await server.cut(next(p for p in server.peers if p.user.handle == "bob"))
        await ada.send(room, "while away")
        server.faults.refuse_connections = False
        assert (await next_event(bob, "chat.message"))["content"] == "while away"
        await ada.send(room, "after")
        assert (await next_event(bob, "chat.message"))["content"] == "after"


async def test_another_epoch_is_a_reset_and_the_room_is_joined_anew(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)) as ada:
        room = await a_room(ada)
        server.world.rooms[room].epoch = "e2"
        await server.close_all(4000, "restarting")
        assert (await next_event(ada, "local.room_reset"))["room"]["id"] == room
        await ada.send(room, "still here")
        assert (await next_event(ada, "chat.message"))["content"] == "still here"


async def test_who_waits_for_the_first_welcome_has_it_though_the_first_socket_found_nobody(
    autojump_clock,
):
    server = TinyServer(faults=Faults(refuse_connections=True))
    async with open_session(a_session(server)) as ada, trio.open_nursery() as nursery:
        nursery.start_soon(ada.wait_connected)
        await next_event(ada, "local.disconnected")
        server.faults.refuse_connections = False
        with trio.fail_after(60):
            await next_event(ada, "local.connected")
            await trio.sleep(1)
            assert not nursery.child_tasks


async def test_a_session_with_as_many_commands_as_may_wait_joins_its_rooms_all_the_same(
    autojump_clock,
):
    server = TinyServer()
    async with connected(a_session(server)) as ada:
        room = await a_room(ada)
        server.faults.answers = False
        for _ in range(MAX_PENDING):
            ada.ask_nowait("presence.set", lambda _: None, status="away")
        server.world.sessions.clear()
        await server.close_all(1001, "going away")
        assert not (await next_event(ada, "local.connected"))["resumed"]
        await trio.sleep(1)
        assert ada.is_connected
        joins = [frame for frame in server.received if frame["type"] == "room.join"]
        assert [frame["roomId"] for frame in joins] == [room]


async def test_a_room_that_is_gone_is_said_to_be_gone(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)) as ada:
        room = await a_room(ada)
        del server.world.rooms[room]
        await server.close_all(4000, "restarting")
        assert (await next_event(ada, "local.room_gone"))["roomId"] == room


async def test_a_forgotten_session_joins_its_rooms_by_position(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)) as ada:
        room = await a_room(ada)
        server.world.sessions.clear()
        server.world.rooms[room].append(
            "chat.message", messageId="m", sender={}, content="missed", clientId="c"
        )
        await server.close_all(1001, "going away")
        assert (await next_event(ada, "chat.message"))["content"] == "missed"


async def test_a_join_of_its_own_that_is_refused_for_now_is_tried_again(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)) as ada:
        room = await a_room(ada)
        server.world.sessions.clear()
        server.faults.refuse_joins = 3
        server.world.rooms[room].append(
            "chat.message", messageId="m", sender={}, content="missed", clientId="c"
        )
        await server.close_all(1001, "going away")
        assert (await next_event(ada, "chat.message"))["content"] == "missed"


async def test_a_jump_in_seq_heals_by_joining_again_after_what_was_seen(autojump_clock):
    server = TinyServer(faults=Faults(drop_every=3))
    async with connected(a_session(server)) as ada:
        room = await a_room(ada)
        for n in range(7):
            await ada.send(room, str(n))
        heard = [(await next_event(ada, "chat.message"))["content"] for _ in range(7)]
        assert heard == [str(n) for n in range(7)]


async def test_a_hole_that_no_join_can_close_is_not_hammered_at(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)) as ada:
        room = await a_room(ada)
        await ada.send(room, "before")
        log = server.world.rooms[room].log
        log.append({**log[-1], "seq": log[-1]["seq"] + 2})
        server.publish(log[-1])
        await trio.sleep(60)
        joins = [frame for frame in server.received if frame["type"] == "room.join"]
        assert 3 <= len(joins) <= 12


async def test_three_failed_resumes_lead_to_a_hello_without_resume(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)) as ada:
        server.faults.cut_at_hello = 3
        await server.close_all(1001)
        await next_event(ada, "local.connected")
        await next_event(ada, "local.connected")
        assert ["resume" in hello for hello in server.hellos] == [False, True, True, True, False]


@pytest.mark.parametrize("code", [4100, 4101])
async def test_a_replaced_or_expired_session_returns_only_when_the_user_acts(
    autojump_clock, code: int
):
    server = TinyServer()
    async with connected(a_session(server)) as ada:
        await server.close_all(code, "replaced")
        assert (await next_event(ada, "local.waiting"))["reason"] == "replaced"
        await trio.sleep(3600)
        assert len(server.hellos) == 1
        ada.act()
        await ada.wait_connected()
        assert "resume" not in server.hellos[-1]


async def test_an_expired_token_is_renewed_before_the_next_hello(autojump_clock):
    server = TinyServer()
    login = Login(server, "ada")
    async with connected(a_session(server, credentials=login)) as ada:
        spent = login.access
        await server.close_all(4200, "token_expired")
        await next_event(ada, "local.disconnected")
        await ada.wait_connected()
        assert login.renewals == [None, spent]
        assert server.hellos[-1]["token"] != spent
        assert "resume" in server.hellos[-1]


async def test_a_fault_of_ours_stops_the_session_with_the_servers_sentence(autojump_clock):
    server = TinyServer(faults=Faults(close_at_hello=[4303]))
    session = a_session(server)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        assert (await next_event(session, "local.stopped"))["reason"] == "Because of 4303."
    with pytest.raises(SessionStopped, match="4303"):
        await session.send("room", "anything")


async def test_draining_decides_when_to_come_back(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)) as ada:
        server.peers[0].send(
            {"type": "session.draining", "reconnectAfterMs": 7_000, "jitterMs": 1_000}
        )
        await next_event(ada, "session.draining")
        await server.close_all(4001, "draining")
        assert 7 <= (await next_event(ada, "local.disconnected"))["retryAfter"] <= 8


async def test_the_token_is_renewed_in_place_before_it_expires(autojump_clock):
    server = TinyServer()
    login = Login(server, "ada")
    async with connected(a_session(server, credentials=login)):
        for _ in range(30):
            await trio.sleep(60)
        renewals = [f for f in server.received if f["type"] == "auth.refresh"]
        assert len(renewals) >= 2
        assert renewals[-1]["token"] == login.access
        assert len(server.hellos) == 1


async def test_missed_invitations_come_with_the_resume(autojump_clock):
    server = TinyServer()
    async with connected(a_session(server)) as ada, connected(a_session(server, "bob", 2)) as bob:
        server.faults.refuse_connections = True
        await server.cut(next(p for p in server.peers if p.user.handle == "bob"))
        room = await a_room(ada, members=[bob.user["id"]])
        server.faults.refuse_connections = False
        assert (await next_event(bob, "room.invited"))["room"]["id"] == room


async def test_the_tap_sees_duplicates_that_the_session_hides(autojump_clock):
    server = TinyServer(faults=Faults(duplicate_every=2))
    raw: Counter[str] = Counter()
    tap = lambda frame, at: raw.update([frame.get("content")])  # noqa: E731
    async with connected(a_session(server, on_raw=tap)) as ada:
        room = await a_room(ada)
        for text in ("one", "two", "three"):
            await ada.send(room, text)
        heard = [(await next_event(ada, "chat.message"))["content"] for _ in range(3)]
        assert heard == ["one", "two", "three"]
        assert (raw["one"], raw["two"]) == (1, 2)


@pytest.mark.parametrize("seed", range(12))
async def test_random_cuts_lose_nothing_and_double_nothing(autojump_clock, seed: int):
    """Two people talk through a server that cuts sockets before and after commands took effect."""
    rng = random.Random(seed)
    server = TinyServer(faults=Faults(cut_every=rng.randint(4, 11)))
    heard: dict[str, list[str]] = {"ada": [], "bob": []}

    def listener(who: str):
        def on_event(event: dict) -> None:
            if event["type"] == "chat.message":
                heard[who].append(event["content"])

        return on_event

    ada = a_session(server, "ada", seed, on_event=listener("ada"))
    bob = a_session(server, "bob", seed + 100, on_event=listener("bob"))
    async with open_session(ada), open_session(bob):
        await bob.wait_connected()
        room = await a_room(ada, members=[bob.user["id"]], within=None)
        await bob.join(room, within=None)
        async with trio.open_nursery() as talk:
            for n in range(30):
                speaker = rng.choice((ada, bob))
                talk.start_soon(speaker.send, room, f"line {n}")
                await trio.sleep(rng.uniform(0, 0.6))
        server.faults.cut_every = 0
        await trio.sleep(90)
    expected = [e["content"] for e in server.world.rooms[room].log if e["type"] == "chat.message"]
    assert sorted(expected) == sorted(f"line {n}" for n in range(30))
    assert heard["ada"] == expected
    assert heard["bob"] == expected
